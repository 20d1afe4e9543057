"""Small differences that decide: a cut in a calm scene, a mirrored copy that lies to the pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.alignment import between_centres, between_corners, warped, whole_placement
from detector.matching import stretches_of
from provenance.fingerprint import ALGORITHM, SAMPLES_PER_S
from provenance.records import Fingerprint

SAMPLES = 6 * SAMPLES_PER_S


def calm(rng: np.random.Generator, bits_a_sample: int) -> np.ndarray:
    """Hashes of a scene that drifts by a few bits from sample to sample."""
    bits = rng.integers(0, 2, 256)
    rows = []
    for _ in range(SAMPLES):
        bits = bits.copy()
        bits[rng.choice(256, bits_a_sample, replace=False)] ^= 1
        rows.append(np.packbits(bits.astype(np.uint8)))
    return np.stack(rows)


def noisy(rng: np.random.Generator, hashes: np.ndarray) -> np.ndarray:
    """The same after an encoding: two bits of each sample differ."""
    bits = np.unpackbits(hashes, axis=1)
    for row in bits:
        row[rng.choice(256, 2, replace=False)] ^= 1
    return np.packbits(bits, axis=1)


def fingerprint(hashes: np.ndarray) -> Fingerprint:
    return Fingerprint(ALGORITHM, hashes, np.full(len(hashes), 100, np.uint8), len(hashes) / SAMPLES_PER_S)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 8), st.integers(4, 12))
def test_what_is_missing_from_a_calm_scene_is_a_cut(seed: int, bits_a_sample: int, missing: int) -> None:
    """Half a second to one and a half taken out of the middle: two stretches, the cut within a quarter second."""
    rng = np.random.default_rng(seed)
    whole = calm(rng, bits_a_sample)
    first = SAMPLES // 3
    cut = noisy(rng, np.concatenate([whole[:first], whole[first + missing :]]))
    found = stretches_of(fingerprint(cut), [fingerprint(whole)])
    assert len(found) == 2
    assert found[1].start_s == pytest.approx(first / SAMPLES_PER_S, abs=0.25)
    gap = found[1].reference_s - found[0].reference_end_s
    assert gap == pytest.approx(missing / SAMPLES_PER_S, abs=0.25)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 8), st.integers(0, 12))
def test_nothing_missing_is_no_cut(seed: int, bits_a_sample: int, trimmed: int) -> None:
    """A calm scene that is whole, or only lost its beginning, stays one stretch."""
    rng = np.random.default_rng(seed)
    whole = calm(rng, bits_a_sample)
    found = stretches_of(fingerprint(noisy(rng, whole[trimmed:])), [fingerprint(whole)])
    assert len(found) == 1


def test_a_mirrored_picture_is_laid_back_to_the_pixel() -> None:
    """A placement counts from the picture's corner: mirrored back, every pixel is where it was."""
    picture = np.random.default_rng(2).integers(0, 255, (30, 40, 3)).astype(np.uint8)
    mirror = np.array([[-1.0, 0.0, 40.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert np.array_equal(warped(picture[:, ::-1], mirror, (40, 30)), picture)
    assert np.array_equal(warped(picture, whole_placement((40, 30), (40, 30)), (40, 30)), picture)
    assert np.allclose(between_corners(between_centres(mirror)), mirror)
