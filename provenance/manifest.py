"""The manifest of a clip: from plain facts to the definition that is signed.

Follows C2PA 2.4: claim v2, `c2pa.actions.v2` with everything done to the clip, one `c2pa.soft-binding` per mark and
fingerprint, `c2pa.ai-disclosure`, `cawg.training-mining`, and our own assertions with the policy decision and the
settings used. The prompt never stands in a manifest, nor does anything of the person who asked.

Three origins, decided here and documented in docs/provenance.md:

- GENERATED: our own backend made every picture: from text, from an image, from a video (also a remix that takes the
  earlier pictures in). The first action is `c2pa.created`; inputs are `inputTo` ingredients.
- EDITED: our own backend changed or lengthened a clip that is still in it. `c2pa.opened` on a `parentOf`
  ingredient, then `c2pa.edited`, which names what further went in and that a model made part of what is seen.
- SEALED: another generator made it and we were handed the file. The first action is `c2pa.opened` on a `parentOf`
  ingredient (which keeps the file's own credential, if it has one), with the source type its owner declares. A
  second `created` would claim that we made it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

from core.clock import rfc3339
from provenance.records import SoftBinding

SPEC_VERSION = "2.4.0"
POLICY_DECISION_LABEL = "org.reelproof.policy-decision"
GENERATION_LABEL = "org.reelproof.generation"

_SOURCE_TYPE_BASE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED_ALGORITHMIC_MEDIA = _SOURCE_TYPE_BASE + "trainedAlgorithmicMedia"
COMPOSITE_WITH_TRAINED_MEDIA = _SOURCE_TYPE_BASE + "compositeWithTrainedAlgorithmicMedia"
THUMBNAIL_FORMAT = "image/jpeg"
CLAIM_THUMBNAIL = "thumbnail.jpg"

#: What of a policy decision stands in a manifest. Reasons and spans stay in the log.
_DECISION_KEYS = ("schema", "outcome", "codes", "categories", "ruleset")
#: Settings whose name says that they carry what a person wrote.
_PRIVATE_SETTINGS = ("prompt", "shots", "text", "consent", "user")


class ClipOrigin(StrEnum):
    """Who made the clip that is signed."""

    GENERATED = "generated"
    EDITED = "edited"
    SEALED = "sealed"


class Relationship(StrEnum):
    """How an ingredient took part (C2PA 2.4 §10.3)."""

    PARENT = "parentOf"
    INPUT = "inputTo"
    COMPONENT = "componentOf"


@dataclass(frozen=True)
class Ingredient:
    """A file that went into the clip. Its own credential, if it has one, is carried along.

    `thumbnail` is a small JPEG of it, or empty.
    """

    path: Path
    title: str
    relationship: Relationship = Relationship.INPUT
    thumbnail: bytes = b""


@dataclass(frozen=True)
class Action:
    """Something else that was done to the clip, by its C2PA name, such as `c2pa.transcoded` or `c2pa.addedText`."""

    name: str
    description: str = ""


@dataclass(frozen=True)
class PolicyProof:
    """A policy decision and where the public log holds it. `proof` is the tlog-proof text, if already known."""

    decision: Mapping[str, Any]
    log_index: int
    log_leaf: str = ""
    log_root: str = ""
    proof: str = ""


@dataclass(frozen=True)
class ManifestFacts:
    """All that a manifest says of a clip. Everything is stated by the caller; nothing is looked up here.

    `model_name` and the rest of the model fields name what made the pictures, `generator_*` the program that
    signs. `settings` are the sampling settings (steps, guidance, seed, backend …). `coverage` is the share of the
    request that the model could follow. `detector_url` tells a reader where the clip can be checked. `change` says
    what was done to the parent of an edited clip ("extended by 2 s"), `actions` what else was done to any clip, in
    order. `thumbnail` is a small JPEG of the clip, or empty.
    """

    title: str
    created_at: datetime
    width_px: int
    height_px: int
    fps: Fraction
    duration_s: float
    bindings: tuple[SoftBinding, ...]
    model_name: str
    model_version: str = ""
    model_digest: str = ""
    model_note: str = ""
    generator_name: str = "Reelproof"
    generator_version: str = "0.1.0"
    origin: ClipOrigin = ClipOrigin.GENERATED
    source_type: str = TRAINED_ALGORITHMIC_MEDIA
    policy: PolicyProof | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    coverage: Mapping[str, Any] = field(default_factory=dict)
    upscaled_note: str = ""
    ingredients: tuple[Ingredient, ...] = ()
    provider: str = ""
    detector_url: str = ""
    manifest_id: str | None = None
    change: str = ""
    actions: tuple[Action, ...] = ()
    thumbnail: bytes = b""

    def __post_init__(self) -> None:
        parents = [one for one in self.ingredients if one.relationship is Relationship.PARENT]
        expected = 0 if self.origin is ClipOrigin.GENERATED else 1
        if len(parents) != expected:
            raise ValueError(f"a {self.origin} clip has {expected} parentOf ingredients, got {len(parents)}")
        private = [name for name in self.settings if any(word in name.lower() for word in _PRIVATE_SETTINGS)]
        if private:
            raise ValueError(f"what a person wrote does not belong in a manifest: {', '.join(private)}")


def definition_of(facts: ManifestFacts) -> dict[str, Any]:
    """The manifest definition that is signed: plain JSON values, the same for the same facts.

    Byte strings (binding values, padding) are lists of ints: that is how they become CBOR byte strings.
    """
    definition: dict[str, Any] = {
        "claim_version": 2,
        "claim_generator_info": [
            {"name": facts.generator_name, "version": facts.generator_version, "specVersion": SPEC_VERSION}
        ],
        "title": facts.title,
        "assertions": [
            _created("c2pa.actions.v2", {"actions": _actions(facts), "allActionsIncluded": True}),
            *(_created("c2pa.soft-binding", _soft_binding(one, facts.duration_s)) for one in facts.bindings),
            _created("c2pa.ai-disclosure", _ai_disclosure(facts)),
            _created("cawg.training-mining", {"entries": _training_entries()}),
            _own(GENERATION_LABEL, _generation(facts)),
        ],
    }
    if facts.policy is not None:
        definition["assertions"].append(_own(POLICY_DECISION_LABEL, _policy_decision(facts.policy)))
    if facts.thumbnail:
        definition["thumbnail"] = {"format": THUMBNAIL_FORMAT, "identifier": CLAIM_THUMBNAIL}
    if facts.manifest_id is not None:
        definition["label"] = facts.manifest_id
    return definition


def ingredient_id(position: int) -> str:
    """The label that ties the ingredient at `position` in `ManifestFacts.ingredients` to its action."""
    return f"reelproof-ingredient-{position}"


def described_ingredient(position: int, ingredient: Ingredient) -> dict[str, Any]:
    """An ingredient as the C2PA library wants it told: plain JSON values."""
    described: dict[str, Any] = {
        "title": ingredient.title,
        "relationship": str(ingredient.relationship),
        "label": ingredient_id(position),
    }
    if ingredient.thumbnail:
        named = {"format": THUMBNAIL_FORMAT, "identifier": ingredient_thumbnail(position)}
        described["thumbnail"] = named
    return described


def ingredient_thumbnail(position: int) -> str:
    """The name under which the thumbnail of the ingredient at `position` is handed to the C2PA library."""
    return f"ingredient-{position}.jpg"


def expected_labels(facts: ManifestFacts) -> tuple[str, ...]:
    """The labels that reading the signed clip back must find, without instance numbers."""
    return tuple(assertion["label"] for assertion in definition_of(facts)["assertions"])


def _created(label: str, content: dict[str, Any]) -> dict[str, Any]:
    # "created": the assertion is our own statement and not one gathered from elsewhere (C2PA 2.4 §10.3.2).
    return {"label": label, "data": content, "created": True}


def _own(label: str, content: dict[str, Any]) -> dict[str, Any]:
    return _created(label, _without_int_lists(content))


def _without_int_lists(value: Any) -> Any:
    """The value with the numbers in lists as text: the library reads any list of small ints as a byte string,
    so that reason codes [7] would come back as "Bw=="."""
    if isinstance(value, Mapping):
        return {str(name): _without_int_lists(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [str(one) if isinstance(one, int) else _without_int_lists(one) for one in value]
    return value


def _actions(facts: ManifestFacts) -> list[dict[str, Any]]:
    actions = [_first_action(facts)]
    if facts.origin is ClipOrigin.EDITED:
        actions.append(_edit(facts))
    if facts.upscaled_note:
        actions.append(_by_program(facts, "c2pa.resized", facts.upscaled_note))
    actions += [_by_program(facts, one.name, one.description) for one in facts.actions]
    for binding in facts.bindings:
        if not binding.is_fingerprint:
            mark = f"{binding.name or 'invisible watermark'}, {binding.alg}"
            actions.append(_by_program(facts, "c2pa.watermarked.bound", mark))
    return actions


def _by_program(facts: ManifestFacts, name: str, description: str) -> dict[str, Any]:
    program = {"name": facts.generator_name, "version": facts.generator_version}
    action: dict[str, Any] = {"action": name, "when": rfc3339(facts.created_at), "softwareAgent": program}
    return action | ({"description": description} if description else {})


def _by_model(facts: ManifestFacts, name: str, source_type: str) -> dict[str, Any]:
    agent = {"name": facts.model_name} | ({"version": facts.model_version} if facts.model_version else {})
    when = rfc3339(facts.created_at)
    return {"action": name, "when": when, "softwareAgent": agent, "digitalSourceType": source_type}


def _first_action(facts: ManifestFacts) -> dict[str, Any]:
    if facts.origin is ClipOrigin.GENERATED:
        return _linked(_by_model(facts, "c2pa.created", facts.source_type), facts, Relationship.INPUT)
    if facts.origin is ClipOrigin.EDITED:
        return _linked(_by_program(facts, "c2pa.opened", ""), facts, Relationship.PARENT)
    opened = _by_program(facts, "c2pa.opened", f"sealed as received; declared to be made by {facts.model_name}")
    return _linked(opened | {"digitalSourceType": facts.source_type}, facts, Relationship.PARENT)


def _edit(facts: ManifestFacts) -> dict[str, Any]:
    edit = _by_model(facts, "c2pa.edited", COMPOSITE_WITH_TRAINED_MEDIA)
    edit |= {"description": facts.change} if facts.change else {}
    return _linked(edit, facts, Relationship.INPUT)


def _linked(action: dict[str, Any], facts: ManifestFacts, relationship: Relationship) -> dict[str, Any]:
    """The action with the IDs of the ingredients that it used."""
    used = [ingredient_id(i) for i, one in enumerate(facts.ingredients) if one.relationship is relationship]
    return action | ({"parameters": {"ingredientIds": used}} if used else {})


def _soft_binding(binding: SoftBinding, duration_s: float) -> dict[str, Any]:
    end_ms = binding.end_ms if binding.end_ms is not None else round(duration_s * 1000)
    span = {"timespan": {"start": binding.start_ms, "end": end_ms}}
    content: dict[str, Any] = {
        "alg": binding.alg,
        "pad": [0],
        "blocks": [{"scope": span, "value": list(binding.value)}],
    }
    return content | ({"name": binding.name} if binding.name else {})


def _ai_disclosure(facts: ManifestFacts) -> dict[str, Any]:
    identifier = f"urn:reelproof:model:{facts.model_name}" + (
        f":sha256:{facts.model_digest}" if facts.model_digest else ""
    )
    return {
        "modelType": "c2pa.types.model",
        "modelName": facts.model_name,
        "modelIdentifier": identifier,
        "contentProfile": {"humanOversightLevel": "prompt_guided"},
    }


def _training_entries() -> dict[str, Any]:
    kinds = ("cawg.ai_generative_training", "cawg.ai_inference", "cawg.ai_training", "cawg.data_mining")
    return {kind: {"use": "notAllowed"} for kind in kinds}


def _generation(facts: ManifestFacts) -> dict[str, Any]:
    content: dict[str, Any] = {
        "version": 1,
        "origin": str(facts.origin),
        "model": {
            "name": facts.model_name,
            "version": facts.model_version,
            "sha256": facts.model_digest,
            "note": facts.model_note,
        },
        "video": {
            "width_px": facts.width_px,
            "height_px": facts.height_px,
            "fps": str(facts.fps),
            "duration_s": round(facts.duration_s, 3),
        },
        "settings": dict(facts.settings),
        "coverage": dict(facts.coverage),
    }
    optional = {"upscaled": facts.upscaled_note, "provider": facts.provider, "detector_url": facts.detector_url}
    return content | {name: value for name, value in optional.items() if value}


def _policy_decision(policy: PolicyProof) -> dict[str, Any]:
    log = {"index": policy.log_index, "leaf": policy.log_leaf, "root": policy.log_root, "proof": policy.proof}
    return {
        "version": 1,
        "decision": {name: policy.decision[name] for name in _DECISION_KEYS if name in policy.decision},
        "log": {name: value for name, value in log.items() if value != ""},
    }
