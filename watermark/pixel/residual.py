"""What is left of a clip when the picture is taken out: normalised luma residuals, summed per half second.

Constant memory: a reader asks for so many slices at a time, each one plane of at most 1280 px on its long side.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Frame
from watermark.pixel.layout import SLICE_S
from watermark.pixel.masking import luma_of

Plane = NDArray[np.float32]

LONG_SIDE_MAX_PX = 1280
"""Frames are read at most this long: the mark's band, up to 1/5 cycles per canonical pixel, still fits."""

_SMOOTH_PX, _NORMAL_PX = 5, 7
_FLOOR_LEVELS = 1.0
_CLIP = 1.5
_NEARLY_S = 1e-6


@dataclass(frozen=True)
class Slice:
    """The summed residual of the frames shown in one half second. `residual` is float32 (h, w)."""

    start_s: float
    end_s: float
    frames: int
    residual: Plane


def read_size(width_px: int, height_px: int) -> tuple[int, int]:
    """The size frames are read at: their own, or reduced to 1280 px on the long side."""
    share = min(1.0, LONG_SIDE_MAX_PX / max(width_px, height_px))
    return max(1, round(width_px * share)), max(1, round(height_px * share))


def frame_residual(rgb: RGB, size: tuple[int, int]) -> Plane:
    """Luma less its blur, over its local deviation, clipped at 1.5: edges weigh no more than texture."""
    luma = luma_of(rgb)
    if (luma.shape[1], luma.shape[0]) != size:
        luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
    plane = luma.astype(np.float32)
    window = (_SMOOTH_PX, _SMOOTH_PX)
    detail = plane - cv2.blur(cv2.blur(plane, window), window)
    power = cv2.sqrBoxFilter(detail, cv2.CV_32F, (_NORMAL_PX, _NORMAL_PX))
    deviation = np.sqrt(np.maximum(power, 0.0)) + _FLOOR_LEVELS
    return np.asarray(np.clip(detail / deviation, -_CLIP, _CLIP), np.float32)


def slices(frames: Iterator[Frame]) -> Iterator[Slice]:
    """Half-second slices in order, the last partial one too. A frame of another size than the first is fitted
    to it."""
    index, start, count, total, size = 0, 0.0, 0, np.empty((0, 0), np.float32), (0, 0)
    for frame in frames:
        if size == (0, 0):
            size = read_size(frame.rgb.shape[1], frame.rgb.shape[0])
        current = int((frame.time_s + _NEARLY_S) // SLICE_S)
        if count and current != index:
            yield Slice(index * SLICE_S, (index + 1) * SLICE_S, count, total)
            count = 0
        residual = frame_residual(frame.rgb, size)
        total = residual if count == 0 else total + residual
        index, count, start = current, count + 1, frame.time_s
    if count:
        yield Slice(index * SLICE_S, max(start, index * SLICE_S) + _NEARLY_S, count, total)
