"""Rules of the demo and of the self-test."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from generator.fake import FakeBackend, FakeInverter
from reelproof import wiring
from reelproof.backends import Backends
from reelproof.cli.output import chance
from reelproof.demo.story import picture_byte, tell
from reelproof.settings import Settings


@pytest.mark.slow
def test_the_demo_tells_its_whole_story(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verified, recovered, altered, refused, proven: each scene ends as it must, and leaves its files."""
    fake = Backends({"embedded": FakeBackend}, {"embedded": lambda _: FakeInverter()})
    monkeypatch.setattr(wiring, "backends_of", lambda _: fake)
    printed = Console(file=io.StringIO(), width=160)
    for _ in range(2):  # a second demo in the same folder starts anew
        story = tell(tmp_path / "demo", printed)
    conclusions = {name: str(verdict.conclusion) for name, verdict in story.verdicts.items()}
    assert conclusions == {"clip": "verified", "stripped": "recovered", "altered": "altered"}
    left = {path.name for path in (tmp_path / "demo").iterdir()}
    assert {"clip.mp4", "stripped.mp4", "altered.mp4", "contact-sheet.png", "report.html", "log.checkpoint"} <= left
    page = (tmp_path / "demo" / "report.html").read_text()
    assert all(word in page for word in ("verified", "recovered", "altered", "refused", story.log["root"]))
    assert json.loads((tmp_path / "demo" / "clip.verdict.json").read_text())["conclusion"] == "verified"
    assert not (tmp_path / "demo" / "refused.mp4").exists()


def test_the_changed_byte_lies_in_the_pictures() -> None:
    """The byte to change is inside `mdat`, also behind other boxes; a file without one is refused."""
    box = (16).to_bytes(4, "big") + b"free" + bytes(8)
    media = (108).to_bytes(4, "big") + b"mdat" + bytes(100)
    assert 24 <= picture_byte(box + media) < 16 + 108
    with pytest.raises(ValueError, match="mdat"):
        picture_byte(box)


def test_a_chance_too_small_for_a_float_is_not_called_zero() -> None:
    """An underflown p-value reads as a bound."""
    assert chance(0.0) == "p < 1e-300"
    assert chance(3.7e-152) == "p = 3.7e-152"


@pytest.mark.slow
def test_doctor_tries_every_part(command: Callable[..., tuple[int, str, str]]) -> None:
    """A sound home passes; each part reports, and signing and confinement are really tried."""
    code, printed, _ = command("doctor", "--json")
    found = json.loads(printed)
    parts = {finding["part"] for finding in found["findings"]}
    assert (code, found["ok"]) == (0, True)
    assert {"installation", "home", "keys", "trust", "log", "sandbox", "signing", "model"} <= parts


@pytest.mark.slow
def test_doctor_names_a_key_that_does_not_open(
    command: Callable[..., tuple[int, str, str]], settings: Settings
) -> None:
    """With the passphrase gone, doctor says so with a hint and exits 6."""
    (settings.home / "passphrase").write_text("another passphrase, long enough")
    code, printed, _ = command("doctor")
    assert code == 6
    assert "FAIL  keys" in printed
    assert "hint: " in printed
