"""The decisions of a reading, from cheap to dear: as marked, trimmed, of another size or turned whole, at another
speed, and blind: any cut, scale, turn, aspect and perspective.

The n-th decision may spend 2^-n of the false-positive rate, so its looks count 2^n times (`codec`); the sum over
any number of decisions stays below the rate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from watermark.pixel.anchors import Anchor, Anchors, Layer, PatchSearch, View, angle_steps, views
from watermark.pixel.candidates import Candidate, best_timed, plainly, side_by_side
from watermark.pixel.correlation import SEARCHED_CHIPS
from watermark.pixel.cuts import WholeSearch
from watermark.pixel.field import Matrix
from watermark.pixel.growth import GROWTH_LOOKS, NUDGE_LOOKS, grow, nudge
from watermark.pixel.layout import CANONICAL_LONG_PX, TURNING
from watermark.pixel.pattern import TURNING_PLANES, pilot_chips
from watermark.pixel.reading import (
    NOTHING,
    Block,
    Sighting,
    oriented,
    own_placement,
    timed,
    whole,
)
from watermark.pixel.refining import REFINING_LOOKS, refined
from watermark.pixel.timing import PHASES, STATISTICS, Turn

SPEEDS = (0.8, 1.25, 0.5, 2.0, 0.75, 1.5)
"""Playing speeds tried on whole clips."""

_SEARCHED_MIN_PX = 24
"""Smaller pictures show fewer than 21 chips a side at any scale searched: no payload stands in them."""

_WINDOW_TURNS = 4
_SEARCH_TURNS = 3
_KEPT, _CUTS_KEPT = 24, 6
_USUAL_LONG_PX = (
    *(144, 160, 176, 192, 224, 240, 256, 288, 320, 336, 340, 352, 360, 368, 384, 400, 416, 426, 432, 448),
)
_USUAL_SHAPES = (16 / 9, 4 / 3, 1.0, 3 / 4, 9 / 16, 3 / 2, 2 / 3, 2.35, 1.85)
_TURNED = tuple((turns, flipped) for turns in range(4) for flipped in (False, True) if turns or flipped)
_SCALES = (0.25, 2.6)
_POINTS = tuple((x, y) for y in (0.3, 0.5, 0.7) for x in (0.25, 0.5, 0.75))
_MIDDLE = (0.5, 0.5)
_QUIET_FLOOR = 0.01
_REACH_DEG = 12.0
_WORTH_REFINING_Z = 5.0


def decisions(block: Block, *, blind: bool) -> Iterator[Sighting]:
    """One sighting per decision; the caller stops at the first that passes."""
    own = own_placement(block.width_px, block.height_px)
    yield timed(block, own)
    yield timed(block, own, range(PHASES))
    window = _richest(block)
    yield _best_place(block, window, [*_turned(block), *_other_sizes(block)])
    yield _best_speed(block, own)
    if blind and min(block.width_px, block.height_px) >= _SEARCHED_MIN_PX:
        yield _cut(block, window)
        for search in _BLIND:
            yield search.sighting(block, window)


def _richest(block: Block) -> Block:
    """The 4 s with the most in them: pilots are searched there, payloads read everywhere."""
    turns = sorted({piece.index // PHASES for piece in block.slices})
    weights = dict.fromkeys(turns, 0.0)
    for piece in block.slices:
        weights[piece.index // PHASES] += float(np.mean(np.abs(piece.levels[-1].astype(np.float32))))
    runs = [turns[i : i + _WINDOW_TURNS] for i in range(0, len(turns), _WINDOW_TURNS)]
    best = set(max(runs, key=lambda run: sum(weights[turn] for turn in run)))
    return block.only(tuple(p for p in block.slices if p.index // PHASES in best))


def _turned(block: Block) -> list[Matrix]:
    upright, sideways = (
        own_placement(block.width_px, block.height_px),
        own_placement(block.height_px, block.width_px),
    )
    return [oriented(sideways if turns % 2 else upright, turns, flipped) for turns, flipped in _TURNED]


def _other_sizes(block: Block) -> list[Matrix]:
    """A whole copy of a clip of a usual size below 480 px, or of a usual shape that was stretched."""
    width, height = block.width_px, block.height_px
    longest = max(width, height)
    own = min(longest, CANONICAL_LONG_PX)
    sizes = [whole(width * s / longest, height * s / longest) for s in _USUAL_LONG_PX if s != own]
    shapes = [
        whole(min(CANONICAL_LONG_PX, CANONICAL_LONG_PX * a), min(CANONICAL_LONG_PX, CANONICAL_LONG_PX / a))
        for a in _USUAL_SHAPES
        if abs(np.log(a * height / width)) > 0.01
    ]
    return sizes + shapes


def _best_place(block: Block, window: Block, places: Sequence[Matrix]) -> Sighting:
    found = side_by_side(lambda place: timed(window, place), places)
    best = max(found, key=lambda s: s.z, default=NOTHING)
    looks = sum(s.looks for s in found)
    if best.key_id < 0:
        return best
    again = timed(block, best.matrix, range(PHASES))
    return replace(again, looks=looks * again.looks)


def _best_speed(block: Block, own: Matrix) -> Sighting:
    found = side_by_side(lambda speed: timed(block, own, range(PHASES), speed), SPEEDS)
    return replace(max(found, key=lambda s: s.z), looks=sum(s.looks for s in found))


@dataclass(frozen=True)
class BlindSearch:
    """One blind search: patches of `patch_chips`, the views they are tried in, and the layer they are read from."""

    patch_chips: int
    scales: tuple[float, float] = _SCALES
    reach_deg: float = _REACH_DEG
    turns_deg: tuple[float, ...] = (0.0,)
    aspects: tuple[float, ...] = (1.0,)
    shears: tuple[float, ...] = (0.0,)
    flips: tuple[bool, ...] = (False,)
    coarse: float = 1.0
    also_middle: bool = False

    def views(self, centre: tuple[float, float]) -> list[View]:
        """Every view this search tries, of a patch around a point of the unit square, and around its middle."""
        return [*self._around(centre), *(self._around(_MIDDLE) if self.also_middle else ())]

    def _around(self, centre: tuple[float, float]) -> list[View]:
        angles = [
            turn + angle
            for turn in self.turns_deg
            for angle in angle_steps(self.reach_deg, self.patch_chips, self.coarse)
        ]
        return list(
            views(
                self.scales,
                angles,
                self.patch_chips,
                centre=centre,
                aspects=self.aspects,
                shears=self.shears,
                flips=self.flips,
                coarse=self.coarse,
            )
        )

    def sighting(self, block: Block, window: Block) -> Sighting:
        """The best place that grows out of the strongest anchors of this search."""
        layer = _turning_layer(window)
        if not layer.sums:
            return NOTHING
        patch = min(self.patch_chips, SEARCHED_CHIPS)
        anchors = PatchSearch(layer, dict(block.keys), patch).run(self.views(_clearest(window)), _KEPT)
        return _best_grown(block, layer, anchors)


def _cut(block: Block, window: Block) -> Sighting:
    """An upright copy of any scale and cut, by the whole picture and both layers."""
    turns = window.turns()[:_WINDOW_TURNS]
    if not turns:
        return NOTHING
    layer, anchors = _turning_layer(window, turns), WholeSearch(turns, block.keys).run(_CUTS_KEPT)

    def placed(anchor: Anchor) -> list[Candidate]:
        key = block.keys[anchor.key_id]
        signs = [pilot_chips(key, plane) for plane in layer.planes[anchor.hypothesis]]
        near = nudge(layer.sums, signs, anchor.matrix)
        # Two ways to place it, the better one twice: moved as a whole, or grown as any other anchor.
        far = grow(layer.sums, signs, near.matrix)
        ways = ((near, NUDGE_LOOKS), (far, GROWTH_LOOKS))
        return [Candidate(one.z, anchor.key_id, one.matrix, 2.0 * anchors.looks * looks) for one, looks in ways]

    best = best_timed(block, anchors.best, placed)
    return _to_the_last_pixel(block, window, best, anchors)


def _to_the_last_pixel(block: Block, window: Block, best: Sighting, anchors: Anchors) -> Sighting:
    """A sighting that may be one, but does not pass plainly, moved to where both layers score best: its data chips
    may then be read. Its looks are all there were, whatever `best` was weighed by."""
    if best.key_id < 0 or plainly(best) or best.z < _WORTH_REFINING_Z:
        return best
    place = refined(window, best).matrix
    timing = best.timing
    finer = timed(block, place, (timing.phase,), timing.speed, (timing.first,))
    looks = 2.0 * anchors.looks * GROWTH_LOOKS * REFINING_LOOKS * PHASES * STATISTICS
    return replace(finer, looks=looks) if finer.z > best.z else best


def _clearest(window: Block) -> tuple[float, float]:
    """Of nine points of the unit square, the one around which turning sums are quietest against standing ones: it
    stands still there and has texture, which is where a mark reads best. Blind to every key."""
    turns = window.turns()
    turning, standing = (
        np.sum([np.asarray(getattr(turn, layer)[0], np.float32) ** 2 for turn in turns], axis=0)
        for layer in ("turning", "standing")
    )
    height, width = turning.shape
    side = max(4, max(height, width) // 6)
    noise, texture = (cv2.blur(np.asarray(p, np.float32), (side, side)) for p in (turning, standing))
    quiet = texture / (noise + _QUIET_FLOOR * float(noise.mean()) + 1e-6)
    return max(_POINTS, key=lambda at: float(quiet[int(at[1] * height), int(at[0] * width)]))


def _best_grown(block: Block, layer: Layer, anchors: Anchors) -> Sighting:
    """The best place that grows out of the anchors of a search of the turning layer."""

    def placed(anchor: Anchor) -> list[Candidate]:
        key = block.keys[anchor.key_id]
        signs = [pilot_chips(key, plane) for plane in layer.planes[anchor.hypothesis]]
        grown = grow(layer.sums, signs, anchor.matrix)
        # Two ways to weigh it, the better one twice: all there is, with every look of search and growth; or only
        # the standing layer, which was not searched, whose signs the search knows nothing of.
        everything, unseen = 2.0 * anchors.looks * GROWTH_LOOKS, 2.0 * len(anchors.best)
        return [Candidate(grown.z, anchor.key_id, grown.matrix, everything, unseen)]

    return best_timed(block, [anchor for anchor in anchors.best if anchor.key_id >= 0], placed)


def _turning_layer(window: Block, turns: Sequence[Turn] | None = None) -> Layer:
    turns = window.turns()[:_SEARCH_TURNS] if turns is None else turns
    planes = tuple(tuple(TURNING_PLANES[(h + t.number) % TURNING] for t in turns) for h in range(TURNING))
    return Layer(tuple(t.turning for t in turns), planes)


_STRETCHED = (0.56, 0.67, 0.75, 0.84, 0.92, 1.09, 1.19, 1.33, 1.5, 1.78)
_TILTED, _SHEARS = (0.72, 0.85, 1.0, 1.18, 1.39), (-0.36, -0.18, 0.0, 0.18, 0.36)
_FILMED, _LEANS = (0.93, 1.0, 1.075), (-0.06, 0.0, 0.06)

_BLIND = (
    BlindSearch(32, coarse=1.5),
    BlindSearch(48, (0.9, 1.4), 4.0, aspects=_FILMED, shears=_LEANS, coarse=1.5),
    BlindSearch(32, (0.75, 1.35), turns_deg=(90.0, 180.0, 270.0), coarse=1.5),
    BlindSearch(24, (0.4, 2.0), 0.0, aspects=_STRETCHED, coarse=1.3),
    BlindSearch(20, (1.05, 1.8), 10.0, aspects=_TILTED, shears=_SHEARS, coarse=1.8, also_middle=True),
    BlindSearch(32, (0.75, 1.35), flips=(True,), coarse=1.5),
)
