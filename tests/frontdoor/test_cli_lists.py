"""The lists of names on the command line: shown, updated, and a name taken out."""

import json
from collections.abc import Callable
from pathlib import Path

from policy.list_release import pack
from policy.lists import DATA
from reelproof.filtering import policy_filter
from reelproof.settings import load_settings

Command = Callable[..., tuple[int, str, str]]
NAME = "Marie Curie"


def test_the_lists_in_use_are_shown(command: Command) -> None:
    """Version, signer and sizes."""
    code, said, _ = command("policy", "lists", "--json")
    shown = json.loads(said)
    assert code == 0
    assert shown["version"] > 2026000000
    assert shown["lines"]["gazetteer"] > 30_000
    assert shown["removed_here"] == 0


def test_a_name_taken_out_is_in_no_list_and_its_digest_is_all_that_is_kept(command: Command) -> None:
    """After `policy remove` the loaded filter decides by other lists; neither file nor log holds the name."""
    before = policy_filter(load_settings()).ruleset
    code, said, _ = command("policy", "remove", NAME)
    assert (code, "taken out" in said) == (0, True)
    settings = load_settings()
    assert policy_filter(settings).ruleset != before
    assert "curie" not in (settings.home / "removed.txt").read_text().lower()
    assert "Curie" not in command("audit", "list", "--json")[1]
    assert json.loads(command("policy", "lists", "--json")[1])["removed_here"] == 1


def test_a_release_that_is_not_newer_is_told_so(command: Command, tmp_path: Path) -> None:
    """The shipped lists, packed, are no update; rubbish is no release."""
    pack(DATA, tmp_path / "same.zip")
    code, _, told = command("policy", "update", str(tmp_path / "same.zip"))
    assert code != 0
    assert "is in use" in told
    (tmp_path / "rubbish.zip").write_text("rubbish")
    code, _, told = command("policy", "update", str(tmp_path / "rubbish.zip"))
    assert code != 0
    assert "no release" in told
