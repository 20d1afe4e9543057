"""Cells with a generator *and* a camera source left out, the floor between camera sources, and their intervals.

A clip's publisher is left out with it: half of the generated clips here come from two people who gave the same
prompts to several generators, and whoever has seen the hummingbird of one knows that of the next (docs/log.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

_BOOTSTRAPS, _NOISE_RUNS = 2_000, 200
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Names = NDArray[np.str_]
Score = Callable[[Floats, Floats, Floats], Floats]
"""From training features, labels and test features to scores, higher for generated."""
Cell = tuple[Floats, Floats]
"""Scores of a cell's generated clips and of its camera clips."""


@dataclass(frozen=True)
class Clips:
    """Rows that belong together: which clips are generated, their families (generator or camera source), and who
    published them."""

    generated: Flags
    families: Names
    publishers: Names

    def of(self, family: str) -> Flags:
        """Which clips belong to a family."""
        return self.families == family

    @property
    def made(self) -> list[str]:
        """The generators' families."""
        return sorted(set(self.families[self.generated]))

    @property
    def filmed(self) -> list[str]:
        """The camera sources."""
        return sorted(set(self.families[~self.generated]))


def auc(above: Floats, below: Floats) -> float:
    """The chance that one of `above` scores higher than one of `below`; ties count half."""
    return float((above[:, None] > below).mean() + 0.5 * (above[:, None] == below).mean())


def cells(table: Floats, clips: Clips, score: Score) -> dict[tuple[str, str], Cell]:
    """The scores of each pair of a generator's family and a camera source, trained without either and without the
    generated clips that this family's publishers published."""
    found = {}
    for made, filmed in product(clips.made, clips.filmed):
        theirs = clips.generated & np.isin(clips.publishers, clips.publishers[clips.of(made)])
        kept = ~clips.of(made) & ~clips.of(filmed) & ~theirs
        found[made, filmed] = _scored(table, clips, score, kept, made, filmed)
    return found


def floor(table: Floats, clips: Clips, score: Score) -> float:
    """How far apart the same classifier puts two camera sources it has not seen: mean of max(AUC, 1 - AUC)."""
    found = []
    for one, other in combinations(clips.filmed, 2):
        kept = ~clips.of(one) & ~clips.of(other)
        value = auc(*_scored(table, clips, score, kept, one, other))
        found.append(max(value, 1 - value))
    return float(np.mean(found))


def floor_of_noise(clips: Clips) -> tuple[float, float, float]:
    """The floor that random scores reach on sources this small: mean, and the middle 90 %."""
    rng = np.random.default_rng(7)

    def noise(_train: Floats, _labels: Floats, test: Floats) -> Floats:
        return rng.normal(size=len(test))

    empty = np.zeros((len(clips.generated), 1))
    runs = [floor(empty, clips, noise) for _ in range(_NOISE_RUNS)]
    low, high = np.quantile(runs, (0.05, 0.95))
    return float(np.mean(runs)), float(low), float(high)


def mean_auc(found: dict[tuple[str, str], Cell]) -> float:
    """The mean over cells."""
    return float(np.mean([auc(*cell) for cell in found.values()]))


def interval_by_family(found: dict[tuple[str, str], Cell]) -> tuple[float, float]:
    """The 95 % interval of the mean, by drawing families and sources anew."""
    rng = np.random.default_rng(7)
    made, filmed = (sorted({pair[i] for pair in found}) for i in (0, 1))
    grid = np.array([[auc(*found[one, other]) for other in filmed] for one in made])
    means = [
        grid[rng.integers(0, len(made), len(made))][:, rng.integers(0, len(filmed), len(filmed))].mean()
        for _ in range(_BOOTSTRAPS)
    ]
    return _middle(means)


def interval_by_clip(found: dict[tuple[str, str], Cell]) -> tuple[float, float]:
    """The 95 % interval of the mean, by drawing the clips of every family and source anew."""
    rng = np.random.default_rng(7)

    def drawn(scores: Floats) -> Floats:
        return scores[rng.integers(0, len(scores), len(scores))]

    means = [
        float(np.mean([auc(drawn(above), drawn(below)) for above, below in found.values()]))
        for _ in range(_BOOTSTRAPS // 5)
    ]
    return _middle(means)


def _scored(table: Floats, clips: Clips, score: Score, kept: Flags, one: str, other: str) -> Cell:
    asked = np.concatenate([table[clips.of(one)], table[clips.of(other)]])
    scores = score(table[kept], clips.generated[kept].astype(np.float64), asked)
    count = int(clips.of(one).sum())
    return scores[:count], scores[count:]


def _middle(means: list[float]) -> tuple[float, float]:
    low, high = np.quantile(means, (0.025, 0.975))
    return round(float(low), 3), round(float(high), 3)
