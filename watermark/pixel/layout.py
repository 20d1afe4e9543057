"""The pixel mark's fixed numbers: the canonical grid, the chip lattice, how pilots rotate over time.

All of it is layout 1 and stands behind the algorithm name; a changed number is a new layout with a new name.
"""

from dataclasses import dataclass

from watermark.keystream import key_bytes
from watermark.payload import Payload

ALG = "reelproof.pixel.chips3.polar512.pilots8x4s.1"

PITCH_PX = 3
"""Canonical pixels between chips. Carries 1/24 to 1/5 cycles per pixel: above the eye's mottle, below what
codecs drop."""

PLANE_CHIPS = 768
"""Side of the square plane of chips: a frame of up to 2304 canonical pixels meets no chip twice."""

PLANE_PX = PLANE_CHIPS * PITCH_PX

TILE_CHIPS = (16, 32)
"""Rows and columns of chips that hold every coded bit once, in keyed order: any crop favours no bit."""

PILOTS = 8
"""Patterns a key rotates through. More hide the pilot better from averaging; each costs blind search its own
time."""

SEGMENT_S = 4.0
"""Seconds that one pattern stands still. Codecs keep a still pattern cheaply; a new one costs them bits."""

SLICE_S = 0.5
"""Seconds per slice of the reader's timeline; a segment is a whole number of them."""

SLICES_PER_SEGMENT = round(SEGMENT_S / SLICE_S)

PILOT_WEIGHT, DATA_WEIGHT = 4, 7
"""Chip amplitudes: the pilot gets 16/65 of the mark's power, enough to be found wherever the payload still
decodes."""


@dataclass(frozen=True)
class CanonicalGrid:
    """The grid a clip is marked on: its own pixels, or whole multiples of them where it exceeds the plane."""

    width_px: int
    height_px: int
    reduction: int

    @classmethod
    def of(cls, width_px: int, height_px: int) -> "CanonicalGrid":
        """The grid for a clip of this size. 4K is marked at half its resolution, as it is mostly watched."""
        reduction = -(-max(width_px, height_px) // PLANE_PX)
        return cls(-(-width_px // reduction), -(-height_px // reduction), reduction)


def first_pilot(payload: Payload, key: bytes) -> int:
    """The pilot a clip starts with: keyed by its payload, so that clips of one key do not all start alike."""
    return key_bytes(key, f"pixel/1/first/{payload.to_bytes().hex()}", 1)[0] % PILOTS


def pilot_at(first: int, segment: int) -> int:
    """The pilot of segment `segment` in a clip that started with pilot `first`."""
    return (first + segment) % PILOTS
