"""What we say of a clip, and everything it rests on. The JSON form is `reelproof.verdict/1`."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SCHEMA = "reelproof.verdict/1"


class Conclusion(StrEnum):
    """The eight things a verdict can conclude (see docs/verdicts.md)."""

    VERIFIED = "verified"
    RECOVERED = "recovered"
    ALTERED = "altered"
    CONFLICT = "conflict"
    SIGNED_UNTRUSTED = "signed_untrusted"
    LIKELY_GENERATED = "likely_generated"
    NO_EVIDENCE = "no_evidence"
    UNREADABLE = "unreadable"


class Outcome(StrEnum):
    """How one look ended. `not_found` says nothing for or against; `not_examined` carries its reason."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    FOUND = "found"
    NOT_FOUND = "not_found"
    NOT_EXAMINED = "not_examined"


@dataclass(frozen=True)
class Evidence:
    """One finding. `outcome` is one of `Outcome`. `strength_log10` is a log-likelihood ratio for "this clip is
    what the source claims": 0 where it says nothing; cryptographic findings decide alone and carry their codes
    instead. `detail["says"]` is the finding in one plain sentence.
    """

    source: str
    outcome: str
    technique: str
    strength_log10: float = 0.0
    codes: tuple[str, ...] = ()
    detail: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The finding as `reelproof.verdict/1` shows it."""
        return {
            "source": self.source,
            "outcome": str(self.outcome),
            "strength_log10": round(self.strength_log10, 3),
            "technique": self.technique,
            "codes": list(self.codes),
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Verdict:
    """The answer about one clip. Keys and their order are those of `reelproof.verdict/1`."""

    conclusion: Conclusion
    headline: str
    origin: str = "unknown"
    issuer: str | None = None
    file: dict[str, Any] = field(default_factory=dict)
    explanation: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    manifest: dict[str, Any] | None = None
    watermark: dict[str, Any] = field(default_factory=dict)
    match: dict[str, Any] | None = None
    timeline: tuple[dict[str, Any], ...] = ()
    regions: dict[str, Any] | None = None
    classifier: dict[str, Any] | None = None
    parts: tuple[dict[str, Any], ...] = ()
    leads: tuple[dict[str, Any], ...] = ()
    history: dict[str, Any] | None = None
    sound: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The verdict as `reelproof.verdict/1`: plain JSON values in the promised order."""
        return {
            "schema": SCHEMA,
            "origin": self.origin,
            "issuer": self.issuer,
            "file": self.file,
            "conclusion": str(self.conclusion),
            "headline": self.headline,
            "explanation": list(self.explanation),
            "limits": list(self.limits),
            "evidence": [one.to_json() for one in self.evidence],
            "manifest": self.manifest,
            "watermark": self.watermark,
            "match": self.match,
            "timeline": list(self.timeline),
            "regions": self.regions,
            "classifier": self.classifier,
            "parts": list(self.parts),
            "leads": list(self.leads),
            "history": self.history,
            "sound": self.sound,
        }
