"""What was done to a copy, second by second and place by place: its stretches, how it lies, what differs.

Pure of any look-up: it is handed the release's fingerprint and, where one was kept, its small pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.clip import Clip
from detector.alignment import Matrix
from detector.boundaries import sharpened
from detector.differences import ChangedRegion, Differences, differences_of
from detector.matching import Stretch, stretches_of
from detector.reference import Reference
from detector.registration import Registration, candidates_of, register
from detector.shots import fingerprint_by_shots, shots_of
from provenance.fingerprint import Similarity
from provenance.records import Fingerprint
from watermark.extraction import Geometry

#: A registration under this shows other pictures, or too much was changed to compare places (bench/detector).
PLACED_FIT = 0.75
#: From here on placed pictures show the same thing: half of their textured tiles correlate at least so.
AGREEING_FIT = 0.86
_MIN_PAIRS = 3
_LEAST_SHOWN = 0.45  # half of a clip, to the eighth of a second that a short one is measured in
MIN_CHANGE_S = 0.3
#: Below it a stretch may have been measured in the wrong frame; shots alone must show this much more (s, weighed).
_CLEAR_SCORE, _MARGIN_S = 0.8, 0.15


@dataclass(frozen=True)
class Inspection:
    """One copy against one release. `placed` is the copy's geometry in pixels of the release, None where unknown.

    `fit` is how alike the placed pictures are (1 the same, None where none could be placed); `pairs` how many were
    compared. `stretches` name the release by 0, foreign pictures by None.
    """

    stretches: tuple[Stretch, ...] = ()
    placed: Geometry | None = None
    fit: float | None = None
    pairs: int = 0
    differences: Differences | None = None
    originals: tuple[tuple[float, Any], ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether enough placed pictures show the same thing over most of their area and of the clip's time."""
        if self.fit is None or self.fit < AGREEING_FIT or self.pairs < _MIN_PAIRS:
            return False
        if self.differences is not None and float(self.differences.heat.mean()) > 0.5:
            return False
        return self.shown_share >= _LEAST_SHOWN

    @property
    def shown_share(self) -> float:
        """The share of the clip's time that shows the release."""
        whole = sum(one.length_s for one in self.stretches)
        return sum(one.length_s for one in self.stretches if one.release == 0) / whole if whole else 0.0

    @property
    def foreign(self) -> tuple[Stretch, ...]:
        """The stretches of foreign pictures that last long enough to be told."""
        return tuple(one for one in self.stretches if one.release is None and one.length_s >= MIN_CHANGE_S)

    @property
    def regions(self) -> tuple[ChangedRegion, ...]:
        """The regions that differ, largest first."""
        return self.differences.regions if self.differences is not None else ()

    @property
    def has_replaced_region(self) -> bool:
        """Whether a part of the picture, more than a caption or a small overlay, shows something else."""
        return any(one.kind == "replaced" for one in self.regions)


def inspect(
    clip: Clip,
    query: Fingerprint,
    released: Fingerprint,
    alike: Similarity | None,
    reference: Reference | None = None,
    marked: Matrix | None = None,
    marked_size: tuple[int, int] = (0, 0),
) -> Inspection:
    """Everything that can be told of a copy. `query` is the copy's fingerprint, laid back where it was cut out.

    `marked` takes the copy's pixels to the reference's where the mark says how it lies; `marked_size` is the
    release's (width, height).
    """
    is_mirrored = alike is not None and alike.is_mirrored
    stretches = sharpened(clip, _followed(clip, query, released, is_mirrored=is_mirrored))
    if reference is None or not len(reference.pictures):
        return Inspection(stretches)
    shown = stretches if any(one.release == 0 for one in stretches) else _by_offset(query, alike)
    size = (clip.info.width_px, clip.info.height_px)
    # The mark's own placement already undoes a mirror; the pictures are mirrored back first only without it.
    flips = is_mirrored and marked is None
    found = register(candidates_of(clip, reference, shown, 0, is_mirrored=flips), size, marked)
    originals = _evenly(list(zip(reference.times_s, reference.pictures, strict=True)), 6)
    if found is None or found.fit < PLACED_FIT:
        return Inspection(stretches, fit=found.fit if found is not None else None, originals=originals)
    placed = _geometry(found, reference, size, marked_size)
    return Inspection(stretches, placed, found.fit, len(found.pairs), differences_of(found.pairs), originals)


def _followed(clip: Clip, query: Fingerprint, released: Fingerprint, *, is_mirrored: bool) -> tuple[Stretch, ...]:
    """The stretches by the clip's fingerprint, or by that of its shots where those show the release better."""
    plain = stretches_of(query, [released], is_mirrored=is_mirrored)
    if is_mirrored or all(one.release == 0 and one.score >= _CLEAR_SCORE for one in plain):
        return plain
    alone = fingerprint_by_shots(clip, shots_of(clip))
    if alone is None or alone.alg != released.alg:
        return plain
    found = stretches_of(alone, [released])
    return found if _shown(found) > _shown(plain) + _MARGIN_S else plain


def _shown(stretches: Sequence[Stretch]) -> float:
    """Seconds that show the release, each counted as far as it does."""
    return sum(one.length_s * one.score for one in stretches if one.release == 0)


def _by_offset(query: Fingerprint, alike: Similarity | None) -> tuple[Stretch, ...]:
    """One stretch at the likeness's offset, for copies whose pictures changed too much to be followed."""
    start = alike.offset_s if alike is not None and alike.is_conclusive else 0.0
    skipped = max(0.0, -start)
    return (Stretch(skipped, query.duration_s, 0, max(0.0, start)),)


def _evenly(pictures: Sequence[Any], count: int) -> tuple[Any, ...]:
    if len(pictures) <= count:
        return tuple(pictures)
    return tuple(pictures[round(i)] for i in np.linspace(0, len(pictures) - 1, count))


def _geometry(
    found: Registration, reference: Reference, size: tuple[int, int], marked_size: tuple[int, int]
) -> Geometry | None:
    """The registration in the words of a mark's geometry, in pixels of the release."""
    if min(marked_size) <= 0:
        return None
    height, width = reference.pictures.shape[1:3]
    matrix = np.diag([marked_size[0] / width, marked_size[1] / height, 1.0]) @ found.matrix
    matrix = matrix / matrix[2, 2]
    flipped = bool(np.linalg.det(matrix[:2, :2]) < 0)
    slope = matrix[:2, :2] @ np.diag([-1.0 if flipped else 1.0, 1.0])
    corner = matrix @ np.array([float(size[0]) if flipped else 0.0, 0.0, 1.0])
    scale = float(np.hypot(*slope[:, 0]))
    return Geometry(
        scale,
        float(abs(np.linalg.det(slope))) / max(scale, 1e-9),
        float(np.degrees(np.arctan2(slope[1, 0], slope[0, 0]))),
        flipped,
        float(corner[0] / corner[2]),
        float(corner[1] / corner[2]),
    )
