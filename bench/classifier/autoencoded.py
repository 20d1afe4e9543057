"""Camera clips passed through autoencoders, as generated clips that differ in nothing but synthesis (WaveRep).

Each is linear and fitted on the clip alone: blocks of 4 or 8 pixels, of one picture or of four, become a few
coefficients (principal components, with a little noise) and are drawn again from their 3 × 3 neighbourhood, by what
is a convolution with pixel shuffle. So no clip knows another, and leaving a source out leaves it out altogether.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.clip import RGB

Blocks = NDArray[np.float32]
_FITTED_ON, _NOISE, _RIDGE = 20_000, 0.05, 1e-4


@dataclass(frozen=True)
class Autoencoder:
    """How much is coded together, and in how many numbers."""

    block_px: int
    pictures: int
    channels: int


#: 31 to 37 dB on camera clips: about what the autoencoders of video generators keep.
AUTOENCODERS = (Autoencoder(4, 1, 8), Autoencoder(8, 1, 24), Autoencoder(4, 4, 20))


def passed_through(pictures: RGB, model: Autoencoder, seed: int = 0) -> RGB:
    """`pictures`, uint8 (N, H, W, 3), coded and decoded; the sides and the count are cut to whole blocks."""
    rng = np.random.default_rng(seed)
    blocks = _blocks(pictures, model)
    time, rows, columns, width = blocks.shape
    flat = blocks.reshape(-1, width)
    some = flat[rng.permutation(len(flat))[:_FITTED_ON]]
    middle = some.mean(axis=0)
    _, _, axes = np.linalg.svd(some - middle, full_matrices=False)
    codes = (flat - middle) @ axes[: model.channels].T
    codes = codes / (codes.std(axis=0) + 1e-3) + _NOISE * rng.standard_normal(codes.shape)
    around = _neighbourhoods(codes.reshape(time, rows, columns, -1).astype(np.float32))
    seen = around.reshape(len(flat), -1)
    chosen = rng.permutation(len(flat))[:_FITTED_ON]
    squares = seen[chosen].T @ seen[chosen] + _RIDGE * len(chosen) * np.eye(seen.shape[1], dtype=np.float32)
    weights = np.linalg.solve(squares, seen[chosen].T @ (flat[chosen] - middle))
    drawn = seen @ weights.astype(np.float32) + middle
    return _pictures(drawn.reshape(blocks.shape), model)


def _blocks(pictures: RGB, model: Autoencoder) -> Blocks:
    """(groups, rows, columns, pictures · block² · 3), of values 0 to 1."""
    side, group = model.block_px, model.pictures
    count, height, width = (
        size // step for size, step in zip(pictures.shape[:3], (group, side, side), strict=True)
    )
    kept = pictures[: count * group, : height * side, : width * side].astype(np.float32) / 255
    split = kept.reshape(count, group, height, side, width, side, 3)
    return split.transpose(0, 2, 4, 1, 3, 5, 6).reshape(count, height, width, -1)


def _pictures(blocks: Blocks, model: Autoencoder) -> RGB:
    count, height, width, _ = blocks.shape
    side, group = model.block_px, model.pictures
    split = blocks.reshape(count, height, width, group, side, side, 3).transpose(0, 3, 1, 4, 2, 5, 6)
    joined = split.reshape(count * group, height * side, width * side, 3)
    return np.round(255 * np.clip(joined, 0, 1)).astype(np.uint8)


def _neighbourhoods(codes: Blocks) -> Blocks:
    """The codes of each place and its eight neighbours: (T, H, W, C) to (T, H, W, 9 · C)."""
    padded = np.pad(codes, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = codes.shape[1:3]
    shifted = [padded[:, row : row + height, column : column + width] for row in range(3) for column in range(3)]
    return np.concatenate(shifted, axis=-1)
