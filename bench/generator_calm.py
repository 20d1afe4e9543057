"""How calm a clip is, without a network: flicker, warp error and smoothness, each catches another fault."""

from itertools import pairwise

import cv2
import numpy as np

from core.clip import RGB

_SIDE = 128


def flicker(frames: RGB) -> float:
    """One minus the mean change between frames, in 0..1 (VBench's temporal flickering; higher is calmer)."""
    return 1 - float(np.abs(np.diff(frames.astype(np.int16), axis=0)).mean()) / 255


def warp_and_smoothness(frames: RGB) -> tuple[float, float]:
    """Warp error: grey levels by which a frame differs from the next one moved back along the optical flow (DIS),
    where the flow is the same both ways. Smoothness: one minus how far frames are from the middle of their
    neighbours, 0..1.
    """
    small = [cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for frame in frames]
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in small]
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    grid = np.stack(np.meshgrid(np.arange(_SIDE), np.arange(_SIDE)), -1).astype(np.float32)
    errors: list[float] = []
    for before, after in pairwise(grey):
        onward, back = (np.asarray(dis.calc(*both, None)) for both in ((before, after), (after, before)))  # type: ignore[call-overload]
        there = grid + onward
        returned = cv2.remap(back, there[..., 0], there[..., 1], cv2.INTER_LINEAR)
        seen = np.linalg.norm(onward + returned, axis=-1) < 1
        moved = cv2.remap(after, there[..., 0], there[..., 1], cv2.INTER_LINEAR)
        errors.append(float(np.abs(moved.astype(np.int16) - before)[seen].mean()) if seen.any() else 255.0)
    stack = np.stack(small).astype(np.int16)
    middles = np.abs((stack[:-2] + stack[2:]) / 2 - stack[1:-1]).mean()
    return float(np.mean(errors)), 1 - float(middles) / 255
