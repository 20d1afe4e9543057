"""What the renderer is given: every frame of every scene as one row of flat tensors, in world units."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.scenes.world.camera import CameraPath, camera_path
from generator.scenes.world.motion import RAMP_BEHIND, RAMP_LENGTH, RAMP_TOP, BodyTrack, ramp, tracks
from generator.scenes.world.spec import BACKGROUNDS, COLOURS, MATERIALS, STYLES, TEXTS, WorldSpec

KINDS = ("none", "ball", "cube", "cylinder", "cone", "ring", "word", "water", "cloth", "ramp")
SLOTS = 3
"""The ramp, the further and the nearer thing, drawn in this order."""
_LIGHT_PLACES = {"left": (-0.62, 0.66, -0.42), "right": (0.62, 0.66, -0.42), "above": (-0.10, 0.95, -0.30)}
_LIGHT_PLACES["front"] = (-0.25, 0.50, -0.83)
_WARMTHS = {"neutral": (1.0, 0.99, 0.97), "warm": (1.12, 0.96, 0.76), "cold": (0.84, 0.97, 1.16)}

Floats = NDArray[np.float64]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Views:
    """N frames. `time`, `focal`, `tint`, `variant` (N,); `position`, `light`, `light_colour` (N, 3); `axes`
    (N, 3, 3); `ink` (N, 3), the main thing's colour; of the bodies in `SLOTS` slots `centre`, `colour` (N, K, 3),
    `turn` (N, K, 3, 3), `size`, `glyph`, `material` (N, K).

    What decides which code runs stays on the host: `kind` (N, K), `background`, `style`, `scene` (N,).
    """

    time: Tensor
    focal: Tensor
    tint: Tensor
    variant: Tensor
    position: Tensor
    axes: Tensor
    light: Tensor
    light_colour: Tensor
    ink: Tensor
    centre: Tensor
    colour: Tensor
    turn: Tensor
    size: Tensor
    glyph: Tensor
    material: Tensor
    kind: NDArray[np.int64]
    background: NDArray[np.int64]
    style: NDArray[np.int64]
    scene: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.time)

    def pick(self, chosen: NDArray[np.int64]) -> "Views":
        """Some of the frames."""
        rows = torch.from_numpy(chosen).to(self.time.device)
        picked: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            picked[field.name] = value[rows] if isinstance(value, Tensor) else value[chosen]
        return Views(**picked)


@dataclass(frozen=True)
class Staged:
    """One scene worked out at its times (F,): camera, things, light (F, 3)."""

    spec: WorldSpec
    times: Floats
    camera: CameraPath
    things: tuple[BodyTrack, ...]
    light: Floats


def staged(spec: WorldSpec, times: Floats) -> Staged:
    """The scene at `times`; what pours and drifts is worked out by `particles`."""
    return Staged(spec, times, camera_path(spec, times), tracks(spec, times), _light(spec, times))


def views_of(scenes: Sequence[Staged], device: str) -> Views:
    """Every frame of `scenes`, scene by scene."""
    counts = [len(scene.times) for scene in scenes]
    rows = np.repeat(np.arange(len(scenes)), counts)

    def each(values: Sequence[object], dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.from_numpy(np.asarray(values)[rows]).to(device, dtype)

    def along(values: Sequence[Floats]) -> Tensor:
        return torch.from_numpy(np.concatenate(values)).to(device, torch.float32)

    bodies = [_slots(scene) for scene in scenes]
    specs = [scene.spec for scene in scenes]
    return Views(
        time=along([scene.times for scene in scenes]),
        focal=along([scene.camera.focal for scene in scenes]),
        tint=each([spec.tint for spec in specs]),
        variant=each([spec.variant for spec in specs]),
        position=along([scene.camera.position for scene in scenes]),
        axes=along([scene.camera.axes for scene in scenes]),
        light=along([scene.light for scene in scenes]),
        light_colour=each([_WARMTHS[spec.warmth] for spec in specs]),
        ink=each([np.square(COLOURS[spec.colour]) for spec in specs]),
        centre=along([body.centre for body in bodies]),
        colour=each([body.colour for body in bodies]),
        turn=along([body.turn for body in bodies]),
        size=along([body.size for body in bodies]),
        glyph=each([body.glyph for body in bodies], torch.int64),
        material=each([body.material for body in bodies], torch.int64),
        kind=np.array([body.kind for body in bodies])[rows],
        background=np.array([BACKGROUNDS.index(spec.background) for spec in specs])[rows],
        style=np.array([STYLES.index(spec.style) for spec in specs])[rows],
        scene=rows,
    )


@dataclass
class _Slots:
    """A scene's bodies: along time (F, K, …), and for the whole clip (K, …)."""

    centre: Floats
    turn: Floats
    size: Floats
    colour: Floats
    kind: list[int]
    glyph: list[int]
    material: list[int]


def _slots(scene: Staged) -> _Slots:
    count = len(scene.times)
    found = _Slots(
        centre=np.zeros((count, SLOTS, 3)),
        turn=np.tile(np.eye(3), (count, SLOTS, 1, 1)),
        size=np.ones((count, SLOTS)),
        colour=np.zeros((SLOTS, 3)),
        kind=[0] * SLOTS,
        glyph=[0] * SLOTS,
        material=[0] * SLOTS,
    )
    far_first = sorted(scene.things, key=lambda thing: -float(scene.camera.seen(thing.centre)[:, 2].mean()))
    for slot, thing in enumerate(far_first, start=SLOTS - len(far_first)):
        found.centre[:, slot], found.turn[:, slot], found.size[:, slot] = thing.centre, thing.turn, thing.size
        found.colour[slot] = np.square(COLOURS[thing.colour])
        found.kind[slot] = KINDS.index(thing.shape) if thing.shape in KINDS else 0
        found.glyph[slot] = TEXTS.index(thing.text) if thing.text else 0
        found.material[slot] = MATERIALS.index("plastic" if thing.shape == "water" else thing.material)
    if scene.spec.motion == "roll_down":
        side, _ = ramp(scene.spec)
        place = 0
        found.centre[:, place] = (side * (RAMP_LENGTH / 2 - RAMP_BEHIND), RAMP_TOP / 2, scene.spec.z)
        found.turn[:, place, 0, 0] = side
        found.turn[:, place, 2, 2] = side
        found.colour[place] = np.square((0.62, 0.58, 0.52))
        found.kind[place], found.material[place] = KINDS.index("ramp"), MATERIALS.index("matte")
    return found


def _light(spec: WorldSpec, times: Floats) -> Floats:
    """Unit vectors (F, 3) to the light; a sweep carries it round from one side to the other."""
    light = np.tile(_LIGHT_PLACES[spec.light], (len(times), 1))
    if spec.motion == "sweep":
        side = 1.0 if spec.variant < 0.5 else -1.0
        turn = side * 2.3 * (times - 0.5)
        light = np.stack([0.85 * np.sin(turn), np.full_like(turn, 0.55), -0.85 * np.cos(turn)], 1)
    unit: Floats = light / np.linalg.norm(light, axis=1, keepdims=True)
    return unit
