"""From a summed residual to chip values: undo the geometry, match the kernel, whiten, sample the lattice.

Everything here is blind to the key, which is what keeps the statistics of `watermark.significance` exact.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from watermark.extraction import Geometry
from watermark.pixel.layout import PITCH_PX, PLANE_CHIPS
from watermark.pixel.pattern import NARROW_SIGMA_PX, WIDE_SIGMA_PX

Plane = NDArray[np.float32]

OVERSAMPLING = 2
"""Samples per chip and axis: a shift is then at most 0.75 px off the grid."""

STEP_PX = PITCH_PX / OVERSAMPLING

_SPECTRUM_BINS = 9
_RESPONSE_FLOOR = 1e-3
_NOISE_FLOOR = 0.5
_LEVEL_SAMPLES, _LEVEL_FLOOR = 17, 0.3


@dataclass(frozen=True)
class Field:
    """Whitened values on the half-chip grid, float32 (rows, columns); [0::2, 0::2] are the chips' own places."""

    values: Plane

    def chips(self, down: int = 0, across: int = 0) -> Plane:
        """The values at the chips' places when the picture lies `down`, `across` half chips further."""
        turned = np.roll(self.values, (-down, -across), (0, 1)) if down or across else self.values
        return turned[::OVERSAMPLING, ::OVERSAMPLING]


def canonical_size(residual: Plane, geometry: Geometry) -> tuple[float, float]:
    """Width and height of the picture in canonical pixels."""
    height, width = residual.shape
    return width * geometry.scale, height * geometry.scale_y


def lay_out(residual: Plane, geometry: Geometry) -> Field:
    """The field of a residual under a geometry, whose scale is canonical pixels per residual pixel.

    `geometry.shift_x_px`, `shift_y_px` say where the picture's top-left corner lies in the canonical plane, modulo
    a chip: the field starts at the first chip inside; whole chips are the search's affair.
    """
    picture = np.ascontiguousarray(residual[:, ::-1]) if geometry.flipped else residual
    width, height = canonical_size(residual, geometry)
    columns = max(2, int(min(width, PITCH_PX * PLANE_CHIPS) / STEP_PX) // 2 * 2)
    rows = max(2, int(min(height, PITCH_PX * PLANE_CHIPS) / STEP_PX) // 2 * 2)
    matched = _match_kernel(picture, geometry)
    offset_x = (1.5 - geometry.shift_x_px % PITCH_PX) / geometry.scale - 0.5
    offset_y = (1.5 - geometry.shift_y_px % PITCH_PX) / geometry.scale_y - 0.5
    matrix = np.array([[STEP_PX / geometry.scale, 0.0, offset_x], [0.0, STEP_PX / geometry.scale_y, offset_y]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    sampled = cv2.warpAffine(matched, matrix, (columns, rows), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return Field(whiten(np.asarray(sampled, np.float32)))


def _match_kernel(picture: Plane, geometry: Geometry) -> Plane:
    sigmas = [(s / geometry.scale, s / geometry.scale_y) for s in (NARROW_SIGMA_PX, WIDE_SIGMA_PX)]
    narrow, wide = (cv2.GaussianBlur(picture, (0, 0), x, sigmaY=y) for x, y in sigmas)
    return np.asarray(narrow - wide, np.float32)


def whiten(values: Plane) -> Plane:
    """Values levelled in space, then weighted as a matched filter in their own noise, (rows, columns) as given.

    The noise floor is half the band's mean: without it, the bins that a codec emptied (no noise, but no mark
    either) would outweigh the rest; with it, pilots of clips at CRF 36 stand twice as high (docs/watermark.md).
    """
    spectrum = fft.rfft2(_levelled(values))
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    smooth = cv2.blur(power, (_SPECTRUM_BINS, _SPECTRUM_BINS), borderType=cv2.BORDER_REFLECT_101)
    response = _kernel_power(*values.shape)
    inside = response + _RESPONSE_FLOOR
    noise = smooth / inside
    floor = _NOISE_FLOOR * float(np.average(noise, weights=response)) + 1e-12
    whitened: Plane = fft.irfft2(spectrum * (response / inside / (noise + floor)), values.shape).astype(np.float32)
    return whitened


def _levelled(values: Plane) -> Plane:
    window = (_LEVEL_SAMPLES, _LEVEL_SAMPLES)
    deviation = np.sqrt(np.maximum(cv2.sqrBoxFilter(values, cv2.CV_32F, window), 0.0))
    return np.asarray(values / (deviation + _LEVEL_FLOOR * float(deviation.mean()) + 1e-12), np.float32)


def _kernel_power(rows: int, columns: int) -> Plane:
    """The squared frequency response of the drawing kernel on the half-chip grid, (rows, columns / 2 + 1)."""
    down = fft.fftfreq(rows, STEP_PX)[:, None]
    across = fft.rfftfreq(columns, STEP_PX)[None, :]
    square = -2.0 * np.pi**2 * (down**2 + across**2)
    response = np.exp(square * NARROW_SIGMA_PX**2) - np.exp(square * WIDE_SIGMA_PX**2)
    return np.asarray(response**2, np.float32)
