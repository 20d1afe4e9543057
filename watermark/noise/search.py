"""Where in inverted latents a mark stands, under which key and stream, what ID it names, and how sure that is.

Two statistics, both exact under a random key. (1) The pilot's: the best of keys × streams × shifts, on a quarter of
the elements. (2) The ID's: the 64 best places of (1) are decoded, and each ID whose CRC holds is laid over *all*
elements as if it had been known. The second has twice the z but counts every ID that could have been named as a
look, 2^32 or 2^56 times the places; it wins on weak marks. One threshold: the p-value is twice the smaller.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from watermark.code import PAYLOAD_64, SHORT_32, decode, encode
from watermark.noise.layout import STREAMS, Shape, code_size, element_signs, layout_of, stream_of, stream_start
from watermark.payload import LAYOUT_VERSION, Payload
from watermark.significance import p_of

SHIFTS = tuple(product((0, -1, 1, 2), (0, -1, 1, -2, 2), (0, -1, 1, -2, 2)))
"""Latent shifts tried, (frames, rows, columns): what a trim at the start or a crop by the model's stride leaves.
Two frames forward: a trim of 8 frames in the embedded model."""

PLACES_DECODED = 64
_IDS_AND_STREAMS = {PAYLOAD_64.payload: 2**56, SHORT_32.payload: 2**32 * STREAMS}
"""How many (ID, stream) pairs there are: a whole payload has one stream, a short ID may stand in any."""
_TAIL_BOUND = 3.18
"""P(sum >= x) <= 3.18 Q(x) for any weighted sum of fair signs (Bentkus and Dzindzalieta, arXiv:1104.0101): tails
below 1e-12 can be proved, not measured."""
_STATISTICS = 2
_STREAMS_TOGETHER = 32
ELEMENTS_SEARCHED = 65536
"""Enough for z = 6.8 on the pilot at a sign agreement of .53; keeps the reading of large latents to seconds."""

Plane = NDArray[np.float32]
Shift = tuple[int, int, int]


@dataclass(frozen=True)
class Sighting:
    """One place: the pilot's z under a key and stream at a latent shift."""

    z: float
    key_id: int
    stream: int
    shift: Shift


@dataclass(frozen=True)
class Reading:
    """The best reading. `z` and `looks` are those of the statistic that gave `p_value`."""

    p_value: float
    z: float
    looks: int
    key_id: int | None = None
    short_id: int | None = None
    payload: Payload | None = None


def read(values: Plane, keys: Mapping[int, bytes]) -> Reading:
    """The best reading of whitened latents (1, C, F, H, W) under these keys.

    The pilot vouches only for an ID decoded at its own best place.
    """
    places, looks = sighted(values, keys)
    if not places:
        return Reading(1.0, 0.0, looks)
    by_pilot = Reading(min(1.0, _STATISTICS * p_of(places[0].z, looks)), places[0].z, looks, places[0].key_id)
    named = [n for place in places for n in _named(values, place, keys[place.key_id], len(keys))]
    at_best = [n for n in named if n[0] == places[0]]
    if at_best:
        first = at_best[0][1]
        by_pilot = replace(by_pilot, short_id=first.short_id, payload=first.payload)
    return min([by_pilot, *(reading for _, reading in named)], key=lambda r: r.p_value)


def sighted(values: Plane, keys: Mapping[int, bytes]) -> tuple[list[Sighting], int]:
    """The 64 places with the strongest pilot, strongest first, and how many places were looked at.

    Large latents are searched by their first 65,536 elements; the 64 best places are then scored on all. Every
    place counts as a look at the whole, so the p-value holds.
    """
    laid = np.stack([moved(values, shift).ravel()[:ELEMENTS_SEARCHED] for shift in SHIFTS], axis=1)
    squared = laid**2
    found: list[Sighting] = []
    for (key_id, key), first in product(keys.items(), range(0, STREAMS, _STREAMS_TOGETHER)):
        scores = pilot_scores(_pilots(key, first, values.shape, len(laid)), laid, squared)
        best = np.argpartition(scores, -PLACES_DECODED, axis=None)[-PLACES_DECODED:]
        found += [
            Sighting(float(scores[row, column]), key_id, first + int(row), SHIFTS[int(column)])
            for row, column in zip(*np.unravel_index(best, scores.shape), strict=True)
            if scores[row, column] > 0.0
        ]
        found = sorted(found, key=lambda sighting: -sighting.z)[:PLACES_DECODED]
    if values.size > ELEMENTS_SEARCHED:
        found = sorted((_on_all(values, s, keys[s.key_id]) for s in found), key=lambda sighting: -sighting.z)
    return found, max(1, len(keys) * STREAMS) * len(SHIFTS)


def _on_all(values: Plane, place: Sighting, key: bytes) -> Sighting:
    """The place with its pilot's z over all elements."""
    layout = layout_of(key, place.stream, values.shape)
    laid = moved(values, place.shift).ravel()
    return replace(place, z=score(laid[layout.is_pilot], layout.signs[layout.is_pilot]))


def pilot_scores(pilots: NDArray[np.int8], laid: Plane, squared: Plane) -> Plane:
    """z of pilots (S, N), signs and zeros, over values (N, K) whose squares are given, (S, K)."""
    signs = pilots.astype(np.float32)
    variance = np.abs(signs) @ squared
    return np.asarray(signs @ laid / np.sqrt(np.maximum(variance, 1e-12)), np.float32)


def _pilots(key: bytes, first: int, shape: Shape, count: int) -> NDArray[np.int8]:
    """The first `count` pilot signs of 32 streams, 0 where an element is no pilot, int8 (32, count)."""
    starts = (stream_start(key, first + i, shape, count) for i in range(_STREAMS_TOGETHER))
    return np.stack([signs * is_pilot for signs, is_pilot in starts])


def moved(values: Plane, shift: Shift) -> Plane:
    """The latents moved by a shift; what moves in from outside is 0 and counts for nothing."""
    found = np.zeros_like(values)
    into = tuple(slice(max(0, s), max(0, n + min(0, s))) for s, n in zip(shift, values.shape[2:], strict=True))
    source = tuple(slice(max(0, -s), max(0, n + min(0, -s))) for s, n in zip(shift, values.shape[2:], strict=True))
    found[(slice(None), slice(None), *into)] = values[(slice(None), slice(None), *source)]
    return found


def score(values: Plane, signs: NDArray[np.int8]) -> float:
    """Correlation in units of its own deviation: N(0, 1) under random signs."""
    norm = float(np.linalg.norm(values))
    return float(np.dot(values, signs.astype(np.float32))) / norm if norm > 0.0 else 0.0


def _named(values: Plane, place: Sighting, key: bytes, key_count: int) -> list[tuple[Sighting, Reading]]:
    """The ID decoded at a place, if its CRC holds and it belongs there, with the p-value of all its elements."""
    layout, size = layout_of(key, place.stream, values.shape), code_size(values.shape)
    laid = moved(values, place.shift).ravel()
    soft = (laid * layout.signs)[~layout.is_pilot]
    sums = np.bincount(layout.places, weights=soft, minlength=size.coded).astype(np.float64)
    for bits in decode(sums, size):
        short_id, payload = _identity(bits, place, key)
        if short_id is None:
            continue
        z = score(laid, element_signs(layout, encode(bits, size)))
        looks = key_count * len(SHIFTS) * _IDS_AND_STREAMS[size.payload]
        p_value = min(1.0, _STATISTICS * _TAIL_BOUND * p_of(z, looks))
        return [(place, Reading(p_value, z, looks, place.key_id, short_id, payload))]
    return []


def _identity(bits: NDArray[np.uint8], place: Sighting, key: bytes) -> tuple[int | None, Payload | None]:
    """The ID in decoded bits; a whole payload must name this layout, key and stream."""
    number = int("".join(map(str, bits)), 2)
    if bits.size != PAYLOAD_64.payload:
        return number, None
    payload = Payload.from_int(number)
    belongs = payload.version == LAYOUT_VERSION and payload.key_id == place.key_id
    if belongs and stream_of(payload, key) == place.stream:
        return payload.short_id, payload
    return None, None
