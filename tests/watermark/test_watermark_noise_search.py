"""Rules of the noise mark's reader: both statistics keep their null, weak marks name their ID, moves are found."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from watermark.noise import FALSE_POSITIVE_RATE, NoiseWatermark
from watermark.noise.layout import STREAMS, layout_of, stream_of, stream_start
from watermark.noise.search import ELEMENTS_SEARCHED, PLACES_DECODED, SHIFTS, moved, read, score, sighted
from watermark.noise.whitening import CLIP_SIGMA, whitened
from watermark.payload import Payload

KEY = bytes(range(32))
PAYLOAD = Payload(1, 0x2468ACE13579BD)
NANO = (1, 32, 7, 8, 8)
WAN_LIKE = (1, 16, 5, 30, 40)
CODEC = NoiseWatermark()


def inverted(shape, agreement, seed=0, payload=PAYLOAD):
    """Latents as an inversion gives them back whose signs agree with the true ones with probability `agreement`."""
    rng = np.random.default_rng(seed)
    latents = CODEC.initial_latents(shape, payload, KEY, rng)
    correlation = np.sin(np.pi * (agreement - 0.5))
    return (correlation * latents + np.sqrt(1 - correlation**2) * rng.standard_normal(shape)).astype(np.float32)


def test_a_mark_too_weak_for_its_pilot_is_read_by_its_id():
    """Where the pilot alone stays above the threshold, the decoded ID on all elements passes it, and is right."""
    values = whitened(inverted(NANO, 0.535, seed=3))
    places, looks = sighted(values, {1: KEY})
    assert 2 * looks * stats.norm.sf(places[0].z) > FALSE_POSITIVE_RATE
    reading = read(values, {1: KEY})
    assert reading.p_value <= FALSE_POSITIVE_RATE
    assert reading.short_id == PAYLOAD.short_id
    assert reading.looks > 2**32 * looks // 2


@pytest.mark.slow
def test_p_values_of_wrong_keys_are_conservative():
    """On marked latents, 12 wrong keys give p-values no smaller than uniform ones, both statistics together."""
    values = whitened(inverted(NANO, 0.9))
    rng = np.random.default_rng(8)
    p_values = [read(values, {1: rng.bytes(32)}).p_value for _ in range(12)]
    assert stats.kstest(p_values, "uniform", alternative="greater").pvalue > 1e-3
    assert min(p_values) > 1e-4


def test_picture_left_on_the_latents_does_not_hide_the_mark():
    """Content that stands still over time and sits in few places costs little: whitening pushes it down."""
    latents = inverted(NANO, 0.58)
    rng = np.random.default_rng(1)
    still = 3 * rng.standard_normal((1, 32, 1, 8, 8)) * (rng.random((1, 1, 1, 8, 8)) < 0.3)
    dirty = (latents + still).astype(np.float32)
    signs = np.sign(CODEC.initial_latents(NANO, PAYLOAD, KEY, np.random.default_rng(0))).astype(np.int8).ravel()
    plainly = score(dirty.ravel(), signs)
    assert score(whitened(dirty).ravel(), signs) > 1.4 * plainly


@given(scale=st.floats(1e-3, 1e3), offset=st.floats(-10, 10), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_whitening_ignores_scale_and_offset_of_a_channel(scale, offset, seed):
    """A channel that inversion scales and shifts is read the same; values stay finite and clipped."""
    latents = np.random.default_rng(seed).standard_normal((1, 8, 5, 8, 8)).astype(np.float32)
    changed = latents.copy()
    changed[:, 3] = changed[:, 3] * scale + offset
    assert np.allclose(whitened(latents), whitened(changed), atol=0.05)
    assert np.abs(whitened(changed)).max() <= CLIP_SIGMA


@pytest.mark.parametrize("frames", [1, 7])
def test_empty_and_held_frames_stay_finite(frames):
    """Constant latents whiten to zeros, and frames that a short clip holds do not blow up."""
    assert not whitened(np.full((1, 32, frames, 8, 8), 2.0, np.float32)).any()
    held = np.repeat(np.random.default_rng(2).standard_normal((1, 32, 1, 8, 8)), 7, axis=2).astype(np.float32)
    assert np.isfinite(whitened(held)).all()


@pytest.mark.parametrize("shift", [(1, 0, 0), (2, 0, 0), (0, 1, 1), (0, 2, 2), (1, -1, 2)])
def test_trims_and_crops_by_whole_latents_are_found(shift):
    """A clip whose first groups or upper left latents were cut off is still read: no wrap-around needed."""
    cut = moved(inverted(NANO, 0.62), tuple(-s for s in shift))
    assert CODEC.extract(cut, {1: KEY}).short_id == PAYLOAD.short_id


@given(shift=st.sampled_from(SHIFTS))
def test_moving_there_and_back_keeps_the_middle(shift):
    """Moving by a shift and its opposite loses only what left the tensor."""
    values = np.random.default_rng(0).standard_normal((1, 2, 7, 8, 8)).astype(np.float32)
    back = moved(moved(values, shift), tuple(-s for s in shift))
    assert np.array_equal(back[back != 0], values[back != 0])
    assert (back != 0).sum() == 2 * np.prod([n - abs(s) for n, s in zip((7, 8, 8), shift, strict=True)])


def test_a_shift_beyond_the_latents_leaves_nothing():
    """A one-frame tensor moved by two frames is empty, not an error."""
    assert not moved(np.ones((1, 32, 1, 8, 8), np.float32), (2, 0, 0)).any()


def test_large_latents_are_searched_by_a_part_and_scored_on_all():
    """Above 65,536 elements the places come from a part, and z from all: higher than the part could give."""
    values = whitened(inverted(WAN_LIKE, 0.56))
    assert values.size > ELEMENTS_SEARCHED
    places, _ = sighted(values, {1: KEY})
    assert len(places) == PLACES_DECODED
    assert (places[0].stream, places[0].shift) == (stream_of(PAYLOAD, KEY), (0, 0, 0))
    assert places[0].z == max(place.z for place in places)
    assert CODEC.extract(inverted(WAN_LIKE, 0.56), {1: KEY}).payload == PAYLOAD


def test_the_start_of_a_stream_is_the_start_of_its_layout():
    """A part of a stream holds the same signs and pilots as the whole."""
    layout = layout_of(KEY, 5, NANO)
    signs, is_pilot = stream_start(KEY, 5, NANO, 1000)
    assert np.array_equal(signs, layout.signs[:1000])
    assert np.array_equal(is_pilot, layout.is_pilot[:1000])
    assert 0.22 < layout.is_pilot.mean() < 0.28


def test_only_clips_of_one_stream_share_signs():
    """Of 40 clips of a key no pair correlates, unless their payloads share one of the 1024 streams."""
    rng = np.random.default_rng(12)
    payloads = [Payload(1, int(rng.integers(0, 1 << 56))) for _ in range(40)]
    signs = np.stack([np.sign(CODEC.initial_latents(NANO, p, KEY, rng)).ravel() for p in payloads])
    streams = np.array([stream_of(p, KEY) for p in payloads])
    z = signs @ signs.T / np.sqrt(signs.shape[1])
    same = streams[:, None] == streams[None, :]
    assert np.abs(z[~same]).max() < 5.5
    assert streams.max() < STREAMS
    assert len(set(streams.tolist())) > 30
