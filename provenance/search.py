"""Which stored clips are worth comparing with a query, among millions of hashes.

Multi-index hashing (Norouzi, Punjani and Fleet, arXiv:1307.2982): the 256 bits of a hash are dealt into groups;
each group has a table from the group's value to the hashes that have it. A hash near the query agrees with it in
some group up to one bit, so that a few thousand of millions are looked at. Groups take their bits from all over the
hash, since neighbouring coefficients go together.

Sealed hashes stand in such tables, new ones wait in a short list that is scanned whole. What is found depends on
chance only where a copy is far off: the share of hashes found at a distance is in `expected_recall`, and a clip
has a dozen of them. Knows nothing of how sure a match is: that is `provenance.fingerprint.similarity`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from provenance.fingerprint import CANDIDATE_BITS, mirrored, usable
from provenance.records import Fingerprint

_HASH_BITS = 256
_MAX_QUERY_SAMPLES = 12
_INDEXED_EVERY = 4  # two hashes a second: a quarter of a second off, pictures of one clip are nearer than the bound
_CANDIDATES_PER_MATCH = 3  # more candidates than answers, since the full comparison drops some
_SEAL_AT = 32_768  # hashes scanned one by one before they are given tables: 2 ms a query hash
_MAX_BUCKET = 256  # of a group's value that very many hashes share (plain pictures), so many are looked at
_MERGE_FACTOR = 4
_DEAL_SEED = 2_026_1121  # how bits are dealt into groups; not stored anywhere, so it may change

_Words = NDArray[np.uint64]
_Keys = NDArray[np.uint32]


class FingerprintIndex:
    """Hashes of many clips and whose they are. Not thread-safe; whoever holds it locks it."""

    def __init__(self) -> None:
        self._owners: list[str] = []
        self._algs: list[str] = []
        self._segments: list[_Segment] = []
        self._waiting: list[tuple[_Words, int]] = []
        self._waiting_hashes = 0

    def __len__(self) -> int:
        """How many clips are held."""
        return len(self._owners)

    @property
    def hash_count(self) -> int:
        """How many hashes are held."""
        return self._waiting_hashes + sum(len(one.hashes) for one in self._segments)

    def add(self, owner: str, fingerprint: Fingerprint) -> None:
        """Hold a clip's usable hashes under its owner's name. A clip too plain to compare adds none."""
        hashes = fingerprint.hashes[usable(fingerprint)][::_INDEXED_EVERY]
        self._owners.append(owner)
        self._algs.append(fingerprint.alg)
        self._waiting.append((_words(hashes), len(self._owners) - 1))
        self._waiting_hashes += len(hashes)

    def candidates(self, query: Fingerprint, limit: int) -> list[str]:
        """Owners with the most hashes near the query's, or near its mirror image's; at most three times `limit`."""
        self._settle()
        rows = np.concatenate([_spread(_words(one.hashes[usable(one)])) for one in (query, mirrored(query))])
        nearest: dict[tuple[int, int], int] = {}
        for row, owner, distance in self._near(rows):
            if self._algs[owner] == query.alg and distance < nearest.get((row, owner), CANDIDATE_BITS):
                nearest[row, owner] = distance
        votes: dict[int, float] = {}
        for (_, owner), distance in nearest.items():
            votes[owner] = votes.get(owner, 0.0) + 1 - distance / CANDIDATE_BITS
        best = sorted(votes, key=lambda owner: (-votes[owner], owner))[: limit * _CANDIDATES_PER_MATCH]
        return [self._owners[owner] for owner in best]

    def _near(self, rows: _Words) -> list[tuple[int, int, int]]:
        """(query row, owner, distance) of every hash found within `CANDIDATE_BITS`."""
        parts = [(segment.owner_of, segment.near(rows)) for segment in self._segments]
        if self._waiting:
            waiting = np.concatenate([words for words, _ in self._waiting])
            owner_of = np.repeat([owner for _, owner in self._waiting], [len(words) for words, _ in self._waiting])
            parts.append((owner_of.astype(np.int32), _scanned(rows, waiting)))
        found: list[tuple[int, int, int]] = []
        for owner_of, (row, place, distance) in parts:
            found += zip(row.tolist(), owner_of[place].tolist(), distance.tolist(), strict=True)
        return found

    def _settle(self) -> None:
        """Give tables to what waits, once it is much, and merge segments of like size: few, and each made once."""
        if self._waiting_hashes < _SEAL_AT:
            return
        hashes = np.concatenate([words for words, _ in self._waiting])
        owner_of = np.repeat([owner for _, owner in self._waiting], [len(words) for words, _ in self._waiting])
        owner_of = owner_of.astype(np.int32)
        self._waiting, self._waiting_hashes = [], 0
        while self._segments and len(self._segments[-1].hashes) < _MERGE_FACTOR * len(hashes):
            last = self._segments.pop()
            hashes = np.concatenate([last.hashes, hashes])
            owner_of = np.concatenate([last.owner_of, owner_of])
        self._segments.append(_Segment.of(hashes, owner_of))


@dataclass(frozen=True)
class _Segment:
    """Sealed hashes with one table a group: `order[g]` lists hashes by their value in group g, `start[g]` where
    each value begins."""

    hashes: _Words
    owner_of: NDArray[np.int32]
    width: int
    order: list[NDArray[np.uint32]]
    start: list[NDArray[np.uint32]]

    @classmethod
    def of(cls, hashes: _Words, owner_of: NDArray[np.int32]) -> "_Segment":
        """Tables over hashes uint64 (N, 4)."""
        width = group_width(len(hashes))
        order, start = [], []
        for keys in _keys(hashes, width):
            order.append(np.argsort(keys, kind="stable").astype(np.uint32))
            counts = np.bincount(keys, minlength=1 << width)
            start.append(np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32))
        return cls(hashes, owner_of, width, order, start)

    def near(self, rows: _Words) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
        """Which query rows have which hashes within `CANDIDATE_BITS`, and how far: three arrays of one length."""
        flips = np.concatenate([[0], 1 << np.arange(self.width)]).astype(np.uint32)
        row_parts, place_parts = [], []
        for keys, order, start in zip(_keys(rows, self.width), self.order, self.start, strict=True):
            probes = (keys[:, None] ^ flips[None]).ravel()
            first = start[probes].astype(np.int64)
            count = np.minimum(start[probes + 1].astype(np.int64) - first, _MAX_BUCKET)
            inside = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            place_parts.append(order[np.repeat(first, count) + inside])
            row_parts.append(np.repeat(np.repeat(np.arange(len(rows)), len(flips)), count))
        row, place = np.concatenate(row_parts), np.concatenate(place_parts).astype(np.intp)
        distance = np.bitwise_count(self.hashes[place] ^ rows[row]).sum(axis=1, dtype=np.int32)
        near = distance < CANDIDATE_BITS
        return row[near], place[near], distance[near]


def group_width(count: int) -> int:
    """Bits of a group for so many hashes: a value of a group is then shared by about eight of them."""
    return int(np.clip(math.ceil(math.log2(max(count, 1) / 8)), 12, 21))


def expected_recall(distance_bits: int, count: int) -> float:
    """The share of hashes at a distance that are looked at, among `count` sealed ones, if bits were independent."""
    width = group_width(count)
    flipped = distance_bits / _HASH_BITS
    agrees = (1 - flipped) ** width + width * flipped * (1 - flipped) ** (width - 1)
    return float(1 - (1 - agrees) ** (_HASH_BITS // width))


def _keys(hashes: _Words, width: int) -> list[_Keys]:
    """The value of each group of `width` bits: uint32 (N,) for each of the groups."""
    dealt = np.random.default_rng(_DEAL_SEED).permutation(_HASH_BITS)
    keys = []
    for group in range(_HASH_BITS // width):
        value = np.zeros(len(hashes), np.uint32)
        for bit in dealt[group * width : (group + 1) * width]:
            value = (value << np.uint32(1)) | ((hashes[:, bit // 64] >> np.uint64(bit % 64)) & np.uint64(1)).astype(
                np.uint32
            )
        keys.append(value)
    return keys


def _scanned(rows: _Words, hashes: _Words) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
    table = np.stack(
        [np.bitwise_count(hashes ^ row).sum(axis=1, dtype=np.int32) for row in rows]
        or [np.empty(len(hashes), np.int32)]
    )[: len(rows)]
    row, place = np.nonzero(table < CANDIDATE_BITS)
    return row, place, table[row, place]


def _words(hashes: NDArray[np.uint8]) -> _Words:
    words: _Words = np.ascontiguousarray(hashes).view(np.uint64).reshape(-1, 4)
    return words


def _spread(rows: _Words) -> _Words:
    """At most a dozen rows, spread evenly."""
    if len(rows) <= _MAX_QUERY_SAMPLES:
        return rows
    places: NDArray[np.intp] = np.linspace(0, len(rows) - 1, _MAX_QUERY_SAMPLES).astype(np.intp)
    return rows[places]
