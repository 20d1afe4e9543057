"""A perceptual fingerprint: what a clip looks like over time, so that a copy without credential or mark is known.

Eight times a second, 256 bits: the signs of low DCT coefficients of the mean picture of that eighth, 160 of luma
and 48 of each colour difference. PDQ takes 256 luma coefficients of one frame; the colours are what tells two drawn
clips on one background apart, and the mean over an eighth makes a trimmed copy's pictures match. Black bars are
stripped first. The name stands for all of it: another size, rate or band is another algorithm.

`similarity` looks for the best alignment in time, also mirrored, and says with what false-match rate it agrees.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Clip, Frame
from core.pictures import reduced
from provenance.landmarks import MAX_HELD_SAMPLES, LandmarkCollector
from provenance.placing import Placement, placement_of
from provenance.records import Fingerprint

ALGORITHM = "org.reelproof.fp.dct256-8hz.1"
SAMPLES_PER_S = 8

_LUMA_BITS, _CHROMA_BITS = 160, 48
_LUMA_SIDE, _CHROMA_SIDE = 64, 16
_REDUCED_SIDE = 256

# A bit counts as clear when its coefficient stands this far off the median, in grey levels of an orthonormal DCT:
# about what x264 at CRF 30 moves coefficients by (bench/provenance.py prints it).
_LUMA_MARGIN, _CHROMA_MARGIN = 6.0, 2.0
_MIN_QUALITY = 20

_BAR_BLACK = 24  # grey levels: black after limited-range rounding and mosquito noise
_BAR_EDGE = 24  # how much brighter the picture starts right after a bar; a dark sky has no such edge
_BAR_MAX_SHARE = 0.3
_BAR_PROBE_FRAMES = 96

AGREE_BITS = 52
AGREE_SHARE = 0.8
CLOSE_SCORE = 0.8  # hard re-encodes score .97, mirrors .89; clips that agree below it are asked for landmarks too
CANDIDATE_BITS = 80
_MIN_SAMPLES = 6
_MIN_OVERLAP = 0.5
_MAX_SHORTER_SAMPLES = 60 * SAMPLES_PER_S  # of two long clips, the middle minute of the shorter is compared
# Two takes of one scene by a camera that stands still look alike; what tells them apart is which bits change when.
_MOTION_LAG = 2  # samples
_MOTION_MIN_BITS = 6.0  # bits a lag: fewer is an encoder's noise on a still picture
MOTION_AGREES = 0.27  # copies at half size and CRF 36: 0.31 and up; other takes of one scene: 0.24 and below
#: Upper end of the 95 % interval: of 3,081 pairs of real clips none agreed, by hashes or by landmarks, but two that
#: are the same footage (python -m bench.provenance_fingerprint).
FALSE_MATCH_RATE = 1e-3

_Bits = NDArray[np.uint8]


@dataclass(frozen=True)
class Similarity:
    """How alike two clips are. `score` is 1 for the same pictures and 0 for unrelated ones.

    `agrees` holds where at least four fifths of the aligned samples lie within `AGREE_BITS` of each other, and the
    same bits change at the same times (`motion`, a correlation, at least `MOTION_AGREES`; None for stills).
    `false_match_rate` is how often two unrelated clips do that, measured. `offset_s` is where the query starts in
    the reference. `per_second` has one score for each second of the query, or None where it has no counterpart.
    `placement` says how the query lies in the reference where landmarks found it: cut out, turned, captioned.
    With `is_conclusive` False one of the clips is too plain or too short to tell, and `agrees` is False.
    """

    score: float
    agrees: bool
    offset_s: float
    false_match_rate: float
    per_second: tuple[float | None, ...]
    is_mirrored: bool = False
    is_conclusive: bool = True
    overlap_s: float = 0.0
    reason: str = ""
    motion: float | None = None
    placement: Placement | None = None


def fingerprint_clip(clip: Clip) -> Fingerprint:
    """The fingerprint of a clip of any frame rate and size, in one pass and constant memory. Deterministic.

    An empty clip gives an empty fingerprint.
    """
    hashes, quality = [], []
    end_s = 0.0
    seen = LandmarkCollector()
    for time_s, planes in _eighths(_without_bars(seen.watching(clip.timed_frames()), seen)):
        bits, clear = _signs(planes)
        seen.take_small(planes.luma)
        hashes.append(np.packbits(bits))
        quality.append(clear)
        end_s = time_s
    stacked = np.array(hashes, np.uint8).reshape(-1, 32)
    frame_s = float(1 / clip.info.fps) if clip.info.fps else 0.0
    end_s = round(end_s + frame_s, 3)
    return Fingerprint(ALGORITHM, stacked, np.array(quality, np.uint8), end_s, seen.landmarks)


def similarity(query: Fingerprint, reference: Fingerprint) -> Similarity:
    """How alike two fingerprints are, at the best of all alignments in time and mirrored or not: by their hashes,
    and where those do not agree, or not closely, by their landmarks, if both have any and those agree.

    A picture laid over a part of another upsets the hash of the whole; the landmarks beside it stay where they are.

    By hashes it is symmetric but for `offset_s` and `per_second`. Speed changes are not searched for.
    """
    by_hashes = _by_hashes(query, reference)
    is_close = by_hashes.agrees and by_hashes.score >= CLOSE_SCORE
    if is_close or query.alg != reference.alg or reference.landmarks is None or query.landmarks is None:
        return by_hashes
    placement = placement_of(query.landmarks, reference.landmarks)
    return _by_landmarks(query, placement) if placement is not None and placement.agrees else by_hashes


def _by_landmarks(query: Fingerprint, placement: Placement) -> Similarity:
    distances = np.full(len(query.hashes), -1, np.int16)
    for sample, likeness in placement.by_sample:
        if sample < len(distances):
            distances[sample] = round(128 * (1 - min(1.0, max(0.0, likeness))))
    return Similarity(
        score=float(np.clip(placement.likeness_shown, 0, 1)),
        agrees=True,
        offset_s=placement.delay / SAMPLES_PER_S,
        false_match_rate=FALSE_MATCH_RATE,
        per_second=_per_second(distances),
        is_mirrored=placement.is_mirrored,
        overlap_s=len(placement.by_sample) / SAMPLES_PER_S,
        motion=placement.motion,
        placement=placement,
    )


def _by_hashes(query: Fingerprint, reference: Fingerprint) -> Similarity:
    if query.alg != reference.alg:
        return _cannot_tell(query, f"made by different algorithms: {query.alg} and {reference.alg}")
    for name, one in (("clip", query), ("stored clip", reference)):
        if usable(one).sum() < _MIN_SAMPLES:
            return _cannot_tell(query, f"the {name} is too short or too plain to compare")
    straight = _best_alignment(query, reference)
    turned = _best_alignment(mirrored(query), reference)
    is_mirrored = turned[0] < straight[0]
    worst, offset, distances = turned if is_mirrored else straight
    motion = _motion_alike(mirrored(query) if is_mirrored else query, reference, offset)
    known = distances[distances >= 0]
    score = float(np.clip(1 - np.median(known) / 128, 0, 1))
    return Similarity(
        score=score,
        agrees=worst <= AGREE_BITS and (motion is None or motion >= MOTION_AGREES),
        offset_s=offset / SAMPLES_PER_S,
        false_match_rate=FALSE_MATCH_RATE,
        per_second=_per_second(distances),
        is_mirrored=is_mirrored,
        overlap_s=len(known) / SAMPLES_PER_S,
        motion=motion,
        reason="looks alike, but moves differently" if motion is not None and motion < MOTION_AGREES else "",
    )


def quantile_bits(query: Fingerprint, reference: Fingerprint) -> float | None:
    """How many bits the worst of the nearest four fifths of samples are apart, at the best alignment: what
    `similarity` compares with `AGREE_BITS`. None where it can't tell."""
    if min(usable(query).sum(), usable(reference).sum()) < _MIN_SAMPLES:
        return None
    return min(_best_alignment(query, reference)[0], _best_alignment(mirrored(query), reference)[0])


def usable(fingerprint: Fingerprint) -> NDArray[np.bool_]:
    """Which samples show enough to compare: blank and very plain pictures all look alike."""
    return fingerprint.quality >= _MIN_QUALITY


def mirrored(fingerprint: Fingerprint) -> Fingerprint:
    """The fingerprint of the clip flipped left to right, up to the few bits that lie at the median."""
    bits = np.unpackbits(fingerprint.hashes, axis=1) ^ _mirror_mask()
    hashes = np.packbits(bits, axis=1).reshape(-1, 32)
    return Fingerprint(fingerprint.alg, hashes, fingerprint.quality, fingerprint.duration_s)


def _best_alignment(query: Fingerprint, reference: Fingerprint) -> tuple[float, int, NDArray[np.int16]]:
    """The alignment with the lowest `AGREE_SHARE` quantile of distances.

    Gives that quantile, the offset in samples, and the distance of each query sample (-1 where there is none).
    """
    ours, theirs = _excerpts(query, reference)
    table = _distances(_cut(query, ours), _cut(reference, theirs))
    rows, columns = table.shape
    shortest = max(_MIN_SAMPLES, int(_MIN_OVERLAP * min(rows, columns)))
    best = (256.0, 0, np.full(len(query.hashes), -1, np.int16))
    for offset in range(shortest - rows, columns - shortest + 1):
        diagonal = np.diagonal(table, offset)
        known = diagonal[diagonal >= 0]
        if len(known) < min(shortest, _MIN_SAMPLES):
            continue
        worst = float(np.partition(known, rank := _rank(len(known)))[rank])
        if worst < best[0]:
            distances = np.full(len(query.hashes), -1, np.int16)
            start = ours.start + max(0, -offset)
            distances[start : start + len(diagonal)] = diagonal
            best = (worst, offset + theirs.start - ours.start, distances)
    return best


def _motion_alike(query: Fingerprint, reference: Fingerprint, offset: int) -> float | None:
    """How much the bits that change over `_MOTION_LAG` samples are the same in both, 0 to 1; None for stills."""
    start = max(0, -offset)
    count = min(len(query.hashes) - start, len(reference.hashes) - start - offset)
    if count <= _MOTION_LAG:
        return None
    ours = np.unpackbits(query.hashes[start : start + count], axis=1)
    theirs = np.unpackbits(reference.hashes[start + offset : start + offset + count], axis=1)
    changed, expected = ours[_MOTION_LAG:] ^ ours[:-_MOTION_LAG], theirs[_MOTION_LAG:] ^ theirs[:-_MOTION_LAG]
    totals = int(changed.sum()), int(expected.sum())
    if max(totals) < _MOTION_MIN_BITS * len(changed):
        return None
    return float((changed & expected).sum() / np.sqrt(max(1, totals[0]) * max(1, totals[1])))


def _rank(count: int) -> int:
    """Where the worst of the nearest `AGREE_SHARE` of `count` samples stands when they are sorted."""
    return int(np.ceil(AGREE_SHARE * count)) - 1


def _distances(query: Fingerprint, reference: Fingerprint) -> NDArray[np.int16]:
    """Bits apart, every query sample (rows) against every reference sample; -1 where either is too plain."""
    left = np.ascontiguousarray(query.hashes).view(np.uint64)
    right = np.ascontiguousarray(reference.hashes).view(np.uint64)
    table = np.empty((len(left), len(right)), np.int16)
    for row, words in enumerate(left):
        table[row] = np.bitwise_count(right ^ words).sum(axis=1, dtype=np.int16)
    table[~usable(query)] = -1
    table[:, ~usable(reference)] = -1
    return table


def _excerpts(query: Fingerprint, reference: Fingerprint) -> tuple[slice, slice]:
    """What of each is compared: all, or of two long clips the middle of the shorter."""
    lengths = (len(query.hashes), len(reference.hashes))
    shorter = 0 if lengths[0] <= lengths[1] else 1
    middle = max(0, (lengths[shorter] - _MAX_SHORTER_SAMPLES) // 2)
    windows = [slice(0, lengths[0]), slice(0, lengths[1])]
    windows[shorter] = slice(middle, middle + min(lengths[shorter], _MAX_SHORTER_SAMPLES))
    return windows[0], windows[1]


def _cut(fingerprint: Fingerprint, window: slice) -> Fingerprint:
    return Fingerprint(
        fingerprint.alg, fingerprint.hashes[window], fingerprint.quality[window], fingerprint.duration_s
    )


def _per_second(distances: NDArray[np.int16]) -> tuple[float | None, ...]:
    scores: list[float | None] = []
    for start in range(0, len(distances), SAMPLES_PER_S):
        second = distances[start : start + SAMPLES_PER_S]
        known = second[second >= 0]
        scores.append(round(float(np.clip(1 - np.median(known) / 128, 0, 1)), 3) if len(known) else None)
    return tuple(scores)


def _cannot_tell(query: Fingerprint, reason: str) -> Similarity:
    nothing = (None,) * -(-len(query.hashes) // SAMPLES_PER_S)
    return Similarity(0.0, False, 0.0, FALSE_MATCH_RATE, nothing, is_conclusive=False, reason=reason)


@dataclass(frozen=True)
class _Planes:
    """A reduced picture: luma (64, 64), red and blue difference (16, 16), float32."""

    luma: NDArray[np.float32]
    red: NDArray[np.float32]
    blue: NDArray[np.float32]


def _eighths(frames: Iterator[Frame]) -> Iterator[tuple[float, _Planes]]:
    """The mean picture of each eighth of a second that holds a frame, with the time of its last frame.

    An eighth without a frame (a low frame rate) repeats the picture before it: it is what was on the screen.
    """
    current, started = -1, False
    sums: list[NDArray[np.float32]] = []
    count, last_s = 0, 0.0
    for frame in frames:
        place = int(frame.time_s * SAMPLES_PER_S + 1e-6)
        planes = _reduced_planes(frame.rgb)
        if started and place > current:
            mean = _mean(sums, count)
            for _ in range(min(place - current, MAX_HELD_SAMPLES)):
                yield last_s, mean
            sums, count = [], 0
        sums = [total + plane for total, plane in zip(sums, planes, strict=True)] if sums else list(planes)
        current, started, count, last_s = place, True, count + 1, frame.time_s
    if started:
        yield last_s, _mean(sums, count)


def _mean(sums: list[NDArray[np.float32]], count: int) -> _Planes:
    luma, red, blue = (np.asarray(total / count, np.float32) for total in sums)
    return _Planes(luma, red, blue)


def _reduced_planes(rgb: RGB) -> tuple[NDArray[np.float32], ...]:
    picture = cv2.cvtColor(
        cv2.resize(rgb, (_LUMA_SIDE, _LUMA_SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2YCrCb
    )
    colours = cv2.resize(picture[..., 1:], (_CHROMA_SIDE, _CHROMA_SIDE), interpolation=cv2.INTER_AREA)
    return (
        picture[..., 0].astype(np.float32),
        colours[..., 0].astype(np.float32),
        colours[..., 1].astype(np.float32),
    )


def _signs(planes: _Planes) -> tuple[_Bits, int]:
    """256 bits, and the share of them (0-100) that stand clear of what an encoder moves."""
    groups = (
        (planes.luma, _LUMA_BITS, _LUMA_MARGIN),
        (planes.red, _CHROMA_BITS, _CHROMA_MARGIN),
        (planes.blue, _CHROMA_BITS, _CHROMA_MARGIN),
    )
    bits, clear = [], 0
    for plane, count, margin in groups:
        rows, columns = _zigzag(count)
        coefficients = cv2.dct(plane)[rows, columns]
        away = coefficients - np.median(coefficients)
        bits.append((away > 0).astype(np.uint8))
        clear += int((np.abs(away) > margin).sum())
    return np.concatenate(bits), round(100 * clear / 256)


@lru_cache(maxsize=4)
def _zigzag(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the lowest `count` coefficients without the mean, diagonal by diagonal."""
    side = int(np.ceil(np.sqrt(2 * count))) + 1
    places = sorted((row + column, row, column) for row in range(side) for column in range(side))[1 : count + 1]
    return np.array([row for _, row, _ in places]), np.array([column for _, _, column in places])


@lru_cache(maxsize=1)
def _mirror_mask() -> _Bits:
    """1 where a coefficient changes sign when the picture is flipped left to right: odd columns."""
    columns = [_zigzag(count)[1] for count in (_LUMA_BITS, _CHROMA_BITS, _CHROMA_BITS)]
    return (np.concatenate(columns) % 2).astype(np.uint8)


def _without_bars(frames: Iterator[Frame], seen: LandmarkCollector) -> Iterator[Frame]:
    """The frames at a small fixed size, cut to the picture between black bars, which `seen` is told.

    The bars are found in the first frames and then kept, so that the picture does not jump.
    """
    head = []
    for frame in frames:
        head.append(_reduced(frame))
        if len(head) == _BAR_PROBE_FRAMES:
            break
    if not head:
        return
    window = _picture_window(np.max([frame.rgb for frame in head], axis=0))
    rows, columns = window
    left, top, right, bottom = (
        edge / _REDUCED_SIDE for edge in (columns.start, rows.start, columns.stop, rows.stop)
    )
    seen.window = (left, top, right, bottom)
    for frame in head:
        yield Frame(frame.time_s, frame.rgb[window])
    for frame in frames:
        yield Frame(frame.time_s, _reduced(frame).rgb[window])


def _reduced(frame: Frame) -> Frame:
    return Frame(frame.time_s, reduced(frame.rgb, (_REDUCED_SIDE, _REDUCED_SIDE)))


def _picture_window(brightest: RGB) -> tuple[slice, slice]:
    """The rows and columns between black bars, from the brightest that each pixel ever was."""
    levels = brightest.max(axis=2)
    return _inside(levels.max(axis=1)), _inside(levels.max(axis=0))


def _inside(profile: NDArray[np.uint8]) -> slice:
    start, end = _bar(profile), _bar(profile[::-1])
    return slice(start, len(profile) - end)


def _bar(profile: NDArray[np.uint8]) -> int:
    """How many entries at the start belong to a black bar: dark, ending at a sharp edge, not too large."""
    bright = np.flatnonzero(profile > _BAR_BLACK)
    length = int(bright[0]) if len(bright) else 0
    if not 0 < length <= _BAR_MAX_SHARE * len(profile):
        return 0
    after = int(profile[length : length + 3].max())
    before = int(profile[max(0, length - 2)])
    # One row more: the reduced row at the edge mixes bar and picture.
    return length + 1 if after - before > _BAR_EDGE else 0
