"""Moves the ends of stretches, known to an eighth of a second, to the frame where the picture jumps."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import Clip
from detector.matching import Stretch

_REACH_S = 0.19
_SIDE_PX = 24
#: A jump must stand out of the changes around it this clearly, or the eighth stays as it was.
_TIMES = 2.0


def sharpened(clip: Clip, stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """The stretches with every inner end at a cut of the pictures, where one lies within 0.19 s. One pass."""
    ends = [one.start_s for one in stretches[1:]]
    if not ends:
        return tuple(stretches)
    jumps = _jumps(clip, ends)
    moved = [found if found is not None else end for end, found in zip(ends, jumps, strict=True)]
    starts = [stretches[0].start_s, *moved]
    stops = [*moved, stretches[-1].end_s]
    return tuple(
        replace(one, start_s=start, end_s=stop, reference_s=max(0.0, one.reference_s + start - one.start_s))
        for one, start, stop in zip(stretches, starts, stops, strict=True)
    )


def _jumps(clip: Clip, ends: Sequence[float]) -> list[float | None]:
    near: list[list[tuple[float, float]]] = [[] for _ in ends]
    before: NDArray[np.float32] | None = None
    for frame in clip.timed_frames():
        if frame.time_s > ends[-1] + _REACH_S:
            break
        places = [i for i, end in enumerate(ends) if abs(frame.time_s - end) <= _REACH_S + 0.1]
        if not places:
            before = None
            continue
        small = cv2.resize(frame.rgb, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
        if before is not None:
            for i in places:
                if abs(frame.time_s - ends[i]) <= _REACH_S:
                    near[i].append((float(np.abs(small - before).mean()), frame.time_s))
        before = small
    return [_standing_out(found) for found in near]


def _standing_out(found: Sequence[tuple[float, float]]) -> float | None:
    if len(found) < 3:
        return None
    changes = sorted(change for change, _ in found)
    largest, time_s = max(found)
    return time_s if largest > _TIMES * changes[-2] + 1.0 else None
