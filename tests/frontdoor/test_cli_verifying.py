"""`verify` over many clips with resume, and evidence bundles that are checked again without a network."""

import json
import os
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


def test_names_of_files_are_inert(command: Command, tmp_path: Path) -> None:
    """A name with escape sequences, direction marks or odd bytes moves no cursor and ends no batch, here or in the
    file to go on from."""
    folder, kept = tmp_path / "clips", tmp_path / "done.jsonl"
    folder.mkdir()
    for name in (b"a\x1b]0;owned\x07.mp4", b"b\xff.mp4", "c\u202e4pm.mp4".encode(), b"d\x9b31m.mp4"):
        (folder / os.fsdecode(name)).write_bytes(b"not a video")
    for options in ((), ("--resume", kept), ("--json",), ("--json", "--resume", kept)):
        code, said, noted = command("verify", folder, *options)
        assert (code, len(said.splitlines())) == (0, 4)
        assert not set("\x1b\x07\u202e\x9b") & set(said + noted)
        said.encode()
    assert len(kept.read_text().splitlines()) == 4
    assert {json.loads(line)["path"] for line in said.splitlines()} == {str(one) for one in folder.iterdir()}
    code, _, noted = command("verify", folder / os.fsdecode(b"none\x1b[31m"))
    assert (code, "\x1b" in noted) == (5, False)


def test_what_can_t_be_opened_ends_no_batch(command: Command, tmp_path: Path) -> None:
    """A link to nothing among a thousand clips is a line of its own, and the others are judged."""
    for name in ("a.mp4", "c.mp4"):
        (tmp_path / name).write_bytes(b"not a video")
    (tmp_path / "b.mp4").symlink_to("nowhere")
    code, said, noted = command("verify", tmp_path, "--json")
    assert code == 0
    assert [json.loads(line)["conclusion"] for line in said.splitlines()] == ["unreadable"] * 3
    assert "b.mp4" in noted


def test_a_bundle_from_a_stranger_writes_no_control_characters(command: Command, tmp_path: Path) -> None:
    """What a bundle says its conclusion was is text from its maker."""
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as made:
        verdict = {"schema": "reelproof.verdict/1", "conclusion": "\x1b[2J" + "x" * 5000}
        made.writestr("verdict.json", json.dumps(verdict))
        made.writestr("bundle.json", json.dumps({"schema": "reelproof.bundle/1", "files": {}}))
    code, said, noted = command("verify", "--bundle", tmp_path / "bundle.zip")
    assert code in (4, 5)
    assert "\x1b" not in said + noted
    assert max(map(len, said.splitlines() or [""])) < 200


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
