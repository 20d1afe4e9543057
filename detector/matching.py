"""Which stretch of a clip shows which stretch of which release: the cheapest path through all their samples.

Fingerprints have eight samples a second, so cuts are placed to an eighth. A path may follow a release, jump inside
it or to another one, or leave for foreign pictures; every jump costs, so that only what lasts is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from provenance.fingerprint import SAMPLES_PER_S, mirrored, usable
from provenance.records import Fingerprint

#: Unrelated pictures are 128 of 256 bits apart on average. Foreign begins this far from the clip's own base level.
_UNRELATED_BITS = 128.0
_FOREIGN_SHARE = 0.55
_JUMP_SHARE = 0.9
_STUTTER_BITS = 6.0
#: What one step must explain, in bits over all its samples: three stutters, the price of creeping over the cut.
_HIDDEN_GAIN_BITS = 18.0
_MAX_BASE_BITS = 84.0
#: 5 minutes each; longer clips are matched in their first 5 minutes only, and say so.
MAX_SAMPLES = 300 * SAMPLES_PER_S
#: Shorter stretches are too easily made by a plain scene: nothing is claimed of them.
MIN_STRETCH_SAMPLES = 3


@dataclass(frozen=True)
class Stretch:
    """`start_s` to `end_s` of the clip shows the release numbered `release` from `reference_s` on; None: foreign.

    `score` is 1 for the same pictures, 0 for unrelated ones.
    """

    start_s: float
    end_s: float
    release: int | None
    reference_s: float = 0.0
    score: float = 0.0

    @property
    def length_s(self) -> float:
        """How long the stretch lasts."""
        return self.end_s - self.start_s

    @property
    def reference_end_s(self) -> float:
        """Where in the release the stretch ends."""
        return self.reference_s + self.length_s


def stretches_of(
    query: Fingerprint, references: Sequence[Fingerprint], *, is_mirrored: bool = False
) -> tuple[Stretch, ...]:
    """The clip cut into stretches, in order and without gaps; empty where nothing can be compared.

    Plain pictures, which all look alike, go with their neighbours.
    """
    ours = (mirrored(query) if is_mirrored else query).hashes[:MAX_SAMPLES]
    theirs = [one for one in references if one.alg == query.alg]
    if len(ours) < MIN_STRETCH_SAMPLES or len(theirs) != len(references) or not theirs:
        return ()
    hashes = [one.hashes[:MAX_SAMPLES] for one in theirs]
    owner = np.repeat(np.arange(len(hashes)), [len(one) for one in hashes])
    place = np.concatenate([np.arange(len(one)) for one in hashes])
    plain = ~usable(query)[:MAX_SAMPLES]
    theirs_plain = np.concatenate([~usable(one)[:MAX_SAMPLES] for one in theirs])
    table = _table(ours, np.concatenate(hashes))
    table[:, theirs_plain] += 12.0
    nearest = table[~plain].min(axis=1) if (~plain).any() and table.shape[1] else np.array([])
    if not len(nearest):
        return ()
    base = min(float(np.quantile(nearest, 0.35)), _MAX_BASE_BITS)
    table[plain] = base
    path = _cheapest_path(table, owner, base, plain)
    return _stretches(path, table, owner, place)


def _table(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> NDArray[np.float32]:
    left = np.ascontiguousarray(ours).view(np.uint64)
    right = np.ascontiguousarray(theirs).view(np.uint64)
    return np.stack([np.bitwise_count(right ^ row).sum(axis=1) for row in left]).astype(np.float32)


def _cheapest_path(
    table: NDArray[np.float32], owner: NDArray[np.intp], base: float, plain: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """For each of our samples the column of `table` it shows, or the number of columns for foreign (Viterbi)."""
    count, columns = table.shape
    foreign = base + _FOREIGN_SHARE * (_UNRELATED_BITS - base)
    jump = _JUMP_SHARE * (foreign - base)
    cost = np.append(table[0], foreign if not plain[0] else base)
    came = np.empty((count, columns + 1), np.int32)
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    for row in range(1, count):
        best = int(cost.argmin())
        reached = np.full(columns + 1, cost[best] + jump)
        origin = np.full(columns + 1, best, np.int32)
        for step, extra in ((1, 0.0), (0, _STUTTER_BITS), (2, _STUTTER_BITS)):
            follow = np.full(columns, np.inf)
            follow[step:] = cost[: columns - step] + extra if step else cost[:columns] + extra
            for start in starts if step else ():
                follow[start : start + step] = np.inf
            nearer = follow < reached[:columns]
            reached[:columns][nearer] = follow[nearer]
            origin[:columns][nearer] = np.flatnonzero(nearer) - step
        if cost[columns] < reached[columns]:
            reached[columns], origin[columns] = cost[columns], columns
        came[row] = origin
        cost = reached + np.append(table[row], foreign if not plain[row] else base)
    path = np.empty(count, np.intp)
    path[-1] = int(cost.argmin())
    for row in range(count - 1, 0, -1):
        path[row - 1] = came[row, path[row]]
    return path


def _stretches(
    path: NDArray[np.intp], table: NDArray[np.float32], owner: NDArray[np.intp], place: NDArray[np.intp]
) -> tuple[Stretch, ...]:
    columns = table.shape[1]
    bounds = [0]
    for row in range(1, len(path)):
        before, now = path[row - 1], path[row]
        is_foreign = (before == columns, now == columns)
        if is_foreign == (True, True):
            continue
        if any(is_foreign) or owner[before] != owner[now] or not 0 <= now - before <= 2:
            bounds.append(row)
    bounds.append(len(path))
    bounds = [
        bound
        for start, end in pairwise(bounds)
        for bound in (start, *(_hidden_cuts(path, table, owner, start, end) if path[start] != columns else ()))
    ] + [len(path)]
    found = []
    for start, end in pairwise(bounds):
        times = start / SAMPLES_PER_S, end / SAMPLES_PER_S
        if path[start] == columns:
            found.append(Stretch(*times, None))
            continue
        bits = float(np.median(table[np.arange(start, end), path[start:end]]))
        score = float(np.clip(1 - bits / _UNRELATED_BITS, 0, 1))
        # The usual lead of the release's time over the clip's: it evens out a stutter at either end.
        begun = (start + float(np.median(place[path[start:end]] - np.arange(start, end)))) / SAMPLES_PER_S
        found.append(Stretch(*times, int(owner[path[start]]), max(0.0, float(begun)), score))
    return _without_slivers(found)


def _hidden_cuts(
    path: NDArray[np.intp], table: NDArray[np.float32], owner: NDArray[np.intp], start: int, end: int
) -> list[int]:
    """Cuts that a path crept over, a few stutters being cheaper than a jump: where half a second is missing from a
    calm scene. Told where one step explains the samples clearly better than no step at all."""
    lead = path[start:end] - np.arange(start, end)
    before, after = (int(np.median(part)) for part in (lead[:MIN_STRETCH_SAMPLES], lead[-MIN_STRETCH_SAMPLES:]))
    if abs(after - before) < MIN_STRETCH_SAMPLES or end - start < 2 * MIN_STRETCH_SAMPLES:
        return []
    first, last = (_along(table, owner, path[start], start, end, one) for one in (before, after))
    if first is None or last is None:
        return []
    leads = range(min(before, after), max(before, after) + 1)
    constant = [_along(table, owner, path[start], start, end, one) for one in leads]
    without = min(float(one.sum()) for one in constant if one is not None)
    split = np.append(0.0, np.cumsum(first)) + np.append(np.cumsum(last[::-1])[::-1], 0.0)
    inner = split[MIN_STRETCH_SAMPLES : len(split) - MIN_STRETCH_SAMPLES]
    if without - float(inner.min()) < _HIDDEN_GAIN_BITS:
        return []
    cut = start + MIN_STRETCH_SAMPLES + int(inner.argmin())
    path[start:cut] = np.arange(start, cut) + before
    path[cut:end] = np.arange(cut, end) + after
    return [cut]


def _along(
    table: NDArray[np.float32], owner: NDArray[np.intp], column: int, start: int, end: int, lead: int
) -> NDArray[np.float32] | None:
    """The distance of each sample from the one so many columns ahead; dear where the release ends before."""
    rows = np.arange(start, end)
    columns = rows + lead
    inside = (columns >= 0) & (columns < table.shape[1])
    columns = np.clip(columns, 0, table.shape[1] - 1)
    inside &= owner[columns] == owner[column]
    return np.where(inside, table[rows, columns], np.float32(_UNRELATED_BITS)) if inside.any() else None


def _without_slivers(found: list[Stretch]) -> tuple[Stretch, ...]:
    """Stretches too short to tell go to the neighbour before them (the first to the one after)."""
    kept: list[Stretch] = []
    shortest = (MIN_STRETCH_SAMPLES - 0.5) / SAMPLES_PER_S
    for one in found:
        if kept and (one.length_s < shortest or _continues(kept[-1], one)):
            last = kept[-1]
            kept[-1] = Stretch(last.start_s, one.end_s, last.release, last.reference_s, last.score)
        else:
            kept.append(one)
    if len(kept) > 1 and kept[0].length_s < shortest:
        first, second = kept[0], kept[1]
        back = max(0.0, second.reference_s - first.length_s)
        kept[:2] = [Stretch(first.start_s, second.end_s, second.release, back, second.score)]
    return tuple(kept)


def _continues(before: Stretch, after: Stretch) -> bool:
    """Whether a jump leads back to where the stretch before it would have gone on: a sliver lay between them."""
    if before.release != after.release:
        return False
    return before.release is None or abs(after.reference_s - before.reference_end_s) <= 1.5 / SAMPLES_PER_S
