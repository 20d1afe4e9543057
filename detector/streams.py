"""A stream in segments (HLS, DASH) as a row of short clips: read piece by piece, in the memory of one piece.

The playlist is parsed in a confined child. In a folder (`OnDisk`) its names are followed only to regular files in
the playlist's own folder or below, and nothing is fetched; at an address (`detector.fetchedstreams`) every name is
fetched behind guards. No segment is looked into here: bytes are only put one behind the other, and it is told where
they part, so that a credential can be checked against each (`provenance.segments`).
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Protocol
from urllib.parse import unquote

from core.errors import UnreadableInput
from detector.plaintext import plain
from detector.playlists import NamedPiece, NamedSegment, Playlist, playlist_in
from detector.sandbox.limits import MIB, SandboxLimits
from detector.sandbox.parent import ConfinedChild, MissingInput, opened_input, unreadable

PLAYLIST_SUFFIXES = frozenset({".m3u8", ".mpd"})
#: Long enough for both marks and the likeness; a window ends at the first segment's end after it.
WINDOW_S = 10.0
_JOB = "detector.sandbox.playlist_job:read_playlist"
_LIMITS = SandboxLimits(cpu_s=20, wall_s=30.0)
_MAX_WINDOW_BYTES = 1024 * MIB
_MAX_DEPTH = 3
_CHUNK_BYTES = MIB
_TOLD_CHARACTERS = 80
_ELSEWHERE = "Only files in the playlist's own folder and below it are read; nothing is fetched."


@dataclass(frozen=True)
class Piece:
    """So many bytes of a file from `offset` on; all the rest where `length` is None.

    `url` is where it is fetched from, and `path` then only its name; empty for a file on the disk.
    """

    path: Path
    offset: int = 0
    length: int | None = None
    url: str = ""

    @property
    def told(self) -> str:
        """The file's name, fit to be shown: a stranger's playlist chose it."""
        return plain(self.path.name, _TOLD_CHARACTERS) or "a file without a name"


class SegmentSource(Protocol):
    """Where a stream's playlists and segments lie. Every method raises UnreadableInput for what may not be read."""

    def playlist(self, at: Piece) -> tuple[Playlist, Piece]:
        """What a playlist says (see `read_playlist`), and from where its names are to be followed."""
        ...

    def named(self, at: Piece, name: str) -> Piece:
        """The file that a playlist means by a name."""
        ...

    def bytes_of(self, piece: Piece, most: int, *, is_shared: bool = False) -> Iterator[bytes]:
        """A piece's bytes, in chunks, `most` of them: more are refused as `too_large`. `is_shared`: other windows
        will ask for it too."""
        ...


class OnDisk:
    """A stream in a folder: the playlist's own folder and what lies below it, links followed first."""

    def playlist(self, at: Piece) -> tuple[Playlist, Piece]:
        """What a playlist says. Raises MissingInput where there is none."""
        return read_playlist(at.path), at

    def named(self, at: Piece, name: str) -> Piece:
        """The file of that name. Raises UnreadableInput (`segment_elsewhere`) for one outside."""
        return Piece(_inside(at.path.parent, name))

    def bytes_of(self, piece: Piece, most: int, *, is_shared: bool = False) -> Iterator[bytes]:
        """A file's bytes. Raises as `opened_input`, and `segment_missing` where there is none."""
        with _opened(piece) as file:
            file.seek(piece.offset)
            left = piece.length
            while left is None or left > 0:
                chunk = file.read(min(_CHUNK_BYTES, left if left is not None else _CHUNK_BYTES))
                if not chunk:
                    break
                most -= len(chunk)
                if most < 0:
                    raise over_a_window()
                left = None if left is None else left - len(chunk)
                yield chunk
        if left:
            raise too_short(piece)


ON_DISK = OnDisk()


@dataclass(frozen=True)
class Segment:
    """One segment and how long it lasts (s, as the playlist says); `init` is what a player reads before it.

    `begins_anew`: another clip may begin with it. `is_gap`: the playlist says itself that there is nothing to read.
    """

    piece: Piece
    seconds: float
    init: Piece | None = None
    begins_anew: bool = False
    is_gap: bool = False


@dataclass(frozen=True)
class Window:
    """Neighbouring segments that are judged together; times in seconds from the stream's start. `missed`: so many
    segments of a live stream were gone before it (`detector.following`)."""

    start_s: float
    end_s: float
    segments: tuple[Segment, ...]
    source: SegmentSource = field(default=ON_DISK, repr=False, compare=False)
    missed: int = 0

    @contextmanager
    def joined(self) -> Iterator[Path]:
        """The window as one file, gone when the block ends. Raises as `write_to`."""
        with self.joined_parts() as (path, _):
            yield path

    @contextmanager
    def joined_parts(self) -> Iterator[tuple[Path, tuple[int, ...]]]:
        """The same, with how many bytes the initialisation and then each segment has; none without an
        initialisation."""
        with TemporaryDirectory(prefix="reelproof-window-") as folder:
            # A name of our own: what a stranger calls a segment, its ending too, never names a file here.
            path = Path(folder) / ("window.ts" if self.segments[0].init is None else "window.mp4")
            yield path, self.write_to(path)

    def write_to(self, path: Path) -> tuple[int, ...]:
        """Write the window into one file; gives its parts as `joined_parts` does.

        Raises:
            UnreadableInput: a segment is missing, no regular file, shorter than the playlist says, or they are over
                1 GiB together; of a stream at an address also what `detector.fetchedstreams.Site` refuses.
        """
        init = self.segments[0].init
        pieces = [*([init] if init is not None else []), *(one.piece for one in self.segments)]
        left, ends = _MAX_WINDOW_BYTES, [0]
        with path.open("wb") as target:
            for piece in pieces:
                for chunk in self.source.bytes_of(piece, left, is_shared=piece is init):
                    left -= len(chunk)
                    target.write(chunk)
                ends.append(_MAX_WINDOW_BYTES - left)
        return tuple(end - start for start, end in pairwise(ends)) if init is not None else ()


@dataclass(frozen=True)
class SegmentedStream:
    """A playlist that was read. `is_live`: it may have grown since; only what stood in it is there."""

    path: Path
    segments: tuple[Segment, ...]
    is_live: bool
    source: SegmentSource = field(default=ON_DISK, repr=False, compare=False)

    @classmethod
    def opened(cls, path: Path) -> "SegmentedStream":
        """The stream behind a playlist on the disk; of several variants the one with the highest rate.

        Raises:
            MissingInput: no such playlist. UnreadableInput: `not_a_video` (no playlist, or an empty one),
                `encrypted_stream`, `too_large`, `segment_elsewhere`, or what a failing child gives.
        """
        return cls.of(Piece(path), ON_DISK)

    @classmethod
    def of(cls, at: Piece, source: SegmentSource) -> "SegmentedStream":
        """The same for a playlist anywhere. Raises as `opened`, and as the source does."""
        told, at = media_playlist(at, source)
        return cls(at.path, segments_of(source, at, told, told.segments, whole=True), told.is_live, source)

    def windows(self, seconds: float = WINDOW_S) -> Iterator[Window]:
        """Runs of segments of at least so many seconds, the last as long as it is; a new one where players begin
        anew: with another initialisation, or where the playlist says that another clip may follow."""
        return self._windows(seconds, begins_another)

    def whole(self) -> Window:
        """The stream as one window. Raises UnreadableInput (`stream_in_parts`) where another initialisation begins
        in it."""
        windows = list(self._windows(math.inf, lambda one, before: one.init != before.init))
        if len(windows) > 1:
            raise unreadable(
                f"the stream begins anew {len(windows) - 1} times and can't be joined into one clip",
                "stream_in_parts",
                "`reelproof verify` with its address judges it window by window.",
            )
        if not windows:
            raise unreadable("the playlist names nothing but gaps", "not_a_video", "Give one with segments.")
        return windows[0]

    def _windows(self, seconds: float, parts: Callable[[Segment, Segment], bool]) -> Iterator[Window]:
        held = Grouping(self.source, seconds, parts)
        for one in self.segments:
            yield from held.with_segment(one)
        yield from held.last()


@dataclass
class Grouping:
    """Segments in order, put together to windows of `window_s` (s), and of less where `parts` says so of two."""

    source: SegmentSource
    window_s: float
    parts: Callable[[Segment, Segment], bool]
    _segments: list[Segment] = field(default_factory=list)
    _start_s: float = 0.0
    _now_s: float = 0.0

    def with_segment(self, one: Segment) -> Iterator[Window]:
        """The windows that are whole with one more segment."""
        if self._segments and self.parts(one, self._segments[-1]):
            yield from self.last()
        if not one.is_gap:
            self._segments.append(one)
        self._now_s += one.seconds
        if self._now_s - self._start_s >= self.window_s:
            yield from self.last()

    def last(self) -> Iterator[Window]:
        """What is held, as a window; nothing where nothing is."""
        if self._segments:
            yield Window(self._start_s, self._now_s, tuple(self._segments), self.source)
        self._segments, self._start_s = [], self._now_s


def begins_another(one: Segment, before: Segment) -> bool:
    """Whether players begin anew with a segment: another initialisation, or the playlist says so."""
    return one.begins_anew or one.init != before.init


def media_playlist(at: Piece, source: SegmentSource) -> tuple[Playlist, Piece]:
    """The playlist of segments behind one of variants (the highest rate) or of itself, and where it was found.

    Raises:
        UnreadableInput: as the source, or `not_a_video`: playlists name playlists without end.
    """
    for _ in range(_MAX_DEPTH):
        told, at = source.playlist(at)
        if not told.variants:
            return told, at
        at = source.named(at, max(told.variants, key=lambda one: one.bandwidth).name)
    raise unreadable("playlists name playlists without end", "not_a_video", "Give the playlist of one variant.")


def read_playlist(path: Path) -> Playlist:
    """What stands in a playlist, read in a confined child.

    Raises:
        MissingInput: no such file. UnreadableInput: what it holds can't be read.
    """
    with (
        opened_input(path, _LIMITS) as file,
        ConfinedChild(_JOB, file, _LIMITS, {"now_s": time.time()}) as child,
    ):
        return playlist_in(next(child.replies(), None))


@contextmanager
def _opened(piece: Piece) -> Iterator[IO[bytes]]:
    try:
        with opened_input(piece.path, SandboxLimits()) as file:
            yield file
    except MissingInput as error:
        raise unreadable(
            f"{piece.told} of the stream can't be opened",
            "segment_missing",
            "Check that the stream was copied whole, and its files' permissions.",
        ) from error


def over_a_window() -> UnreadableInput:
    """Too many bytes for one window."""
    return unreadable("the segments of one window are over 1 GiB", "too_large", "Cut it into more segments.")


def too_short(piece: Piece) -> UnreadableInput:
    """A file that ends before the range which the playlist names does."""
    return unreadable(
        f"{piece.told} is shorter than the playlist says",
        "not_a_video",
        "Check that the stream was copied whole.",
    )


def segments_of(
    source: SegmentSource, at: Piece, told: Playlist, named: Sequence[NamedSegment], *, whole: bool = False
) -> tuple[Segment, ...]:
    """Some of a playlist's segments, with the files they mean. Raises UnreadableInput: as the source, and
    `not_a_video` where a `whole` playlist names none."""
    if whole and not named:
        raise unreadable("the playlist names no segment of pictures", "not_a_video", "Give one that does.")
    kept: dict[str, Piece] = {}

    def piece(one: NamedPiece) -> Piece:
        if one.name not in kept:
            kept[one.name] = source.named(at, one.name)
        return Piece(kept[one.name].path, one.offset, one.length, kept[one.name].url)

    inits = [piece(one) for one in told.inits]
    return tuple(
        Segment(
            piece(one), one.seconds, inits[one.init] if one.init is not None else None, one.begins_anew, one.is_gap
        )
        for one in named
    )


def _inside(folder: Path, name: str) -> Path:
    """The file that a playlist means by a name, if it lies in the folder or below: links are followed first."""
    given = unquote(name.partition("?")[0])
    if "://" in given or given.startswith(("/", "\\", "//")) or ":" in given.split("/")[0] or "\0" in given:
        raise unreadable("the playlist names a segment at another place", "segment_elsewhere", _ELSEWHERE)
    try:
        path = (folder / given).resolve()
    except (OSError, RuntimeError) as error:  # links that lead in a circle
        raise unreadable("the playlist names a file that leads nowhere", "segment_elsewhere", _ELSEWHERE) from error
    if not path.is_relative_to(folder.resolve()):
        raise unreadable("the playlist names a file outside its own folder", "segment_elsewhere", _ELSEWHERE)
    return path
