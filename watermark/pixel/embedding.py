"""Marking frames as they stream by: patterns times perceptual gain, added to luma, rounded, never truncated."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Clip, Frame
from watermark.pixel.layout import (
    CYCLE_TURNS,
    PITCH_PX,
    TURNING_POWER,
    CanonicalGrid,
    standing_plane,
    turn_and_sign,
    turning_plane,
)
from watermark.pixel.masking import gain_shape, limit_to, luma_of, perceptual_gain
from watermark.pixel.message import Message
from watermark.pixel.pattern import STANDING_PLANES, TURNING_PLANES, Plane, draw, marked_chips

Pattern = NDArray[np.float32]

_SHARES, _STRIP_PX = 2, 48
_NOT_DRAWN: Pattern = np.empty((0, 0), np.float32)
_TURNING, _STANDING = float(np.sqrt(TURNING_POWER)), float(np.sqrt(1.0 - TURNING_POWER))


def embed(clip: Clip, message: Message, key: bytes, psnr_db: float) -> Clip:
    """The marked clip; frames are marked as they are read. See `PixelWatermark.embed`."""

    def mark(frames: Iterator[Frame]) -> Iterator[Frame]:
        return _marked(frames, message, key, psnr_db)

    return clip.mapped(mark)


def plane_pattern(message: Message, key: bytes, plane: Plane, height_px: int, width_px: int) -> Pattern:
    """What one plane draws on a clip of this size, float32 (height_px, width_px), root mean square about 1."""
    grid = CanonicalGrid.of(width_px, height_px)
    rows, columns = int(np.ceil(grid.height_px)), int(np.ceil(grid.width_px))
    chips = marked_chips(key, plane, message.coded)[: rows // PITCH_PX + 1, : columns // PITCH_PX + 1]
    drawn = draw(chips, rows, columns)
    if grid.reduction == 1.0:
        return drawn
    step, offset = 1.0 / grid.reduction, 0.5 / grid.reduction - 0.5
    matrix = np.array([[step, 0.0, offset], [0.0, step, offset]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    enlarged = cv2.warpAffine(drawn, matrix, (width_px, height_px), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(enlarged, np.float32)


class PatternClock:
    """The pattern of any moment of a clip, drawn once and kept while it stands.

    `power` is the mean square of the last pattern given, at the gain's size.
    """

    def __init__(self, message: Message, key: bytes, height_px: int, width_px: int) -> None:
        self._message, self._key, self._size = message, key, (height_px, width_px)
        self._first = message.first_turn(key)
        self._drawn: dict[Plane, Pattern] = {}
        self._now: tuple[int, int] | None = None
        self._pattern: Pattern = np.empty((0, 0), np.float32)
        self.power: Pattern = np.empty((0, 0), np.float32)

    def at(self, time_s: float) -> Pattern:
        """The pattern at a time, float32 (height_px, width_px): standing layer plus or minus turning layer."""
        turn, sign = turn_and_sign(time_s)
        if (turn, sign) != self._now:
            place = (self._first + turn) % CYCLE_TURNS
            wanted = (STANDING_PLANES[standing_plane(place)], TURNING_PLANES[turning_plane(place)])
            self._drawn = {plane: self._drawn.get(plane, _NOT_DRAWN) for plane in wanted}
            for plane, drawn in self._drawn.items():
                if drawn.size == 0:
                    self._drawn[plane] = plane_pattern(self._message, self._key, plane, *self._size)
            standing, turning = (self._drawn[plane] for plane in wanted)
            weighted = cv2.addWeighted(standing, _STANDING, turning, sign * _TURNING, 0.0)
            self._now, self._pattern = (turn, sign), np.asarray(weighted, np.float32)
            small = gain_shape(self._size[1], self._size[0])
            power = cv2.resize(cv2.multiply(weighted, weighted), small, interpolation=cv2.INTER_AREA)
            self.power = np.asarray(power, np.float32)
        return self._pattern


def _marked(frames: Iterator[Frame], message: Message, key: bytes, psnr_db: float) -> Iterator[Frame]:
    clock: PatternClock | None = None
    size: tuple[int, ...] = ()
    with ThreadPoolExecutor(_SHARES) as pool:
        for frame in frames:
            if clock is None or frame.rgb.shape[:2] != size:
                size = frame.rgb.shape[:2]
                clock = PatternClock(message, key, *frame.rgb.shape[:2])
            pattern = clock.at(frame.time_s)
            gain = limit_to(perceptual_gain(luma_of(frame.rgb)), clock.power, psnr_db)
            yield Frame(frame.time_s, mark_frame(frame.rgb, pattern, gain, pool))


def mark_frame(rgb: RGB, pattern: Pattern, gain: Pattern, pool: ThreadPoolExecutor) -> RGB:
    """One marked frame: the same rounded luma change on R, G and B, clipped to 0..255. Strips side by side."""
    height, width = pattern.shape
    level = cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR)
    rgb = np.ascontiguousarray(rgb)
    marked = np.empty(rgb.shape, np.uint8)

    def share(rows: slice) -> None:
        edges = [*range(rows.start, rows.stop, _STRIP_PX), rows.stop]
        for strip in map(slice, edges[:-1], edges[1:]):
            # Rises and falls apart, in 8 bits: an order of magnitude faster than one signed sum. Rounds to nearest.
            up, down = (cv2.multiply(level[strip], pattern[strip], scale=s, dtype=cv2.CV_8U) for s in (1.0, -1.0))
            raised = cv2.add(rgb[strip], cv2.cvtColor(up, cv2.COLOR_GRAY2RGB))
            cv2.subtract(raised, cv2.cvtColor(down, cv2.COLOR_GRAY2RGB), dst=marked[strip])

    halves = [height * i // _SHARES for i in range(_SHARES + 1)]
    list(pool.map(share, [slice(a, b) for a, b in pairwise(halves) if b > a]))
    return marked
