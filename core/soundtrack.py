"""A file's sound as samples: the first track, mono, at one rate, laid where its times say."""

from typing import Any

import av
import numpy as np

from core.containers import DECODE_FAULTS, MAX_DAMAGED_PACKETS, Source, opened
from core.sound import MAX_SOUND_S, SOUND_RATE_HZ, Sound

_SOUND_GAP_S = 0.1  # smaller jumps in a track's times are a container's rounding


def read_sound(source: Source, rate_hz: int = SOUND_RATE_HZ, max_s: float = MAX_SOUND_S) -> Sound | None:
    """The first sound track as mono samples from the first picture on, at most `max_s` of it; None without a track.

    Damaged packets are skipped and leave silence, and the sound says so.

    Raises:
        UnreadableInput: no media file at all.
    """
    with opened(source) as container:
        stream = next((one for one in container.streams.audio if one.codec_context is not None), None)
        if stream is None:
            return None
        video = next(iter(container.streams.video), None)
        start_s = float(video.start_time * video.time_base) if video is not None and video.start_time else 0.0
        track = _Track(rate_hz, max_s)
        try:
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except (*DECODE_FAULTS, MemoryError):
                    track.damaged += 1
                    if track.damaged > MAX_DAMAGED_PACKETS:
                        break
                    continue
                for frame in frames:
                    track.put(frame, frame.time - start_s if frame.time is not None else None)
                if track.is_full:
                    break
        except (*DECODE_FAULTS, MemoryError):
            track.damaged += 1  # the container ends in the middle: the sound before it stands
        return track.sound()


class _Track:
    """Collects decoded sound, resampled and laid where its times say; at most so many seconds."""

    def __init__(self, rate_hz: int, max_s: float) -> None:
        self.damaged = 0
        self._rate_hz, self._most = rate_hz, round(max_s * rate_hz)
        self._samples = np.zeros(self._most, np.int16)
        self._resampler: Any = None
        self._kind: tuple[Any, ...] = ()
        self._next_s = 0.0
        self._place = self._end = 0

    @property
    def is_full(self) -> bool:
        """Whether no more fits."""
        return self._place >= self._most

    def put(self, frame: Any, time_s: float | None) -> None:
        """Add one decoded frame that begins at a time of the clip, or right after the one before."""
        if not frame.sample_rate or not frame.samples:
            return
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        is_jump = time_s is not None and abs(time_s - self._next_s) > _SOUND_GAP_S
        if self._resampler is None or is_jump or kind != self._kind:
            self._flush()
            self._next_s = self._next_s if time_s is None else time_s
            self._place = round(min(max(self._next_s, -1e6), 1e6) * self._rate_hz)
            self._resampler, self._kind = av.AudioResampler("s16", "mono", self._rate_hz), kind
        self._next_s += frame.samples / frame.sample_rate
        frame.pts = None
        self._take(self._resampler.resample(frame))

    def sound(self) -> Sound:
        """All of it."""
        self._flush()
        is_cut = self._place > self._most
        return Sound(self._samples[: self._end].copy(), self._rate_hz, self.damaged > 0, is_cut)

    def _flush(self) -> None:
        if self._resampler is not None:
            self._take(self._resampler.resample(None))
            self._resampler = None

    def _take(self, frames: list[Any]) -> None:
        for frame in frames:
            piece = frame.to_ndarray().reshape(-1)
            skipped = min(max(0, -self._place), len(piece))
            start = self._place + skipped
            end = min(self._most, self._place + len(piece))
            if end > start:
                self._samples[start:end] = piece[skipped : skipped + end - start]
                self._end = max(self._end, end)
            self._place += len(piece)
