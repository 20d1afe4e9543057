"""The footprint of an earlier encoding: P frames that fall back on intra blocks at even distances.

Where the first encoding had a key frame, noise and detail change at once, and the second encoder finds less to
predict from: the share of intra blocks rises for that frame. First groups of one length leave peaks at even
distances (Vázquez-Padín et al., WIFS 2012 and 10.1109/TIFS.2019.2951313). A P frame stands for the B frames before
it as well, which are coded after it.

Knows only how a file's frames are coded. Refuses to know what was done between the encodings: every platform
and every editor encodes anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.clip import Coding

#: Frames looked at: every one of them is combed at every distance, in every order.
MAX_FRAMES = 600
#: Distances looked for, in frames, and how often at least the place must come.
SHORTEST, LONGEST, LEAST_PLACES = 8, 64, 3
_FIRST_FRAME = 3  # the frames after a key frame are coded like no others
_AFTER_OWN_KEY = 2
_LEAST_P_FRAMES = 12
_BESIDE, _LEAST_SHARE = 4, 0.01
_LOW_PART = 0.6  # of the places of a comb, the lowest such part is averaged: no single peak makes a comb
_SHUFFLES, _LEAST_SPREAD = 40, 0.1

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Footprint:
    """The most regular peaks: every `distance` frames from `first` on. `score` is how far they stand above what the
    same P frames show in any other order, in standard deviations of that.
    """

    distance: int
    first: int
    score: float


def footprint_of(codings: Sequence[Coding | None]) -> Footprint | None:
    """The footprint in a clip's first 600 frames; None where it can't be told.

    That is: frames whose coding is unknown, fewer than 12 P frames, or no distance that comes three times.
    """
    looked_at = codings[:MAX_FRAMES]
    known = [one for one in looked_at if one is not None]
    if not known or len(known) < len(looked_at):
        return None
    kinds = np.array([one.kind for one in known])
    usable = np.ones(len(kinds), np.bool_)
    usable[:_FIRST_FRAME] = False
    usable[kinds == "I"] = False
    peaks = _peaks(known, kinds)
    if len(peaks) < _LEAST_P_FRAMES:
        return None
    places = np.flatnonzero(_is_free(kinds))
    rng = np.random.default_rng(0)
    orders = np.stack([peaks, *(rng.permutation(peaks) for _ in range(_SHUFFLES))])
    spread = np.zeros((len(orders), len(kinds) + 1))
    spread[:, places] = orders
    combs = _combs(spread[:, _standing_for(kinds)], usable)
    if combs is None:
        return None
    heights, distance, first = combs
    while first < _FIRST_FRAME:
        first += distance
    usual = heights[1:]
    score = (heights[0] - usual.mean()) / (usual.std() + _LEAST_SPREAD)
    return Footprint(distance, first, float(score))


def _is_free(kinds: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Which frames are P frames that lie not just behind a key frame of the file itself."""
    near = np.zeros(len(kinds), np.bool_)
    for step in range(1, _AFTER_OWN_KEY + 1):
        near[step:] |= kinds[:-step] == "I"
    return np.asarray((kinds == "P") & ~near)


def _peaks(known: Sequence[Coding], kinds: NDArray[np.str_]) -> Values:
    """By how much each free P frame's intra share stands above its neighbours', log(1 + deviations - 1), from 0."""
    free = np.flatnonzero(_is_free(kinds))
    shares = np.array([known[int(i)].intra_share or 0.0 for i in free])
    if len(shares) < _LEAST_P_FRAMES:
        return shares
    beside = [
        np.median(np.concatenate([shares[max(0, i - _BESIDE) : i], shares[i + 1 : i + 1 + _BESIDE]]))
        for i in range(len(shares))
    ]
    above = shares - beside
    deviation = 1.4826 * np.median(np.abs(above)) + _LEAST_SHARE
    return np.asarray(np.log1p(np.clip(above / deviation - 1, 0, 30)))


def _standing_for(kinds: NDArray[np.str_]) -> NDArray[np.intp]:
    """For each frame the P frame that speaks for it: itself, or for a B frame the next P; else one past the end."""
    speaker = np.full(len(kinds), len(kinds), np.intp)
    following = len(kinds)
    for i in range(len(kinds) - 1, -1, -1):
        if kinds[i] == "P":
            following = i
        elif kinds[i] != "B":
            following = len(kinds)
        speaker[i] = following
    return speaker


def _combs(peaks: Values, usable: NDArray[np.bool_]) -> tuple[Values, int, int] | None:
    """The height of each row's best comb, and the distance and first frame of that of row 0. Rows are orders."""
    rows, count = peaks.shape
    held = np.where(usable, peaks, np.inf)
    usual = peaks[:, usable].mean(axis=1)
    best = np.full(rows, -np.inf)
    distance = first = 0
    for step in range(SHORTEST, min(LONGEST, count // LEAST_PLACES) + 1):
        turns = -(-count // step)
        table = np.full((rows, turns * step), np.inf)
        table[:, :count] = held
        table = np.sort(table.reshape(rows, turns, step), axis=1)
        places = np.isfinite(table[0]).sum(axis=0)
        low = np.maximum(np.ceil(_LOW_PART * places).astype(np.intp), 2)
        sums = np.cumsum(np.where(np.isfinite(table), table, 0.0), axis=1)
        means = sums[:, np.minimum(low, turns) - 1, np.arange(step)] / low
        heights = np.where(places >= LEAST_PLACES, (means - usual[:, None]) * np.sqrt(places), -np.inf)
        if heights[0].max() > best[0]:
            distance, first = step, int(heights[0].argmax())
        best = np.maximum(best, heights.max(axis=1))
    return (best, distance, first) if np.isfinite(best).all() else None
