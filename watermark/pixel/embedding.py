"""Marking frames as they stream by: pattern times perceptual gain, added to luma, rounded, never truncated."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Clip, Frame
from watermark.code import encode
from watermark.payload import Payload
from watermark.pixel.layout import PITCH_PX, SEGMENT_S, CanonicalGrid, first_pilot, pilot_at
from watermark.pixel.masking import limit_to, luma_of, perceptual_gain
from watermark.pixel.pattern import draw, marked_chips

_NEARLY_S = 1e-6


def embed(clip: Clip, payload: Payload, key: bytes, psnr_db: float) -> Clip:
    """The marked clip; frames are marked as they are read. See `PixelWatermark.embed`."""

    def mark(frames: Iterator[Frame]) -> Iterator[Frame]:
        return _marked(frames, payload, key, psnr_db)

    return clip.mapped(mark)


def segment_pattern(
    payload: Payload, key: bytes, segment: int, height_px: int, width_px: int
) -> NDArray[np.float32]:
    """The pattern of one segment at the clip's own size, float32 (height_px, width_px), root mean square about
    1."""
    grid = CanonicalGrid.of(width_px, height_px)
    pilot = pilot_at(first_pilot(payload, key), segment)
    coded = encode(np.array(payload.to_bits(), np.uint8))
    rows, columns = grid.height_px // PITCH_PX + 1, grid.width_px // PITCH_PX + 1
    drawn = draw(marked_chips(key, pilot, coded, rows, columns), grid.height_px, grid.width_px)
    if grid.reduction == 1:
        return drawn
    size = (grid.width_px * grid.reduction, grid.height_px * grid.reduction)
    enlarged = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_CUBIC), np.float32)
    return enlarged[:height_px, :width_px]


def _marked(frames: Iterator[Frame], payload: Payload, key: bytes, psnr_db: float) -> Iterator[Frame]:
    segment, pattern = -1, np.empty((0, 0), np.float32)
    for frame in frames:
        current = int((frame.time_s + _NEARLY_S) // SEGMENT_S)
        if current != segment or pattern.shape != frame.rgb.shape[:2]:
            segment = current
            pattern = segment_pattern(payload, key, segment, *frame.rgb.shape[:2])
        yield Frame(frame.time_s, mark_frame(frame.rgb, pattern, psnr_db))


def mark_frame(rgb: RGB, pattern: NDArray[np.float32], psnr_db: float) -> RGB:
    """One marked frame: the same rounded luma change on R, G and B, clipped to 0..255."""
    height, width = pattern.shape
    gain = limit_to(perceptual_gain(luma_of(rgb)), psnr_db)
    level = cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR)
    change = np.rint(cv2.multiply(level, pattern)).astype(np.int16)
    return np.asarray(cv2.add(rgb, cv2.merge([change, change, change]), dtype=cv2.CV_8U), np.uint8)
