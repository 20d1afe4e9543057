"""The pixel mark's fixed numbers: the canonical grid, the plane of chips, and how patterns follow each other.

All of it is layout 3 and stands behind the algorithm name; a changed number is a new layout with a new name.
"""

from dataclasses import dataclass

from watermark.keystream import key_bytes
from watermark.payload import Payload

ALG = "reelproof.pixel.chips3.canon480.polar.turning8-standing8.3"

CANONICAL_LONG_PX = 480
"""Long side of the canonical grid. Larger clips are marked as if they had this size, so that every whole copy of
480 px or more lies on the same grid, whatever its size; smaller clips are their own grid."""

PITCH_PX = 3
"""Canonical pixels between chips. At 720p the mark lives at 1/64 to 1/14 cycles per pixel: what CRF 40 leaves."""

PLANE_CHIPS = 256
"""Side of the square plane of chips: 768 canonical px, so no frame meets a chip twice, and a power of two."""

SLICE_S = 0.125
"""Seconds per slice of the reader's sums."""

SLOT_S = 0.5
"""Seconds between sign changes of the turning layer."""

TURN_S = 1.0
"""Seconds that one plane of the turning layer lasts: one slot with each sign, so still pictures cancel out."""

TURNING = 8
"""Planes of the turning layer, one a second."""

STANDING = 8
"""Planes of the standing layer."""

STAND_TURNS = 4
"""Turns that one plane of the standing layer lasts."""

CYCLE_TURNS = STANDING * STAND_TURNS
"""Turns until everything repeats."""

CYCLE_S = CYCLE_TURNS * TURN_S

TURNING_POWER = 0.5
"""The turning layer's share of the mark's power. More scores higher after most codecs, less after those that copy
still blocks from picture to picture (AV1, x265 on still scenes); equal shares lose least (docs/log.md)."""

PILOT_WEIGHT, DATA_WEIGHT = 2, 3
"""Chip amplitudes: the pilot gets 4/13 of a layer's power, enough to be found where the payload decodes."""

_NEARLY_S = 1e-6


@dataclass(frozen=True)
class CanonicalGrid:
    """The grid a clip is marked on, in canonical pixels. `reduction` is clip pixels per canonical one, >= 1."""

    width_px: float
    height_px: float
    reduction: float

    @classmethod
    def of(cls, width_px: int, height_px: int) -> "CanonicalGrid":
        """The grid for a clip of this size."""
        reduction = max(1.0, max(width_px, height_px) / CANONICAL_LONG_PX)
        return cls(width_px / reduction, height_px / reduction, reduction)


def first_turn(payload: Payload, key: bytes) -> int:
    """Where in the cycle a clip starts: keyed by its payload, so that clips of one key do not all start alike."""
    return key_bytes(key, f"pixel/3/first/{payload.to_bytes().hex()}", 1)[0] % CYCLE_TURNS


def tell_apart(one: Payload, other: Payload, key: bytes) -> bool:
    """Whether marks of both payloads over the same pictures would show different turning planes."""
    return (first_turn(one, key) - first_turn(other, key)) % TURNING != 0


def turning_plane(turn: int) -> int:
    """The turning layer's plane at a turn of the cycle."""
    return turn % TURNING


def standing_plane(turn: int) -> int:
    """The standing layer's plane at a turn of the cycle."""
    return turn // STAND_TURNS % STANDING


def turn_and_sign(time_s: float) -> tuple[int, int]:
    """Which turn a time lies in, and the turning layer's sign there."""
    slot = int((time_s + _NEARLY_S) // SLOT_S)
    return slot // 2, 1 - 2 * (slot % 2)
