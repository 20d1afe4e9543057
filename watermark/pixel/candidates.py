"""From the anchors of a blind search to one sighting: every anchor is grown, what grew best is timed roughly, the
best of that fully.

The mark's own anchor is often not the strongest one, and timing a place fully costs as much as growing two.
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

_AT_ONCE = 2 * THREADS
_TIMED_ROUGHLY, _TIMED_FULLY = 12, 2
_SURELY_Z = 10.0
"""No growth of nothing reaches it: with 48^8 places to grow to, the chance is under 1e-9 an anchor."""


@dataclass(frozen=True)
class Candidate:
    """A place under a key, the score that it grew to, and how many looks led there: for what all its values say,
    and, where the search did not use the standing layer, for what that layer says alone."""

    z: float
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
    """The best sighting among the places that anchors lead to. No more anchors are followed once one surely led to
    the mark."""
    found: list[Candidate] = []
    for start in range(0, len(anchors), _AT_ONCE):
        for some in side_by_side(placed, anchors[start : start + _AT_ONCE]):
            found += some
        found.sort(key=lambda candidate: -candidate.z)
        if found and found[0].z >= _SURELY_Z:
            break
    likely = found[:_TIMED_ROUGHLY]
    roughly = side_by_side(lambda candidate: candidate.timed(block, (0,)), likely)
    order = sorted(range(len(likely)), key=lambda n: _rank(roughly[n]))
    best = [likely[n] for n in order[:_TIMED_FULLY]]
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
