"""Turns readings into evidence, one technique at a time. Each finding says in a plain sentence what it found.

Judges nothing: what the findings mean together is `detector.fusion`.
"""

from detector.evidence.content import content_evidence
from detector.evidence.context import context_evidence
from detector.evidence.credential import credential_evidence
from detector.evidence.marks import mark_evidence
from detector.findings import Findings
from detector.verdict import Evidence


def evidence_of(findings: Findings) -> tuple[Evidence, ...]:
    """All fourteen sources in the contract's order, each exactly once, found or not."""
    return (
        *credential_evidence(findings.manifest),
        *mark_evidence(findings),
        *content_evidence(findings),
        *context_evidence(findings),
    )
