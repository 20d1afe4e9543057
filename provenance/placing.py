"""Whether one clip lies in another, by landmarks: where, when, and how alike the two are there.

Frame against frame: features are matched one to one, and one affine placement is sought that many of them share
(RANSAC). Then the small pictures of both are laid over each other by it, for every delay worth trying, and compared
twice: what is shown (correlation of the pictures) and what changes when (correlation of the changes over a quarter
of a second). The second tells two takes by a camera that stands still apart, whose walls match in every feature.
Where something that moves was laid over a part, it is measured once more beside what differs.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.landmarks import SMALL_PX, Landmarks

MATCH_BITS = 72
_QUERY_KEYS = 8
_COARSE_FEATURES, _COARSE_BITS = 64, 36
_PAIRS_PLACED = 6
_RANSAC_PX, _RANSAC_ROUNDS = 4.0, 600
_MIN_MATCHES = 8
_SCALES, _MAX_STRETCH = (0.15, 6.0), 1.8
_DELAY_REACH = 5  # samples around the delay that two matching key frames name
_LAG = 2  # samples, over which change is compared
_STILL_LEVELS = 0.8  # grey levels of root mean square change: an encoder's noise on a still
_MIN_COVERED = 40  # of 1,024 pixels of the small picture
_FITTING_SHARE, _FITTING_ROUNDS = 0.75, 3

# What copies and other clips reach stands in docs/provenance.md (python -m bench.provenance_fingerprint): other
# takes of a scene up to .43 of motion.
AGREEING_FEATURES, AGREEING_LIKENESS, AGREEING_MOTION = 10, 0.8, 0.55
# Beside what differs: pasted copies .85 and up, other takes of a scene .45 at most (docs/provenance.md). It is only
# asked where the placement itself leaves no doubt.
AGREEING_MOTION_BESIDE = 0.7
_DIFFERING_LEVELS, _DIFFERING_TIMES = 6.0, 3.2  # grey levels, and times what the picture as a whole lies off
_MAX_DIFFERING_SHARE = 0.5
_LEAST_PART = 1 / 3
_RICH = 60  # features a key frame
_PLENTY = 40  # features that leave nothing to look for in further key frames
STILL_FEATURES, STILL_LIKENESS = 25, 0.9  # asked of pictures in which nothing moves

Matrix = NDArray[np.float64]
_Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Placement:
    """How a clip lies in another: `matrix` (2, 3) takes its canvas to the other's, `features` of the best pair of
    key frames agree on it. Sample i of the clip shows sample i + `delay` of the other.

    `likeness` is the correlation of what both show there (1 the same), `motion` that of what changes, None where
    nothing moves; `motion_beside` the same without the region that differs, None where it was not asked or nothing
    moves there; `by_sample` the likeness of each of the clip's samples that has a counterpart, with its number.
    `covered` is the share of the other's picture that the clip shows. `motion_in_part` is that of the samples which
    show the same, where some don't: other pictures stand there in between.
    """

    matrix: Matrix
    features: int
    delay: int
    likeness: float
    motion: float | None
    by_sample: tuple[tuple[int, float], ...]
    covered: float
    is_mirrored: bool = False
    motion_beside: float | None = None
    motion_in_part: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether enough features share the placement, and what is shown and what changes there is the same: all
        along, or in a third of the samples or more."""
        return self.agrees_all_along or self.agrees_in_part

    @property
    def agrees_in_part(self) -> bool:
        """Whether a third of the samples or more show the same and move alike, and others don't."""
        return self.motion_in_part is not None and self.motion_in_part >= AGREEING_MOTION_BESIDE

    @property
    def likeness_shown(self) -> float:
        """The likeness of the samples that show the same."""
        if self.agrees_all_along or not self.agrees_in_part:
            return self.likeness
        return float(np.median([one for _, one in self.by_sample if one >= STILL_LIKENESS]))

    @property
    def agrees_all_along(self) -> bool:
        """Whether that holds for the samples as a whole."""
        if self.motion is None:
            return self.features >= STILL_FEATURES and self.likeness >= STILL_LIKENESS
        is_placed = self.features >= AGREEING_FEATURES and self.likeness >= AGREEING_LIKENESS
        moves_beside = self.motion_beside is not None and self.motion_beside >= AGREEING_MOTION_BESIDE
        return is_placed and (self.motion >= AGREEING_MOTION or moves_beside)


def placement_of(query: Landmarks, reference: Landmarks) -> Placement | None:
    """The best placement of the query in the reference, straight or mirrored; None where nothing matches."""
    straight = _placed(query, reference, is_mirrored=False)
    if straight is not None and straight.agrees:
        return straight
    turned = _placed(query.mirrored(), reference, is_mirrored=True)
    return max((one for one in (straight, turned) if one is not None), key=_goodness, default=None)


def have_nothing_in_common(query: Landmarks, reference: Landmarks) -> bool:
    """Whether both show plenty of features and no key frame of one shares even ten with any of the other."""
    rich = all(len(one.key_of) >= _RICH * max(1, len(one.keys)) for one in (query, reference))
    return rich and placement_of(query, reference) is None


def _goodness(one: Placement) -> float:
    moved = 1.0 if one.motion is None else max(0.0, one.motion, one.motion_beside or 0.0, one.motion_in_part or 0.0)
    return one.features * max(0.0, one.likeness_shown) * moved


def _placed(query: Landmarks, reference: Landmarks, *, is_mirrored: bool) -> Placement | None:
    best: Placement | None = None
    by_delay = _Overlay(query, reference)
    for matrix, features, delay in _matched_keys(query, reference):
        delays = range(delay - _DELAY_REACH, delay + _DELAY_REACH + 1)
        for one in by_delay.compared(matrix, features, delays, is_mirrored=is_mirrored):
            if best is None or _goodness(one) > _goodness(best):
                best = one
        if best is not None and best.agrees and best.features >= _PLENTY:
            break
    return best


def _matched_keys(query: Landmarks, reference: Landmarks) -> Iterator[tuple[Matrix, int, int]]:
    """(placement, features that share it, delay) of the pairs of key frames that match best."""
    ours, theirs = _by_key(query), _by_key(reference)
    chosen = np.unique(np.linspace(0, len(ours) - 1, min(_QUERY_KEYS, len(ours))).astype(int))
    votes = [(_votes(ours[i][1], theirs[j][1]), int(i), j) for i in chosen for j in range(len(theirs))]
    for count, i, j in sorted(votes, reverse=True)[:_PAIRS_PLACED]:
        found = _affine(*ours[i], *theirs[j]) if count else None
        if found is not None and found[1] >= AGREEING_FEATURES:
            yield *found, int(reference.keys[j] - query.keys[i])


def _by_key(one: Landmarks) -> list[tuple[_Floats, NDArray[np.uint64]]]:
    bounds = np.searchsorted(one.key_of, np.arange(len(one.keys) + 1))
    words = np.ascontiguousarray(one.bits).view(np.uint64).reshape(-1, 4)
    return [(one.places[a:b], words[a:b]) for a, b in pairwise(bounds)]


def _bits_apart(ours: NDArray[np.uint64], theirs: NDArray[np.uint64]) -> NDArray[np.int16]:
    table = np.zeros((len(ours), len(theirs)), np.int16)
    for word in range(4):
        table += np.bitwise_count(ours[:, None, word] ^ theirs[None, :, word])
    return table


def _votes(ours: NDArray[np.uint64], theirs: NDArray[np.uint64]) -> int:
    """How many of the strongest features of one have one near them in the other."""
    if not len(ours) or not len(theirs):
        return 0
    return int((_bits_apart(ours[:_COARSE_FEATURES], theirs).min(axis=1) <= _COARSE_BITS).sum())


def _affine(
    our_places: _Floats, ours: NDArray[np.uint64], their_places: _Floats, theirs: NDArray[np.uint64]
) -> tuple[Matrix, int] | None:
    """The placement that most one-to-one matches share, and how many; None where it can be none of a copy."""
    table = _bits_apart(ours, theirs)
    nearest = table.argmin(axis=1)
    mutual = (table.argmin(axis=0)[nearest] == np.arange(len(ours))) & (table.min(axis=1) <= MATCH_BITS)
    if mutual.sum() < _MIN_MATCHES:
        return None
    source, target = our_places[mutual], their_places[nearest[mutual]]
    matrix, inside = cv2.estimateAffine2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=_RANSAC_PX, maxIters=_RANSAC_ROUNDS
    )
    if matrix is None:
        return None
    large, small = np.linalg.svd(matrix[:, :2], compute_uv=False)
    is_copy = _SCALES[0] <= small and large <= _SCALES[1] and large <= _MAX_STRETCH * small
    if not is_copy or np.linalg.det(matrix[:, :2]) < 0:
        return None
    # Features at one place (SIFT gives some two directions) count once.
    held = np.round(target[inside.ravel() > 0] / _RANSAC_PX).astype(int)
    return matrix, len(np.unique(held, axis=0))


class _Overlay:
    """Lays the small pictures of one clip over those of another."""

    def __init__(self, query: Landmarks, reference: Landmarks) -> None:
        self._query, self._reference = query, reference
        self._ours = {int(sample): place for place, sample in enumerate(query.samples)}
        self._theirs = {int(sample): place for place, sample in enumerate(reference.samples)}

    def compared(self, matrix: Matrix, features: int, delays: range, *, is_mirrored: bool) -> Iterator[Placement]:
        """The placement at each delay under which enough of both clips overlap."""
        laid, mask, blurred = self._laid(matrix)
        if mask.sum() < _MIN_COVERED:
            return
        shortest = min(len(self._ours), 2 * len(self._theirs)) / 2
        for delay in delays:
            pairs = [(i, self._theirs[s + delay], s) for s, i in self._ours.items() if s + delay in self._theirs]
            if 2 * len(pairs) < shortest or len(pairs) < 3:
                continue
            likeness, away = _compared(laid[[i for i, _, _ in pairs]], blurred[[j for _, j, _ in pairs]])
            motion, beside = self._motion(laid, blurred, delay), None
            shows = {s for (_, _, s), one in zip(pairs, likeness, strict=True) if one >= STILL_LIKENESS}
            is_part = features >= _PLENTY and _LEAST_PART * len(pairs) <= len(shows) < len(pairs)
            in_part = self._motion(laid, blurred, delay, shows) if is_part else None
            if motion is not None and features >= STILL_FEATURES and np.median(likeness) >= STILL_LIKENESS:
                alike = _alike_places(away, mask)
                if alike.mean() >= 1 - _MAX_DIFFERING_SHARE:
                    beside = self._motion(laid[:, alike], blurred[:, alike], delay)
            shown = tuple((s, float(one)) for (_, _, s), one in zip(pairs, likeness, strict=True))
            yield Placement(
                matrix,
                features,
                delay,
                float(np.median(likeness)),
                motion,
                shown,
                float(mask.mean()),
                is_mirrored,
                beside,
                in_part,
            )

    def _motion(self, laid: _Floats, blurred: _Floats, delay: int, among: Set[int] | None = None) -> float | None:
        """The correlation of what changes, all along or between the samples `among` these; None for stills."""
        steps = [
            (self._ours[s], self._ours[s + _LAG], self._theirs[s + delay], self._theirs[s + delay + _LAG])
            for s in (self._ours if among is None else among)
            if s + _LAG in (self._ours if among is None else among)
            and s + delay in self._theirs
            and s + delay + _LAG in self._theirs
        ]
        if not steps:
            return None
        a, b, c, d = np.array(steps).T
        ours, theirs = laid[b] - laid[a], blurred[d] - blurred[c]
        sizes = float((ours**2).mean()), float((theirs**2).mean())
        if max(sizes) < _STILL_LEVELS**2:
            return None
        return float((ours * theirs).mean() / np.sqrt(max(1e-9, sizes[0] * sizes[1])))

    def _laid(self, matrix: Matrix) -> tuple[_Floats, NDArray[np.bool_], _Floats]:
        """Our small pictures on the other's grid, what they cover of it, and the other's: float32 (T, P), bool
        (32, 32), float32 (T', P). The sharper of both is softened to what the other can show."""
        whole = np.vstack([matrix, [0, 0, 1]])
        there = np.linalg.inv(_of_small(self._reference)) @ whole @ _of_small(self._query)
        mask = _warped(np.ones((SMALL_PX, SMALL_PX), np.float32), there) > 0.99
        scale = float(np.sqrt(abs(np.linalg.det(there[:2, :2]))))
        ours = [
            _warped(_softened(one, 0.5 / scale if scale < 0.8 else 0.0), there)[mask] for one in self._query.small
        ]
        theirs = [_softened(one, 0.5 * scale)[mask] for one in self._reference.small]
        return np.array(ours, np.float32), mask, np.array(theirs, np.float32)


def _warped(small: _Floats, matrix: Matrix) -> _Floats:
    return np.asarray(cv2.warpAffine(small, matrix[:2], (SMALL_PX, SMALL_PX)), np.float32)


def _softened(small: NDArray[np.uint8], radius_px: float) -> _Floats:
    grey = small.astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), radius_px), np.float32) if radius_px > 0.3 else grey


def _of_small(one: Landmarks) -> Matrix:
    """The matrix that takes pixels of the small pictures to the canvas."""
    left, top, right, bottom = one.window
    width, height = (right - left) * one.size[0] / SMALL_PX, (bottom - top) * one.size[1] / SMALL_PX
    x, y = left * one.size[0], top * one.size[1]
    return np.array([[width, 0, x + width / 2 - 0.5], [0, height, y + height / 2 - 0.5], [0, 0, 1.0]])


def _compared(ours: _Floats, theirs: _Floats) -> tuple[_Floats, _Floats]:
    """The correlation of each row with its counterpart, and how far off each pixel lies (grey levels; as `ours`).

    Gain and offset are those of the three quarters of pixels that fit them best, over which the correlation goes
    too: a caption or a small picture laid over the rest does not count. They are looked for from two sides: from
    the best fit to all pixels, and from no change at all, which a dark bar with white letters doesn't pull away.
    """
    change = theirs - ours
    unchanged = np.abs(change - np.median(change, axis=1, keepdims=True))
    found = [_fitted(ours, theirs, weights) for weights in (np.ones_like(ours), _nearest(unchanged))]
    better = found[1][0] > found[0][0]
    return np.where(better, found[1][0], found[0][0]), np.where(better[:, None], found[1][1], found[0][1])


def _nearest(away: _Floats) -> _Floats:
    """1 for the pixels of each row that lie least off, 0 for the others."""
    rank = int(_FITTING_SHARE * away.shape[1])
    return np.asarray(away <= np.partition(away, rank - 1, axis=1)[:, rank - 1 : rank], np.float32)


def _fitted(ours: _Floats, theirs: _Floats, weights: _Floats) -> tuple[_Floats, _Floats]:
    """Correlation of each row and how far off each pixel lies, after rounds of fitting what fitted best."""
    for _ in range(_FITTING_ROUNDS):
        left, right, gain = _centred(ours, theirs, weights)
        weights = _nearest(np.abs(right - gain * left))
    left, right, gain = _centred(ours, theirs, weights)
    sizes = np.sqrt((weights * left**2).sum(axis=1) * (weights * right**2).sum(axis=1))
    likeness = np.asarray((weights * left * right).sum(axis=1) / np.maximum(sizes, 1e-6), np.float32)
    return likeness, np.asarray(np.abs(right - gain * left), np.float32)


def _alike_places(away: _Floats, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The compared pixels, bool (P,), that lie outside every region which differs most of the time. Regions are
    closed and grown by a pixel; specks are none."""
    typical = np.median(away, axis=0)
    grid = np.zeros(mask.shape, np.uint8)
    grid[mask] = typical > max(_DIFFERING_LEVELS, _DIFFERING_TIMES * float(np.median(typical)))
    whole = cv2.morphologyEx(grid, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    whole = cv2.morphologyEx(whole, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return np.asarray(cv2.dilate(whole, np.ones((3, 3), np.uint8))[mask] == 0)


def _centred(ours: _Floats, theirs: _Floats, weights: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    """Both without their weighted means, and the gain that takes ours to theirs."""
    total = weights.sum(axis=1, keepdims=True)
    left = ours - (weights * ours).sum(axis=1, keepdims=True) / total
    right = theirs - (weights * theirs).sum(axis=1, keepdims=True) / total
    size = np.maximum((weights * left**2).sum(axis=1, keepdims=True), 1e-6)
    return left, right, (weights * left * right).sum(axis=1, keepdims=True) / size
