"""What we say of a clip, and everything it rests on. The JSON form is `reelproof.verdict/1`."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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


@dataclass(frozen=True)
class Evidence:
    """One finding. `strength_log10` is a log-likelihood ratio for "this clip is what the source claims":
    0 where it says nothing; cryptographic findings decide alone and carry their codes instead.
    """

    source: str
    outcome: str
    technique: str
    strength_log10: float = 0.0
    codes: tuple[str, ...] = ()
    detail: dict[str, Any] = field(default_factory=dict)


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
