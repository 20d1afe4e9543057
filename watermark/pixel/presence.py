"""Where and when the mark stands, once it is known where to look: a z per half second, and per block of the
picture."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from watermark.code import encode
from watermark.extraction import Geometry, SegmentPresence
from watermark.payload import Payload
from watermark.pixel.field import Plane, lay_out
from watermark.pixel.layout import PILOTS, PLANE_CHIPS
from watermark.pixel.pattern import marked_chips
from watermark.pixel.residual import Slice
from watermark.pixel.search import chip_origin, window
from watermark.pixel.timing import Timing
from watermark.significance import tail

BLOCK_CHIPS_MIN = 24
BLOCKS_MAX = 8
"""The map has at most 8 blocks a side, each of at least 72 canonical pixels: smaller ones rarely reach z = 3."""


class PresenceMeter:
    """Measures one found mark over the slices of a clip. Single-look scores: N(0, 1) where the mark is not."""

    def __init__(self, payload: Payload, key: bytes, geometry: Geometry, timing: Timing) -> None:
        self._geometry, self._timing = geometry, timing
        coded = encode(np.array(payload.to_bits(), np.uint8))
        self._chips = [marked_chips(key, pilot, coded, PLANE_CHIPS, PLANE_CHIPS) for pilot in range(PILOTS)]

    def measure(self, pieces: Iterable[Slice], first_index: int = 0) -> Iterator[SegmentPresence]:
        """The presence in each slice, in order."""
        row, column = chip_origin(self._geometry)
        for number, piece in enumerate(pieces, first_index):
            chips = lay_out(piece.residual, self._geometry).chips()
            rows, columns, inner_rows, inner_columns = window(chips, row, column)
            pattern = self._chips[self._timing.pilot(number)][rows, columns].astype(np.float32)
            values = chips[inner_rows, inner_columns]
            z = _score(values, pattern)
            yield SegmentPresence(piece.start_s, piece.end_s, z, tail(z), z_grid(values, pattern))


def _score(values: Plane, pattern: Plane) -> float:
    """The correlation over its own deviation under random signs of the pattern's chips."""
    variance = float(np.sum(values.astype(np.float64) ** 2 * pattern**2))
    return float(np.sum(values.astype(np.float64) * pattern)) / np.sqrt(variance) if variance > 0.0 else 0.0


def z_grid(values: Plane, pattern: Plane) -> NDArray[np.float32] | None:
    """Scores of the picture's blocks, float32 (rows, columns), or None for a picture under two blocks a side."""
    sides = [min(BLOCKS_MAX, n // BLOCK_CHIPS_MIN) for n in values.shape]
    if min(sides) < 2:
        return None
    rows = [values.shape[0] * i // sides[0] for i in range(sides[0])]
    columns = [values.shape[1] * i // sides[1] for i in range(sides[1])]
    product = np.add.reduceat(np.add.reduceat(values * pattern, rows, 0), columns, 1)
    variance = np.add.reduceat(np.add.reduceat((values * pattern) ** 2, rows, 0), columns, 1)
    grid: NDArray[np.float32] = np.where(
        variance > 0.0, product / np.sqrt(np.maximum(variance, 1e-30)), 0.0
    ).astype(np.float32)
    return grid
