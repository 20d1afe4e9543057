"""Numbers that generated and filmed pictures differ in, from canonical pictures alone: no downloaded network.

Four families: the spectrum of what a denoiser leaves, how noise follows light and time, how things move, colour.
None of them knows the clip's size, rate, length or bit rate.
"""

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB

Plane = NDArray[np.float32]
_BANDS = 8
_TINY = 1e-6
_FLOW = {"pyr_scale": 0.5, "levels": 3, "winsize": 15, "iterations": 2, "poly_n": 5, "poly_sigma": 1.1, "flags": 0}
_FLOW_WIDTH_PX = 128
_SPECTRUM_SIDE = 128


def features_of(pictures: RGB) -> dict[str, float]:
    """The named features of canonical pictures, uint8 (N, H, W, 3) with N >= 4. All finite.

    Raises:
        ValueError: fewer than four pictures.
    """
    if len(pictures) < 4:
        raise ValueError(f"features need at least 4 pictures, got {len(pictures)}")
    luma = [_luma(picture) for picture in pictures]
    residuals = [plane - cv2.medianBlur(plane, 3) for plane in luma]
    found = _spectrum(residuals) | _noise(luma, residuals) | _change(luma) | _motion(luma) | _colour(pictures, luma)
    return {name: float(np.nan_to_num(value, nan=0.0, posinf=0.0, neginf=0.0)) for name, value in found.items()}


def _luma(picture: RGB) -> Plane:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def _log(value: float) -> float:
    return float(np.log10(value + _TINY))


def _spectrum(residuals: list[Plane]) -> dict[str, float]:
    """Shares of the residual's power by radius and direction, and how far single lines stand out of it."""
    power = np.mean([_power(plane) for plane in residuals[:: max(1, len(residuals) // 8)]], axis=0)
    side = power.shape[0]
    rows, columns = np.indices(power.shape) - side // 2
    radius = np.hypot(rows, columns) / (side / 2)
    whole = float(power.sum()) + _TINY
    found = {}
    for band in range(_BANDS):
        inside = (radius >= band / _BANDS) & (radius < (band + 1) / _BANDS)
        found[f"band_{band}"] = _log(float(power[inside].sum()) / whole)
    level = np.abs(rows) < np.abs(columns) / 2
    upright = np.abs(columns) < np.abs(rows) / 2
    found["direction"] = _log(float(power[level].sum())) - _log(float(power[upright].sum()))
    found["diagonal"] = _log(float(power[~level & ~upright].sum())) - _log(float(power[level | upright].sum()))
    smooth = cv2.medianBlur(np.log10(power + _TINY).astype(np.float32), 5)
    above = np.log10(power + _TINY) - smooth
    high = radius > 0.25
    found["lines"] = float(np.percentile(above[high], 99.5))
    for period in (2, 4, 8):
        step = side // period
        places = [(r, c) for r in range(0, side, step) for c in range(0, side, step)]
        at = [above[r, c] for r, c in places if radius[r, c] > 0.2]
        found[f"grid_{period}"] = float(np.mean(at)) if at else 0.0
    return found


def _power(residual: Plane) -> NDArray[np.float64]:
    side = min(_SPECTRUM_SIDE, *residual.shape)
    top, left = (residual.shape[0] - side) // 2, (residual.shape[1] - side) // 2
    window = np.outer(np.hanning(side), np.hanning(side))
    part = residual[top : top + side, left : left + side] * window
    return np.asarray(np.abs(np.fft.fftshift(np.fft.fft2(part))) ** 2, np.float64)


def _noise(luma: list[Plane], residuals: list[Plane]) -> dict[str, float]:
    """How strong the residual is, how heavy its tails, how it follows light, and what of it stays in place."""
    stacked = np.stack(residuals)
    spread = float(stacked.std())
    local = np.stack([cv2.blur(plane * plane, (16, 16)) for plane in residuals])[:, 8::16, 8::16]
    light = np.stack([cv2.blur(plane, (16, 16)) for plane in luma])[:, 8::16, 8::16]
    quiet = np.percentile(np.sqrt(np.maximum(local, 0)), (5, 25, 50, 75, 95))
    still = _correlation(stacked[1:], stacked[:-1])
    further = _correlation(stacked[2:], stacked[:-2])
    fixed = stacked.mean(axis=0).std() / (spread + _TINY)
    sharp = np.stack([cv2.Laplacian(plane, cv2.CV_32F) for plane in luma])
    blocks = np.log10(cv2.blur(sharp[len(sharp) // 2] ** 2, (16, 16))[8::16, 8::16] + 1.0)
    return {
        "noise_level": _log(spread),
        "noise_tails": _log(float(np.mean(stacked**4)) / (spread**4 + _TINY)),
        "noise_quiet": _log(float(quiet[0])),
        "noise_range": _log(float(quiet[4]) + 0.01) - _log(float(quiet[0]) + 0.01),
        "noise_middle": _log(float(quiet[2])),
        "noise_light": _correlation(np.log10(local + 0.01), light),
        "noise_stays": still,
        "noise_stays_longer": further,
        "noise_fixed": float(fixed),
        "sharpness": _log(float(sharp.std())),
        "sharpness_spread": float(blocks.std()),
    }


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).mean() / (np.sqrt((a * a).mean() * (b * b).mean()) + _TINY))


def _change(luma: list[Plane]) -> dict[str, float]:
    """First and second differences in time, and how straight the path of the pictures is (arXiv 2507.00583)."""
    small = np.stack([cv2.resize(plane, (32, 32), interpolation=cv2.INTER_AREA) for plane in luma])
    first = np.diff(small, axis=0).reshape(len(small) - 1, -1)
    second = np.diff(first, axis=0)
    steps = np.linalg.norm(first, axis=1) + _TINY
    bends = np.linalg.norm(second, axis=1)
    cosine = np.sum(first[1:] * first[:-1], axis=1) / (steps[1:] * steps[:-1])
    angle = np.arccos(np.clip(cosine, -1, 1))
    fine = np.stack(luma)
    twice = fine[2:] - 2 * fine[1:-1] + fine[:-2]
    return {
        "step_mean": _log(float(steps.mean())),
        "step_spread": float(steps.std() / steps.mean()),
        "bend_ratio": _log(float(bends.mean() / steps.mean())),
        "bend_spread": float(bends.std() / (bends.mean() + _TINY)),
        "angle_mean": float(angle.mean()),
        "angle_spread": float(angle.std()),
        "angle_least": float(angle.min()),
        "twice_fine": _log(float(np.abs(twice).mean())) - _log(float(np.abs(np.diff(fine, axis=0)).mean())),
        "twice_tails": _log(float(np.mean(twice**4)) / (float(np.mean(twice**2)) ** 2 + _TINY)),
    }


def _motion(luma: list[Plane]) -> dict[str, float]:
    """Dense flow between neighbours: size, smoothness, acceleration, and what it fails to explain."""
    scale = _FLOW_WIDTH_PX / luma[0].shape[1]
    size = (_FLOW_WIDTH_PX, max(16, round(luma[0].shape[0] * scale)))
    small = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA).astype(np.uint8) for plane in luma]
    flows, left = [], []
    grid = np.stack(np.meshgrid(np.arange(size[0]), np.arange(size[1])), axis=-1).astype(np.float32)
    nowhere = np.empty((0,), np.float32)
    for before, after in pairwise(small):
        flow = cv2.calcOpticalFlowFarneback(before, after, None, **_FLOW)  # type: ignore[call-overload]
        warped = cv2.remap(after, grid + flow, nowhere, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        flows.append(flow)
        left.append(float(np.abs(warped.astype(np.float32) - before).mean()))
    stacked = np.stack(flows)
    speed = np.hypot(stacked[..., 0], stacked[..., 1])
    rough = np.abs(np.diff(stacked, axis=1)).mean() + np.abs(np.diff(stacked, axis=2)).mean()
    sudden = np.abs(np.diff(stacked, axis=0)).mean()
    return {
        "flow_mean": _log(float(speed.mean())),
        "flow_spread": float(speed.std() / (speed.mean() + 0.05)),
        "flow_still": float((speed < 0.1).mean()),
        "flow_rough": _log(float(rough / (speed.mean() + 0.05))),
        "flow_sudden": _log(float(sudden / (speed.mean() + 0.05))),
        "flow_unexplained": _log(float(np.mean(left))),
        "flow_unexplained_spread": float(np.std(left) / (np.mean(left) + _TINY)),
    }


def _colour(pictures: RGB, luma: list[Plane]) -> dict[str, float]:
    """Saturation, colour noise, and how colours follow light."""
    middle = pictures[len(pictures) // 2]
    hsv = cv2.cvtColor(middle, cv2.COLOR_RGB2HSV).astype(np.float32)
    ycc = cv2.cvtColor(middle, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    chroma = [
        ycc[..., 1] - cv2.GaussianBlur(ycc[..., 1], (0, 0), 1.5),
        ycc[..., 2] - cv2.GaussianBlur(ycc[..., 2], (0, 0), 1.5),
    ]
    light = luma[len(luma) // 2]
    shown = np.bincount(light.astype(np.uint8).ravel(), minlength=256) / light.size
    return {
        "saturation": float(hsv[..., 1].mean() / 255),
        "saturation_spread": float(hsv[..., 1].std() / 255),
        "colour_fine": _log(float(np.std(chroma[0]) + np.std(chroma[1]))),
        "colour_light": _correlation(hsv[..., 1], hsv[..., 2]),
        "contrast": float(light.std() / 128),
        "black": float(shown[:8].sum()),
        "white": float(shown[248:].sum()),
        "levels": float(-(shown[shown > 0] * np.log2(shown[shown > 0])).sum()),
    }
