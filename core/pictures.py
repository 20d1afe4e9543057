"""Still pictures of a clip: PNG and JPEG bytes, thumbnails, and the contact sheet people look at first."""

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Clip


def _encoded(picture: RGB, suffix: str, parameters: list[int]) -> bytes:
    done, encoded = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), parameters)
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} can't be written as {suffix}")
    return encoded.tobytes()


def png(picture: RGB) -> bytes:
    """PNG bytes of an RGB picture (H, W, 3) uint8."""
    return _encoded(picture, ".png", [])


def jpeg(picture: RGB, quality: int = 85) -> bytes:
    """JPEG bytes of an RGB picture (H, W, 3) uint8."""
    return _encoded(picture, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])


def fitted(picture: RGB, width_px: int) -> RGB:
    """A picture scaled to a width, its aspect kept."""
    height, width, _ = picture.shape
    size = (width_px, max(1, round(height * width_px / width)))
    filter_kind = cv2.INTER_AREA if width_px < width else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=filter_kind), np.uint8)


def reduced(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture, (H, W) or (H, W, 3), reduced to a size (width, height) by area means. Sides that stay twice as
    large as that are halved first, which is quicker by far and changes hardly anything."""
    while _halves_to(picture.shape[1], size[0]) and _halves_to(picture.shape[0], size[1]):
        half = (picture.shape[1] // 2, picture.shape[0] // 2)
        picture = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _halves_to(side: int, least: int) -> bool:
    return side % 2 == 0 and side >= 4 * least


def sampled(clip: Clip, count: int) -> list[RGB]:
    """Up to `count` frames, evenly spread over the clip; one pass, two when the file's frame count is unknown."""
    total = clip.info.frame_count or sum(1 for _ in clip.frames())
    wanted = {round(i * (total - 1) / max(1, count - 1)) for i in range(min(count, max(total, 1)))}
    return [frame for index, frame in enumerate(clip.frames()) if index in wanted]


def contact_sheet(pictures: Iterable[RGB], *, columns: int, width_px: int = 256, gap_px: int = 6) -> RGB:
    """Pictures of one aspect laid out in rows on white, each `width_px` wide."""
    tiles = [fitted(picture, width_px) for picture in pictures]
    if not tiles:
        raise ValueError("a contact sheet needs at least one picture")
    height = max(tile.shape[0] for tile in tiles)
    rows = math.ceil(len(tiles) / columns)
    sheet = np.full((rows * (height + gap_px) + gap_px, columns * (width_px + gap_px) + gap_px, 3), 255, np.uint8)
    for index, tile in enumerate(tiles):
        top = gap_px + (index // columns) * (height + gap_px)
        left = gap_px + (index % columns) * (width_px + gap_px)
        sheet[top : top + tile.shape[0], left : left + width_px] = tile
    return sheet
