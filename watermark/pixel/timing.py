"""Which patterns stood when: a clip's place in the cycle, the sums of its turns, and the score of each hypothesis.

A clip shown at `speed` that starts `phase` slices into turn `first` of the cycle shows, at its time t, what was
marked at phase / 8 + speed t seconds after that turn began. Each phase and first turn is one hypothesis, one look.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watermark.pixel.layout import (
    CYCLE_TURNS,
    SLICE_S,
    TURN_S,
    TURNING,
    standing_plane,
    turn_and_sign,
    turning_plane,
)
from watermark.pixel.residual import Slice, Stored, summed

PHASES = round(TURN_S / SLICE_S)


@dataclass(frozen=True)
class Timing:
    """A clip's place in the cycle: `phase` in slices, `first` in turns, `speed` as a factor."""

    phase: int = 0
    first: int = 0
    speed: float = 1.0

    def turn_and_sign(self, index: int) -> tuple[int, int]:
        """The turn (counted from `first`) and the turning layer's sign in the middle of slice `index`."""
        return turn_and_sign((self.speed * (index + 0.5) + self.phase) * SLICE_S)


@dataclass(frozen=True)
class Turn:
    """The slices of one turn, summed with the turning layer's sign and without. Pyramids of int16 planes."""

    number: int
    turning: tuple[Stored, ...]
    standing: tuple[Stored, ...]


def turns_of(slices: Sequence[Slice], phase: int = 0, speed: float = 1.0) -> list[Turn]:
    """The turns of a clip under a phase and speed, in order, whatever their first one is."""
    timing = Timing(phase, 0, speed)
    gathered: dict[int, list[tuple[int, tuple[Stored, ...]]]] = {}
    for piece in slices:
        number, sign = timing.turn_and_sign(piece.index)
        gathered.setdefault(number, []).append((sign, piece.levels))
    return [_turn(number, *zip(*shown, strict=True)) for number, shown in gathered.items()]


def _turn(number: int, signs: Sequence[int], pyramids: Sequence[tuple[Stored, ...]]) -> Turn:
    return Turn(number, summed(pyramids, signs), summed(pyramids, [1] * len(signs)))


@dataclass(frozen=True)
class LayerScores:
    """One layer's correlations. `sums` (J, planes) of each turn with each plane; `products` (J, J) of the turns'
    values with each other: turns under one plane share its signs, so their variance is that of their sum."""

    sums: NDArray[np.float64]
    products: NDArray[np.float64]

    def of(self, planes: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sum and variance of each hypothesis; `planes` (T, J) is the plane of each turn under each."""
        total = np.take_along_axis(self.sums[None], planes[:, :, None], axis=2)[:, :, 0].sum(1)
        same = planes[:, :, None] == planes[:, None, :]
        return total, np.asarray((self.products[None] * same).sum((1, 2)))


@dataclass(frozen=True)
class BestTurn:
    """The first turn that fits best, its score, and each layer's own score there."""

    z: float
    first: int
    z_turning: float
    z_standing: float


STATISTICS = TURNING + 2 * CYCLE_TURNS
"""Looks at one placement and phase: the turning layer alone, the standing layer alone, and both summed."""


def best_turn(
    numbers: NDArray[np.intp],
    turning: LayerScores,
    standing: LayerScores,
    firsts: Sequence[int] = range(CYCLE_TURNS),
) -> BestTurn:
    """The first turn, of `firsts`, whose best statistic is highest. `numbers` (J,) are the turns' own numbers."""
    places = (np.asarray(firsts)[:, None] + numbers[None, :]) % CYCLE_TURNS
    t_sum, t_variance = turning.of(np.vectorize(turning_plane)(places))
    s_sum, s_variance = standing.of(np.vectorize(standing_plane)(places))
    z_turning, z_standing = _over(t_sum, t_variance), _over(s_sum, s_variance)
    joint = _over(t_sum + s_sum, t_variance + s_variance)
    z = np.maximum(np.maximum(z_turning, z_standing), joint)
    # The turning layer repeats every 8 turns: of equals, the joint sum says which one it was.
    best = int(np.argmax(z + 1e-3 * joint + 1e-3 * z_standing))
    return BestTurn(float(z[best]), int(firsts[best]), float(z_turning[best]), float(z_standing[best]))


def _over(total: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(variance > 0.0, total / np.sqrt(np.maximum(variance, 1e-30)), 0.0)
