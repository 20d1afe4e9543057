"""`verify` of a stream in segments: a line for each window, as it comes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str, str]]


def stream(folder: Path, segments: int) -> Path:
    for number in range(segments):
        (folder / f"{number}.ts").write_bytes(b"no pictures")
    lines = "".join(f"#EXTINF:6.0,\n{number}.ts\n" for number in range(segments))
    (folder / "stream.m3u8").write_text(f"#EXTM3U\n{lines}#EXT-X-ENDLIST\n")
    return folder / "stream.m3u8"


def test_a_stream_gives_a_line_for_every_window(command: Command, tmp_path: Path) -> None:
    """Five segments of six seconds are three windows of at least ten, the last as long as it is."""
    code, said, _ = command("verify", stream(tmp_path, 5), "--json")
    assert code == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert [(one["start_s"], one["end_s"]) for one in lines] == [(0.0, 12.0), (12.0, 24.0), (24.0, 30.0)]
    assert {one["conclusion"] for one in lines} == {"unreadable"}
    assert {one["path"] for one in lines} == {str(tmp_path / "stream.m3u8")}


def test_a_stream_for_people_and_what_is_required_of_it(command: Command, tmp_path: Path) -> None:
    """In words: conclusion, time and sentence; `--require` holds only if every window has that conclusion."""
    code, said, _ = command("verify", stream(tmp_path, 2), "--require", "verified")
    assert code == 4
    assert "0.0-12.0 s" in said


@pytest.mark.parametrize("option", ["--html", "--pdf", "--bundle-out"])
def test_a_stream_has_no_report_of_one_clip(command: Command, tmp_path: Path, option: str) -> None:
    """A report is of one clip: asked for one of a stream, the command says what to do."""
    code, _, said = command("verify", stream(tmp_path, 2), option, tmp_path / "out")
    assert code == 2
    assert "hint:" in said


def test_a_playlist_that_leads_elsewhere_is_refused(command: Command, tmp_path: Path) -> None:
    """A segment named by an address or above the folder ends the command with 5, nothing read."""
    (tmp_path / "stream.m3u8").write_text("#EXTM3U\n#EXTINF:6.0,\n../../etc/hostname\n#EXT-X-ENDLIST\n")
    code, _, said = command("verify", tmp_path / "stream.m3u8")
    assert code == 5
    assert "own folder" in said
