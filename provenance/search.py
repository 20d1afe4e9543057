"""Which stored clips are worth comparing with a query: an exact scan over all stored hashes, in memory.

Nearest by Hamming distance with numpy's popcount; a few thousand clips take milliseconds. Knows nothing of how sure
a match is: that is `provenance.fingerprint.similarity`.
"""

import numpy as np
from numpy.typing import NDArray

from provenance.fingerprint import CANDIDATE_BITS, mirrored, usable
from provenance.records import Fingerprint

_MAX_QUERY_SAMPLES = 12
_INDEXED_EVERY = 4  # two hashes a second: a quarter of a second off, pictures of one clip are nearer than the bound
_CANDIDATES_PER_MATCH = 3  # more candidates than answers, since the full comparison drops some

_Words = NDArray[np.uint64]


class FingerprintIndex:
    """Hashes of many clips and whose they are. Not thread-safe; whoever holds it locks it."""

    def __init__(self) -> None:
        self._owners: list[str] = []
        self._algs: list[str] = []
        self._hashes: _Words = np.empty((0, 4), np.uint64)
        self._owner_of: NDArray[np.int32] = np.empty(0, np.int32)
        self._waiting: list[tuple[_Words, int]] = []

    def __len__(self) -> int:
        """How many clips are held."""
        return len(self._owners)

    def add(self, owner: str, fingerprint: Fingerprint) -> None:
        """Hold a clip's usable hashes under its owner's name. A clip too plain to compare adds none."""
        hashes = fingerprint.hashes[usable(fingerprint)][::_INDEXED_EVERY]
        self._owners.append(owner)
        self._algs.append(fingerprint.alg)
        self._waiting.append((_words(hashes), len(self._owners) - 1))

    def candidates(self, query: Fingerprint, limit: int) -> list[str]:
        """Owners with the most hashes near the query's, or near its mirror image's; at most three times `limit`."""
        self._settle()
        if not len(self._owner_of):
            return []
        votes = np.zeros(len(self._owners), np.float64)
        for turned in (query, mirrored(query)):
            for row in _spread(_words(turned.hashes[usable(turned)])):
                votes += self._vote(row)
        same_alg = np.array([alg == query.alg for alg in self._algs])
        best = np.argsort(-votes, kind="stable")[: limit * _CANDIDATES_PER_MATCH]
        return [self._owners[i] for i in best if votes[i] > 0 and same_alg[i]]

    def _vote(self, row: _Words) -> NDArray[np.float64]:
        """For each clip, how near its nearest hash is: 1 for the same, 0 from `CANDIDATE_BITS` on."""
        distance = np.bitwise_count(self._hashes ^ row).sum(axis=1, dtype=np.int32)
        near = distance < CANDIDATE_BITS
        votes = np.zeros(len(self._owners), np.float64)
        np.maximum.at(votes, self._owner_of[near], 1 - distance[near] / CANDIDATE_BITS)
        return votes

    def _settle(self) -> None:
        if self._waiting:
            self._hashes = np.concatenate([self._hashes, *(words for words, _ in self._waiting)])
            owners = [np.full(len(words), owner, np.int32) for words, owner in self._waiting]
            self._owner_of = np.concatenate([self._owner_of, *owners])
            self._waiting.clear()


def _spread(rows: _Words) -> _Words:
    """At most `_MAX_QUERY_SAMPLES` rows, evenly spread over all."""
    places: NDArray[np.intp] = np.linspace(0, len(rows) - 1, min(len(rows), _MAX_QUERY_SAMPLES)).astype(np.intp)
    return rows[places]


def _words(hashes: NDArray[np.uint8]) -> _Words:
    return np.ascontiguousarray(hashes).view(np.uint64).reshape(-1, 4)
