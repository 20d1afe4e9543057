"""The shipped weights: they load, follow the colour they are told, and keep the noise they began as."""

from dataclasses import replace

import numpy as np
import pytest

from core.clip import Clip
from core.errors import UsageError
from generator.embedded import EmbeddedBackend, EmbeddedInverter
from generator.port import GenerationRequest

REQUEST = GenerationRequest("a red ball slides left in a studio", seed=5)


@pytest.fixture(scope="module")
def nano() -> EmbeddedBackend:
    return EmbeddedBackend.load()


@pytest.fixture(scope="module")
def noise(nano: EmbeddedBackend) -> np.ndarray:
    return np.random.default_rng(5).standard_normal(nano.latent_spec(REQUEST).shape).astype(np.float32)


@pytest.fixture(scope="module")
def made(nano: EmbeddedBackend, noise: np.ndarray) -> Clip:
    return nano.generate(REQUEST, noise).clip


def test_the_demo_clip_is_two_to_three_seconds(made: Clip) -> None:
    """256×256, between two and three seconds."""
    frames = made.to_array()
    assert frames.shape[1:] == (256, 256, 3)
    assert 2.0 <= len(frames) / float(made.info.fps) <= 3.0


def test_a_red_prompt_gives_red(made: Clip) -> None:
    """The most colourful pixels of a clip asked to be red are red."""
    frames = made.to_array().astype(int)
    chroma = frames.max(axis=-1) - frames.min(axis=-1)
    vivid = frames[chroma >= np.quantile(chroma, 0.98)].mean(axis=0)
    assert vivid[0] > 1.5 * max(vivid[1], vivid[2])


def test_the_initial_noise_comes_back_from_frames(nano: EmbeddedBackend, noise: np.ndarray, made: Clip) -> None:
    """Blind inversion of 8-bit frames agrees with the true noise far beyond chance; other noise does not."""
    inverter = EmbeddedInverter(nano)
    found = inverter.invert(made)
    other = np.random.default_rng(6).standard_normal(noise.shape)
    deviation = 0.5 / np.sqrt(noise.size)
    assert (np.sign(found) == np.sign(noise)).mean() > 0.5 + 10 * deviation
    assert abs((np.sign(found) == np.sign(other)).mean() - 0.5) < 5 * deviation


def test_short_clips_are_the_start_of_long_ones(nano: EmbeddedBackend, noise: np.ndarray, made: Clip) -> None:
    """Two seconds are the first two of the model's own clip, which is how three begin; twenty-one are refused."""
    short, longer = (
        nano.generate(replace(REQUEST, seconds=seconds), noise).clip.to_array() for seconds in (2.0, 3.0)
    )
    assert np.array_equal(short, made.to_array()[:24])
    assert len(longer) == 36
    assert np.array_equal(longer[:25], made.to_array())
    with pytest.raises(UsageError, match="21"):
        nano.latent_spec(GenerationRequest("x", seconds=21.0))


def test_unknown_words_are_warned_of(nano: EmbeddedBackend) -> None:
    """A prompt outside the model's range is answered with a low coverage and the words it has never seen."""
    score, warnings = nano.coverage(GenerationRequest("a giraffe reading newspapers in Paris"))
    assert score < 0.6
    assert any("giraffe" in warning for warning in warnings)
    assert nano.coverage(REQUEST) == (1.0, ())


@pytest.mark.parametrize("shape", [(3, 40, 60, 3), (40, 256, 256, 3), (1, 16, 16, 3)])
def test_any_clip_can_be_inverted(nano: EmbeddedBackend, shape: tuple[int, ...]) -> None:
    """Clips of any size, length and rate give finite latents of the model's one shape."""
    frames = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    found = EmbeddedInverter(nano, steps=2, passes=1).invert(Clip.from_array(frames, 30))
    assert found.shape == nano.latent_spec(REQUEST).shape
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
