"""Changes of pictures one by one: light, colour, blur, noise, turns, crops, stretches. Clip to Clip, streaming.

Parameters that are drawn at random are drawn once per clip, from the generator given; noise is drawn per frame from
a seed of its own, so that reading a clip twice gives the same frames.
"""

from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Clip, Frame
from core.video import scaled

Picture = Callable[[RGB], RGB]
Rng = np.random.Generator
Change = Callable[[Clip, Rng], Clip]
Matrix = NDArray[np.float64]


def each_frame(clip: Clip, change: Picture) -> Clip:
    """The clip with every picture changed; its size is read off the first changed picture when it is asked for."""
    probe = change(np.zeros((clip.info.height_px, clip.info.width_px, 3), np.uint8))

    def changed(frames: Iterator[Frame]) -> Iterator[Frame]:
        return (Frame(f.time_s, np.ascontiguousarray(change(f.rgb), np.uint8)) for f in frames)

    return clip.mapped(changed, width_px=probe.shape[1], height_px=probe.shape[0])


def pictures(change: Picture) -> Change:
    """A change that is the same for every picture of every clip."""
    return lambda clip, _: each_frame(clip, change)


def rounded(values: NDArray[np.floating]) -> RGB:
    """To uint8, rounded, never truncated."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def brightness(factor: float) -> Picture:
    """Values times `factor` (torchvision's adjust_brightness)."""
    return lambda rgb: np.asarray(cv2.convertScaleAbs(rgb, alpha=factor), np.uint8)


def contrast(factor: float) -> Picture:
    """Blended with the mean of its grey picture (adjust_contrast)."""

    def change(rgb: RGB) -> RGB:
        mean = float(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).mean())
        return rounded(factor * rgb.astype(np.float32) + (1.0 - factor) * mean)

    return change


def saturation(factor: float) -> Picture:
    """Blended with its grey picture (adjust_saturation); 0 is greyscale."""

    def change(rgb: RGB) -> RGB:
        grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return np.asarray(cv2.addWeighted(rgb, factor, grey, 1.0 - factor, 0.0), np.uint8)

    return change


def hue(turn: float) -> Picture:
    """Hue turned by a share of the circle (adjust_hue: 0.25 is 90 degrees)."""

    def change(rgb: RGB) -> RGB:
        hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV_FULL)
        hsv[..., 0] += np.uint8(round(turn * 256) % 256)
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL), np.uint8)

    return change


def jpeg(quality: int) -> Picture:
    """Each picture through JPEG."""

    def change(rgb: RGB) -> RGB:
        done, coded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise ValueError("the JPEG encoder refused a picture")
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]

    return change


def gaussian_blur(side: int) -> Picture:
    """Kernel of `side` px; sigma 0.3 ((side - 1) / 2 - 1) + 0.8, as torchvision's and OpenCV's default."""
    return lambda rgb: np.asarray(cv2.GaussianBlur(rgb, (side, side), 0), np.uint8)


def median(side: int) -> Picture:
    """Median over `side` x `side`."""
    return lambda rgb: np.asarray(cv2.medianBlur(np.ascontiguousarray(rgb), side), np.uint8)


def noise(sigma: float) -> Change:
    """Independent Gaussian noise of `sigma` levels on R, G and B."""

    def change(clip: Clip, rng: Rng) -> Clip:
        seed = int(rng.integers(1 << 62))

        def noisy(frames: Iterator[Frame]) -> Iterator[Frame]:
            own = np.random.default_rng(seed)
            for frame in frames:
                grain = own.standard_normal(frame.rgb.shape, np.float32) * np.float32(sigma)
                yield Frame(frame.time_s, rounded(frame.rgb + grain))

        return clip.mapped(noisy)

    return change


def resize(share: float, share_y: float | None = None) -> Change:
    """Both sides times a share (area filter down, cubic up), rounded to even numbers."""

    def change(clip: Clip, _: Rng) -> Clip:
        return scaled(clip, even(clip.info.width_px * share), even(clip.info.height_px * (share_y or share)))

    return change


def even(length: float) -> int:
    """The nearest even number of pixels, at least 16."""
    return max(16, 2 * round(length / 2))


def crop(share: float, *, back: bool = False) -> Change:
    """A window of `share` of each side at a random place; kept small, or `back` to the size before."""

    def change(clip: Clip, rng: Rng) -> Clip:
        width, height = clip.info.width_px, clip.info.height_px
        w, h = min(width, even(width * share)), min(height, even(height * share))
        left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
        cut = each_frame(clip, lambda rgb: rgb[top : top + h, left : left + w])
        return scaled(cut, width, height) if back else cut

    return change


def quarter_turns(count: int, then_deg: float = 0.0) -> Picture:
    """Quarter turns that keep the whole picture, then a turn that keeps the size."""
    turn = rotation(then_deg) if then_deg else (lambda rgb: rgb)
    return lambda rgb: turn(np.ascontiguousarray(np.rot90(rgb, count)))


def rotation(angle_deg: float) -> Picture:
    """A turn about the centre, same size, corners lost and black ones gained (rotate, expand=False)."""

    def change(rgb: RGB) -> RGB:
        height, width = rgb.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0)
        return np.asarray(cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_LINEAR), np.uint8)

    return change


def warped(rgb: RGB, matrix: Matrix, size: tuple[int, int] | None = None) -> RGB:
    """A picture under a homography, bilinear, black outside."""
    shape = size or (rgb.shape[1], rgb.shape[0])
    return np.asarray(cv2.warpPerspective(rgb, matrix, shape, flags=cv2.INTER_LINEAR), np.uint8)


def perspective(distortion: float) -> Change:
    """torchvision's RandomPerspective: each corner moves inwards by up to `distortion` times half a side."""

    def change(clip: Clip, rng: Rng) -> Clip:
        return each_frame(clip, partial(warped, matrix=corner_pull(clip, distortion, rng)))

    return change


def corner_pull(clip: Clip, distortion: float, rng: Rng) -> Matrix:
    """The homography that takes the frame's corners to RandomPerspective's random ones."""
    width, height = clip.info.width_px, clip.info.height_px
    reach_x, reach_y = int(distortion * (width // 2)), int(distortion * (height // 2))

    def pulled(right: bool, low: bool) -> tuple[int, int]:
        x, y = int(rng.integers(reach_x + 1)), int(rng.integers(reach_y + 1))
        return (width - 1 - x if right else x), (height - 1 - y if low else y)

    corners = ((False, False), (True, False), (True, True), (False, True))
    starts = np.array([((width - 1) * right, (height - 1) * low) for right, low in corners], np.float32)
    ends = np.array([pulled(right, low) for right, low in corners], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(starts, ends), np.float64)


def hflip(rgb: RGB) -> RGB:
    """Mirrored."""
    return rgb[:, ::-1]


def letterbox(rgb: RGB) -> RGB:
    """Black bars above and below, an eighth of the height each; the picture keeps its size."""
    bar = even(rgb.shape[0] / 8)
    return np.pad(rgb, ((bar, bar), (0, 0), (0, 0)))


def portrait(rgb: RGB) -> RGB:
    """The middle 9:16 of the picture at its height; of a narrower picture, the middle 16:9 at its width."""
    height, width = rgb.shape[:2]
    if width * 16 >= height * 9:
        kept = min(width, even(height * 9 / 16))
        return rgb[:, (width - kept) // 2 : (width - kept) // 2 + kept]
    kept = even(width * 9 / 16)
    return rgb[(height - kept) // 2 : (height - kept) // 2 + kept]
