"""How the noise mark is laid over a latent tensor: which element is a pilot, which carries which coded bit, and
its sign."""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from watermark.code import PAYLOAD_64, SHORT_32, CodeSize
from watermark.keystream import key_bits, key_signs, key_words
from watermark.payload import Payload

ALG = "reelproof.noise.signs.polar.streams1024.2"

STREAMS = 1024
"""Keystreams a key rotates through: two clips of a key share pilots with probability 1/1024 (design note 0001)."""

ELEMENTS_MIN = 2048
"""Below this, no sign agreement that inversion gives would let the shortest ID through."""

FULL_ID_ELEMENTS = 32768
"""From here on the whole 64-bit payload is carried; smaller latents carry the 32-bit short ID."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class StreamLayout:
    """One keystream over a flattened latent tensor of N elements.

    `signs` int8 (N,); `is_pilot` bool (N,), true for about one in four; `places` the coded bit of each other
    element.
    """

    signs: NDArray[np.int8]
    is_pilot: NDArray[np.bool_]
    places: NDArray[np.intp]

    @property
    def pilot_signs(self) -> NDArray[np.int8]:
        """The signs of pilots, and 0 everywhere else, int8 (N,)."""
        return self.signs * self.is_pilot


def code_size(shape: Shape) -> CodeSize:
    """Which code a latent shape carries: the 64-bit payload's, or the 32-bit short ID's."""
    return PAYLOAD_64 if prod(shape) >= FULL_ID_ELEMENTS else SHORT_32


def checked(shape: Shape) -> Shape:
    """The shape, if a mark can be laid over it.

    Raises:
        ValueError: not (1, C, F, H, W), or fewer than 2048 elements.
    """
    if len(shape) != 5 or shape[0] != 1 or prod(shape) < ELEMENTS_MIN:
        raise ValueError(f"expected latents (1, C, F, H, W) of at least {ELEMENTS_MIN} elements, got {shape}")
    return shape


def stream_of(payload: Payload, key: bytes) -> int:
    """The keystream a payload uses: keyed, so that outsiders cannot tell which clips share one."""
    return int(key_words(key, f"noise/2/stream-of/{payload.to_bytes().hex()}", 1)[0]) % STREAMS


def layout_of(key: bytes, stream: int, shape: Shape) -> StreamLayout:
    """The layout of one keystream over one shape; the shape is part of the derivation."""
    signs, is_pilot = stream_start(key, stream, shape, prod(shape))
    places = np.arange(int((~is_pilot).sum())) % code_size(shape).coded
    return StreamLayout(signs, is_pilot, places)


def stream_start(key: bytes, stream: int, shape: Shape, count: int) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """The first `count` signs of a keystream over a shape, and which of them are pilots: about one in four."""
    name = f"noise/2/{stream}/" + "x".join(map(str, shape))
    pair = key_bits(key, f"{name}/pilots", 2 * count)
    return key_signs(key, f"{name}/signs", count), (pair[::2] | pair[1::2]) == 0


def element_signs(layout: StreamLayout, coded: NDArray[np.uint8]) -> NDArray[np.int8]:
    """The sign of every element, int8 (N,): keystream on pilots, keystream times coded bit elsewhere."""
    signs = layout.signs.copy()
    signs[~layout.is_pilot] *= (1 - 2 * coded[layout.places].astype(np.int8)).astype(np.int8)
    return signs
