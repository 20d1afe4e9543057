"""The desk on the command line: consents granted, used and taken back."""

import json
from collections.abc import Callable
from pathlib import Path

Command = Callable[..., tuple[int, str, str]]
NAME = "Marlene Oberhauser"


def test_a_consent_from_grant_to_revocation(command: Command, tmp_path: Path) -> None:
    """Granted, used by `policy check`, listed without the name, revoked, and refused from then on."""
    code, said, _ = command("consent", "grant", NAME, "--purpose", "art", "--label", "test", "--json")
    assert code == 0
    given = json.loads(said)
    file = tmp_path / "token"
    file.write_text(given["token"])
    ask = ("policy", "check", f"{NAME} waters the plants", "--consent", f"@{file}", "--json", "--purpose")
    code, said, _ = command(*ask, "art")
    assert (code, json.loads(said)["outcome"]) == (0, "allow")
    code, said, _ = command(*ask, "advertising")
    assert (code, json.loads(said)["codes"][0]) == (3, 128)
    _, said, _ = command("consent", "list")
    assert given["id"] in said
    assert "Marlene" not in said
    assert command("consent", "revoke", given["id"])[0] == 0
    _, said, _ = command("consent", "show", given["id"])
    assert json.loads(said)["state"] == "revoked"
    code, said, _ = command(*ask, "art")
    assert (code, json.loads(said)["codes"][0]) == (3, 125)


def test_wrong_grants_are_usage_errors(command: Command) -> None:
    """A barred purpose, an unknown scope, a date that is none and a missing token file exit 2 with a hint."""
    for arguments in (
        ("consent", "grant", NAME, "--purpose", "sexual"),
        ("consent", "grant", NAME, "--scope", "world"),
        ("consent", "grant", NAME, "--from", "soon"),
        ("consent", "show", "ct_none"),
        ("policy", "check", "a cube", "--consent", "@nowhere"),
    ):
        code, _, said = command(*arguments)
        assert code == 2
        assert "hint:" in said
