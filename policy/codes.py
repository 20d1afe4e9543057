"""Reason codes: stable numbers, what they mean for the person who asked, and what to do next.

A number never changes its meaning and is never used again. The hundreds group them: 1 likeness, 2 harm,
3 likeness and harm together, 4 noted but allowed, 9 the filter itself. Reasons never echo a request.
"""

from dataclasses import dataclass
from enum import IntEnum, unique


@unique
class Code(IntEnum):
    """Why a request was decided as it was."""

    PUBLIC_FIGURE = 101
    DEAD_PUBLIC_FIGURE = 102
    PRIVATE_PERSON = 103
    PRIVATE_PERSON_WITH_REFERENCE = 104
    LOOKALIKE = 105
    HANDLE = 106
    PERSON_ADAPTER = 107
    OFFICE_HOLDER = 108
    VOICE = 109
    REFERENCE_NEEDS_CONSENT = 110
    CONSENT_NOT_ACCEPTED = 111
    CONSENT_MALFORMED = 120
    CONSENT_NOT_OURS = 121
    CONSENT_NOT_YET_VALID = 122
    CONSENT_EXPIRED = 123
    CONSENT_EXHAUSTED = 124
    CONSENT_REVOKED = 125
    CONSENT_OTHER_SUBJECT = 126
    CONSENT_OTHER_CALLER = 127
    CONSENT_OTHER_PURPOSE = 128
    REFERENCE_FACE = 130
    REFERENCE_UNREADABLE = 131
    REFERENCE_CAMERA_ORIGIN = 132
    OUTPUT_FACE = 140
    REVIEW_REJECTED = 141

    SEXUAL = 201
    MINORS_SEXUAL = 202
    GRAPHIC_VIOLENCE = 203
    HATE = 204
    SELF_HARM = 205
    SCAM = 206
    POLITICAL_DECEPTION = 207

    LIKENESS_SEXUAL = 301
    LIKENESS_MINORS = 302
    LIKENESS_VIOLENCE = 303
    LIKENESS_DECEPTION = 304

    HISTORICAL_FIGURE = 401
    ARTIST_STYLE = 402
    FICTIONAL_CHARACTER = 403
    ARTWORK_OF_PERSON = 404
    PLACE_OR_WORK_NAMED_AFTER_PERSON = 405
    CONSENT_GIVEN = 410
    REVIEW_APPROVED = 411

    FILTER_FAILED = 900
    INPUT_NOT_READABLE = 901
    LOG_UNAVAILABLE = 910


@dataclass(frozen=True)
class Meaning:
    """A code's category, its sentence for the person who asked, and the way on."""

    category: str
    reason: str
    hint: str


_CONSENT = "describe an invented person instead, or add the person's consent token"
_INVENT = "describe an invented person instead"

MEANINGS: dict[Code, Meaning] = {
    Code.PUBLIC_FIGURE: Meaning("likeness", "The request asks for the likeness of a public figure.", _CONSENT),
    Code.DEAD_PUBLIC_FIGURE: Meaning(
        "likeness",
        "The request asks for the likeness of a public figure who died less than 100 years ago.",
        _INVENT,
    ),
    Code.PRIVATE_PERSON: Meaning(
        "likeness", "The request seems to name a private person, so a person has to look at it first.", _CONSENT
    ),
    Code.PRIVATE_PERSON_WITH_REFERENCE: Meaning(
        "likeness",
        "The request seems to name a private person and asks for a lifelike picture or brings a reference.",
        _CONSENT,
    ),
    Code.LOOKALIKE: Meaning(
        "likeness", "The request asks for someone who looks like a particular real person.", _INVENT
    ),
    Code.HANDLE: Meaning("likeness", "The request refers to a person by an account name.", _INVENT),
    Code.PERSON_ADAPTER: Meaning(
        "likeness",
        "The request loads a model add-on that seems to carry a person's likeness.",
        "leave the add-on out",
    ),
    Code.OFFICE_HOLDER: Meaning(
        "likeness",
        "The request describes a real office holder without a name.",
        "describe an invented office holder",
    ),
    Code.VOICE: Meaning("likeness", "The request asks for a particular person's voice.", "use an invented voice"),
    Code.REFERENCE_NEEDS_CONSENT: Meaning(
        "likeness", "The request combines a reference with a person's likeness.", _CONSENT
    ),
    Code.CONSENT_NOT_ACCEPTED: Meaning(
        "likeness", "The consent token that came with the request could not be accepted.", "ask for a new token"
    ),
    Code.CONSENT_MALFORMED: Meaning(
        "consent",
        "The consent token can't be read.",
        "pass the whole token as `reelproof consent grant` printed it",
    ),
    Code.CONSENT_NOT_OURS: Meaning(
        "consent",
        "The consent token was not signed here, or it was changed.",
        "ask for a token of this installation",
    ),
    Code.CONSENT_NOT_YET_VALID: Meaning(
        "consent",
        "The consent token is not valid yet.",
        "wait for its first day; `reelproof consent show` tells it",
    ),
    Code.CONSENT_EXPIRED: Meaning("consent", "The consent token has expired.", "ask the person for a new token"),
    Code.CONSENT_EXHAUSTED: Meaning(
        "consent", "The consent token was used as often as it allows.", "ask the person for a new token"
    ),
    Code.CONSENT_REVOKED: Meaning(
        "consent", "The person took this consent back.", "nothing more may be made with this token"
    ),
    Code.CONSENT_OTHER_SUBJECT: Meaning(
        "consent",
        "The request shows somebody whom the consent token does not cover.",
        "name only the person of the token, spelled as in the token",
    ),
    Code.CONSENT_OTHER_CALLER: Meaning(
        "consent",
        "The consent token may be used by somebody else only.",
        "ask the person for a token that names you",
    ),
    Code.CONSENT_OTHER_PURPOSE: Meaning(
        "consent",
        "The consent token does not cover this purpose.",
        "state a purpose that the token names, or ask for another token",
    ),
    Code.REFERENCE_FACE: Meaning(
        "likeness",
        "The reference seems to show a human face, and no consent token came with it.",
        "use a reference without people, or add the person's consent token",
    ),
    Code.REFERENCE_UNREADABLE: Meaning(
        "likeness",
        "The reference can't be looked at, so it can't be used.",
        "send a PNG, JPEG or WebP picture or a common video file",
    ),
    Code.REFERENCE_CAMERA_ORIGIN: Meaning(
        "likeness",
        "The reference video says that a camera took it, and no consent token came with it.",
        "add the consent token of the person it shows, or use a generated reference",
    ),
    Code.OUTPUT_FACE: Meaning(
        "likeness",
        "The finished frames seem to show a face nobody asked for, so a person has to look at them first.",
        "wait for the review, or describe a scene without people",
    ),
    Code.REVIEW_REJECTED: Meaning(
        "review", "A person looked at the request and turned it down.", "describe an invented person instead"
    ),
    Code.SEXUAL: Meaning("sexual", "The request asks for sexual content.", "remove the sexual content"),
    Code.MINORS_SEXUAL: Meaning(
        "minors", "The request combines children or young people with sexual content.", "this is never allowed"
    ),
    Code.GRAPHIC_VIOLENCE: Meaning(
        "violence", "The request asks for graphic violence.", "describe the scene without gore"
    ),
    Code.HATE: Meaning("hate", "The request attacks people for who they are.", "remove the attack"),
    Code.SELF_HARM: Meaning(
        "self_harm",
        "The request shows or encourages self-harm.",
        "if this is about you: please talk to someone you trust, or to a local helpline",
    ),
    Code.SCAM: Meaning(
        "deception", "The request asks for material to deceive or defraud people.", "remove the deception"
    ),
    Code.POLITICAL_DECEPTION: Meaning(
        "political", "The request asks for invented political news or messages.", "label the scene as fiction"
    ),
    Code.LIKENESS_SEXUAL: Meaning(
        "sexual", "The request combines a real person's likeness with sexual content.", "this is never allowed"
    ),
    Code.LIKENESS_MINORS: Meaning(
        "minors", "The request combines a real person's likeness with a child.", "this is never allowed"
    ),
    Code.LIKENESS_VIOLENCE: Meaning(
        "violence", "The request combines a real person's likeness with violence.", _INVENT
    ),
    Code.LIKENESS_DECEPTION: Meaning(
        "deception", "The request uses a real person's likeness to deceive others.", "this is never allowed"
    ),
    Code.HISTORICAL_FIGURE: Meaning(
        "label", "Shows a person who died more than 100 years ago; the clip is labelled.", "nothing to do"
    ),
    Code.ARTIST_STYLE: Meaning("label", "Follows an artist's style without showing the artist.", "nothing to do"),
    Code.FICTIONAL_CHARACTER: Meaning("label", "Shows a fictional character.", "nothing to do"),
    Code.ARTWORK_OF_PERSON: Meaning("label", "Shows a statue or picture, not the person.", "nothing to do"),
    Code.PLACE_OR_WORK_NAMED_AFTER_PERSON: Meaning(
        "label", "Names a place, brand or work that carries a person's name.", "nothing to do"
    ),
    Code.CONSENT_GIVEN: Meaning(
        "label", "Shows a person who consented; the token stands in the log.", "nothing to do"
    ),
    Code.REVIEW_APPROVED: Meaning("label", "A person looked at the request and allowed it.", "nothing to do"),
    Code.FILTER_FAILED: Meaning(
        "system", "The policy filter could not decide, so the answer is no.", "try again; then tell the operator"
    ),
    Code.INPUT_NOT_READABLE: Meaning(
        "system", "The request's text is too long or not readable.", "shorten it to plain text"
    ),
    Code.LOG_UNAVAILABLE: Meaning(
        "system", "The decision could not be written to the log, so nothing is made.", "tell the operator"
    ),
}


def meaning(code: int) -> Meaning:
    """What a code says. Raises `ValueError` for a number that is no code."""
    return MEANINGS[Code(code)]
