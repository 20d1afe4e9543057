"""One long file as a row of short clips, each from a key frame on: judged as they come, in the memory of one.

A confined child copies the packets; no picture is decoded here. What the file's own credential says of all of its
bytes is another question, which `Detector.vouched` answers; a window carries none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.errors import UnreadableInput
from detector.sandbox import wire
from detector.sandbox.limits import MIB, SandboxLimits
from detector.sandbox.parent import ConfinedChild, opened_input, unreadable
from detector.sandbox.video import SandboxedVideo

#: A clip that lasts longer than this is judged window by window.
LONG_S = 600.0
WINDOW_S = 60.0
#: Ten minutes in less would be 7 kilobytes a second: too little to open each short file for.
_SMALL_BYTES = 4 * MIB
_JOB = "detector.sandbox.cutting_job:cut"
_MAX_WINDOW_BYTES = 1024 * MIB
_MAX_WINDOWS = 2_000
_LIMITS = SandboxLimits()


@dataclass(frozen=True)
class FileWindow:
    """A stretch of a long file as a file of its own, gone when the next is asked for. Times in s from its start."""

    start_s: float
    end_s: float
    path: Path


def long_duration_s(path: Path, limits: SandboxLimits = _LIMITS) -> float | None:
    """How long the file says that it lasts, if that is over ten minutes and it can be opened; else None."""
    if not path.is_file() or path.stat().st_size < _SMALL_BYTES:
        return None
    try:
        duration_s = SandboxedVideo(path, limits).open().info.duration_s
    except UnreadableInput:
        return None  # why not is for the verdict to say
    return duration_s if duration_s > LONG_S else None


def windows_of(path: Path, seconds: float = WINDOW_S, limits: SandboxLimits = _LIMITS) -> Iterator[FileWindow]:
    """Windows of at least `seconds`, as long as it takes to the next key frame; each is there until the next.

    Raises:
        MissingInput: no such file.
        UnreadableInput: `not_a_video`; `too_large`: a window of over 1 GiB; or what a failing child gives.
    """
    with (
        TemporaryDirectory(prefix="reelproof-window-") as folder,
        opened_input(path, limits) as file,
        ConfinedChild(_JOB, file, limits, {"seconds": seconds, "most": _MAX_WINDOWS}) as child,
    ):
        piece = Path(folder) / "window.mkv"
        records = child.records()
        end_s = 0.0
        while (told := _written(child, records, piece)) is not None:
            start_s, end_s = _times(told, end_s)
            yield FileWindow(start_s, end_s, piece)


def _written(child: ConfinedChild, records: Iterator[tuple[wire.Record, wire.Reader]], piece: Path) -> Any:
    """Write the next window's bytes; gives what the child tells of it, None after the last."""
    left = _MAX_WINDOW_BYTES
    with piece.open("wb") as target:
        for record, reader in records:
            if record.kind == wire.REPLY:
                return child.reply_in(record)
            _check_is_bytes(record)
            left -= record.length
            if left < 0:
                raise unreadable(
                    "a minute of this file has over 1 GiB",
                    "too_large",
                    "Encode it at a lower rate, or cut it into shorter files.",
                )
            target.write(reader.exactly(record.length))
    return None


def _check_is_bytes(record: wire.Record) -> None:
    if record.kind != wire.BYTES:
        raise unreadable(
            "the reader sent something that is no piece of a clip",
            "decoder_crashed",
            "The file is damaged or made to do harm; nothing was changed by reading it.",
        )


def _times(told: Any, after_s: float) -> tuple[float, float]:
    """Start and end as a child told them: numbers, in order."""
    try:
        start_s, end_s = float(told["start_s"]), float(told["end_s"])
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(
            "the reader reported impossible times", "decoder_crashed", "The file is damaged."
        ) from error
    if not after_s - 1.0 <= start_s <= end_s < 1e9:
        raise unreadable("the file's times run backwards", "not_a_video", "Copy it into a new container.")
    return start_s, end_s
