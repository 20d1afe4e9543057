"""From findings to a verdict: a pure function. Cryptographic evidence decides alone; absence never counts.

`fuse` names what holds (`detector.signals`), takes the first row of the table that applies (`detector.rules`), and
writes down what it rests on and what was not looked at.
"""

import re
from dataclasses import dataclass
from typing import Any

from detector.evidence import evidence_of
from detector.evidence.content import match_json, sound_limit
from detector.evidence.context import classifier_limit
from detector.evidence.marks import mark_json
from detector.findings import Findings
from detector.history import History, history_json
from detector.plaintext import plain, plain_json
from detector.rules import Rule, deciding_rule
from detector.signals import signals_of
from detector.verdict import Conclusion, Evidence, Outcome, Verdict
from provenance.records import CredentialState, ManifestReport

_MADE = {
    "generated": "Made with AI.",
    "captured": "Captured with a camera.",
    "edited": "Edited footage.",
    "unknown": "",
}
_NOT_PROOF_OF_ABSENCE = (
    "This does not mean that the clip is real, nor that it is fake: most clips carry nothing that can be checked."
)
_NOT_PROOF_OF_MAKING = (
    "This is an estimate from how the pictures look, no proof: it can be wrong on filmed clips, more often on "
    "cameras and edits unlike those it was tested on."
)
_MAX_PARTS = 8
_SILENT = {Outcome.NOT_EXAMINED, Outcome.NOT_FOUND}

#: On every verdict, because it is true of every verdict.
STANDING_LIMITS = (
    "Marks of other makers, such as Google's SynthID, can only be read by those makers; we did not look for them.",
    "A credential says who signed a file and what they state of it, not that what it shows is true.",
)


@dataclass(frozen=True)
class _Words:
    """What a rule's texts are filled with. Names come from strangers' files: braces in them stay text."""

    issuer: str
    kept_issuer: str
    made: str
    kept_made: str
    edits: str
    parts: str = ""

    def fill(self, text: str) -> str:
        """A rule's text with its placeholders filled, in one pass."""
        return re.sub(r"\{(\w+)\}", lambda found: str(getattr(self, found[1])), text).strip()


def fuse(findings: Findings) -> Verdict:
    """The verdict on one clip's findings. Pure: the same findings give the same verdict, word for word."""
    signals = signals_of(findings)
    rule = deciding_rule(signals)
    evidence = evidence_of(findings)
    words = _words(findings)
    return Verdict(
        conclusion=rule.conclusion,
        headline=words.fill(rule.headline),
        origin=_origin(rule, findings),
        issuer=_issuer(rule, findings),
        file=dict(findings.file),
        explanation=_explanation(rule, findings, evidence, words),
        limits=_limits(findings),
        evidence=evidence,
        manifest=_manifest(findings.manifest),
        watermark={"pixel": mark_json(findings.pixel), "noise": mark_json(findings.noise)},
        match=_match(findings),
        parts=tuple(vars(one) for one in findings.parts),
        timeline=findings.timeline,
        regions=dict(findings.regions) if findings.regions is not None else None,
        classifier=findings.classifier.to_json() if findings.classifier is not None else None,
        leads=tuple(one.to_json() for one in findings.leads),
        history=history_json(findings.history or History("file", findings.manifest)),
        sound=findings.sound.comparison.to_json() if findings.sound.comparison is not None else None,
    )


def _name(report: ManifestReport) -> str:
    return plain(report.issuer or report.signer or "an unnamed signer")


def _words(findings: Findings) -> _Words:
    match = findings.match
    kept = match.credential if match is not None else ManifestReport(CredentialState.ABSENT)
    return _Words(
        issuer=_name(findings.manifest),
        kept_issuer=_name(kept),
        made=_MADE.get(findings.manifest.origin, ""),
        kept_made=_MADE.get(kept.origin, ""),
        edits=", ".join(match.edits) if match is not None and match.edits else "nothing that we could tell",
        parts=", ".join(
            f"{one.start_s:.1f}-{one.end_s:.1f} s is clip {one.content_hex}" for one in findings.parts[:_MAX_PARTS]
        ),
    )


def _origin(rule: Rule, findings: Findings) -> str:
    """What the deciding credential attests; `unknown` where no credential stands behind these pictures."""
    if rule.conclusion is Conclusion.VERIFIED:
        return findings.manifest.origin
    if rule.name in ("parts_replaced", "region_replaced", "sound_replaced"):
        return "edited"
    match = findings.match
    if (
        match is not None
        and match.content_agrees
        and match.credential_holds
        and rule.conclusion
        in (
            Conclusion.RECOVERED,
            Conclusion.ALTERED,
        )
    ):
        return match.credential.origin
    return "unknown"


def _issuer(rule: Rule, findings: Findings) -> str | None:
    """Who stands behind the answer, where a trust list vouches for the name; never a self-given one."""
    report = findings.manifest
    vouched = report.trust_list is not None or report.lapsed_trust_list is not None
    own = (Conclusion.VERIFIED, Conclusion.ALTERED, Conclusion.SIGNED_UNTRUSTED)
    if rule.conclusion in own and report.signature_valid and vouched:
        return _name(report)
    match = findings.match
    if rule.conclusion in (Conclusion.RECOVERED, Conclusion.ALTERED) and match is not None and match.content_agrees:
        kept = match.credential
        return _name(kept) if match.credential_holds and kept.trust_list is not None else None
    return None


def _explanation(rule: Rule, findings: Findings, evidence: tuple[Evidence, ...], words: _Words) -> tuple[str, ...]:
    fault = findings.fault
    lines = [words.fill(rule.because)]
    if fault is not None and fault.after_s is None:
        lines.append(f"No picture could be decoded: {fault.message}. {fault.hint}".strip())
    by_source = {one.source: one for one in evidence}
    for source in rule.rests_on:
        one = by_source[source]
        if one.outcome not in _SILENT:
            lines.append(f"{one.detail['says']} ({one.technique}.)")
    tag = by_source["disclosure_tags"]
    if rule.conclusion is Conclusion.NO_EVIDENCE:
        if tag.outcome == Outcome.FOUND:
            lines.append(str(tag.detail["says"]))
        lines.append(_NOT_PROOF_OF_ABSENCE)
    if rule.conclusion is Conclusion.LIKELY_GENERATED:
        lines.append(_NOT_PROOF_OF_MAKING)
    return tuple(lines)


def _limits(findings: Findings) -> tuple[str, ...]:
    lines = [STANDING_LIMITS[0], sound_limit(findings.sound), *STANDING_LIMITS[1:]]
    lines.append(classifier_limit(findings.classifier))
    for name, reading in (("pixel mark", findings.pixel), ("noise mark", findings.noise)):
        if reading.extraction is None:
            lines.append(f"The {name} was not looked for: {reading.not_examined or 'nobody looked'}.")
        elif reading.narrowed:
            lines.append(f"The {name} was not looked for in cut-out copies: {reading.narrowed}.")
    fault = findings.fault
    if fault is not None and fault.after_s is not None:
        lines.append(f"Only the first {fault.after_s:.1f} s could be decoded and looked at: {fault.message}.")
    report = findings.manifest
    for listed in {report.trust_list or report.lapsed_trust_list} - {None}:
        lines.append(f"Trust rests on the list “{plain(listed)}”, published {plain(report.trust_list_date)}.")
    return (*lines, *findings.provisos)


def _manifest(report: ManifestReport) -> dict[str, Any] | None:
    """The file's own credential as JSON, every text in it made plain; None where the file has none."""
    if report.state is CredentialState.ABSENT:
        return None
    # Each field has room of its own: however much a stranger asserts, what we found ourselves is told whole.
    return {name: plain_json(value) for name, value in report.to_json().items()}


def _match(findings: Findings) -> dict[str, Any] | None:
    match = findings.match
    content = match_json(match)
    if match is None or content is None:
        return None
    kept = match.credential
    shown = match.content_agrees and match.credential_holds
    # A credential whose pictures are others is no credential of this clip: it is not shown as one.
    content["credential"] = (
        {
            "issuer": _name(kept),
            "origin": kept.origin,
            "trust_list": kept.trust_list,
            "trust_list_date": kept.trust_list_date,
            "signed_at": kept.signed_at,
            "claim_generator": plain(kept.claim_generator or ""),
        }
        if shown
        else None
    )
    return content
