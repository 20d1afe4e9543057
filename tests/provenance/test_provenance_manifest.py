"""What a manifest says, and what it never says."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from core.canonical import digest_of
from provenance.manifest import (
    TRAINED_ALGORITHMIC_MEDIA,
    ClipOrigin,
    Ingredient,
    ManifestFacts,
    PolicyProof,
    Relationship,
    definition_of,
    expected_labels,
)
from provenance.records import SoftBinding

Facts = Callable[..., ManifestFacts]
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PARENT = Ingredient(Path("in.mp4"), "in.mp4", Relationship.PARENT)


def assertion(facts: ManifestFacts, label: str) -> Any:
    return next(one["data"] for one in definition_of(facts)["assertions"] if one["label"] == label)


@pytest.fixture(scope="module")
def vectors() -> ModuleType:
    found = importlib.util.spec_from_file_location("manifest_vectors", GOLDEN / "make_manifest_vectors.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["generated", "sealed", "edited"])
def test_the_definition_of_fixed_facts_never_changes_unseen(vectors: ModuleType, name: str) -> None:
    """The golden definition and its digest: a change of the manifest's form shows here."""
    kept = json.loads((GOLDEN / "manifest.json").read_text())[name]
    definition = definition_of(vectors.CASES[name])
    assert definition == kept["definition"]
    assert digest_of(definition) == kept["digest"]


def test_the_same_facts_give_the_same_definition(some_facts: Facts) -> None:
    """Nothing is looked up: no clock, no random number."""
    assert digest_of(definition_of(some_facts())) == digest_of(definition_of(some_facts()))


def test_a_generated_clip_is_created_first(some_facts: Facts) -> None:
    """`created` comes first, with time, model and source type; then one `watermarked.bound` a mark."""
    content = assertion(some_facts(), "c2pa.actions.v2")
    assert content["allActionsIncluded"] is True
    created, *others = content["actions"]
    assert created["action"] == "c2pa.created"
    assert created["when"] == "2026-11-20T23:00:00Z"
    assert created["softwareAgent"] == {"name": "test-model", "version": "1"}
    assert created["digitalSourceType"] == TRAINED_ALGORITHMIC_MEDIA
    assert [one["action"] for one in others] == ["c2pa.watermarked.bound"] * 2


def test_there_is_one_soft_binding_a_value(some_facts: Facts) -> None:
    """Each mark and the fingerprint stand in an assertion of their own, as byte strings, over the whole clip."""
    found = [
        one["data"] for one in definition_of(some_facts())["assertions"] if one["label"] == "c2pa.soft-binding"
    ]
    assert [one["alg"] for one in found] == [one.alg for one in some_facts().bindings]
    assert found[0]["blocks"] == [
        {"scope": {"timespan": {"start": 0, "end": 2000}}, "value": list(bytes.fromhex("1123456789abcdef"))}
    ]
    assert all(one["pad"] == [0] for one in found)
    assert found[0]["name"] == "pixel"
    assert "name" not in found[2]


def test_a_sealed_clip_is_opened_and_never_created(some_facts: Facts) -> None:
    """Who seals does not claim to have made the clip."""
    content = assertion(some_facts(origin=ClipOrigin.SEALED, ingredients=(PARENT,)), "c2pa.actions.v2")
    names = [one["action"] for one in content["actions"]]
    assert names[0] == "c2pa.opened"
    assert "c2pa.created" not in names
    assert content["actions"][0]["parameters"] == {"ingredientIds": ["reelproof-ingredient-0"]}


def test_parents_belong_to_sealed_clips_only(some_facts: Facts) -> None:
    """A sealed clip has exactly one parent; a generated one none."""
    with pytest.raises(ValueError, match="parentOf"):
        some_facts(origin=ClipOrigin.SEALED)
    with pytest.raises(ValueError, match="parentOf"):
        some_facts(ingredients=(PARENT,))


@pytest.mark.parametrize("name", ["prompt", "negative_prompt", "Shots", "overlay_text", "consent_token", "user_id"])
def test_what_a_person_wrote_is_refused(some_facts: Facts, name: str) -> None:
    """A setting named like something a person wrote can't get into a manifest."""
    with pytest.raises(ValueError, match="person"):
        some_facts(settings={name: "x"})


def test_only_the_public_part_of_a_decision_is_told(some_facts: Facts) -> None:
    """Reasons, spans and whatever else a decision holds stay in the log."""
    decision = {"outcome": "allow", "codes": [3], "reasons": ["SECRET"], "spans": ["SECRET"], "prompt": "SECRET"}
    facts = some_facts(policy=PolicyProof(decision, 5, log_leaf="aa"))
    assert "SECRET" not in json.dumps(definition_of(facts))
    assert assertion(facts, "org.reelproof.policy-decision") == {
        "version": 1,
        "decision": {"outcome": "allow", "codes": ["3"]},
        "log": {"index": 5, "leaf": "aa"},
    }


def test_upscaling_is_an_action_and_a_note(some_facts: Facts) -> None:
    """A picture made smaller than it is shown says so."""
    facts = some_facts(upscaled_note="made at 128x128")
    actions = assertion(facts, "c2pa.actions.v2")["actions"]
    assert actions[1] == {
        "action": "c2pa.resized",
        "when": "2026-11-20T23:00:00Z",
        "softwareAgent": {"name": "Reelproof", "version": "0.1.0"},
        "description": "made at 128x128",
    }
    assert assertion(facts, "org.reelproof.generation")["upscaled"] == "made at 128x128"


def test_expected_labels_name_every_assertion(some_facts: Facts) -> None:
    """What reading back must find is what the definition holds."""
    labels = expected_labels(some_facts())
    for label in ("c2pa.actions.v2", "c2pa.ai-disclosure", "cawg.training-mining", "org.reelproof.generation"):
        assert label in labels
    assert labels.count("c2pa.soft-binding") == 3
    assert "org.reelproof.policy-decision" not in expected_labels(some_facts(policy=None))


def test_a_fingerprint_is_told_from_a_mark_by_its_name() -> None:
    """Only marks are bound by an action; ours and ISCC's names are fingerprints."""
    assert SoftBinding("org.reelproof.fp.dct256-8hz.1", b"").is_fingerprint
    assert SoftBinding("io.iscc.v0", b"").is_fingerprint
    assert not SoftBinding("org.reelproof.wm.x", b"").is_fingerprint
