"""Where a registered copy shows something else than the release: a mask per picture, and what it may be.

Differences are measured after gain and offset are fitted to each picture, so that brighter or flatter copies agree;
what encoding does at edges sets each picture's own noise floor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB
from detector.registration import Pair

Mask = NDArray[np.bool_]
ROWS_MAX = 36
_BLUR_PX = 2.0
#: A place counts as changed where its difference passes both: grey levels, and times the picture's own median.
MIN_LEVELS, MIN_TIMES = 9.0, 3.2
_MIN_AREA = 0.008
_GREY_LEVELS = 6  # between the channels of a pixel, for a copy without colours
_BLACK, _WHITE = 8, 247  # beyond these a brighter or darker copy has lost what was there
#: In at least this share of the pictures of a stretch of time, and in two in a row, or it is not told.
_MIN_PICTURES = 2
_CAPTION_BAND, _CAPTION_SHAPE = 0.30, 1.8


@dataclass(frozen=True)
class ChangedRegion:
    """A part of the picture that differs from the release from `start_s` to `end_s` of the copy.

    `box` is (left, top, right, bottom) as shares of the released picture, `area` its share of it. `kind` is
    `caption` for wide strips at the top or bottom, `overlay` for small marks, `replaced` for the rest.
    """

    start_s: float
    end_s: float
    box: tuple[float, float, float, float]
    area: float
    kind: str


@dataclass(frozen=True)
class Differences:
    """`heat` (rows, columns), 0 to 1: in what share of the compared pictures a place differs. `masks` holds one
    mask of the canvas per compared picture, with its time in the copy."""

    heat: NDArray[np.float32]
    regions: tuple[ChangedRegion, ...]
    masks: tuple[tuple[float, Mask], ...]


def differences_of(pairs: Sequence[Pair], interval_s: float = 0.5) -> Differences | None:
    """What differs, from at least two pairs in order of time; None for fewer. `interval_s` lies between pairs."""
    if len(pairs) < _MIN_PICTURES:
        return None
    masks = _steady([changed_mask(pair) for pair in pairs])
    timed = tuple((pair.copy_s, mask) for pair, mask in zip(pairs, masks, strict=True))
    mean: NDArray[np.float32] = np.asarray(np.mean(masks, axis=0), np.float32)
    height, width = mean.shape
    rows = min(ROWS_MAX, height)
    columns = max(1, round(rows * width / height))
    heat = cv2.resize(mean, (columns, rows), interpolation=cv2.INTER_AREA)
    return Differences(np.asarray(heat, np.float32), _regions(timed, interval_s), timed)


def changed_mask(pair: Pair) -> Mask:
    """Where one picture differs from its reference, on the reference's canvas."""
    inside = cv2.erode(pair.covered.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    if inside.mean() < 0.1:
        return np.zeros(pair.covered.shape, np.bool_)
    expected, gain = _expected(pair.reference, pair.copy, inside)
    squared = ((expected - pair.copy.astype(np.float32)) ** 2).mean(axis=2) / gain**2
    apart = np.sqrt(cv2.GaussianBlur(squared, (0, 0), _BLUR_PX))
    # Strong edges move by fractions of a pixel in every copy: they must differ by more.
    grey = cv2.cvtColor(pair.reference, cv2.COLOR_RGB2GRAY).astype(np.float32)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(grey, cv2.CV_32F, 0, 1) / 8)
    allowed = 0.35 * np.sqrt(cv2.GaussianBlur(slope * slope, (0, 0), _BLUR_PX))
    floor = float(np.median(apart[inside]))
    mask = inside & (apart - allowed > max(MIN_LEVELS, MIN_TIMES * floor))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    closing = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, closing)
    # The blur spreads a difference by about its own width; what lies outside is taken back.
    return _large(np.asarray(cv2.erode(closed, kernel), np.uint8))


def _expected(reference: RGB, copy: RGB, inside: Mask) -> tuple[NDArray[np.float32], float]:
    """The reference as the copy's brightness and colours would show it, and the mean gain of that.

    A gain and an offset a colour, fitted again without what differs; levels end at black and white as in the copy.
    A copy without colours is compared with the reference's brightness.
    """
    target = (_in_grey(reference) if _is_grey(copy) else reference).astype(np.float32)
    expected, gains = target.copy(), [1.0, 1.0, 1.0]
    keep = inside
    for _ in range(3):
        for channel in range(3):
            unclipped = keep & (copy[..., channel] > _BLACK) & (copy[..., channel] < _WHITE)
            known, shown = target[..., channel][unclipped], copy[..., channel][unclipped].astype(np.float32)
            if len(known) < 64 or known.std() < 1.0:
                continue
            gains[channel] = float(np.clip(np.cov(known, shown)[0, 1] / known.var(), 0.5, 2.0))
            shifted = gains[channel] * (target[..., channel] - known.mean()) + shown.mean()
            expected[..., channel] = np.clip(shifted, 0.0, 255.0)
        apart = np.abs(expected - copy).mean(axis=2)
        keep = inside & (apart <= max(6.0, float(np.quantile(apart[inside], 0.6))))
    return expected, float(np.mean(gains))


def _is_grey(picture: RGB) -> bool:
    """Whether a picture has no colours but what rounding and an encoder leave."""
    spread = picture.max(axis=2).astype(np.int16) - picture.min(axis=2)
    return bool(np.quantile(spread, 0.99) <= _GREY_LEVELS)


def _in_grey(picture: RGB) -> RGB:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def _large(mask: NDArray[np.uint8]) -> Mask:
    """The mask without parts under 0.6 % of the picture, holes filled."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    kept = np.zeros(mask.shape, np.uint8)
    for outline in outlines:
        if cv2.contourArea(outline) >= _MIN_AREA * mask.size:
            cv2.drawContours(kept, [outline], -1, 1, cv2.FILLED)
    return kept > 0


def _steady(masks: list[Mask]) -> list[Mask]:
    """Each mask where the one before or after it differs too: a lone flash is a misplaced frame."""
    steady = []
    grown = [cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0 for mask in masks]
    for number, mask in enumerate(masks):
        near = [grown[i] for i in (number - 1, number + 1) if 0 <= i < len(masks)]
        steady.append(_large((mask & np.logical_or.reduce(near)).astype(np.uint8)))
    return steady


def _regions(timed: Sequence[tuple[float, Mask]], interval_s: float) -> tuple[ChangedRegion, ...]:
    """Runs of pictures that differ, as regions: what touches another in time and place is one."""
    shown = np.array([mask for _, mask in timed])
    times = [time_s for time_s, _ in timed]
    ever = np.any(shown, axis=0).astype(np.uint8)
    count, labels = cv2.connectedComponents(cv2.dilate(ever, np.ones((3, 3), np.uint8)))
    found = []
    for label in range(1, count):
        inside = shown & (labels == label)
        present = np.flatnonzero(inside.any(axis=(1, 2)))
        if len(present) < _MIN_PICTURES:
            continue
        usual = inside[present].mean(axis=0) >= 0.3
        area = float(np.mean([inside[i].mean() for i in present]))
        places = np.argwhere(usual if usual.any() else inside.any(axis=0))
        (top, left), (bottom, right) = places.min(axis=0), places.max(axis=0) + 1
        height, width = ever.shape
        box = (float(left / width), float(top / height), float(right / width), float(bottom / height))
        start, end = max(0.0, times[present[0]] - interval_s / 2), times[present[-1]] + interval_s / 2
        found.append(ChangedRegion(start, end, box, area, _kind(box, area, width / height)))
    return tuple(sorted(found, key=lambda one: -one.area))


def _kind(box: tuple[float, float, float, float], area: float, aspect: float) -> str:
    left, top, right, bottom = box
    shape = (right - left) * aspect / max(1e-6, bottom - top)
    if (bottom <= _CAPTION_BAND or top >= 1 - _CAPTION_BAND) and shape >= _CAPTION_SHAPE:
        return "caption"
    return "overlay" if area < 0.03 else "replaced"
