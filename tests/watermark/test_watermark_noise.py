"""Rules of the noise mark: lossless to anybody without the key, read back by those with it."""

import numpy as np
import pytest
from scipy import stats

from watermark.noise import FALSE_POSITIVE_RATE, NoiseWatermark
from watermark.noise.codec import single_look_z
from watermark.payload import Payload

KEY = bytes(range(32))
PAYLOAD = Payload(1, 0x2468ACE13579BD)
SMALL, LARGE = (1, 32, 9, 8, 8), (1, 16, 9, 16, 16)
CODEC = NoiseWatermark()


def inverted(shape, agreement, seed=0, key=KEY):
    """Latents as an inversion gives them back whose signs agree with the true ones with probability `agreement`."""
    rng = np.random.default_rng(seed)
    latents = CODEC.initial_latents(shape, PAYLOAD, key, rng)
    correlation = np.sin(np.pi * (agreement - 0.5))
    noise = rng.standard_normal(shape)
    return (correlation * latents + np.sqrt(1 - correlation**2) * noise).astype(np.float32)


def test_latents_are_normal_per_channel_and_over_seeds():
    """Under random keys every channel is N(0, 1), by Kolmogorov-Smirnov and a two-sample test against noise."""
    rng = np.random.default_rng(3)
    drawn = np.concatenate([CODEC.initial_latents(SMALL, PAYLOAD, rng.bytes(32), rng) for _ in range(6)])
    p_values = [stats.kstest(drawn[:, c].ravel(), "norm").pvalue for c in range(32)]
    assert min(p_values) > 1e-3 / 32
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3
    assert stats.ks_2samp(drawn.ravel(), rng.standard_normal(drawn.size)).pvalue > 1e-3


def test_neighbouring_latents_are_independent():
    """Marked latents show no correlation between neighbours along any axis."""
    latents = CODEC.initial_latents(LARGE, PAYLOAD, KEY, np.random.default_rng(4))
    for axis in range(1, 5):
        a, b = np.delete(latents, 0, axis), np.delete(latents, -1, axis)
        assert abs(np.mean(a * b)) < 4.5 / np.sqrt(a.size)


def test_signs_are_fair_and_magnitudes_are_those_of_the_generator():
    """The generator's magnitudes pass through untouched; half the signs are positive."""
    latents = CODEC.initial_latents(LARGE, PAYLOAD, KEY, np.random.default_rng(5))
    plain = np.random.default_rng(5).standard_normal(latents.size, dtype=np.float32)
    assert np.array_equal(np.abs(latents).ravel(), np.abs(plain))
    assert abs(np.mean(latents > 0) - 0.5) < 4.5 * 0.5 / np.sqrt(latents.size)


@pytest.mark.parametrize(("shape", "agreement"), [(SMALL, 0.57), (LARGE, 0.56)])
def test_id_comes_back(shape, agreement):
    """The ID is read exactly at sign agreements that an inversion of a lightly compressed clip gives."""
    extraction = CODEC.extract(inverted(shape, agreement), {0: bytes(32), 1: KEY})
    assert extraction.found
    assert extraction.key_id == 1
    assert extraction.p_value <= FALSE_POSITIVE_RATE
    assert extraction.short_id == PAYLOAD.short_id
    assert extraction.payload == (PAYLOAD if shape == LARGE else None)
    assert CODEC.id_bits(shape) == (64 if shape == LARGE else 32)


def test_moved_latents_are_found():
    """A shift of two rows, one column and a frame in latent space is searched for."""
    moved = np.roll(inverted(LARGE, 0.62), (1, -2, 1), (2, 3, 4))
    assert CODEC.extract(moved, {1: KEY}).payload == PAYLOAD


def test_no_key_no_detection():
    """200 wrong keys give a pilot score that is N(0, 1), even on marked latents."""
    latents = inverted(SMALL, 0.8)
    rng = np.random.default_rng(6)
    scores = [single_look_z(latents, rng.bytes(32)) for _ in range(200)]
    assert stats.kstest(scores, "norm").pvalue > 1e-3


def test_wrong_key_finds_nothing():
    """A wrong key never gives an ID."""
    assert not CODEC.extract(inverted(SMALL, 0.9), {1: bytes(32)}).found


def test_known_payload_is_confirmed_below_the_reach_of_reading():
    """A payload known from elsewhere is confirmed at agreements where it cannot be read, and a false one is not."""
    latents = inverted(SMALL, 0.53)
    assert CODEC.confirm(latents, PAYLOAD, KEY).found
    assert not CODEC.confirm(latents, Payload(1, 99), KEY).found


@pytest.mark.parametrize("shape", [(2, 16, 4, 8, 8), (1, 4, 4, 8, 8), (16, 9, 16, 16)])
def test_unfit_shapes_are_refused(shape):
    """Batches, tiny latents and other ranks are refused with the limit named."""
    with pytest.raises(ValueError, match="at least 2048"):
        CODEC.initial_latents(shape, PAYLOAD, KEY, np.random.default_rng(0))


def test_broken_latents():
    """Values that are not finite are refused; constant ones carry nothing."""
    with pytest.raises(ValueError, match="not finite"):
        CODEC.extract(np.full(SMALL, np.nan, np.float32), {1: KEY})
    assert not CODEC.extract(np.zeros(SMALL, np.float32), {1: KEY}).found
