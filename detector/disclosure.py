"""Which disclosure duties a clip's own marks and records meet, field by field. Engineering notes, not legal advice.

Sources: EU AI Act Art. 50(2) with its Code of Practice (June 2026); California SB 942 and AB 853; China GB
45438-2025; India's IT Rules (February 2026). Only what can be measured in the file is told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detector.verdict import Outcome, Verdict


@dataclass(frozen=True)
class Duty:
    """One law's duty, and for each of its fields whether the clip meets it."""

    law: str
    fields: tuple[tuple[str, bool], ...]

    @property
    def outcome(self) -> str:
        """`met`, `partly` or `missing`."""
        met = sum(holds for _, holds in self.fields)
        return "met" if met == len(self.fields) else "partly" if met else "missing"


def _credential(verdict: Verdict) -> dict[str, Any]:
    """The file's own credential, where it holds; a broken one discloses nothing that can be relied on."""
    manifest = verdict.manifest or {}
    holds = all(manifest.get(name) for name in ("signature_valid", "assertions_intact", "binding_intact"))
    return manifest if holds else {}


def _is_marked(verdict: Verdict) -> bool:
    return any(one.get("found") for one in verdict.watermark.values())


def _tag(verdict: Verdict) -> dict[str, Any]:
    found = next((one for one in verdict.evidence if one.source == "disclosure_tags"), None)
    if found is None or found.outcome != Outcome.FOUND:
        return {}
    label = found.detail.get("AIGC")
    return label if isinstance(label, dict) else {}


_Test = Callable[[Verdict], bool]
_LAWS: tuple[tuple[str, tuple[tuple[str, _Test], ...]], ...] = (
    (
        "EU AI Act, Article 50(2)",
        (
            ("signed metadata", lambda v: bool(_credential(v))),
            ("a trusted time-stamp", lambda v: bool(_credential(v).get("time_stamped"))),
            ("an imperceptible mark that we can read", _is_marked),
        ),
    ),
    (
        "California SB 942 and AB 853, latent disclosure",
        (
            ("provider", lambda v: bool(_credential(v).get("issuer"))),
            ("system and version", lambda v: bool(_credential(v).get("claim_generator"))),
            ("time", lambda v: bool(_credential(v).get("signed_at"))),
            ("unique ID", lambda v: bool(_credential(v).get("manifest_id"))),
        ),
    ),
    (
        "China GB 45438-2025, AIGC tag",
        (
            ("label", lambda v: _tag(v).get("Label") == "1"),
            ("producer", lambda v: bool(_tag(v).get("ContentProducer"))),
            ("produce ID", lambda v: bool(_tag(v).get("ProduceID"))),
        ),
    ),
    (
        "India, IT Rules of February 2026, metadata",
        (("permanent metadata with a unique ID", lambda v: bool(_credential(v).get("manifest_id"))),),
    ),
)


def duties_of(verdict: Verdict) -> tuple[Duty, ...]:
    """Every law's duty for one clip; empty for a clip of which nothing says that it was generated.

    A visible label, which India asks for and California lets people choose, is not looked for.
    """
    is_said = verdict.origin in ("generated", "edited") or _is_marked(verdict) or _tag(verdict).get("Label") == "1"
    if not is_said:
        return ()
    return tuple(Duty(law, tuple((name, test(verdict)) for name, test in fields)) for law, fields in _LAWS)
