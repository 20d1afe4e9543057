"""What is left of a clip when the picture is taken out: normalised luma residuals, summed per eighth of a second.

Constant memory: a reader holds so many slices at a time, each a small pyramid of planes of at most 480 px.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Frame
from watermark.pixel.layout import CANONICAL_LONG_PX, SLICE_S
from watermark.pixel.masking import luma_of

Plane = NDArray[np.float32]
Stored = NDArray[np.int16]

LEVELS = 3
"""Planes at full, half and quarter reading size: a cut-out shows the mark larger than it was drawn."""

LEVEL_SIDE_MIN_PX = 24

_SMOOTH_PX, _NORMAL_PX = 5, 7
_FLOOR_LEVELS = 1.0
_CLIP = 2.5
_NEARLY_S = 1e-6
_NEAR_SIZE = 1.5

_UNITS = 64
"""Stored units per unit of a frame's residual. Whole numbers add ten times as fast as half floats convert."""

_FULL_FRAMES = 12
"""Frames a slice counts for at most: the sums of two seconds then stay within 16 bits, whatever the frame rate."""


@dataclass(frozen=True)
class Slice:
    """The summed residuals of the frames shown in one eighth of a second. `levels[k]` is int16 (h, w) / 2^k, in
    units of 1/64; of more than 12 frames it is 12 times their mean."""

    index: int
    frames: int
    end_s: float
    levels: tuple[Stored, ...]

    @property
    def start_s(self) -> float:
        """The slice's start in seconds."""
        return self.index * SLICE_S


def read_size(width_px: int, height_px: int) -> tuple[int, int]:
    """The size frames are read at: their own, or reduced to 480 px on the long side."""
    share = min(1.0, CANONICAL_LONG_PX / max(width_px, height_px))
    return max(1, round(width_px * share)), max(1, round(height_px * share))


def frame_residual(plane: NDArray[np.uint8]) -> Plane:
    """Luma less its blur, over its local deviation, clipped at 2.5: edges weigh no more than texture."""
    luma = plane.astype(np.float32)
    window = (_SMOOTH_PX, _SMOOTH_PX)
    detail = luma - cv2.blur(cv2.blur(luma, window), window)
    power = cv2.sqrBoxFilter(detail, cv2.CV_32F, (_NORMAL_PX, _NORMAL_PX))
    deviation = np.sqrt(np.maximum(power, 0.0)) + _FLOOR_LEVELS
    return np.asarray(np.clip(detail / deviation, -_CLIP, _CLIP), np.float32)


def frame_levels(rgb: RGB, size: tuple[int, int]) -> list[Plane]:
    """The residual at each reading size of the pyramid, largest first."""
    luma = luma_of(rgb)
    if (luma.shape[1], luma.shape[0]) != size:
        luma = _reduced(luma, size)
    levels = [frame_residual(luma)]
    while len(levels) < LEVELS and min(luma.shape) // 2 >= LEVEL_SIDE_MIN_PX:
        half = (luma.shape[1] // 2, luma.shape[0] // 2)
        luma = np.asarray(cv2.resize(luma, half, interpolation=cv2.INTER_AREA), np.uint8)
        levels.append(frame_residual(luma))
    return levels


def _reduced(luma: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Area means over whole pixels first, which is seven times as fast as over fractions of them."""
    whole = max(luma.shape) // max(size)
    if whole > 1:
        coarse = (luma.shape[1] // whole, luma.shape[0] // whole)
        luma = np.asarray(cv2.resize(luma, coarse, interpolation=cv2.INTER_AREA), np.uint8)
    is_near = max(luma.shape) <= _NEAR_SIZE * max(size)
    how = cv2.INTER_LINEAR if is_near and whole > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(luma, size, interpolation=how), np.uint8)


def slices(frames: Iterator[Frame]) -> Iterator[Slice]:
    """Slices in order, the last partial one too. A frame of another size than the first is fitted to it."""
    index, count, start, size = 0, 0, 0.0, (0, 0)
    total: list[Plane] = []
    for frame in frames:
        if size == (0, 0):
            size = read_size(frame.rgb.shape[1], frame.rgb.shape[0])
        current = int((frame.time_s + _NEARLY_S) // SLICE_S)
        if count and current != index:
            yield _stored(index, count, (index + 1) * SLICE_S, total)
            count = 0
        levels = frame_levels(frame.rgb, size)
        total = levels if count == 0 else [a + b for a, b in zip(total, levels, strict=True)]
        index, count, start = current, count + 1, frame.time_s
    if count:
        yield _stored(index, count, max(start, index * SLICE_S) + _NEARLY_S, total)


def _stored(index: int, count: int, end_s: float, total: list[Plane]) -> Slice:
    scale = np.float32(_UNITS * min(1.0, _FULL_FRAMES / count))
    return Slice(index, count, end_s, tuple(np.rint(plane * scale).astype(np.int16) for plane in total))


def summed(pyramids: Iterable[Sequence[Stored]], signs: Iterable[int]) -> tuple[Stored, ...]:
    """The sum of pyramids, each times its sign, level by level: int16 as they are, held at its ends."""
    total: list[Stored] = []
    for levels, sign in zip(pyramids, signs, strict=True):
        if not total:
            total = [np.zeros_like(plane) for plane in levels]
        change = cv2.add if sign > 0 else cv2.subtract
        for into, plane in zip(total, levels, strict=True):
            change(into, plane, dst=into)
    return tuple(total)
