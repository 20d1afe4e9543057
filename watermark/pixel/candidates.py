"""From the places that a blind search grew to one sighting: each is timed roughly, the best ones fully.

A full timing costs eight times a rough one, and nearly all places are nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from watermark.pixel.anchors import Anchor
from watermark.pixel.correlation import THREADS
from watermark.pixel.field import Matrix
from watermark.pixel.reading import FALSE_POSITIVE_RATE, NOTHING, Block, Sighting, timed
from watermark.pixel.timing import PHASES, STATISTICS

One = TypeVar("One")
Other = TypeVar("Other")

_TIMED_FULLY = 2


@dataclass(frozen=True)
class Candidate:
    """A place under a key, and how many looks led there: for what all its values say, and, where the search did not
    use the standing layer, for what that layer says alone."""

    key_id: int
    matrix: Matrix
    everything_looks: float
    unseen_looks: float | None = None

    def timed(self, block: Block, phases: Sequence[int]) -> Sighting:
        """The best of its timings. Whichever are tried, all count."""
        alone = replace(block, keys={self.key_id: block.keys[self.key_id]})
        found = timed(alone, self.matrix, phases)
        timings = float(PHASES * STATISTICS)
        ways = [replace(found, looks=self.everything_looks * timings)]
        if self.unseen_looks is not None:
            ways.append(replace(found, z=found.z_standing, looks=self.unseen_looks * timings))
        return min(ways, key=_rank)


def best_timed(block: Block, anchors: Sequence[Anchor], placed: Callable[[Anchor], list[Candidate]]) -> Sighting:
    """The best sighting among the places that anchors lead to. Anchors come strongest first, and no more are asked
    for once one stands plainly."""

    def roughly(anchor: Anchor) -> list[tuple[Sighting, Candidate]]:
        return [(candidate.timed(block, (0,)), candidate) for candidate in placed(anchor)]

    found: list[tuple[Sighting, Candidate]] = []
    for start in range(0, len(anchors), THREADS):
        for some in side_by_side(roughly, anchors[start : start + THREADS]):
            found += some
        found.sort(key=lambda one: _rank(one[0]))
        if found and plainly(found[0][0]):
            break
    best = [candidate for _, candidate in found[:_TIMED_FULLY]]
    fully = side_by_side(lambda candidate: candidate.timed(block, range(PHASES)), best)
    return min(fully, key=_rank, default=NOTHING)


def plainly(sighting: Sighting) -> bool:
    """Whether a sighting passes whatever decision it is counted in."""
    return sighting.p_value * 2.0**16 <= FALSE_POSITIVE_RATE


def side_by_side(act: Callable[[One], Other], over: Iterable[One]) -> list[Other]:
    """The results of a function over some things, in their order, worked out on two threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(act, over))


def _rank(sighting: Sighting) -> tuple[float, float]:
    return sighting.p_value, -sighting.z
