"""How much a viewer lets pass where: the perceptual gain of the mark, in luma levels.

Texture hides a mark (contrast masking), darkness and plainness do not. Gains that grow slowly with the local
deviation (power 0.35) score higher per decibel, after CRF 40 as well as before, than its root or slopes in it
(docs/log.md); the bench makes pictures of the worst frames.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

FLAT_LEVELS = 0.3
"""Levels that brightness alone hides, on mid-grey."""

TEXTURE_CAP, GRAIN_LEVELS = 30.0, 0.06
TEXTURE_SHARE, TEXTURE_POWER = 1.2, 0.35
"""Texture hides share x (deviation + grain)^power levels; beyond the cap it hides no more."""

_REDUCTION = 4
_ROUNDING_POWER = 1.0 / 12.0
_MARGIN = 1.01
"""For what the quarter-size gain cannot know of the full-size product."""


def luma_of(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma (BT.601 weights, full range), uint8 (H, W)."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def perceptual_gain(luma: NDArray[np.uint8]) -> Plane:
    """The mark's allowed level per pixel block of 4, float32 (about H/4, W/4). Smooth, so that no edge of it
    shows."""
    height, width = luma.shape
    size = gain_shape(width, height)
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    # The finest texture vanishes in the reduced picture; the mean absolute detail of the full one brings it back.
    detail = cv2.resize(cv2.absdiff(luma, cv2.blur(luma, (3, 3))), size, interpolation=cv2.INTER_AREA).astype(
        np.float32
    )
    mean = cv2.blur(small, (5, 5))
    # A slope is no texture either, so the local mean goes out before the deviation is taken.
    spread = np.sqrt(np.maximum(cv2.blur((small - mean) ** 2, (5, 5)), 0.0)) + 2.0 * detail
    # An edge between two flat areas is no texture: the least deviation around a place bounds what it may hide.
    texture = np.minimum(spread, 2.0 * cv2.erode(spread, np.ones((5, 5), np.uint8)) + 0.5)
    brightness = np.clip(0.55 + mean / 180.0, 0.55, 1.25)
    hidden = TEXTURE_SHARE * (np.minimum(texture, TEXTURE_CAP) + GRAIN_LEVELS) ** TEXTURE_POWER
    gain = FLAT_LEVELS * brightness + hidden
    return np.asarray(cv2.GaussianBlur(gain, (0, 0), 1.5), np.float32)


def gain_shape(width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height of the gain of a frame."""
    return max(1, width_px // _REDUCTION), max(1, height_px // _REDUCTION)


def limit_to(gain: Plane, pattern_power: Plane, psnr_db: float) -> Plane:
    """The gain, lowered as a whole where the mark would exceed the mean square error of `psnr_db` (peak 255).

    `pattern_power` is the pattern's mean square around each value of the gain, of the same shape.
    """
    allowed = max(255.0**2 / 10.0 ** (psnr_db / 10.0) - _ROUNDING_POWER, 0.0)
    power = float(np.mean(gain.astype(np.float64) ** 2 * pattern_power)) * _MARGIN
    return gain if power <= allowed else (gain * np.sqrt(allowed / power)).astype(np.float32)
