"""A live stream as it grows: its playlist read again and again, every new window judged once, in constant memory.

HLS numbers its segments (RFC 8216, 6.3.4); of DASH the last name that was seen tells what is new. Kept are the
segments of one window and of the last playlist. The same guards hold as for a stream that has ended: names are
followed by the same source, with one budget for all.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from core.errors import ServiceUnreachable, UnreadableInput
from detector.playlists import NamedSegment, Playlist
from detector.streams import (
    WINDOW_S,
    Grouping,
    Piece,
    Segment,
    SegmentSource,
    Window,
    begins_another,
    media_playlist,
    segments_of,
)

_LEAST_WAIT_S, _MOST_WAIT_S = 1.0, 30.0
_USUAL_WAIT_S = 6.0  # where the playlist does not say how often it is worth a look
_MOST_FAILURES = 3
#: A stream that has not grown for so long has stopped without saying so.
STALLED_S = 120.0


@dataclass(frozen=True)
class Pace:
    """How long a stream is followed: `for_s` (s; None: until it ends), and the clock and the waiting, for tests."""

    for_s: float | None = None
    window_s: float = WINDOW_S
    stalled_s: float = STALLED_S
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


def followed(at: Piece, source: SegmentSource, pace: Pace = Pace()) -> Iterator[Window]:
    """Every window of a live stream, once all of its segments are there; what stands in its playlist comes first.

    Ends where the playlist does, after `for_s`, or where it has not grown for `stalled_s`; what is left is the last
    window. `missed` of a window counts the segments that were gone before they were seen. Times count from the
    first segment that was seen.

    Raises:
        As `SegmentedStream.of`; a playlist that can't be read in between is asked for again, three times.
    """
    told, at = media_playlist(at, source)
    seen, held = _Seen(), _Held(Grouping(source, pace.window_s, begins_another))
    ends_s = None if pace.for_s is None else pace.clock() + pace.for_s
    grown_s = pace.clock()
    while True:
        new, missed = seen.new_in(told)
        if new:
            grown_s = pace.clock()
        yield from held.with_segments(segments_of(source, at, told, new), missed)
        now_s = pace.clock()
        if not told.is_live or now_s - grown_s > pace.stalled_s or (ends_s is not None and now_s >= ends_s):
            break
        wait_s = min(_MOST_WAIT_S, max(_LEAST_WAIT_S, told.target_s or _USUAL_WAIT_S))
        pace.wait(wait_s if ends_s is None else max(0.0, min(wait_s, ends_s - now_s)))
        told, at = _again(at, source, pace)
    yield from held.last()


def _again(at: Piece, source: SegmentSource, pace: Pace) -> tuple[Playlist, Piece]:
    """The playlist once more. A site that fails now and then is asked again."""
    for _ in range(_MOST_FAILURES - 1):
        try:
            return source.playlist(at)
        except (UnreadableInput, ServiceUnreachable) as error:
            if error.code == "too_large":
                raise
            pace.wait(_LEAST_WAIT_S)
    return source.playlist(at)


class _Seen:
    """What was seen of a playlist that grows at its end and loses what is old at its start."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._names: dict[tuple[str, int], int] = {}

    def new_in(self, told: Playlist) -> tuple[list[NamedSegment], int]:
        """The segments not seen before, in order, and how many between them and the last were missed."""
        first = self._place_of(told)
        known = self._next
        self._next = first + len(told.segments)
        self._names = {(one.name, one.offset): first + place for place, one in enumerate(told.segments)}
        if known is None or self._next < known:  # the first look, or a server that began anew
            return told.segments, 0
        return told.segments[max(0, known - first) :], max(0, first - known)

    def _place_of(self, told: Playlist) -> int:
        """The number of the first segment: as told, or by a name that was numbered before."""
        if told.is_numbered:
            return told.number
        for place, one in enumerate(told.segments):
            if (one.name, one.offset) in self._names:
                return self._names[one.name, one.offset] - place
        return self._next or 0


@dataclass
class _Held:
    """The segments of the window that is not whole yet, and how many were missed before it."""

    grouping: Grouping
    _missed: int = 0

    def with_segments(self, new: tuple[Segment, ...], missed: int) -> Iterator[Window]:
        """The windows that are whole with some more segments."""
        if missed:
            yield from self.last()
            self._missed = missed
        for one in new:
            yield from self._told(self.grouping.with_segment(one))

    def last(self) -> Iterator[Window]:
        """What is held, as a window; nothing where nothing is."""
        yield from self._told(self.grouping.last())

    def _told(self, windows: Iterator[Window]) -> Iterator[Window]:
        for window in windows:
            yield replace(window, missed=self._missed)
            self._missed = 0
