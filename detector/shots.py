"""A clip's shots, by the jumps of its pictures, and its fingerprint taken shot by shot.

The fingerprint leaves out black bars, which it finds once for a whole clip. A shot with bars beside one without is
then measured in the wrong frame; taken by itself it is not.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import Clip, Frame
from provenance.fingerprint import SAMPLES_PER_S, fingerprint_clip
from provenance.records import Fingerprint

#: Only the first five minutes are looked at, as far as releases are followed.
MAX_S = 300.0
_SIDE_PX = 24
#: A jump changes the small picture by this many levels, and this many times as much as the half second around it.
_JUMP_LEVELS, _JUMP_TIMES, _AROUND_S = 6.0, 3.0, 0.5

Shot = tuple[float, float]


def shots_of(clip: Clip, shortest_s: float = 0.0) -> list[Shot]:
    """Start and end (seconds) of every shot of the first five minutes that lasts so long. One pass."""
    times, changes = _changes(clip)
    if len(times) < 2:
        return []
    frame_s = float(np.median(np.diff(times)))
    cuts = [0.0, *jumps_of(times, changes, _JUMP_TIMES), float(times[-1]) + frame_s]
    return [(start, end) for start, end in pairwise(cuts) if end - start >= shortest_s - 1e-6]


def jumps_of(times: NDArray[np.float64], changes: NDArray[np.floating], over_usual: float) -> list[float]:
    """When a picture differs from the one before by six levels and by `over_usual` times the median change of the
    half second around. `times` are those of N frames, `changes` the N - 1 differences in levels.
    """
    jumps = []
    for number, change in enumerate(changes, 1):
        near = np.abs(times[1:] - times[number]) <= _AROUND_S
        near[number - 1] = False
        usual = float(np.median(changes[near])) if near.any() else 0.0
        if change > _JUMP_LEVELS and change > over_usual * usual:
            jumps.append(float(times[number]))
    return jumps


def _changes(clip: Clip) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    times, changes = [], []
    before: NDArray[np.float32] | None = None
    for frame in clip.timed_frames():
        if frame.time_s > MAX_S:
            break
        small = cv2.resize(frame.rgb, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
        times.append(frame.time_s)
        if before is not None:
            changes.append(float(np.abs(small - before).mean()))
        before = small
    return np.array(times), np.array(changes)


def by_shot(clip: Clip, shots: Sequence[Shot]) -> Iterator[tuple[int, Iterator[Frame]]]:
    """The number of each shot with its frames, in one pass; frames of no shot are left out."""
    starts = np.array([start for start, _ in shots])
    frames = clip.timed_frames()
    for number, group in groupby(frames, key=lambda frame: int(np.searchsorted(starts, frame.time_s + 1e-6)) - 1):
        if number >= 0:
            yield number, _before(group, shots[number][1])
            if number == len(shots) - 1:
                return


def _before(frames: Iterable[Frame], end_s: float) -> Iterator[Frame]:
    return (one for one in frames if one.time_s < end_s - 1e-6)


def fingerprint_by_shots(clip: Clip, shots: Sequence[Shot]) -> Fingerprint | None:
    """The clip's fingerprint with every shot measured by itself; None where there is one shot only. One pass.

    The sample of an eighth in which two shots meet is that of the shot which has more of it.
    """
    if len(shots) < 2:
        return None
    samples: dict[int, tuple[NDArray[np.uint8], int]] = {}
    alg, end_s = "", 0.0
    for number, frames in by_shot(clip, shots):
        one = fingerprint_clip(Clip(clip.info, lambda held=frames: held))  # type: ignore[misc]
        first = int(shots[number][0] * SAMPLES_PER_S + 1e-6)
        is_late = shots[number][0] * SAMPLES_PER_S - first > 0.5
        for place, (row, quality) in enumerate(zip(one.hashes, one.quality, strict=True), first):
            if place not in samples or not is_late:
                samples[place] = row, int(quality)
        alg, end_s = one.alg, one.duration_s
    if not samples:
        return None
    ordered = [samples[place] for place in sorted(samples)]
    hashes = np.stack([row for row, _ in ordered])
    return Fingerprint(alg, hashes, np.array([quality for _, quality in ordered], np.uint8), end_s)
