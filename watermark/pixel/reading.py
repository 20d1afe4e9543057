"""Reading a clip's mark: from slices to a geometry, a timing, soft bits, a payload, and the odds.

Decisions run from cheap to dear: as marked, resized whole, cut out, cut out and scaled. The n-th decision may
spend 2^-n of the false-positive rate, so its looks count 2^n times; the sum over any number of decisions stays
below the rate.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from watermark.code import PAYLOAD_64, decode
from watermark.extraction import Geometry
from watermark.payload import LAYOUT_VERSION, Payload
from watermark.pixel.field import STEP_PX, Plane, lay_out
from watermark.pixel.layout import PILOTS, PITCH_PX, SLICE_S, SLICES_PER_SEGMENT, CanonicalGrid
from watermark.pixel.pattern import coded_bit_places, data_signs, pilot_chips
from watermark.pixel.residual import Slice
from watermark.pixel.search import (
    QUINCUNX,
    Candidate,
    Found,
    PilotBank,
    chip_origin,
    refine,
    region_side,
    search_geometries,
    window,
)
from watermark.pixel.timing import TIMINGS, Timing, best_timing
from watermark.significance import p_of

FALSE_POSITIVE_RATE = 1e-9
"""The one threshold: the chance that a clip not marked with these keys is called marked, over all decisions."""

BLIND_SCALES = (0.4, 2.5)
"""Marked size over present size that the blind search covers; whole clips of usual sizes: 0.25 to 4."""

_BLIND_STEP = 0.013
_BLIND_SIDE_PX = 480
_REFINED = 4
_NEAR = tuple((down, across) for down in (-1, 0, 1) for across in (-1, 0, 1))
_COMMON_SIDES_PX = (
    *(144, 176, 180, 240, 256, 270, 288, 320, 336, 352, 360, 384, 426, 432, 480, 512, 540, 544, 576, 600, 640, 704),
    *(
        720,
        768,
        800,
        832,
        848,
        854,
        864,
        896,
        960,
        1024,
        1080,
        1088,
        1152,
        1248,
        1280,
        1360,
        1440,
        1536,
        1600,
        1920,
    ),
    *(2048, 2160),
)
_WHOLE_SCALES = (0.25, 4.0)
_APART = 1.0015


@dataclass(frozen=True)
class Sighting:
    """A pilot found well enough to pass or not: where, when, whose, and with what odds."""

    z: float
    key_id: int
    geometry: Geometry
    timing: Timing
    looks: int

    @property
    def p_value(self) -> float:
        """min(1, looks Q(z))."""
        return p_of(self.z, self.looks)


@dataclass(frozen=True)
class Block:
    """Slices read together (at most 32 s), the size of their frames and the keys to try."""

    slices: tuple[Slice, ...]
    width_px: int
    height_px: int
    keys: Mapping[int, bytes]

    @property
    def indices(self) -> NDArray[np.intp]:
        """Slice numbers in half seconds from the clip's start."""
        return np.array([round(s.start_s / SLICE_S) for s in self.slices])

    @property
    def own_scale(self) -> Geometry:
        """The geometry of a clip that nobody resized or cut."""
        canonical = CanonicalGrid.of(self.width_px, self.height_px)
        height, width = self.slices[0].residual.shape
        share = 1.0 / canonical.reduction
        return Geometry(self.width_px * share / width, self.height_px * share / height)

    def strongest_window(self) -> Plane:
        """The residual summed over the 4 s (one pilot's time, if they start together) with the most frames in
        it."""
        starts = range(0, len(self.slices), SLICES_PER_SEGMENT)
        runs = [self.slices[i : i + SLICES_PER_SEGMENT] for i in starts]
        richest = max(runs, key=lambda run: sum(float(np.mean(np.abs(s.residual))) for s in run))
        return np.asarray(sum(s.residual for s in richest), np.float32)


def decisions(block: Block, *, blind: bool) -> Iterator[Sighting]:
    """One sighting per decision, from cheap to dear; the caller stops at the first that passes."""
    yield as_marked(block)
    residual = block.strongest_window()
    if not np.any(residual):
        return
    if usual_ratios(block.width_px, block.height_px):
        yield _settled(block, residual, resized_whole(block))
    if blind:
        yield _settled(block, residual, cut_out(block, residual))
        yield _settled(block, residual, cut_and_scaled(block, residual))


def as_marked(block: Block) -> Sighting:
    """The best of 9 half-chip shifts, two mirrors, 64 timings and all keys at the clip's own scale."""
    return _best_of(block, [block.own_scale, replace(block.own_scale, flipped=True)])


def single_look_z(block: Block, timing: Timing) -> dict[int, float]:
    """Every key's score at one fixed place and timing: N(0, 1) under wrong keys, whatever the clip shows."""
    chips = _chips(block, block.own_scale, 0, 0)
    scores = {}
    for key_id, key in block.keys.items():
        correlation = _correlate(chips, _signs(chips[0], key, 0, 0), 0, 0)
        z, _ = best_timing(block.indices, correlation, _products(chips), (timing,))
        scores[key_id] = z
    return scores


def timed(block: Block, geometry: Geometry, near: Sequence[tuple[int, int]] = ((0, 0),)) -> Sighting:
    """The best key, timing and half-chip shift of `near` at a geometry, from all slices of the block together."""
    fields = [lay_out(s.residual, geometry) for s in block.slices]
    row, column = chip_origin(geometry)
    best = Sighting(-np.inf, -1, geometry, Timing(0, 0), 0)
    signs = {key_id: _signs(fields[0].chips(), key, row, column) for key_id, key in block.keys.items()}
    for down, across in near:
        chips = np.stack([f.chips(down, across) for f in fields])
        products = _products(chips)
        for key_id in block.keys:
            z, timing = best_timing(block.indices, _correlate(chips, signs[key_id], row, column), products)
            if z > best.z:
                shifted = _shifted(geometry, down, across)
                best = Sighting(z, key_id, shifted, timing, 0)
    return replace(best, looks=len(near) * TIMINGS * len(block.keys))


def _shifted(geometry: Geometry, down: int, across: int) -> Geometry:
    """Reading `down` half chips further into the picture says that it lies as much further up."""
    x, y = geometry.shift_x_px - across * STEP_PX, geometry.shift_y_px - down * STEP_PX
    return replace(geometry, shift_x_px=x, shift_y_px=y)


def _chips(block: Block, geometry: Geometry, down: int, across: int) -> Plane:
    return np.stack([lay_out(s.residual, geometry).chips(down, across) for s in block.slices])


def _products(chips: Plane) -> NDArray[np.float64]:
    flat = chips.reshape(len(chips), -1)
    return np.asarray(flat @ flat.T, np.float64)


def _signs(chips: Plane, key: bytes, row: int, column: int) -> Plane:
    """Every pilot's signs where a picture's chips lie on the plane, float32 (8, n)."""
    rows, columns, _, _ = window(chips, row, column)
    return np.stack([pilot_chips(key, p)[rows, columns].ravel() for p in range(PILOTS)]).astype(np.float32)


def _correlate(chips: Plane, signs: Plane, row: int, column: int) -> NDArray[np.float64]:
    """Each slice's sum with each pilot's signs, (J, 8)."""
    _, _, inner_rows, inner_columns = window(chips[0], row, column)
    values = chips[:, inner_rows, inner_columns].reshape(len(chips), -1)
    return np.asarray(values @ signs.T, np.float64)


def resized_whole(block: Block) -> Sighting:
    """The best of the scales at which a whole picture of a usual size would now have this one. Mirrors are left to
    the blind search."""
    own, times = block.own_scale, CanonicalGrid.of(block.width_px, block.height_px).reduction
    scaled = [
        replace(own, scale=own.scale * times * ratio, scale_y=own.scale_y * times * ratio)
        for ratio in usual_ratios(block.width_px, block.height_px)
    ]
    return _best_of(replace(block, slices=_merged(block)), scaled)


def usual_ratios(width_px: int, height_px: int) -> list[float]:
    """Usual sides over a clip's own, 0.25 to 4, ascending, none within 0.15 % of another."""
    every = sorted(usual / side for usual in _COMMON_SIDES_PX for side in (width_px, height_px))
    kept: list[float] = []
    for ratio in every:
        inside = _WHOLE_SCALES[0] <= ratio <= _WHOLE_SCALES[1]
        if inside and ratio != 1.0 and (not kept or ratio > kept[-1] * _APART):
            kept.append(ratio)
    return kept


def _merged(block: Block) -> tuple[Slice, ...]:
    """The strongest window as one slice: a resized clip's timing is looked for only once its scale is known."""
    residual = block.strongest_window()
    first = block.slices[0]
    return (replace(first, residual=residual),)


def _best_of(block: Block, geometries: Sequence[Geometry]) -> Sighting:
    sightings = [timed(block, geometry, _NEAR) for geometry in geometries]
    best = max(sightings, key=lambda s: s.z)
    return replace(best, looks=sum(s.looks for s in sightings))


def cut_out(block: Block, residual: Plane) -> Found:
    """Every shift at the clip's own scale, both mirrors."""
    own = block.own_scale
    return search_geometries(
        residual, [replace(own, flipped=f) for f in (False, True)], _bank(block, residual, own)
    )


def cut_and_scaled(block: Block, residual: Plane) -> Found:
    """Every shift at every scale of `BLIND_SCALES`, both mirrors, on the picture's middle."""
    height, width = residual.shape
    own = block.own_scale
    side = max(1, round(_BLIND_SIDE_PX / own.scale))
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    middle = residual[top : top + side, left : left + side]
    steps = round(np.log(BLIND_SCALES[1] / BLIND_SCALES[0]) / _BLIND_STEP) + 1
    ratios = np.geomspace(*BLIND_SCALES, steps)
    scaled = [
        replace(own, scale=own.scale * r, scale_y=own.scale_y * r, flipped=f) for r in ratios for f in (False, True)
    ]
    found = search_geometries(middle, scaled, _bank(block, middle, scaled[-1]), QUINCUNX)
    margins = (left, width - left - middle.shape[1]), top
    return replace(found, candidates=tuple(_uncropped(c, *margins) for c in found.candidates))


def _uncropped(candidate: Candidate, sides: tuple[int, int], top: int) -> Candidate:
    """The candidate's geometry for the whole picture instead of its middle."""
    g = candidate.geometry
    before = sides[1] if g.flipped else sides[0]
    moved = replace(g, shift_x_px=g.shift_x_px - before * g.scale, shift_y_px=g.shift_y_px - top * g.scale_y)
    return replace(candidate, geometry=moved)


def _bank(block: Block, residual: Plane, geometry: Geometry) -> PilotBank:
    height, width = (
        round(s * g / PITCH_PX) for s, g in zip(residual.shape, (geometry.scale_y, geometry.scale), strict=True)
    )
    return PilotBank.of(dict(block.keys), (region_side(height), region_side(width)))


def _settled(block: Block, residual: Plane, rough: Found | Sighting) -> Sighting:
    """The strongest rough places refined, and the best of them scored with all slices and timings.

    Each place looked at could have been refined and timed, so those looks multiply.
    """
    if isinstance(rough, Sighting):
        pilot = rough.timing.pilot(int(block.indices[0]))
        rough = Found((Candidate(rough.z, rough.key_id, pilot, rough.geometry),), rough.looks)
    refined, steps = [], 0
    for candidate in rough.candidates[:_REFINED]:
        better, steps = refine(residual, candidate, pilot_chips(block.keys[candidate.key_id], candidate.pilot))
        refined.append(better)
    best = max(refined, key=lambda c: c.z)
    only = replace(block, keys={best.key_id: block.keys[best.key_id]})
    sighting = timed(only, best.geometry)
    return replace(sighting, looks=rough.looks * steps * TIMINGS)


def soft_bits(block: Block, sighting: Sighting) -> NDArray[np.float64]:
    """Soft coded bits (512,), summed over every slice of the block and every chip of each."""
    key, total = block.keys[sighting.key_id], np.zeros(PAYLOAD_64.coded)
    row, column = chip_origin(sighting.geometry)
    sums: dict[int, Plane] = {}
    for index, piece in zip(block.indices, block.slices, strict=True):
        pilot = sighting.timing.pilot(int(index))
        sums[pilot] = sums.get(pilot, np.float32(0)) + lay_out(piece.residual, sighting.geometry).chips()
    for pilot, values in sums.items():
        rows, columns, inner_rows, inner_columns = window(values, row, column)
        signed = values[inner_rows, inner_columns] * data_signs(key, pilot)[rows, columns]
        places = coded_bit_places(key, pilot)[rows, columns]
        total += np.bincount(places.ravel(), weights=signed.ravel(), minlength=PAYLOAD_64.coded)
    return total


def payload_of(soft: NDArray[np.float64], key_id: int) -> Payload | None:
    """The payload in the soft bits, if a CRC holds and it names this layout and this key: 24 bits of check in
    all."""
    for bits in decode(soft):
        payload = Payload.from_bits(tuple(int(b) for b in bits))
        if payload.version == LAYOUT_VERSION and payload.key_id == key_id:
            return payload
    return None
