"""Draws scenes of the wide world: a pure function of specs and times, batched on any device."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.clip import RGB
from generator.scenes.world.backdrop import Backdrop, painted
from generator.scenes.world.camera import CameraPath
from generator.scenes.world.materials import shaded
from generator.scenes.world.motion import GRAVITY, STUFF_RADII, Floats
from generator.scenes.world.settings import SETTINGS, Setting
from generator.scenes.world.spec import BACKGROUNDS, RESTITUTIONS, STYLES, WorldSpec
from generator.scenes.world.sprites import Canvas, draw_beads, draw_line, draw_smoke, heap_shadow
from generator.scenes.world.styles import STYLE_DRAWERS, Drawn
from generator.scenes.world.tracing import Rays, shadow, trace
from generator.scenes.world.views import KINDS, SLOTS, Staged, Views, staged, views_of

_CHUNK_PIXELS = {"cpu": 2**17, "cuda": 2**24}
"""Pixels drawn at once: what a processor's cache holds, what fills a GPU."""


@dataclass(frozen=True)
class ThingTruth:
    """One thing along a clip's frames: centre (F, 3) and unit length (F,) in world units, `turn` (F, 3, 3); as seen
    (F, 3): x, y and unit length in half frame heights from the picture's middle, y down; what it keeps of its speed
    when it lands."""

    shape: str
    colour: str
    centre: Floats
    turn: Floats
    size: Floats
    seen: Floats
    restitution: float


@dataclass(frozen=True)
class WorldTruth:
    """What is true of a rendered scene: `times` (F,), 0 to 1; the main thing first; `gravity` in world units per
    clip length squared."""

    times: Floats
    things: tuple[ThingTruth, ...]
    camera: CameraPath
    gravity: float


@dataclass(frozen=True)
class RenderedWorld:
    """Frames (F, H, W, 3) uint8 of a scene and what is true of it."""

    spec: WorldSpec
    frames: RGB
    truth: WorldTruth


def render_world(spec: WorldSpec, frame_count: int = 49, size_px: int = 256, device: str = "cpu") -> RenderedWorld:
    """One scene as a square clip."""
    frames = render_batch([spec], frame_count, size_px, device)[0].cpu().numpy()
    return RenderedWorld(spec, frames, truth_of(spec, frame_times(frame_count)))


def render_batch(specs: Sequence[WorldSpec], frames: int, size_px: int, device: str = "cpu") -> Tensor:
    """Clips (B, F, H, W, 3) uint8 on `device`."""
    return render_at(specs, np.tile(frame_times(frames), (len(specs), 1)), size_px, device)


@torch.no_grad()
def render_at(specs: Sequence[WorldSpec], times: Floats, size_px: int, device: str = "cpu") -> Tensor:
    """Frames (B, F, H, W, 3) uint8 of each scene at its own times (B, F), 0 to 1 over its clip."""
    out = torch.empty((times.size, size_px, size_px, 3), dtype=torch.uint8, device=device)
    scenes = [staged(spec, at) for spec, at in zip(specs, times, strict=True)]
    for start, part in _chunks(scenes, size_px, device):
        out[start : start + sum(len(scene.times) for scene in part)] = _drawn(part, size_px, device)
    return out.view(len(specs), times.shape[1], size_px, size_px, 3)


def truth_of(spec: WorldSpec, times: Floats) -> WorldTruth:
    """What is true of the scene at `times` (F,)."""
    scene = staged(spec, times)
    things = []
    for thing in scene.things:
        seen = scene.camera.seen(thing.centre)
        radius = thing.size * STUFF_RADII.get(thing.shape, 1.0)
        seen[:, 2] = scene.camera.focal * radius / np.maximum(seen[:, 2], 1e-3)
        kept = RESTITUTIONS[thing.material]
        things.append(ThingTruth(thing.shape, thing.colour, thing.centre, thing.turn, thing.size, seen, kept))
    return WorldTruth(times, tuple(things), scene.camera, GRAVITY)


def frame_times(frames: int) -> Floats:
    """The times of a clip's frames, 0 to 1; a single frame is the first."""
    return np.linspace(0, 1, frames) if frames > 1 else np.zeros(1)


def _chunks(scenes: Sequence[Staged], size_px: int, device: str) -> Iterator[tuple[int, list[Staged]]]:
    """Scenes, cut along time where need be, in portions that are drawn at once, with each one's first frame."""
    most = max(1, _CHUNK_PIXELS["cpu" if device == "cpu" else "cuda"] // size_px**2)
    start, room, part = 0, most, list[Staged]()
    for scene in scenes:
        done = 0
        while done < len(scene.times):
            piece = _cut(scene, done, done + room)
            part.append(piece)
            done, room = done + len(piece.times), room - len(piece.times)
            if room == 0:
                yield start, part
                start, room, part = start + most, most, []
    if part:
        yield start, part


def _cut(scene: Staged, start: int, stop: int) -> Staged:
    kept = slice(start, stop)
    camera = CameraPath(*(getattr(scene.camera, name)[kept] for name in ("position", "axes", "focal")))
    things = tuple(
        type(thing)(
            thing.shape, thing.colour, thing.material, thing.text,
            thing.centre[kept], thing.turn[kept], thing.size[kept],
        )
        for thing in scene.things
    )  # fmt: skip
    return Staged(scene.spec, scene.times[kept], camera, things, scene.light[kept])


def _drawn(scenes: Sequence[Staged], size_px: int, device: str) -> Tensor:
    """Frames (n, H, W, 3) uint8, scene by scene: grouped by place, and then by style."""
    views = views_of(scenes, device)
    out = torch.empty((len(views), size_px, size_px, 3), dtype=torch.uint8, device=device)
    for place in np.unique(views.background):
        rows = np.flatnonzero(views.background == place)
        group = views.pick(rows)
        chosen = [scenes[index] for index in dict.fromkeys(group.scene.tolist())]
        canvas = _scene(group, chosen, SETTINGS[BACKGROUNDS[place]], size_px)
        for style in np.unique(group.style):
            own = np.flatnonzero(group.style == style)
            of_style = torch.from_numpy(own).to(device)
            drawn = Drawn(
                canvas.colour[of_style],
                canvas.depth[of_style],
                canvas.mask[of_style],
                group.ink[of_style],
                group.variant[of_style],
            )
            picture = STYLE_DRAWERS[STYLES[style]](drawn).clamp(0, 1)
            target = torch.from_numpy(rows[own]).to(device)
            out[target] = (picture * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1)
    return out


def _scene(views: Views, scenes: Sequence[Staged], setting: Setting, size_px: int) -> Canvas:
    """Place, shadows, things: frames of one place in linear colours."""
    rays = Rays.of(views, size_px)
    backdrop = painted(views, rays, setting)
    # What is far off takes on half of the lamp's colour.
    hue = (0.5 + 0.5 * views.light_colour)[:, :, None, None]
    canvas = Canvas(backdrop.colour * hue * _light_left(views, scenes, backdrop)[:, None], backdrop.depth)
    _draw_stuff(canvas, views, scenes, setting, "line")
    for slot in range(SLOTS):
        for kind, frames in _frames_by_kind(views, slot):
            hits = trace(views, rays, slot, kind, frames)
            colour = shaded(views, rays, slot, kind, hits, setting, canvas.colour)
            canvas.lay(hits.pixel, colour, hits.cover, hits.distance)
    _draw_stuff(canvas, views, scenes, setting, "beads")
    _draw_stuff(canvas, views, scenes, setting, "smoke")
    return canvas


def _light_left(views: Views, scenes: Sequence[Staged], backdrop: Backdrop) -> Tensor:
    """Light (n, H, W) that things leave to the floor."""
    left = torch.ones_like(backdrop.depth)
    for slot in range(SLOTS):
        for kind, frames in _frames_by_kind(views, slot):
            x, z, is_floor = backdrop.x[frames], backdrop.z[frames], backdrop.is_floor[frames]
            left[frames] = torch.minimum(left[frames], shadow(views, slot, kind, frames, x, z, is_floor))
    _, frames = _of_stuff(views, scenes, "beads")
    if len(frames):
        x, z, is_floor = backdrop.x[frames], backdrop.z[frames], backdrop.is_floor[frames]
        left[frames] = torch.where(is_floor, heap_shadow(views, frames, x, z), left[frames])
    return left


def _frames_by_kind(views: Views, slot: int) -> Iterator[tuple[str, Tensor]]:
    for kind in np.unique(views.kind[:, slot]):
        if kind:
            frames = np.flatnonzero(views.kind[:, slot] == kind)
            yield KINDS[kind], torch.from_numpy(frames).to(views.time.device)


def _of_stuff(views: Views, scenes: Sequence[Staged], what: str) -> tuple[list[Staged], Tensor]:
    """The scenes that hold a stuff (or a "line"), and their frames."""
    is_line = what == "line"
    holds = [
        (scene.spec.motion == "swing" or scene.spec.shape == "cloth") if is_line else scene.spec.shape == what
        for scene in scenes
    ]
    owner = np.repeat(np.arange(len(scenes)), [len(scene.times) for scene in scenes])
    frames = np.flatnonzero(np.array(holds)[owner])
    chosen = [scene for scene, held in zip(scenes, holds, strict=True) if held]
    return chosen, torch.from_numpy(frames).to(views.time.device)


def _draw_stuff(canvas: Canvas, views: Views, scenes: Sequence[Staged], setting: Setting, what: str) -> None:
    chosen, frames = _of_stuff(views, scenes, what)
    if not chosen:
        return
    if what == "line":
        draw_line(canvas, views, chosen, frames)
    elif what == "beads":
        draw_beads(canvas, views, setting, chosen, frames)
    else:
        draw_smoke(canvas, views, setting, chosen, frames)
