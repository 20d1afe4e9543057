"""What went into a clip: inputs, parents, their own credentials and small pictures, read back by both readers."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import c2pa
import cv2
import numpy as np
import pytest

from core.clip import Clip
from core.video import write_clip
from provenance.manifest import Action, ClipOrigin, Ingredient, ManifestFacts, Relationship
from provenance.reading import read_manifest
from provenance.records import ManifestReport, SignedClip
from provenance.settings import context_with
from provenance.signers import LocalSigner
from provenance.signing import SigningFailed, require_whole, sign_clip
from provenance.trust import TrustStore

Facts = Callable[..., ManifestFacts]
_COMPOSITE = "compositeWithTrainedAlgorithmicMedia"


def small_picture(seed: int) -> bytes:
    picture = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", picture)[1].tobytes())


def by_the_library(path: Path) -> tuple[dict[str, Any], c2pa.Reader]:
    reader = c2pa.Reader("video/mp4", io.BytesIO(path.read_bytes()), context=context_with(()))
    return dict(reader.get_active_manifest()), reader


def actions(report: ManifestReport) -> list[dict[str, Any]]:
    return list(report.assertions["c2pa.actions.v2"]["actions"])


@pytest.fixture(scope="module")
def extended(
    plain_mp4: Path,
    signed: SignedClip,
    signer: LocalSigner,
    some_facts: Facts,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """An edit of the signed clip in which a picture went along."""
    folder = tmp_path_factory.mktemp("extended")
    (folder / "still.jpg").write_bytes(small_picture(1))
    facts = some_facts(
        origin=ClipOrigin.EDITED,
        change="extended by 2 s",
        ingredients=(
            Ingredient(signed.path, "before.mp4", Relationship.PARENT, small_picture(2)),
            Ingredient(folder / "still.jpg", "still.jpg"),
        ),
        thumbnail=small_picture(3),
    )
    sign_clip(plain_mp4, folder / "extended.mp4", facts, signer)
    return folder / "extended.mp4"


def test_an_edit_opens_its_parent_and_says_what_a_model_did(extended: Path, trust: TrustStore) -> None:
    """`opened` on the parent, then `edited` with the further input; never a second `created`."""
    report = read_manifest(extended, trust)
    opened, edited = actions(report)[:2]
    assert report.is_intact
    assert [opened["action"], edited["action"]] == ["c2pa.opened", "c2pa.edited"]
    assert edited["digitalSourceType"].endswith(_COMPOSITE)
    assert edited["description"] == "extended by 2 s"
    assert edited["softwareAgent"]["name"] == "test-model"
    assert len(opened["parameters"]["ingredients"]) == len(edited["parameters"]["ingredients"]) == 1
    assert report.origin == "generated"
    assert "c2pa.created" not in [one["action"] for one in actions(report)]


def test_the_parents_own_credential_is_kept_and_told(extended: Path, signed: SignedClip, trust: TrustStore) -> None:
    """Both readers find the parent's manifest inside; ours says what it attests."""
    parent, still = read_manifest(extended, trust).ingredients
    assert (parent["title"], parent["relationship"]) == ("before.mp4", "parentOf")
    assert parent["active_manifest"] == signed.manifest_id
    assert parent["origin"] == "generated"
    assert parent["claim_generator"].startswith("Reelproof")
    assert (still["title"], still["relationship"]) == ("still.jpg", "inputTo")
    assert "active_manifest" not in still
    manifest, reader = by_the_library(extended)
    assert [one["title"] for one in manifest["ingredients"]] == ["before.mp4", "still.jpg"]
    assert signed.manifest_id in json.loads(reader.json())["manifests"]


def test_thumbnails_are_the_very_bytes_that_were_given(extended: Path, trust: TrustStore) -> None:
    """The clip's and the ingredient's small picture come out as they went in."""
    manifest, reader = by_the_library(extended)
    for told, expected in ((manifest, small_picture(3)), (manifest["ingredients"][0], small_picture(2))):
        found = io.BytesIO()
        reader.resource_to_stream(told["thumbnail"]["identifier"], found)
        assert told["thumbnail"]["format"] == "image/jpeg"
        assert found.getvalue() == expected
    report = read_manifest(extended, trust)
    assert report.has_thumbnail
    assert [one["has_thumbnail"] for one in report.ingredients] == [True, False]


def test_a_thumbnail_that_is_missing_stops_the_release(
    signed: SignedClip, trust: TrustStore, some_facts: Facts
) -> None:
    """Read back: what was to have one and has none is not published."""
    with pytest.raises(SigningFailed, match="thumbnail"):
        require_whole(read_manifest(signed.path, trust), some_facts(thumbnail=small_picture(1)))


def test_a_chain_of_edits_is_told_to_its_beginning(
    extended: Path, signed: SignedClip, plain_mp4: Path, tmp_path: Path, signer: LocalSigner, trust: TrustStore,
    some_facts: Facts,
) -> None:  # fmt: skip
    """An edit of an edit: our reader walks down to the clip it began with."""
    parent = Ingredient(extended, "extended.mp4", Relationship.PARENT)
    again = tmp_path / "again.mp4"
    sign_clip(plain_mp4, again, some_facts(origin=ClipOrigin.EDITED, ingredients=(parent,)), signer)
    (first,) = read_manifest(again, trust).ingredients
    assert first["title"] == "extended.mp4"
    assert [one["title"] for one in first["ingredients"]] == ["before.mp4", "still.jpg"]
    assert first["ingredients"][0]["active_manifest"] == signed.manifest_id
    assert first["ingredients"][0]["ingredients"] == []


@pytest.mark.parametrize("kind", ["image", "video"])
def test_what_a_clip_was_made_from_is_an_input(
    kind: str, plain_mp4: Path, signed: SignedClip, tmp_path: Path, signer: LocalSigner, trust: TrustStore,
    some_facts: Facts,
) -> None:  # fmt: skip
    """Image-to-video and video-to-video: `created`, and the file that went in as `inputTo` with its credential."""
    given = signed.path
    if kind == "image":
        given = tmp_path / "given.png"
        given.write_bytes(cv2.imencode(".png", np.full((16, 16, 3), 90, np.uint8))[1].tobytes())
    target = tmp_path / "made.mp4"
    sign_clip(plain_mp4, target, some_facts(ingredients=(Ingredient(given, "given"),)), signer)
    report = read_manifest(target, trust)
    assert report.is_intact
    assert actions(report)[0]["action"] == "c2pa.created"
    assert len(actions(report)[0]["parameters"]["ingredients"]) == 1
    (told,) = report.ingredients
    assert told["relationship"] == "inputTo"
    assert told.get("active_manifest") == (signed.manifest_id if kind == "video" else None)


def test_a_tampered_input_is_named_and_does_not_pass_for_whole(
    signed: SignedClip, plain_mp4: Path, tmp_path: Path, signer: LocalSigner, trust: TrustStore, some_facts: Facts
) -> None:
    """Signing over a tampered parent doesn't heal it: the failure stands among the ingredients' failures."""
    content = bytearray(signed.path.read_bytes())
    place = content.index(b"mdat") + 100
    content[place] ^= 1
    (tmp_path / "tampered.mp4").write_bytes(content)
    parent = Ingredient(tmp_path / "tampered.mp4", "tampered.mp4", Relationship.PARENT)
    target = tmp_path / "laundered.mp4"
    sign_clip(plain_mp4, target, some_facts(origin=ClipOrigin.EDITED, ingredients=(parent,)), signer)
    report = read_manifest(target, trust)
    assert report.is_intact
    assert "assertion.bmffHash.mismatch" in report.ingredient_failures


def test_other_things_done_stand_in_their_order(
    plain_mp4: Path, tmp_path: Path, signer: LocalSigner, trust: TrustStore, some_facts: Facts
) -> None:
    """Further actions come after the first and before the marks, each with time and program."""
    done = (Action("c2pa.transcoded", "encoded anew"), Action("c2pa.addedText", "a label"))
    target = tmp_path / "done.mp4"
    sign_clip(plain_mp4, target, some_facts(actions=done), signer)
    found = actions(read_manifest(target, trust))
    names = [one["action"] for one in found]
    assert names[:4] == ["c2pa.created", "c2pa.transcoded", "c2pa.addedText", "c2pa.watermarked.bound"]
    assert found[2]["description"] == "a label"
    assert all(one["when"] and one["softwareAgent"]["name"] for one in found)


def test_only_edits_and_seals_have_parents(some_facts: Facts, signed: SignedClip) -> None:
    """An edit without the clip it changes, and a generated clip with one, are refused."""
    with pytest.raises(ValueError, match="parentOf"):
        some_facts(origin=ClipOrigin.EDITED)
    with pytest.raises(ValueError, match="parentOf"):
        some_facts(ingredients=(Ingredient(signed.path, "x", Relationship.PARENT),))


@pytest.mark.clips
@pytest.mark.parametrize("name", ["G1_EarthFall_Veo3.mp4", "G1_EarthFall_Sora2.mp4"])
def test_a_vendors_clip_keeps_its_credential_inside_ours(
    name: str, sample: Callable[[str], Path], plain_mp4: Path, tmp_path: Path, signer: LocalSigner,
    trust: TrustStore, some_facts: Facts,
) -> None:  # fmt: skip
    """Google's and OpenAI's manifests stand whole in the store of a clip made from theirs."""
    vendor = sample(f"c2pa/vendor/{name}")
    before = read_manifest(vendor, trust)
    facts = some_facts(
        origin=ClipOrigin.EDITED, ingredients=(Ingredient(vendor, name, Relationship.PARENT),)
    )  # fmt: skip
    target = tmp_path / "made.mp4"
    sign_clip(plain_mp4, target, facts, signer)
    report = read_manifest(target, trust)
    assert report.is_intact
    assert report.ingredient_failures == ()
    (told,) = report.ingredients
    assert told["active_manifest"] == before.manifest_id
    assert told["claim_generator"] == before.claim_generator
    assert told["origin"] == "generated"


def test_a_clip_of_another_length_is_no_parent_by_mistake(
    tmp_path: Path, plain_mp4: Path, signer: LocalSigner, some_facts: Facts, moving_shapes: Callable[..., Clip]
) -> None:
    """Signing leaves the ingredient's file as it is."""
    given = tmp_path / "given.mp4"
    write_clip(moving_shapes(4, frames=6), given, crf=30, preset="ultrafast")
    before = given.read_bytes()
    sign_clip(plain_mp4, tmp_path / "out.mp4", some_facts(ingredients=(Ingredient(given, "given"),)), signer)
    assert given.read_bytes() == before
