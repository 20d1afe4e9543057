"""Correlation of fields of chips with pilots at every circular shift of the searched square, by FFT."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from watermark.pixel.layout import CANONICAL_LONG_PX, PITCH_PX
from watermark.pixel.pattern import Plane as ChipPlane
from watermark.pixel.pattern import pilot_chips
from watermark.pixel.spectra import Spectrum, field_of, spectrum_of

Surface = NDArray[np.float32]

SEARCHED_CHIPS = CANONICAL_LONG_PX // PITCH_PX
"""Side of the part of the plane that frames cover, and of the transform."""

QUINCUNX = ((0, 0), (1, 1))
"""Two of the four half-chip phases: half the work, and no shift is further than half a chip from one of them."""

THREADS = 2


def searched_spectrum(field: Surface) -> Spectrum:
    """The spectrum of a field of at most `SEARCHED_CHIPS` a side, padded with zeros."""
    return spectrum_of(field, (SEARCHED_CHIPS, SEARCHED_CHIPS))


def surface_of(pilots: Sequence[Spectrum], fields: Sequence[Spectrum]) -> Surface:
    """Sum over pairs of sum over chips x of pilot[x + shift] field[x], at every shift, float32 (side, side).

    `fields` are conjugated spectra. What the two left-out columns of frequencies hold is missing from the sums, an
    80th of their power, and not from the norms they are held against: scores come out a little low, never high.
    """
    total = pilots[0] * fields[0]
    for pilot, field in zip(pilots[1:], fields[1:], strict=True):
        total += pilot * field
    return field_of(total)


def peak_of(surface: Surface) -> tuple[float, int, int]:
    """The highest value of a surface, its row and its column."""
    _, height, _, (column, row) = cv2.minMaxLoc(surface)
    return float(height), int(row), int(column)


def pilot_spectra(keys: Mapping[int, bytes], planes: Sequence[ChipPlane]) -> dict[int, dict[ChipPlane, Spectrum]]:
    """By key ID and plane, the spectrum of the pilot's signs over the searched square."""
    return {number: {plane: _pilot_spectrum(key, plane) for plane in planes} for number, key in keys.items()}


def _pilot_spectrum(key: bytes, plane: ChipPlane) -> Spectrum:
    return searched_spectrum(pilot_chips(key, plane)[:SEARCHED_CHIPS, :SEARCHED_CHIPS].astype(np.float32))
