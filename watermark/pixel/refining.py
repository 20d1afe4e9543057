"""The last pixel: a found placement moved by fractions of a chip, by what both layers score in the whole block."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from watermark.pixel.field import Matrix, footprint
from watermark.pixel.layout import PITCH_PX
from watermark.pixel.reading import Block, Sighting, timed

_STEPS = (0.5, 0.25)
"""Canonical px that the picture's edges and corner are moved by, coarse and then fine."""

_ROUNDS, _REACH = 2, 2

REFINING_LOOKS = float(2 * (2 * _REACH + 1) ** 4)
"""Looks of a refinement: four numbers, each within two steps either way, at two step widths."""


def refined(block: Block, sighting: Sighting) -> Sighting:
    """The best of the placements around a sighting in a block, under its key and timing: stretched across or down,
    moved across or down. Its looks are the sighting's; the caller counts `REFINING_LOOKS` times them."""
    alone = replace(block, keys={sighting.key_id: block.keys[sighting.key_id]})
    best = _at(alone, sighting, sighting.matrix)
    for step in _STEPS:
        centre, moved = best.matrix, np.zeros(4, int)
        for _ in range(_ROUNDS):
            before = best.z
            for axis in range(4):
                for direction in (1, -1):
                    tried = moved.copy()
                    tried[axis] += direction
                    if abs(tried[axis]) > _REACH:
                        continue
                    found = _at(alone, sighting, _moved(centre, tried * step))
                    if found.z > best.z:
                        best, moved = found, tried
                        break
            if best.z <= before:
                break
    return replace(best, looks=sighting.looks)


def _at(block: Block, sighting: Sighting, matrix: Matrix) -> Sighting:
    timing = sighting.timing
    return timed(block, matrix, (timing.phase,), timing.speed, (timing.first,))


def _moved(matrix: Matrix, by_px: NDArray[np.float64]) -> Matrix:
    """A placement whose canonical region is `by_px[:2]` wider and higher, and moved by the rest."""
    region = footprint(matrix)
    width, height = PITCH_PX * region.columns, PITCH_PX * region.rows
    left, top = PITCH_PX * region.column, PITCH_PX * region.row
    scale_x, scale_y = 1.0 + by_px[0] / width, 1.0 + by_px[1] / height
    change = np.diag([scale_x, scale_y, 1.0])
    change[0, 2] = (1.0 - scale_x) * (left + width / 2) + by_px[2]
    change[1, 2] = (1.0 - scale_y) * (top + height / 2) + by_px[3]
    return np.asarray(matrix @ change, np.float64)
