"""Signed distance of each silhouette: negative inside, in units of the object's radius, (H, W) float32.

Distances after Inigo Quilez' two-dimensional distance functions, written anew here.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]


def ball(x: Plane, y: Plane) -> Plane:
    """A disc of radius 1."""
    return _f32(np.hypot(x, y) - 1)


def cube(x: Plane, y: Plane) -> Plane:
    """A square of half side 0.82 with softly rounded corners."""
    across, down = np.abs(x) - 0.74, np.abs(y) - 0.74
    outside = np.hypot(np.maximum(across, 0), np.maximum(down, 0))
    return _f32(outside + np.minimum(np.maximum(across, down), 0) - 0.08)


def triangle(x: Plane, y: Plane) -> Plane:
    """An upright equilateral triangle, point up, corners slightly rounded."""
    slope = np.sqrt(3.0)
    below = y - 0.55
    side = (slope * np.abs(x) - y) / 2 - 0.5
    corner = 0.06
    inner = np.maximum(below, side) + corner
    return _f32(inner - corner)


def star(x: Plane, y: Plane) -> Plane:
    """A five-pointed star with a tip at the top, tips at radius 1.1."""
    turn = np.arctan2(x, -y)
    sector = 2 * np.pi / 5
    folded = np.abs(np.mod(turn + sector / 2, sector) - sector / 2)
    radius = np.hypot(x, y)
    along, aside = radius * np.cos(folded), radius * np.sin(folded)
    # Edge from the tip (1.1, 0) to the notch at half a sector, radius 0.5.
    notch_x, notch_y = 0.5 * np.cos(sector / 2), 0.5 * np.sin(sector / 2)
    edge_x, edge_y = notch_x - 1.1, notch_y
    length = np.hypot(edge_x, edge_y)
    return _f32(((along - 1.1) * edge_y - aside * edge_x) / length)


def ring(x: Plane, y: Plane) -> Plane:
    """An annulus from radius 0.5 to 1."""
    return _f32(np.abs(np.hypot(x, y) - 0.75) - 0.26)


def heart(x: Plane, y: Plane) -> Plane:
    """A heart, point down, about as large as the unit disc."""
    across, up = np.abs(x) * 0.56, -y * 0.56 + 0.53
    lobe = np.hypot(across - 0.25, up - 0.75) - np.sqrt(2) / 4
    fold = 0.5 * np.maximum(across + up, 0)
    tip = np.minimum(np.hypot(across, up - 1), np.hypot(across - fold, up - fold)) * np.sign(across - up)
    return _f32(np.where(across + up > 1, lobe, tip) / 0.56)


DISTANCES: dict[str, Callable[[Plane, Plane], Plane]] = {
    "ball": ball,
    "cube": cube,
    "triangle": triangle,
    "star": star,
    "ring": ring,
    "heart": heart,
}


def _f32(plane: NDArray[np.floating]) -> Plane:
    return plane.astype(np.float32)
