"""The keyed pattern: a plane of chips, and the luma picture they draw.

Chips are whole numbers and the drawing kernel is a whole-number filter, so the pattern is the same bit for bit on
every machine. It repeats nowhere in the plane: one clip shows nothing twice, so nothing can be folded out of it.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from watermark.keystream import key_signs, key_words
from watermark.pixel.layout import DATA_WEIGHT, PILOT_WEIGHT, PITCH_PX, PLANE_CHIPS, STANDING, TURNING

Chips = NDArray[np.int8]

NARROW_SIGMA_PX, WIDE_SIGMA_PX = 1.0, 3.0
"""The kernel is a narrow Gaussian less a wide one of the same sum: a band-pass with nothing at zero frequency."""

_KERNEL_UNIT = 64
_RADIUS_PX = 9


@dataclass(frozen=True)
class Plane:
    """One plane of chips: which layer it belongs to and its number there."""

    layer: str
    number: int


TURNING_PLANES = tuple(Plane("turning", n) for n in range(TURNING))
STANDING_PLANES = tuple(Plane("standing", n) for n in range(STANDING))


@lru_cache(maxsize=64)
def pilot_chips(key: bytes, plane: Plane) -> Chips:
    """The pilot's signs over the whole plane, int8 (256, 256), read-only."""
    return _square(key_signs(key, f"pixel/3/{plane.layer}/{plane.number}/pilot", PLANE_CHIPS**2))


@lru_cache(maxsize=32)
def data_signs(key: bytes, plane: Plane) -> Chips:
    """The signs that whiten the coded bits over the plane, int8 (256, 256), read-only."""
    return _square(key_signs(key, f"pixel/3/{plane.layer}/{plane.number}/data", PLANE_CHIPS**2))


def _square(signs: Chips) -> Chips:
    square = signs.reshape(PLANE_CHIPS, PLANE_CHIPS)
    square.setflags(write=False)
    return square


@lru_cache(maxsize=32)
def coded_bit_places(key: bytes, plane: Plane, coded: int) -> NDArray[np.int16]:
    """Which of `coded` bits each chip carries, int16 (256, 256), read-only: a keyed order of its own in every tile
    of 16 x 16, 16 x 32 or 32 x 32 chips, so that any cut-out favours no bit."""
    rows = 16 if coded <= 512 else 32
    columns = coded // rows
    down, across = PLANE_CHIPS // rows, PLANE_CHIPS // columns
    words = key_words(key, f"pixel/3/{plane.layer}/{plane.number}/places/{coded}", PLANE_CHIPS**2)
    order = np.argsort(words.reshape(-1, coded), axis=1, kind="stable").reshape(down, across, rows, columns)
    square = order.transpose(0, 2, 1, 3).reshape(PLANE_CHIPS, PLANE_CHIPS).astype(np.int16)
    square.setflags(write=False)
    return square


def marked_chips(key: bytes, plane: Plane, coded: NDArray[np.uint8]) -> Chips:
    """Pilot and payload together on the whole plane, int8 (256, 256) in ±1 and ±5."""
    carried = 1 - 2 * coded.astype(np.int8)[coded_bit_places(key, plane, coded.size)]
    chips: Chips = PILOT_WEIGHT * pilot_chips(key, plane) + DATA_WEIGHT * data_signs(key, plane) * carried
    return chips.astype(np.int8)


@lru_cache(maxsize=1)
def _kernels() -> tuple[NDArray[np.float32], NDArray[np.float32], int, int]:
    """Narrow and wide whole-number taps, and the factors that give both filters the same sum."""
    reach = np.arange(-_RADIUS_PX, _RADIUS_PX + 1)
    narrow, wide = (
        np.rint(_KERNEL_UNIT * np.exp(-0.5 * (reach / s) ** 2)) for s in (NARROW_SIGMA_PX, WIDE_SIGMA_PX)
    )
    common = np.gcd(int(narrow.sum()) ** 2, int(wide.sum()) ** 2)
    return (
        narrow.astype(np.float32),
        wide.astype(np.float32),
        int(wide.sum()) ** 2 // int(common),
        int(narrow.sum()) ** 2 // int(common),
    )


@lru_cache(maxsize=1)
def pattern_scale() -> float:
    """The pattern's root mean square before scaling, for chips of weight 2 and 3: the sum over one lattice
    period."""
    narrow, wide, narrow_gain, wide_gain = _kernels()
    kernel = narrow_gain * np.outer(narrow, narrow).astype(np.float64) - wide_gain * np.outer(wide, wide).astype(
        np.float64
    )
    chip_power = PILOT_WEIGHT**2 + DATA_WEIGHT**2
    return float(np.sqrt(chip_power * (kernel**2).sum() / PITCH_PX**2))


def draw(chips: Chips, height_px: int, width_px: int) -> NDArray[np.float32]:
    """The luma pattern the chips draw, float32 (height_px, width_px), mean 0, root mean square 1 over the lattice.

    Chip (i, j) sits at canonical pixel (3i + 1, 3j + 1).
    """
    spread = np.zeros((height_px, width_px), np.float32)
    rows, columns = spread[1::PITCH_PX, 1::PITCH_PX].shape
    spread[1::PITCH_PX, 1::PITCH_PX] = chips[:rows, :columns]
    narrow, wide, narrow_gain, wide_gain = _kernels()
    fine = cv2.sepFilter2D(spread, cv2.CV_32F, narrow, narrow, borderType=cv2.BORDER_CONSTANT)
    broad = cv2.sepFilter2D(spread, cv2.CV_32F, wide, wide, borderType=cv2.BORDER_CONSTANT)
    drawn = (fine.astype(np.float64) * narrow_gain - broad.astype(np.float64) * wide_gain) / pattern_scale()
    return drawn.astype(np.float32)
