"""The worlds that a model can be trained on, by name: "shapes", of six flat shapes, and "wide" (`scenes.world`).

Whoever trains, lays out or plans asks here, and need not know which world it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.clip import RGB
from core.errors import ConfigurationError
from generator.scenes import captions, planning, spec, world
from generator.scenes.motion import camera_at, object_at, seen_at
from generator.scenes.render import render_scene
from generator.scenes.world.camera import camera_numbers

Scene = TypeVar("Scene")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Placed:
    """Where a scene's things and camera are at times (T, S): `things` (1 or 2, T, S, 3) x, y and radius as seen in
    half frame heights, y down; `camera` (T, S, 4) shift x, y, log magnification, turn in radians, clockwise;
    `behind`, what of the camera's move the background shows; the colour and shape that each thing goes by."""

    things: Floats
    camera: Floats
    behind: float
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class World(Generic[Scene]):
    """Everything about one world that does not depend on a model.

    `from_fields` makes a scene from its fields as `dataclasses.asdict` gives them; `held_out(n)` are scenes that
    `draw` never gives; `planned(prompt, seed, camera)` is what a prompt asks for, or None; `nobody` is a scene with
    nothing in it under a still camera; `clip(scene, frames, size_px)` draws one.
    """

    name: str
    from_fields: Callable[..., Scene]
    draw: Callable[[np.random.Generator], Scene]
    held_out: Callable[[int], list[Scene]]
    caption: Callable[[Scene, np.random.Generator], str]
    vocabulary: Callable[[], list[str]]
    planned: Callable[[str, int | None, str | None], Scene | None]
    nobody: Scene
    placed: Callable[[Scene, Floats], Placed]
    clip: Callable[[Scene, int, int], RGB]


def world_named(name: str) -> World[Any]:
    """The world of that name. Raises ConfigurationError where there is none."""
    if name not in WORLDS:
        raise ConfigurationError(
            f"no world of scenes is named {name!r}", code="unknown_world", hint=f"one of: {', '.join(WORLDS)}"
        )
    return WORLDS[name]


def _shapes_placed(scene: spec.SceneSpec, times: Floats) -> Placed:
    own = (scene, scene.other()) if scene.is_pair else (scene,)
    things = np.zeros((len(own), *times.shape, 3))
    camera = np.zeros((*times.shape, 4))
    behind = 1.0
    for place in np.ndindex(*times.shape):
        view = camera_at(scene, float(times[place]))
        camera[place] = (view.x, view.y, np.log(view.zoom), view.roll)
        behind = view.behind
        for index, thing in enumerate(own):
            x, y, radius, _ = object_at(thing, float(times[place]))
            things[(index, *place)] = (*seen_at(x, y, view), radius * view.zoom)
    return Placed(things, camera, behind, tuple((thing.colour, thing.shape) for thing in own))


def _wide_placed(scene: world.WorldSpec, times: Floats) -> Placed:
    flat = times.reshape(-1)
    numbers = camera_numbers(scene, flat)
    camera = np.stack([numbers.x, numbers.y, numbers.log_zoom, numbers.roll], 1).reshape(*times.shape, 4)
    if not scene.shape:
        return Placed(np.zeros((0, *times.shape, 3)), camera, numbers.behind, ())
    truth = world.truth_of(scene, flat)
    things = np.stack([thing.seen.reshape(*times.shape, 3) for thing in truth.things])
    return Placed(things, camera, numbers.behind, tuple((thing.colour, thing.shape) for thing in truth.things))


SHAPES = World(
    name="shapes",
    from_fields=spec.SceneSpec,
    draw=spec.draw_spec,
    held_out=spec.held_out_specs,
    caption=captions.caption,
    vocabulary=captions.vocabulary,
    planned=lambda prompt, seed, camera: planning.planned_scene(prompt, seed, camera=camera),
    nobody=spec.SceneSpec("", "", "still", "static", ""),
    placed=_shapes_placed,
    clip=lambda scene, frames, size_px: render_scene(scene, frames, size_px).frames,
)
WIDE = World(
    name="wide",
    from_fields=world.WorldSpec,
    draw=world.draw_spec,
    held_out=world.held_out_specs,
    caption=world.caption,
    vocabulary=world.vocabulary,
    planned=lambda prompt, seed, camera: world.planned_scene(prompt, seed, camera=camera),
    nobody=world.WorldSpec("", "", "still", "static", ""),
    placed=_wide_placed,
    clip=lambda scene, frames, size_px: world.render_world(scene, frames, size_px).frames,
)
WORLDS: dict[str, World[Any]] = {SHAPES.name: SHAPES, WIDE.name: WIDE}
