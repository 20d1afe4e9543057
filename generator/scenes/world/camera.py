"""The camera of the wide world: its named moves as numbers, and the pinhole that they place.

World: x to the right, y up from the floor, z away from the camera. Times run from 0 to 1 over a clip.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.scenes.world.spec import CAMERA_SPEEDS, WorldSpec

Floats = NDArray[np.float64]

HEIGHT, DISTANCE, AIM_Y, FOCAL = 1.7, 5.0, 1.15, 2.5
"""At rest: the camera's height and distance from the middle of the scene, the height it looks at, and its focal
length in half frame heights."""
UNITS_PER_HALF_FRAME = DISTANCE / FOCAL
TURNS, TRAVELS, CIRCLES, COUNTERS = 1.0, 0.35, 2.0, -1.0
"""`CameraNumbers.behind`: the background goes along whole, in part, alone, or against the thing (a dolly zoom)."""
NEAREST = 0.25
"""Nearest height of the camera above the floor."""


@dataclass(frozen=True)
class CameraNumbers:
    """A camera's path in numbers, (T,) each: shift x, y in half frame heights (right and down), log magnification,
    the picture's turn clockwise in radians; `behind` says what of them the background shows."""

    x: Floats
    y: Floats
    log_zoom: Floats
    roll: Floats
    behind: float


@dataclass(frozen=True)
class CameraPath:
    """A pinhole along time: position (T, 3), axes (T, 3, 3) with rows right, up, forward, focal (T,)."""

    position: Floats
    axes: Floats
    focal: Floats

    def seen(self, places: Floats) -> Floats:
        """Places (T, 3) to (T, 3): x and y in half frame heights from the picture's middle, y down, and depth."""
        local = np.einsum("tij,tj->ti", self.axes, places - self.position)
        depth = np.maximum(local[:, 2], 1e-3)
        return np.stack([self.focal * local[:, 0] / depth, -self.focal * local[:, 1] / depth, local[:, 2]], 1)


_TOTALS = {
    "pan": 0.60,
    "tilt": 0.45,
    "roll": 0.50,
    "dolly": 0.36,
    "truck": 0.72,
    "pedestal": 0.52,
    "orbit": 0.80,
    "zoom": 0.50,
    "dolly_zoom": 0.42,
}
"""How far each move goes over a clip at normal speed: shifts in half frame heights, turns in radians, else logs."""


def camera_numbers(spec: WorldSpec, times: Floats) -> CameraNumbers:
    """The path in numbers at `times` (T,)."""
    along, none = times - 0.5, np.zeros_like(times)
    if spec.camera == "path":
        x, y, zoom, roll, behind = _between(spec.camera_path, times)
        return CameraNumbers(x, y, np.log(zoom), roll, float(behind[0]))
    speed = CAMERA_SPEEDS[spec.camera_speed]
    if spec.camera == "handheld":
        turn = 2 * np.pi * (times + spec.variant)
        x = speed * (0.05 * np.sin(2.3 * turn) + 0.03 * np.sin(5.1 * turn + 1))
        y = speed * (0.04 * np.sin(2.9 * turn + 2) + 0.03 * np.sin(4.3 * turn))
        return CameraNumbers(x, y, none, speed * 0.03 * np.sin(1.7 * turn + 3), TURNS)
    move, _, way = spec.camera.rpartition("_")
    if spec.camera in ("roll", "dolly_zoom"):
        move, way = spec.camera, ""
    if move not in _TOTALS:
        return CameraNumbers(none, none, none, none, TURNS)
    gone = (-1.0 if way in ("left", "up", "out") else 1.0) * _TOTALS[move] * speed * along
    moves = {
        "pan": (gone, none, none, none, TURNS),
        "tilt": (none, gone, none, none, TURNS),
        "roll": (none, none, none, -gone, TURNS),
        "zoom": (none, none, gone, none, TURNS),
        "dolly": (none, none, gone, none, TRAVELS),
        "truck": (gone, none, none, none, TRAVELS),
        "pedestal": (none, gone, none, none, TRAVELS),
        "orbit": (gone, none, none, none, CIRCLES),
        "dolly_zoom": (none, none, -gone, none, COUNTERS),
    }
    return CameraNumbers(*moves[move])


def camera_path(spec: WorldSpec, times: Floats) -> CameraPath:
    """The pinhole at `times` (T,)."""
    numbers = camera_numbers(spec, times)
    none = np.zeros_like(times)
    position = np.stack([none, none + HEIGHT, none - DISTANCE], 1)
    focal, yaw, pitch = none + FOCAL, none, none - np.arctan2(HEIGHT - AIM_Y, DISTANCE)
    zoom = np.exp(numbers.log_zoom)
    if numbers.behind == CIRCLES:
        # To the right, the camera goes round to the right and keeps looking at the middle.
        yaw = -numbers.x
        position[:, 0], position[:, 2] = DISTANCE * np.sin(numbers.x), -DISTANCE * np.cos(numbers.x)
    elif numbers.behind == COUNTERS:
        focal = FOCAL * zoom
        position = _at_distance(position, pitch, DISTANCE * (zoom - 1))
    elif numbers.behind == TURNS:
        yaw, pitch, focal = np.arctan(numbers.x / FOCAL), pitch - np.arctan(numbers.y / FOCAL), FOCAL * zoom
    else:
        position = _at_distance(position, pitch, DISTANCE * (1 / zoom - 1))
        position[:, 0] += UNITS_PER_HALF_FRAME * numbers.x
        position[:, 1] -= UNITS_PER_HALF_FRAME * numbers.y
    position[:, 1] = np.maximum(position[:, 1], NEAREST)
    return CameraPath(position, _axes(yaw, pitch, numbers.roll), focal)


def _at_distance(position: Floats, pitch: Floats, further: Floats) -> Floats:
    """The position moved straight back by `further`."""
    moved: Floats = position - further[:, None] * np.stack([np.zeros_like(pitch), np.sin(pitch), np.cos(pitch)], 1)
    return moved


def _axes(yaw: Floats, pitch: Floats, roll: Floats) -> Floats:
    """Rows right, up, forward of a camera turned to the right by yaw, up by pitch; the picture turned by roll."""
    forward = np.stack([np.cos(pitch) * np.sin(yaw), np.sin(pitch), np.cos(pitch) * np.cos(yaw)], 1)
    right = np.stack([np.cos(yaw), np.zeros_like(yaw), -np.sin(yaw)], 1)
    up = np.stack([-np.sin(pitch) * np.sin(yaw), np.cos(pitch), -np.sin(pitch) * np.cos(yaw)], 1)
    cos, sin = np.cos(roll)[:, None], np.sin(roll)[:, None]
    return np.stack([cos * right + sin * up, cos * up - sin * right, forward], 1)


def _between(places: tuple[tuple[float, ...], ...], times: Floats) -> tuple[Floats, ...]:
    at = np.linspace(0, 1, len(places))
    return tuple(np.interp(times, at, axis) for axis in zip(*places, strict=True))
