"""The 64 bits a clip carries: a layout version, which key marked it, and the clip's own ID.

Layout 1, most significant bit first: version (4) | key_id (4) | content_id (56). The layout is
forever; a new one gets a new version number.
"""

import secrets
from dataclasses import dataclass

PAYLOAD_BITS = 64
LAYOUT_VERSION = 1
_CONTENT_ID_BITS = 56


@dataclass(frozen=True)
class Payload:
    """What a mark says. `content_id` is 56 random bits; written as 14 hex digits."""

    key_id: int
    content_id: int
    version: int = LAYOUT_VERSION

    def __post_init__(self) -> None:
        for name, number, bits in (
            ("version", self.version, 4),
            ("key_id", self.key_id, 4),
            ("content_id", self.content_id, _CONTENT_ID_BITS),
        ):
            if not 0 <= number < 1 << bits:
                raise ValueError(f"{name} must fit {bits} bits, got {number}")

    @classmethod
    def fresh(cls, key_id: int) -> "Payload":
        """A payload with a new random content ID."""
        return cls(key_id, secrets.randbits(_CONTENT_ID_BITS))

    @property
    def content_hex(self) -> str:
        """The content ID as 14 lower-case hex digits, as every report shows it."""
        return f"{self.content_id:014x}"

    @property
    def short_id(self) -> int:
        """The first 32 bits of the content ID, what a mark with little room carries: the first 8 digits of
        `content_hex`."""
        return self.content_id >> (_CONTENT_ID_BITS - 32)

    def to_int(self) -> int:
        """The payload as one 64-bit number."""
        return (self.version << 60) | (self.key_id << _CONTENT_ID_BITS) | self.content_id

    @classmethod
    def from_int(cls, number: int) -> "Payload":
        """The payload in a 64-bit number, whatever its version says."""
        return cls((number >> _CONTENT_ID_BITS) & 15, number & ((1 << _CONTENT_ID_BITS) - 1), number >> 60)

    def to_bytes(self) -> bytes:
        """Eight bytes, big-endian: the value of the soft binding in a manifest."""
        return self.to_int().to_bytes(8, "big")

    @classmethod
    def from_bytes(cls, value: bytes) -> "Payload":
        """The payload in eight big-endian bytes.

        Raises:
            ValueError: not eight bytes.
        """
        if len(value) != 8:
            raise ValueError(f"a payload has 8 bytes, got {len(value)}")
        return cls.from_int(int.from_bytes(value, "big"))

    def to_bits(self) -> tuple[int, ...]:
        """64 bits, most significant first."""
        return tuple((self.to_int() >> (63 - i)) & 1 for i in range(64))

    @classmethod
    def from_bits(cls, bits: tuple[int, ...]) -> "Payload":
        """The payload in 64 bits, most significant first."""
        return cls.from_int(int("".join(str(int(bit)) for bit in bits), 2))
