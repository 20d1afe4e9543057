"""`verify` of a stream in segments: a line for each window, as it comes."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from detector import following, longfiles
from provenance.fetching import Fetched
from reelproof.cli import addresses, verifying
from tests.detector.segmenting import Site, served
from tests.detector.test_detector_long_files import encoded

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


@pytest.fixture
def long_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight seconds with a key frame each second, where clips over three seconds are long and windows have two."""
    for name, value in (("LONG_S", 3.0), ("WINDOW_S", 2.0), ("_SMALL_BYTES", 0)):
        monkeypatch.setattr(longfiles, name, value)
    return encoded(tmp_path, "long.mp4", "libx264")


def test_a_long_clip_is_judged_window_by_window(command: Command, long_clip: Path) -> None:
    """First what its credential says of all of it, then a line for each window; without one, all of them count."""
    code, said, _ = command("verify", long_clip, "--json")
    lines = [json.loads(line) for line in said.splitlines()]
    times = [(round(one["start_s"]), round(one["end_s"])) for one in lines]
    assert (code, times) == (0, [(0, 8), (0, 2), (2, 4), (4, 6), (6, 8)])
    assert {one["conclusion"] for one in lines} == {"no_evidence"}
    narrowed = [any("other stretches of this long file" in limit for limit in one["limits"]) for one in lines[1:]]
    assert narrowed == [True, False, True, False]
    code, said, _ = command("verify", long_clip, "--require", "verified")
    assert code == 4
    assert "0.0-8.0 s" in said


def test_a_report_of_a_long_clip_is_of_all_of_it(command: Command, long_clip: Path, tmp_path: Path) -> None:
    """Where a page is asked for, the clip is judged in one, as a short one is."""
    code, said, _ = command("verify", long_clip, "--json", "--html", tmp_path / "report.html")
    assert code == 0
    assert "start_s" not in json.loads(said)
    assert (tmp_path / "report.html").stat().st_size > 1_000


def test_a_long_clip_with_a_credential_is_what_that_says(command: Command, long_clip: Path, tmp_path: Path) -> None:
    """Signed and whole, the file counts as verified whatever its windows show by themselves."""
    sealed = tmp_path / "sealed.mp4"
    assert command("seal", long_clip, "--output", sealed)[0] == 0
    code, said, _ = command("verify", sealed, "--json", "--require", "verified")
    assert code == 0
    assert json.loads(said.splitlines()[0])["conclusion"] == "verified"


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


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site on loopback that this command line may reach; `addresses.stream_limits` stays as it is."""
    limits = addresses.stream_limits()
    near = replace(limits, fetch=replace(limits.fetch, allows_private=True))
    monkeypatch.setattr(verifying, "stream_limits", lambda: near)
    with served(tmp_path) as found:
        yield found


def test_a_stream_at_an_address_gives_the_same_lines(command: Command, tmp_path: Path, site: Site) -> None:
    """Window by window, as from the folder, under the address that was given."""
    stream(tmp_path, 5)
    code, said, _ = command("verify", f"{site.url}/stream.m3u8?token=1", "--json")
    assert code == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert [(one["start_s"], one["end_s"]) for one in lines] == [(0.0, 12.0), (12.0, 24.0), (24.0, 30.0)]
    assert {one["path"] for one in lines} == {f"{site.url}/stream.m3u8?token=1"}
    code, _, said = command("verify", f"{site.url}/stream.m3u8", "--html", tmp_path / "out.html")
    assert (code, "hint:" in said) == (2, True)


def test_a_clip_at_an_address_is_fetched(command: Command, tmp_path: Path, site: Site) -> None:
    """One verdict, and a report where one is asked for; what is not there, or no clip, ends like a file."""
    (tmp_path / "clip.mp4").write_bytes(b"no clip")
    report = tmp_path / "report.html"
    code, said, _ = command("verify", f"{site.url}/clip.mp4", "--json", "--html", report)
    assert (code, json.loads(said)["conclusion"]) == (5, "unreadable")
    assert report.is_file()
    code, _, said = command("verify", f"{site.url}/none.mp4")
    assert (code, "status 404" in said) == (2, True)


@pytest.mark.parametrize(
    "url", ["http://example.org/a.m3u8", "https://127.0.0.1/a.m3u8", "https://[::1]/", "https://u:p@example.org/a"]
)
def test_the_command_line_keeps_the_guards_of_the_server(command: Command, url: str) -> None:
    """No other scheme, no private place, no password: refused as usage before anything is asked."""
    code, said, err = command("verify", url, "--json")
    assert (code, said) == (2, "")
    assert "hint:" in err


def test_an_address_is_verified_by_itself(command: Command, tmp_path: Path) -> None:
    """Beside other clips, in a list or with --resume it is refused, and nothing is fetched."""
    (tmp_path / "list").write_text("https://example.org/a.mp4\n/b.mp4\n")
    for given in (("https://example.org/a.mp4", "b.mp4"), ("--list", tmp_path / "list"),
                  ("https://example.org/a.mp4", "--resume", tmp_path / "kept")):  # fmt: skip
        code, _, said = command("verify", *given)
        assert (code, "one address" in said) == (2, True)


@pytest.mark.parametrize("ending", ["..", "%2e%2e", "a%00b.mp4", "x" * 300, "é" * 300, "", "clip.mp4"])
def test_what_an_address_ends_in_is_a_file_s_name(ending: str) -> None:
    """Dots, control characters and endless names from outside still give one file in a folder of its own."""
    with addresses.kept_for_now(Fetched(200, "video/mp4", b"bytes", f"https://example.org/{ending}")) as path:
        assert path.read_bytes() == b"bytes"
        folder = path.parent
    assert not folder.exists()


def test_a_live_playlist_is_followed_while_it_grows(command: Command, tmp_path: Path, site: Site) -> None:
    """A site that adds segments while it is read: a line for each window as it comes, until the playlist ends."""

    def grow() -> None:
        for count in range(1, 7):
            for number in range(count):
                (tmp_path / f"{number}.ts").write_bytes(b"no pictures")
            lines = "".join(f"#EXTINF:6,\n{number}.ts\n" for number in range(count))
            end = "#EXT-X-ENDLIST\n" if count == 6 else ""
            (tmp_path / "part").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n{lines}{end}")
            (tmp_path / "part").rename(tmp_path / "live.m3u8")
            grown.wait(0.7)

    grown = threading.Event()
    thread = threading.Thread(target=grow, daemon=True)
    thread.start()
    grown.wait(0.2)
    code, said, _ = command("verify", f"{site.url}/live.m3u8", "--follow", "--for", "60", "--json")
    thread.join()
    assert code == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert [(one["start_s"], one["end_s"]) for one in lines] == [(0.0, 12.0), (12.0, 24.0), (24.0, 36.0)]
    assert site.asked.count("/live.m3u8") > 1
    assert site.asked.count("/0.ts") == 1


def test_following_ends_when_time_is_up_and_at_ctrl_c(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stood there is judged, exit 0; an interrupt says what was not judged."""
    path = stream(tmp_path, 5)
    path.write_text(path.read_text().replace("#EXT-X-ENDLIST\n", ""))
    code, said, _ = command("verify", path, "--follow", "--for", "0")
    assert (code, len(said.splitlines())) == (0, 3)

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(following, "Pace", replace_wait(interrupted))
    code, said, noted = command("verify", path, "--follow")
    assert (code, len(said.splitlines()), "stopped" in noted) == (0, 2, True)


def replace_wait(wait: Callable[[float], None]) -> Callable[[float | None], following.Pace]:
    return lambda for_s, made=following.Pace: made(for_s, wait=wait)  # type: ignore[misc]


def test_only_playlists_are_followed(command: Command, tmp_path: Path) -> None:
    """A clip, a folder, or a time without --follow: usage errors that say what to do."""
    (tmp_path / "clip.mp4").write_bytes(b"no clip")
    for given in (("--follow", tmp_path / "clip.mp4"), ("--for", "5", stream(tmp_path, 1))):
        code, _, said = command("verify", *given)
        assert (code, "hint:" in said) == (2, True)
