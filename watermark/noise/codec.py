"""The noise mark's calls: initial latents that carry an ID, and the reading of latents that a model inverted.

With a random key the signs are fair and independent, and the magnitudes are those of fresh normal draws; a
normal value's sign and magnitude are independent, so the latents are exactly N(0, 1): no test without the key
can tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from watermark.code import PAYLOAD_64, encode
from watermark.extraction import Extraction
from watermark.noise.layout import ALG, Shape, checked, code_size, element_signs, layout_of, stream_of
from watermark.noise.search import SHIFTS, moved, read, score
from watermark.noise.whitening import whitened
from watermark.payload import Payload
from watermark.significance import p_of

FALSE_POSITIVE_RATE = 1e-6
"""The one threshold of this mark: a second layer, so looser than the pixel mark's; the CRC comes on top."""

Latents = NDArray[np.float32]
Plane = NDArray[np.float32]


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
        """What inverted latents (1, C, F, H, W) carry under these keys.

        `payload` is set where the shape carries all 64 bits; else `short_id` is, and `payload` stays None.
        `p_value` is twice the smaller of two: the pilot's, and that of the decoded ID with every element as pilot
        (see `search`). `found` needs it below 1e-6 *and* an ID whose CRC holds. `geometry` holds no latent shift:
        shifts are of the model's own grid.

        Raises:
            ValueError: another shape, fewer than 2048 elements, or values that are not finite.
        """
        reading = read(_ready(latents), keys)
        is_present = reading.p_value <= FALSE_POSITIVE_RATE
        return Extraction(
            self.alg,
            is_present and reading.short_id is not None,
            reading.payload if is_present else None,
            reading.p_value,
            reading.z,
            reading.looks,
            FALSE_POSITIVE_RATE,
            reading.key_id if is_present else None,
            short_id=reading.short_id if is_present else None,
        )

    def confirm(self, latents: Latents, payload: Payload, key: bytes) -> Extraction:
        """Whether latents carry one given payload: every element is then pilot, and far weaker marks still show.

        For a payload that another layer gave (pixel mark, manifest). Looks: the latent shifts alone.

        Raises:
            ValueError: as `extract`.
        """
        values = _ready(latents)
        size = code_size(values.shape)
        coded = encode(_id_bits_of(payload, size.payload), size)
        signs = element_signs(layout_of(key, stream_of(payload, key), values.shape), coded)
        z = max(score(moved(values, shift).ravel(), signs) for shift in SHIFTS)
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


def single_look_z(latents: Latents, key: bytes, stream: int = 0) -> float:
    """The pilot's score at no shift under one key and stream: N(0, 1) under keys that did not mark the latents."""
    values = _ready(latents)
    layout = layout_of(key, stream, values.shape)
    return score(values.ravel()[layout.is_pilot], layout.signs[layout.is_pilot])


def _id_bits_of(payload: Payload, count: int) -> NDArray[np.uint8]:
    if count == PAYLOAD_64.payload:
        return np.array(payload.to_bits(), np.uint8)
    return np.array([(payload.short_id >> (31 - i)) & 1 for i in range(32)], np.uint8)


def _ready(latents: Latents) -> Plane:
    """Checked and whitened."""
    values = np.asarray(latents, np.float32)
    checked(values.shape)
    if not np.isfinite(values).all():
        raise ValueError("latents hold values that are not finite")
    return whitened(values)
