"""A clip: what it says of itself, and its frames as a stream that can be read again.

Frames are uint8 arrays of shape (H, W, 3), RGB, rotated upright. A clip of any length costs the
memory of one frame unless somebody asks for the whole array.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]


class Coding(NamedTuple):
    """How a file holds one frame: `kind` is I, P or B, or ? for others.

    `intra_share` is the share (0 to 1) of a P frame's area that is coded from nothing before it, None for the other
    kinds.
    """

    kind: str
    intra_share: float | None = None


class Frame(NamedTuple):
    """One picture and when it is shown, in seconds from the clip's start. `coding` is None where nobody asked."""

    time_s: float
    rgb: RGB
    coding: Coding | None = None


@dataclass(frozen=True)
class ClipInfo:
    """What a clip says of itself. `frame_count` and `duration_s` are the container's claims, not counted."""

    width_px: int
    height_px: int
    fps: Fraction
    frame_count: int | None = None
    duration_s: float = 0.0
    codec: str = "rawvideo"
    container: str = ""
    bit_depth: int = 8
    rotation_deg: int = 0
    has_audio: bool = False
    is_variable_rate: bool = False


@dataclass(frozen=True)
class Clip:
    """Info plus a source of frames; each call of `source` starts again at the first frame."""

    info: ClipInfo
    source: Callable[[], Iterator[Frame]]

    @classmethod
    def from_array(cls, frames: RGB, fps: Fraction | int) -> "Clip":
        """A clip over an array (F, H, W, 3) uint8, evenly timed at `fps`."""
        if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
            raise ValueError(f"expected uint8 (F, H, W, 3), got {frames.dtype} {frames.shape}")
        rate = Fraction(fps)
        count, height, width, _ = frames.shape
        info = ClipInfo(width, height, rate, count, float(count / rate))
        return cls(info, lambda: (Frame(float(i / rate), frame) for i, frame in enumerate(frames)))

    def timed_frames(self) -> Iterator[Frame]:
        """Every frame with its time, from the first."""
        return self.source()

    def frames(self) -> Iterator[RGB]:
        """Every frame's picture, from the first."""
        return (frame.rgb for frame in self.source())

    def to_array(self) -> RGB:
        """All frames at once, (F, H, W, 3) uint8. For short clips: the memory is F·H·W·3 bytes."""
        frames = list(self.frames())
        if not frames:
            return np.empty((0, self.info.height_px, self.info.width_px, 3), np.uint8)
        return np.stack(frames)

    def mapped(self, change: Callable[[Iterator[Frame]], Iterator[Frame]], **info: object) -> "Clip":
        """The same clip through a streaming change of its frames; `info` names what the change alters."""
        return Clip(replace(self.info, **info), lambda: change(self.source()))  # type: ignore[arg-type]
