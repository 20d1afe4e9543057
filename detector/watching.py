"""A hostile clip, looked at by several readers for the price of about one decode."""

from collections.abc import Callable, Iterator

from core.clip import Clip, Frame
from core.errors import UnreadableInput
from detector.findings import ReadingFault

#: Faults that say "this file is built to cost too much": what came before them is not looked at either.
_FATAL = {"decode_budget", "too_large"}
_MISSING_SHARE, _MISSING_S = 0.1, 0.2


class WatchedClip:
    """A clip that keeps its frames while they fit, ends quietly where it is damaged, and remembers why.

    The first whole reading decodes; later ones use the kept frames, or decode again where they did not fit.
    Not thread-safe.
    """

    def __init__(self, clip: Clip, keep_bytes: int) -> None:
        self._source = clip
        self._keep_bytes = keep_bytes
        self._kept: list[Frame] | None = None
        self.fault: ReadingFault | None = None
        self.counted_s = 0.0
        self.counted_frames = 0

    @property
    def is_hopeless(self) -> bool:
        """Whether a reading showed that no picture can be had at a bearable cost."""
        return self.fault is not None and self.fault.after_s is None

    @property
    def clip(self) -> Clip:
        """The clip to hand to readers."""
        return Clip(self._source.info, self._frames)

    def watched(self, tell: Callable[[float], None]) -> Clip:
        """The clip, telling how far a reading is, 0.0 to 1.0, by the container's own count."""
        expected = max(1, self._source.info.frame_count or int(self._duration_s * self._source.info.fps) or 1)

        def counted() -> Iterator[Frame]:
            for number, frame in enumerate(self._frames(), 1):
                tell(min(1.0, number / expected))
                yield frame

        return Clip(self._source.info, counted)

    @property
    def _duration_s(self) -> float:
        return self._source.info.duration_s

    def _frames(self) -> Iterator[Frame]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Frame] | None = []
        size = count = 0
        last_s = 0.0
        for frame in self._undamaged():
            size += frame.rgb.nbytes
            count, last_s = count + 1, frame.time_s
            if kept is not None and size <= self._keep_bytes:
                kept.append(frame)
            else:
                kept = None
            yield frame
        self._kept = kept
        self.counted_frames, self.counted_s = count, last_s
        self._note_missing_end()

    def _undamaged(self) -> Iterator[Frame]:
        last_s: float | None = None
        try:
            for frame in self._source.timed_frames():
                last_s = frame.time_s
                yield frame
        except UnreadableInput as error:
            after_s = None if error.code in _FATAL else last_s
            self.fault = ReadingFault(error.code, str(error), error.hint, after_s)

    def _note_missing_end(self) -> None:
        """A file cut off in the middle decodes quietly up to there; its header still tells the whole length."""
        claimed = self._duration_s
        if self.fault is None and claimed > 0 and self.counted_s < (1 - _MISSING_SHARE) * claimed - _MISSING_S:
            message = f"the file announces {claimed:.1f} s, but its pictures end at {self.counted_s:.1f} s"
            hint = "It was probably cut off while it was copied."
            self.fault = ReadingFault("truncated", message, hint, self.counted_s)
