"""Readies inverted latents for correlation: the picture pushed down, what the noise left behind lifted.

An inversion is never exact: what it missed of the clip's content lies on the latents, strong where the picture is
busy and much the same from frame to frame, while the mark is white. Everything here is blind to the key, so a
correlation with keyed signs keeps its exact null whatever is done.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct

CLIP_SIGMA = 2.5
_FLOOR = 0.05
"""Share of the mean power below which a temporal frequency counts as empty: held frames have such."""

Plane = NDArray[np.float32]


def whitened(latents: Plane) -> Plane:
    """Latents (1, C, F, H, W) with channels, temporal frequencies and places brought to one level, clipped at 2.5.

    Deterministic. Constant latents give zeros.
    """
    levelled = _levelled(_per_channel(latents))
    local = np.sqrt(np.mean(levelled**2, axis=1, keepdims=True))
    even = np.divide(levelled, local, out=np.zeros_like(levelled), where=local > 0)
    spread = float(np.sqrt(np.mean(even**2)))
    if spread == 0.0:
        return even
    return np.asarray(np.clip(even / spread, -CLIP_SIGMA, CLIP_SIGMA), np.float32)


def _per_channel(latents: Plane) -> Plane:
    """Zero mean and unit variance per channel: inversion shifts and scales channels as it likes."""
    axes = (0, 2, 3, 4)
    centred = latents - latents.mean(axes, keepdims=True)
    deviation = centred.std(axes, keepdims=True)
    return np.asarray(centred / np.where(deviation > 0.0, deviation, np.float32(1)), np.float32)


def _levelled(values: Plane) -> Plane:
    """Each temporal frequency divided by its power over all channels and places: the inverse covariance in time.

    Power, not its root: the best linear weighting of white signs in coloured noise is the inverse covariance.
    """
    spectrum = dct(values, axis=2, norm="ortho")
    power = np.mean(spectrum**2, axis=(0, 1, 3, 4), keepdims=True)
    floored = power + _FLOOR * power.mean()
    quiet = np.divide(spectrum, floored, out=np.zeros_like(spectrum), where=floored > 0)
    return np.asarray(idct(quiet, axis=2, norm="ortho"), np.float32)
