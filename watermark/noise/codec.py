"""The noise mark's calls: initial latents that carry an ID, and the reading of latents that a model inverted.

With a random key the signs are fair and independent, and the magnitudes are those of fresh normal draws; a
normal value's sign and magnitude are independent, so the latents are exactly N(0, 1): no test without the key
can tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from watermark.code import PAYLOAD_64, decode, encode
from watermark.extraction import Extraction, Geometry
from watermark.noise.layout import ALG, STREAMS, Shape, checked, code_size, element_signs, layout_of, stream_of
from watermark.payload import LAYOUT_VERSION, Payload
from watermark.significance import p_of

FALSE_POSITIVE_RATE = 1e-6
"""The one threshold of this mark: a second layer, so looser than the pixel mark's; the CRC comes on top."""

SHIFTS = tuple(product((0, -1, 1), (0, -1, 1, -2, 2), (0, -1, 1, -2, 2)))
"""Latent shifts tried, (frames, rows, columns): what a trim of a few frames or a crop of a few pixels leaves."""

_CLIP_SIGMA = 3.0

Latents = NDArray[np.float32]
Plane = NDArray[np.float32]

_SHIFTS_TOGETHER, _STREAMS_TOGETHER = 15, 8


@dataclass(frozen=True)
class _Sighting:
    z: float
    key_id: int
    stream: int
    shift: tuple[int, int, int]


@dataclass(frozen=True)
class NoiseWatermark:
    """A mark in initial latents. Stateless: key, payload and random generator are arguments."""

    alg: str = ALG

    def initial_latents(self, shape: Shape, payload: Payload, key: bytes, rng: np.random.Generator) -> Latents:
        """Latents (1, C, F, H, W), float32, N(0, 1), whose signs carry the payload (or its short ID, see
        `id_bits`).

        Deterministic in its arguments; magnitudes come from `rng`, signs from key and payload.

        Raises:
            ValueError: another shape, fewer than 2048 elements, or a key under 16 bytes.
        """
        size = code_size(checked(shape))
        coded = encode(_id_bits_of(payload, size.payload), size)
        signs = element_signs(layout_of(key, stream_of(payload, key), shape), coded)
        magnitudes = np.abs(rng.standard_normal(prod(shape), dtype=np.float32))
        return np.asarray(magnitudes * signs, np.float32).reshape(shape)

    def id_bits(self, shape: Shape) -> int:
        """How much of the payload latents of this shape carry: 64 (all of it) or 32 (the short ID).

        Raises:
            ValueError: as `initial_latents`.
        """
        return code_size(checked(shape)).payload

    def extract(self, latents: Latents, keys: Mapping[int, bytes]) -> Extraction:
        """What inverted latents (1, C, F, H, W) carry under these keys. Weights each sign by its inverted
        magnitude.

        `payload` is set where the shape carries all 64 bits; else `short_id` is, and `payload` stays None.
        `found` needs the pilot's p-value below 1e-6 *and* the CRC. `geometry` holds no latent shift: shifts are
        of the model's own grid.

        Raises:
            ValueError: another shape, fewer than 2048 elements, or values that are not finite.
        """
        values = _standardised(latents)
        best, looks = _search(values, keys)
        p_value = p_of(best.z, looks)
        payload, short_id = None, None
        if p_value <= FALSE_POSITIVE_RATE:
            payload, short_id = _identity(values, best, keys[best.key_id])
        found = payload is not None or short_id is not None
        key_id = best.key_id if p_value <= FALSE_POSITIVE_RATE else None
        return Extraction(
            self.alg,
            found,
            payload,
            p_value,
            best.z,
            looks,
            FALSE_POSITIVE_RATE,
            key_id,
            Geometry(),
            short_id=short_id,
        )

    def confirm(self, latents: Latents, payload: Payload, key: bytes) -> Extraction:
        """Whether latents carry one given payload: every element is then pilot, and twice weaker marks still show.

        For a payload that another layer gave (pixel mark, manifest). Looks: the latent shifts alone.
        """
        values = _standardised(latents)
        size = code_size(values.shape)
        coded = encode(_id_bits_of(payload, size.payload), size)
        signs = element_signs(layout_of(key, stream_of(payload, key), values.shape), coded)
        z = max(_score(_moved(values, shift).ravel(), signs) for shift in SHIFTS)
        p_value = p_of(z, len(SHIFTS))
        found = p_value <= FALSE_POSITIVE_RATE
        return Extraction(
            self.alg,
            found,
            payload if found else None,
            p_value,
            z,
            len(SHIFTS),
            FALSE_POSITIVE_RATE,
            payload.key_id if found else None,
        )


def _search(values: Plane, keys: Mapping[int, bytes]) -> tuple[_Sighting, int]:
    """The strongest pilot over keys, streams and shifts, and how many looks that was."""
    best = _Sighting(0.0, -1, 0, (0, 0, 0))
    for first in range(0, len(SHIFTS), _SHIFTS_TOGETHER):
        shifts = SHIFTS[first : first + _SHIFTS_TOGETHER]
        moved = np.stack([_moved(values, shift).ravel() for shift in shifts], axis=1)
        for (key_id, key), stream in product(keys.items(), range(0, STREAMS, _STREAMS_TOGETHER)):
            pilots = _pilots(key, stream, values.shape).astype(np.float32)
            variance = np.abs(pilots) @ moved**2
            scores = pilots @ moved / np.sqrt(np.maximum(variance, 1e-12))
            row, column = divmod(int(np.argmax(scores)), len(shifts))
            if scores[row, column] > best.z:
                best = _Sighting(float(scores[row, column]), key_id, stream + row, shifts[column])
    return best, max(1, len(keys) * STREAMS) * len(SHIFTS)


@lru_cache(maxsize=STREAMS // _STREAMS_TOGETHER)
def _pilots(key: bytes, first: int, shape: Shape) -> NDArray[np.int8]:
    """The pilot signs of eight streams, int8 (8, N)."""
    return np.stack([layout_of(key, first + i, shape).pilot_signs for i in range(_STREAMS_TOGETHER)])


def single_look_z(latents: Latents, key: bytes, stream: int = 0) -> float:
    """The pilot's score at no shift under one key and stream: N(0, 1) under keys that did not mark the latents."""
    values = _standardised(latents)
    layout = layout_of(key, stream, values.shape)
    return _score(values.ravel()[layout.is_pilot], layout.signs[layout.is_pilot])


def _id_bits_of(payload: Payload, count: int) -> NDArray[np.uint8]:
    if count == PAYLOAD_64.payload:
        return np.array(payload.to_bits(), np.uint8)
    return np.array([(payload.short_id >> (31 - i)) & 1 for i in range(32)], np.uint8)


def _standardised(latents: Latents) -> Plane:
    """Zero mean and unit variance per channel, clipped at 3: inversion shifts and scales channels as it likes."""
    values = np.asarray(latents, np.float32)
    checked(values.shape)
    if not np.isfinite(values).all():
        raise ValueError("latents hold values that are not finite")
    axes = (0, 2, 3, 4)
    centred = values - values.mean(axes, keepdims=True)
    deviation = centred.std(axes, keepdims=True)
    scaled = centred / np.where(deviation > 0.0, deviation, np.float32(1))
    return np.asarray(np.clip(scaled, -_CLIP_SIGMA, _CLIP_SIGMA), np.float32)


def _moved(values: Plane, shift: tuple[int, int, int]) -> Plane:
    """The latents moved by a shift; what moves in from outside is 0 and counts for nothing."""
    moved = np.zeros_like(values)
    into = tuple(slice(max(0, s), n + min(0, s)) for s, n in zip(shift, values.shape[2:], strict=True))
    source = tuple(slice(max(0, -s), n + min(0, -s)) for s, n in zip(shift, values.shape[2:], strict=True))
    moved[(slice(None), slice(None), *into)] = values[(slice(None), slice(None), *source)]
    return moved


def _score(values: Plane, signs: NDArray[np.int8]) -> float:
    norm = float(np.linalg.norm(values))
    return float(np.dot(values, signs.astype(np.float32))) / norm if norm > 0.0 else 0.0


def _identity(values: Plane, sighting: _Sighting, key: bytes) -> tuple[Payload | None, int | None]:
    """The decoded payload or short ID at a sighting; a payload must name this layout and key."""
    layout, size = layout_of(key, sighting.stream, values.shape), code_size(values.shape)
    soft = (_moved(values, sighting.shift).ravel() * layout.signs)[~layout.is_pilot]
    sums = np.bincount(layout.places, weights=soft, minlength=size.coded).astype(np.float64)
    for bits in decode(sums, size):
        number = int("".join(map(str, bits)), 2)
        if size.payload != PAYLOAD_64.payload:
            return None, number
        payload = Payload.from_int(number)
        if payload.version == LAYOUT_VERSION and payload.key_id == sighting.key_id:
            return payload, payload.short_id
    return None, None
