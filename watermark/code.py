"""64 payload bits as a polar code with a CRC, read by list decoding from soft values.

Polar code (Arikan, arXiv:0807.3917) of 512 coded bits over 64 payload + 16 CRC bits, decoded by CRC-aided
successive cancellation lists (Tal and Vardy, arXiv:1206.0050) in the log-likelihood form of arXiv:1401.3753.
The information places are the most reliable by polarisation weight, sum of bit_j 2^(j/4): a closed form, so
every machine agrees on them. Coded bits repeat over as many carriers as there are; soft values add up.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

CRC_BITS = 16
_CRC_POLYNOMIAL = 0x1021
_CRC_START = 0xFFFF
LIST_SIZE = 32

Bits = NDArray[np.uint8]
Soft = NDArray[np.float64]


@dataclass(frozen=True)
class CodeSize:
    """How many bits go in and come out. `coded` is a power of two."""

    payload: int = 64
    coded: int = 512

    @property
    def information(self) -> int:
        """Payload and CRC together."""
        return self.payload + CRC_BITS


PAYLOAD_64 = CodeSize()
SHORT_32 = CodeSize(32, 256)


def crc16(bits: Bits) -> Bits:
    """The 16 CRC bits (CCITT polynomial 0x1021, start 0xFFFF) over bits, most significant first."""
    register = _CRC_START
    for bit in bits:
        register ^= int(bit) << 15
        register = ((register << 1) ^ _CRC_POLYNOMIAL) & 0xFFFF if register & 0x8000 else register << 1
    return np.array([(register >> (15 - i)) & 1 for i in range(CRC_BITS)], np.uint8)


@lru_cache(maxsize=8)
def information_places(size: CodeSize) -> NDArray[np.intp]:
    """Indices of the information bits in the code's input, ascending: the `information` most reliable ones."""
    index = np.arange(size.coded)
    stages = size.coded.bit_length() - 1
    weight = sum(((index >> j) & 1) * 2.0 ** (j / 4) for j in range(stages))
    return np.sort(np.argsort(weight, kind="stable")[-size.information :])


def polar_transform(bits: Bits) -> Bits:
    """x = u F^(tensor n) over GF(2), in natural order; its own inverse."""
    coded = bits.copy()
    half = 1
    while half < coded.size:
        pairs = coded.reshape(-1, 2, half)
        pairs[:, 0] ^= pairs[:, 1]
        half *= 2
    return coded


def encode(payload: Bits, size: CodeSize = PAYLOAD_64) -> Bits:
    """The coded bits of a payload, uint8 (size.coded,).

    Raises:
        ValueError: the payload has not `size.payload` bits.
    """
    payload = np.asarray(payload, np.uint8)
    if payload.shape != (size.payload,):
        raise ValueError(f"expected {size.payload} payload bits, got {payload.shape}")
    source = np.zeros(size.coded, np.uint8)
    source[information_places(size)] = np.concatenate([payload, crc16(payload)])
    return polar_transform(source)


def decode(soft: Soft, size: CodeSize = PAYLOAD_64, list_size: int = LIST_SIZE) -> list[Bits]:
    """Payloads whose CRC holds, likeliest first (usually none or one), each uint8 (size.payload,).

    `soft` (size.coded,) is positive for a bit 0; its scale hardly matters. Each of the `list_size` candidates
    is one look at a 16-bit check: on noise, some CRC holds with probability of about list_size / 2^16.

    Raises:
        ValueError: `soft` has another shape or is not finite.
    """
    if soft.shape != (size.coded,) or not np.isfinite(soft).all():
        raise ValueError(f"expected {size.coded} finite soft values, got {soft.shape}")
    spread = float(np.sqrt(np.mean(soft**2)))
    if spread == 0.0:
        return []
    is_information = np.zeros(size.coded, bool)
    is_information[information_places(size)] = True
    paths, _ = _ListDecoder(is_information, list_size).run(soft / spread)
    candidates = paths[:, is_information]
    return [c[: size.payload] for c in candidates if np.array_equal(crc16(c[: size.payload]), c[size.payload :])]


class _ListDecoder:
    """Successive cancellation over a list of paths, depth first; all paths move together as numpy rows."""

    def __init__(self, is_information: NDArray[np.bool_], list_size: int) -> None:
        self._is_information = is_information
        self._list_size = list_size
        self._source = np.zeros((1, is_information.size), np.uint8)
        self._penalty = np.zeros(1)

    def run(self, soft: Soft) -> tuple[Bits, Soft]:
        """Source bits (paths, coded) and their penalties, best first."""
        self._descend(soft[None, :], 0)
        order = np.argsort(self._penalty, kind="stable")
        return self._source[order], self._penalty[order]

    def _descend(self, soft: Soft, first: int) -> tuple[Bits, NDArray[np.intp]]:
        """Decide the bits under this node. Gives their partial sums, and for each path the row it came from."""
        width = soft.shape[1]
        if width == 1:
            return self._decide(soft[:, 0], first)
        if not self._is_information[first : first + width].any():
            self._penalty = self._penalty + np.logaddexp(0.0, -soft).sum(1)
            return np.zeros(soft.shape, np.uint8), np.arange(len(soft))
        half = width // 2
        a, b = soft[:, :half], soft[:, half:]
        left, came = self._descend(_check(a, b), first)
        a, b = a[came], b[came]
        right, then = self._descend(b + (1.0 - 2.0 * left) * a, first + half)
        left = left[then]
        return np.concatenate([left ^ right, right], 1), came[then]

    def _decide(self, soft: Soft, place: int) -> tuple[Bits, NDArray[np.intp]]:
        rows = np.arange(len(soft))
        if not self._is_information[place]:
            self._penalty = self._penalty + np.logaddexp(0.0, -soft)
            return np.zeros((len(soft), 1), np.uint8), rows
        penalty = np.concatenate(
            [self._penalty + np.logaddexp(0.0, -soft), self._penalty + np.logaddexp(0.0, soft)]
        )
        bit = np.repeat(np.array([0, 1], np.uint8), len(soft))
        kept = np.sort(np.argsort(penalty, kind="stable")[: self._list_size])
        came = np.concatenate([rows, rows])[kept]
        self._source, self._penalty = self._source[came], penalty[kept]
        self._source[:, place] = bit[kept]
        return bit[kept][:, None], came


def _check(a: Soft, b: Soft) -> Soft:
    """The log-likelihood ratio of the exclusive or of two bits, exact (Jacobian form)."""
    least = np.sign(a) * np.sign(b) * np.minimum(np.abs(a), np.abs(b))
    combined: Soft = least + np.log1p(np.exp(-np.abs(a + b))) - np.log1p(np.exp(-np.abs(a - b)))
    return combined
