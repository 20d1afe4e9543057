"""Where and when the mark stands, once it is known where to look: a z per half second, and per block of the
picture."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from watermark.extraction import SegmentPresence
from watermark.pixel.field import Matrix, Plane, footprint, lay_out, window
from watermark.pixel.layout import CYCLE_TURNS, SLICE_S, SLOT_S, standing_plane, turning_plane
from watermark.pixel.message import Message
from watermark.pixel.pattern import STANDING_PLANES, TURNING_PLANES, marked_chips
from watermark.pixel.residual import Slice, summed
from watermark.pixel.timing import Timing
from watermark.significance import tail

BLOCK_CHIPS_MIN = 12
BLOCKS_MAX = 8
"""The map has at most 8 blocks a side, each of at least 36 canonical pixels: smaller ones rarely reach z = 3."""

SLICES_PER_SLOT = round(SLOT_S / SLICE_S)


class PresenceMeter:
    """Measures one found mark over the slices of a clip.

    The better of two looks: both layers, or the standing one.
    """

    def __init__(self, message: Message, key: bytes, matrix: Matrix, timing: Timing) -> None:
        self._matrix, self._timing, self._region = matrix, timing, footprint(matrix)
        self._chips = {
            plane: window(marked_chips(key, plane, message.coded), self._region).astype(np.float32)
            for plane in TURNING_PLANES + STANDING_PLANES
        }

    def measure(self, pieces: Iterable[Slice]) -> Iterator[tuple[SegmentPresence, tuple[Slice, ...]]]:
        """The presence in each half second of the clip, in order, with the slices it was read from."""
        for _, group in groupby(pieces, lambda piece: piece.index // SLICES_PER_SLOT):
            slot = tuple(group)
            yield self._one(slot), slot

    def _one(self, slot: tuple[Slice, ...]) -> SegmentPresence:
        both, standing = ((np.zeros(self._shape), np.zeros(self._shape)) for _ in "bs")
        for sign_and_turn, group in groupby(slot, lambda piece: self._timing.turn_and_sign(piece.index)):
            still, moving = self._patterns(*sign_and_turn)
            pieces = [piece.levels for piece in group]
            levels = summed(pieces, [1] * len(pieces))
            chips = lay_out(levels, self._matrix, self._region).chips()
            for (correlation, variance), pattern in ((both, still + moving), (standing, still)):
                correlation += chips * pattern
                variance += (chips * pattern) ** 2
        # A codec may carry the turning layer past its turn for a while; the standing one then tells more.
        measured = [(_over(float(c.sum()), float(v.sum())), c, v) for c, v in (both, standing)]
        z, correlation, variance = max(measured, key=lambda one: one[0])
        p_value = min(1.0, 2.0 * tail(z))
        return SegmentPresence(slot[0].start_s, slot[-1].end_s, z, p_value, z_grid(correlation, variance))

    @property
    def _shape(self) -> tuple[int, int]:
        return self._region.rows, self._region.columns

    def _patterns(self, turn: int, sign: int) -> tuple[Plane, Plane]:
        place = (self._timing.first + turn) % CYCLE_TURNS
        standing = self._chips[STANDING_PLANES[standing_plane(place)]]
        turning = self._chips[TURNING_PLANES[turning_plane(place)]]
        return standing, np.asarray(sign * turning, np.float32)


def _over(total: float, variance: float) -> float:
    return total / float(np.sqrt(variance)) if variance > 0.0 else 0.0


def z_grid(correlation: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float32] | None:
    """Scores of the picture's blocks, float32 (rows, columns), or None for a picture under two blocks a side."""
    sides = [min(BLOCKS_MAX, n // BLOCK_CHIPS_MIN) for n in correlation.shape]
    if min(sides) < 2:
        return None
    rows = [correlation.shape[0] * i // sides[0] for i in range(sides[0])]
    columns = [correlation.shape[1] * i // sides[1] for i in range(sides[1])]
    total, power = (np.add.reduceat(np.add.reduceat(v, rows, 0), columns, 1) for v in (correlation, variance))
    return np.asarray(np.where(power > 0.0, total / np.sqrt(np.maximum(power, 1e-30)), 0.0), np.float32)
