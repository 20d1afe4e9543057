"""Live streams: every segment judged once, as the playlist grows, until it ends, stalls or time is up."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ServiceUnreachable, UnreadableInput
from detector.fetchedstreams import StreamLimits, followed_behind
from detector.following import Pace, followed
from detector.playlists import NamedSegment, Playlist
from detector.streams import ON_DISK, Piece, Window
from provenance.fetching import FetchLimits, fetch
from tests.detector.segmenting import Site, served

NEAR = StreamLimits(FetchLimits(max_bytes=1 << 20, wall_s=5.0, allows_private=True), max_requests=60)


class Stage:
    """A playlist that shows another state after every wait, and a clock that stands still in between."""

    def __init__(self, write: Callable[[int], None]) -> None:
        self.write, self.turn, self.now_s, self.waits = write, 0, 0.0, list[float]()
        write(0)

    def pace(self, for_s: float | None = None, **more: float) -> Pace:
        return Pace(for_s, clock=lambda: self.now_s, wait=self._wait, **more)

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_s += seconds
        self.turn += 1
        self.write(self.turn)


def hls(first: int, last: int, *, ends: bool = False, target: int = 4) -> str:
    lines = [f"#EXTM3U\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:{first}"]
    lines += [f"#EXTINF:4,\n{number}.ts" for number in range(first, last)]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ends else []), ""])


def names(windows: Iterator[Window]) -> list[list[str]]:
    return [[one.piece.path.name for one in window.segments] for window in windows]


def test_every_segment_is_in_one_window_as_a_sliding_playlist_grows(tmp_path: Path) -> None:
    """Three of the newest segments at a time, two new each time: windows of ten seconds, none twice or left out."""
    path = tmp_path / "live.m3u8"
    stage = Stage(lambda turn: path.write_text(hls(2 * turn, 2 * turn + 3, ends=turn == 4)) and None)
    windows = list(followed(Piece(path), ON_DISK, stage.pace()))
    assert names(iter(windows)) == [[f"{n}.ts" for n in range(i, min(i + 3, 11))] for i in range(0, 11, 3)]
    assert [one.start_s for one in windows] == [0.0, 12.0, 24.0, 36.0]
    assert {one.missed for one in windows} == {0}
    assert stage.waits == [4.0] * 4


def test_what_was_gone_before_it_was_seen_is_counted(tmp_path: Path) -> None:
    """A playlist that slides faster than it is read: the next window says how many segments it never saw."""
    path = tmp_path / "live.m3u8"
    stage = Stage(lambda turn: path.write_text(hls(10 * turn, 10 * turn + 3, ends=turn == 1)) and None)
    assert [one.missed for one in followed(Piece(path), ON_DISK, stage.pace())] == [0, 7]


def test_it_ends_when_time_is_up_or_nothing_comes_any_more(tmp_path: Path) -> None:
    """After so many seconds, or two minutes without a new segment, with what is there as the last window."""
    path = tmp_path / "live.m3u8"
    stage = Stage(lambda turn: path.write_text(hls(0, 1 + turn)) and None)
    assert len(names(followed(Piece(path), ON_DISK, stage.pace(30.0)))) == 3
    assert stage.now_s == 30.0
    still = Stage(lambda turn: path.write_text(hls(0, 1)) and None)
    assert names(followed(Piece(path), ON_DISK, still.pace(stalled_s=20.0))) == [["0.ts"]]
    assert still.now_s <= 30.0


def test_a_dynamic_mpd_is_followed_by_the_names_of_its_segments(tmp_path: Path) -> None:
    """DASH does not number what it lists: the last name seen tells what is new."""
    path = tmp_path / "live.mpd"

    def write(turn: int) -> None:
        kind = "static" if turn == 3 else "dynamic"
        line = f'<S t="{8 * turn}" d="4" r="3"/>'
        path.write_text(
            f'<MPD type="{kind}" minimumUpdatePeriod="PT3S"><Period><AdaptationSet><Representation>'
            f'<SegmentTemplate media="$Time$.m4s" timescale="1"><SegmentTimeline>{line}</SegmentTimeline>'
            "</SegmentTemplate></Representation></AdaptationSet></Period></MPD>"
        )

    found = names(followed(Piece(path), ON_DISK, Stage(write).pace()))
    assert [one for window in found for one in window] == [f"{n}.m4s" for n in range(0, 40, 4)]


def test_a_playlist_that_fails_now_and_then_is_asked_again(tmp_path: Path) -> None:
    """Twice in a row is borne; for good it is an error with a code."""
    path = tmp_path / "live.m3u8"
    states = [hls(0, 3), "rubbish", "", hls(0, 6, ends=True)]
    stage = Stage(lambda turn: path.write_text(states[turn]) and None)
    assert len(names(followed(Piece(path), ON_DISK, stage.pace()))) == 2
    broken = Stage(lambda turn: path.write_text(hls(0, 3) if turn == 0 else "rubbish") and None)
    with pytest.raises(UnreadableInput):
        list(followed(Piece(path), ON_DISK, broken.pace()))


class Told:
    """A source whose playlist changes with every reading."""

    def __init__(self, states: list[tuple[int, int]]) -> None:
        self.states = states

    def playlist(self, at: Piece) -> tuple[Playlist, Piece]:
        first, count = self.states.pop(0)
        listed = [NamedSegment(name=f"{n}.ts", seconds=4.0) for n in range(first, first + count)]
        live = bool(self.states)
        return Playlist(is_live=live, variants=[], segments=listed, number=first, is_numbered=True), at

    def named(self, at: Piece, name: str) -> Piece:
        return Piece(Path(name))

    def bytes_of(self, piece: Piece, most: int, *, is_shared: bool = False) -> Iterator[bytes]:
        yield b""


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6)), min_size=1, max_size=12))
def test_however_a_playlist_slides_no_segment_comes_twice(steps: list[tuple[int, int]]) -> None:
    """Numbers rise through all windows, and what is missing between them is what `missed` counts."""
    first, states = 0, list[tuple[int, int]]()
    for step, count in steps:
        first += step
        last = max((a + b for a, b in states), default=0)
        states.append((first, max(count, last - first, 1)))
    windows = list(followed(Piece(Path("live")), Told(states.copy()), Pace(wait=lambda _: None)))
    seen = [int(one.piece.path.stem) for window in windows for one in window.segments]
    assert seen == sorted(set(seen))
    assert sum(one.missed for one in windows) == seen[-1] - seen[0] + 1 - len(seen)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with served(tmp_path) as found:
        yield found


def test_a_live_stream_at_an_address_is_followed_behind_the_guards(site: Site, tmp_path: Path) -> None:
    """A site that grows its playlist: read anew each time, segments fetched once, one budget for all of it."""

    def write(turn: int) -> None:
        for number in range(12):
            (tmp_path / f"{number}.ts").write_bytes(bytes([number]))
        (tmp_path / "live.m3u8").write_text(hls(3 * turn, 3 * turn + 3, ends=turn == 3))

    stage = Stage(write)
    content = b""
    for window in followed_behind(fetch(f"{site.url}/live.m3u8", NEAR.fetch), NEAR, stage.pace()):
        with window.joined() as path:
            content += path.read_bytes()
    assert content == bytes(range(12))
    assert site.asked.count("/live.m3u8") == 4
    assert {one: site.asked.count(one) for one in site.asked if one.endswith("ts")} == {
        f"/{number}.ts": 1 for number in range(12)
    }


def test_an_endless_stream_ends_with_its_budget(site: Site, tmp_path: Path) -> None:
    """A playlist that grows for ever is given up when its requests are spent, or its site is gone."""
    stage = Stage(lambda turn: (tmp_path / "live.m3u8").write_text(hls(0, 1 + turn)) and None)
    limits = replace(NEAR, max_requests=10)
    windows = followed_behind(fetch(f"{site.url}/live.m3u8", NEAR.fetch), limits, stage.pace())
    with pytest.raises((UnreadableInput, ServiceUnreachable)) as spent:
        list(windows)
    assert spent.value.code == "too_large"
    assert site.asked.count("/live.m3u8") <= 10
