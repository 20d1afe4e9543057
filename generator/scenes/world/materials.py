"""What bodies are made of: patterns that stick to them, and how they send light on. Colours are linear."""

import torch
from torch import Tensor

from generator.scenes.world.settings import Setting
from generator.scenes.world.spec import MATERIALS, STYLES
from generator.scenes.world.textures import noise, solid_noise
from generator.scenes.world.tracing import Hits, Rays
from generator.scenes.world.vectors import Triple, along, columns, dot, picked, unit
from generator.scenes.world.views import Views

_SPECULAR, _GLOSS, _MIRROR, _GLOW, _RIM, _CLEAR = range(6)
_LOOKS = {
    "matte": (0.03, 8.0, 0.0, 0.0, 0.0, 0.0),
    "plastic": (0.75, 60.0, 0.10, 0.0, 0.0, 0.0),
    "metal": (1.3, 90.0, 0.75, 0.0, 0.0, 0.0),
    "glass": (1.6, 160.0, 0.22, 0.0, 0.10, 0.82),
    "rubber": (0.14, 5.0, 0.0, 0.0, 0.03, 0.0),
    "wood": (0.12, 18.0, 0.02, 0.0, 0.0, 0.0),
    "marble": (0.6, 70.0, 0.10, 0.0, 0.0, 0.0),
    "stone": (0.03, 8.0, 0.0, 0.0, 0.0, 0.0),
    "velvet": (0.0, 8.0, 0.0, 0.0, 0.75, 0.0),
    "striped": (0.25, 30.0, 0.03, 0.0, 0.0, 0.0),
    "dotted": (0.25, 30.0, 0.03, 0.0, 0.0, 0.0),
    "glowing": (0.0, 8.0, 0.0, 1.0, 0.55, 0.0),
}
"""Highlight's strength and sharpness, mirrored surroundings, own light, soft rim, clearness."""
_CLAY = STYLES.index("clay")


def shaded(views: Views, rays: Rays, slot: int, kind: str, hits: Hits, setting: Setting, behind: Tensor) -> Tensor:
    """Linear colours (M, 3) of hits, over the picture `behind` (N, 3, H, W), which clear ones show."""
    looks = torch.tensor([_LOOKS[name] for name in MATERIALS], device=behind.device)
    material = views.material[hits.frame, slot]
    look = looks[material]
    is_clay = torch.from_numpy(views.style == _CLAY).to(behind.device)[hits.frame]
    look = torch.where(is_clay[:, None], looks[0], look)
    normal = _kneaded(hits, is_clay) if bool((views.style == _CLAY).any()) else hits.normal
    albedo = views.colour[hits.frame, slot] * _pattern(material, kind, hits)
    albedo = torch.lerp(albedo, torch.full_like(albedo, 0.80), _whiteness(material, kind, hits)[:, None])
    toward = _ray(rays, hits)
    facing = -dot(normal, toward)
    if kind == "cloth":
        # Its far side is seen as well.
        flip = torch.where(facing < 0, -1.0, 1.0)
        normal, facing = (normal[0] * flip, normal[1] * flip, normal[2] * flip), facing.abs()
    light = columns(views.light[hits.frame])
    sun = dot(normal, light)
    lamp = views.light_colour[hits.frame] * setting.light
    wrapped = ((sun + 0.15) / 1.15).clamp(min=0)
    sky, ground = (torch.tensor(c, device=behind.device) for c in (setting.ambient, setting.bounce))
    round_about = torch.lerp(ground, sky, (0.5 + 0.5 * normal[1])[:, None])
    colour = albedo * (1.05 * lamp * wrapped[:, None] + round_about)
    mirror = along(toward, normal, 2 * facing)
    fresnel = (1 - facing.clamp(0, 1)) ** 4
    seen = _surroundings(mirror, setting)
    is_metal = (material == MATERIALS.index("metal"))[:, None]
    tint = torch.where(is_metal, albedo * 1.25 + 0.04, torch.ones_like(albedo))
    share = (look[:, _MIRROR] * torch.where(is_metal[:, 0], 1.0, 0.35 + 2.0 * fresnel)).clamp(0, 0.85)[:, None]
    colour = colour * (1 - share) + seen * tint * share
    if bool((look[:, _CLEAR] > 0).any()):
        through = _seen_through(hits, normal, rays, views, behind) * (0.12 + 0.88 * views.colour[hits.frame, slot])
        clear = (look[:, _CLEAR] * (1 - 0.7 * fresnel))[:, None]
        colour = torch.lerp(colour, through + 0.10 * albedo, clear)
    glint = dot(mirror, light).clamp(min=0) ** look[:, _GLOSS] * look[:, _SPECULAR]
    colour = colour + (lamp * glint[:, None]) * torch.where(is_metal, tint, 1.0)
    rim = look[:, _RIM] * (1 - facing.clamp(0, 1)) ** 2
    colour = colour + rim[:, None] * (0.35 * views.colour[hits.frame, slot] + 0.12)
    own_light = look[:, _GLOW, None] * views.colour[hits.frame, slot]
    return colour + own_light * (0.75 + 0.55 * facing.clamp(0, 1)[:, None])


def _pattern(material: Tensor, kind: str, hits: Hits) -> Tensor:
    """What the colour is multiplied by, (M, 1)."""
    x, y, z = hits.own
    grain = solid_noise(x, y, z, 0.22)
    rings = torch.sin(
        11 * torch.hypot(y + 0.45, 0.8 * z + 0.35) + 3.0 * noise(0.05 * x + 0.2, 0.2 * y + 0.15 * z, 0)
    )
    fibre = noise(0.07 * x + 0.2 * z, 1.1 * y + 0.9 * z, 1)
    fine = noise(0.9 * x + 0.3 * z, 0.9 * y - 0.4 * z, 1)
    by_name = {
        "wood": 0.74 + 0.20 * rings + 0.16 * fibre,
        "marble": 0.86 + 0.20 * grain,
        "stone": 0.78 + 0.34 * fine + 0.22 * grain,
        "rubber": 0.90 + 0.05 * fine,
        "matte": 0.96 + 0.05 * fine,
        "velvet": 0.62 + 0.14 * fine,
        "metal": 1.0 + 0.10 * noise(0.05 * x, 1.1 * y + 0.3 * z, 1),
    }
    found = torch.ones_like(x)
    for name, factor in by_name.items():
        found = torch.where(material == MATERIALS.index(name), factor, found)
    return found[:, None]


def _whiteness(material: Tensor, kind: str, hits: Hits) -> Tensor:
    """Share (M,) of a near white that is mixed in: veins, stripes, dots."""
    x, y, z = hits.own
    warp = solid_noise(x, y, z, 0.20)
    vein = torch.exp(-7 * torch.sin(2.6 * x + 1.7 * y - 1.1 * z + 3.6 * warp).abs())
    stripe = (torch.sin(9.0 * y + (5.0 * x if kind == "cylinder" else 0 * x)) * 5).clamp(-1, 1) * 0.5 + 0.5
    lattice = torch.sin(6.6 * x + 0.8) * torch.sin(6.6 * y + 0.4) * torch.sin(6.6 * z + 1.2)
    dot = ((lattice.abs() - 0.38) * 9).clamp(0, 1)
    found = torch.zeros_like(x)
    for name, share in (("marble", 0.75 * vein), ("striped", 0.92 * stripe), ("dotted", 0.95 * dot)):
        found = torch.where(material == MATERIALS.index(name), share, found)
    return found


def _kneaded(hits: Hits, is_clay: Tensor) -> Triple:
    """Normals of clay, dented by fingers."""
    x, y, z = hits.own
    one, two = solid_noise(x, y, z, 0.42), solid_noise(y + 2.3, z, x, 0.42)
    return unit(along(hits.normal, (one, two, one - two), torch.where(is_clay, 0.24, 0.0)))


def _surroundings(way: Triple, setting: Setting) -> Tensor:
    """What a mirror shows in a direction (M, 3): floor, sky, and a window."""
    device = way[0].device
    high, low, floor = (
        torch.tensor(colour, device=device).square()
        for colour in (setting.sky_high, setting.sky_low, setting.floor)
    )
    up = (way[1] * 3 + 0.5).clamp(0, 1)[:, None]
    sky = torch.lerp(low, high, (way[1] * 1.4).clamp(0, 1)[:, None])
    seen = torch.lerp(floor * 0.7, sky, up)
    window = (
        ((way[0] + 0.55) * 6).clamp(0, 1) * ((0.1 - way[0]) * 6).clamp(0, 1) * ((way[1] - 0.25) * 6).clamp(0, 1)
    )
    return seen + 0.9 * setting.light * window[:, None]


def _seen_through(hits: Hits, normal: Triple, rays: Rays, views: Views, behind: Tensor) -> Tensor:
    """The picture behind, bent by the surface: (M, 3)."""
    size_px = behind.shape[-1]
    inside = hits.pixel % size_px**2
    right, up = (dot(columns(views.axes[hits.frame, row]), normal) for row in range(2))
    bend = 0.22 * size_px * views.focal[hits.frame] / hits.distance
    column = ((inside % size_px) - right * bend).long().clamp(0, size_px - 1)
    row = ((inside // size_px) + up * bend).long().clamp(0, size_px - 1)
    place = hits.frame * (3 * size_px**2) + row * size_px + column
    flat = behind.reshape(-1)
    return torch.stack([flat[place + channel * size_px**2] for channel in range(3)], 1)


def _ray(rays: Rays, hits: Hits) -> Triple:
    return picked((rays.x, rays.y, rays.z), hits.pixel)
