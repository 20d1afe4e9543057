"""The places a scene is set in, all of low saturation so that the object's hue stands alone.

Each takes coordinates (H, W) in half frame heights, y down, and gives linear RGB (H, W, 3), 0.0 to 1.0.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from generator.scenes.shapes import Plane

Picture = NDArray[np.float32]

FLOOR_Y = 0.82
"""Where objects cast their shadow, in half frame heights."""
_HORIZON_Y = 0.30


def studio(x: Plane, y: Plane, tint: float, variant: float) -> Picture:
    """A backdrop that rounds into a floor, under one soft lamp."""
    floor = _smooth((y - 0.35) / 0.4)[..., None]
    lamp = np.exp(-((x - 0.8 * (variant - 0.5)) ** 2 + (y + 0.25) ** 2) * 0.9)[..., None]
    warm = 0.03 * tint
    wall = np.array([0.46 + warm, 0.46, 0.47 - warm], np.float32)
    ground = np.array([0.64 + warm, 0.63, 0.62 - warm], np.float32)
    return _f32((wall * (1 - floor) + ground * floor) * (0.72 + 0.5 * lamp))


def sky(x: Plane, y: Plane, tint: float, variant: float) -> Picture:
    """A pale sky over rolling hills and a sandy plain."""
    height = np.clip((y + 1) / (1 + _HORIZON_Y), 0, 1)[..., None]
    high, low = np.array([0.60, 0.70, 0.80], np.float32), np.array([0.88, 0.89, 0.88], np.float32)
    picture = (high * (1 - height) + low * height) * (1 + 0.05 * tint)
    ridge = _HORIZON_Y - 0.10 - 0.10 * np.sin(1.9 * x + 6.3 * variant) - 0.04 * np.sin(4.3 * x + 11 * variant)
    picture = _over(picture, (0.52, 0.57, 0.53), y - ridge)
    depth = np.clip((y - _HORIZON_Y) / 0.7, 0, 1)[..., None]
    sand = np.array([0.70, 0.66, 0.58], np.float32) * (1.05 - 0.25 * depth)
    return _over(picture, sand, y - _HORIZON_Y)


def night(x: Plane, y: Plane, tint: float, variant: float) -> Picture:
    """A dim plain under the moon."""
    height = np.clip((y + 1) / (1 + _HORIZON_Y), 0, 1)[..., None]
    high, low = np.array([0.07, 0.08, 0.11], np.float32), np.array([0.20, 0.21, 0.25], np.float32)
    picture = (high * (1 - height) + low * height) * (1 + 0.1 * tint)
    away = np.hypot(x - 1.2 * (variant - 0.5), y + 0.68)
    picture = picture + 0.16 * np.exp(-3.5 * np.maximum(away - 0.13, 0))[..., None]
    picture = _over(picture, (0.86, 0.86, 0.82), 0.13 - away)
    ground = np.array([0.16, 0.16, 0.17], np.float32) * (1 + 0.4 * np.clip(y - _HORIZON_Y, 0, 1)[..., None])
    return _over(picture, ground, y - _HORIZON_Y)


def checker(x: Plane, y: Plane, tint: float, variant: float) -> Picture:
    """A tiled floor running to a plain wall."""
    wall = (0.66 + 0.04 * tint - 0.12 * np.abs(y + 0.3))[..., None] * np.array([1.0, 0.99, 0.97], np.float32)
    depth = np.maximum(y - _HORIZON_Y, 0.03)
    across, along = x / depth * 0.55 + variant, 0.8 / depth
    # The further off, the softer: tiles narrower than a few pixels fade to grey instead of flickering.
    sharp = np.clip(depth * 9, 0.4, 6)
    tiles = np.tanh(sharp * np.sin(np.pi * across) * np.sin(np.pi * along)) * np.clip(depth * 5 - 0.4, 0, 1)
    floor = (0.52 + 0.04 * tint + 0.2 * tiles)[..., None] * np.array([1.0, 0.985, 0.96], np.float32)
    return _over(wall, floor, y - _HORIZON_Y)


BACKGROUNDS: dict[str, Callable[[Plane, Plane, float, float], Picture]] = {
    "studio": studio,
    "sky": sky,
    "night": night,
    "checker": checker,
}


def _over(picture: NDArray[np.floating], paint: object, inside: Plane) -> Picture:
    """`paint` over `picture` where `inside` is positive, the edge softened over about two pixels of 256."""
    cover = np.clip(inside / 0.016 + 0.5, 0, 1)[..., None]
    return _f32(picture * (1 - cover) + np.asarray(paint, np.float32) * cover)


def _smooth(along: Plane) -> Plane:
    step = np.clip(along, 0, 1)
    return _f32(step * step * (3 - 2 * step))


def _f32(plane: NDArray[np.floating]) -> NDArray[np.float32]:
    return plane.astype(np.float32)
