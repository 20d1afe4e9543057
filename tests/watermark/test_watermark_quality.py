"""Rules of PSNR and SSIM."""

import numpy as np
import pytest

from core.clip import Clip
from watermark.quality import measure, ssim


def clip_of(frames):
    return Clip.from_array(np.asarray(frames, np.uint8), 12)


def test_psnr_closed_form():
    """One level of error everywhere is 20 log10(255) decibels."""
    flat = np.full((2, 16, 16, 3), 100)
    assert measure(clip_of(flat), clip_of(flat + 1)).psnr_db == pytest.approx(48.1308, abs=1e-3)


def test_identical_clips():
    """Identical clips have SSIM 1 and a finite PSNR."""
    noise = np.random.default_rng(0).integers(0, 255, (2, 24, 24, 3))
    quality = measure(clip_of(noise), clip_of(noise))
    assert (quality.psnr_db, quality.ssim) == (100.0, pytest.approx(1.0))


def test_ssim_is_symmetric_and_falls_with_noise():
    """SSIM is the same both ways and falls as noise grows."""
    rng = np.random.default_rng(1)
    picture = rng.integers(60, 190, (40, 40), dtype=np.uint8)
    little, much = (np.clip(picture + rng.normal(0, s, picture.shape), 0, 255).astype(np.uint8) for s in (5, 40))
    assert ssim(picture, little) == pytest.approx(ssim(little, picture), abs=1e-6)
    assert 1 > ssim(picture, little) > ssim(picture, much)


def test_unequal_clips_are_refused():
    """Clips of other sizes or lengths cannot be compared, and say so."""
    short, long = clip_of(np.zeros((1, 8, 8, 3))), clip_of(np.zeros((2, 8, 8, 3)))
    with pytest.raises(ValueError, match="number of frames"):
        measure(short, long)
    with pytest.raises(ValueError, match="size"):
        measure(short, clip_of(np.zeros((1, 8, 9, 3))))
    with pytest.raises(ValueError, match="no frames"):
        measure(clip_of(np.zeros((0, 8, 8, 3))), clip_of(np.zeros((0, 8, 8, 3))))
