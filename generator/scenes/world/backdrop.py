"""Draws a place behind the things: sky, floor and rows of silhouettes where the rays meet them; linear colour."""

from dataclasses import dataclass

import torch
from torch import Tensor

from generator.scenes.world.settings import Colour, Layer, Setting
from generator.scenes.world.textures import noise
from generator.scenes.world.tracing import Rays
from generator.scenes.world.views import Views

FARTHEST = 60.0
_SHORE = 4.2
"""Where the beach ends and the sea begins, along z."""


@dataclass(frozen=True)
class Backdrop:
    """`colour` (N, 3, H, W) linear; `depth` (N, H, W) along the rays; where the floor is seen `is_floor`, and its
    places `x`, `z` (N, H, W)."""

    colour: Tensor
    depth: Tensor
    is_floor: Tensor
    x: Tensor
    z: Tensor


def painted(views: Views, rays: Rays, setting: Setting) -> Backdrop:
    """The place as every frame sees it."""
    bright = (1 + 0.08 * views.tint).view(-1, 1, 1, 1)
    colour = _sky(views, rays, setting)
    eye_x, eye_y, eye_z = (views.position[:, axis].view(-1, 1, 1) for axis in range(3))
    away = eye_y / (-rays.y).clamp(min=1e-4)
    is_floor = (rays.y < -1e-4) & (away < FARTHEST)
    away = away.clamp(max=FARTHEST)
    x, z = eye_x + away * rays.x, eye_z + away * rays.z
    footprint = rays.footprint.view(-1, 1, 1) * away / (eye_y / away.clamp(min=1)).clamp(min=0.05)
    floor = _floor(views, setting, x, z, footprint)
    haze = (away / 34).clamp(0, 1).square()[:, None]
    edge = ((-rays.y) / (rays.footprint.view(-1, 1, 1) * 1.2)).clamp(0, 1)[:, None]
    colour = torch.lerp(colour, torch.lerp(floor, _linear(setting.sky_low, x), haze), edge)
    depth = torch.where(is_floor, away, FARTHEST)
    for layer in (setting.far, setting.near):
        colour, depth, cover = _over_layer(views, rays, setting, layer, colour, depth)
        is_floor = is_floor & (cover < 0.5)
    return Backdrop(colour * bright, depth, is_floor, x, z)


def _sky(views: Views, rays: Rays, setting: Setting) -> Tensor:
    up = (rays.y * 1.9).clamp(0, 1)[:, None]
    colour = torch.lerp(_linear(setting.sky_low, rays.x), _linear(setting.sky_high, rays.x), up)
    shift = views.variant.view(-1, 1, 1)
    if setting.clouds or setting.stars:
        over = 0.22 / (rays.y.clamp(min=0) + 0.16)
        u, v = rays.x * over * 0.55 + shift, rays.z * over * 0.55 + 0.37 * shift
        if setting.clouds:
            thick = ((noise(u, v, 0) + 0.45 * noise(3 * u, 3 * v, 0) - 0.05) * 1.6).clamp(0, 1)
            fade = (rays.y * 9).clamp(0, 1) * thick * setting.clouds
            colour = torch.lerp(colour, torch.ones_like(colour) * 0.95, fade[:, None])
        else:
            # By direction, not by cloud height: stars are points everywhere.
            spark = _stars(
                torch.atan2(rays.x, rays.z) * 26 + 40 * shift, rays.y * 26, rays.footprint.view(-1, 1, 1) * 26
            )
            colour = colour + (setting.stars * spark * (rays.y * 8).clamp(0, 1))[:, None]
    if setting.disc is not None:
        across, high, radius = setting.disc
        away = torch.hypot(
            rays.x / rays.z.clamp(min=0.1) - across * 0.72, rays.y / rays.z.clamp(min=0.1) - high * 0.42
        )
        glow = 0.20 * torch.exp(-9 * (away - radius * 0.6).clamp(min=0))
        body = ((radius * 0.6 - away) / (rays.footprint.view(-1, 1, 1) * 1.5)).clamp(0, 1)
        colour = torch.lerp(colour + glow[:, None], _linear(setting.disc_colour, rays.x), body[:, None])
    return colour


def _stars(u: Tensor, v: Tensor, pixel: Tensor) -> Tensor:
    """One star in some of the cells of a grid, a pixel wide or two."""
    column, row = u.floor(), v.floor()
    chance = torch.frac(torch.sin(column * 1.7 + row * 3.1) * 91.7).abs()
    aside, above = 0.5 + 0.3 * torch.sin(column * 5.3 + row), 0.5 + 0.3 * torch.sin(row * 7.7 + column)
    away = torch.hypot(u - column - aside, v - row - above) / pixel.clamp(max=0.12)
    return torch.exp(-away * away * 0.7) * ((chance - 0.55) * 3).clamp(0, 1)


def _floor(views: Views, setting: Setting, x: Tensor, z: Tensor, footprint: Tensor) -> Tensor:
    """Colours (n, 3, H, W) of the floor at places; detail finer than a few pixels fades."""
    one, two = _linear(setting.floor, x), _linear(setting.other_floor, x)
    shift = views.variant.view(-1, 1, 1)
    coarse = noise(x * 0.055 + shift, z * 0.055, 0) * _kept(footprint, 1.0)
    fine = noise(x * 0.31, z * 0.31 + shift, 1) * _kept(footprint, 0.16)
    mixed, shade = _PATTERNS[setting.pattern](x, z, footprint, coarse, fine)
    colour = torch.lerp(one, two, mixed.clamp(0, 1)[:, None]) * shade[:, None]
    if setting.pattern == "beach":
        return _with_sea(colour, views, x, z, footprint)
    return colour


def _checker(x: Tensor, z: Tensor, footprint: Tensor, coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
    sharp = (0.55 / footprint).clamp(0.4, 40)
    tiles = torch.tanh(sharp * torch.sin(3.1416 * x / 0.95) * torch.sin(3.1416 * z / 0.95))
    return 0.5 + 0.5 * tiles * _kept(footprint, 1.4), 0.97 + 0.06 * coarse + 0.05 * fine


def _grass(x: Tensor, z: Tensor, footprint: Tensor, coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
    blades = noise(x * 0.9, z * 0.28, 1) * _kept(footprint, 0.12)
    return 0.5 + 0.7 * coarse + 0.4 * fine, 0.92 + 0.34 * blades + 0.14 * coarse


def _sand(x: Tensor, z: Tensor, footprint: Tensor, coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
    ripples = torch.sin(9.5 * z + 1.6 * torch.sin(1.3 * x) + 4.5 * coarse) * _kept(footprint, 0.33)
    return 0.4 + 0.45 * ripples + 0.35 * coarse, 0.97 + 0.10 * fine + 0.06 * ripples


def _snow(x: Tensor, z: Tensor, footprint: Tensor, coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
    return 0.45 + 1.1 * coarse, 0.97 + 0.06 * coarse + 0.05 * fine


def _concrete(x: Tensor, z: Tensor, footprint: Tensor, coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
    joint = _line(x, 2.2, 0.022, footprint) + _line(z, 2.2, 0.022, footprint)
    return 0.5 + 0.9 * coarse + 0.3 * fine, 1 - 0.30 * joint.clamp(0, 1) + 0.05 * fine


def _road(x: Tensor, z: Tensor, footprint: Tensor, coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
    dash = ((torch.sin(2 * 3.1416 * z / 2.4) * 6).clamp(-1, 1) * 0.5 + 0.5) * _kept(footprint, 2.4)
    mark = (_line(x - 1.9, 3.8, 0.07, footprint) * dash).clamp(0, 1)
    return 0.5 + 0.5 * coarse + 0.5 * fine, 0.95 + 0.22 * fine + 0.9 * mark


def _beach(x: Tensor, z: Tensor, footprint: Tensor, coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
    return 0.4 + 0.8 * coarse + 0.5 * fine, 0.96 + 0.12 * fine


_PATTERNS = {
    "checker": _checker,
    "grass": _grass,
    "sand": _sand,
    "snow": _snow,
    "concrete": _concrete,
    "road": _road,
    "beach": _beach,
}


def _with_sea(colour: Tensor, views: Views, x: Tensor, z: Tensor, footprint: Tensor) -> Tensor:
    """The sea behind the shore, its foam coming and going."""
    time = views.time.view(-1, 1, 1)
    shore = _SHORE + 0.22 * torch.sin(0.9 * x + 6 * views.variant.view(-1, 1, 1)) + 0.22 * torch.sin(6.28 * time)
    swell = torch.sin(5.2 * z - 9 * time + 0.9 * torch.sin(1.1 * x)) * _kept(footprint, 0.7)
    deep = ((z - shore) / 7).clamp(0, 1)[:, None]
    water = torch.lerp(_linear((0.36, 0.74, 0.76), x), _linear((0.10, 0.40, 0.60), x), deep)
    water = water * (1 + 0.16 * swell[:, None])
    foam = torch.exp(-5 * (z - shore - 0.1).abs())[:, None]
    wet = ((z - shore) / (footprint + 0.08)).clamp(0, 1)[:, None]
    return torch.lerp(torch.lerp(colour, water, wet), _linear((0.97, 0.98, 0.97), x), 0.8 * foam)


def _over_layer(
    views: Views, rays: Rays, setting: Setting, layer: Layer, colour: Tensor, depth: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Picture, depth, and how much of each pixel the row covers."""
    eye_x, eye_y, eye_z = (views.position[:, axis].view(-1, 1, 1) for axis in range(3))
    away = (layer.depth - eye_z) / rays.z.clamp(min=0.05)
    x, y = eye_x + away * rays.x, eye_y + away * rays.y
    pixel = rays.footprint.view(-1, 1, 1) * away
    shift = views.variant.view(-1, 1, 1) * 2.3 + layer.depth
    inside, shade = _SILHOUETTES[layer.kind](x / layer.width + shift, y / layer.height, layer, pixel)
    cover = (inside / pixel + 0.5).clamp(0, 1) * (y / pixel + 0.5).clamp(0, 1)
    tone = (y / layer.height).clamp(0, 1)[:, None]
    paint = torch.lerp(_linear(layer.foot, x), _linear(layer.top, x), tone)
    grain = noise(x * 0.10 + shift, y * 0.10, 2) * _kept(pixel, 0.4)
    paint = paint * (shade * (1 + 0.20 * grain))[:, None]
    paint = torch.lerp(paint, _linear(setting.sky_low, x), layer.haze)
    return torch.lerp(colour, paint, cover[:, None]), torch.where(cover > 0.5, away, depth), cover


def _hills(u: Tensor, v: Tensor, layer: Layer, pixel: Tensor) -> tuple[Tensor, Tensor]:
    top = 0.62 + 0.28 * torch.sin(6.28 * u) + 0.10 * torch.sin(15.7 * u + 1)
    return (top - v) * layer.height, torch.ones_like(u)


def _dunes(u: Tensor, v: Tensor, layer: Layer, pixel: Tensor) -> tuple[Tensor, Tensor]:
    wave = torch.sin(6.28 * u + 0.7 * torch.sin(6.28 * u))
    top = 0.55 + 0.35 * wave
    return (top - v) * layer.height, 0.92 + 0.12 * torch.cos(6.28 * u)


def _mountains(u: Tensor, v: Tensor, layer: Layer, pixel: Tensor) -> tuple[Tensor, Tensor]:
    fold = (u - u.floor() - 0.5).abs() * 2
    small = ((2.7 * u) - (2.7 * u).floor() - 0.5).abs() * 2
    top = 1.0 - 0.62 * fold - 0.26 * small
    return (top - v) * layer.height * 0.8, torch.where((u - u.floor()) > 0.5, 0.84, 1.06)


def _mesas(u: Tensor, v: Tensor, layer: Layer, pixel: Tensor) -> tuple[Tensor, Tensor]:
    wave = torch.sin(6.28 * u) + 0.5 * torch.sin(11.3 * u + 2)
    top = 0.22 + 0.62 * torch.sigmoid(14 * (wave - 0.25))
    bands = 1 + 0.10 * torch.sin(38 * v)
    return (top - v) * layer.height * 0.6, bands


def _trees(u: Tensor, v: Tensor, layer: Layer, pixel: Tensor) -> tuple[Tensor, Tensor]:
    index = u.floor()
    size = 0.72 + 0.28 * torch.sin(index * 12.9)
    across = (u - index - 0.5 - 0.12 * torch.sin(index * 7.1)) * layer.width
    crown = size * layer.height * 0.36 - torch.hypot(across, (v - 0.62 * size) * layer.height)
    trunk = torch.minimum(0.09 - across.abs(), (0.5 * size - v) * layer.height)
    hedge = (0.16 + 0.05 * torch.sin(9 * u) - v) * layer.height
    return torch.maximum(torch.maximum(crown, trunk), hedge), 0.9 + 0.35 * across.clamp(-0.6, 0.6)


def _firs(u: Tensor, v: Tensor, layer: Layer, pixel: Tensor) -> tuple[Tensor, Tensor]:
    index = u.floor()
    size = 0.74 + 0.26 * torch.sin(index * 12.9)
    across = ((u - index - 0.5 - 0.16 * torch.sin(index * 7.1)) * layer.width).abs()
    along = v / size
    saw = (along * 4 - (along * 4).floor()) * 0.13
    wide = (0.62 * (1 - along) - saw * (1 - along) * 1.5).clamp(min=-0.2)
    return torch.where(along < 1, wide - across, -across - 0.1) * 0.8, 0.72 + 0.5 * saw / 0.13


def _towers(u: Tensor, v: Tensor, layer: Layer, pixel: Tensor) -> tuple[Tensor, Tensor]:
    index = u.floor()
    across = u - index
    high = 0.58 + 0.40 * torch.sin(index * 12.9 + 1.7)
    inside = torch.minimum((high - v) * layer.height, (0.48 - (across - 0.5).abs()) * layer.width)
    panes = torch.sin(6.28 * across * 5) * torch.sin(6.28 * v * layer.height * 1.5)
    lit = (panes * 4 - 0.9).clamp(0, 1) * _kept(pixel, 0.30)
    return inside, 1 + 1.1 * lit + 0.10 * torch.sin(index * 5.3)


def _panels(u: Tensor, v: Tensor, layer: Layer, pixel: Tensor) -> tuple[Tensor, Tensor]:
    gap = _line(u * layer.width, layer.width, 0.03, pixel)
    rail = _line(v * layer.height - 0.9, 30.0, 0.035, pixel)
    return (1 - v) * layer.height, 1 - 0.28 * (gap + rail).clamp(0, 1)


def _pillars(u: Tensor, v: Tensor, layer: Layer, pixel: Tensor) -> tuple[Tensor, Tensor]:
    across = (u - u.floor() - 0.5) * layer.width
    base = torch.where(v * layer.height < 0.25, 0.40, 0.30)
    inside = torch.minimum(base - across.abs(), (1 - v) * layer.height)
    return inside, (0.96 - 0.8 * across + 0.03 * torch.cos(40 * across)).clamp(0.4, 1.2)


def _sails(u: Tensor, v: Tensor, layer: Layer, pixel: Tensor) -> tuple[Tensor, Tensor]:
    across = (u - u.floor() - 0.5) * layer.width
    high = v * layer.height
    sail = torch.minimum(torch.minimum(across + 0.05, 0.85 * (1.75 - high) * 0.55 - across), high - 0.3)
    jib = torch.minimum(torch.minimum(-across - 0.03, 0.45 * (1.5 - high) * 0.62 + across), high - 0.3)
    hull = torch.minimum(0.62 + 0.5 * high - across.abs(), 0.24 - high)
    return torch.maximum(torch.maximum(sail, jib), hull), torch.where(high < 0.26, 0.25, 1.0)


_SILHOUETTES = {
    "hills": _hills,
    "dunes": _dunes,
    "mountains": _mountains,
    "mesas": _mesas,
    "trees": _trees,
    "firs": _firs,
    "towers": _towers,
    "panels": _panels,
    "pillars": _pillars,
    "sails": _sails,
}


def _line(at: Tensor, every: float, half_width: float, footprint: Tensor) -> Tensor:
    """1.0 on lines `every` apart, as wide as a pixel at least and fainter for it."""
    away = (at / every - (at / every).round()).abs() * every
    wide = torch.maximum(footprint, torch.full_like(footprint, half_width))
    return (1.5 - away / wide).clamp(0, 1) * (half_width / wide)


def _kept(footprint: Tensor, period: float) -> Tensor:
    """How much of a pattern of that period is left where a pixel covers `footprint`."""
    return (1.6 - 3.2 * footprint / period).clamp(0, 1)


def _linear(colour: Colour, like: Tensor) -> Tensor:
    return torch.tensor(colour, device=like.device).square().view(1, 3, 1, 1)
