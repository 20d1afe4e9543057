"""Signed distances of the solid bodies in their own axes: negative inside, (M,), in units of the body's length.

After Inigo Quilez' distance functions, written anew here. Where a body is displaced the distance is scaled down so
that a ray that steps by it does not pass through.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from generator.scenes.world.motion import GRAVITY, RAMP_ANGLE, RAMP_LENGTH, RAMP_TOP
from generator.scenes.world.textures import glyph_distance


@dataclass(frozen=True)
class Own:
    """What distances depend on beside the place: each point's time and phase, its word; (M,)."""

    time: Tensor
    phase: Tensor
    glyph: Tensor


Distance = Callable[[Tensor, Tensor, Tensor, Own], Tensor]


def ball(x: Tensor, y: Tensor, z: Tensor, own: Own) -> Tensor:
    """A sphere of radius 1."""
    return torch.sqrt(x * x + y * y + z * z) - 1


def cube(x: Tensor, y: Tensor, z: Tensor, own: Own) -> Tensor:
    """A cube of half side 0.8 with rounded edges."""
    return _box(x, y, z, (0.72, 0.72, 0.72)) - 0.08


def cylinder(x: Tensor, y: Tensor, z: Tensor, own: Own) -> Tensor:
    """An upright cylinder of radius 0.72 and half height 0.86."""
    aside, along = torch.hypot(x, z) - 0.67, y.abs() - 0.81
    return _joined(aside, along) - 0.05


def cone(x: Tensor, y: Tensor, z: Tensor, own: Own) -> Tensor:
    """A cone of base radius 0.85 at -0.85, its blunt tip at 1.0."""
    slope = math.atan2(0.80, 1.85)
    side = (torch.hypot(x, z) - 0.80) * math.cos(slope) + (y + 0.80) * math.sin(slope)
    return _joined(side, -(y + 0.80)) - 0.05


def ring(x: Tensor, y: Tensor, z: Tensor, own: Own) -> Tensor:
    """An upright torus facing the camera: radii 0.74 and 0.26."""
    return torch.hypot(torch.hypot(x, y) - 0.74, z) - 0.26


def word(x: Tensor, y: Tensor, z: Tensor, own: Own) -> Tensor:
    """Letters half as deep as high."""
    flat = glyph_distance(x / WORD_SCALE, y / WORD_SCALE, own.glyph) * WORD_SCALE
    return _joined(flat + 0.02, z.abs() - 0.22) - 0.02


def water(x: Tensor, y: Tensor, z: Tensor, own: Own) -> Tensor:
    """A square basin's worth of water whose top ripples."""
    return _box(x, y - wave_height(x, z, own.time, own.phase), z, (1.42, 0.22, 1.05)).sub(0.02) * 0.7


def cloth(x: Tensor, y: Tensor, z: Tensor, own: Own) -> Tensor:
    """A flag held at its left edge; the wind's waves run to the right and grow."""
    loose = (x + 1.15) / 2.3
    return _box(x, y + 0.12 * loose * loose, sheet(x, y, z, own), (1.12, 0.72, 0.02)).sub(0.02) * 0.55


def sheet(x: Tensor, y: Tensor, z: Tensor, own: Own) -> Tensor:
    """How far before the flag's middle surface: its slopes without its hems."""
    loose = (x + 1.15) / 2.3
    run = 4.6 * x + 0.7 * y - 2 * math.pi * (2.1 * own.time + own.phase)
    return z - 0.22 * loose * (torch.sin(run) + 0.35 * torch.sin(1.7 * run + 1.3 + y))


def ramp(x: Tensor, y: Tensor, z: Tensor, own: Own) -> Tensor:
    """A wedge that falls to the right from `RAMP_TOP`, its foot on the floor; the middle of its height at 0."""
    half, angle = RAMP_LENGTH / 2, RAMP_ANGLE
    above = (y - (RAMP_TOP / 2)) * math.cos(angle) + (x + half) * math.sin(angle)
    inside = torch.maximum(above, torch.maximum(-x - half, -y - RAMP_TOP / 2))
    return _joined(inside + 0.02, z.abs() - 0.75) - 0.02


WORD_SCALE = 1.35

WAVES = ((2.6, 0.5, 0.060), (-1.5, 3.4, 0.040), (4.4, 2.3, 0.022))
"""Waves on water: wave numbers along x and z, amplitude; in world units."""


def wave_frequency(k_x: float, k_z: float) -> float:
    """Radians per clip length of a wave on deep water: the square root of gravity times its wave number."""
    return math.sqrt(GRAVITY * math.hypot(k_x, k_z))


def wave_height(x: Tensor, z: Tensor, time: Tensor, phase: Tensor) -> Tensor:
    """Height (M,) of the water's surface over its mean."""
    height = torch.zeros_like(x)
    for k_x, k_z, amplitude in WAVES:
        height = height + amplitude * torch.sin(
            k_x * x + k_z * z - wave_frequency(k_x, k_z) * time + 9 * phase * k_x
        )
    return height


DISTANCES: dict[str, Distance] = {
    "ball": ball,
    "cube": cube,
    "cylinder": cylinder,
    "cone": cone,
    "ring": ring,
    "word": word,
    "water": water,
    "cloth": cloth,
    "ramp": ramp,
}
SLOPES = {**DISTANCES, "cloth": sheet}
"""Whose gradients are the normals."""
BOUNDS = {
    "ball": 1.02,
    "cube": 1.4,
    "cylinder": 1.16,
    "cone": 1.26,
    "ring": 1.02,
    "word": 2.35,
    "water": 1.84,
    "cloth": 1.5,
    "ramp": 2.6,
}
"""Radius of a sphere about the middle that holds the body."""
STEPS = {
    "ball": 10,
    "cube": 16,
    "cylinder": 16,
    "cone": 18,
    "ring": 20,
    "word": 28,
    "water": 34,
    "cloth": 40,
    "ramp": 20,
}
"""Steps of a ray that find the surface to a fraction of a pixel."""


def _joined(aside: Tensor, along: Tensor) -> Tensor:
    """Distance to where both are negative."""
    return torch.maximum(aside, along).clamp(max=0) + torch.hypot(aside.clamp(min=0), along.clamp(min=0))


def _box(x: Tensor, y: Tensor, z: Tensor, half: tuple[float, float, float]) -> Tensor:
    a, b, c = x.abs() - half[0], y.abs() - half[1], z.abs() - half[2]
    outside = torch.sqrt(a.clamp(min=0) ** 2 + b.clamp(min=0) ** 2 + c.clamp(min=0) ** 2)
    return outside + torch.maximum(a, torch.maximum(b, c)).clamp(max=0)
