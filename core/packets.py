"""Packets copied from one container into another, untouched: nothing here is decoded.

Whatever else a file holds, a credential above all, is lost: sign last.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import av

from core.containers import DECODE_FAULTS, Source, not_a_video, opened, video_stream

_CLOCK_S = 0.001
_MOST_REORDERED = 32


class Sink(Protocol):
    """What bytes are written to, front to back."""

    def write(self, content: bytes, /) -> int:
        """Take some bytes; gives how many."""
        ...


def remux(source: Path, target: Path, *, metadata: dict[str, str] | None = None) -> None:
    """Copy video and audio packets into a new container, untouched. Drops credentials and other boxes."""
    options = {"movflags": "+faststart+use_metadata_tags"} if target.suffix in (".mp4", ".mov") else {}
    with opened(source) as container, av.open(str(target), "w", options=options) as output:
        output.metadata.update(metadata or {})
        kept = [video_stream(container), *container.streams.audio]
        tracks = {stream.index: output.add_stream_from_template(stream) for stream in kept}
        for packet in _packets(container, *kept):
            packet.stream = tracks[packet.stream.index]
            output.mux(packet)


def _packets(container: Any, *streams: Any) -> Iterator[Any]:
    """The streams' packets with a time for each to be decoded at.

    Matroska keeps none, and the demuxer can't tell it of the first where pictures are reordered: those are counted
    back from the first that is known. Left out, as muxers ask, the first key frame would be gone.
    """
    held: dict[int, list[Any]] = {stream.index: [] for stream in streams}
    for packet in container.demux(*streams):
        waiting = held.get(packet.stream.index)
        if packet.dts is None and waiting is not None and packet.size and len(waiting) < _MOST_REORDERED:
            waiting.append(packet)
            continue
        if packet.dts is None:
            continue  # the flush at the end
        for back, early in enumerate(reversed(waiting or ()), 1):
            early.dts = packet.dts - back * max(1, packet.duration or 1)
        yield from waiting or ()
        held[packet.stream.index] = []
        yield packet


def keyframe_pieces(source: Source, seconds: float, sink: Callable[[], Sink]) -> Iterator[tuple[float, float]]:
    """Copy the video's packets, untouched, into Matroska pieces of at least `seconds`, each from a key frame on.

    Pictures that an open group of pictures shows before that key frame, but decodes from the one before, are lost.
    Every piece is written to a sink of its own, front to back. Gives when each begins and ends, in seconds from the
    first packet, once it is whole. Sound and all else is left out. Holds one packet, and what the muxer does.

    Raises:
        UnreadableInput: `not_a_video`: no video, or one that can't be copied into Matroska.
    """
    with opened(source) as container:
        stream = video_stream(container)
        piece: _Piece | None = None
        try:
            for packet in _packets(container, stream):
                time_s = float((packet.dts if packet.pts is None else packet.pts) * packet.time_base)
                if piece is None or (packet.is_keyframe and time_s - piece.start_s >= seconds - _CLOCK_S):
                    if piece is not None:
                        yield piece.whole(time_s)
                    piece = _Piece(sink(), stream, time_s, piece.first_s if piece is not None else time_s)
                piece.take(packet, time_s)
        except (*DECODE_FAULTS, MemoryError) as fault:
            if piece is None or not piece.packets:
                raise not_a_video(f"its packets can't be copied: {type(fault).__name__}") from fault
        if piece is None:
            raise not_a_video("it has no packets")
        yield piece.whole(piece.latest_s)


class _Piece:
    """Packets on their way into one Matroska file; times in seconds on the source's clock."""

    def __init__(self, sink: Sink, stream: Any, start_s: float, first_s: float) -> None:
        self.start_s, self.first_s, self.latest_s, self.packets = start_s, first_s, start_s, 0
        self._output = av.open(sink, "w", format="matroska")
        self._track = self._output.add_stream_from_template(stream)

    def take(self, packet: Any, time_s: float) -> None:
        """Copy one packet."""
        packet.stream = self._track
        self._output.mux(packet)
        self.packets += 1
        self.latest_s = max(self.latest_s, time_s)

    def whole(self, end_s: float) -> tuple[float, float]:
        """Finish the file; gives when it begins and ends, from the first packet of all."""
        self._output.close()
        return max(0.0, self.start_s - self.first_s), max(0.0, max(end_s, self.latest_s) - self.first_s)
