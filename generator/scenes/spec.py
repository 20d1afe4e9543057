"""What stands in a scene, drawn from a seed, and which combinations training never sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from generator.scenes.holding import is_held_out_at

SHAPES = ("ball", "cube", "triangle", "star", "ring", "heart")
COLOURS = {
    "red": (0.86, 0.10, 0.11),
    "orange": (0.98, 0.47, 0.05),
    "yellow": (0.97, 0.86, 0.10),
    "green": (0.10, 0.66, 0.20),
    "cyan": (0.05, 0.78, 0.80),
    "blue": (0.12, 0.27, 0.88),
    "purple": (0.50, 0.15, 0.80),
    "pink": (0.98, 0.36, 0.68),
}
"""Linear-looking sRGB albedos, 0.0 to 1.0, at least 25 degrees of hue apart (pink also by lightness)."""
MOTIONS = (
    *("left", "right", "rise", "fall", "bounce", "circle", "spin", "grow", "still", "throw_left", "throw_right"),
)
FALLING = ("bounce", "throw_left", "throw_right")
"""Motions under gravity (`generator.scenes.motion`)."""
CAMERAS = (
    *("static", "pan_left", "pan_right", "tilt_up", "tilt_down", "zoom_in", "zoom_out", "roll_left", "roll_right"),
    *("dolly_in", "dolly_out", "truck_left", "truck_right", "pedestal_up", "pedestal_down", "handheld"),
)
RELATIONS = ("left_of", "right_of", "above", "below")
"""Where the main object stands, seen from the other one."""
BACKGROUNDS = ("studio", "sky", "night", "checker")

_LOOKS_THE_SAME_TURNED = ("ball", "ring")
BACKGROUND_SHARE = 0.35
"""Of a travelling camera's shift and magnification, what the background shows."""
_PAIRS_SHARE = 0.35
_PATHS_SHARE, _CAMERA_PATHS_SHARE = 0.15, 0.12
_PAIR_MOTIONS = ("still", "still", "spin")
_ASIDE, _ABOVE = 0.45, 0.42


@dataclass(frozen=True)
class SceneSpec:
    """One scene. Lengths in half frame heights (the picture spans -1 to 1, y down), angles in radians.

    `x`, `y` is where the motion is centred, `radius` the object's, `speed` scales the motion around 1.0,
    `tint` shifts the background's brightness, `variant` (0 to 1) places hills, moon, lights. With a second object,
    `relation` says where the main one stands from it, and both stand still or spin. The motion "path" goes through
    `path`'s places, the camera "path" through `camera_path`'s, evenly in time and straight between them.
    """

    shape: str
    colour: str
    motion: str
    camera: str
    background: str
    x: float = 0.0
    y: float = 0.1
    radius: float = 0.38
    angle: float = 0.0
    speed: float = 1.0
    phase: float = 0.0
    tint: float = 0.0
    variant: float = 0.5
    other_shape: str = ""
    other_colour: str = ""
    relation: str = ""
    path: tuple[tuple[float, float], ...] = ()
    camera_path: tuple[tuple[float, float, float, float, float], ...] = ()

    @property
    def is_pair(self) -> bool:
        """Whether there is a second object."""
        return bool(self.other_shape)

    def other(self) -> "SceneSpec":
        """The scene with the second object as its main one."""
        across, down = _OFFSETS[self.relation]
        return replace(
            self, shape=self.other_shape, colour=self.other_colour, x=self.x - 2 * across, y=self.y - 2 * down
        )


_OFFSETS = {"left_of": (-_ASIDE, 0.0), "right_of": (_ASIDE, 0.0), "above": (0.0, -_ABOVE), "below": (0.0, _ABOVE)}


def is_held_out(colour: str, shape: str, motion: str) -> bool:
    """Whether training never sees this combination. One in eight, spread so that every pair is seen."""
    return is_held_out_at((colour, tuple(COLOURS)), (shape, SHAPES), (motion, MOTIONS))


def is_held_out_pair(colour: str, shape: str, other_colour: str, other_shape: str) -> bool:
    """Whether training never sees these two objects together, in this order. One in eight."""
    colours = tuple(COLOURS)
    return is_held_out_at((colour, colours), (shape, SHAPES), (other_colour, colours), (other_shape, SHAPES))


def draw_spec(rng: np.random.Generator) -> SceneSpec:
    """A training scene: a combination that is not held out, everything else uniform over its range."""
    if rng.random() < _PAIRS_SHARE:
        return _filmed_freely(_drawn_pair(rng, is_wanted=_is_seen_pair), rng)
    while True:
        shape = SHAPES[rng.integers(len(SHAPES))]
        colour = tuple(COLOURS)[rng.integers(len(COLOURS))]
        if rng.random() < _PATHS_SHARE:
            return _filmed_freely(_on_a_path(_placed(rng, shape, colour, "path"), rng), rng)
        motion = MOTIONS[rng.integers(len(MOTIONS))]
        if makes_sense(shape, motion) and not is_held_out(colour, shape, motion):
            return _filmed_freely(_placed(rng, shape, colour, motion), rng)


def planned_spec(
    rng: np.random.Generator,
    things: Sequence[tuple[str, str]],
    *,
    relation: str = "",
    motion: str = "still",
    camera: str = "static",
) -> SceneSpec:
    """A scene of one or two (colour, shape) things as training would have placed them; no background of its own."""
    (colour, shape), *others = things
    spec = replace(_placed(rng, shape, colour, motion), camera=camera)
    if not others:
        return spec
    other_colour, other_shape = others[0]
    return _beside(spec, rng, other_colour, other_shape, relation)


def held_out_specs(count: int = 50, seed: int = 7) -> list[SceneSpec]:
    """`count` scenes of combinations that `draw_spec` never gives, in a fixed order."""
    rng = np.random.default_rng(seed)
    combinations = [
        (shape, colour, motion)
        for shape in SHAPES
        for colour in COLOURS
        for motion in MOTIONS
        if makes_sense(shape, motion) and is_held_out(colour, shape, motion)
    ]
    order = rng.permutation(len(combinations))
    return [_placed(rng, *combinations[order[i % len(order)]]) for i in range(count)]


def held_out_pairs(count: int, seed: int = 7) -> list[SceneSpec]:
    """`count` scenes of two objects that `draw_spec` never puts together so, in a fixed order."""
    rng = np.random.default_rng(seed)
    return [_drawn_pair(rng, is_wanted=_is_new_pair) for _ in range(count)]


def _is_new_pair(spec: SceneSpec) -> bool:
    return is_held_out_pair(spec.colour, spec.shape, spec.other_colour, spec.other_shape)


def _is_seen_pair(spec: SceneSpec) -> bool:
    """Neither the pair is held out, nor one of its objects under its motion."""
    one, other = (is_held_out(s.colour, s.shape, s.motion) for s in (spec, spec.other()))
    return not (_is_new_pair(spec) or one or other)


def _drawn_pair(rng: np.random.Generator, *, is_wanted: Callable[[SceneSpec], bool]) -> SceneSpec:
    while True:
        shape, other_shape = (SHAPES[rng.integers(len(SHAPES))] for _ in range(2))
        colour, other_colour = (tuple(COLOURS)[i] for i in rng.permutation(len(COLOURS))[:2])
        motion = _PAIR_MOTIONS[rng.integers(len(_PAIR_MOTIONS))]
        if not (makes_sense(shape, motion) and makes_sense(other_shape, motion)):
            continue
        relation = RELATIONS[rng.integers(len(RELATIONS))]
        drawn = _beside(_placed(rng, shape, colour, motion), rng, other_colour, other_shape, relation)
        if is_wanted(drawn):
            return drawn


def _beside(
    alone: SceneSpec, rng: np.random.Generator, other_colour: str, other_shape: str, relation: str
) -> SceneSpec:
    across, down = _OFFSETS[relation]
    return replace(
        alone,
        x=alone.x + across,
        y=alone.y - 0.05 + down,
        radius=float(rng.uniform(0.25, 0.28)),
        other_shape=other_shape,
        other_colour=other_colour,
        relation=relation,
    )


def _on_a_path(spec: SceneSpec, rng: np.random.Generator) -> SceneSpec:
    """The object on two to four places anywhere in the picture, none further from the last than 1.2."""
    places = [rng.uniform(-0.6, 0.6, 2)]
    for _ in range(int(rng.integers(1, 4))):
        step = rng.uniform(-0.85, 0.85, 2)
        places.append(np.clip(places[-1] + step, -0.65, 0.65))
    return replace(spec, path=tuple((float(x), float(y)) for x, y in places), radius=float(rng.uniform(0.26, 0.4)))


def _filmed_freely(spec: SceneSpec, rng: np.random.Generator) -> SceneSpec:
    """Some scenes under a camera that follows poses of its own instead of a move that has a name."""
    if rng.random() >= _CAMERA_PATHS_SHARE:
        return spec
    behind = 1.0 if rng.random() < 0.5 else BACKGROUND_SHARE
    reach = np.array([0.25, 0.25, 0.2, 0.2])
    poses = [rng.uniform(-reach, reach) for _ in range(int(rng.integers(2, 4)))]
    path = tuple((float(x), float(y), float(1.03 + zoom), float(roll), behind) for x, y, zoom, roll in poses)
    return replace(spec, camera="path", camera_path=path)


def makes_sense(shape: str, motion: str) -> bool:
    """Whether the motion shows on the shape: what looks the same turned is not seen to spin."""
    return not (motion == "spin" and shape in _LOOKS_THE_SAME_TURNED)


def _placed(rng: np.random.Generator, shape: str, colour: str, motion: str) -> SceneSpec:
    camera = CAMERAS[rng.integers(len(CAMERAS))] if rng.random() < 0.5 else "static"
    return SceneSpec(
        shape=shape,
        colour=colour,
        motion=motion,
        camera=camera,
        background=BACKGROUNDS[rng.integers(len(BACKGROUNDS))],
        x=float(rng.uniform(-0.04, 0.04)),
        y=float(rng.uniform(0.06, 0.12)),
        radius=float(rng.uniform(0.32, 0.35) if motion.startswith("throw") else rng.uniform(0.40, 0.43)),
        angle=float(rng.uniform(-0.04, 0.04)),
        speed=float(rng.uniform(0.97, 1.03)),
        phase=float(rng.uniform(-0.1, 0.1)),
        tint=float(rng.uniform(-1, 1)),
        variant=float(rng.random()),
    )
