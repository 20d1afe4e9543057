"""How near a marked clip is to the original: PSNR over R, G and B, and structural similarity on luma. Streaming."""

from dataclasses import dataclass
from itertools import zip_longest

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Clip

_SSIM_SIGMA_PX = 1.5
_SSIM_C1, _SSIM_C2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
IDENTICAL_PSNR_DB = 100.0
"""What identical clips get instead of infinity, so that the figure stays a number in JSON."""


@dataclass(frozen=True)
class Quality:
    """`psnr_db`: peak 255, over all pixels of R, G and B of all frames. `ssim`: mean over frames, on luma."""

    psnr_db: float
    ssim: float


class QualityMeter:
    """Takes pairs of frames as they flow past, in constant memory."""

    def __init__(self) -> None:
        self._error, self._values, self._ssim, self._frames = 0.0, 0, 0.0, 0

    def add(self, original: RGB, marked: RGB) -> None:
        """Count one pair of frames, uint8 (H, W, 3).

        Raises:
            ValueError: the frames differ in size.
        """
        if original.shape != marked.shape:
            raise ValueError(f"frames differ in size: {original.shape} and {marked.shape}")
        self._error += float(cv2.norm(original, marked, cv2.NORM_L2SQR))
        self._values += original.size
        self._ssim += ssim(_luma(original), _luma(marked))
        self._frames += 1

    def result(self) -> Quality:
        """The quality so far.

        Raises:
            ValueError: no frame was counted.
        """
        if not self._frames:
            raise ValueError("no frames were compared")
        mse = self._error / self._values
        psnr_db = IDENTICAL_PSNR_DB if mse == 0.0 else float(10.0 * np.log10(255.0**2 / mse))
        return Quality(min(psnr_db, IDENTICAL_PSNR_DB), self._ssim / self._frames)


def measure(original: Clip, marked: Clip) -> Quality:
    """The quality of a whole clip against its original, frame by frame.

    Raises:
        ValueError: the clips differ in size or in number of frames, or have none.
    """
    meter = QualityMeter()
    for before, after in zip_longest(original.frames(), marked.frames()):
        if before is None or after is None:
            raise ValueError("the clips differ in number of frames")
        meter.add(before, after)
    return meter.result()


def ssim(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Mean structural similarity of two luma planes (Wang et al. 2004, doi:10.1109/TIP.2003.819861)."""
    x, y = first.astype(np.float32), second.astype(np.float32)
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x, variance_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    luminance = (2.0 * mean_x * mean_y + _SSIM_C1) / (mean_x**2 + mean_y**2 + _SSIM_C1)
    structure = (2.0 * covariance + _SSIM_C2) / (variance_x + variance_y + _SSIM_C2)
    return float(np.mean(luminance * structure, dtype=np.float64))


def _blur(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(plane, (11, 11), _SSIM_SIGMA_PX), np.float32)


def _luma(rgb: RGB) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
