"""`verify` over many clips with resume, and evidence bundles that are checked again without a network."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.video import transcode

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def clip(command: Command, tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    assert command("generate", "a red ball", "-o", path)[0] == 0
    return path


def test_a_batch_goes_on_where_it_stopped(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in the resume file is not worked out again, a line cut off in it is; --list names clips."""
    folder, kept = tmp_path / "clips", tmp_path / "done.jsonl"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (folder / name).write_bytes(b"not a video")
    code, first, _ = command("verify", folder, "--resume", kept, "--json")
    assert code == 0
    assert len(first.splitlines()) == len(kept.read_text().splitlines()) == 2
    kept.write_text(kept.read_text()[:-200])
    (tmp_path / "list.txt").write_text(f"# the second\n{folder / 'b.mp4'}\n\n")
    code, again, noted = command(
        "verify", folder / "a.mp4", "--list", tmp_path / "list.txt", "--resume", kept, "--json"
    )
    assert code == 0
    assert [json.loads(line)["conclusion"] for line in again.splitlines()] == ["unreadable", "unreadable"]
    assert "is no verdict of an earlier run" in noted
    monkeypatch.setattr("reelproof.cli.verifying._services", lambda: 1 / 0)
    code, third, _ = command("verify", folder, "--resume", kept, "--json")
    assert code == 0
    assert len(third.splitlines()) == 2
    assert "resume" not in json.loads(third.splitlines()[0])


def test_a_changed_clip_is_worked_out_again(command: Command, tmp_path: Path) -> None:
    """A clip of the same name with other bytes is another clip."""
    (tmp_path / "a.mp4").write_bytes(b"not a video")
    kept = tmp_path / "done.jsonl"
    command("verify", tmp_path / "a.mp4", "--resume", kept)
    (tmp_path / "a.mp4").write_bytes(b"still not a video")
    command("verify", tmp_path / "a.mp4", "--resume", kept)
    assert len(kept.read_text().splitlines()) == 2


@pytest.mark.slow
def test_a_bundle_is_checked_again_offline(command: Command, clip: Path, tmp_path: Path) -> None:
    """The bundle of a copy holds with the copy, stays open without it, and fails for another or a changed one."""
    copy, bundle = tmp_path / "copy.mp4", tmp_path / "copy.zip"
    transcode(clip, copy, crf=20)
    code, _, _ = command("verify", copy, "--bundle-out", bundle, "--html", tmp_path / "copy.html")
    assert code == 0
    assert "<html" in (tmp_path / "copy.html").read_text()
    code, printed, _ = command("verify", "--bundle", bundle, copy, "--json")
    checked = json.loads(printed)
    assert (code, checked["holds"], checked["conclusion"]) == (0, True, "recovered")
    assert {one["name"] for one in checked["checks"]} >= {"digests", "clip_bytes", "kept_credential", "fingerprint"}
    code, printed, _ = command("verify", "--bundle", bundle)
    assert code == 0
    assert "open" in printed
    assert command("verify", "--bundle", bundle, clip)[0] == 4
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'"recovered"', b'"verified"'))
    assert command("verify", "--bundle", changed)[0] == 4


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_bundle_is_said_plainly(command: Command, tmp_path: Path, content: bytes) -> None:
    """Empty files, other files and empty zips: exit 5 with a hint."""
    (tmp_path / "b.zip").write_bytes(content)
    code, printed, complaint = command("verify", "--bundle", tmp_path / "b.zip")
    assert (code, printed) == (5, "")
    assert "no evidence bundle" in complaint
