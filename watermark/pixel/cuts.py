"""Finding the mark in a cut, shrunk, enlarged or framed copy that stands upright: the whole picture at once, at
every scale and shift, both layers together. It sees marks a quarter as strong as a patch does (`anchors`).

The picture is whitened once per band of scales and only sampled per scale. A picture wider than the searched
plane is folded onto it: circular correlation gathers the same products, and the norm is that of the folded values.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from watermark.pixel.anchors import Anchor, Anchors
from watermark.pixel.correlation import (
    QUINCUNX,
    SEARCHED_CHIPS,
    THREADS,
    peak_of,
    pilot_spectra,
    searched_spectrum,
    surface_of,
)
from watermark.pixel.field import FIRST_PX, STEP_PX, Matrix, Plane, Region, Sums, matched, whiten
from watermark.pixel.layout import PITCH_PX, STAND_TURNS, STANDING, TURNING
from watermark.pixel.pattern import STANDING_PLANES, TURNING_PLANES
from watermark.pixel.pattern import Plane as ChipPlane
from watermark.pixel.spectra import Spectrum
from watermark.pixel.timing import Turn

SCALES = (0.25, 2.6)
"""Canonical pixels per reading pixel that are tried: a cut to a quarter of the sides, a frame of 2.6 times them."""

_STEP, _BANDS = 0.01, 12
_FOLDS_MAX = 3
_NEARLY = 0.9
_WHOLE = Region(0, 0, SEARCHED_CHIPS, SEARCHED_CHIPS)


@dataclass(frozen=True)
class _View:
    """One scale under one half-chip phase: its fields folded onto the searched plane, spectra and norms."""

    turning: Sequence[Spectrum]
    standing: Spectrum
    turning_norm: float
    standing_norm: float
    matrix: Matrix
    """Canonical px to the unit square, of a plane whose chip (0, 0) lies at the picture's corner."""


class WholeSearch:
    """Searches the sums of up to four turns under every key. Holds the pilots' spectra."""

    def __init__(self, turns: Sequence[Turn], keys: Mapping[int, bytes]) -> None:
        self._turns = list(turns)
        numbers = [turn.number for turn in self._turns]
        self._planes = [[TURNING_PLANES[(h + n) % TURNING] for n in numbers] for h in range(TURNING)]
        self._pilots = pilot_spectra(keys, (*TURNING_PLANES, *STANDING_PLANES))

    def run(self, keep: int, scales: tuple[float, float] = SCALES) -> Anchors:
        """The `keep` strongest places, one per scale at most, strongest first, on two threads."""
        count = int(np.ceil(np.log(scales[1] / scales[0]) / _STEP)) + 1
        tried = np.geomspace(*scales, count)
        bands = [band for band in np.array_split(tried, _BANDS) if band.size]
        with ThreadPoolExecutor(THREADS) as pool:
            found = [anchor for some in pool.map(self._band, bands) for anchor in some]
        statistics = TURNING + TURNING * (STANDING // 2)
        looks = float(count * len(QUINCUNX) * SEARCHED_CHIPS**2 * statistics * max(1, len(self._pilots)))
        return Anchors(tuple(sorted(found, key=lambda a: -a.z)[:keep]), looks)

    def _band(self, scales: NDArray[np.float64]) -> list[Anchor]:
        middle = float(np.sqrt(scales[0] * scales[-1]))
        levels = len(self._turns[0].turning)
        level = int(np.clip(round(float(np.log2(1.0 / middle))), 0, levels - 1))
        shape = self._turns[0].turning[0].shape
        canonical = middle * shape[1] / self._turns[0].turning[level].shape[1]
        turning = [_through(turn.turning[level], canonical) for turn in self._turns]
        still = np.stack([turn.standing[level] for turn in self._turns]).sum(0, dtype=np.float32)
        standing = _through(np.asarray(still), canonical)
        return [a for scale in scales for a in self._best(turning, standing, float(scale), shape)]

    def _best(
        self, turning: Sequence[Plane], standing: Plane, scale: float, shape: tuple[int, ...]
    ) -> list[Anchor]:
        """The strongest place of a scale; several where the circular shift leaves open which it is."""
        best: tuple[float, list[Anchor]] = (0.0, [])
        for view, down, across in _views(turning, standing, scale, shape):
            for key_id, pilots in self._pilots.items():
                z, hypothesis, row, column = self._strongest(view, pilots)
                if z > best[0]:
                    placed = _placements(view.matrix, (row, column), (down, across), scale, shape)
                    best = z, [Anchor(z, key_id, hypothesis, matrix, _WHOLE) for matrix in placed]
        return best[1]

    def _strongest(self, view: _View, pilots: Mapping[ChipPlane, Spectrum]) -> tuple[float, int, int, int]:
        best = (0.0, 0, 0, 0)
        if view.turning_norm == 0.0:
            return best
        beside = [surface_of([pilots[plane]], [view.standing]) for plane in STANDING_PLANES]
        both = float(np.hypot(view.turning_norm, view.standing_norm))
        for hypothesis, planes in enumerate(self._planes):
            alone = surface_of([pilots[plane] for plane in planes], view.turning)
            # Turning planes h and h + 8 k stand beside standing planes h // 4 + 2 k of the cycle.
            fitting = range(hypothesis // STAND_TURNS, STANDING, TURNING // STAND_TURNS)
            tried = [(alone, view.turning_norm), *((alone + beside[p], both) for p in fitting)]
            for surface, norm in tried:
                height, row, column = peak_of(surface)
                if height > best[0] * norm:
                    best = (height / norm, hypothesis, row, column)
        return best


def _through(plane: Sums, canonical: float) -> Plane:
    """A plane through the kernel and whitened, at `canonical` px per pixel of it."""
    return whiten(matched(np.asarray(plane, np.float32), 1.0 / canonical, 1.0 / canonical), canonical)


def _views(
    turning: Sequence[Plane], standing: Plane, scale: float, shape: tuple[int, ...]
) -> Iterator[tuple[_View, int, int]]:
    height, width = shape
    columns = min(int(np.ceil(width * scale / PITCH_PX)), _FOLDS_MAX * SEARCHED_CHIPS)
    rows = min(int(np.ceil(height * scale / PITCH_PX)), _FOLDS_MAX * SEARCHED_CHIPS)
    for down, across in QUINCUNX:
        fields = [_read(plane, scale, shape, (rows, columns), down, across) for plane in (*turning, standing)]
        spectra = [np.conj(searched_spectrum(f)) for f in fields]
        squares = [float(np.sum(f.astype(np.float64) ** 2)) for f in fields]
        matrix = np.diag([1.0 / (width * scale), 1.0 / (height * scale), 1.0])
        norms = float(np.sqrt(sum(squares[:-1]))), float(np.sqrt(squares[-1]))
        yield _View(spectra[:-1], spectra[-1], *norms, matrix), down, across


def _read(
    plane: Plane, scale: float, shape: tuple[int, ...], chips: tuple[int, int], down: int, across: int
) -> Plane:
    """A plane at the chips' places of a picture that begins at chip (0, 0), folded onto the searched square."""
    step_x = PITCH_PX / scale * plane.shape[1] / shape[1]
    step_y = PITCH_PX / scale * plane.shape[0] / shape[0]
    first_x = (FIRST_PX + STEP_PX * across) / PITCH_PX * step_x - 0.5
    first_y = (FIRST_PX + STEP_PX * down) / PITCH_PX * step_y - 0.5
    matrix = np.array([[step_x, 0.0, first_x], [0.0, step_y, first_y]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    read = cv2.warpAffine(plane, matrix, (chips[1], chips[0]), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    folded = np.zeros((SEARCHED_CHIPS, SEARCHED_CHIPS), np.float32)
    for i in range(0, chips[0], SEARCHED_CHIPS):
        for j in range(0, chips[1], SEARCHED_CHIPS):
            piece = read[i : i + SEARCHED_CHIPS, j : j + SEARCHED_CHIPS]
            folded[: piece.shape[0], : piece.shape[1]] += piece
    return folded


def _placements(
    matrix: Matrix, at: tuple[int, int], phase: tuple[int, int], scale: float, shape: tuple[int, ...]
) -> Iterator[Matrix]:
    """The placements whose plane chip `at`, or one whole periods before it, lies at the picture's first chip."""
    chips = [int(np.ceil(side * scale / PITCH_PX)) for side in shape]
    for row in _periods(at[0], chips[0]):
        for column in _periods(at[1], chips[1]):
            back = np.eye(3)
            back[:2, 2] = STEP_PX * phase[1] - PITCH_PX * column, STEP_PX * phase[0] - PITCH_PX * row
            yield np.asarray(matrix @ back)


def _periods(at: int, chips: int) -> list[int]:
    """`at` less multiples of the period: the one that shows most of the plane, and any that shows nearly that."""
    shown = {p: min(p + chips, SEARCHED_CHIPS) - max(p, 0) for p in range(at, -chips, -SEARCHED_CHIPS)}
    return [p for p, share in shown.items() if share >= _NEARLY * max(shown.values())]
