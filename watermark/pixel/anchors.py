"""Finding a piece of the mark anywhere: a small patch of the picture, at many scales, angles and aspects,
correlated with the pilots at every shift by FFT. A small patch forgives coarse steps; what it finds is then grown.

Only summed residuals are resampled, never frames. Every statistic computed is counted as a look.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from watermark.pixel.correlation import (
    QUINCUNX,
    SEARCHED_CHIPS,
    THREADS,
    peak_of,
    pilot_spectra,
    searched_spectrum,
    surface_of,
)
from watermark.pixel.field import (
    FIRST_PX,
    OVERSAMPLING,
    STEP_PX,
    Matrix,
    Plane,
    Region,
    Sums,
    matched,
    sample,
    whiten,
)
from watermark.pixel.layout import PITCH_PX
from watermark.pixel.pattern import Plane as ChipPlane

_STEP_OF_PATCH = 4.0


@dataclass(frozen=True)
class Layer:
    """What is searched together: for each summed pyramid, the plane it shows under each hypothesis.

    `planes[h][j]` belongs to `sums[j]` under hypothesis h.
    """

    sums: tuple[tuple[Sums, ...], ...]
    planes: tuple[tuple[ChipPlane, ...], ...]


@dataclass(frozen=True)
class View:
    """One way a patch may lie: canonical pixels per reading pixel, turn in degrees counter-clockwise, width over
    height against the canonical one, mirrored or not, and the patch's centre in the picture's unit square."""

    scale: float
    angle_deg: float = 0.0
    aspect: float = 1.0
    shear: float = 0.0
    flipped: bool = False
    centre: tuple[float, float] = (0.5, 0.5)


@dataclass(frozen=True)
class Anchor:
    """A patch that one hypothesis of one key stands out in. `matrix` takes canonical px to the unit square."""

    z: float
    key_id: int
    hypothesis: int
    matrix: Matrix
    patch: Region


@dataclass(frozen=True)
class Anchors:
    """The best anchors of a search, strongest first, and how many statistics it looked at."""

    best: tuple[Anchor, ...]
    looks: float


def views(
    scales: tuple[float, float],
    angles: Sequence[float],
    patch_chips: int,
    *,
    centre: tuple[float, float] = (0.5, 0.5),
    aspects: Sequence[float] = (1.0,),
    shears: Sequence[float] = (0.0,),
    flips: Sequence[bool] = (False,),
    coarse: float = 1.0,
) -> Iterator[View]:
    """Views over a range of scales, in steps as coarse as a patch forgives."""
    step = coarse * _STEP_OF_PATCH / (PITCH_PX * patch_chips)
    count = max(1, int(np.ceil(np.log(scales[1] / scales[0]) / step)) + 1)
    for scale in np.geomspace(scales[0], scales[1], count):
        for aspect in aspects:
            for shear in shears:
                for flipped in flips:
                    for angle in angles:
                        yield View(float(scale), float(angle), aspect, shear, flipped, centre)


def angle_steps(reach_deg: float, patch_chips: int, coarse: float = 1.0) -> list[float]:
    """Angles from -reach to reach in steps as coarse as a patch forgives, 0 among them."""
    step = coarse * np.degrees(_STEP_OF_PATCH / (PITCH_PX * patch_chips))
    half = int(np.ceil(reach_deg / step))
    return [float(n * reach_deg / half) for n in range(-half, half + 1)] if half else [0.0]


def local_matrix(view: View, patch_chips: int, width: int, height: int) -> Matrix:
    """From a patch's own canonical pixels, (0, 0) its corner, to the unit square of a picture of a size in px."""
    middle = PITCH_PX * patch_chips / 2
    angle = np.radians(view.angle_deg)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    across = np.sqrt(view.aspect)
    stretch = np.array([[across, view.shear], [0.0, 1.0 / across]]) / view.scale
    mirror = np.diag([-1.0 if view.flipped else 1.0, 1.0])
    linear = np.diag([1.0 / width, 1.0 / height]) @ mirror @ turn @ stretch
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = np.array(view.centre) - linear @ (middle, middle)
    return matrix


class PatchSearch:
    """Searches one layer with patches of one size. Holds the pilots' spectra."""

    def __init__(self, layer: Layer, keys: Mapping[int, bytes], patch_chips: int) -> None:
        self._layer, self._patch = layer, patch_chips
        wanted = sorted({p for planes in layer.planes for p in planes}, key=lambda p: (p.layer, p.number))
        self._pilots = pilot_spectra(keys, wanted)

    def run(self, seen: Sequence[View], keep: int) -> Anchors:
        """The `keep` strongest anchors over many views, on two threads."""
        by_scale: dict[tuple[float, bool], list[View]] = {}
        for view in seen:
            by_scale.setdefault((view.scale, view.flipped), []).append(view)
        with ThreadPoolExecutor(THREADS) as pool:
            found = [anchor for some in pool.map(self._one_scale, by_scale.values()) for anchor in some]
        hypotheses = len(self._layer.planes) * len(self._pilots)
        looks = float(len(seen)) * len(QUINCUNX) * SEARCHED_CHIPS**2 * hypotheses
        return Anchors(tuple(sorted(found, key=lambda a: -a.z)[:keep]), looks)

    def _one_scale(self, same_scale: Sequence[View]) -> list[Anchor]:
        height, width = self._layer.sums[0][0].shape
        scale = same_scale[0].scale
        level = int(np.clip(round(float(np.log2(1.0 / scale))), 0, len(self._layer.sums[0]) - 1))
        planes = [levels[level] for levels in self._layer.sums]
        ratio = planes[0].shape[1] / width / scale
        through = [matched(np.asarray(plane, np.float32), ratio, ratio) for plane in planes]
        return [self._one_view(view, through, width, height) for view in same_scale]

    def _one_view(self, view: View, through: Sequence[Plane], width: int, height: int) -> Anchor:
        local = local_matrix(view, self._patch, width, height)
        region = Region(0, 0, self._patch, self._patch)
        shift = np.eye(3)
        shift[:2, 2] = -FIRST_PX + STEP_PX, -FIRST_PX + STEP_PX
        fields = [whiten(sample(plane, local @ shift, region)) for plane in through]
        best = Anchor(0.0, -1, 0, local, region)
        for down, across in QUINCUNX:
            chips = [f[down::OVERSAMPLING, across::OVERSAMPLING] for f in fields]
            norm = float(np.sqrt(sum(float(np.sum(c.astype(np.float64) ** 2)) for c in chips)))
            if norm == 0.0:
                continue
            spectra = [np.conj(searched_spectrum(c)) for c in chips]
            for key_id, pilots in self._pilots.items():
                for hypothesis, planes in enumerate(self._layer.planes):
                    found, i, j = peak_of(surface_of([pilots[plane] for plane in planes], spectra))
                    if found > best.z * norm:
                        matrix = _placed(local @ shift, i, j, down, across, self._patch)
                        best = Anchor(found / norm, key_id, hypothesis, matrix, region)
        return best


def _placed(local: Matrix, row: int, column: int, down: int, across: int, patch_chips: int) -> Matrix:
    """The matrix of the whole plane, once a patch is known to lie at chip (row, column); negative past the wrap."""
    row = row - SEARCHED_CHIPS if row > SEARCHED_CHIPS - patch_chips // 2 else row
    column = column - SEARCHED_CHIPS if column > SEARCHED_CHIPS - patch_chips // 2 else column
    back = np.eye(3)
    back[:2, 2] = -(PITCH_PX * column - STEP_PX * across), -(PITCH_PX * row - STEP_PX * down)
    return np.asarray(local @ back)
