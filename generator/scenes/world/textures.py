"""Textures made once from fixed seeds: tileable noise in the plane, solid noise in space, words as distances."""

from functools import lru_cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generator.scenes.world.spec import TEXTS

_TILE = 256
_ROUGHNESS = (1.7, 1.05, 1.35)
"""Exponents of the falling spectrum: clouds, grain, stone."""
GLYPH_HALF_WIDTH, GLYPH_HALF_HEIGHT = 1.6, 0.6
_GLYPH_PX = (60, 160)


@lru_cache(maxsize=4)
def _tile(device: str) -> Tensor:
    """Noise (1, 3, 257, 257) that repeats, about -1 to 1, its first row and column once more at the end."""
    rng = np.random.default_rng(1848)
    along = np.fft.fftfreq(_TILE) * _TILE
    distance = np.hypot(along[:, None], along[None])
    distance[0, 0] = 1
    channels = []
    for exponent in _ROUGHNESS:
        weight = np.where(distance >= 2, distance**-exponent, 0.0)
        plane = np.fft.ifft2(np.fft.fft2(rng.standard_normal((_TILE, _TILE))) * weight).real
        channels.append(np.clip(plane / plane.std() / 2, -1.2, 1.2))
    noise = torch.from_numpy(np.stack(channels)).float()[None]
    return F.pad(noise, (0, 1, 0, 1), mode="circular").to(device)


def noise(u: Tensor, v: Tensor, channel: int) -> Tensor:
    """Smooth noise, about -1 to 1, repeating after 1 along u and v, of one shape (…)."""
    grid = torch.stack([u - u.floor(), v - v.floor()], -1).mul_(2).sub_(1)
    # The padded tile's corners lie on -1 and 1.
    tile = _tile(str(u.device))[:, channel : channel + 1]
    return F.grid_sample(tile, grid.reshape(1, -1, 1, 2), align_corners=True).view(u.shape)


def solid_noise(x: Tensor, y: Tensor, z: Tensor, scale: float) -> Tensor:
    """Smooth noise in space, about -1 to 1: two slanted slices through the plane's."""
    one = noise(x * scale + 0.37 * y * scale, z * scale - 0.51 * y * scale, 0)
    two = noise(y * scale + 0.61 * z * scale + 0.3, x * scale - 0.43 * z * scale, 0)
    return (one + two) * 0.7


@lru_cache(maxsize=4)
def _glyphs(device: str) -> Tensor:
    """Signed distances (words, 1, rows, columns) to each word's strokes, negative inside, in unit lengths."""
    rows, columns = _GLYPH_PX
    fine = 4
    found = []
    for text in TEXTS:
        picture = np.zeros((rows * fine, columns * fine), np.uint8)
        font, thickness = cv2.FONT_HERSHEY_SIMPLEX, 30
        (wide, high), _ = cv2.getTextSize(text, font, 1.0, 1)
        scale = min(columns * fine * 0.86 / wide, rows * fine * 0.72 / high)
        (wide, high), _ = cv2.getTextSize(text, font, scale, 1)
        low = any(letter in text for letter in "gjpqy")
        corner = ((columns * fine - wide) // 2, (rows * fine + high) // 2 - (rows // 2 if low else 0))
        cv2.putText(picture, text, corner, font, scale, 255, thickness, cv2.LINE_8)
        outside = cv2.distanceTransform(255 - picture, cv2.DIST_L2, 5)
        inside = cv2.distanceTransform(picture, cv2.DIST_L2, 5)
        distance = cv2.resize(outside - inside, (columns, rows), interpolation=cv2.INTER_AREA)
        found.append(distance * (2 * GLYPH_HALF_WIDTH / (columns * fine)))
    return torch.from_numpy(np.stack(found)[:, None].astype(np.float32)).to(device)


def glyph_distance(x: Tensor, y: Tensor, glyph: Tensor) -> Tensor:
    """Distance (M,) in the plane of letters from places (M,) to the strokes of each one's own word `glyph` (M,)."""
    table = _glyphs(str(x.device))
    rows, columns = _GLYPH_PX
    inside_x = x.clamp(-GLYPH_HALF_WIDTH, GLYPH_HALF_WIDTH)
    inside_y = y.clamp(-GLYPH_HALF_HEIGHT, GLYPH_HALF_HEIGHT)
    column = ((inside_x / GLYPH_HALF_WIDTH + 1) / 2 * columns - 0.5).clamp(0, columns - 1.001)
    row = ((1 - inside_y / GLYPH_HALF_HEIGHT) / 2 * rows - 0.5).clamp(0, rows - 1.001)
    left, top = column.floor().long(), row.floor().long()
    across, down = column - left, row - top
    flat, start = table.flatten(), (glyph * rows + top) * columns + left
    upper = flat[start] * (1 - across) + flat[start + 1] * across
    lower = flat[start + columns] * (1 - across) + flat[start + columns + 1] * across
    return upper * (1 - down) + lower * down + torch.hypot(x - inside_x, y - inside_y)
