"""A stream at an address: playlist and segments fetched one by one, behind the guards of `provenance.fetching`.

Every address that a playlist names is checked like the first one (https, public hosts only, redirects by hand), on
whatever host it lies: streams often keep their segments elsewhere than their playlist. One budget of bytes,
requests and seconds holds for the whole stream. Keys are never fetched: the playlist's reader refuses encrypted
streams.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

from core.errors import ServiceUnreachable, UnreadableInput, UsageError
from detector.following import Pace, followed
from detector.playlists import Playlist
from detector.sandbox.limits import MIB
from detector.sandbox.parent import unreadable
from detector.streams import (
    PLAYLIST_SUFFIXES,
    Piece,
    SegmentedStream,
    Window,
    over_a_window,
    read_playlist,
    too_short,
)
from provenance.fetching import Fetched, FetchLimits, fetch

_MEDIA_TYPES = frozenset(
    {"application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl"}
    | {"application/dash+xml", "video/vnd.mpeg.dash.mpd"}
)
_WHOLE, _PART = 200, 206
_ADDRESS_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"
_MAX_KEPT_INIT_BYTES = 4 * MIB


@dataclass(frozen=True)
class StreamLimits:
    """What one stream may cost: `max_bytes` and `wall_s` (s; None: as long as it takes) for all that is fetched of
    it, `max_requests` playlists, initialisations and segments. `fetch` bounds each request by itself."""

    fetch: FetchLimits = field(default_factory=lambda: FetchLimits(max_bytes=128 * MIB))
    max_bytes: int = 4096 * MIB
    max_requests: int = 10_000
    wall_s: float | None = None


@dataclass
class Site:
    """A `SegmentSource` at addresses, with what is left of its budget. For one stream and one thread.

    `begun` is the playlist that was fetched first, and is paid for here.
    """

    limits: StreamLimits
    begun: Fetched
    left_bytes: int = field(init=False)
    left_requests: int = field(init=False)
    _deadline: float | None = field(init=False)
    _init: tuple[Piece, bytes] | None = None
    _is_fresh: bool = True

    def __post_init__(self) -> None:
        self.left_bytes = self.limits.max_bytes - len(self.begun.body)
        self.left_requests = self.limits.max_requests - 1
        self._deadline = None if self.limits.wall_s is None else time.monotonic() + self.limits.wall_s

    def fetched(self, piece: Piece) -> Fetched:
        """What an address answers, paid for. A status of 400 and above is an answer.

        Raises:
            UsageError, ServiceUnreachable: as `provenance.fetching.fetch`.
            UnreadableInput: `too_large`: the budget is spent.
        """
        if self.left_requests <= 0:
            raise self._spent(f"the stream asks for more than {self.limits.max_requests:,} files")
        self.left_requests -= 1
        bound = self.limits.fetch
        bound = replace(bound, max_bytes=min(bound.max_bytes, self.left_bytes), wall_s=self._left_s())
        span = (piece.offset, piece.length) if piece.length is not None else None
        try:
            answer = fetch(piece.url, bound, span=span)
        except ServiceUnreachable as error:
            if error.code != "fetch_too_large":
                raise
            problem = f"the stream's files are larger than the {bound.max_bytes:,} bytes left for them"
            raise self._spent(problem) from error
        self.left_bytes -= len(answer.body)
        return answer

    def playlist(self, at: Piece) -> tuple[Playlist, Piece]:
        """What the playlist at an address says, and where it was found after redirects."""
        # What was fetched first is read once; a live playlist that is asked for again has grown since.
        is_first = self._is_fresh and at.url == self.begun.url
        self._is_fresh = False
        answer = self.begun if is_first else self._found(at)
        return _told(answer.body, self.left_requests), piece_at(answer.url)

    def named(self, at: Piece, name: str) -> Piece:
        """The address that a playlist means by a name. It is checked when it is asked."""
        try:
            return piece_at(urldefrag(quote(urljoin(at.url, name), _ADDRESS_CHARACTERS)).url)
        except ValueError as error:
            raise _elsewhere("it is no address") from error

    def bytes_of(self, piece: Piece, most: int, *, is_shared: bool = False) -> Iterator[bytes]:
        """A piece's bytes at once. Raises UnreadableInput: `segment_elsewhere`, `segment_missing`, `too_large`."""
        if self._init is not None and self._init[0] == piece:
            content = self._init[1]
        else:
            content = self._cut(piece, self._found(piece))
        if is_shared and len(content) <= _MAX_KEPT_INIT_BYTES:
            self._init = piece, content
        if len(content) > most:
            raise over_a_window()
        yield content

    def _found(self, piece: Piece) -> Fetched:
        """The answer to a request for something that a playlist names; any refusal says so."""
        try:
            answer = self.fetched(piece)
        except UsageError as error:
            raise _elsewhere(str(error)) from error
        if answer.status not in (_WHOLE, _PART):
            raise unreadable(
                f"{piece.told} of the stream answers with status {answer.status}",
                "segment_missing",
                "What needs a login, or is gone, can't be fetched.",
            )
        return answer

    def _cut(self, piece: Piece, answer: Fetched) -> bytes:
        """The piece out of what came: a server may send a whole file where a part was asked for."""
        if piece.length is None:
            return answer.body
        start = piece.offset if answer.status == _WHOLE else 0
        content = answer.body[start : start + piece.length]
        if len(content) != piece.length:
            raise too_short(piece)
        return content

    def _left_s(self) -> float:
        if self._deadline is None:
            return self.limits.fetch.wall_s
        return max(0.0, min(self.limits.fetch.wall_s, self._deadline - time.monotonic()))

    def _spent(self, problem: str) -> UnreadableInput:
        return unreadable(problem, "too_large", "Give a shorter stream, or one of a lower rate.")


def piece_at(url: str) -> Piece:
    """What stands at an address, whole; its name is the last part of the address's path."""
    return Piece(Path(PurePosixPath(unquote(urlsplit(url).path)).name or "clip"), url=url)


def is_playlist(answer: Fetched) -> bool:
    """Whether what was fetched is a playlist, by its first bytes, its media type or its address's suffix."""
    if answer.body.removeprefix(b"\xef\xbb\xbf").startswith(b"#EXTM3U") or answer.media_type in _MEDIA_TYPES:
        return True
    return PurePosixPath(urlsplit(answer.url).path).suffix.lower() in PLAYLIST_SUFFIXES


def stream_behind(answer: Fetched, limits: StreamLimits) -> SegmentedStream:
    """The stream whose playlist was fetched already. Raises as `SegmentedStream.of`, and as `Site.bytes_of`."""
    return SegmentedStream.of(piece_at(answer.url), Site(limits, answer))


def followed_behind(answer: Fetched, limits: StreamLimits, pace: Pace) -> Iterator[Window]:
    """The windows of a live stream as it grows. Raises as `detector.following.followed`, and as `Site.bytes_of`."""
    return followed(piece_at(answer.url), Site(limits, answer), pace)


def _told(content: bytes, left_requests: int) -> Playlist:
    """A fetched playlist, read in the confined child like one on the disk, and short enough to be followed."""
    with TemporaryDirectory(prefix="reelproof-playlist-") as folder:
        path = Path(folder) / "playlist"
        path.write_bytes(content)
        told = read_playlist(path)
    if len(told.segments) > left_requests:
        raise unreadable(
            f"the playlist names {len(told.segments):,} segments; {left_requests:,} at most are fetched",
            "too_large",
            "Give a shorter stream, or download it and give the playlist on the disk.",
        )
    return told


def _elsewhere(problem: str) -> UnreadableInput:
    return unreadable(
        f"the playlist leads to a place that is not fetched from: {problem}",
        "segment_elsewhere",
        "Every address in a stream must be a public https one.",
    )
