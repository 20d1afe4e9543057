"""Marked latents stay N(0, 1) to anybody without the key: test batteries, thresholds corrected for their number."""

import numpy as np
import pytest
from scipy import stats

from watermark.noise import NoiseWatermark
from watermark.payload import Payload

SHAPE, CLIPS = (1, 32, 7, 8, 8), 24
ALPHA = 1e-3
"""For each battery as a whole; seeds are fixed, so a failure is a fault and not chance."""


@pytest.fixture(scope="module", params=["one key", "a key each"])
def drawn(request):
    """24 clips of one key with a payload each, or of as many keys; and plain noise of the same shape."""
    rng, mark = np.random.default_rng(17), NoiseWatermark()
    key = rng.bytes(32)
    clips = [
        mark.initial_latents(
            SHAPE,
            Payload(1, int(rng.integers(0, 1 << 56))),
            key if request.param == "one key" else rng.bytes(32),
            rng,
        )
        for _ in range(CLIPS)
    ]
    return np.concatenate(clips), rng.standard_normal((CLIPS, *SHAPE[1:])).astype(np.float32)


def anderson_darling(values):
    """A squared against N(0, 1), nothing estimated: 10.7 is exceeded by fewer than 1 in 100,000 samples."""
    ordered = np.sort(values.astype(np.float64).ravel())
    weights = 2 * np.arange(1, ordered.size + 1) - 1
    return -ordered.size - np.mean(weights * (stats.norm.logcdf(ordered) + stats.norm.logsf(ordered[::-1])))


def test_every_channel_and_clip_is_normal(drawn):
    """Kolmogorov-Smirnov per channel and per clip, and Anderson-Darling per channel, against N(0, 1)."""
    marked, _ = drawn
    groups = [marked[:, c].ravel() for c in range(SHAPE[1])] + [clip.ravel() for clip in marked]
    assert min(stats.kstest(group, "norm").pvalue for group in groups) > ALPHA / len(groups)
    assert max(anderson_darling(marked[:, c]) for c in range(SHAPE[1])) < 10.7


def test_no_channel_or_clip_differs_from_plain_noise(drawn):
    """Two-sample Kolmogorov-Smirnov per channel and across seeds."""
    marked, plain = drawn
    pairs = [(marked[:, c], plain[:, c]) for c in range(SHAPE[1])] + list(zip(marked, plain, strict=True))
    p_values = [stats.ks_2samp(a.ravel(), b.ravel()).pvalue for a, b in pairs]
    assert min(p_values) > ALPHA / len(pairs)


def test_signs_run_like_coin_tosses(drawn):
    """The number of sign changes along each clip is binomial."""
    marked, _ = drawn
    changes = [int((np.diff(np.signbit(clip.ravel())) != 0).sum()) for clip in marked]
    p_values = [stats.binomtest(n, marked[0].size - 1).pvalue for n in changes]
    assert min(p_values) > ALPHA / CLIPS


def test_neighbours_and_channels_are_uncorrelated(drawn):
    """No correlation of neighbours at lags 1 and 2 along any axis, nor between channels."""
    marked, _ = drawn
    scores = []
    for axis in range(1, 5):
        for lag in (1, 2):
            n = marked.shape[axis]
            product = marked.take(range(n - lag), axis).astype(float) * marked.take(range(lag, n), axis)
            scores.append(product.sum() / np.sqrt(product.size))
    flat = marked.transpose(1, 0, 2, 3, 4).reshape(SHAPE[1], -1).astype(float)
    between = (flat @ flat.T)[np.triu_indices(SHAPE[1], 1)] / np.sqrt(flat.shape[1])
    scores += between.tolist()
    assert np.abs(scores).max() < stats.norm.isf(ALPHA / 2 / len(scores))
