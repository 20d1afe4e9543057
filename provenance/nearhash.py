"""Hashes of 256 bits and whose they are: which of millions lie near some, without looking at all of them.

Multi-index hashing (Norouzi, Punjani and Fleet, arXiv:1307.2982): the bits of a hash are dealt into groups; each
group has a table from the group's value to the hashes that have it. A hash near the query agrees with it in some
group up to one bit, so that a few thousand of millions are looked at. Groups take their bits from all over the
hash, since neighbouring coefficients go together.

Sealed hashes stand in such tables, new ones wait in a short list that is scanned whole. What is found depends on
chance only where a hash is far off: the share found at a distance is in `expected_recall`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HASH_BITS = 256
_SEAL_AT = 32_768  # hashes scanned one by one before they are given tables: 2 ms a query hash
_MAX_BUCKET = 256  # of a group's value that very many hashes share (plain pictures), so many are looked at
_MERGE_FACTOR = 4
_DEAL_SEED = 2_026_1121  # how bits are dealt into groups; not stored anywhere, so it may change

Words = NDArray[np.uint64]
_Keys = NDArray[np.uint32]
_Places = NDArray[np.intp]
_Numbers = NDArray[np.int32]


class HashIndex:
    """Hashes uint64 (N, 4) and the number of each one's owner. Finds those nearer than `bound` bits.

    `groups` bounds how many tables are kept: fewer take less memory and find less. Without `flips` a group must
    agree in every bit: a twentieth of the work, for owners that have many hashes. Of a value that more than `most`
    hashes share, so many are looked at. Not thread-safe.
    """

    def __init__(self, bound: int, groups: int = HASH_BITS, *, flips: bool = True, most: int = _MAX_BUCKET) -> None:
        self._bound, self._groups, self._flips, self._most = bound, groups, flips, most
        self._segments: list[_Segment] = []
        self._waiting: list[tuple[Words, int]] = []
        self._waiting_hashes = 0

    def __len__(self) -> int:
        """How many hashes are held."""
        return self._waiting_hashes + sum(len(one.hashes) for one in self._segments)

    @property
    def bytes_held(self) -> int:
        """The memory of all tables."""
        return sum(one.bytes_held for one in self._segments)

    def add(self, hashes: Words, owner: int) -> None:
        """Hold an owner's hashes."""
        self._waiting.append((hashes, owner))
        self._waiting_hashes += len(hashes)

    def near(self, rows: Words) -> tuple[_Numbers, _Numbers, _Numbers]:
        """(row, owner, distance) of every hash found near a row, the nearest of each owner only."""
        self._settle()
        parts = [
            (segment.owner_of, segment.near(rows, self._bound, flips=self._flips, most=self._most))
            for segment in self._segments
        ]
        if self._waiting:
            hashes, owner_of = self._gathered()
            parts.append((owner_of, _scanned(rows, hashes, self._bound)))
        none = np.empty(0, np.int32)
        found = [(row, owner_of[place], distance) for owner_of, (row, place, distance) in parts]
        row, owner, distance = (
            np.concatenate([none, *column]).astype(np.int32)
            for column in (zip(*found, strict=True) if found else [()] * 3)
        )
        order = np.lexsort((distance, owner, row))
        row, owner, distance = row[order], owner[order], distance[order]
        first = np.ones(len(row), bool)
        first[1:] = (row[1:] != row[:-1]) | (owner[1:] != owner[:-1])
        return row[first], owner[first], distance[first]

    def _gathered(self) -> tuple[Words, _Numbers]:
        counts = [len(words) for words, _ in self._waiting]
        owner_of = np.repeat([owner for _, owner in self._waiting], counts).astype(np.int32)
        return np.concatenate([words for words, _ in self._waiting]), owner_of

    def _settle(self) -> None:
        """Give tables to what waits, once it is much, and merge segments of like size: few, and each made once."""
        if self._waiting_hashes < _SEAL_AT:
            return
        hashes, owner_of = self._gathered()
        self._waiting, self._waiting_hashes = [], 0
        while self._segments and len(self._segments[-1].hashes) < _MERGE_FACTOR * len(hashes):
            last = self._segments.pop()
            hashes = np.concatenate([last.hashes, hashes])
            owner_of = np.concatenate([last.owner_of, owner_of])
        self._segments.append(_Segment.of(hashes, owner_of, self._groups))


@dataclass(frozen=True)
class _Segment:
    """Sealed hashes with one table a group: `order[g]` lists hashes by their value in group g, `start[g]` where
    each value begins."""

    hashes: Words
    owner_of: _Numbers
    width: int
    order: list[NDArray[np.uint32]]
    start: list[NDArray[np.uint32]]

    @classmethod
    def of(cls, hashes: Words, owner_of: _Numbers, groups: int = HASH_BITS) -> "_Segment":
        """Tables over hashes uint64 (N, 4)."""
        width = group_width(len(hashes))
        order, start = [], []
        for group in range(min(groups, HASH_BITS // width)):
            keys = _keys(hashes, width, group)
            order.append(np.argsort(keys, kind="stable").astype(np.uint32))
            counts = np.bincount(keys, minlength=1 << width)
            start.append(np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32))
        return cls(hashes, owner_of, width, order, start)

    @property
    def bytes_held(self) -> int:
        """The memory of hashes, owners and tables."""
        tables = sum(one.nbytes for one in (*self.order, *self.start))
        return self.hashes.nbytes + self.owner_of.nbytes + tables

    def near(
        self, rows: Words, bound: int, *, flips: bool = True, most: int = _MAX_BUCKET
    ) -> tuple[_Places, _Places, _Numbers]:
        """Which rows have which hashes within `bound` bits, and how far: three arrays of one length."""
        changed = np.concatenate([[0], 1 << np.arange(self.width if flips else 0)]).astype(np.uint32)
        row_parts, place_parts = [], []
        for group, (order, start) in enumerate(zip(self.order, self.start, strict=True)):
            probes = (_keys(rows, self.width, group)[:, None] ^ changed[None]).ravel()
            first = start[probes].astype(np.int64)
            count = np.minimum(start[probes + 1].astype(np.int64) - first, most)
            inside = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            place_parts.append(order[np.repeat(first, count) + inside])
            row_parts.append(np.repeat(np.repeat(np.arange(len(rows)), len(changed)), count))
        row, place = np.concatenate(row_parts), np.concatenate(place_parts).astype(np.intp)
        distance = np.bitwise_count(self.hashes[place] ^ rows[row]).sum(axis=1, dtype=np.int32)
        near = distance < bound
        return row[near], place[near], distance[near]


def group_width(count: int) -> int:
    """Bits of a group for so many hashes: a value of a group is then shared by about eight of them."""
    return int(np.clip(math.ceil(math.log2(max(count, 1) / 8)), 12, 21))


def expected_recall(distance_bits: int, count: int) -> float:
    """The share of hashes at a distance that are looked at, among `count` sealed ones, if bits were independent."""
    width = group_width(count)
    flipped = distance_bits / HASH_BITS
    agrees = (1 - flipped) ** width + width * flipped * (1 - flipped) ** (width - 1)
    return float(1 - (1 - agrees) ** (HASH_BITS // width))


def words_of(hashes: NDArray[np.uint8]) -> Words:
    """Hashes uint8 (N, 32) as uint64 (N, 4)."""
    words: Words = np.ascontiguousarray(hashes).view(np.uint64).reshape(-1, 4)
    return words


def _keys(hashes: Words, width: int, group: int) -> _Keys:
    """The value of one group of `width` bits: uint32 (N,)."""
    dealt = np.random.default_rng(_DEAL_SEED).permutation(HASH_BITS)
    value = np.zeros(len(hashes), np.uint32)
    for bit in dealt[group * width : (group + 1) * width]:
        value = (value << np.uint32(1)) | ((hashes[:, bit // 64] >> np.uint64(bit % 64)) & np.uint64(1)).astype(
            np.uint32
        )
    return value


def _scanned(rows: Words, hashes: Words, bound: int) -> tuple[_Places, _Places, _Numbers]:
    table = np.stack(
        [np.bitwise_count(hashes ^ row).sum(axis=1, dtype=np.int32) for row in rows]
        or [np.empty(len(hashes), np.int32)]
    )[: len(rows)]
    row, place = np.nonzero(table < bound)
    return row, place, table[row, place]
