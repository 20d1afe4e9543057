"""Lays a copy back where it lay in the marked original, so that the pictures can be compared.

Placements are 3 × 3 matrices from the copy's pixels to a canvas of the whole original: cut-outs, turns, mirrors,
uneven scales and perspective are all one of those.
"""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Clip, Frame
from watermark.extraction import Geometry
from watermark.pixel.layout import CanonicalGrid

Matrix = NDArray[np.float64]
CANVAS_PX = 256
_TO_CORNER = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
_TO_CENTRE = np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5], [0.0, 0.0, 1.0]])
_WHOLE = 0.02  # a copy that covers the original to within 2 % of each side is compared as it is


def placement(geometry: Geometry, marked_size: tuple[int, int], canvas_size: tuple[float, float]) -> Matrix | None:
    """From the copy's pixels to a canvas of (width, height) that holds the whole original, or None if unknown."""
    if not geometry.homography or min(marked_size) <= 0:
        return None
    grid = CanonicalGrid.of(*marked_size)
    to_canvas = np.diag([canvas_size[0] / grid.width_px, canvas_size[1] / grid.height_px, 1.0])
    return np.asarray(to_canvas @ np.array(geometry.homography, np.float64).reshape(3, 3))


def whole_placement(clip_size: tuple[int, int], canvas_size: tuple[float, float]) -> Matrix:
    """The placement of a copy that shows the whole original."""
    return np.diag([canvas_size[0] / clip_size[0], canvas_size[1] / clip_size[1], 1.0])


def corners(matrix: Matrix, clip_size: tuple[int, int]) -> NDArray[np.float64]:
    """Where the copy's four corners lie on the canvas, (4, 2), clockwise from the top left one."""
    width, height = clip_size
    square = np.array([[[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]]])
    return np.asarray(cv2.perspectiveTransform(square, matrix)[0], np.float64)


def is_moved(clip_size: tuple[int, int], matrix: Matrix, canvas_size: tuple[float, float]) -> bool:
    """Whether the copy shows anything else than the whole original upright."""
    there = corners(matrix, clip_size) / np.array(canvas_size)
    whole = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    return bool(np.abs(there - whole).max() > _WHOLE)


def laid_back(clip: Clip, geometry: Geometry, marked_size: tuple[int, int]) -> Clip | None:
    """The clip on a 256 × 256 canvas of the whole marked picture; what was cut away repeats the nearest edge.

    None where the mark says that the clip shows the whole picture upright, or not how it lies.
    """
    size = (clip.info.width_px, clip.info.height_px)
    matrix = placement(geometry, marked_size, (CANVAS_PX, CANVAS_PX))
    if matrix is None or not is_moved(size, matrix, (CANVAS_PX, CANVAS_PX)):
        return None

    def place(frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            yield Frame(frame.time_s, warped(frame.rgb, matrix, (CANVAS_PX, CANVAS_PX)))

    return clip.mapped(place, width_px=CANVAS_PX, height_px=CANVAS_PX)


def warped(picture: RGB, matrix: Matrix, size: tuple[int, int]) -> RGB:
    """A picture laid on a canvas of (width, height) pixels, shrunk by area first: warping alone would alias."""
    small, adjusted = _prefiltered(picture, matrix, size)
    laid = cv2.warpPerspective(
        small, between_centres(adjusted), size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(laid, np.uint8)


def between_centres(matrix: Matrix) -> Matrix:
    """A placement as OpenCV takes it: it counts from the centre of the first pixel, placements from its corner.

    Without this a mirrored copy lies one pixel beside its release.
    """
    return np.asarray(_TO_CENTRE @ matrix @ _TO_CORNER)


def between_corners(matrix: Matrix) -> Matrix:
    """The other way round: a placement from one that OpenCV found."""
    return np.asarray(_TO_CORNER @ matrix @ _TO_CENTRE)


def _prefiltered(rgb: Any, matrix: Matrix, size: tuple[int, int]) -> tuple[Any, Matrix]:
    height, width, _ = rgb.shape
    there = corners(matrix, (width, height))
    across = float(np.linalg.norm(there[1] - there[0]) + np.linalg.norm(there[2] - there[3])) / 2
    down = float(np.linalg.norm(there[3] - there[0]) + np.linalg.norm(there[2] - there[1])) / 2
    wanted = (int(np.clip(round(across), 1, width)), int(np.clip(round(down), 1, height)))
    if wanted == (width, height):
        return rgb, matrix
    small = cv2.resize(rgb, wanted, interpolation=cv2.INTER_AREA)
    return small, matrix @ np.diag([width / wanted[0], height / wanted[1], 1.0])
