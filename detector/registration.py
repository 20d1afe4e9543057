"""How a copy's pictures lie on those of the release: found from the pictures themselves, or taken from the mark."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Clip
from detector.alignment import Matrix, between_centres, between_corners, warped, whole_placement
from detector.matching import Stretch
from detector.reference import Reference

#: Pictures compared place by place; more cost time and say little more.
MAX_PAIRS = 40
_REGISTERED_PAIRS = 8
#: Half of the distance to the neighbouring frame at 12 a second: the copy's frame nearest in looks is taken.
_WINDOW_S = 0.09
_KEPT_LONG_SIDE_PX = 512
_TILE_PX = 16
_WELL_PLACED = 0.86
_MIN_INLIERS, _MIN_INLIER_SHARE = 24, 0.25
_RANSAC_PX, _RATIO = 1.5, 0.75


@dataclass(frozen=True)
class Candidate:
    """A picture of the release, when the copy should show it, and the copy's pictures around that time."""

    reference_s: float
    copy_s: float
    reference: RGB
    pictures: tuple[RGB, ...]


@dataclass(frozen=True)
class Pair:
    """One picture of the release and the copy's picture for it on the same canvas, uint8 (H, W, 3) both.

    `covered` is true where the copy has pixels.
    """

    reference_s: float
    copy_s: float
    reference: RGB
    copy: RGB
    covered: NDArray[np.bool_]


@dataclass(frozen=True)
class Registration:
    """`matrix` takes the copy's pixels, at its full size, to the reference's; `fit` is 1 for the same pictures."""

    matrix: Matrix
    fit: float
    pairs: tuple[Pair, ...]


def candidates_of(
    clip: Clip, reference: Reference, stretches: Sequence[Stretch], number: int, *, is_mirrored: bool = False
) -> list[Candidate]:
    """The release's pictures that some stretch of the copy shows, with the copy's frames near them. One pass."""
    wanted = [
        (one.start_s + time_s - one.reference_s, index)
        for one in stretches
        if one.release == number
        for index, time_s in enumerate(reference.times_s)
        if one.reference_s - 0.01 <= time_s <= one.reference_end_s - 0.05
    ]
    wanted.sort()
    if len(wanted) > MAX_PAIRS:
        wanted = [wanted[round(i)] for i in np.linspace(0, len(wanted) - 1, MAX_PAIRS)]
    held: list[list[RGB]] = [[] for _ in wanted]
    first = 0
    for frame in clip.timed_frames():
        while first < len(wanted) and wanted[first][0] < frame.time_s - _WINDOW_S:
            first += 1
        small: RGB | None = None
        for place in range(first, len(wanted)):
            if wanted[place][0] > frame.time_s + _WINDOW_S:
                break
            if small is None:
                small = _kept(frame.rgb, is_mirrored=is_mirrored)
            held[place].append(small)
        if first == len(wanted):
            break
    return [
        Candidate(reference.times_s[index], copy_s, reference.pictures[index], tuple(pictures))
        for (copy_s, index), pictures in zip(wanted, held, strict=True)
        if pictures
    ]


def _kept(rgb: RGB, *, is_mirrored: bool) -> RGB:
    height, width, _ = rgb.shape
    scale = min(1.0, _KEPT_LONG_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(small[:, ::-1]) if is_mirrored else small


def register(found: Sequence[Candidate], clip_size: tuple[int, int], marked: Matrix | None) -> Registration | None:
    """The best of: the whole picture, the mark's own placement, and one found by local features. None for no pairs.

    `clip_size` is (width, height) of the copy; `marked` takes its pixels (mirrored back where it was mirrored) to
    the reference's.
    """
    if not found:
        return None
    height, width, _ = found[0].reference.shape
    kept_height, kept_width, _ = found[0].pictures[0].shape
    to_kept = np.diag([kept_width / clip_size[0], kept_height / clip_size[1], 1.0])
    few = [found[round(i)] for i in np.linspace(0, len(found) - 1, min(_REGISTERED_PAIRS, len(found)))]
    whole = whole_placement((kept_width, kept_height), (width, height))
    placements = [whole] if marked is None else [whole, marked @ np.linalg.inv(to_kept)]
    best = max(((_fit(few, one), i, one) for i, one in enumerate(placements)), key=lambda one: one[:2])
    if best[0] < _WELL_PLACED and (featured := _by_features(few)) is not None:
        best = max(best, (_fit(few, featured), 9, featured), key=lambda one: one[:2])
    fit, _, matrix = best
    pairs = tuple(_paired(one, matrix) for one in found)
    return Registration(matrix @ to_kept, fit, pairs)


def _fit(found: Sequence[Candidate], matrix: Matrix) -> float:
    """The median over pictures of the upper third of tile correlations: pastes and captions leave it alone."""
    return float(np.median([_tiles_alike(pair := _paired(one, matrix), pair.covered) for one in found]))


def _tiles_alike(pair: Pair, covered: NDArray[np.bool_]) -> float:
    scores = []
    for top in range(0, pair.reference.shape[0] - _TILE_PX + 1, _TILE_PX):
        for left in range(0, pair.reference.shape[1] - _TILE_PX + 1, _TILE_PX):
            tile = np.s_[top : top + _TILE_PX, left : left + _TILE_PX]
            if covered[tile].mean() < 0.9:
                continue
            one, other = (picture[tile].astype(np.float32).mean(axis=2) for picture in (pair.reference, pair.copy))
            one, other = one - one.mean(), other - other.mean()
            power = float((one * one).mean())
            if power > 9.0:
                scores.append(float((one * other).mean()) / np.sqrt(power * float((other * other).mean()) + 1.0))
    return float(np.quantile(scores, 0.5)) if len(scores) >= 4 else 0.0


def _paired(one: Candidate, matrix: Matrix) -> Pair:
    """The candidate's nearest picture on the canvas of the reference."""
    height, width, _ = one.reference.shape
    laid = [warped(picture, matrix, (width, height)) for picture in one.pictures]
    apart = [float(np.abs(picture.astype(np.int16) - one.reference).mean()) for picture in laid]
    nearest = int(np.argmin(apart))
    full = np.full(one.pictures[nearest].shape[:2], 255, np.uint8)
    covered = cv2.warpPerspective(full, between_centres(matrix), (width, height), flags=cv2.INTER_NEAREST) > 0
    return Pair(one.reference_s, one.copy_s, one.reference, laid[nearest], np.asarray(covered))


def _by_features(found: Sequence[Candidate]) -> Matrix | None:
    """An affine placement from SIFT matches of all pictures together, or None."""
    sift = cv2.SIFT_create(nfeatures=400)  # type: ignore[attr-defined]
    points = [pair for one in found for pair in _matches(sift, one)]
    if len(points) < _MIN_INLIERS:
        return None
    ours, theirs = (np.array([pair[i] for pair in points], np.float32) for i in (0, 1))
    affine, inliers = cv2.estimateAffine2D(
        ours, theirs, method=cv2.RANSAC, ransacReprojThreshold=_RANSAC_PX, maxIters=4000, confidence=0.999
    )
    if affine is None or inliers.sum() < max(_MIN_INLIERS, _MIN_INLIER_SHARE * len(points)):
        return None
    return between_corners(np.vstack([affine, [0.0, 0.0, 1.0]]).astype(np.float64))


def _matches(sift: cv2.Feature2D, one: Candidate) -> Iterator[tuple[tuple[float, ...], tuple[float, ...]]]:
    picture = one.pictures[len(one.pictures) // 2]
    ours, described = sift.detectAndCompute(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), None)
    theirs, known = sift.detectAndCompute(cv2.cvtColor(one.reference, cv2.COLOR_RGB2GRAY), None)
    if described is None or known is None or len(known) < 2:
        return
    for nearest in cv2.BFMatcher().knnMatch(described, known, k=2):
        if len(nearest) == 2 and nearest[0].distance < _RATIO * nearest[1].distance:
            yield tuple(ours[nearest[0].queryIdx].pt), tuple(theirs[nearest[0].trainIdx].pt)
