"""Rules of the pixel mark: exact payloads through what clips go through, and nothing without the key."""

import tracemalloc
from fractions import Fraction

import cv2
import numpy as np
import pytest
from scipy import stats

from core.clip import Clip, ClipInfo, Frame
from core.video import open_clip, write_clip
from watermark.payload import Payload
from watermark.pixel import FALSE_POSITIVE_RATE, PixelWatermark
from watermark.pixel.embedding import PatternClock, plane_pattern
from watermark.pixel.layout import TURNING_POWER, first_turn
from watermark.pixel.message import Message
from watermark.pixel.pattern import STANDING_PLANES, TURNING_PLANES
from watermark.quality import measure

CODEC = PixelWatermark()


@pytest.fixture(scope="module")
def marked(discs):
    return Clip.from_array(CODEC.embed(discs, Payload(1, 0x2468ACE13579BD), bytes(range(32))).to_array(), 12)


def encoded(clip, folder, crf):
    """The clip after x264 at a rate factor."""
    path = folder / f"{crf}.mp4"
    write_clip(clip, path, crf=crf)
    return open_clip(path)


def test_small_smooth_clip_survives_crf_30(marked, payload, key, tmp_path):
    """A 256 x 256 clip of two seconds, smooth as the embedded model's, gives its exact payload after CRF 30."""
    extraction = CODEC.extract(encoded(marked, tmp_path, 30), {0: bytes(32), 1: key}, blind=False)
    assert (extraction.found, extraction.payload, extraction.key_id) == (True, payload, 1)
    assert extraction.p_value < FALSE_POSITIVE_RATE
    assert len(extraction.segments) == 4
    assert min(s.z for s in extraction.segments) > 5


def test_fidelity_is_kept(discs, marked):
    """The marked clip stays at 44 dB or better after rounding, and flat pictures well above."""
    quality = measure(discs, marked)
    assert quality.psnr_db > 44.0
    assert quality.ssim > 0.97


def test_noise_picture_meets_the_target_psnr():
    """On texture that would hide more, the mark stops at the asked PSNR and uses all but a quarter decibel."""
    noise = np.random.default_rng(0).integers(30, 220, (2, 120, 160, 3), dtype=np.uint8)
    clip = Clip.from_array(noise, 12)
    assert 42.0 <= measure(clip, CODEC.embed(clip, Payload(1, 7), bytes(32), psnr_db=42.0)).psnr_db < 42.25


def test_rounding_leaves_no_bias(discs, marked):
    """Rounding to whole levels does not darken or brighten the clip."""
    bias = marked.to_array().astype(np.float64).mean() - discs.to_array().mean()
    assert abs(bias) < 0.02


def test_mirrored_clip_is_read(marked, payload, key):
    """A mirrored copy is read, and said to be mirrored."""
    mirrored = Clip.from_array(np.ascontiguousarray(marked.to_array()[:, :, ::-1]), 12)
    extraction = CODEC.extract(mirrored, {1: key}, blind=False)
    assert extraction.payload == payload
    assert extraction.geometry.flipped


def test_trimmed_clip_is_read(marked, payload, key):
    """A copy that starts in the middle of a slice is read."""
    extraction = CODEC.extract(Clip.from_array(marked.to_array()[7:], 12), {1: key}, blind=False)
    assert extraction.payload == payload


def test_one_frame_is_enough_when_clean(marked, payload, key):
    """A single unharmed frame gives the payload: nothing waits for a whole segment."""
    assert CODEC.extract(Clip.from_array(marked.to_array()[:1], 12), {1: key}, blind=False).payload == payload


def test_enlarged_clip_is_read(marked, payload, key):
    """A copy enlarged to 320 pixels is read and its scale told, without the blind search."""
    larger = np.stack([cv2.resize(frame, (320, 320), interpolation=cv2.INTER_LINEAR) for frame in marked.frames()])
    extraction = CODEC.extract(Clip.from_array(larger, 12), {1: key}, blind=False)
    assert extraction.payload == payload
    assert extraction.geometry.scale == pytest.approx(0.8, abs=0.002)


@pytest.mark.slow
def test_cut_out_is_read_by_the_blind_search(marked, payload, key):
    """A copy cut to 71 % of each side is read, and the shift told to the pixel."""
    cut = np.ascontiguousarray(marked.to_array()[:, 28:210, 51:233])
    extraction = CODEC.extract(Clip.from_array(cut, 12), {1: key})
    assert extraction.payload == payload
    assert (extraction.geometry.shift_x_px, extraction.geometry.shift_y_px) == pytest.approx((51, 28), abs=1.0)


def test_unmarked_clip_gives_nothing(discs, key):
    """An unmarked clip is not found, and says no key and no payload."""
    extraction = CODEC.extract(discs, {1: key}, blind=False)
    assert (extraction.found, extraction.payload, extraction.key_id) == (False, None, None)
    assert extraction.p_value > FALSE_POSITIVE_RATE


def test_wrong_key_gives_nothing(marked):
    """A marked clip under another key, or under no key, is not found."""
    assert not CODEC.extract(marked, {1: bytes(32)}, blind=False).found
    assert CODEC.extract(marked, {}).p_value == 1.0


def test_right_key_under_a_wrong_number_gives_no_payload(marked, key):
    """A payload that names another key than the one that read it is not believed."""
    assert not CODEC.extract(marked, {2: key}, blind=False).found


def test_wrong_keys_score_like_chance(marked):
    """Under 200 wrong keys the single-look p-value is uniform, even on a marked clip."""
    rng = np.random.default_rng(8)
    short = Clip.from_array(marked.to_array()[:6], 12)
    scores = CODEC.single_look_z(short, [rng.bytes(32) for _ in range(200)])
    assert stats.kstest(stats.norm.sf(scores), "uniform").pvalue > 1e-3


def test_pattern_repeats_nowhere(payload, key):
    """The pattern shares nothing with any shifted copy of itself beyond the kernel's own reach."""
    pattern = plane_pattern(Message(payload), key, TURNING_PLANES[0], 432, 576)
    spectrum = np.abs(np.fft.rfft2(pattern)) ** 2
    correlation = np.fft.irfft2(spectrum, pattern.shape) / np.sum(pattern**2)
    correlation[:25, :25] = correlation[:25, -25:] = correlation[-25:, :25] = correlation[-25:, -25:] = 0
    assert np.abs(correlation).max() < 0.06


def test_patterns_change_over_time_and_payloads(key):
    """The turning layer flips every half second and changes every second, the standing one stays four seconds;
    clips of one key start anywhere in the cycle."""
    assert len({first_turn(Payload(1, n), key) for n in range(300)}) == 32
    clock = PatternClock(Message(Payload(1, 5)), key, 192, 192)
    start, flipped, later = (clock.at(time_s).copy() for time_s in (0.0, 0.5, 1.0))
    assert abs(np.mean((start + flipped) * (start - flipped))) < 0.1
    assert np.mean(start * flipped) == pytest.approx(1.0 - 2.0 * TURNING_POWER, abs=0.1)
    assert np.mean((start - flipped) * later) == pytest.approx(0.0, abs=0.15)
    assert len(STANDING_PLANES) == len(TURNING_PLANES) == 8


@pytest.mark.parametrize("shape", [(2, 143, 255, 3), (1, 1, 1, 3), (1, 2, 300, 3), (3, 17, 9, 3)])
def test_odd_sizes_pass_through(shape, payload, key):
    """Any size can be marked and read; what is too small is not found, never an error."""
    clip = Clip.from_array(np.full(shape, 128, np.uint8), 12)
    marked = CODEC.embed(clip, payload, key)
    assert marked.to_array().shape == shape
    assert CODEC.extract(marked, {1: key}, blind=False).payload in (None, payload)


@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_clips(level, payload, key):
    """Clips at the end of the range take half a mark, wrap nowhere, and are read when not re-encoded."""
    clip = Clip.from_array(np.full((2, 192, 192, 3), level, np.uint8), 12)
    marked = CODEC.embed(clip, payload, key)
    assert np.abs(marked.to_array().astype(int) - level).max() < 12
    assert CODEC.extract(marked, {1: key}, blind=False).payload == payload


def test_empty_clip_gives_nothing(key):
    """A clip without frames is not found."""
    assert not CODEC.extract(Clip.from_array(np.empty((0, 64, 64, 3), np.uint8), 12), {1: key}).found


def test_large_frames_are_marked_on_a_coarser_grid(payload, key):
    """A frame above 480 px is marked on a coarser grid, and read without any search of sizes."""
    picture = np.full((1, 1080, 2560, 3), 120, np.uint8)
    marked = CODEC.embed(Clip.from_array(picture, 12), payload, key).to_array()
    assert CODEC.extract(Clip.from_array(marked, 12), {1: key}, blind=False).payload == payload


def test_embedding_streams():
    """Marking and reading a long clip holds one frame and its slices, not the clip."""
    picture = np.random.default_rng(0).integers(0, 255, (72, 128, 3), dtype=np.uint8)
    info = ClipInfo(128, 72, Fraction(4))
    clip = Clip(info, lambda: (Frame(i / 4, picture) for i in range(1200)))
    marked = CODEC.embed(clip, Payload(1, 3), bytes(32))
    tracemalloc.start()
    for _ in marked.frames():
        continue
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000_000


def test_senseless_arguments_are_refused(discs, payload, key):
    """A short key or an impossible PSNR is an error before any frame is read."""
    with pytest.raises(ValueError, match="16 bytes"):
        CODEC.embed(discs, payload, b"short")
    with pytest.raises(ValueError, match="psnr_db"):
        CODEC.embed(discs, payload, key, psnr_db=90.0)


def test_replaced_half_shows_in_the_map(marked, discs, key):
    """Where half the picture was replaced, the map's scores fall to chance while the other half stands."""
    mixed = marked.to_array().copy()
    mixed[:, :, 128:] = discs.to_array()[:, :, 128:]
    extraction = CODEC.extract(Clip.from_array(mixed, 12), {1: key}, blind=False)
    assert extraction.found
    grid = extraction.segments[0].z_grid
    half = grid.shape[1] // 2
    left, right = grid[:, :half], grid[:, half + 1 :]
    assert left.min() > 6 > 4.5 > np.abs(right).max()


@pytest.mark.parametrize("shape", [(1, 1, 1), (12, 1, 1), (12, 2, 3), (12, 1, 400), (12, 400, 1)])
def test_pictures_of_a_few_pixels_are_not_marked(shape: tuple[int, int, int]) -> None:
    """Clips in which no mark has room are read without a fault and without a find."""
    frames = np.random.default_rng(3).integers(0, 256, (*shape, 3)).astype(np.uint8)
    assert not CODEC.extract(Clip.from_array(frames, 12), {1: bytes(range(32))}).found


def test_frames_are_marked_however_they_lie_in_memory() -> None:
    """Mirrored, turned and channel-first frames are views with strides of their own; their mark is the same."""
    frames = np.random.default_rng(4).integers(0, 256, (3, 48, 64, 3)).astype(np.uint8)
    plain = CODEC.embed(Clip.from_array(frames, 12), Payload(1, 5), bytes(range(32))).to_array()
    strided = np.ascontiguousarray(frames.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    assert not strided[0].flags.c_contiguous
    again = CODEC.embed(Clip.from_array(strided, 12), Payload(1, 5), bytes(range(32))).to_array()
    assert np.array_equal(plain, again)
