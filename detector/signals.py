"""What the rules of a verdict ask of the findings, each as one named truth."""

from dataclasses import dataclass

from detector.findings import Comparison, Findings, ReleaseMatch
from provenance.records import CredentialState, ManifestReport


@dataclass(frozen=True)
class Signals:
    """Named truths about one clip. `mark_record` and `look_record` say how the pictures compare with the release
    that the mark, or the likeness, led to; None where there is no such release.
    """

    decodable: bool
    credential_broken: bool
    credential_present: bool
    signature_valid: bool
    statements_intact: bool
    bytes_intact: bool
    ingredients_intact: bool
    trusted: bool
    lapsed: bool
    origin: str
    mark_found: bool
    marks_contradict: bool
    credential_names_mark: bool
    credential_names_other_mark: bool
    mark_has_record: bool
    mark_record: Comparison | None
    look_record: Comparison | None
    record_holds: bool
    has_foreign_stretches: bool
    is_joined: bool = False
    is_joined_by_pictures: bool = False
    has_replaced_region: bool = False
    classifier_says_generated: bool = False
    revoked: bool = False
    has_replaced_sound: bool = False

    @property
    def intact(self) -> bool:
        """Signature, statements and bytes all hold."""
        return self.credential_present and self.signature_valid and self.statements_intact and self.bytes_intact

    @property
    def recovered(self) -> bool:
        """A kept credential was found through the content, holds, and shows what this clip shows."""
        record = self.mark_record if self.mark_found else self.look_record
        return self.record_holds and record is Comparison.AGREES


def signals_of(findings: Findings) -> Signals:
    """The truths that hold for one clip's findings."""
    report, marked, alike = findings.manifest, findings.marked, findings.alike
    match = findings.match
    names, names_other = _named_marks(findings)
    present = report.state is CredentialState.PRESENT
    return Signals(
        decodable=findings.is_decodable,
        credential_broken=report.state is CredentialState.BROKEN,
        credential_present=present,
        signature_valid=present and report.signature_valid,
        statements_intact=report.assertions_intact,
        bytes_intact=report.binding_intact,
        ingredients_intact=not report.ingredient_failures,
        trusted=report.trust_list is not None,
        lapsed=report.trust_list is None and report.lapsed_trust_list is not None,
        origin=report.origin if present and report.signature_valid else "unknown",
        mark_found=findings.pixel.found or findings.noise.found,
        marks_contradict=findings.pixel.contradicts(findings.noise),
        credential_names_mark=names,
        credential_names_other_mark=names_other,
        mark_has_record=marked is not None,
        mark_record=_comparison(marked, report),
        look_record=alike.comparison if alike is not None else None,
        record_holds=match is not None and match.credential_holds,
        has_foreign_stretches=any(one["state"] == "foreign" for one in findings.timeline),
        is_joined=_is_joined(findings, "mark"),
        is_joined_by_pictures=_is_joined(findings, "pictures"),
        has_replaced_region=_region_replaced(match),
        classifier_says_generated=findings.classifier is not None and findings.classifier.calls_generated,
        revoked=report.trust_list is None and report.revoked_by is not None,
        has_replaced_sound=findings.sound.comparison is not None and findings.sound.comparison.is_replaced,
    )


def _comparison(match: ReleaseMatch | None, report: ManifestReport) -> Comparison | None:
    """How the mark's release compares; a file that still carries that very credential, intact, is that release."""
    if match is None:
        return None
    is_itself = report.is_intact and report.manifest_id == match.release.manifest_id
    return Comparison.AGREES if is_itself else match.comparison


def _is_joined(findings: Findings, found_by: str) -> bool:
    return len({one.content_hex for one in findings.parts if one.found_by == found_by}) > 1


def _region_replaced(match: ReleaseMatch | None) -> bool:
    return match is not None and match.inspection is not None and match.inspection.has_replaced_region


def _named_marks(findings: Findings) -> tuple[bool, bool]:
    """Whether the file's own credential names the mark that was found, and whether it names another instead."""
    named = other = False
    for reading in (findings.pixel, findings.noise):
        binding = reading.binding
        if binding is None:
            continue
        values = {one.value for one in findings.manifest.bindings if one.alg == binding.alg}
        named = named or binding.value in values
        other = other or (bool(values) and binding.value not in values)
    return named, other
