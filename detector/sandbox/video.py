"""A hostile video file as a `Clip`: decoded in a confined child, checked and streamed to the parent."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from core.clip import Clip, ClipInfo, Frame
from detector.sandbox import wire
from detector.sandbox.limits import SandboxLimits
from detector.sandbox.parent import ConfinedChild, opened_input, unreadable

_JOB = "detector.sandbox.jobs:stream_video"
_MAX_TEXT = 200


def _unbelievable(what: str) -> Exception:
    return unreadable(
        f"the reader reported an impossible {what}",
        "decoder_crashed",
        "The file is damaged or made to do harm; nothing was changed by reading it.",
    )


def _over_budget() -> Exception:
    return unreadable(
        "the clip decodes to far more than its size allows",
        "decode_budget",
        "Cut the clip into shorter pieces, or raise the decode limits.",
    )


def _checked_info(claims: Any, limits: SandboxLimits) -> ClipInfo:
    """A `ClipInfo` from a child's JSON, every field of the right type and inside the limits."""
    try:
        numerator, denominator = claims["fps"]
        info = ClipInfo(
            width_px=int(claims["width_px"]),
            height_px=int(claims["height_px"]),
            fps=Fraction(int(numerator), int(denominator)),
            frame_count=None if claims["frame_count"] is None else int(claims["frame_count"]),
            duration_s=float(claims["duration_s"]),
            codec=str(claims["codec"])[:_MAX_TEXT],
            container=str(claims["container"])[:_MAX_TEXT],
            bit_depth=int(claims["bit_depth"]),
            rotation_deg=int(claims["rotation_deg"]),
            has_audio=bool(claims["has_audio"]),
            is_variable_rate=bool(claims["is_variable_rate"]),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise _unbelievable("description") from error
    if not (0 < info.width_px <= limits.max_width_px and 0 < info.height_px <= limits.max_height_px):
        raise unreadable(
            f"frames of {info.width_px}x{info.height_px} pixels exceed the limit of "
            f"{limits.max_width_px}x{limits.max_height_px}",
            "decode_budget",
            "Scale the clip down, or raise the limit.",
        )
    if not (0 < info.fps <= 100_000 and 0 <= info.duration_s < 1e9):
        raise _unbelievable("frame rate or duration")
    return info


class _Run:
    """One child at work on one opened input. Closed at the latest when nobody holds it any more."""

    def __init__(self, path: Path, limits: SandboxLimits, *, is_told_more: bool) -> None:
        self._kept = ExitStack()
        with ExitStack() as opening:
            file = opening.enter_context(opened_input(path, limits))
            self.input_bytes = os.fstat(file.fileno()).st_size
            self.child = opening.enter_context(ConfinedChild(_JOB, file, limits, {}, is_told_more=is_told_more))
            self._kept = opening.pop_all()

    def close(self) -> None:
        """Kill the child if it still runs and close the input."""
        self._kept.close()

    def __del__(self) -> None:
        self.close()


class SandboxedVideo:
    """One file on disk, decoded only behind the fences.

    After `open`, `tags` holds the container's own and `info` what the file says of its video.
    """

    def __init__(self, path: Path, limits: SandboxLimits | None = None) -> None:
        self.path = path
        self.limits = limits or SandboxLimits()
        self.tags: dict[str, str] = {}
        self.info: ClipInfo | None = None

    def open(self, pace: Callable[[], int] | None = None) -> Clip:
        """The file as a clip; every reading of it decodes anew in a child of its own, in constant memory.

        `pace` is asked while the child already reads the file: how many frames a second are wanted (1 to 255), 0
        for all. Of a faster clip the first frame of each such share of a second is given then; that is its rate.

        Raises:
            UnreadableInput: `not_a_video`, `too_large`, `decode_budget`, `decoder_crashed` or
                `decoder_timeout`; at once, or while reading where a limit is passed later.
            MissingInput: no such file, or it may not be read.
        """
        run = _Run(self.path, self.limits, is_told_more=pace is not None)
        try:
            self.info = info = self._described(run)
            per_s = pace() if pace is not None else 0
            per_s = per_s if info.fps > per_s else 0
            if pace is not None:
                run.child.tell(per_s)
        except BaseException:
            run.close()
            raise
        # The child that described the file stays, stopped by its full pipe, for the first reading: starting
        # another one costs 0.3 s.
        waiting = [run]
        paced = replace(info, fps=Fraction(per_s), frame_count=None) if per_s else info
        return Clip(paced, lambda: self._frames(info, waiting, per_s))

    def _described(self, run: _Run) -> ClipInfo:
        reply = next(run.child.replies(), None)
        if not isinstance(reply, dict):
            raise _unbelievable("description")
        info = _checked_info(reply.get("info"), self.limits)
        claimed_bytes = 3 * info.width_px * info.height_px * (info.frame_count or 0)
        if claimed_bytes > self.limits.decoded_bytes_allowed(run.input_bytes):
            raise _over_budget()
        tags = reply.get("tags")
        if isinstance(tags, dict):
            self.tags = {str(key): str(text) for key, text in tags.items()}
        return info

    def _frames(self, info: ClipInfo, waiting: list[_Run], per_s: int) -> Iterator[Frame]:
        run = waiting.pop() if waiting else None
        if run is None:
            run = _Run(self.path, self.limits, is_told_more=True)
            self._described(run)
            run.child.tell(per_s)
        try:
            budget = self.limits.decoded_bytes_allowed(run.input_bytes)
            for count, (record, reader) in enumerate(run.child.records()):
                budget -= record.length
                if budget < 0 or count >= self.limits.max_frames:
                    raise _over_budget()
                yield _frame(record, reader, info)
        finally:
            run.close()


def _frame(record: wire.Record, reader: wire.Reader, info: ClipInfo) -> Frame:
    expected = info.height_px * info.width_px * 3
    if record.kind != wire.FRAME or record.length != wire.FRAME_HEADER.size + expected:
        raise _unbelievable("frame")
    time_s, height, width = wire.FRAME_HEADER.unpack(reader.exactly(wire.FRAME_HEADER.size))
    if (height, width) != (info.height_px, info.width_px) or not 0 <= time_s < 1e9:
        raise _unbelievable("frame")
    rgb = np.frombuffer(reader.exactly(expected), np.uint8).reshape(height, width, 3)
    return Frame(time_s, rgb)
