"""Lays a cut-out copy back where it lay in the marked original, so that the pictures can be compared."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from core.clip import Clip, Frame
from watermark.extraction import Geometry

_CANVAS_PX = 256
_WHOLE = 0.02  # a copy that covers the original to within 2 % of each side is compared as it is


def is_cut_out(clip: Clip, geometry: Geometry, marked_size: tuple[int, int]) -> bool:
    """Whether the mark says that the clip shows only a part of the picture that was marked.

    `marked_size` is (width, height) of the original in pixels. Turned clips are left alone: False.
    """
    if abs(geometry.rotation_deg) > 0.5 or geometry.flipped:
        return False
    width, height = marked_size
    covered = (clip.info.width_px * geometry.scale / width, clip.info.height_px * geometry.scale_y / height)
    shifted = max(abs(geometry.shift_x_px) / width, abs(geometry.shift_y_px) / height)
    return min(covered) < 1 - _WHOLE or max(covered) > 1 + _WHOLE or shifted > _WHOLE


def laid_back(clip: Clip, geometry: Geometry, marked_size: tuple[int, int]) -> Clip:
    """The clip on a 256 × 256 canvas of the whole marked picture; what was cut away repeats the nearest edge."""
    width, height = marked_size
    across, down = _CANVAS_PX / width, _CANVAS_PX / height
    placing = np.array(
        [
            [geometry.scale * across, 0.0, geometry.shift_x_px * across],
            [0.0, geometry.scale_y * down, geometry.shift_y_px * down],
        ]
    )

    def place(frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            yield Frame(frame.time_s, _placed(frame.rgb, placing))

    return clip.mapped(place, width_px=_CANVAS_PX, height_px=_CANVAS_PX)


def _placed(rgb: Any, placing: Any) -> Any:
    small, shrunk = _prefiltered(rgb, placing)
    size = (_CANVAS_PX, _CANVAS_PX)
    return cv2.warpAffine(small, shrunk, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _prefiltered(rgb: Any, placing: Any) -> tuple[Any, Any]:
    """The picture shrunk by area to the size it takes on the canvas: warping alone would alias."""
    height, width, _ = rgb.shape
    wanted = (max(1, round(width * placing[0, 0])), max(1, round(height * placing[1, 1])))
    if wanted[0] >= width or wanted[1] >= height:
        return rgb, placing
    small = cv2.resize(rgb, wanted, interpolation=cv2.INTER_AREA)
    adjusted = placing.copy()
    adjusted[0, 0] *= width / wanted[0]
    adjusted[1, 1] *= height / wanted[1]
    return small, adjusted
