"""Placements told in the words of an editor: scale, turn, mirror, shift."""

from dataclasses import replace

import numpy as np

from watermark.extraction import Geometry
from watermark.pixel.field import Matrix
from watermark.pixel.layout import CanonicalGrid


def geometry_of(matrix: Matrix, width_px: int, height_px: int) -> Geometry:
    """How a clip of `width_px` x `height_px` lies on the original, as if that had been as large as it is shown now.

    A mark cannot tell 1080p from 720p once the copy has 480 px or more; `on_marked` can, given the original's size.
    """
    to_canonical = np.linalg.inv(matrix) @ np.diag([1.0 / width_px, 1.0 / height_px, 1.0])
    return _described(
        to_canonical / to_canonical[2, 2], width_px, height_px, CanonicalGrid.of(width_px, height_px).reduction
    )


def on_marked(geometry: Geometry, clip_px: tuple[int, int], marked_px: tuple[int, int]) -> Geometry:
    """The geometry in pixels of the clip that was marked, (width, height) both."""
    if not geometry.homography:
        return geometry
    to_canonical = np.array(geometry.homography).reshape(3, 3)
    return _described(to_canonical, *clip_px, CanonicalGrid.of(*marked_px).reduction)


def _described(to_canonical: Matrix, width_px: int, height_px: int, times: float) -> Geometry:
    centre = np.array([width_px / 2, height_px / 2, 1.0])
    depth = float(to_canonical[2] @ centre)
    place = to_canonical[:2] @ centre / depth
    slope = (to_canonical[:2, :2] - np.outer(place, to_canonical[2, :2])) / depth * times
    flipped = bool(np.linalg.det(slope) < 0)
    upright = slope @ np.diag([-1.0 if flipped else 1.0, 1.0])
    corner = to_canonical @ np.array([float(width_px) if flipped else 0.0, 0.0, 1.0])
    scale = float(np.hypot(*upright[:, 0]))
    described = Geometry(
        scale,
        float(abs(np.linalg.det(slope))) / max(scale, 1e-9),
        float(np.degrees(np.arctan2(upright[1, 0], upright[0, 0]))),
        flipped,
        float(corner[0] / corner[2]) * times,
        float(corner[1] / corner[2]) * times,
    )
    return replace(described, homography=tuple(float(v) for v in to_canonical.ravel()))
