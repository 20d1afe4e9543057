"""Rules of the filter: who is meant, in which disguise, and what is left alone."""

import base64
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import UsageError
from policy.codes import MEANINGS, Code
from policy.decision import Decision, Outcome, PolicyInput
from policy.filter import MAX_REQUEST_CHARS, PolicyFilter

Decide = Callable[..., Decision]

LIVING = ["Taylor Swift", "Donald Trump", "Keanu Reeves", "Lionel Messi", "Narendra Modi", "Zendaya", "Xi Jinping"]


@pytest.mark.parametrize("name", LIVING)
@pytest.mark.parametrize("prompt", ["{} walking on a beach", "a cartoon of {} as a knight", "not {}, dancing"])
def test_a_living_public_figure_is_refused(decide: Decide, name: str, prompt: str) -> None:
    """Named plainly, in a cartoon or in a negation, cased or not: refused with code 101."""
    for text in (prompt.format(name), prompt.format(name).lower()):
        decision = decide(text)
        assert decision.outcome is Outcome.REFUSE
        assert int(Code.PUBLIC_FIGURE) in decision.codes


DISGUISES = [
    ("T a y l o r   S w i f t sings", "spaced-letters"),
    ("T\u0430yl\u043er Sw\u0456ft sings", "confusables"),
    ("t4yl0r sw1ft sings", "leet"),
    ("Tay\u200blor Sw\u00adift sings", "plain"),
    ("\uff34aylor \uff33wift sings", "plain"),
    ("T\u0301\u0323aylor S\u0301wift sings", "plain"),
    ("taylorswift sings", "plain"),
    ("#TaylorSwift sings", "plain"),
    ("@taylorswift13 sings", "plain"),
    ("<lora:taylorswift_v2:0.8> sings", "plain"),
    ("tay lorsw ift sings", "plain"),
    ("Taylro Swfit sings", "plain"),
    ("Tayyylor Swiiift sings", "long-runs"),
    (base64.b64encode(b"a clip of Taylor Swift").decode(), "base64"),
    (base64.b64encode(base64.b64encode(b"a clip of Taylor Swift")).decode(), "base64+base64"),
    (b"Taylor Swift sings".hex(), "hex"),
    ("%54aylor%20Swift sings", "percent"),
    ("Taylor&nbsp;Swif&#116; sings", "entities"),
    ("\\u0054aylor Swift sings", "escapes"),
    ("Gnlybe Fjvsg", "rot13"),
    ("tfiwS rolyaT", "reversed"),
    ("rolyaT tfiwS sings", "reversed-words"),
    ("sings" + "".join(chr(0xE0000 + ord(c)) for c in "Taylor Swift"), "tag-characters"),
    ("- .- -.-- .-.. --- .-. / ... .-- .. ..-. -", "morse"),
    ("aylorTay iftSway sings", "pig-latin"),
]


@pytest.mark.parametrize(("prompt", "view"), DISGUISES)
def test_a_disguised_name_is_found_and_the_view_is_on_record(decide: Decide, prompt: str, view: str) -> None:
    """Each disguise is refused, and the decision names the view that saw through it."""
    decision = decide(prompt)
    assert decision.outcome is Outcome.REFUSE
    assert view in decision.views


@pytest.mark.parametrize(
    "prompt",
    [
        "Илон Маск танцует",
        "видео с Дональдом Трампом",
        "泰勒·斯威夫特在唱歌",
        "イーロン・マスクが走る",
        "트럼프가 피자를 먹는다",
        "نرى ليونيل ميسي",
        "नरेंद्र मोदी नाचते हुए",
    ],
)
def test_native_scripts_are_read(decide: Decide, prompt: str) -> None:
    """A well-known name in its own script, inflected or without spaces, is found."""
    assert decide(prompt).outcome is Outcome.REFUSE


@pytest.mark.parametrize(
    "prompt",
    [
        "a bird house in an apple tree",
        "a trump card on the table",
        "musk ox in the snow",
        "a swift flying over water",
        "Emma bakes bread",
        "a dog named Charlie Brown",
        "the camera pans over Santa Monica",
        "New York street, Art Deco, Unreal Engine",
        "a baby elephant and a naked mole rat",
        "the president of the chess club",
        "a robin on a mark, will it rain?",
        "an interview with a talking dragon",
    ],
)
def test_everyday_prompts_pass(decide: Decide, prompt: str) -> None:
    """Words that happen to be names, first names alone, places, fiction and animals are allowed."""
    assert decide(prompt).outcome is Outcome.ALLOW


def test_names_split_over_fields_are_found(policy_filter: PolicyFilter) -> None:
    """A name that begins in one field and ends in another is still a name."""
    request = PolicyInput({"prompt": "a concert with Taylor", "style": "Swift, stage lights"})
    assert policy_filter.decide(request).outcome is Outcome.REFUSE


@pytest.mark.parametrize("field", ["prompt", "negative_prompt", "file_name", "shots"])
def test_every_field_is_read(policy_filter: PolicyFilter, field: str) -> None:
    """A name is found wherever it stands."""
    request = PolicyInput({"prompt": "a street", field: "elon_musk.png"})
    assert policy_filter.decide(request).outcome is Outcome.REFUSE


@pytest.mark.parametrize(
    "prompt", ["Jessica Turner walking", "Kim Min-jun laughing", "Lucía Mendoza at the market"]
)
def test_a_private_name_is_held_for_review(decide: Decide, prompt: str) -> None:
    """An unlisted full name goes to a person; with a reference or lifelike wording it is refused."""
    assert decide(prompt).codes == (int(Code.PRIVATE_PERSON),)
    assert decide(prompt, reference_kinds=("image",)).codes == (int(Code.PRIVATE_PERSON_WITH_REFERENCE),)
    assert decide(f"{prompt}, photorealistic").outcome is Outcome.REFUSE


def test_a_surname_alone_belongs_to_the_person_it_stands_with(decide: Decide) -> None:
    """A private person who shares a famous surname is treated as a private person."""
    assert decide("Jessica Altman reading a book").codes == (int(Code.PRIVATE_PERSON),)


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_a_reason_and_a_hint(code: Code) -> None:
    """No code is without words for the person who asked."""
    assert MEANINGS[code].reason.endswith(".")
    assert MEANINGS[code].hint
    assert MEANINGS[code].category


@pytest.mark.parametrize("name", LIVING)
def test_nothing_of_a_decision_echoes_the_name(decide: Decide, name: str) -> None:
    """Neither the JSON nor rules, spans or views hold any word of the name."""
    decision = decide(f"{name} naked on a beach")
    shown = f"{decision.to_json()} {decision.rules} {decision.spans}".lower()
    assert all(word.lower() not in shown for word in name.split() if len(word) > 2)


def test_the_same_request_gives_the_same_decision(policy_filter: PolicyFilter) -> None:
    """A filter loaded anew decides alike, under the same rule set digest."""
    from policy.lists import DATA

    request = PolicyInput({"prompt": "T4ylor Swift and Jessica Turner in Paris"})
    assert PolicyFilter.load(DATA).decide(request) == policy_filter.decide(request)


def test_a_prompt_past_the_limit_is_a_usage_error_that_states_it(decide: Decide) -> None:
    """A megabyte of text is turned away at once, with the limit in the message."""
    start = time.process_time()
    with pytest.raises(UsageError, match=str(MAX_REQUEST_CHARS)) as caught:
        decide("a" * 1_000_000)
    assert caught.value.code == "prompt_too_long"
    assert time.process_time() - start < 1


HOSTILE = {
    "one letter": "a" * MAX_REQUEST_CHARS,
    "spaced": "a " * (MAX_REQUEST_CHARS // 2),
    "hex": "61" * (MAX_REQUEST_CHARS // 2),
    "entities": "&amp;" * (MAX_REQUEST_CHARS // 5),
    "percents": "%25" * (MAX_REQUEST_CHARS // 3),
    "control characters": "\x00\x07\x1b" * (MAX_REQUEST_CHARS // 3),
    "lone surrogates": "\ud800" * MAX_REQUEST_CHARS,
    "tags": chr(0xE0061) * MAX_REQUEST_CHARS,
    "marks": "a" + "\u0301" * (MAX_REQUEST_CHARS - 1),
    "pig latin": "ayay" * (MAX_REQUEST_CHARS // 4),
    "morse": "- . " * (MAX_REQUEST_CHARS // 4),
    "capitals": "Abc Xyz " * (MAX_REQUEST_CHARS // 8),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_costs_bounded_work(decide: Decide, kind: str) -> None:
    """The worst text of the greatest length is decided in seconds of processor time, not minutes."""
    start = time.process_time()
    assert decide(HOSTILE[kind]).outcome in set(Outcome)
    assert time.process_time() - start < 8


def test_nested_encodings_end_at_the_depth_limit(decide: Decide) -> None:
    """Base64 within base64 beyond the limit is not followed for ever."""
    text = "a cat"
    while len(text) < 20_000:
        text = base64.b64encode(text.encode()).decode()
    assert decide(text).outcome in set(Outcome)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.characters(), max_size=300))
def test_any_text_gets_a_decision(decide: Decide, text: str) -> None:
    """Whatever the characters, the filter decides and does not raise."""
    assert decide(text).outcome in set(Outcome)
