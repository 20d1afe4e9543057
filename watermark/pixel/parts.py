"""Splices: stretches of a clip that do not carry the mark found in it may carry another."""

from collections.abc import Sequence
from dataclasses import replace

from watermark.extraction import Extraction, MarkedPart, SegmentPresence
from watermark.pixel.layout import CYCLE_TURNS, TURNING
from watermark.pixel.message import Message
from watermark.pixel.presence import PresenceMeter
from watermark.pixel.reading import Block, Sighting, judged, own_placement, timed
from watermark.pixel.timing import PHASES

_PRESENT_Z = 3.0
_SECOND_DECISION = 2.0**10
"""What the look for a second mark costs in looks: it is one decision more, after all the others."""

_MARKS_MAX = 8


def parts_of(
    first: Extraction, message: Message, timeline: Sequence[SegmentPresence], left: Block
) -> tuple[MarkedPart, ...]:
    """The stretches under the first mark, and those of other marks found in `left`, the slices without it."""
    parts = _stretches(timeline, message, first.p_value)
    for _ in range(_MARKS_MAX):
        if len(left.slices) < PHASES // 2:
            break
        sighting = timed(left, own_placement(left.width_px, left.height_px), range(PHASES))
        sighting, other = judged(left, sighting, _SECOND_DECISION)
        if other is None:
            break
        measured = list(
            PresenceMeter(other, left.keys[sighting.key_id], sighting.matrix, sighting.timing).measure(left.slices)
        )
        parts += _stretches([presence for presence, _ in measured], other, sighting.p_value)
        rest = tuple(piece for presence, slot in measured if presence.z < _PRESENT_Z for piece in slot)
        if len(rest) == len(left.slices):
            break
        left = left.only(rest)
    return tuple(sorted(parts, key=lambda part: part.start_s))


def overlaid(block: Block, sighting: Sighting, message: Message) -> list[MarkedPart]:
    """A second mark under the same key over the same pictures, as sealing a marked clip leaves it.

    Its turning layer shows other planes, unless both start at the same turn of eight: then neither can be told.
    """
    timing = sighting.timing
    alone = replace(block, keys={sighting.key_id: block.keys[sighting.key_id]})
    found = [
        timed(alone, sighting.matrix, (timing.phase,), timing.speed, [(timing.first + n) % CYCLE_TURNS])
        for n in range(1, TURNING)
    ]
    best = max(found, key=lambda one: one.z_turning)
    # The standing layer is left out: its planes may be those of the first mark.
    looks = sum(one.looks for one in found)
    second = replace(best, z=best.z_turning, z_standing=0.0, looks=looks)
    second, other = judged(alone, second, _SECOND_DECISION)
    if other is None or other.payload == message.payload:
        return []
    return [MarkedPart(block.slices[0].start_s, block.slices[-1].end_s, other.payload, second.p_value)]


def _stretches(timeline: Sequence[SegmentPresence], message: Message, p_value: float) -> list[MarkedPart]:
    """Runs of half seconds in which a mark stands, as parts; a lone weak one between strong ones belongs too."""
    parts: list[MarkedPart] = []
    for presence in timeline:
        if presence.z < _PRESENT_Z:
            continue
        if parts and presence.start_s - parts[-1].end_s < 0.75:
            parts[-1] = replace(parts[-1], end_s=presence.end_s)
        else:
            parts.append(MarkedPart(presence.start_s, presence.end_s, message.payload, p_value))
    return parts
