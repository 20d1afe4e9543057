"""What a mark's reader found, with the odds that chance alone would look like it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from watermark.payload import Payload


@dataclass(frozen=True)
class Geometry:
    """How the clip lies against the marked original: the size it was marked at over the size it has now,
    a turn, a mirror, and the shift of its top-left corner in marked-size pixels."""

    scale: float = 1.0
    scale_y: float = 1.0
    rotation_deg: float = 0.0
    flipped: bool = False
    shift_x_px: float = 0.0
    shift_y_px: float = 0.0


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
class Extraction:
    """One mark's reading. `payload` is None unless its check sum held *and* the p-value passed.

    `p_value` counts every look (pilots, shifts, scales, turns, flips, keys): the probability that a clip
    not marked with these keys gives a result at least this strong. `false_positive_rate` is the threshold
    that `found` was decided at. `short_id` is the 32-bit ID (`Payload.short_id`) of a mark too small for the
    whole payload; such a mark is `found` with `payload` None.
    """

    alg: str
    found: bool
    payload: Payload | None
    p_value: float
    z: float
    looks: int
    false_positive_rate: float
    key_id: int | None = None
    geometry: Geometry = field(default_factory=Geometry)
    segments: tuple[SegmentPresence, ...] = ()
    short_id: int | None = None
