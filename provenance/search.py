"""Which stored clips are worth comparing with a query, among very many: by hashes, or by local features.

Both look near hashes up (`provenance.nearhash`) and let each vote for its owner, the nearer the more. Knows nothing
of how sure a match is: that is `provenance.fingerprint.similarity`.
"""

import numpy as np
from numpy.typing import NDArray

from provenance.fingerprint import CANDIDATE_BITS, mirrored, usable
from provenance.landmarks import Landmarks
from provenance.nearhash import HashIndex, Words, words_of
from provenance.records import Fingerprint

_MAX_QUERY_SAMPLES = 12
_INDEXED_EVERY = 4  # two hashes a second: a quarter of a second off, pictures of one clip are nearer than the bound
_CANDIDATES_PER_MATCH = 3  # more candidates than answers, since the full comparison drops some

_FEATURE_BITS = 48  # the same corner in a copy: about 25 bits; corners of different clips: 1 in 1,000 within 43
_FEATURE_GROUPS = 8
_MOST_ALIKE = 96  # a corner that so many clips have says little
_INDEXED_FEATURES, _INDEXED_EVERY_KEY = 32, 2  # of a key frame; of kept key frames, so one in two seconds
_MAX_INDEXED_KEYS = 30  # a minute in full, of longer clips as many, evenly spread
_QUERY_KEYS, _QUERY_FEATURES = 3, 60
_MIN_VOTES = 0.5  # copies: from 1.7; other clips mostly under 0.8, all of which are compared anyway


class FingerprintIndex:
    """Hashes of many clips and whose they are. Not thread-safe; whoever holds it locks it."""

    def __init__(self) -> None:
        self._owners: list[str] = []
        self._by_alg: dict[str, HashIndex] = {}

    def __len__(self) -> int:
        """How many clips are held."""
        return len(self._owners)

    @property
    def hash_count(self) -> int:
        """How many hashes are held."""
        return sum(map(len, self._by_alg.values()))

    @property
    def bytes_held(self) -> int:
        """The memory of the tables."""
        return sum(one.bytes_held for one in self._by_alg.values())

    def add(self, owner: str, fingerprint: Fingerprint) -> None:
        """Hold a clip's usable hashes under its owner's name. A clip too plain to compare adds none."""
        self._owners.append(owner)
        hashes = fingerprint.hashes[usable(fingerprint)][::_INDEXED_EVERY]
        index = self._by_alg.setdefault(fingerprint.alg, HashIndex(CANDIDATE_BITS))
        index.add(words_of(hashes), len(self._owners) - 1)

    def candidates(self, query: Fingerprint, limit: int) -> list[str]:
        """Owners with the most hashes near the query's, or near its mirror image's; at most three times `limit`."""
        index = self._by_alg.get(query.alg)
        if index is None:
            return []
        rows = np.concatenate([_spread(words_of(one.hashes[usable(one)])) for one in (query, mirrored(query))])
        _, owner, distance = index.near(rows)
        votes = _votes(owner, 1 - distance / CANDIDATE_BITS)
        best = sorted(votes, key=lambda one: (-votes[one], one))[: limit * _CANDIDATES_PER_MATCH]
        return [self._owners[one] for one in best]


class LandmarkIndex:
    """Local features of many clips and whose they are: finds what was cut out, turned or captioned too far for the
    hashes. About 3.5 KB of memory for four seconds of video. Not thread-safe."""

    def __init__(self) -> None:
        self._owners: list[str] = []
        self._features = HashIndex(_FEATURE_BITS, _FEATURE_GROUPS, flips=False, most=_MOST_ALIKE)

    def __len__(self) -> int:
        """How many clips are held."""
        return len(self._owners)

    @property
    def feature_count(self) -> int:
        """How many features are held."""
        return len(self._features)

    @property
    def bytes_held(self) -> int:
        """The memory of the tables."""
        return self._features.bytes_held

    def add(self, owner: str, features: NDArray[np.uint8]) -> None:
        """Hold what `indexed_features` took from a clip under its owner's name."""
        self._owners.append(owner)
        self._features.add(words_of(features), len(self._owners) - 1)

    def candidates(self, query: Landmarks, limit: int) -> list[str]:
        """Owners with the most features near the query's, or near its mirror image's; at most `limit`."""
        keys = _evenly(np.arange(len(query.keys)), _QUERY_KEYS)
        votes: dict[int, float] = {}
        for turned in (query, query.mirrored()):
            row, owner, distance = self._features.near(words_of(_strongest(turned, keys, _QUERY_FEATURES)))
            shared = np.bincount(row)[row] if len(row) else 1  # a corner that many clips have says little
            for one, weight in _votes(owner, (1 - distance / _FEATURE_BITS) / shared).items():
                votes[one] = max(votes.get(one, 0.0), weight)
        best = sorted(votes, key=lambda one: (-votes[one], one))[:limit]
        return [self._owners[one] for one in best if votes[one] >= _MIN_VOTES]


def indexed_features(landmarks: Landmarks | None) -> NDArray[np.uint8]:
    """The features by which a clip is looked up, uint8 (N, 32): a few of each second key frame, spread over its
    time and its picture. None of a clip without landmarks."""
    if landmarks is None:
        return np.empty((0, 32), np.uint8)
    kept = landmarks.kept()
    keys = _evenly(np.arange(0, len(kept.keys), _INDEXED_EVERY_KEY), _MAX_INDEXED_KEYS)
    return _strongest(kept, keys, _INDEXED_FEATURES)


def _strongest(landmarks: Landmarks, keys: NDArray[np.intp], most: int) -> NDArray[np.uint8]:
    """The strongest features of some key frames."""
    first = np.searchsorted(landmarks.key_of, keys)
    last = np.minimum(np.searchsorted(landmarks.key_of, keys, "right"), first + most)
    chosen = [np.arange(a, b) for a, b in zip(first, last, strict=True)]
    return landmarks.bits[np.concatenate([np.empty(0, np.intp), *chosen]).astype(np.intp)]


def _votes(owner: NDArray[np.int32], weights: NDArray[np.float64]) -> dict[int, float]:
    """The sum of each owner's weights."""
    named, place = np.unique(owner, return_inverse=True)
    sums = np.bincount(place, weights, minlength=len(named))
    return dict(zip(named.tolist(), sums.tolist(), strict=True))


def _evenly(places: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, most).astype(np.intp)]


def _spread(rows: Words) -> Words:
    """At most a dozen rows, spread evenly."""
    return rows[_evenly(np.arange(len(rows)), _MAX_QUERY_SAMPLES)]
