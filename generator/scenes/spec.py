"""What stands in a scene, drawn from a seed, and which combinations training never sees."""

from dataclasses import dataclass

import numpy as np

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
MOTIONS = ("left", "right", "rise", "fall", "bounce", "circle", "spin", "grow", "still")
CAMERAS = ("static", "pan_left", "pan_right", "zoom_in", "zoom_out")
BACKGROUNDS = ("studio", "sky", "night", "checker")

_LOOKS_THE_SAME_TURNED = ("ball", "ring")
_HELD_OUT_OF = 8


@dataclass(frozen=True)
class SceneSpec:
    """One scene. Lengths in half frame heights (the picture spans -1 to 1, y down), angles in radians.

    `x`, `y` is where the motion is centred, `radius` the object's, `speed` scales the motion around 1.0,
    `tint` shifts the background's brightness, `variant` (0 to 1) places hills, moon, lights.
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


def is_held_out(colour: str, shape: str, motion: str) -> bool:
    """Whether training never sees this combination. One in eight, spread so that every pair is seen."""
    place = 3 * tuple(COLOURS).index(colour) + 5 * SHAPES.index(shape) + 7 * MOTIONS.index(motion)
    return place % _HELD_OUT_OF == 0


def draw_spec(rng: np.random.Generator) -> SceneSpec:
    """A training scene: a combination that is not held out, everything else uniform over its range."""
    while True:
        shape = SHAPES[rng.integers(len(SHAPES))]
        colour = tuple(COLOURS)[rng.integers(len(COLOURS))]
        motion = MOTIONS[rng.integers(len(MOTIONS))]
        if _makes_sense(shape, motion) and not is_held_out(colour, shape, motion):
            return _placed(rng, shape, colour, motion)


def held_out_specs(count: int = 50, seed: int = 7) -> list[SceneSpec]:
    """`count` scenes of combinations that `draw_spec` never gives, in a fixed order."""
    rng = np.random.default_rng(seed)
    combinations = [
        (shape, colour, motion)
        for shape in SHAPES
        for colour in COLOURS
        for motion in MOTIONS
        if _makes_sense(shape, motion) and is_held_out(colour, shape, motion)
    ]
    order = rng.permutation(len(combinations))
    return [_placed(rng, *combinations[order[i % len(order)]]) for i in range(count)]


def _makes_sense(shape: str, motion: str) -> bool:
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
        radius=float(rng.uniform(0.40, 0.43)),
        angle=float(rng.uniform(-0.04, 0.04)),
        speed=float(rng.uniform(0.97, 1.03)),
        phase=float(rng.uniform(-0.1, 0.1)),
        tint=float(rng.uniform(-1, 1)),
        variant=float(rng.random()),
    )
