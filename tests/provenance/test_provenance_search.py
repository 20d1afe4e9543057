"""The index over many fingerprints: finds what a full scan would find, as far as it promises."""

from dataclasses import replace

import numpy as np
import pytest

from provenance import fingerprint as fp
from provenance import nearhash
from provenance.nearhash import expected_recall, group_width
from provenance.records import Fingerprint
from provenance.search import FingerprintIndex

RNG = np.random.default_rng(20261121)


def clip(seconds: float = 4.0) -> Fingerprint:
    count = int(seconds * fp.SAMPLES_PER_S)
    hashes = np.repeat(RNG.integers(0, 256, (-(-count // 4), 32), dtype=np.uint8), 4, axis=0)[:count]
    return Fingerprint(fp.ALGORITHM, hashes, np.full(count, 90, np.uint8), seconds)


def copy(one: Fingerprint, bits: int) -> Fingerprint:
    """A copy with about this many bits of each hash turned over."""
    flips = np.packbits(RNG.random((len(one.hashes), 256)) < bits / 256, axis=1)
    return replace(one, hashes=one.hashes ^ flips)


@pytest.fixture(scope="module")
def full() -> tuple[FingerprintIndex, list[Fingerprint]]:
    """Five thousand clips and one of an hour, sealed in tables but for the last few."""
    index, clips = FingerprintIndex(), [*(clip() for _ in range(5_000)), clip(3_600)]
    for number, one in enumerate(clips):
        index.add(str(number), one)
    index.candidates(clips[0], 1)
    index.add("last", clip())
    return index, clips


def test_copies_are_first_among_many(full: tuple[FingerprintIndex, list[Fingerprint]]) -> None:
    """As far as two clips may be apart and still agree, straight and mirrored."""
    index, clips = full
    assert index.hash_count > 40_000
    for number in range(0, 5_000, 250):
        for query in (copy(clips[number], fp.AGREE_BITS), fp.mirrored(copy(clips[number], 40))):
            assert index.candidates(query, 1)[0] == str(number)


def test_two_seconds_inside_an_hour_are_found(full: tuple[FingerprintIndex, list[Fingerprint]]) -> None:
    """Wherever the excerpt lies, and at no multiple of the indexed rate."""
    index, clips = full
    hour = clips[-1]
    for start in (1, 10_007, 28_775):
        part = replace(hour, hashes=hour.hashes[start : start + 16], quality=hour.quality[start : start + 16])
        assert index.candidates(copy(part, 30), 1)[0] == "5000"
        found = fp.similarity(copy(part, 30), hour)
        assert found.agrees
        assert found.offset_s == pytest.approx(start / fp.SAMPLES_PER_S, abs=0.5)


def test_what_waits_is_found_before_it_is_sealed() -> None:
    """A clip is found from the moment it is added."""
    index, one = FingerprintIndex(), clip()
    assert index.candidates(one, 3) == []
    index.add("a", one)
    assert index.candidates(one, 3) == ["a"]


def test_sealing_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in how many segments: the same owners for a copy."""
    clips = [clip() for _ in range(300)]
    sealed, open_ = FingerprintIndex(), FingerprintIndex()
    monkeypatch.setattr(nearhash, "_SEAL_AT", 100)
    for number, one in enumerate(clips):
        sealed.add(str(number), one)
        sealed.candidates(one, 1)
    monkeypatch.setattr(nearhash, "_SEAL_AT", 10**9)
    for number, one in enumerate(clips):
        open_.add(str(number), one)
    for number in range(0, 300, 30):
        query = copy(clips[number], 30)
        assert sealed.candidates(query, 1)[:1] == open_.candidates(query, 1)[:1] == [str(number)]


def test_the_promise_about_recall_holds() -> None:
    """The share of hashes found at a distance is what `expected_recall` says, to a few percent."""
    hashes = RNG.integers(0, 2**63, (50_000, 4)).astype(np.uint64)
    segment = nearhash._Segment.of(hashes, np.zeros(len(hashes), np.int32))
    for bits in (30, 52):
        flips = np.packbits(RNG.random((400, 256)) < bits / 256, axis=1).view(np.uint64).reshape(-1, 4)
        row, place, _ = segment.near(hashes[:400] ^ flips, fp.CANDIDATE_BITS)
        share = len(set(row[row == place].tolist())) / 400
        assert share == pytest.approx(expected_recall(bits, len(hashes)), abs=0.06)
    assert group_width(8_000_000) > group_width(8_000)


def test_a_value_that_all_share_costs_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand equal hashes (a still stored often): as many are looked at as a bucket gives."""
    hashes = np.tile(RNG.integers(0, 2**63, (1, 4)).astype(np.uint64), (100_000, 1))
    segment = nearhash._Segment.of(hashes, np.zeros(len(hashes), np.int32))
    row, _, _ = segment.near(hashes[:1], fp.CANDIDATE_BITS)
    assert 0 < len(row) <= nearhash._MAX_BUCKET * (256 // segment.width)


def test_another_algorithm_is_no_candidate() -> None:
    """Hashes of different measures may be near by chance only."""
    index, one = FingerprintIndex(), clip()
    index.add("other", replace(one, alg="org.example.fp"))
    assert index.candidates(one, 3) == []
