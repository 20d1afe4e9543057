"""Finding how a clip lies on the canonical plane: pilots correlated over shifts by FFT, scales and mirrors by
resampling.

Only summed residuals are resampled, never frames. Every statistic computed is counted as a look.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from watermark.extraction import Geometry
from watermark.pixel.field import OVERSAMPLING, STEP_PX, Plane, lay_out
from watermark.pixel.layout import PILOTS, PITCH_PX, PLANE_CHIPS
from watermark.pixel.pattern import pilot_chips

THREADS = 2
EVERY_PHASE = ((0, 0), (0, 1), (1, 0), (1, 1))
QUINCUNX = ((0, 0), (1, 1))
"""Two of the four half-chip phases: half the work, and no shift is further than half a chip from one of them."""

_REGION_CHIPS_MIN = 432
_REGION_ROOM = 1.45


@dataclass(frozen=True)
class Candidate:
    """A place where one pilot of one key stands out. `z` is its single-look score there."""

    z: float
    key_id: int
    pilot: int
    geometry: Geometry


@dataclass(frozen=True)
class Found:
    """The best candidates of one search, strongest first, and how many statistics it looked at."""

    candidates: tuple[Candidate, ...]
    looks: int


def region_side(chips: int) -> int:
    """Chips per side of the plane to search for a picture of `chips`: 1296 px, or 1.45 times the picture."""
    wanted = max(_REGION_CHIPS_MIN, round(_REGION_ROOM * chips))
    return min(PLANE_CHIPS, int(fft.next_fast_len(wanted, real=True)))


@dataclass(frozen=True)
class PilotBank:
    """The spectra of every key's pilots over one region of the plane, complex64 (PILOTS, rows, columns / 2 + 1)."""

    region: tuple[int, int]
    spectra: dict[int, NDArray[np.complex64]]

    @classmethod
    def of(cls, keys: dict[int, bytes], region: tuple[int, int]) -> "PilotBank":
        """The bank for a region (rows, columns), in chips."""
        rows, columns = region
        spectra = {
            key_id: np.stack(
                [fft.rfft2(pilot_chips(key, p)[:rows, :columns].astype(np.float32)) for p in range(PILOTS)]
            ).astype(np.complex64)
            for key_id, key in keys.items()
        }
        return cls(region, spectra)


def search_shifts(
    residual: Plane, geometry: Geometry, bank: PilotBank, phases: Sequence[tuple[int, int]] = EVERY_PHASE
) -> Found:
    """Correlate every pilot at every shift of the region under one scale and mirror; the best of each pilot."""
    values = lay_out(residual, geometry).values
    rows, columns = bank.region
    best: dict[tuple[int, int], Candidate] = {}
    for down, across in phases:
        chips = values[down::OVERSAMPLING, across::OVERSAMPLING][:rows, :columns]
        norm = float(np.sqrt(np.sum(chips.astype(np.float64) ** 2)))
        if norm == 0.0:
            continue
        spectrum = np.conj(fft.rfft2(chips, bank.region))
        for key_id, spectra in bank.spectra.items():
            for pilot in range(PILOTS):
                surface = fft.irfft2(spectra[pilot] * spectrum, bank.region)
                at = int(np.argmax(surface))
                z = float(surface.flat[at]) / norm
                if (key_id, pilot) not in best or z > best[key_id, pilot].z:
                    row, column = divmod(at, columns)
                    placed = _placed(
                        geometry, OVERSAMPLING * row - down, OVERSAMPLING * column - across, bank.region
                    )
                    best[key_id, pilot] = Candidate(z, key_id, pilot, placed)
    looks = len(phases) * rows * columns * PILOTS * len(bank.spectra)
    return Found(tuple(sorted(best.values(), key=lambda c: -c.z)), looks)


def _placed(geometry: Geometry, down: int, across: int, region: tuple[int, int]) -> Geometry:
    """The geometry shifted by half chips; shifts past half the free room of the torus are negative ones."""
    rows, columns = (OVERSAMPLING * side for side in region)
    down = down - rows if down > rows - 2 * OVERSAMPLING else down
    across = across - columns if across > columns - 2 * OVERSAMPLING else across
    return replace(geometry, shift_x_px=across * STEP_PX, shift_y_px=down * STEP_PX)


def search_geometries(
    residual: Plane,
    geometries: Iterable[Geometry],
    bank: PilotBank,
    phases: Sequence[tuple[int, int]] = EVERY_PHASE,
    keep: int = 8,
) -> Found:
    """`search_shifts` over many scales and mirrors, on two threads; the `keep` strongest candidates of all."""
    one = partial(search_shifts, residual, bank=bank, phases=phases)
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda geometry: one(geometry), geometries))
    strongest = sorted((c for f in found for c in f.candidates[:3]), key=lambda c: -c.z)
    return Found(tuple(strongest[:keep]), sum(f.looks for f in found))


def window(values: Plane, row: int, column: int) -> tuple[slice, slice, slice, slice]:
    """The overlap of chip values placed at chip (row, column) with the plane: plane rows, columns, value rows,
    columns."""
    top, left = max(0, row), max(0, column)
    bottom = max(top, min(PLANE_CHIPS, row + values.shape[0]))
    right = max(left, min(PLANE_CHIPS, column + values.shape[1]))
    return (
        slice(top, bottom),
        slice(left, right),
        slice(top - row, bottom - row),
        slice(left - column, right - column),
    )


def chip_origin(geometry: Geometry) -> tuple[int, int]:
    """The chip (row, column) of the plane at which `lay_out`'s field starts."""
    return int(np.floor(geometry.shift_y_px / PITCH_PX)), int(np.floor(geometry.shift_x_px / PITCH_PX))


def z_at(residual: Plane, geometry: Geometry, signs: NDArray[np.int8]) -> float:
    """The single-look score of one pilot's signs, (768, 768), at one exact geometry."""
    chips = lay_out(residual, geometry).chips()
    rows, columns, inner_rows, inner_columns = window(chips, *chip_origin(geometry))
    values = chips[inner_rows, inner_columns].astype(np.float64)
    norm = float(np.sqrt(np.sum(values**2)))
    return float(np.sum(values * signs[rows, columns])) / norm if norm > 0.0 else 0.0


def refine(residual: Plane, start: Candidate, signs: NDArray[np.int8]) -> tuple[Candidate, int]:
    """Climb from a candidate to the best scale and shift nearby, steps halving. Gives it and the looks it took."""
    height, width = residual.shape
    scale_step = 0.8 * PITCH_PX / (max(width, height) * start.geometry.scale)
    shift_step, best, looks = STEP_PX / 2, start, 0
    best = replace(best, z=z_at(residual, best.geometry, signs))
    for _ in range(4):
        for change in _neighbours(best.geometry, scale_step, shift_step, width, height):
            z = z_at(residual, change, signs)
            looks += 1
            if z > best.z:
                best = replace(best, z=z, geometry=change)
        scale_step, shift_step = scale_step / 2, shift_step / 2
    return best, looks + 1


def _neighbours(g: Geometry, scale_step: float, shift_step: float, width: int, height: int) -> list[Geometry]:
    """Scales about the picture's centre (so that the shift need not be sought again), and shifts on both axes."""
    scaled = [
        replace(
            g,
            scale=g.scale * (1 + e),
            scale_y=g.scale_y * (1 + e),
            shift_x_px=g.shift_x_px - e * g.scale * width / 2,
            shift_y_px=g.shift_y_px - e * g.scale_y * height / 2,
        )
        for e in (-2 * scale_step, -scale_step, scale_step, 2 * scale_step)
    ]
    moved = [
        replace(g, shift_x_px=g.shift_x_px + x * shift_step, shift_y_px=g.shift_y_px + y * shift_step)
        for x, y in ((-1, 0), (1, 0), (0, -1), (0, 1))
    ]
    return scaled + moved
