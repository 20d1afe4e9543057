"""Correlation of fields of chips with pilots at every circular shift of the searched square, by FFT.

OpenCV's real transform is twice as fast here as scipy's, and its packed spectra are multiplied as complex numbers.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from watermark.pixel.layout import CANONICAL_LONG_PX, PITCH_PX
from watermark.pixel.pattern import Plane as ChipPlane
from watermark.pixel.pattern import pilot_chips

Surface = NDArray[np.float32]
Spectrum = NDArray[np.complex64]

SEARCHED_CHIPS = CANONICAL_LONG_PX // PITCH_PX
"""Side of the part of the plane that frames cover, and of the transform."""

QUINCUNX = ((0, 0), (1, 1))
"""Two of the four half-chip phases: half the work, and no shift is further than half a chip from one of them."""

THREADS = 2


def spectrum_of(field: Surface) -> Spectrum:
    """The spectrum of a field of at most `SEARCHED_CHIPS` a side, padded with zeros, complex64
    (side, side / 2 - 1): without the first and the last column of frequencies."""
    rows, columns = field.shape
    square = np.zeros((SEARCHED_CHIPS, SEARCHED_CHIPS), np.float32)
    square[:rows, :columns] = field
    return _inner(np.asarray(cv2.dft(square, nonzeroRows=rows), np.float32)).copy()


def surface_of(pilots: Sequence[Spectrum], fields: Sequence[Spectrum]) -> Surface:
    """Sum over pairs of sum over chips x of pilot[x + shift] field[x], at every shift, float32 (side, side).

    `fields` are conjugated spectra. What the two left-out columns of frequencies hold is missing from the sums, an
    80th of their power, and not from the norms they are held against: scores come out a little low, never high.
    """
    packed = np.zeros((SEARCHED_CHIPS, SEARCHED_CHIPS), np.float32)
    inner = _inner(packed)
    for pilot, field in zip(pilots, fields, strict=True):
        inner += pilot * field
    return np.asarray(cv2.idft(packed, flags=cv2.DFT_SCALE), np.float32)


def _inner(packed: Surface) -> Spectrum:
    """The whole columns of frequencies of OpenCV's packed format, seen as complex numbers."""
    side = packed.shape[0]
    shape, strides = (side, side // 2 - 1), (packed.strides[0], 2 * packed.itemsize)
    return np.ndarray(shape, np.complex64, packed.data, packed.itemsize, strides)


def peak_of(surface: Surface) -> tuple[float, int, int]:
    """The highest value of a surface, its row and its column."""
    _, height, _, (column, row) = cv2.minMaxLoc(surface)
    return float(height), int(row), int(column)


def pilot_spectra(keys: Mapping[int, bytes], planes: Sequence[ChipPlane]) -> dict[int, dict[ChipPlane, Spectrum]]:
    """By key ID and plane, the spectrum of the pilot's signs over the searched square."""
    return {key_id: {plane: spectrum_of(_searched(key, plane)) for plane in planes} for key_id, key in keys.items()}


def _searched(key: bytes, plane: ChipPlane) -> Surface:
    return pilot_chips(key, plane)[:SEARCHED_CHIPS, :SEARCHED_CHIPS].astype(np.float32)
