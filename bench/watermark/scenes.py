"""What a clip meets in the world: logos and captions over it, other clips around it, screens, phone cameras."""

from collections.abc import Iterator

import cv2
import numpy as np

from bench.watermark.frames import Rng, corner_pull, each_frame, even, rounded, warped
from core.clip import RGB, Clip, Frame

_INK, _DARK = (245, 245, 245), (24, 26, 32)


def _text(rgb: RGB, words: str, x: int, y: int, height_px: float) -> None:
    scale = max(0.3, height_px / 22.0)
    for colour, thick in ((_DARK, 4), (_INK, 1)):
        cv2.putText(rgb, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, max(1, round(thick * scale)))


def logo_and_caption(rgb: RGB) -> RGB:
    """A disc with a word in one corner, a dark bar with two lines of words below."""
    drawn = np.ascontiguousarray(rgb).copy()
    height, width = drawn.shape[:2]
    radius = max(6, height // 12)
    cv2.circle(drawn, (width - 2 * radius, 2 * radius), radius, (230, 60, 40), -1)
    _text(drawn, "LIVE", width - 2 * radius - radius // 2, 2 * radius, radius / 3)
    top = height - height // 6
    drawn[top:] = rounded(0.35 * drawn[top:].astype(np.float32))
    for line, words in enumerate(("A caption that somebody wrote", "over the lower part of the clip")):
        _text(drawn, words, width // 16, top + round((line + 0.8) * height / 13), height / 18)
    return drawn


def picture_in_picture(clip: Clip, rng: Rng) -> Clip:
    """The marked clip at half its sides, at a random place over a moving, textured other clip of its size."""
    width, height = clip.info.width_px, clip.info.height_px
    size = (even(width / 2), even(height / 2))
    left, top = int(rng.integers(width - size[0] + 1)), int(rng.integers(height - size[1] + 1))
    texture = rng.integers(30, 226, (height // 8 + 4, width // 8 + 4, 3)).astype(np.uint8)
    backdrop = cv2.resize(texture, (width + 64, height + 64), interpolation=cv2.INTER_CUBIC)

    def placed(frames: Iterator[Frame]) -> Iterator[Frame]:
        for i, frame in enumerate(frames):
            shift = i * 2 % 64
            canvas = backdrop[shift : shift + height, shift : shift + width].copy()
            canvas[top : top + size[1], left : left + size[0]] = cv2.resize(
                frame.rgb, size, interpolation=cv2.INTER_AREA
            )
            yield Frame(frame.time_s, np.asarray(canvas, np.uint8))

    return clip.mapped(placed)


def on_a_screen(clip: Clip, rng: Rng) -> Clip:
    """A screen recording: the clip at 0.75 to 0.9 of its sides in a player's window, with a moving pointer."""
    share = float(rng.uniform(0.75, 0.9))
    width, height = clip.info.width_px, clip.info.height_px
    size = (even(width * share), even(height * share))
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    desk = np.full((height, width, 3), _DARK, np.uint8)
    _text(desk, "player - clip.mp4", max(2, left), max(8, top - 6), max(8, top / 3))
    cv2.rectangle(desk, (left, height - top // 2), (left + size[0] // 3, height - top // 2 + 3), (220, 40, 40), -1)
    path = rng.uniform(0.2, 0.8, (2, 2)) * (width, height)

    def shown(frames: Iterator[Frame]) -> Iterator[Frame]:
        for i, frame in enumerate(frames):
            canvas = desk.copy()
            canvas[top : top + size[1], left : left + size[0]] = cv2.resize(
                frame.rgb, size, interpolation=cv2.INTER_LINEAR
            )
            x, y = path[0] + (path[1] - path[0]) * (0.5 + 0.5 * np.sin(i / 20))
            cv2.drawMarker(canvas, (int(x), int(y)), _INK, cv2.MARKER_TRIANGLE_UP, max(8, height // 40), 2)
            yield Frame(frame.time_s, canvas)

    return clip.mapped(shown)


_PULL, _GAMMA, _MOIRE, _GRAIN = 0.12, 1.15, 6.0, 4.0


def recaptured(clip: Clip, rng: Rng) -> Clip:
    """A phone filming a screen: homography, gamma 1.15, moire of 6 levels, a lens's blur, noise of 4 levels."""
    width, height = clip.info.width_px, clip.info.height_px
    matrix = corner_pull(clip, _PULL, rng)
    angle, pitch_px = rng.uniform(0.0, np.pi), rng.uniform(5.0, 11.0)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = np.cos(2 * np.pi * (columns * np.cos(angle) + rows * np.sin(angle)) / pitch_px).astype(np.float32)
    moire = (_MOIRE * waves)[..., None]
    curve = rounded(255.0 * (np.arange(256) / 255.0) ** _GAMMA)
    seed = int(rng.integers(1 << 62))

    def filmed(frames: Iterator[Frame]) -> Iterator[Frame]:
        own = np.random.default_rng(seed)
        for frame in frames:
            seen = cv2.GaussianBlur(np.asarray(cv2.LUT(warped(frame.rgb, matrix), curve)), (0, 0), 0.8)
            grain = own.standard_normal(seen.shape, np.float32) * np.float32(_GRAIN)
            yield Frame(frame.time_s, rounded(seen + moire + grain))

    return clip.mapped(filmed)


def captioned(clip: Clip, _: Rng) -> Clip:
    """`logo_and_caption` on every picture."""
    return each_frame(clip, logo_and_caption)
