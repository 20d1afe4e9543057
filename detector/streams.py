"""A stream in segments (HLS, DASH) as a row of short clips: read piece by piece, in the memory of one piece.

The playlist is parsed in a confined child; names in it are followed only to regular files in the playlist's own
folder or below. Nothing is fetched, and no segment is looked into here: bytes are only put one behind the other.
Refuses to know: credentials of streams, which are bound to each segment, and live playlists' later segments.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote

from core.errors import UnreadableInput
from detector.sandbox.limits import MIB, SandboxLimits
from detector.sandbox.parent import ConfinedChild, opened_input, unreadable

PLAYLIST_SUFFIXES = frozenset({".m3u8", ".mpd"})
#: Long enough for both marks and the likeness; a window ends at the first segment's end after it.
WINDOW_S = 10.0
_JOB = "detector.sandbox.playlist_job:read_playlist"
_LIMITS = SandboxLimits(cpu_s=20, wall_s=30.0)
_MAX_WINDOW_BYTES = 1024 * MIB
_MAX_DEPTH = 3
_CHUNK_BYTES = MIB
_ELSEWHERE = "Only files in the playlist's own folder and below it are read; nothing is fetched."


@dataclass(frozen=True)
class Piece:
    """So many bytes of a file from `offset` on; all the rest where `length` is None."""

    path: Path
    offset: int = 0
    length: int | None = None


@dataclass(frozen=True)
class Segment:
    """One segment and how long it lasts (s, as the playlist says); `init` is what a player reads before it."""

    piece: Piece
    seconds: float
    init: Piece | None = None


@dataclass(frozen=True)
class Window:
    """Neighbouring segments that are judged together; times in seconds from the stream's start."""

    start_s: float
    end_s: float
    segments: tuple[Segment, ...]

    @contextmanager
    def joined(self) -> Iterator[Path]:
        """The window as one file, gone when the block ends.

        Raises:
            UnreadableInput: a segment is missing, no regular file, shorter than the playlist says, or they are over
                1 GiB together.
        """
        first = self.segments[0]
        pieces = [*([first.init] if first.init is not None else []), *(one.piece for one in self.segments)]
        suffix = ".mp4" if first.init is not None else first.piece.path.suffix
        with TemporaryDirectory(prefix="reelproof-window-") as folder:
            path = Path(folder) / f"window{suffix}"
            left = _MAX_WINDOW_BYTES
            with path.open("wb") as target:
                for piece in pieces:
                    for chunk in _bytes_of(piece, left):
                        left -= len(chunk)
                        target.write(chunk)
            yield path


@dataclass(frozen=True)
class SegmentedStream:
    """A playlist that was read. `is_live`: it may have grown since; only what stood in it is there."""

    path: Path
    segments: tuple[Segment, ...]
    is_live: bool

    @classmethod
    def opened(cls, path: Path) -> "SegmentedStream":
        """The stream behind a playlist; of several variants the one with the highest rate.

        Raises:
            MissingInput: no such playlist. UnreadableInput: `not_a_video` (no playlist, or an empty one),
                `encrypted_stream`, `too_large`, `segment_elsewhere`, or what a failing child gives.
        """
        for _ in range(_MAX_DEPTH):
            told = _read(path)
            if not told["variants"]:
                return cls(path, _segments(path.parent, told["segments"]), bool(told["is_live"]))
            best = max(told["variants"], key=lambda one: int(one["bandwidth"]))
            path = _inside(path.parent, best["name"])
        raise unreadable("playlists name playlists without end", "not_a_video", "Give the playlist of one variant.")

    def windows(self, seconds: float = WINDOW_S) -> Iterator[Window]:
        """Runs of segments of at least so many seconds, the last as long as it is; a new one where players begin
        anew with another initialisation."""
        held: list[Segment] = []
        start_s = now_s = 0.0
        for one in self.segments:
            if held and (now_s - start_s >= seconds or one.init != held[0].init):
                yield Window(start_s, now_s, tuple(held))
                held, start_s = [], now_s
            held.append(one)
            now_s += one.seconds
        if held:
            yield Window(start_s, now_s, tuple(held))


def _read(path: Path) -> dict[str, Any]:
    with opened_input(path, _LIMITS) as file, ConfinedChild(_JOB, file, _LIMITS, {}) as child:
        told = next(child.replies(), None)
    if not isinstance(told, dict) or not {"variants", "segments", "is_live"} <= set(told):
        raise unreadable("the playlist's reader reported something impossible", "decoder_crashed", "")
    return told


def _segments(folder: Path, told: Sequence[Mapping[str, Any]]) -> tuple[Segment, ...]:
    if not told:
        raise unreadable("the playlist names no segment of pictures", "not_a_video", "Give one that does.")
    kept: dict[str, Piece] = {}

    def piece(one: Mapping[str, Any]) -> Piece:
        path = kept.setdefault(str(one["name"]), Piece(_inside(folder, str(one["name"])))).path
        length = None if one["length"] is None else int(one["length"])
        return Piece(path, int(one["offset"]), length)

    return tuple(
        Segment(piece(one), float(one["seconds"]), piece(one["init"]) if one["init"] is not None else None)
        for one in told
    )


def _inside(folder: Path, name: str) -> Path:
    """The file that a playlist means by a name, if it lies in the folder or below: links are followed first."""
    given = unquote(name.partition("?")[0])
    if "://" in given or given.startswith(("/", "\\", "//")) or ":" in given.split("/")[0] or "\0" in given:
        raise unreadable("the playlist names a segment at another place", "segment_elsewhere", _ELSEWHERE)
    path = (folder / given).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise unreadable("the playlist names a file outside its own folder", "segment_elsewhere", _ELSEWHERE)
    return path


def _bytes_of(piece: Piece, most: int) -> Iterator[bytes]:
    with opened_input(piece.path, SandboxLimits()) as file:
        file.seek(piece.offset)
        left = piece.length
        while left is None or left > 0:
            chunk = file.read(min(_CHUNK_BYTES, left if left is not None else _CHUNK_BYTES))
            if not chunk:
                break
            most -= len(chunk)
            if most < 0:
                raise unreadable(
                    "the segments of one window are over 1 GiB", "too_large", "Cut it into more segments."
                )
            left = None if left is None else left - len(chunk)
            yield chunk
    if left:
        raise UnreadableInput(
            f"{piece.path.name} is shorter than the playlist says",
            code="not_a_video",
            hint="Check that the stream was copied whole.",
        )
