"""Opening a media file by its bytes alone: nothing but the given file is ever opened, no sibling, no network.

With `core.video`, `core.packets` and `core.soundtrack` the only modules that import PyAV.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error

from core.errors import UnreadableInput

READABLE_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,ivf,h264,hevc,m4v,yuv4mpegpipe"
)
MAX_DAMAGED_PACKETS = 1_000
DECODE_FAULTS = (av.error.FFmpegError, OSError, UnicodeDecodeError, IndexError, ValueError)
"""What a damaged or hostile file makes the library raise."""

Source = Path | BinaryIO


def unreadable(message: str, code: str, hint: str) -> UnreadableInput:
    """An `UnreadableInput` in one line."""
    return UnreadableInput(message, code=code, hint=hint)


def not_a_video(reason: object) -> UnreadableInput:
    """The fault of a file without a video that decodes."""
    return unreadable(
        f"no decodable video in this file ({reason})",
        "not_a_video",
        "Check that the file plays; MP4, MOV, MKV, WebM, AVI and MPEG-TS are read.",
    )


def _byte_stream(source: Source) -> BinaryIO:
    if not isinstance(source, Path):
        return source
    try:
        return source.open("rb")
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise unreadable(
            f"can't open {source.name}: {reason.lower()}", "no_such_file", "Check the path and its permissions."
        ) from fault


@contextmanager
def opened(source: Source) -> Iterator[Any]:
    """The demuxer over a file, by descriptor: the demuxer never learns a path it could walk from."""
    stream = _byte_stream(source)
    try:
        if stream.seekable():
            stream.seek(0)
        try:
            container = av.open(
                stream,
                mode="r",
                options={"format_whitelist": READABLE_FORMATS, "protocol_whitelist": ""},
                metadata_errors="replace",
            )
        except (*DECODE_FAULTS, MemoryError) as fault:
            raise not_a_video(type(fault).__name__) from fault
        with container:
            yield container
    finally:
        if isinstance(source, Path):
            stream.close()


def video_stream(container: Any) -> Any:
    """The first video track that is no cover picture. Raises UnreadableInput where there is none."""
    for stream in container.streams.video:
        if stream.codec_context is not None and not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    raise not_a_video("it has no video stream")
