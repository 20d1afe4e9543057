"""Leads: what an expert may look at in any clip, ours or not. Never proof, of no weight in the verdict.

Looked for in small grey pictures of every frame, taken while the fingerprint is: stretches that show the same
frames twice, pictures that stand still in the midst of motion, cuts. Each kind is shown with how often it was found
where it was made and how often where it was not (bench/detector_leads.py). Honest footage has cuts and repeats too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import Clip, Frame
from core.pictures import reduced
from detector.shots import jumps_of

_SIDE_PX = 32
#: A minute at 25 frames a second: pairs of frames are compared, so the cost grows with the square: here 0.8 s.
MAX_FRAMES = 1_500
#: A repeat must last so long, and its frames be this much nearer to each other than to their neighbours.
_REPEAT_S, _REPEAT_SHARE, _MOVING_LEVELS = 0.3, 0.4, 1.0
_FREEZE_S, _FREEZE_SHARE = 0.15, 0.12
_JUMP_TIMES = 4.0
_MAX_LEADS = 12

Values = NDArray[np.float32]


#: Of each kind: found where it was made, of how many; told of untouched clips, of how many. Real clips at x264 CRF
#: 23 and 28 (`python -m bench.detector_leads --clips 16`). What is told of untouched clips are mostly own cuts.
RATES: dict[str, tuple[int, int, int, int]] = {
    "repeated_frames": (6, 13, 0, 13),
    "frozen_frames": (9, 13, 0, 13),
    "cut": (13, 13, 1, 13),
}
_WORDS = {
    "repeated_frames": "the frames at {span} are those from {like} on, once more",
    "frozen_frames": "the picture stands still at {span} while everything around it moves",
    "cut": "the picture jumps at {start}",
}


@dataclass(frozen=True)
class Lead:
    """One place worth a look. `like_s` is where the repeated frames stand first, None for other kinds."""

    kind: str
    start_s: float
    end_s: float
    like_s: float | None = None

    @property
    def says(self) -> str:
        """The lead in words."""
        start, span = f"{self.start_s:.2f} s", f"{self.start_s:.2f}-{self.end_s:.2f} s"
        return _WORDS[self.kind].format(start=start, span=span, like=f"{self.like_s or 0.0:.2f} s")

    def to_json(self) -> dict[str, Any]:
        """The lead with its error rates, as a verdict shows it."""
        found, made, told, untouched = RATES[self.kind]
        return {
            "kind": self.kind,
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "like_s": None if self.like_s is None else round(self.like_s, 3),
            "says": self.says,
            "found_rate": round(found / made, 3),
            "false_rate": round(told / untouched, 3),
            "measured_on": untouched,
        }


class SmallPictures:
    """Collects small grey pictures of a clip's frames while somebody else reads it."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.pictures: list[Values] = []

    def along(self, clip: Clip) -> Clip:
        """The clip, unchanged; its next whole reading fills this collection anew."""

        def frames() -> Iterator[Frame]:
            self.times, self.pictures = [], []
            for frame in clip.timed_frames():
                if len(self.times) < MAX_FRAMES:
                    self.times.append(frame.time_s)
                    self.pictures.append(small(frame))
                yield frame

        return Clip(clip.info, frames)


def small(frame: Frame) -> Values:
    """A frame as 32 x 32 grey levels, float32."""
    grey = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY)
    return reduced(np.asarray(grey, np.uint8), (_SIDE_PX, _SIDE_PX)).astype(np.float32)


def leads_of(collected: SmallPictures) -> tuple[Lead, ...]:
    """The leads in the collected pictures, in order of time, at most twelve."""
    times = np.array(collected.times)
    if len(times) < 8:
        return ()
    pictures = np.stack(collected.pictures).reshape(len(times), -1)
    changes = np.abs(np.diff(pictures, axis=0)).mean(axis=1)
    frame_s = float(np.median(np.diff(times)))
    found = [
        *_cuts(times, changes),
        *_freezes(times, changes, frame_s),
        *_repeats(times, pictures, changes, frame_s),
    ]
    return tuple(sorted(found, key=lambda one: one.start_s)[:_MAX_LEADS])


def _cuts(times: NDArray[np.float64], changes: Values) -> Iterator[Lead]:
    for time_s in jumps_of(times, changes, _JUMP_TIMES):
        yield Lead("cut", time_s, time_s)


def _freezes(times: NDArray[np.float64], changes: Values, frame_s: float) -> Iterator[Lead]:
    for start, end in _runs(changes < _FREEZE_SHARE * np.median(changes)):
        around = np.concatenate([changes[max(0, start - 6) : start], changes[end : end + 6]])
        is_inside = start > 0 and end < len(changes)
        if (end - start) * frame_s >= _FREEZE_S and is_inside and np.median(around) > _MOVING_LEVELS:
            yield Lead("frozen_frames", float(times[start]), float(times[end]))


def _repeats(times: NDArray[np.float64], pictures: Values, changes: Values, frame_s: float) -> Iterator[Lead]:
    """Runs of frames that stand earlier in the clip too: nearer to those than to the frames beside them."""
    shortest = max(4, round(_REPEAT_S / frame_s))
    pictures = _coarser(pictures)
    moving = np.append(changes, changes[-1])
    # The least of a frame's change over its neighbourhood: a cut beside it is no motion.
    usual = np.array([np.median(moving[max(0, i - 4) : i + 5]) for i in range(len(moving))])
    best: Lead | None = None
    longest = 0
    for lag in range(shortest, len(times) - shortest):
        apart = np.abs(pictures[lag:] - pictures[:-lag]).mean(axis=1)
        alike = (apart < _REPEAT_SHARE * usual[lag:]) & (usual[lag:] > _MOVING_LEVELS)
        for start, end in _runs(alike):
            if end - start >= shortest and end - start > longest:
                longest = end - start
                at, until = float(times[start + lag]), float(times[end - 1 + lag]) + frame_s
                best = Lead("repeated_frames", at, until, float(times[start]))
    if best is not None:
        yield best


def _coarser(pictures: Values) -> Values:
    """Each picture at half its sides, float32 (F, 256): a quarter of the cost, less of what encoding did."""
    half = _SIDE_PX // 2
    blocks = pictures.reshape(len(pictures), half, 2, half, 2).mean(axis=(2, 4))
    return np.asarray(blocks.reshape(len(pictures), -1), np.float32)


def _runs(marks: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of every run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in pairwise(edges)][::2]
