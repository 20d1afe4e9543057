"""Rays against bodies: which pixels see a body, where and how much of it, and which floor lies in its shadow.

Works on flat lists of those rays alone that come near a body, whatever frame they belong to.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from generator.scenes.world.bodies import BOUNDS, DISTANCES, SLOPES, STEPS, Own
from generator.scenes.world.vectors import Triple, along, columns, dot, picked, unit
from generator.scenes.world.views import Views

_NORMAL_STEP = 0.006
_SHADOW_STEPS, _PENUMBRA = 9, 7.0


@dataclass(frozen=True)
class Rays:
    """Unit directions `x`, `y`, `z` (N, H, W) of every pixel's ray, and a pixel's width at distance 1 (N,)."""

    x: Tensor
    y: Tensor
    z: Tensor
    footprint: Tensor

    @classmethod
    def of(cls, views: Views, size_px: int) -> "Rays":
        """The rays through the middles of the pixels of square pictures."""
        device = views.time.device
        at = (torch.arange(size_px, device=device, dtype=torch.float32) + 0.5) * (2 / size_px) - 1
        u, v = at[None, None, :] / views.focal.view(-1, 1, 1), at[None, :, None] / views.focal.view(-1, 1, 1)
        length = torch.rsqrt(1 + u * u + v * v)
        right, up, ahead = (views.axes[:, row] for row in range(3))

        def plane(axis: int) -> Tensor:
            r, p, a = (one[:, axis].view(-1, 1, 1) for one in (right, up, ahead))
            return (r * u + (a - p * v)) * length

        return cls(plane(0), plane(1), plane(2), 2 / (size_px * views.focal))


@dataclass(frozen=True)
class Hits:
    """Where rays meet bodies of one slot, (M,) each: flat pixel index, frame, distance along the ray, share of the
    pixel covered, place in the body's own axes, unit normal in the world's."""

    pixel: Tensor
    frame: Tensor
    distance: Tensor
    cover: Tensor
    own: Triple
    normal: Triple


def trace(views: Views, rays: Rays, slot: int, kind: str, frames: Tensor) -> Hits:
    """Hits of the rays of `frames` (n,) with the bodies of one kind in a slot."""
    axes = _axes(views, slot, frames)
    origin = _into(axes, _from_body(views, slot, frames, views.position[frames]))
    local = _into(axes, (rays.x[frames], rays.y[frames], rays.z[frames]))
    ahead, bound = dot(origin, local), BOUNDS[kind] * 1.02
    closest = dot(origin, origin) - ahead * ahead
    row, flat = _chosen((closest < bound**2) & (ahead < 0))
    direction, start = picked(local, flat), picked(origin, row)
    own, footprint = _own(views, slot, frames[row]), rays.footprint[frames[row]]
    reach = torch.sqrt(bound**2 - closest.reshape(-1)[flat])
    middle = -ahead.reshape(-1)[flat]
    at = (middle - reach).clamp(min=0.05)
    best, best_at = _marched(kind, start, direction, own, at, middle + reach, footprint)
    cover = (1 - (best / footprint - 0.35).clamp(min=0)).clamp(0, 1) * (best_at < middle + reach)
    seen = torch.nonzero(cover > 0.02).squeeze(1)
    place = along(picked(start, seen), picked(direction, seen), best_at[seen])
    frame, side = frames[row[seen]], rays.x.shape[-1]
    pixel = frame * side**2 + flat[seen] % side**2
    normal = _normal(views, slot, kind, frame, place, _own(views, slot, frame))
    return Hits(pixel, frame, best_at[seen] * views.size[frame, slot], cover[seen], place, normal)


def _marched(
    kind: str, start: Triple, direction: Triple, own: Own, at: Tensor, end: Tensor, footprint: Tensor
) -> tuple[Tensor, Tensor]:
    """How near rays (M,) come to a body, relative to the distance, and where: steps as long as the distance left.

    Half way through the steps only those rays go on that have neither met the body nor passed it.
    """
    best, best_at = torch.full_like(at, 1e3), at
    steps = STEPS[kind] // 2
    best, best_at, at = _stepped(kind, start, direction, own, at, best, best_at, steps)
    left = torch.nonzero((best > 0.1 * footprint) & (at < end)).squeeze(1)
    some = Own(own.time[left], own.phase[left], own.glyph[left])
    best[left], best_at[left], _ = _stepped(
        kind, picked(start, left), picked(direction, left), some, at[left], best[left], best_at[left], steps
    )
    return best, best_at


def _stepped(
    kind: str, start: Triple, direction: Triple, own: Own, at: Tensor, best: Tensor, best_at: Tensor, steps: int
) -> tuple[Tensor, Tensor, Tensor]:
    for _ in range(steps):
        away = DISTANCES[kind](*along(start, direction, at), own)
        relative = away / at
        is_best = relative < best
        best, best_at = torch.where(is_best, relative, best), torch.where(is_best, at, best_at)
        at = at + away
    return best, best_at, at


def shadow(views: Views, slot: int, kind: str, frames: Tensor, x: Tensor, z: Tensor, is_floor: Tensor) -> Tensor:
    """Light (n, H, W), 1.0 where all of it comes, that bodies of one kind leave to the floor at x, z (n, H, W)."""
    toward = columns(views.light[frames, None, None])
    scale = 1 / views.size[frames, slot, None, None]
    centre = columns(views.centre[frames, slot, None, None])
    away = ((x - centre[0]) * scale, (0 * x - centre[1]) * scale, (z - centre[2]) * scale)
    reach, ahead, bound = dot(away, away), dot(away, toward), BOUNDS[kind] * 1.25
    passes = (reach - ahead * ahead < bound**2) & (ahead < 0)
    row, flat = _chosen(is_floor & (passes | (reach < (bound + 0.3) ** 2)))
    axes = _axes(views, slot, frames[row])[..., 0, 0]
    start = _into(axes, picked(away, flat))
    direction = _into(axes, picked(toward, row))
    own = _own(views, slot, frames[row])
    at = torch.full_like(start[0], 0.04)
    lit = torch.ones_like(at)
    touch = DISTANCES[kind](*start, own)
    for _ in range(_SHADOW_STEPS):
        gap = DISTANCES[kind](*along(start, direction, at), own)
        lit = torch.minimum(lit, (_PENUMBRA * gap / at + 0.25).clamp(0, 1))
        at = at + gap.clamp(min=0.09)
    left = torch.ones_like(x)
    left.view(-1)[flat] = (1 - 0.55 * torch.exp(-5.0 * touch.clamp(min=0))) * (0.32 + 0.68 * lit)
    return left


def _axes(views: Views, slot: int, frames: Tensor) -> Tensor:
    """Each frame's body's own axes in the world, (n, axis, part, 1, 1)."""
    return views.turn[frames, slot].transpose(1, 2)[..., None, None]


def _into(axes: Tensor, vectors: Triple) -> Triple:
    """Vectors of the world along a body's own axes."""
    x, y, z = (dot((axes[:, i, 0], axes[:, i, 1], axes[:, i, 2]), vectors) for i in range(3))
    return x, y, z


def _from_body(views: Views, slot: int, frames: Tensor, places: Tensor) -> Triple:
    """Places (n, 3) from each frame's body in its units, (n, 1, 1) each."""
    offset = (places - views.centre[frames, slot]) / views.size[frames, slot, None]
    return columns(offset[:, None, None])


def _own(views: Views, slot: int, frames: Tensor) -> Own:
    return Own(views.time[frames], views.variant[frames], views.glyph[frames, slot])


def _chosen(near: Tensor) -> tuple[Tensor, Tensor]:
    """Row along the first axis, and flat index, of what is true in (n, H, W)."""
    flat = torch.nonzero(near.reshape(-1)).squeeze(1)
    return flat // (near.shape[1] * near.shape[2]), flat


def _normal(views: Views, slot: int, kind: str, frame: Tensor, place: Triple, own: Own) -> Triple:
    """The unit gradient of the distance, by four places around each, turned into the world."""
    step = _NORMAL_STEP
    slope = [torch.zeros_like(place[0]) for _ in range(3)]
    for signs in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        x, y, z = (p + s * step for p, s in zip(place, signs, strict=True))
        away = SLOPES[kind](x, y, z, own)
        slope = [t + s * away for t, s in zip(slope, signs, strict=True)]
    turn = views.turn[frame, slot]
    own_slope = (slope[0], slope[1], slope[2])
    x, y, z = (dot(columns(turn[:, row]), own_slope) for row in range(3))
    return unit((x, y, z))
