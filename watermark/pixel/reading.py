"""Reading a clip's mark at a place: the best timing there with its odds, the soft bits, the message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from watermark.pixel.field import Matrix, Region, footprint, lay_out, window
from watermark.pixel.layout import CYCLE_TURNS, CanonicalGrid, standing_plane, turning_plane
from watermark.pixel.message import CHOSEN_BITS, PROFILES, Message, messages_in
from watermark.pixel.pattern import (
    STANDING_PLANES,
    TURNING_PLANES,
    coded_bit_places,
    data_signs,
    pilot_chips,
)
from watermark.pixel.pattern import Plane as ChipPlane
from watermark.pixel.residual import Slice
from watermark.pixel.timing import STATISTICS, LayerScores, Timing, Turn, best_turn, turns_of
from watermark.significance import p_of

Values = NDArray[np.float64]

FALSE_POSITIVE_RATE = 1e-6
"""The one threshold: the chance that a clip not marked with these keys is called marked, over all decisions."""

_WORTH_DECODING_Z = 5.0
_TURNS_KEPT = 3
_DATA_OVER_PILOT = 1.0
"""A true message's data chips score 1.5 times its pilot's; below 1.0 times the message is not believed."""


@dataclass(frozen=True)
class Sighting:
    """A pilot found well enough to pass or not: where, when, whose, and with what odds."""

    z: float
    key_id: int
    matrix: Matrix
    timing: Timing
    looks: float
    z_turning: float = 0.0
    z_standing: float = 0.0

    @property
    def p_value(self) -> float:
        """min(1, looks Q(z))."""
        return p_of(self.z, self.looks)


NOTHING = Sighting(0.0, -1, np.eye(3), Timing(), 1.0)


@dataclass(frozen=True)
class Block:
    """Slices read together (at most 32 s), the size of the clip's frames and the keys to try."""

    slices: tuple[Slice, ...]
    width_px: int
    height_px: int
    keys: Mapping[int, bytes]
    _kept: "_Kept" = field(default_factory=lambda: _Kept(), compare=False, repr=False)

    def only(self, slices: tuple[Slice, ...]) -> "Block":
        """The same clip and keys with other slices."""
        return Block(slices, self.width_px, self.height_px, self.keys)

    def turns(self, phase: int = 0, speed: float = 1.0) -> list[Turn]:
        """The turns under a phase and speed; the last few are kept."""
        kept = self._kept.turns
        found = kept.get((phase, speed))
        if found is None:
            found = turns_of(self.slices, phase, speed)
            # A new dictionary each time, so that threads may ask side by side; one may lose what another kept.
            self._kept.turns = dict([*kept.items()][-_TURNS_KEPT + 1 :]) | {(phase, speed): found}
        return found

    def values(self, matrix: Matrix, phase: int = 0, speed: float = 1.0) -> tuple[Values, Values]:
        """Chip values of every turn at a placement, turning and standing, float64 (turns, chips); the last kept."""
        place = (matrix.tobytes(), phase, speed)
        kept = self._kept.values
        if kept is not None and kept[0] == place:
            return kept[1]
        region, turns = footprint(matrix), self.turns(phase, speed)
        turning, standing = (
            np.stack([lay_out(getattr(t, layer), matrix, region).chips().ravel() for t in turns]).astype(np.float64)
            for layer in ("turning", "standing")
        )
        self._kept.values = place, (turning, standing)
        return turning, standing


@dataclass
class _Kept:
    """What a block was last asked for; shared by blocks of the same slices."""

    turns: dict[tuple[int, float], list[Turn]] = field(default_factory=dict)
    values: tuple[tuple[bytes, int, float], tuple[Values, Values]] | None = None


def whole(width: float, height: float) -> Matrix:
    """The placement of a picture that covers `width` x `height` canonical pixels from the plane's corner on."""
    return np.diag([1.0 / width, 1.0 / height, 1.0])


def own_placement(width_px: int, height_px: int) -> Matrix:
    """The placement of a clip that nobody cut."""
    grid = CanonicalGrid.of(width_px, height_px)
    return whole(grid.width_px, grid.height_px)


def oriented(matrix: Matrix, turns: int, flipped: bool) -> Matrix:
    """A placement whose picture was mirrored left to right, then turned by `turns` quarters counter-clockwise."""
    unit = np.eye(3)
    if flipped:
        unit = np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]])
    quarter = np.array([[0.0, 1, 0], [-1, 0, 1], [0, 0, 1]])
    return np.linalg.matrix_power(quarter, turns % 4) @ unit @ matrix


def timed(
    block: Block,
    matrix: Matrix,
    phases: Sequence[int] = (0,),
    speed: float = 1.0,
    firsts: Sequence[int] | None = None,
) -> Sighting:
    """The best key, phase and first turn at a placement, from all slices of the block together."""
    starts = range(CYCLE_TURNS) if firsts is None else firsts
    best, region = NOTHING, footprint(matrix)
    if min(region.rows, region.columns) < 8:
        return NOTHING
    for phase in phases:
        numbers = np.array([turn.number for turn in block.turns(phase, speed)])
        turning, standing = block.values(matrix, phase, speed)
        for key_id, key in block.keys.items():
            layers = (
                LayerScores(turning @ _signs(key, TURNING_PLANES, region).T, turning @ turning.T),
                LayerScores(standing @ _signs(key, STANDING_PLANES, region).T, standing @ standing.T),
            )
            found = best_turn(numbers, *layers, starts)
            if found.z > best.z:
                timing = Timing(phase, found.first, speed)
                best = Sighting(found.z, key_id, matrix, timing, 1.0, found.z_turning, found.z_standing)
    looks = len(phases) * STATISTICS * max(1, len(block.keys))
    return replace(best, looks=float(looks))


def _signs(key: bytes, planes: Sequence[ChipPlane], region: Region) -> NDArray[np.float64]:
    """Every plane's pilot signs over a region, (planes, chips)."""
    return np.stack([window(pilot_chips(key, plane), region).ravel() for plane in planes]).astype(np.float64)


def layers_at(block: Block, sighting: Sighting) -> list[tuple[ChipPlane, Values, float]]:
    """Every plane the clip shows under a sighting, its summed chip values (rows, columns) and its layer's score."""
    matrix, timing = sighting.matrix, sighting.timing
    region = footprint(matrix)
    sums: dict[ChipPlane, Values] = {}
    turns = block.turns(timing.phase, timing.speed)
    for turn, moving, still in zip(turns, *block.values(matrix, timing.phase, timing.speed), strict=True):
        place = (timing.first + turn.number) % CYCLE_TURNS
        for plane, values in (
            (TURNING_PLANES[turning_plane(place)], moving),
            (STANDING_PLANES[standing_plane(place)], still),
        ):
            sums[plane] = sums.get(plane, np.float64(0)) + values.reshape(region.rows, region.columns)
    scores = {"turning": sighting.z_turning, "standing": sighting.z_standing}
    return [(plane, values, scores[plane.layer]) for plane, values in sums.items()]


@dataclass(frozen=True)
class Decoded:
    """A message that was read, and the score of its data chips: N(0, 1) under any one message and random keys."""

    message: Message
    z: float

    @property
    def looks(self) -> float:
        """Statistics that the data chips were compared by: every message of the profile that passes the checks, in
        each of the profiles tried. Places are no looks here: the search knows nothing of data signs."""
        return len(PROFILES) * 2.0 ** CHOSEN_BITS[self.message.bits]


def decoded(block: Block, sighting: Sighting) -> Decoded | None:
    """The message at a sighting: the first profile whose CRC, version and key number hold and whose data chips
    stand as high as its pilot says they should."""
    key, region = block.keys[sighting.key_id], footprint(sighting.matrix)
    layers = layers_at(block, sighting)
    for bits, size in PROFILES.items():
        soft = np.zeros(size.coded)
        noise = 0.0
        for plane, values, score in layers:
            # Each layer counts by its own signal over noise, as its pilot shows it.
            weight = max(score, 0.0)
            signed = values * window(data_signs(key, plane), region)
            places = window(coded_bit_places(key, plane, size.coded), region)
            soft += weight * np.bincount(places.ravel(), weights=signed.ravel(), minlength=size.coded)
            noise += weight**2 * float(np.sum(values.astype(np.float64) ** 2))
        for message in messages_in(soft, bits, sighting.key_id):
            z = float(np.sum(soft * (1.0 - 2.0 * message.coded))) / np.sqrt(max(noise, 1e-30))
            if z >= _DATA_OVER_PILOT * sighting.z:
                return Decoded(message, z)
    return None


def judged(block: Block, sighting: Sighting, weight: float) -> tuple[Sighting, Message | None]:
    """A decision on a sighting: its message, if it passes, and the score and looks that it passes or fails by.

    Two ways, so all looks count twice, and `weight` times: the pilot with every look of the search; or the data
    chips, which the search does not know, with every message they could have said.
    """
    by_pilot = replace(sighting, looks=2.0 * weight * sighting.looks)
    if by_pilot.p_value > FALSE_POSITIVE_RATE and sighting.z < _WORTH_DECODING_Z:
        return by_pilot, None
    read = decoded(block, sighting)
    if read is None:
        return by_pilot, None
    by_data = replace(sighting, z=read.z, looks=2.0 * weight * read.looks)
    best = min(by_pilot, by_data, key=lambda one: one.p_value)
    return best, read.message if best.p_value <= FALSE_POSITIVE_RATE else None
