"""Where things are at a time, by the laws they move under: the truth behind a scene's frames.

World units and axes as in `camera`; times run from 0 to 1 over a clip. What flies falls with `GRAVITY`; what lands
or collides keeps its material's share of speed; a pendulum swings by its exact law; what rolls does not slip.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ellipj, ellipk

from generator.scenes.world.camera import FOCAL, camera_path
from generator.scenes.world.spec import RESTITUTIONS, WorldSpec

Floats = NDArray[np.float64]

GRAVITY = 24.0
"""World units per clip length squared: what drops from 1.6 lands in a third of a clip."""

FEET = {"ball": 1.0, "cube": 0.8, "cylinder": 0.86, "cone": 0.85, "ring": 1.0, "word": 0.62}
TOPS = {"cube": 0.8, "cylinder": 0.86}
ROLLING_RADII = {"ball": 1.0, "cylinder": 0.72, "ring": 1.0}
"""Of each unit shape: middle to floor, middle to a flat top, and to the floor where it rolls."""
INERTIAS = {"ball": 0.4, "cylinder": 0.5, "ring": 0.74**2 + 0.75 * 0.26**2}
"""Moment of inertia about the rolling axis over mass times rolling radius squared."""
STUFF_PLACES = {
    "water": (0.0, 0.24, 0.0),
    "cloth": (0.1, 1.55, 0.0),
    "beads": (0.0, 1.0, 0.0),
    "smoke": (0, 1.4, 0),
}
STUFF_RADII = {"water": 1.45, "cloth": 1.15, "beads": 0.9, "smoke": 0.85}
RAMP_ANGLE, RAMP_TOP, RAMP_LENGTH, RAMP_BEHIND = 0.26, 1.45, 4.6, 1.9
"""The ramp's slope, its height at the high end, its length along the floor, and how much of that lies behind the
middle of the scene."""
PIVOT_HEIGHT, STRING_LENGTH, SWING = 3.0, 1.65, 0.75
_RAMP_START = 1.35
_DROP, _THROW_HEIGHT, _THROW_REACH = 1.7, 1.75, 1.25
_PAIR_AWAY, _DEPTH_AWAY, _DEPTH_ASIDE = 0.9, 0.85, 0.42


@dataclass(frozen=True)
class BodyTrack:
    """One thing along time: centre (T, 3), turn (T, 3, 3) from its own axes to the world's, unit length (T,)."""

    shape: str
    colour: str
    material: str
    text: str
    centre: Floats
    turn: Floats
    size: Floats


def tracks(spec: WorldSpec, times: Floats) -> tuple[BodyTrack, ...]:
    """The main thing and, if there is one, the other, at `times` (T,)."""
    if not spec.is_pair:
        return (_track(spec, *_alone(spec, times)),)
    if spec.motion == "collide":
        return _colliding(spec, times)
    return tuple(
        _track(thing, place + np.zeros((len(times), 3)), _standing(thing, times), np.full(len(times), spec.radius))
        for thing, place in zip((spec, spec.other()), _pair_places(spec), strict=True)
    )


def ramp(spec: WorldSpec) -> tuple[float, float]:
    """The ramp of a thing that rolls down: which way it goes down (1 right, -1 left), and its angle."""
    return (1.0 if spec.variant < 0.5 else -1.0), RAMP_ANGLE


def height_at(height: float, lift: float, kept: float, times: Floats, gravity: float = GRAVITY) -> Floats:
    """Heights above the floor (T,) of a body under gravity, after it was at `height` with upward speed `lift` at
    time 0; each landing keeps `kept` of its speed."""
    found, start = np.zeros_like(times), 0.0
    while lift > 0.05 or height > 0:
        flight = (lift + float(np.sqrt(lift**2 + 2 * gravity * height))) / gravity
        at = times - start
        flying = (at >= 0) & (at <= flight)
        found = np.where(flying, height + lift * at - gravity * at**2 / 2, found)
        start, height, lift = start + flight, 0.0, kept * (gravity * flight - lift)
        if start > 2:
            break
    return np.maximum(found, 0.0)


def pendulum_angle(length: float, most: float, times: Floats, gravity: float = GRAVITY) -> Floats:
    """The angle (T,) of a pendulum let go at `most` radians at time 0: the exact law, by Jacobi's elliptic sine."""
    share = np.sin(most / 2) ** 2
    sine, _, _, _ = ellipj(np.sqrt(gravity / length) * times + ellipk(share), share)
    angle: Floats = 2 * np.arcsin(np.clip(np.sin(most / 2) * sine, -1, 1))
    return angle


def rolled(spec: WorldSpec, times: Floats) -> tuple[Floats, float]:
    """How far a rolling thing has gone along its way at `times`, signed to the right, and its rolling radius."""
    radius = ROLLING_RADII[spec.shape] * spec.radius
    if spec.motion == "roll_down":
        side, angle = ramp(spec)
        pull = GRAVITY * np.sin(angle) / (1 + INERTIAS[spec.shape])
        return side * pull * times**2 / 2 * spec.speed, radius
    way = 1.0 if spec.motion == "roll_right" else -1.0
    return way * 2.2 * spec.speed * (times - 0.5), radius


def collision(spec: WorldSpec) -> tuple[float, float, float]:
    """Speed of the left thing before, of the left and of the right one after a central collision: equal masses,
    the right one at rest, restitution of the main thing's material."""
    before = 1.9 * spec.speed
    kept = RESTITUTIONS[spec.material]
    return before, before * (1 - kept) / 2, before * (1 + kept) / 2


def about(axis: int, angles: Floats) -> Floats:
    """Rotation matrices (T, 3, 3), counter-clockwise about an axis with the other two in cyclic order."""
    cos, sin = np.cos(angles), np.sin(angles)
    turn = np.zeros((len(angles), 3, 3))
    one, two = (axis + 1) % 3, (axis + 2) % 3
    turn[:, axis, axis] = 1
    turn[:, one, one] = turn[:, two, two] = cos
    turn[:, one, two], turn[:, two, one] = -sin, sin
    return turn


def _track(spec: WorldSpec, centre: Floats, turn: Floats, size: Floats) -> BodyTrack:
    return BodyTrack(spec.shape, spec.colour, spec.material, spec.text, centre, turn, size)


def _alone(spec: WorldSpec, times: Floats) -> tuple[Floats, Floats, Floats]:
    """Centre, turn and unit length of a thing alone."""
    size = np.full(len(times), spec.radius)
    turn = _standing(spec, times)
    if spec.shape in STUFF_PLACES:
        return np.array(STUFF_PLACES[spec.shape]) + np.zeros((len(times), 3)), turn, size
    foot = FEET[spec.shape] * spec.radius
    place = np.tile([spec.x, foot, spec.z], (len(times), 1))
    swing = spec.speed * (times - 0.5)
    if spec.motion in ("left", "right"):
        place[:, 0] += (2.0 if spec.motion == "right" else -2.0) * swing
    elif spec.motion == "rise":
        place[:, 1] += 0.1 + 1.5 * spec.speed * times
    elif spec.motion == "circle":
        around = 2 * np.pi * (times * spec.speed + spec.phase)
        place[:, 0] += 1.1 * np.cos(around)
        place[:, 2] += 1.1 * np.sin(around)
    elif spec.motion == "grow":
        size = spec.radius * (0.5 + 0.75 * spec.speed * times)
        place[:, 1] = FEET[spec.shape] * size
    elif spec.motion == "path":
        place = _on_rest_plane(spec, times)
    elif spec.motion in ("bounce", "throw_left", "throw_right"):
        place[:, 0] += _carried(spec, times)
        place[:, 1] += _flight(spec, times)
        if spec.motion != "bounce":
            turn = about(2, -np.sign(_carried(spec, times)[-1]) * 2.2 * times) @ turn
    elif spec.motion == "swing":
        place, turn = _hanging(spec, times, turn)
    elif spec.motion in ("roll_left", "roll_right", "roll_down"):
        place, turn = _rolling(spec, times)
    return place, turn, size


def _standing(spec: WorldSpec, times: Floats) -> Floats:
    """Turned by its yaw; what spins turns on, a little tilted so that round things show it."""
    if spec.motion != "spin":
        return about(1, np.full(len(times), spec.yaw))
    turn = about(1, spec.yaw + 2 * np.pi * spec.speed * times)
    if spec.shape in ("cylinder", "cone", "ball") and not (spec.is_pair and spec.relation in ("above", "below")):
        return turn @ about(2, np.full(len(times), 0.3))
    return turn


def _flight(spec: WorldSpec, times: Floats) -> Floats:
    """Height of the lowest point above the floor."""
    kept = RESTITUTIONS[spec.material]
    if spec.motion == "bounce":
        return height_at(_DROP * spec.speed, 0.0, kept, times + 0.1 + spec.phase)
    return height_at(0.0, float(np.sqrt(2 * GRAVITY * _THROW_HEIGHT * spec.speed)), kept, times)


def _carried(spec: WorldSpec, times: Floats) -> Floats:
    way = {"throw_left": -1.0, "throw_right": 1.0}.get(spec.motion, 0.0)
    carried: Floats = way * 2 * _THROW_REACH * (times - 0.5)
    return carried


def _hanging(spec: WorldSpec, times: Floats, turn: Floats) -> tuple[Floats, Floats]:
    side = 1.0 if spec.variant < 0.5 else -1.0
    angle = side * pendulum_angle(STRING_LENGTH, SWING * spec.speed, times + 0.3 + spec.phase)
    pivot = np.array([spec.x, PIVOT_HEIGHT, spec.z])
    away = np.stack([np.sin(angle), -np.cos(angle), np.zeros_like(angle)], 1)
    return pivot + STRING_LENGTH * away, about(2, angle) @ turn


def _rolling(spec: WorldSpec, times: Floats) -> tuple[Floats, Floats]:
    gone, radius = rolled(spec, times)
    lying = about(0, np.full(len(times), np.pi / 2)) if spec.shape == "cylinder" else np.tile(np.eye(3), (1, 1, 1))
    turn = about(2, -gone / radius + spec.yaw) @ lying
    place = np.tile([spec.x, radius, spec.z], (len(times), 1))
    if spec.motion != "roll_down":
        place[:, 0] += gone
        return place, turn
    side, angle = ramp(spec)
    start = -side * _RAMP_START
    place[:, 0] = start + gone * np.cos(angle) + side * radius * np.sin(angle)
    place[:, 1] = ramp_surface_height(spec, place[:, 0] * 0 + start) - np.abs(gone) * np.sin(angle)
    place[:, 1] += radius * np.cos(angle)
    return place, turn


def ramp_surface_height(spec: WorldSpec, x: Floats) -> Floats:
    """Height of the ramp's upper face above the floor at `x`."""
    side, angle = ramp(spec)
    height: Floats = RAMP_TOP - (side * x + RAMP_BEHIND) * np.tan(angle)
    return height


def _colliding(spec: WorldSpec, times: Floats) -> tuple[BodyTrack, BodyTrack]:
    """One slides into the other, which rests. Round ones glide: nothing turns."""
    left, right = (spec, spec.other()) if spec.relation == "left_of" else (spec.other(), spec)
    before, left_after, right_after = collision(spec)
    reach = sum({"ball": 1.0, "cube": 0.8, "cylinder": 0.72}[one.shape] for one in (left, right)) * spec.radius
    at = times - 0.4
    meet = spec.x - 0.15 - reach / 2
    xs = {
        "left": meet + np.where(at < 0, before, left_after) * at,
        "right": meet + reach + np.where(at < 0, 0.0, right_after) * at,
    }
    found = {}
    for name, thing in (("left", left), ("right", right)):
        height = np.full(len(times), FEET[thing.shape] * spec.radius)
        centre = np.stack([xs[name], height, np.full(len(times), spec.z)], 1)
        turn = about(1, np.zeros(len(times)))
        found[name] = _track(thing, centre, turn, np.full(len(times), spec.radius))
    return (found["left"], found["right"]) if spec.relation == "left_of" else (found["right"], found["left"])


def _pair_places(spec: WorldSpec) -> tuple[Floats, Floats]:
    """Where the two things of a pair stand."""
    one, other = (FEET[thing.shape] * spec.radius for thing in (spec, spec.other()))
    main, second = np.array([spec.x, one, spec.z]), np.array([spec.x, other, spec.z])
    offsets = {
        "left_of": (-_PAIR_AWAY, 0.0),
        "right_of": (_PAIR_AWAY, 0.0),
        "in_front_of": (-_DEPTH_ASIDE, -_DEPTH_AWAY),
        "behind": (_DEPTH_ASIDE, _DEPTH_AWAY),
    }
    if spec.relation in offsets:
        across, away = offsets[spec.relation]
        step = np.array([across, 0.0, away])
        return main + step, second - step
    upper, lower, base = (main, second, spec.other()) if spec.relation == "above" else (second, main, spec)
    upper[1] += lower[1] + TOPS.get(base.shape, 1.0) * spec.radius
    return main, second


def _on_rest_plane(spec: WorldSpec, times: Floats) -> Floats:
    """The places of a path in the picture, on the plane z = 0 as the camera at rest sees it."""
    at = np.linspace(0, 1, len(spec.path))
    u, v = (np.interp(times, at, axis) for axis in zip(*spec.path, strict=True))
    rest = camera_path(WorldSpec("", "", "still", "static", ""), np.zeros(1))
    rays = np.stack([u / FOCAL, -v / FOCAL, np.ones_like(u)], 1) @ rest.axes[0]
    places: Floats = rest.position[0] - rays * (rest.position[0, 2] / rays[:, 2])[:, None]
    return places
