"""The table from what holds of a clip to what we conclude. The first row that applies decides.

The order is the argument: contradictions first, then cryptography, then what a mark or a likeness gives back, then
what stands there without a name we know, then nothing. Every row has a test (tests/detector/test_detector_rules.py)
and a paragraph in docs/verdicts.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

from detector.findings import Comparison
from detector.signals import Signals
from detector.verdict import Conclusion


@dataclass(frozen=True)
class Rule:
    """One row: its name, when it applies, what it concludes, the verdict in one sentence, the reason in another,
    and the evidence it rests on.

    Texts may hold {issuer} (who signed the file), {kept_issuer} (who signed the release that was found), {made}
    (what the credential attests, as a sentence), {edits} and {parts} (which stretch carries whose mark).
    """

    name: str
    conclusion: Conclusion
    applies: Callable[[Signals], bool]
    headline: str
    because: str
    rests_on: tuple[str, ...] = ()


_BYTES = ("signature", "hard_binding", "trust")
_MARK = ("pixel_watermark", "noise_watermark")
_FOUND_AGAIN = (*_MARK, "soft_binding", "fingerprint")


def _claims_camera(s: Signals) -> bool:
    """A credential says camera on a marked clip, unless a trusted signer declared that very mark."""
    declared = s.credential_names_mark and s.trusted
    return s.signature_valid and s.statements_intact and s.origin == "captured" and s.mark_found and not declared


def _claims_another_maker(s: Signals) -> bool:
    """A trusted credential says that somebody else's generator made what carries our mark."""
    return s.intact and s.trusted and s.origin == "generated" and s.mark_found and not s.credential_names_mark


def _is_joined(s: Signals) -> bool:
    """Stretches carry different marks, and no trusted signer vouches for having joined them."""
    return s.is_joined and not (s.intact and s.trusted and s.credential_names_mark)


RULES: tuple[Rule, ...] = (
    Rule(
        "two_marks",
        Conclusion.CONFLICT,
        lambda s: s.marks_contradict,
        "Two of our marks in it name two different clips: it was joined from both, or a mark was copied",
        "The mark in the pictures and the mark in the generator's noise must name the same clip; here they don't.",
        _MARK,
    ),
    Rule(
        "camera_with_mark",
        Conclusion.CONFLICT,
        _claims_camera,
        "Its credential says camera, our invisible mark says generated: they contradict each other",
        "A camera doesn't put our mark into its pictures. Either the credential or the mark was moved here.",
        ("signature", "hard_binding", *_MARK),
    ),
    Rule(
        "other_mark_in_credential",
        Conclusion.CONFLICT,
        lambda s: s.signature_valid and s.credential_names_other_mark and not s.credential_names_mark,
        "Its credential belongs to one marked clip, its pictures carry the mark of another",
        "The credential names the mark that its clip must carry; the mark in these pictures is a different one.",
        ("signature", *_MARK),
    ),
    Rule(
        "another_maker",
        Conclusion.CONFLICT,
        _claims_another_maker,
        "{issuer} signed it as generated without us, yet its pictures carry our mark",
        "Only one of the two can have made these pictures; the credential does not mention our mark.",
        (*_BYTES, *_MARK),
    ),
    Rule(
        "joined",
        Conclusion.CONFLICT,
        _is_joined,
        "Joined from different clips that each carry a mark of ours",
        "The invisible mark changes along the clip: {parts}.",
        ("pixel_watermark", "soft_binding", "tamper"),
    ),
    Rule(
        "joined_by_pictures",
        Conclusion.CONFLICT,
        lambda s: s.is_joined_by_pictures and not (s.intact and s.trusted),
        "Joined from different clips that were released here",
        "Its pictures change along the clip from one release to another: {parts}.",
        ("tamper", *_MARK),
    ),
    Rule(
        "copied_mark",
        Conclusion.CONFLICT,
        lambda s: s.mark_found and s.mark_record is Comparison.DIFFERS,
        "It carries our mark but shows something else than the clip the mark belongs to: probably a copied mark",
        "A mark can be lifted from one clip and laid over another; the pictures kept for this mark are different.",
        _FOUND_AGAIN,
    ),
    Rule(
        "signature_broken",
        Conclusion.ALTERED,
        lambda s: s.credential_present and not s.signature_valid and not s.recovered,
        "Its credential was tampered with: the signature does not hold",
        "Whoever the credential names, nothing in it can be relied on any more.",
        ("signature", "manifest"),
    ),
    Rule(
        "bytes_changed",
        Conclusion.ALTERED,
        lambda s: s.signature_valid and not s.bytes_intact and s.trusted,
        "Changed after {issuer} signed it",
        "The credential of {issuer} is whole, but the file is not byte for byte the one it was made for: the clip "
        "was changed, or the credential was moved here from another file.",
        (*_BYTES, *_FOUND_AGAIN, "tamper"),
    ),
    Rule(
        "bytes_changed_untrusted",
        Conclusion.ALTERED,
        lambda s: s.signature_valid and not s.bytes_intact,
        "Changed after it was signed",
        "The credential is whole, but the file is not byte for byte the one it was made for. The signer is on none "
        "of our trust lists.",
        (*_BYTES, *_FOUND_AGAIN, "tamper"),
    ),
    Rule(
        "statements_changed",
        Conclusion.ALTERED,
        lambda s: s.signature_valid and not s.statements_intact,
        "Its credential was changed after it was signed",
        "The signature is valid, but not for every statement that now stands in the credential.",
        ("manifest", "signature"),
    ),
    Rule(
        "ingredient_changed",
        Conclusion.ALTERED,
        lambda s: s.intact and not s.ingredients_intact,
        "Signed by {issuer}, but made from a file that had been changed after its own signing",
        "This file is as {issuer} signed it, but its history is broken: a file it was made from fails its check.",
        ("ingredients", *_BYTES),
    ),
    Rule(
        "unreadable",
        Conclusion.UNREADABLE,
        lambda s: not s.decodable,
        "No video can be read from this file",
        "Nothing can be said about pictures that can't be shown.",
    ),
    Rule(
        "verified",
        Conclusion.VERIFIED,
        lambda s: s.intact and s.trusted,
        "{made} Signed by {issuer} and unchanged since",
        "The file carries a complete credential of {issuer}, and every protected byte is as it was signed.",
        (*_BYTES, "time", "ingredients", *_MARK),
    ),
    Rule(
        "parts_replaced",
        Conclusion.ALTERED,
        lambda s: s.recovered and s.has_foreign_stretches,
        "A copy of a clip signed by {kept_issuer}, with stretches that are not from it",
        "Most of the clip is the released one; in some stretches the mark is missing and the pictures differ.",
        (*_FOUND_AGAIN, "tamper"),
    ),
    Rule(
        "region_replaced",
        Conclusion.ALTERED,
        lambda s: s.recovered and s.has_replaced_region,
        "A copy of a clip signed by {kept_issuer}, with a part of the picture replaced",
        "Most of the picture is the released one; a part of it shows something else. Done to it since: {edits}.",
        (*_FOUND_AGAIN, "tamper"),
    ),
    Rule(
        "sound_replaced",
        Conclusion.ALTERED,
        lambda s: s.recovered and s.has_replaced_sound,
        "A copy of a clip signed by {kept_issuer}, with other sound than it was released with",
        "The pictures are the released ones; a stretch of the sound is another. Done to it since: {edits}.",
        (*_FOUND_AGAIN, "tamper"),
    ),
    Rule(
        "recovered",
        Conclusion.RECOVERED,
        lambda s: s.recovered,
        "{kept_made} A copy of a clip signed by {kept_issuer}; its credential was gone and has been found again",
        "The file itself no longer carries a credential that holds. What is in the pictures leads back to it, and "
        "the pictures agree with those that were released. Done to it since: {edits}.",
        _FOUND_AGAIN,
    ),
    Rule(
        "revoked",
        Conclusion.SIGNED_UNTRUSTED,
        lambda s: s.intact and s.revoked,
        "Signed with a certificate of {issuer} that has been taken back; unchanged since",
        "The signature and the bytes hold, but the certificate was revoked. Without a trusted time-stamp nobody "
        "can tell whether it was signed before that, or by whom. That alone does not make the clip a fake.",
        (*_BYTES, "time"),
    ),
    Rule(
        "lapsed",
        Conclusion.SIGNED_UNTRUSTED,
        lambda s: s.intact and s.lapsed,
        "Signed by {issuer} and unchanged since, but the signer's certificate has lapsed",
        "The signature and the bytes hold. Without a trusted time-stamp nobody can tell whether it was signed "
        "while the certificate was valid. That says nothing against the clip.",
        (*_BYTES, "time"),
    ),
    Rule(
        "signed_untrusted",
        Conclusion.SIGNED_UNTRUSTED,
        lambda s: s.intact,
        "Signed and unchanged since, by somebody on none of our trust lists",
        "The signature and the bytes hold. Who signed is not known to us: the name in the certificate, “{issuer}”, "
        "is what the signer calls itself. That says nothing against the clip.",
        _BYTES,
    ),
    Rule(
        "mark_unconfirmed",
        Conclusion.NO_EVIDENCE,
        lambda s: s.mark_found and s.mark_has_record,
        "It carries our mark, but we can't confirm that it shows the clip the mark belongs to",
        "A mark alone can be copied onto other pictures, so it only counts together with a comparison.",
        _FOUND_AGAIN,
    ),
    Rule(
        "mark_without_record",
        Conclusion.NO_EVIDENCE,
        lambda s: s.mark_found,
        "It carries a mark made with one of our keys, but its credential is not in this repository",
        "Without the kept credential we can't say what was released under this mark, nor compare the pictures.",
        (*_MARK, "soft_binding"),
    ),
    Rule(
        "credential_unreadable",
        Conclusion.NO_EVIDENCE,
        lambda s: s.credential_broken,
        "A credential is attached but can't be read: we can't tell where this clip comes from",
        "The credential is damaged, or of a kind that this release can't read. Nothing in it was used.",
        ("manifest",),
    ),
    Rule(
        "likeness_unconfirmed",
        Conclusion.NO_EVIDENCE,
        lambda s: s.look_record is Comparison.UNCLEAR,
        "It looks like a clip that was released here, but not closely enough to call it a copy",
        "Different clips can look alike. Without one of our marks in it, only a close likeness counts.",
        ("fingerprint",),
    ),
    Rule(
        "likely_generated",
        Conclusion.LIKELY_GENERATED,
        lambda s: s.classifier_says_generated and not s.mark_found and not s.credential_present,
        "Likely generated with AI, says a classifier that is sometimes wrong; nothing in the clip proves it",
        "There is no credential, none of our marks, and nothing in this repository looks like it.",
        ("classifier",),
    ),
    Rule(
        "nothing_found",
        Conclusion.NO_EVIDENCE,
        lambda s: True,
        "Nothing found that we can check: we can't tell where this clip comes from",
        "There is no credential, none of our marks, and nothing in this repository looks like it.",
    ),
)


def deciding_rule(signals: Signals) -> Rule:
    """The first row of `RULES` that applies; the last always does."""
    return next(rule for rule in RULES if rule.applies(signals))
