"""What a pixel mark says: 32, 64 or 128 bits, each profile with its own code, read and believed only when whole."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from watermark.code import CodeSize, decode, encode
from watermark.payload import LAYOUT_VERSION, Payload
from watermark.pixel.layout import first_turn

PROFILES: dict[int, CodeSize] = {64: CodeSize(64, 512), 32: CodeSize(40, 256), 128: CodeSize(128, 1024)}
"""Code by payload bits, in the order a reader tries them. The 32-bit one adds version and key number as a check."""

CHOSEN_BITS = {64: 56, 32: 32, 128: 120}
"""Bits by profile that are free under one key: the rest are version and key number."""

EXTENSION_BYTES = 8


@dataclass(frozen=True)
class Message:
    """A payload as a profile carries it: its short ID (32), all of it (64), or it and eight bytes more (128)."""

    payload: Payload
    bits: int = 64
    extension: bytes = b""

    def __post_init__(self) -> None:
        if self.bits not in PROFILES:
            raise ValueError(f"bits must be one of {sorted(PROFILES)}, got {self.bits}")
        wanted = EXTENSION_BYTES if self.bits == 128 else 0
        if len(self.extension) != wanted:
            raise ValueError(
                f"a mark of {self.bits} bits takes an extension of {wanted} bytes, got {len(self.extension)}"
            )

    @cached_property
    def coded(self) -> NDArray[np.uint8]:
        """The coded bits, uint8 (256,), (512,) or (1024,)."""
        if self.bits == 32:
            number = (self.payload.version << 36) | (self.payload.key_id << 32) | self.payload.short_id
            return encode(_bits(number, 40), PROFILES[32])
        whole = self.payload.to_bytes() + self.extension
        return encode(_bits(int.from_bytes(whole, "big"), 8 * len(whole)), PROFILES[self.bits])

    def first_turn(self, key: bytes) -> int:
        """Where in the cycle a clip with this message starts."""
        return first_turn(self.payload, key)


def messages_in(soft: NDArray[np.float64], bits: int, key_id: int) -> list[Message]:
    """Messages in soft coded bits whose CRC holds and that name this layout and key, likeliest first.

    A message of 32 bits comes with a payload whose lower 24 bits are 0: only its `short_id` was carried.
    """
    found = []
    for decoded in decode(soft, PROFILES[bits]):
        number = int("".join(map(str, decoded)), 2)
        extension = b""
        if bits == 128:
            extension, number = (number & (1 << 64) - 1).to_bytes(8, "big"), number >> 64
        if bits == 32:
            payload = Payload(number >> 32 & 15, (number & 0xFFFFFFFF) << 24, number >> 36)
        else:
            payload = Payload.from_int(number)
        if payload.version == LAYOUT_VERSION and payload.key_id == key_id:
            found.append(Message(payload, bits, extension))
    return found


def _bits(number: int, count: int) -> NDArray[np.uint8]:
    return np.array([number >> (count - 1 - i) & 1 for i in range(count)], np.uint8)
