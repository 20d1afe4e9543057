"""A credential's own account of its sources: told to any depth that is reasonable, and never further."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.history import MAX_DEPTH, MAX_NODES, pictures_in, told_ingredients
from provenance.manifest import ClipOrigin, Ingredient, ManifestFacts, Relationship
from provenance.reading import read_manifest
from provenance.signers import LocalSigner
from provenance.signing import sign_clip
from provenance.store import find_store
from provenance.trust import TrustStore

Facts = Callable[..., ManifestFacts]


def manifest(*names: str, **more: Any) -> dict[str, Any]:
    """A manifest that names others as its ingredients, as the library reads one."""
    listed = [{"title": name, "relationship": "parentOf", "active_manifest": name} for name in names]
    return {"ingredients": listed, "signature_info": {"issuer": "Somebody"}, **more}


def counted(ingredients: Any) -> int:
    return sum(1 + counted(one.get("ingredients", ())) for one in ingredients)


def deepest(ingredients: Any) -> int:
    return max((1 + deepest(one.get("ingredients", ())) for one in ingredients), default=0)


def test_a_thousand_generations_end_after_a_few() -> None:
    """A chain of a thousand: the nearest are told, and the last of them says that there are more."""
    manifests = {str(i): manifest(str(i + 1)) for i in range(1000)}
    told, left_out = told_ingredients({"manifests": manifests}, "0")
    assert (counted(told), deepest(told), left_out) == (MAX_DEPTH, MAX_DEPTH, 0)
    last = told[0]
    while last["ingredients"]:
        last = last["ingredients"][0]
    assert last["left_out"] == 1


def test_a_circle_goes_round_once() -> None:
    """A manifest that leads back to itself is named there, marked as repeated, and goes no deeper."""
    manifests = {"a": manifest("b"), "b": manifest("c"), "c": manifest("a", "c")}
    ((b,), _) = told_ingredients({"manifests": manifests}, "a")
    (c,) = b["ingredients"]
    assert [one["is_repeated"] for one in c["ingredients"]] == [True, True]
    assert [one["ingredients"] for one in c["ingredients"]] == [[], []]


def test_everyone_naming_everyone_stays_small() -> None:
    """Thirty manifests that each name all thirty would be 30^8 files: 64 are told, at once, nearest first."""
    names = [str(i) for i in range(30)]
    manifests = {name: manifest(*names) for name in names}
    began = time.monotonic()
    told, left_out = told_ingredients({"manifests": manifests}, "0")
    assert time.monotonic() - began < 1.0
    assert (counted(told), len(told), left_out) == (MAX_NODES, 30, 0)
    assert sum(one["left_out"] for one in told) > 800


def test_more_sources_than_are_told_are_counted() -> None:
    """Of a hundred sources of one file 64 are told and 36 counted; long titles are cut."""
    manifests = {"a": manifest(*("x" * 10_000 for _ in range(100)))}
    told, left_out = told_ingredients({"manifests": manifests}, "a")
    assert (len(told), left_out) == (64, 36)
    assert max(len(one["title"]) for one in told) <= 400


NAMES = st.sampled_from(["a", "b", "c", "d", ""])
ODD = st.recursive(st.none() | st.booleans() | st.integers() | NAMES, lambda one: st.lists(one, max_size=3))
SOURCE = st.fixed_dictionaries(
    {}, optional={"title": ODD, "active_manifest": NAMES, "thumbnail": ODD, "label": ODD}
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(NAMES, st.fixed_dictionaries({}, optional={"ingredients": st.lists(SOURCE | ODD, max_size=4)}))
)
def test_any_store_gives_a_bounded_tree(manifests: dict[str, Any]) -> None:
    """Whatever names whatever: JSON, at most 64 files, at most 8 levels."""
    told, left_out = told_ingredients({"manifests": manifests}, "a")
    assert json.loads(json.dumps(told)) == list(told)
    assert counted(told) <= MAX_NODES
    assert deepest(told) <= MAX_DEPTH
    assert left_out >= 0


@pytest.fixture(scope="module")
def chain(
    plain_mp4: Path, signer: LocalSigner, some_facts: Facts, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Twelve clips, each an edit of the one before, each with small pictures of its own."""
    folder, made = tmp_path_factory.mktemp("chain"), []
    for i in range(12):
        thumbnail = {"thumbnail": b"\xff\xd8" + bytes([i]) * 50}
        if made:
            parent = Ingredient(made[-1], f"{i - 1}.mp4", Relationship.PARENT)
            thumbnail |= {"origin": ClipOrigin.EDITED, "change": "cut", "ingredients": (parent,)}
        sign_clip(plain_mp4, folder / f"{i}.mp4", some_facts(**thumbnail), signer)
        made.append(folder / f"{i}.mp4")
    return made


def test_a_chain_of_real_edits_is_told_with_signers_and_pictures(chain: list[Path], trust: TrustStore) -> None:
    """Eight of eleven generations, each with who signed it and the very bytes of its small picture."""
    report = read_manifest(chain[-1], trust)
    assert report.is_intact
    here, names = report.ingredients, [report.thumbnail]
    for generation in range(10, 2, -1):
        (one,) = here
        assert (one["title"], one["failures"], one["origin"]) == (f"{generation}.mp4", [], "generated")
        assert one["signed_by"]
        names.append(one["thumbnail"])
        here = one["ingredients"]
    assert (here, one["left_out"]) == ([], 1)
    with chain[-1].open("rb") as file:
        store = find_store(file)
    assert store is not None
    pictures = dict(pictures_in(store, [name for name in names if name] + ["self#jumbf=/c2pa/none", "no name"]))
    assert [pictures[str(name)][2] for name in names] == list(range(11, 2, -1))
    assert len(pictures) == len(names)


def test_what_was_changed_is_named_where_it_stands(
    chain: list[Path], plain_mp4: Path, signer: LocalSigner, some_facts: Facts, trust: TrustStore, tmp_path: Path
) -> None:
    """A tampered clip two generations up: the failure stands at that file and not at the others."""
    content = bytearray(chain[1].read_bytes())
    content[content.index(b"mdat") + 100] ^= 1
    given = tmp_path / "tampered.mp4"
    given.write_bytes(content)
    for name in ("first.mp4", "second.mp4"):
        parent = Ingredient(given, given.name, Relationship.PARENT)
        facts = some_facts(origin=ClipOrigin.EDITED, change="cut", ingredients=(parent,))
        given = sign_clip(plain_mp4, tmp_path / name, facts, signer).path
    (first,) = read_manifest(given, trust).ingredients
    (tampered,) = first["ingredients"]
    assert (tampered["title"], tampered["failures"]) == ("tampered.mp4", ["assertion.bmffHash.mismatch"])
    assert first["title"] == "first.mp4"
