"""Any clip on the model's grid: its size, its frame rate, its length; and frames as tensors and back."""

from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from core.clip import RGB, Clip
from core.errors import UsageError
from generator.embedded.config import ModelConfig

Fit = Literal["scaled", "cut", "middle"]
"""How frames of another size are laid on the model's grid: stretched to it, their corner at its own size, or the
square in their middle scaled to it."""


def on_grid(clip: Clip, config: ModelConfig, fit: Fit = "scaled", most: int | None = None) -> RGB | None:
    """The clip's frames on the model's grid, (F, H, W, 3), or None if it has none. Reads no further than needed.

    The model's length, a shorter clip's last frame held; or, with `most`, the clip's own length.

    Raises:
        UsageError: the clip is longer than `most` frames.
    """
    wanted = most or config.frames
    size, taken = config.size_px, list[RGB]()
    for frame in clip.timed_frames():
        # A frame stands until the next one begins: every tick of the model's clock up to now shows the last one.
        while taken and len(taken) < wanted and len(taken) / config.fps < frame.time_s - 1e-6:
            taken.append(taken[-1])
        if len(taken) == wanted:
            if most is None:
                break
            message = f"the given clip is longer than {most / config.fps:g} s"
            raise UsageError(message, code="media_too_long", hint="Give its last seconds alone.")
        if len(taken) / config.fps <= frame.time_s + 1e-6:
            taken.append(fitted(frame.rgb, size, fit))
    if not taken:
        return None
    if most is None:
        taken += [taken[-1]] * (wanted - len(taken))
    return np.stack(taken)


def to_unit(frames: RGB) -> Tensor:
    """uint8 (F, H, W, 3) to float (1, 3, F, H, W) in -1..1."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1


def to_frames(clip: Tensor) -> RGB:
    """Float (3, F, H, W) in -1..1 to uint8 (F, H, W, 3), rounded."""
    return np.asarray(((clip + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 3, 0).numpy())


def fitted(rgb: RGB, size: int, fit: Fit = "middle") -> RGB:
    """A picture (H, W, 3) at `size` x `size`."""
    if fit == "cut":
        return _cornered(rgb, size)
    if fit == "middle":
        side = min(rgb.shape[:2])
        top, left = ((length - side) // 2 for length in rgb.shape[:2])
        rgb = rgb[top : top + side, left : left + side]
    if rgb.shape[:2] == (size, size):
        return rgb
    shrinks = rgb.shape[0] > size
    return np.asarray(cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC))


def _cornered(rgb: RGB, size: int) -> RGB:
    """The frame's upper left corner, held at the right and at the bottom to the size."""
    kept = rgb[:size, :size]
    missing = ((0, size - kept.shape[0]), (0, size - kept.shape[1]), (0, 0))
    return np.pad(kept, missing, mode="edge")
