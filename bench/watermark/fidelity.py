"""How far the mark is from being seen: PSNR, SSIM, an error as the eye weighs it, flicker, VMAF, crops."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from core.clip import RGB, Clip
from watermark.quality import QualityMeter

PIXELS_PER_DEGREE = 60.0
"""A full-HD picture seen from about three times its height."""

_STILL_LEVELS = 1
_VMAF_FRAMES = 8
_MEASURED_EVERY = 4
"""Frames from one that SSIM and the weighted error are measured on to the next; PSNR is of every frame."""
_CROP_PX = (240, 320)
_SHOWN_TIMES = 20


@lru_cache(maxsize=8)
def csf_weights(height: int, width: int) -> NDArray[np.float64]:
    """Mannos and Sakrison's contrast sensitivity, 2.6 (0.0192 + 0.114 f) exp(-(0.114 f)^1.1), f in cycles/degree
    (IEEE Trans. Inf. Theory 20, 1974), with peak 1, squared, for the half spectrum of a frame."""
    down, across = fft.fftfreq(height)[:, None], fft.rfftfreq(width)[None, :]
    f = PIXELS_PER_DEGREE * np.hypot(down, across)
    sensitivity = 2.6 * (0.0192 + 0.114 * f) * np.exp(-((0.114 * f) ** 1.1))
    weights: NDArray[np.float64] = (sensitivity / sensitivity.max()) ** 2
    weights[:, 1 : (width + 1) // 2] *= 2.0  # the half spectrum stands for both halves
    return weights


def weighted_error(change: NDArray[np.float32]) -> float:
    """The mean squared change of luma as the eye weighs it, in levels squared."""
    spectrum = fft.rfft2(change)
    power = spectrum.real.astype(np.float64) ** 2 + spectrum.imag.astype(np.float64) ** 2
    return float((power * csf_weights(*change.shape)).sum()) / change.size**2


class FlickerMeter:
    """How the mark changes from frame to frame where the picture stands still (by at most one level)."""

    def __init__(self) -> None:
        self._before: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._square, self._pixels = 0.0, 0

    def add(self, original: NDArray[np.float32], change: NDArray[np.float32]) -> None:
        """Count one frame's luma and its mark."""
        if self._before is not None:
            still = np.abs(original - self._before[0]) <= _STILL_LEVELS
            self._square += float(np.sum((change - self._before[1])[still] ** 2, dtype=np.float64))
            self._pixels += int(still.sum())
        self._before = (original, change)

    def levels(self) -> float | None:
        """Temporal standard deviation of the mark in levels; None where nothing stood still."""
        return float(np.sqrt(self._square / self._pixels / 2.0)) if self._pixels else None


def _luma(rgb: RGB) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)


def fidelity(original: Clip, marked: Clip, crop: Path) -> dict[str, Any]:
    """All figures of a marked clip against its original; the worst frame's crop goes to `crop`."""
    meter, flicker = QualityMeter(), FlickerMeter()
    weighted: list[float] = []
    least_db, worst = np.inf, None
    squares: list[float] = []
    for number, (before, after) in enumerate(_pairs(original, marked)):
        luma = _luma(before)
        change = _luma(after) - luma
        flicker.add(luma, change)
        if number % _MEASURED_EVERY == 0:
            meter.add(before, after)
            weighted.append(weighted_error(change))
        squares.append(float(cv2.norm(before, after, cv2.NORM_L2SQR)) / before.size)
        db = _decibels(squares[-1])
        if db < least_db:
            least_db, worst = db, (before, after, change)
    if worst is not None:
        save_crop(*worst, crop)
    quality = meter.result()
    still = flicker.levels()
    return {
        "psnr_db": round(_decibels(float(np.mean(squares))), 2),
        "least_frame_psnr_db": round(min(float(least_db), 100.0), 2),
        "ssim": round(quality.ssim, 5),
        "csf_psnr_db": round(_decibels(float(np.mean(weighted))), 2),
        "flicker_levels": None if still is None else round(still, 3),
        "vmaf": vmaf(original, marked),
        "crop": str(crop),
    }


def _decibels(mean_square: float) -> float:
    return float(10.0 * np.log10(255.0**2 / max(mean_square, 1e-5)))


def _pairs(original: Clip, marked: Clip) -> Iterator[tuple[RGB, RGB]]:
    for before, after in zip_longest(original.frames(), marked.frames()):
        if before is None or after is None:
            raise ValueError("the clips differ in number of frames")
        yield before, after


def save_crop(before: RGB, after: RGB, change: NDArray[np.float32], path: Path) -> None:
    """Original, marked and 20 times their difference around the largest local error, twice enlarged."""
    height, width = (min(side, most) for side, most in zip(change.shape, _CROP_PX, strict=True))
    spread = cv2.boxFilter(change**2, -1, (65, 65))
    y, x = np.unravel_index(int(np.argmax(spread)), spread.shape)
    top = int(np.clip(y - height // 2, 0, change.shape[0] - height))
    left = int(np.clip(x - width // 2, 0, change.shape[1] - width))
    window = np.s_[top : top + height, left : left + width]
    shown = np.clip(128 + _SHOWN_TIMES * (after[window].astype(int) - before[window]), 0, 255).astype(np.uint8)
    row = np.concatenate([before[window], after[window], shown], 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.resize(row, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)[..., ::-1])


def vmaf(original: Clip, marked: Clip) -> float | None:
    """VMAF of the first frames by the optional package `vmaf-torch`; None where it is not installed."""
    try:
        import torch
        from vmaf_torch import VMAF
    except ImportError:
        return None
    torch.set_num_threads(1)
    before, after = (
        torch.from_numpy(
            np.stack([_luma(frame) for frame, _ in zip(c.frames(), range(_VMAF_FRAMES), strict=False)])
        )
        for c in (original, marked)
    )
    if min(before.shape[1:]) < 128 or len(before) < 2:
        return None
    with torch.no_grad():
        return round(float(VMAF()(before[:, None], after[:, None]).mean()), 2)
