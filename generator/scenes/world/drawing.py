"""Scenes of the wide world drawn from a seed: those that training sees, those it never does, and planned ones."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from generator.scenes.world.spec import (
    BACKGROUNDS,
    CAMERA_SPEEDS,
    CAMERAS,
    COLOURS,
    FALLING,
    FLAT_TOPPED,
    LIGHTS,
    MATERIALS,
    MOTIONS,
    PAIR_MOTIONS,
    PATTERNED,
    PLAIN_MATERIAL,
    RELATIONS,
    ROLLING,
    SHAPES,
    SOLIDS,
    STUFFS,
    STYLES,
    TEXTS,
    WARMTHS,
    WorldSpec,
    is_held_out,
    is_held_out_pair,
    makes_sense,
)

_PAIRS_SHARE = 0.3
_PATHS_SHARE, _CAMERA_PATHS_SHARE = 0.12, 0.10
_STILL_CAMERA_SHARE = 0.35
_PLAIN_STYLE_SHARE = 0.4
_RADII = {"throw_left": 0.46, "throw_right": 0.46, "roll_down": 0.5, "swing": 0.55, "circle": 0.55, "bounce": 0.6}
_RADIUS, _PAIR_RADIUS = 0.74, 0.52


def draw_spec(rng: np.random.Generator) -> WorldSpec:
    """A training scene: a combination that is not held out, everything else uniform over its range."""
    if rng.random() < _PAIRS_SHARE:
        return _filmed_freely(_drawn_pair(rng, is_wanted=_is_seen_pair), rng)
    while True:
        shape, colour = _one_of(rng, SHAPES), _one_of(rng, tuple(COLOURS))
        if shape in SOLIDS and rng.random() < _PATHS_SHARE:
            spec = placed(rng, shape, colour, "path")
            return _filmed_freely(replace(spec, path=_places(rng)), rng)
        motion = STUFFS.get(shape) or _one_of(rng, MOTIONS)
        if _can_be_alone(shape, motion) and not is_held_out(colour, shape, motion):
            return _filmed_freely(placed(rng, shape, colour, motion), rng)


def planned_spec(
    rng: np.random.Generator,
    things: Sequence[tuple[str, str]],
    *,
    relation: str = "",
    motion: str = "still",
    camera: str = "static",
    camera_speed: str = "normal",
) -> WorldSpec:
    """A scene of one or two (colour, shape) things as training would have placed them."""
    (colour, shape), *others = things
    spec = replace(placed(rng, shape, colour, motion), camera=camera, camera_speed=camera_speed)
    if not others:
        return spec
    other_colour, other_shape = others[0]
    return _beside(spec, rng, other_colour, other_shape, relation)


def held_out_specs(count: int = 50, seed: int = 7) -> list[WorldSpec]:
    """`count` scenes of combinations that `draw_spec` never gives, in a fixed order."""
    rng = np.random.default_rng(seed)
    combinations = [
        (shape, colour, motion)
        for shape in SHAPES
        for colour in COLOURS
        for motion in MOTIONS
        if _can_be_alone(shape, motion) and is_held_out(colour, shape, motion)
    ]
    order = rng.permutation(len(combinations))
    return [placed(rng, *combinations[order[i % len(order)]]) for i in range(count)]


def held_out_pairs(count: int, seed: int = 7) -> list[WorldSpec]:
    """`count` scenes of two things that `draw_spec` never puts together so, in a fixed order."""
    rng = np.random.default_rng(seed)
    return [_drawn_pair(rng, is_wanted=_is_new_pair) for _ in range(count)]


def placed(rng: np.random.Generator, shape: str, colour: str, motion: str) -> WorldSpec:
    """One thing in its motion; all that is not given is drawn."""
    radius = _RADII.get(motion, _RADIUS) * float(rng.uniform(0.95, 1.05))
    return WorldSpec(
        shape=shape,
        colour=colour,
        motion=motion,
        camera=_one_of(rng, CAMERAS[1:]) if rng.random() >= _STILL_CAMERA_SHARE else "static",
        background=_one_of(rng, BACKGROUNDS),
        material=drawn_material(rng, shape, motion),
        style="plain" if rng.random() < _PLAIN_STYLE_SHARE else _one_of(rng, STYLES[1:]),
        camera_speed=_one_of(rng, tuple(CAMERA_SPEEDS)),
        light=_one_of(rng, LIGHTS),
        warmth=_one_of(rng, WARMTHS),
        text=_one_of(rng, TEXTS) if shape == "word" else "",
        x=float(rng.uniform(-0.08, 0.08)),
        z=float(rng.uniform(-0.1, 0.1)),
        radius=1.0 if shape in STUFFS else radius * (0.85 if shape == "word" and motion in FALLING else 1.0),
        yaw=float(rng.uniform(0.35, 0.75) if shape == "cube" else rng.uniform(-0.3, 0.3)),
        speed=float(rng.uniform(0.96, 1.04)),
        phase=float(rng.uniform(-0.1, 0.1)),
        tint=float(rng.uniform(-1, 1)),
        variant=float(rng.random()),
    )


def drawn_material(rng: np.random.Generator, shape: str, motion: str) -> str:
    """A material on which the motion is seen."""
    if shape in STUFFS:
        return PLAIN_MATERIAL
    needs_pattern = motion in ROLLING or (motion == "spin" and shape == "ball")
    return _one_of(rng, PATTERNED if needs_pattern else MATERIALS)


def _can_be_alone(shape: str, motion: str) -> bool:
    return motion != "collide" and makes_sense(shape, motion, PATTERNED[0])


def _is_new_pair(spec: WorldSpec) -> bool:
    return is_held_out_pair(spec.colour, spec.shape, spec.other_colour, spec.other_shape)


def _is_seen_pair(spec: WorldSpec) -> bool:
    """Neither the pair is held out, nor one of its things under its motion."""
    one, other = (is_held_out(s.colour, s.shape, s.motion) for s in (spec, spec.other()))
    return not (_is_new_pair(spec) or one or other)


def _drawn_pair(rng: np.random.Generator, *, is_wanted: Callable[[WorldSpec], bool]) -> WorldSpec:
    while True:
        shape, other_shape = _one_of(rng, SOLIDS), _one_of(rng, SOLIDS)
        colour, other_colour = (tuple(COLOURS)[i] for i in rng.permutation(len(COLOURS))[:2])
        motion = _one_of(rng, PAIR_MOTIONS)
        relation = _one_of(rng, RELATIONS[:2] if motion == "collide" else RELATIONS)
        if not _can_stand_so(shape, other_shape, relation) or not all(
            makes_sense(one, motion, PATTERNED[0]) for one in (shape, other_shape)
        ):
            continue
        drawn = _beside(placed(rng, shape, colour, motion), rng, other_colour, other_shape, relation)
        if is_wanted(drawn):
            return drawn


def _can_stand_so(shape: str, other_shape: str, relation: str) -> bool:
    lower = {"above": other_shape, "below": shape}.get(relation)
    return lower is None or lower in FLAT_TOPPED


def _beside(
    alone: WorldSpec, rng: np.random.Generator, other_colour: str, other_shape: str, relation: str
) -> WorldSpec:
    return replace(
        alone,
        radius=_PAIR_RADIUS * float(rng.uniform(0.95, 1.05)),
        other_shape=other_shape,
        other_colour=other_colour,
        other_material=drawn_material(rng, other_shape, alone.motion),
        other_text=_one_of(rng, TEXTS) if other_shape == "word" else "",
        relation=relation,
    )


def _places(rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
    """Two to four places in the picture above the floor, none further from the last than 1.2."""
    low, high = np.array([-0.62, -0.6]), np.array([0.62, 0.12])
    places = [rng.uniform(low, high)]
    for _ in range(int(rng.integers(1, 4))):
        places.append(np.clip(places[-1] + rng.uniform(-0.85, 0.85, 2), low, high))
    return tuple((float(x), float(y)) for x, y in places)


def _filmed_freely(spec: WorldSpec, rng: np.random.Generator) -> WorldSpec:
    """Some scenes under a camera that follows poses of its own instead of a move that has a name."""
    if rng.random() >= _CAMERA_PATHS_SHARE:
        return spec
    behind = 1.0 if rng.random() < 0.5 else TRAVEL_SHARE
    reach = np.array([0.22, 0.16, 0.18, 0.2])
    poses = [rng.uniform(-reach, reach) for _ in range(int(rng.integers(2, 4)))]
    path = tuple((float(x), float(y), float(1.03 + zoom), float(roll), behind) for x, y, zoom, roll in poses)
    return replace(spec, camera="path", camera_path=path)


TRAVEL_SHARE = 0.35
"""What a camera path gives for the background's share of a travelling camera's shift."""


def _one_of(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]
