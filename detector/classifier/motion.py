"""How things move in canonical pictures: how fast, how much of the picture, and how their velocity changes.

It knows small pictures and their times only. Cameras are held by hands and filmed things push and turn; what a
generator moves glides (second-order differences: D3, arXiv 2508.00701). It doesn't tell a gimbal from a generator.
"""

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB

Plane = NDArray[np.uint8]
Field = NDArray[np.float32]
_SHORT_SIDE_PX = 128
_FARNEBACK = {
    "pyr_scale": 0.5,
    "levels": 4,
    "winsize": 25,
    "iterations": 3,
    "poly_n": 7,
    "poly_sigma": 1.5,
    "flags": 0,
}
#: Velocities are in pixels an eighth of a second; below this much they are mostly the flow's own error.
_LEAST_SPEED = 0.4
_LEAST_PIXELS, _TEXTURED = 40, 60
_STEP_S = 1 / 8


def motion_of(pictures: RGB, times_s: NDArray[np.float64]) -> dict[str, float]:
    """`acceleration`: log10 of the change of velocity along the motion over its speed, the median of moving
    textured pixels and then of steps; `speed`: log10 of their median speed; `share`: log of the share of textured
    pixels that move; `steps`: how many steps had enough of them, 0 where none had.

    `pictures` are canonical, uint8 (N, H, W, 3), shown at `times_s` (N,).
    """
    steps = list(_steps(pictures, times_s)) if len(pictures) >= 3 else []
    moving = [step for step in steps if step[2] > 0]
    share = float(np.log(np.mean([step[1] for step in steps]) + 0.02)) if steps else float(np.log(0.02))
    if not moving:
        return {"acceleration": 0.0, "speed": 0.0, "share": share, "steps": 0.0}
    ratio, _, speed = np.median(np.log10(np.array(moving) + 0.02), axis=0)
    return {"acceleration": float(ratio), "speed": float(speed), "share": share, "steps": float(len(moving))}


def _steps(pictures: RGB, times_s: NDArray[np.float64]) -> Iterator[tuple[float, float, float]]:
    """(acceleration over speed, share of textured pixels that move, their speed) at each inner picture; the speed
    is 0 where too few move."""
    grey = [_small(picture) for picture in pictures]
    flows = [_flow(before, after) for before, after in pairwise(grey)]
    gaps = np.maximum(np.diff(times_s), 1e-3) / _STEP_S
    height, width = grey[0].shape
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    for index, (first, second) in enumerate(pairwise(flows)):
        nowhere = np.empty((0,), np.float32)
        met = cv2.remap(second, grid + first, nowhere, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        now, then = first / gaps[index], met / gaps[index + 1]
        textured = _textured(grey[index])
        speeds = np.hypot(now[..., 0], now[..., 1]), np.hypot(then[..., 0], then[..., 1])
        moving = textured & (speeds[0] > _LEAST_SPEED) & (speeds[1] > _LEAST_SPEED)
        share = float(moving.sum() / max(1, textured.sum()))
        if moving.sum() < _LEAST_PIXELS:
            yield 0.0, share, 0.0
            continue
        change = np.hypot(then[..., 0] - now[..., 0], then[..., 1] - now[..., 1])[moving]
        ratio = np.median(change / (0.5 * (speeds[0] + speeds[1])[moving]))
        yield float(ratio), share, float(np.median(speeds[0][moving]))


def _small(picture: RGB) -> Plane:
    height, width = picture.shape[:2]
    scale = _SHORT_SIDE_PX / min(height, width)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    size = (round(width * scale), round(height * scale))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _flow(before: Plane, after: Plane) -> Field:
    flow = cv2.calcOpticalFlowFarneback(before, after, None, **_FARNEBACK)  # type: ignore[call-overload]
    return np.asarray(flow, np.float32)


def _textured(grey: Plane) -> NDArray[np.bool_]:
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return np.asarray(slope > np.percentile(slope, _TEXTURED), np.bool_)
