"""What a mark's reader found, with the odds that chance alone would look like it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from watermark.payload import Payload


@dataclass(frozen=True)
class Geometry:
    """How the clip lies against the marked original: the size it was marked at over the size it has now,
    a turn, a mirror, and the shift of its top-left corner in marked-size pixels.

    `homography`, nine numbers row by row, takes the clip's pixels to the mark's own grid; empty where unknown.
    """

    scale: float = 1.0
    scale_y: float = 1.0
    rotation_deg: float = 0.0
    flipped: bool = False
    shift_x_px: float = 0.0
    shift_y_px: float = 0.0
    homography: tuple[float, ...] = ()


@dataclass(frozen=True)
class SegmentPresence:
    """The mark over one stretch of time: how strongly it stands there, and where on the picture.

    `z_grid` (rows, columns) holds the z-score per region, or None where regions were not measured.
    """

    start_s: float
    end_s: float
    z: float
    p_value: float
    z_grid: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class MarkedPart:
    """A stretch of a clip under one mark. More than one stretch with different payloads is a splice."""

    start_s: float
    end_s: float
    payload: Payload
    p_value: float


@dataclass(frozen=True)
class Extraction:
    """One mark's reading. `payload` is None unless its check sum held *and* the p-value passed.

    `p_value` counts every look (pilots, shifts, scales, turns, flips, keys): the probability that a clip
    not marked with these keys gives a result at least this strong. `false_positive_rate` is the threshold
    that `found` was decided at. `short_id` is the 32-bit ID (`Payload.short_id`) of a mark too small for the
    whole payload; such a mark is `found` with `payload` None. `bits` is the profile read (32, 64, 128),
    `extension` the eight bytes that a 128-bit mark adds. `parts` lists each stretch and its payload.
    """

    alg: str
    found: bool
    payload: Payload | None
    p_value: float
    z: float
    looks: float
    false_positive_rate: float
    key_id: int | None = None
    geometry: Geometry = field(default_factory=Geometry)
    segments: tuple[SegmentPresence, ...] = ()
    short_id: int | None = None
    extension: bytes | None = None
    bits: int | None = None
    parts: tuple[MarkedPart, ...] = ()
