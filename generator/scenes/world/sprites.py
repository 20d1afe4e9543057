"""Draws what is no solid body: beads as little lit spheres, smoke as soft density, strings and poles as lines."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.scenes.world import particles
from generator.scenes.world.motion import PIVOT_HEIGHT
from generator.scenes.world.settings import Setting
from generator.scenes.world.textures import noise
from generator.scenes.world.vectors import dot, picked
from generator.scenes.world.views import Staged, Views

Floats = NDArray[np.float64]

_DEPTH_STEPS, _BEADS_ROOM = 2.0**16, 256
_POLE = ((-1.06, 0.0, 0.0), (-1.06, 2.5, 0.0))


class Canvas:
    """The picture in the making: `colour` (N, 3, H, W) linear, `depth` (N, H, W), and `mask` (N, H, W), how much of
    each pixel a thing covers."""

    def __init__(self, colour: Tensor, depth: Tensor) -> None:
        self.colour, self.depth = colour.contiguous(), depth.contiguous()
        self.mask = torch.zeros_like(self.depth)

    def lay(self, pixel: Tensor, colour: Tensor, cover: Tensor, distance: Tensor) -> None:
        """Lay colours (M, 3) over flat pixels (M,), each of them named once, where they lie in front."""
        depth, mask = self.depth.view(-1), self.mask.view(-1)
        cover = cover * (distance < depth[pixel])
        size = self.depth.shape[1] * self.depth.shape[2]
        place = pixel // size * (3 * size) + pixel % size
        flat = self.colour.view(-1)
        for channel in range(3):
            at = place + channel * size
            flat[at] = torch.lerp(flat[at], colour[:, channel], cover)
        depth[pixel] = torch.where(cover > 0.5, distance, depth[pixel])
        mask[pixel] = torch.maximum(mask[pixel], cover)


def _seen(scenes: Sequence[Staged], places: Sequence[Floats], device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Places (F, P, 3) of each scene as seen: x, y (n, P) in half frame heights, and depth."""
    found = []
    for scene, at in zip(scenes, places, strict=True):
        local = np.einsum("tij,tpj->tpi", scene.camera.axes, at - scene.camera.position[:, None])
        depth = np.maximum(local[..., 2], 0.2)
        found.append(np.stack([local[..., 0] / depth, -local[..., 1] / depth, depth]))
    x, y, depth = torch.from_numpy(np.concatenate(found, 1)).to(device, torch.float32)
    return x, y, depth


def draw_beads(canvas: Canvas, views: Views, setting: Setting, scenes: Sequence[Staged], frames: Tensor) -> None:
    """Beads of `scenes`, whose frames are `frames` (n,), as spheres facing the camera, the nearest in front."""
    device, size_px = str(canvas.depth.device), canvas.depth.shape[-1]
    x, y, depth = _seen(scenes, [particles.beads(s.spec, s.times).places for s in scenes], device)
    focal = views.focal[frames, None] * size_px / 2
    x, y, radius = x * focal + size_px / 2, y * focal + size_px / 2, particles.BEAD_RADIUS * focal / depth
    reach = int(radius.max()) + 2
    around = torch.arange(-reach, reach + 1, device=device)
    columns = (x.floor().long()[..., None] + around)[:, :, None, :]
    rows = (y.floor().long()[..., None] + around)[:, :, :, None]
    across, down = (
        (at + 0.5 - middle[..., None, None]) / radius[..., None, None] for at, middle in ((columns, x), (rows, y))
    )
    away = across * across + down * down
    cover = ((1 - away.sqrt()) * radius[..., None, None] + 0.5).clamp(0, 1)
    inside = (cover > 0.05) & (columns >= 0) & (columns < size_px) & (rows >= 0) & (rows < size_px)
    inside = inside & (depth > 0.25)[..., None, None]
    toward = (1 - away).clamp(min=0).sqrt()
    near = depth[..., None, None] - particles.BEAD_RADIUS * toward
    order = (near * _DEPTH_STEPS).long() * _BEADS_ROOM
    order = order + torch.arange(x.shape[1], device=device).view(1, -1, 1, 1)
    pixel = frames.view(-1, 1, 1, 1) * size_px**2 + rows * size_px + columns
    chosen = torch.nonzero(inside.reshape(-1)).squeeze(1)
    flat_pixel, flat_order = pixel.reshape(-1)[chosen], order.reshape(-1)[chosen]
    front = torch.full((canvas.depth.numel(),), 2**62, device=device)
    front.scatter_reduce_(0, flat_pixel, flat_order, "amin")
    chosen = chosen[front[flat_pixel] == flat_order]
    normal = picked((across.expand_as(inside), -down.expand_as(inside), toward), chosen)
    pixel = pixel.reshape(-1)[chosen]
    frame = pixel // size_px**2
    light = _before_camera(views, frame)
    facing = dot(normal, light)
    lamp = views.light_colour[frame] * setting.light
    ambient = torch.tensor(setting.ambient, device=device) * (0.65 + 0.35 * normal[1])[:, None]
    shade = views.ink[frame] * (lamp * facing.clamp(min=0)[:, None] + ambient)
    shade = shade + 0.5 * facing.clamp(min=0)[:, None] ** 24 * lamp
    distance = near.expand_as(inside).reshape(-1)[chosen]
    canvas.lay(pixel, shade, cover.reshape(-1)[chosen], distance)


def _before_camera(views: Views, frame: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The light's direction along right, up, and toward the camera."""
    right, up, ahead = ((views.axes[frame, row] * views.light[frame]).sum(1) for row in range(3))
    return right, up, -ahead


def draw_smoke(canvas: Canvas, views: Views, setting: Setting, scenes: Sequence[Staged], frames: Tensor) -> None:
    """Smoke as a sum of round densities. Each is a product of one along x and one along y: one matrix product."""
    device, size_px = str(canvas.depth.device), canvas.depth.shape[-1]
    found = [particles.puffs(scene.spec, scene.times) for scene in scenes]
    x, y, depth = _seen(scenes, [one.places for one in found], device)
    thickness, radii = (
        torch.from_numpy(np.concatenate(values)).to(device, torch.float32)
        for values in ([one.thickness for one in found], [one.radii for one in found])
    )
    focal = views.focal[frames, None]
    x, y, radius = x * focal, y * focal, (radii * focal / depth).clamp(min=0.02)
    at = (torch.arange(size_px, device=device) + 0.5) * (2 / size_px) - 1
    along_x = torch.exp(-(((at - x[..., None]) / radius[..., None]) ** 2))
    along_y = torch.exp(-(((at - y[..., None]) / radius[..., None]) ** 2)) * thickness[..., None]
    density = torch.bmm(along_y.transpose(1, 2), along_x)
    weighted = torch.bmm((along_y * y[..., None]).transpose(1, 2), along_x) / density.clamp(min=1e-4)
    time, shift = views.time[frames].view(-1, 1, 1), views.variant[frames].view(-1, 1, 1)
    u, v = at.view(1, 1, -1) * 0.16 + shift, at.view(1, -1, 1) * 0.16 + 0.16 * time
    u, v = (plane.expand_as(density) for plane in (u, v))
    wisps = noise(u, v, 0) + 0.6 * noise(2.3 * u, 2.3 * v + 0.1 * time, 0)
    thick = density * (1 + 0.8 * wisps).clamp(min=0.05)
    cover = 1 - torch.exp(-2.4 * thick)
    top = (0.62 + 0.9 * (weighted - at.view(1, -1, 1)) + 0.22 * wisps).clamp(0.25, 1.25)
    lamp = views.light_colour[frames] * (0.55 * setting.light + 0.28)
    colour = (views.ink[frames] * lamp)[:, :, None, None] * top[:, None]
    canvas.colour[frames] = torch.lerp(canvas.colour[frames], colour, cover[:, None])
    canvas.mask[frames] = torch.maximum(canvas.mask[frames], cover)
    canvas.depth[frames] = torch.where(cover > 0.6, depth.mean(1)[:, None, None], canvas.depth[frames])


def draw_line(canvas: Canvas, views: Views, scenes: Sequence[Staged], frames: Tensor) -> None:
    """The string of what swings, the pole of what flutters."""
    device, size_px = str(canvas.depth.device), canvas.depth.shape[-1]
    ends, widths = [], []
    for scene in scenes:
        is_pole = scene.spec.shape == "cloth"
        body = scene.things[0].centre
        pivot = np.array([scene.spec.x, PIVOT_HEIGHT, scene.spec.z])
        pair = np.array(_POLE) if is_pole else np.stack([np.broadcast_to(pivot, body.shape), body], 1)
        ends.append(np.broadcast_to(pair, (len(scene.times), 2, 3)))
        widths += [0.045 if is_pole else 0.018] * len(scene.times)
    x, y, depth = _seen(scenes, ends, device)
    focal = views.focal[frames].view(-1, 1, 1)
    at = (torch.arange(size_px, device=device) + 0.5) * (2 / size_px) - 1
    (x0, x1), (y0, y1) = ((plane * focal[:, :, 0]).T[..., None, None] for plane in (x, y))
    run_x, run_y = x1 - x0, y1 - y0
    from_x, from_y = at.view(1, 1, -1) - x0, at.view(1, -1, 1) - y0
    share = ((from_x * run_x + from_y * run_y) / (run_x**2 + run_y**2)).clamp(0, 1)
    away = torch.hypot(from_x - share * run_x, from_y - share * run_y)
    half = torch.tensor(widths, device=device).view(-1, 1, 1) * focal / depth.mean(1).view(-1, 1, 1)
    pixel = 2 / size_px
    cover = ((half - away) / pixel + 0.5).clamp(0, 1) * (half * 2 / pixel).clamp(max=1)
    distance = (depth[:, :1, None] + share * (depth[:, 1:, None] - depth[:, :1, None])).expand_as(cover)
    shade = (0.10 + 0.10 * (away / half).clamp(0, 1))[:, None].expand(-1, 3, -1, -1)
    canvas.colour[frames] = torch.lerp(canvas.colour[frames], shade, cover[:, None])
    canvas.depth[frames] = torch.where(cover > 0.5, distance, canvas.depth[frames])


def heap_shadow(views: Views, frames: Tensor, x: Tensor, z: Tensor) -> Tensor:
    """Light (n, H, W) left on the floor about a heap of beads."""
    light = views.light[frames]
    grown = (0.35 + 0.4 * views.time[frames]).view(-1, 1, 1)
    slant = 0.35 / light[:, 1].clamp(min=0.3)
    away = torch.hypot(x + (light[:, 0] * slant)[:, None, None], z + (light[:, 2] * slant)[:, None, None])
    return 1 - 0.55 * torch.exp(-((away / (0.85 * (grown + 0.35))) ** 4)) * (grown + 0.2)
