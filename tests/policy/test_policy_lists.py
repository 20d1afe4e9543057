"""Rules of the lists: compiled reproducibly, checked when they load, and open to removal."""

import csv
import hashlib
import json
import lzma
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigurationError
from policy import compile_gazetteer
from policy.compile_sources import read_hand_list
from policy.confusables import skeleton
from policy.decision import Outcome, PolicyInput
from policy.filter import PolicyFilter
from policy.fold import fold, name_key
from policy.gazetteer import osa_distance
from policy.lists import DATA, load_lists
from policy.removal import removal_digest
from policy.views import MAX_VIEW_CHARS, MAX_VIEWS, views_of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A copy of the shipped lists that a test may change."""
    return shutil.copytree(DATA, tmp_path / "data")


def test_the_lists_are_those_of_their_manifest() -> None:
    """Every compiled list has the digest and number of lines of the manifest, which states sources and licences."""
    manifest = json.loads((DATA / "manifest.json").read_text(encoding="utf-8"))
    for name, stated in manifest["lists"].items():
        content = lzma.decompress((DATA / f"{name}.txt.xz").read_bytes())
        assert hashlib.sha256(content).hexdigest() == stated["sha256"]
        assert content.count(b"\n") == stated["lines"]
    assert manifest["licences"]
    assert all(len(digest) == 64 or digest.startswith("version") for digest in manifest["sources_sha256"].values())


def test_the_hand_lists_in_the_manifest_are_those_in_the_repository() -> None:
    """Nobody changed a hand-written list without compiling anew."""
    stated = json.loads((DATA / "manifest.json").read_text(encoding="utf-8"))["sources_sha256"]
    for path in (DATA / "source").iterdir():
        assert stated[f"source/{path.name}"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_gazetteer_holds_thousands_of_people_and_only_names_and_roles() -> None:
    """Each line is name, role, status, mode, tier and nothing else."""
    lines = load_lists().gazetteer
    assert len(lines) > 5000
    for line in lines:
        name, role, status, mode, tier = line.split("\t")
        assert name
        assert role.isalpha()
        assert (status in "ldh", mode in ".^~", tier in "012") == (True, True, True)


def test_a_removed_name_is_gone_at_the_next_start(data: Path) -> None:
    """A digest in removed.txt takes a person out without compiling, and changes the rule set's digest."""
    before = PolicyFilter.load(data)
    with (data / "removed.txt").open("a", encoding="ascii") as opened:
        opened.write(removal_digest(name_key("Zendaya")) + "\n")
    after = PolicyFilter.load(data)
    request = PolicyInput({"prompt": "Zendaya on a beach"})
    assert before.decide(request).outcome is Outcome.REFUSE
    assert after.decide(request).outcome is Outcome.ALLOW
    assert before.ruleset != after.ruleset


@pytest.mark.parametrize(
    "file", ["gazetteer.txt.xz", "words.txt.xz", "manifest.json", "cues.toml", "context_table.toml"]
)
@pytest.mark.parametrize("change", ["missing", "cut", "rubbish"])
def test_a_damaged_list_or_rule_keeps_the_filter_from_loading(data: Path, file: str, change: str) -> None:
    """A filter without its lists or rules is no filter: loading fails with a hint."""
    path = data / file
    content = path.read_bytes()
    path.unlink()
    if change != "missing":
        path.write_bytes(content[: len(content) // 2] if change == "cut" else b"\x00rubbish")
    with pytest.raises(ConfigurationError) as caught:
        PolicyFilter.load(data)
    assert caught.value.hint


def test_a_removal_list_with_a_name_in_it_is_refused(data: Path) -> None:
    """The removal list holds digests; a name written into it by mistake is an error, not a silent no-op."""
    (data / "removed.txt").write_text("jane example\n", encoding="ascii")
    with pytest.raises(ConfigurationError):
        PolicyFilter.load(data)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A miniature of the source folder, with invented people."""
    folder = tmp_path / "names"
    for name in ("corpora", "congress", "openfootball/europe", "popular"):
        (folder / name).mkdir(parents=True)
    lists = {"celebrities": "celebrities", "britishActors": "britishActors", "scientists": "scientists"}
    for file, key in {**lists, "wrestlers": "wrestlers"}.items():
        (folder / f"corpora/{file}.json").write_text(
            json.dumps({key: [f"Zorblat {file.title()}"]}), encoding="utf-8"
        )
    (folder / "corpora/richpeople.json").write_text(json.dumps({"richPeople": [{"name": "Goldo Quibble"}]}))
    (folder / "corpora/tolkienCharacterNames.json").write_text(json.dumps({"names": ["Frodo Baggins", "Wulf"]}))
    (folder / "leaders.json").write_text(json.dumps(["President Sir Xandor Mip QUORL", "MUTE"]), encoding="utf-8")
    for file, born in (("legislators-current", "1960-01-01"), ("legislators-historical", "1820-01-01")):
        with (folder / f"congress/{file}.csv").open("w", newline="", encoding="utf-8") as opened:
            writer = csv.DictWriter(opened, ["first_name", "last_name", "nickname", "birthday"])
            writer.writeheader()
            writer.writerow(
                {"first_name": "Plim", "last_name": f"Vox{born[:4]}", "nickname": "Pli", "birthday": born}
            )
    (folder / "congress/executive.yaml").write_text(
        "- id:\n  name:\n    first: Olden\n    last: Zurg\n  bio:\n    birthday: '1732-02-22'\n", encoding="utf-8"
    )
    (folder / "openfootball/europe/xx.players.txt").write_text(
        "= Nowhere\nBallo Kikker,   F,  1.80 m\nSolo,  M, 1.7 m\n", encoding="utf-8"
    )
    return folder


def test_the_compiler_takes_names_and_roles_and_leaves_the_rest(sources: Path) -> None:
    """Titles fall away, old records are left out or marked, single football names do not appear."""
    lines = {
        line.split("\t")[0]: line.split("\t")[1:]
        for line in compile_gazetteer.compile_people(sources, set(), set())
    }
    assert lines["zorblat celebrities"] == ["celebrity", "l", ".", "1"]
    assert lines["xandor mip quorl"][0] == lines["xandor quorl"][0] == "politician"
    assert lines["olden zurg"][1] == "h"
    assert lines["plim vox1960"] == lines["pli vox1960"]
    assert "plim vox1820" not in lines
    assert lines["ballo kikker"] == ["athlete", "l", ".", "2"]
    assert not {"solo", "mute", "president"} & set(lines)


def test_the_same_sources_give_the_same_lists(sources: Path) -> None:
    """Compiling twice gives the same lines in the same order."""
    first, second = (compile_gazetteer.compile_people(sources, set(), set()) for _ in range(2))
    assert first == second == sorted(first)


def test_the_hand_list_reads_without_a_fault() -> None:
    """Every line of the hand list has a name; statuses and modes are known ones."""
    rows = list(read_hand_list(DATA / "source/public_figures.txt"))
    assert len({row.name for row in rows}) > 900
    assert all(row.status in "ldh" and row.mode in ".^~" and name_key(row.name) for row in rows)


@given(st.text(max_size=200))
def test_folding_twice_changes_nothing(text: str) -> None:
    """A folded text is its own folded form."""
    assert fold(fold(text)) == fold(text)


@given(st.text(alphabet="ab c", max_size=8), st.text(alphabet="ab c", max_size=8))
def test_edit_distance_is_symmetric_and_zero_only_for_equals(left: str, right: str) -> None:
    """The distance is the same both ways, zero only between equals, at most the longer length."""
    distance = osa_distance(left, right, 20)
    assert distance == osa_distance(right, left, 20)
    assert (distance == 0) == (left == right)
    assert distance <= max(len(left), len(right))


@pytest.mark.parametrize(
    ("left", "right", "distance"), [("swift", "swfit", 1), ("swift", "swit", 1), ("a", "b", 1), ("", "ab", 2)]
)
def test_swapped_neighbours_count_once(left: str, right: str, distance: int) -> None:
    """A transposition is one edit (Damerau's addition to Levenshtein)."""
    assert osa_distance(left, right, 5) == distance


@given(st.text(max_size=400))
def test_views_are_bounded_and_keep_the_plain_text_first(text: str) -> None:
    """Views add; they never take the plain reading away, and their number and size are bounded."""
    views = views_of(text)
    assert views[0].name == "plain"
    assert len({view.text for view in views}) == len(views)
    # The plain view and what one decoding layer adds are counted outside the budget by at most one.
    assert len(views) <= MAX_VIEWS + 1
    assert sum(len(view.text) for view in views[1:]) <= MAX_VIEW_CHARS


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=100))
def test_plain_ascii_is_its_own_skeleton(text: str) -> None:
    """Only lookalikes change in a skeleton: plain letters stay, in lower case."""
    assert skeleton(text) == text.lower()
