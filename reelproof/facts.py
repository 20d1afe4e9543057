"""From what the pipeline knows to what a manifest says and what a caller is told. No prompt, no person."""

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from core.clock import Clock
from policy.log import DecisionLog
from policy.log.merkle import leaf_hash
from provenance.manifest import Action, ClipOrigin, Ingredient, ManifestFacts, PolicyProof, Relationship
from provenance.records import SignedClip, SoftBinding
from reelproof import __version__
from reelproof.releases import Approval, MarkedClip, ReleaseReport
from reelproof.settings import Settings


def manifest_facts(
    marked: MarkedClip,
    bindings: tuple[SoftBinding, ...],
    approval: Approval,
    log: DecisionLog,
    settings: Settings,
    clock: Clock,
    pictures: Mapping[str, bytes] | None = None,
) -> ManifestFacts:
    """Everything the manifest of a marked clip will say; `pictures`: small JPEGs of the `clip` and its `parent`."""
    facts, file, model = marked.facts, marked.facts["file"], marked.facts["model"]
    now: datetime = clock.now()
    return ManifestFacts(
        title=facts["title"],
        created_at=now,
        width_px=file["width_px"],
        height_px=file["height_px"],
        fps=Fraction(file["fps"]),
        duration_s=file["duration_s"],
        bindings=bindings,
        model_name=model["name"],
        model_version=model["version"],
        model_digest=model["digest"],
        model_note=model["note"],
        generator_name="Reelproof",
        generator_version=__version__,
        origin=ClipOrigin(facts["origin"]),
        policy=_policy_proof(approval, log),
        settings=_public(facts["settings"]),
        coverage=facts["coverage"],
        ingredients=_ingredients(facts, (pictures or {}).get("parent", b"")),
        provider=settings.system_name,
        detector_url=settings.public_url or "",
        manifest_id=facts["manifest_id"],
        actions=tuple(Action(one["name"], one["description"]) for one in facts.get("actions") or ()),
        change=facts.get("change", ""),
        thumbnail=(pictures or {}).get("clip", b""),
    )


def _public(sampling: dict[str, Any]) -> dict[str, Any]:
    """Sampling settings as numbers and words: nothing a person wrote."""
    return {name: value for name, value in sampling.items() if isinstance(value, int | float | str | bool)}


def _policy_proof(approval: Approval, log: DecisionLog) -> PolicyProof:
    decision = {key: value for key, value in approval.decision.to_json().items() if key not in ("reasons", "views")}
    return PolicyProof(
        decision,
        approval.log_index,
        log_leaf=leaf_hash(log.entry_bytes(approval.log_index)).hex(),
        log_root=log.root_hex,
        proof=log.receipt(approval.log_index),
    )


def _ingredients(facts: dict[str, Any], picture: bytes) -> tuple[Ingredient, ...]:
    inputs = tuple(Ingredient(Path(one["path"]), one["title"]) for one in facts.get("inputs") or ())
    parent = facts.get("parent")
    if parent is None:
        return inputs
    return (Ingredient(Path(parent["path"]), parent["title"], Relationship.PARENT, picture), *inputs)


def release_report(
    out: Path,
    signed: SignedClip,
    marked: MarkedClip,
    approval: Approval,
    log: DecisionLog,
    timings_s: dict[str, float],
) -> ReleaseReport:
    """The answer to `generate` and `seal`: `reelproof.release/1`."""
    facts = marked.facts
    return ReleaseReport(
        path=out,
        sha256=signed.sha256,
        manifest_id=signed.manifest_id,
        content_id=marked.content_id,
        decision={**approval.decision.to_json(), "log_index": approval.log_index},
        watermark={"pixel": facts["pixel"], "noise": facts["noise"]},
        log={"index": approval.log_index, "root": log.root_hex, "proof": log.receipt(approval.log_index)},
        timings_s=timings_s,
        coverage=facts["coverage"],
    )
