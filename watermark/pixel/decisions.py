"""The decisions of a reading, from cheap to dear: as marked, trimmed, of another size or turned whole, at another
speed, and blind: any cut, scale, turn, aspect and perspective.

The n-th decision may spend 2^-n of the false-positive rate, so its looks count 2^n times (`codec`); the sum over
any number of decisions stays below the rate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from watermark.pixel.anchors import SEARCHED_CHIPS, Anchor, Layer, PatchSearch, View, angle_steps, views
from watermark.pixel.field import Matrix
from watermark.pixel.growth import GROWTH_LOOKS, grow
from watermark.pixel.layout import CANONICAL_LONG_PX, STAND_TURNS, STANDING, TURNING
from watermark.pixel.pattern import STANDING_PLANES, TURNING_PLANES, pilot_chips
from watermark.pixel.reading import (
    FALSE_POSITIVE_RATE,
    NOTHING,
    Block,
    Sighting,
    oriented,
    own_placement,
    timed,
    whole,
)
from watermark.pixel.timing import PHASES
from watermark.significance import p_of

SPEEDS = (0.8, 1.25, 0.5, 2.0, 0.75, 1.5)
"""Playing speeds tried on whole clips."""

_WINDOW_TURNS = 4
_SEARCH_TURNS = 3
_KEPT = 6
_USUAL_LONG_PX = (
    *(144, 160, 176, 192, 224, 240, 256, 288, 320, 336, 340, 352, 360, 368, 384, 400, 416, 426, 432, 448, 480),
    *(512, 540, 544, 560, 576),
)
_USUAL_SHAPES = (16 / 9, 4 / 3, 1.0, 3 / 4, 9 / 16, 3 / 2, 2 / 3, 2.35, 1.85)
_TURNED = tuple((turns, flipped) for turns in range(4) for flipped in (False, True) if turns or flipped)
_SCALES = (0.25, 2.6)
_REACH_DEG = 12.0


def decisions(block: Block, *, blind: bool) -> Iterator[Sighting]:
    """One sighting per decision; the caller stops at the first that passes."""
    own = own_placement(block.width_px, block.height_px)
    yield timed(block, own)
    yield timed(block, own, range(PHASES))
    window = _richest(block)
    yield _best_place(block, window, [*_turned(block), *_other_sizes(block)])
    yield _best_speed(block, own)
    if blind:
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
    return replace(block, slices=tuple(p for p in block.slices if p.index // PHASES in best), _turns={})


def _turned(block: Block) -> list[Matrix]:
    upright, sideways = (
        own_placement(block.width_px, block.height_px),
        own_placement(block.height_px, block.width_px),
    )
    return [oriented(sideways if turns % 2 else upright, turns, flipped) for turns, flipped in _TURNED]


def _other_sizes(block: Block) -> list[Matrix]:
    """A whole copy of a clip of a usual size below 576 px, or of a usual shape that was stretched."""
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
    found = [timed(window, place) for place in places]
    best = max(found, key=lambda s: s.z, default=NOTHING)
    looks = sum(s.looks for s in found)
    if best.key_id < 0:
        return best
    again = timed(block, best.matrix, range(PHASES))
    return replace(again, looks=looks * again.looks)


def _best_speed(block: Block, own: Matrix) -> Sighting:
    found = [timed(block, own, range(PHASES), speed) for speed in SPEEDS]
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
    centres: tuple[tuple[float, float], ...] = ((0.5, 0.5),)
    coarse: float = 1.0
    standing: bool = False

    def views(self) -> list[View]:
        """Every view this search tries."""
        angles = [
            turn + angle
            for turn in self.turns_deg
            for angle in angle_steps(self.reach_deg, self.patch_chips, self.coarse)
        ]
        return [
            view
            for centre in self.centres
            for view in views(
                self.scales,
                angles,
                self.patch_chips,
                centre=centre,
                aspects=self.aspects,
                shears=self.shears,
                flips=self.flips,
                coarse=self.coarse,
            )
        ]

    def sighting(self, block: Block, window: Block) -> Sighting:
        """The best place that grows out of the strongest anchors of this search."""
        layer = _standing_layer(window) if self.standing else _turning_layer(window)
        if not layer.sums:
            return NOTHING
        patch = min(self.patch_chips, SEARCHED_CHIPS)
        anchors = PatchSearch(layer, dict(block.keys), patch).run(self.views(), _KEPT)
        best, tried = NOTHING, 0
        for anchor in anchors.best:
            if anchor.key_id < 0:
                continue
            tried += 1
            sighting = self._grown(block, layer, anchor, anchors.looks, len(anchors.best))
            best = sighting if best.key_id < 0 or sighting.p_value < best.p_value else best
            if best.p_value * 2.0**16 <= FALSE_POSITIVE_RATE:
                break
        return best

    def _grown(self, block: Block, layer: Layer, anchor: Anchor, looks: float, anchors: int) -> Sighting:
        key = block.keys[anchor.key_id]
        signs = [pilot_chips(key, plane) for plane in layer.planes[anchor.hypothesis]]
        grown = grow(layer.sums, signs, anchor.matrix)
        alone = replace(block, keys={anchor.key_id: key})
        found = max((timed(alone, grown.matrix, phases) for phases in ((0,), range(PHASES))), key=lambda s: s.z)
        # Two ways to weigh it, the better one twice: all there is, with every look of search and growth; or only
        # the layer that was not searched, whose signs the search knows nothing of, with the timings' looks alone.
        everything = replace(found, looks=2.0 * looks * GROWTH_LOOKS * found.looks)
        fresh = found.z_turning if self.standing else found.z_standing
        unseen = replace(found, z=fresh, looks=2.0 * anchors * found.looks)
        return min((everything, unseen), key=lambda s: p_of(s.z, s.looks))


def _turning_layer(window: Block) -> Layer:
    turns = window.turns()[:_SEARCH_TURNS]
    planes = tuple(tuple(TURNING_PLANES[(h + t.number) % TURNING] for t in turns) for h in range(TURNING))
    return Layer(tuple(t.turning for t in turns), planes)


def _standing_layer(window: Block) -> Layer:
    turns = window.turns()[:STAND_TURNS]
    if not turns:
        return Layer((), ())
    summed = tuple(np.sum([t.standing[k] for t in turns], axis=0) for k in range(len(turns[0].standing)))
    return Layer((summed,), tuple((STANDING_PLANES[h],) for h in range(STANDING)))


_STRETCHED = (0.56, 0.67, 0.75, 0.84, 0.92, 1.09, 1.19, 1.33, 1.5, 1.78)
_TILTED, _SHEARS = (0.78, 0.92, 1.08, 1.28), (-0.26, -0.13, 0.0, 0.13, 0.26)
_QUARTERS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))

_BLIND = (
    BlindSearch(32),
    BlindSearch(40, (0.3, 1.1), 0.0),
    BlindSearch(24, (0.9, 2.6), 0.0, centres=_QUARTERS),
    BlindSearch(32, (0.75, 1.35), turns_deg=(90.0, 180.0, 270.0)),
    BlindSearch(24, (0.4, 2.0), 0.0, aspects=_STRETCHED),
    BlindSearch(20, (0.9, 1.9), 14.0, aspects=_TILTED, shears=_SHEARS, coarse=1.6),
    BlindSearch(32, (0.75, 1.35), flips=(True,)),
    BlindSearch(28, (0.4, 1.6), standing=True),
)
