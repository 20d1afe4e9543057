"""Where things and the camera are at a time: the truth behind a scene's frames.

Times run from 0 to 1 over a clip; lengths are half frame heights, y down, angles radians, clockwise as seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generator.scenes.backgrounds import FLOOR_Y
from generator.scenes.spec import BACKGROUND_SHARE, SceneSpec

GRAVITY = 12.0
"""Half frame heights per clip length squared: what drops from 0.73 above the floor lands in a third of a clip."""

_BOUNCE_HEIGHT, _BOUNCE_KEPT = 0.73, 0.85
_THROW_HEIGHT, _THROW_KEPT, _THROW_REACH = 0.7, 0.5, 0.55


@dataclass(frozen=True)
class View:
    """A camera's place: its shift, the picture's magnification and turn. The background shows `behind` of shift and
    magnification: 1 where the camera only turns or zooms, less where it travels."""

    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0
    roll: float = 0.0
    behind: float = 1.0

    def of_background(self) -> "View":
        """How the background is seen."""
        return View(self.x * self.behind, self.y * self.behind, 1 + (self.zoom - 1) * self.behind, self.roll)


def camera_at(spec: SceneSpec, time: float) -> View:
    """The camera at `time`."""
    along = time - 0.5
    if spec.camera == "path":
        x, y, zoom, roll, behind = _along(spec.camera_path, time)
        return View(x, y, zoom, roll, behind)
    if spec.camera == "handheld":
        turn = 2 * np.pi * (time + spec.variant)
        return View(
            float(0.05 * np.sin(2.3 * turn) + 0.03 * np.sin(5.1 * turn + 1)),
            float(0.04 * np.sin(2.9 * turn + 2) + 0.03 * np.sin(4.3 * turn)),
            roll=float(0.03 * np.sin(1.7 * turn + 3)),
        )
    move, _, way = spec.camera.partition("_")
    sign = -1.0 if way in ("left", "up", "out") else 1.0
    moves = {
        "pan": View(x=sign * 0.5 * along),
        "tilt": View(y=sign * 0.5 * along),
        "zoom": View(zoom=1.05 + sign * 0.4 * along),
        "roll": View(roll=-sign * 0.45 * along),
        "dolly": View(zoom=1.0 + sign * 0.5 * along, behind=BACKGROUND_SHARE),
        "truck": View(x=sign * 0.7 * along, behind=BACKGROUND_SHARE),
        "pedestal": View(y=sign * 0.6 * along, behind=BACKGROUND_SHARE),
    }
    return moves.get(move, View())


def object_at(spec: SceneSpec, time: float) -> tuple[float, float, float, float]:
    """Centre x, y, radius and angle of the main object at `time`."""
    x, y, radius, angle = spec.x, spec.y, spec.radius, spec.angle
    swing = spec.speed * (time - 0.5)
    if spec.motion == "path":
        x, y = _along(spec.path, time)
    elif spec.motion == "left":
        x -= 1.0 * swing
    elif spec.motion == "right":
        x += 1.0 * swing
    elif spec.motion == "rise":
        y -= 0.9 * swing
    elif spec.motion == "fall":
        y += 0.9 * spec.speed * (time * time * 0.6 + time * 0.4 - 0.5)
    elif spec.motion == "bounce":
        height = _BOUNCE_HEIGHT * spec.speed
        y = FLOOR_Y - radius - height_at(height, 0.0, _BOUNCE_KEPT, time + 0.1 + spec.phase)
    elif spec.motion in ("throw_left", "throw_right"):
        lift = float(np.sqrt(2 * GRAVITY * _THROW_HEIGHT * spec.speed))
        y = FLOOR_Y - radius - height_at(0.0, lift, _THROW_KEPT, time)
        x += (2 * _THROW_REACH if spec.motion == "throw_right" else -2 * _THROW_REACH) * (time - 0.5)
    elif spec.motion == "circle":
        turn = spec.phase + 2 * np.pi * time * spec.speed
        x, y = x + 0.32 * np.cos(turn), y - 0.05 + 0.32 * np.sin(turn)
    elif spec.motion == "spin":
        angle += 2 * np.pi * time * spec.speed
    elif spec.motion == "grow":
        radius *= 0.55 + 0.8 * spec.speed * time
    return float(x), float(y), float(radius), float(angle)


def seen_at(x: float, y: float, view: View) -> tuple[float, float]:
    """Where a place stands in the picture under a camera, in half frame heights from its middle."""
    across, down = (x - view.x) * view.zoom, (y - view.y) * view.zoom
    cos, sin = float(np.cos(view.roll)), float(np.sin(view.roll))
    return across * cos - down * sin, across * sin + down * cos


def _along(places: Sequence[Sequence[float]], time: float) -> tuple[float, ...]:
    at = np.linspace(0, 1, len(places))
    return tuple(float(np.interp(time, at, axis)) for axis in zip(*places, strict=True))


def height_at(height: float, lift: float, kept: float, time: float) -> float:
    """Height above the floor of a body under `GRAVITY`, `time` after it was at `height` with upward speed `lift`;
    each landing keeps `kept` of its speed."""
    while True:
        landing = (lift + float(np.sqrt(lift**2 + 2 * GRAVITY * height))) / GRAVITY
        if time <= landing:
            return max(height + lift * time - GRAVITY * time**2 / 2, 0.0)
        time -= landing
        height, lift = 0.0, kept * (GRAVITY * landing - lift)
        if lift < 0.05:
            return 0.0
