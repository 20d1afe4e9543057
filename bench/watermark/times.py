"""Changes of time: other rates and speeds, dropped and averaged frames, a second cut out. Streaming."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from bench.watermark.frames import Change, Rng, rounded
from core.clip import Clip, Frame


def length_s(clip: Clip) -> float:
    """How long a clip says it is, in seconds."""
    if clip.info.frame_count:
        return float(clip.info.frame_count / clip.info.fps)
    return clip.info.duration_s


def rate(share: Fraction) -> Change:
    """Resampled to `share` of the frame rate (2/5 is 60 to 24): the frame shown at each new frame's time stays."""

    def change(clip: Clip, _: Rng) -> Clip:
        fps = clip.info.fps * share

        def resampled(frames: Iterator[Frame]) -> Iterator[Frame]:
            written = 0
            latest: Frame | None = None
            for frame in frames:
                while latest is not None and written / fps < frame.time_s - 1e-6:
                    yield Frame(float(written / fps), latest.rgb)
                    written += 1
                latest = frame
            if latest is not None and written / fps <= latest.time_s + 1e-6:
                yield Frame(float(written / fps), latest.rgb)

        count = clip.info.frame_count
        return clip.mapped(resampled, fps=fps, frame_count=count and max(1, round(count * share)))

    return change


def speed(factor: Fraction) -> Change:
    """Played `factor` times as fast: the same frames under other times and another rate."""

    def change(clip: Clip, _: Rng) -> Clip:
        def retimed(frames: Iterator[Frame]) -> Iterator[Frame]:
            return (Frame(frame.time_s / float(factor), frame.rgb) for frame in frames)

        return clip.mapped(retimed, fps=clip.info.fps * factor, duration_s=clip.info.duration_s / float(factor))

    return change


def dropped(share: float) -> Change:
    """A random `share` of the frames gone; the others keep their times, so the rate becomes variable."""

    def change(clip: Clip, rng: Rng) -> Clip:
        seed = int(rng.integers(1 << 62))

        def kept(frames: Iterator[Frame]) -> Iterator[Frame]:
            own = np.random.default_rng(seed)
            return (frame for i, frame in enumerate(frames) if own.random() >= share or i == 0)

        return clip.mapped(kept, is_variable_rate=True, frame_count=None)

    return change


def averaged(clip: Clip, _: Rng) -> Clip:
    """Each frame the mean of itself and its two neighbours."""

    def means(frames: Iterator[Frame]) -> Iterator[Frame]:
        held: list[Frame] = []
        for frame in frames:
            held = [*held[-2:], frame]
            if len(held) > 1:
                yield _mean(held, at=-2)
        if held:
            yield _mean(held[-2:], at=-1)

    return clip.mapped(means)


def _mean(held: list[Frame], at: int) -> Frame:
    return Frame(held[at].time_s, rounded(np.mean([f.rgb for f in held], axis=0, dtype=np.float32)))


def cut_to(seconds: float) -> Change:
    """A random stretch of `seconds`; a shorter clip stays whole."""

    def change(clip: Clip, rng: Rng) -> Clip:
        count = max(1, round(seconds * clip.info.fps))
        whole = clip.info.frame_count or round(length_s(clip) * clip.info.fps)
        return stretch(clip, int(rng.integers(max(0, whole - count) + 1)), count)

    return change


def stretch(clip: Clip, first: int, count: int) -> Clip:
    """`count` frames from frame `first` on, timed from 0."""

    def cut(frames: Iterator[Frame]) -> Iterator[Frame]:
        start: float | None = None
        for i, frame in enumerate(frames):
            if i >= first + count:
                return
            if i >= first:
                start = frame.time_s if start is None else start
                yield Frame(frame.time_s - start, frame.rgb)

    whole = clip.info.frame_count
    kept = count if whole is None else max(0, min(count, whole - first))
    return clip.mapped(cut, frame_count=kept, duration_s=float(kept / clip.info.fps))


def joined(first: Clip, second: Clip) -> Clip:
    """One clip after another, of one size and rate."""

    def both() -> Iterator[Frame]:
        shown = 0
        for clip in (first, second):
            for frame in clip.frames():
                yield Frame(float(shown / first.info.fps), frame)
                shown += 1

    count = (first.info.frame_count or 0) + (second.info.frame_count or 0)
    joint = first.mapped(lambda frames: frames, frame_count=count, duration_s=float(count / first.info.fps))
    return Clip(joint.info, both)
