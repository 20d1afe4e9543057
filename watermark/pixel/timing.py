"""Which pilot stood when: the hypotheses of a clip cut at an unknown time, and the score of each.

A slice is half a second, a segment eight slices. A clip that starts `phase` slices into a segment with pilot
`first` shows pilot (first + (j + phase) // 8) mod 8 in slice j: 64 hypotheses, each one look.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watermark.pixel.layout import PILOTS, SLICES_PER_SEGMENT

TIMINGS = PILOTS * SLICES_PER_SEGMENT


@dataclass(frozen=True)
class Timing:
    """A clip's place in its pilot cycle: slices already gone of the first segment, and that segment's pilot."""

    phase: int
    first: int

    def pilot(self, index: int) -> int:
        """The pilot of slice `index`, counted in half seconds from the clip's start."""
        return (self.first + (index + self.phase) // SLICES_PER_SEGMENT) % PILOTS


ALL_TIMINGS = tuple(Timing(phase, first) for phase in range(SLICES_PER_SEGMENT) for first in range(PILOTS))


def best_timing(
    indices: NDArray[np.intp],
    scores: NDArray[np.float64],
    products: NDArray[np.float64],
    timings: tuple[Timing, ...] = ALL_TIMINGS,
) -> tuple[float, Timing]:
    """The timing (of all 64, unless fewer are given) with the largest summed correlation, and its z.

    Args:
        indices: (J,) slice numbers, in half seconds.
        scores: (J, 8) correlation of each slice with each pilot.
        products: (J, J) inner products of the slices' chip values. Slices under one pilot share its signs, so their
            variance is that of the *sum* of their values, not the sum of their variances.
    """
    phases = np.array([t.phase for t in timings])
    firsts = np.array([t.first for t in timings])
    pilots = (firsts[:, None] + (indices[None, :] + phases[:, None]) // SLICES_PER_SEGMENT) % PILOTS
    total = np.take_along_axis(scores[None], pilots[:, :, None], axis=2)[:, :, 0].sum(1)
    same = pilots[:, :, None] == pilots[:, None, :]
    variance = (products[None] * same).sum((1, 2))
    # By the sum, not by z: still pictures repeat their noise, so leaving out slices that do match hardly lowers z.
    best = int(np.argmax(total))
    z = float(total[best]) / float(np.sqrt(variance[best])) if variance[best] > 0.0 else 0.0
    return z, timings[best]
