"""What the classifier's bench measures with: motion, autoencoders and cells, on pictures whose answer is known."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.classifier.autoencoded import AUTOENCODERS, Autoencoder, passed_through
from bench.classifier.cells import Clips, Floats, auc, cells, floor, floor_of_noise
from bench.classifier.estimates import figures_of, steadiness
from core.clip import RGB, Clip
from detector.classifier.canonical import timed_pictures
from detector.classifier.motion import motion_of

SIDE = 160


def moved(places: NDArray[np.float64]) -> RGB:
    """A soft texture seen through a window at each of `places` (N, 2), in pixels."""
    rows, columns = np.indices((SIDE, SIDE)).astype(np.float64)
    waves = [(0.11, 0.05, 0.3), (0.04, -0.13, 1.1), (0.17, 0.09, 2.0), (-0.07, 0.15, 0.7), (0.02, 0.21, 1.9)]
    found = []
    for down, right in places:
        total = sum(np.sin(a * (rows + down) + b * (columns + right) + c) for a, b, c in waves)
        found.append(np.repeat((127 + 20 * np.asarray(total))[..., None], 3, axis=2).astype(np.uint8))
    return np.array(found)


def test_what_glides_accelerates_less_than_what_shakes() -> None:
    """Even motion reads as little acceleration, the same speed with a shaking hand as more."""
    times = np.arange(12) / 8
    path = np.stack([np.zeros(12), 2.0 * np.arange(12)], axis=1)
    shake = np.random.default_rng(1).normal(scale=1.2, size=path.shape)
    gliding, shaking = motion_of(moved(path), times), motion_of(moved(path + shake), times)
    assert gliding["steps"] > 5
    assert gliding["acceleration"] < shaking["acceleration"] - 0.3


def test_uneven_sampling_of_even_motion_is_no_acceleration() -> None:
    """Velocities are divided by the pictures' times, so that a clip's rate doesn't read as acceleration."""
    times = np.cumsum([0, 4, 4, 4, 3, 4, 4, 4, 3, 4, 4, 3]) / 30
    pictures = moved(np.stack([np.zeros(12), 16.0 * times], axis=1))
    timed, untimed = motion_of(pictures, times), motion_of(pictures, np.arange(12) / 8)
    assert timed["acceleration"] < untimed["acceleration"]


@pytest.mark.parametrize("count", [0, 2, 8])
def test_stills_have_no_motion(count: int) -> None:
    """Nothing that moves, or too few pictures, gives no step, and a score that says nothing."""
    found = motion_of(moved(np.zeros((count, 2))), np.arange(count) / 8)
    assert found["steps"] == 0
    row = np.array([[found[name] for name in ("acceleration", "speed", "share", "steps")]])
    known = np.random.default_rng(2).normal(size=(20, 4)) + np.array([0, 0, 0, 10])
    assert steadiness(known, np.empty(0), row) == pytest.approx([0.0])


def test_canonical_pictures_keep_their_times() -> None:
    """One time a picture, rising, each that of the first frame at or after an eighth of a second."""
    frames = np.random.default_rng(3).integers(0, 255, (20, 64, 96, 3), dtype=np.uint8)
    pictures, times = timed_pictures(Clip.from_array(frames, Fraction(30)))
    assert len(pictures) == len(times)
    assert times == pytest.approx(np.array([0, 4, 8, 12, 15, 19]) / 30)


@pytest.mark.parametrize("model", AUTOENCODERS)
def test_an_autoencoder_keeps_the_picture_and_changes_it(model: Autoencoder) -> None:
    """What comes out has whole blocks, resembles what went in, and is not the same."""
    rng = np.random.default_rng(4)
    smooth = np.clip(moved(np.stack([np.arange(9.0), np.arange(9.0)], axis=1)) + rng.normal(0, 4, 3), 0, 255)
    pictures = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
    passed = passed_through(pictures, model)
    count, height, width, _ = passed.shape
    assert (count % model.pictures, height % model.block_px, width % model.block_px) == (0, 0, 0)
    error = float(np.mean((passed.astype(float) - pictures[:count, :height, :width]) ** 2))
    assert 1 < error < 0.2 * float(pictures.var())
    assert np.array_equal(passed, passed_through(pictures, model))


@pytest.fixture
def clips() -> Clips:
    """Three generators, of which the first two share a publisher, and three camera sources; four clips each."""
    families = np.repeat(["A", "B", "C", "x", "y", "z"], 4)
    publishers = np.repeat(["p", "p", "q", "r", "s", "t"], 4)
    return Clips(np.isin(families, ["A", "B", "C"]), families, publishers)


def test_a_cell_trains_without_generator_publisher_and_source(clips: Clips) -> None:
    """No clip of the tested family, of its publishers' other families, or of the tested source is in training."""
    rows = np.arange(len(clips.families), dtype=np.float64)[:, None]
    seen: list[tuple[set[str], set[str]]] = []

    def recording(train: Floats, labels: Floats, test: Floats) -> Floats:
        trained, asked = (set(clips.families[part[:, 0].astype(int)]) for part in (train, test))
        seen.append((trained, asked))
        return np.zeros(len(test))

    cells(rows, clips, recording)
    assert (({"C", "y", "z"}), ({"A", "x"})) in seen
    assert all(not trained & asked for trained, asked in seen)
    assert all("B" not in trained for trained, asked in seen if "A" in asked)


def test_the_floor_of_a_source_teller_is_one_and_of_noise_is_not_a_half(clips: Clips) -> None:
    """Sources told apart wholly have floor 1; on sources of four clips random scores already reach about .65."""
    table = np.unique(clips.families, return_inverse=True)[1].astype(np.float64)[:, None]
    assert floor(table, clips, lambda _train, _labels, test: test[:, 0]) == 1.0
    mean, low, high = floor_of_noise(clips)
    assert low < mean < high
    assert 0.6 < mean < 0.72


def test_auc_counts_ties_as_halves() -> None:
    """The chance of being above; both ways add up to one."""
    above, below = np.array([1.0, 2.0, 2.0]), np.array([0.0, 2.0])
    assert auc(above, below) == pytest.approx((3 + 0 + 2 * 0.5) / 6)
    assert auc(above, below) + auc(below, above) == pytest.approx(1)


def test_estimates_that_say_nothing_find_nothing() -> None:
    """One half for all is calibrated and finds nothing; the right answer for all finds everything; NaN abstains."""
    generated = np.array([True] * 20 + [False] * 20)
    flat = figures_of(np.full(40, 0.5), generated)
    assert flat["found_at_0.05"] == 0
    right = figures_of(np.where(generated, 1.0, 0.0), generated)
    assert (right["found_at_0.01"], right["expected_calibration_error"]) == (1.0, 0.0)
    silent = np.where(np.arange(40) % 2 == 0, 0.5, np.nan)
    assert figures_of(silent, generated)["coverage"] == 0.5
