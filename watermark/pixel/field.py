"""From summed residuals to chip values: undo the geometry, match the kernel, whiten, sample the lattice.

Everything here is blind to the key, which is what keeps the statistics of `watermark.significance` exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from watermark.pixel.layout import PITCH_PX, PLANE_CHIPS
from watermark.pixel.pattern import NARROW_SIGMA_PX, WIDE_SIGMA_PX
from watermark.pixel.spectra import field_of, spectrum_of, transform_shape

Plane = NDArray[np.float32]
Matrix = NDArray[np.float64]

Sums = Plane | NDArray[np.int16]
"""Residuals, or sums of them in whole units: only their ratios count."""

Number = TypeVar("Number", bound=np.generic)

OVERSAMPLING = 2
"""Samples per chip and axis: a shift is then at most 0.75 px off the grid."""

STEP_PX = PITCH_PX / OVERSAMPLING
FIRST_PX = 1.5
"""Where chip 0 lies, in canonical pixels from the plane's edge to its centre."""

_SPECTRUM_BINS = 9
_RESPONSE_FLOOR = 1e-3
_NOISE_FLOOR = 0.5
_AFFINE = 1e-12
_LEVEL_PX, _LEVEL_FLOOR = 25.5, 0.3


@dataclass(frozen=True)
class Region:
    """A rectangle of the plane in chips, `row` and `column` its first ones; may reach over the plane's edge."""

    row: int
    column: int
    rows: int
    columns: int


@dataclass(frozen=True)
class Field:
    """Whitened values on the half-chip grid of a region, float32 (2 rows, 2 columns); [0::2, 0::2] are chips."""

    values: Plane
    region: Region

    def chips(self) -> Plane:
        """The values at the chips' places, (rows, columns)."""
        return self.values[::OVERSAMPLING, ::OVERSAMPLING]


def footprint(matrix: Matrix, room_chips: int = 0) -> Region:
    """The part of the plane that a picture covers, and `room_chips` around it.

    `matrix` (3, 3) takes canonical pixels to the picture's unit square, (0, 0) top left, homogeneous.
    """
    corners = np.linalg.inv(matrix) @ np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]], np.float64)
    across, down = corners[0] / corners[2], corners[1] / corners[2]
    first = [max(0, int(np.ceil((side.min() - FIRST_PX) / PITCH_PX)) - room_chips) for side in (down, across)]
    last = [
        min(PLANE_CHIPS, int(np.floor((side.max() - FIRST_PX) / PITCH_PX)) + 1 + room_chips)
        for side in (down, across)
    ]
    return Region(first[0], first[1], max(1, last[0] - first[0]), max(1, last[1] - first[1]))


def window(plane: NDArray[Number], region: Region) -> NDArray[Number]:
    """A region's part of a plane of chips."""
    return plane[region.row : region.row + region.rows, region.column : region.column + region.columns]


def level_for(levels: Sequence[Sums], matrix: Matrix, centre: tuple[float, float]) -> tuple[int, float, float]:
    """The pyramid level nearest to canonical resolution around a canonical point, and its pixels per canonical
    pixel across and down."""
    height, width = levels[0].shape
    across, down = _stretch(matrix, centre, width, height)
    wanted = int(np.clip(round(float(np.log2(max(np.sqrt(across * down), 1e-6)))), 0, len(levels) - 1))
    shrunk = levels[wanted].shape
    return wanted, across * shrunk[1] / width, down * shrunk[0] / height


def _stretch(matrix: Matrix, centre: tuple[float, float], width: int, height: int) -> tuple[float, float]:
    """Picture pixels per canonical pixel, across and down; their mean where the picture is turned."""
    x, y = centre
    w = matrix[2] @ (x, y, 1.0)
    place = matrix[:2] @ (x, y, 1.0) / w
    slope = (matrix[:2, :2] - np.outer(place, matrix[2, :2])) / w * np.array([[width], [height]])
    mean = float(np.sqrt(abs(np.linalg.det(slope)))) or 1e-6
    upright = abs(slope[0, 1]) + abs(slope[1, 0]) < 0.02 * mean
    return (abs(slope[0, 0]), abs(slope[1, 1])) if upright else (mean, mean)


def matched(plane: Plane, across: float, down: float) -> Plane:
    """A residual through the drawing kernel, at `across` x `down` residual pixels per canonical pixel."""
    sigmas = [(s * across, s * down) for s in (NARROW_SIGMA_PX, WIDE_SIGMA_PX)]
    narrow, wide = (cv2.GaussianBlur(plane, (0, 0), max(x, 0.1), sigmaY=max(y, 0.1)) for x, y in sigmas)
    return np.asarray(narrow - wide, np.float32)


def sample(plane: Plane, matrix: Matrix, region: Region) -> Plane:
    """A matched residual read on the half-chip grid of a region, float32 (2 rows, 2 columns); 0 outside it."""
    height, width = plane.shape
    first_x, first_y = (PITCH_PX * n + FIRST_PX for n in (region.column, region.row))
    grid = np.array([[STEP_PX, 0.0, first_x], [0.0, STEP_PX, first_y], [0.0, 0.0, 1.0]])
    pixels = np.array([[width, 0.0, -0.5], [0.0, height, -0.5], [0.0, 0.0, 1.0]])
    whole = pixels @ matrix @ grid
    size = (OVERSAMPLING * region.columns, OVERSAMPLING * region.rows)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    if np.abs(whole[2, :2]).max() < _AFFINE:
        read = cv2.warpAffine(plane, whole[:2] / whole[2, 2], size, flags=flags, borderMode=cv2.BORDER_CONSTANT)
    else:
        read = cv2.warpPerspective(plane, whole, size, flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(read, np.float32)


def lay_out(levels: Sequence[Sums], matrix: Matrix, region: Region | None = None) -> Field:
    """The field of a summed residual's pyramid under a geometry; the whole footprint unless a region is given."""
    region = region or footprint(matrix)
    centre = (PITCH_PX * (region.column + region.columns / 2), PITCH_PX * (region.row + region.rows / 2))
    level, across, down = level_for(levels, matrix, centre)
    plane = np.asarray(levels[level], np.float32)
    return Field(whiten(sample(matched(plane, across, down), matrix, region)), region)


def whiten(values: Plane, step_px: float = STEP_PX) -> Plane:
    """Values levelled in space, then weighted as a matched filter in their own noise, (rows, columns) as given,
    samples `step_px` canonical pixels apart.

    The noise floor is half the band's mean: without it, the bins that a codec emptied (no noise, but no mark
    either) would outweigh the rest; with it, pilots of clips at CRF 36 stand twice as high (docs/log.md).
    """
    rows, columns = values.shape
    shape = transform_shape(rows, columns)
    share, inside, total = _kernel_response(shape, step_px)
    if total <= 0.0:  # a row or two of pixels: no frequency that the kernel draws
        return np.zeros_like(values)
    spectrum = spectrum_of(_levelled(values, 2 * round((_LEVEL_PX / step_px - 1) / 2) + 1), shape)
    power = np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)
    smooth = cv2.blur(power, (_SPECTRUM_BINS, _SPECTRUM_BINS), borderType=cv2.BORDER_REFLECT_101)
    # The noise is what the kernel's response leaves of the power: response / (power + floor * response), in one.
    floor = _NOISE_FLOOR * float((smooth * share).sum()) / total + 1e-12
    spectrum *= share * inside / (smooth + floor * inside)
    whitened = field_of(spectrum)[:rows, :columns]
    deviation = cv2.norm(whitened) / float(np.sqrt(whitened.size))
    return np.asarray(whitened * np.float32(1.0 / deviation) if deviation > 0.0 else whitened, np.float32)


def _levelled(values: Plane, side: int) -> Plane:
    deviation = np.sqrt(np.maximum(cv2.blur(values * values, (side, side)), 0.0))
    return np.asarray(values / (deviation + np.float32(_LEVEL_FLOOR * deviation.mean() + 1e-12)), np.float32)


@lru_cache(maxsize=256)
def _kernel_response(shape: tuple[int, int], step_px: float) -> tuple[Plane, Plane, float]:
    """Of the drawing kernel's squared frequency response on a grid, at the columns that a `Spectrum` has: its share
    of itself with a floor, itself with the floor, and its sum."""
    down = fft.fftfreq(shape[0], step_px)[:, None]
    across = fft.rfftfreq(shape[1], step_px)[None, 1 : shape[1] // 2]
    square = -2.0 * np.pi**2 * (down**2 + across**2)
    response = np.exp(square * NARROW_SIGMA_PX**2) - np.exp(square * WIDE_SIGMA_PX**2)
    power = np.asarray(response**2, np.float32)
    inside = power + np.float32(_RESPONSE_FLOOR)
    return power / inside, inside, float(power.sum())
