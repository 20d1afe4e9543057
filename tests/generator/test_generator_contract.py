"""The port's contract, run over every backend."""

import threading
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from core.clip import Clip
from core.errors import UsageError
from generator.port import GenerationRequest, GeneratorBackend, GivenMedia, Latents, Shot

REQUEST = GenerationRequest("a red ball slides left", seed=3, steps=2)


def noise_for(backend: GeneratorBackend, request: GenerationRequest, seed: int = 0) -> Latents:
    shape = backend.latent_spec(request).shape
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_same_latents_same_frames(backend: GeneratorBackend) -> None:
    """The same request and latents give the same frames, bit for bit."""
    noise = noise_for(backend, REQUEST)
    first, second = backend.generate(REQUEST, noise), backend.generate(REQUEST, noise.copy())
    assert np.array_equal(first.clip.to_array(), second.clip.to_array())


def test_other_latents_other_frames(backend: GeneratorBackend) -> None:
    """The initial latents decide the clip."""
    first = backend.generate(REQUEST, noise_for(backend, REQUEST, 0))
    second = backend.generate(REQUEST, noise_for(backend, REQUEST, 1))
    assert not np.array_equal(first.clip.to_array(), second.clip.to_array())


def test_frames_match_what_was_asked(backend: GeneratorBackend) -> None:
    """Size, rate and number of frames are those of the settings and lie within the capabilities."""
    made = backend.generate(REQUEST, noise_for(backend, REQUEST))
    frames = made.clip.to_array()
    size = (frames.shape[2], frames.shape[1])
    assert size in backend.capabilities.sizes
    assert made.settings["size"] == f"{size[0]}x{size[1]}"
    assert frames.dtype == np.uint8
    assert made.clip.info.fps == Fraction(made.settings["fps"])
    assert made.settings["seconds"] == pytest.approx(len(frames) / float(made.clip.info.fps))
    assert made.settings["seed"] == 3
    assert 0.0 <= made.coverage <= 1.0


def test_latents_are_not_changed(backend: GeneratorBackend) -> None:
    """A caller's array is read, not written."""
    noise = noise_for(backend, REQUEST)
    before = noise.copy()
    backend.generate(REQUEST, noise)
    assert np.array_equal(noise, before)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"width_px": 12_345}, "unsupported_size"),
        ({"seconds": 1e6}, "unsupported_seconds"),
        ({"seconds": float("nan")}, "unsupported_seconds"),
        ({"fps": Fraction(7, 3)}, "unsupported_fps"),
        ({"steps": 0}, "unsupported_steps"),
        ({"steps": 10**9}, "unsupported_steps"),
        ({"guidance_scale": 1e9}, "unsupported_guidance_scale"),
        ({"guidance_scale": float("nan")}, "unsupported_guidance_scale"),
    ],
)
def test_out_of_range_is_refused_with_the_nearest_value(
    backend: GeneratorBackend, change: dict[str, object], code: str
) -> None:
    """What the backend can't make is refused before any work, naming a value that works."""
    request = GenerationRequest("a red ball", **change)  # type: ignore[arg-type]
    with pytest.raises(UsageError) as refused:
        backend.latent_spec(request)
    assert refused.value.code == code
    assert "nearest valid value" in refused.value.hint


def test_media_are_used_or_refused(backend: GeneratorBackend) -> None:
    """A backend that says it takes no pictures, or no clips, refuses them: none is ever left out silently."""
    picture = np.zeros((16, 16, 3), np.uint8)
    clip = Clip.from_array(np.zeros((3, 16, 16, 3), np.uint8), Fraction(8))
    able = backend.capabilities
    kinds = (
        (GivenMedia(first_frame=picture), able.image),
        (GivenMedia(last_frame=picture), able.last_frame),
        (GivenMedia(clip=clip), able.video),
        (GivenMedia(clip=clip, is_extended=True), able.extend),
    )
    for media, is_able in kinds:
        request = replace(REQUEST, media=media)
        if is_able:
            backend.generate(request, noise_for(backend, request))
            continue
        with pytest.raises(UsageError) as refused:
            backend.generate(request, noise_for(backend, REQUEST))
        assert refused.value.code == "unsupported_media"


def test_shots_are_shown_or_refused(backend: GeneratorBackend) -> None:
    """Shots make the clip longer by their lengths, or are refused by a backend that can't: none is left out."""
    request = replace(REQUEST, shots=(Shot("a blue cube spins", seconds=0.5), Shot("a green star")))
    noise = noise_for(backend, REQUEST)
    if not backend.capabilities.shots:
        with pytest.raises(UsageError) as refused:
            backend.generate(request, noise)
        assert refused.value.code == "unsupported_shots"
        return
    alone, followed = backend.generate(REQUEST, noise), backend.generate(request, noise)
    first, frames = alone.clip.to_array(), followed.clip.to_array()
    assert np.array_equal(frames[: len(first)], first)
    assert len(frames) > len(first) + round(0.5 * float(alone.clip.info.fps))
    assert followed.settings["segments"] == 3


def test_wrong_latents_are_refused(backend: GeneratorBackend) -> None:
    """Latents of another shape are refused, naming the shape that is needed."""
    with pytest.raises(UsageError, match="this request needs"):
        backend.generate(REQUEST, np.zeros((1, 2, 3, 4, 5), np.float32))


def test_progress_rises_to_one(backend: GeneratorBackend) -> None:
    """Progress never falls, and ends at 1.0."""
    seen: list[float] = []
    backend.generate(REQUEST, noise_for(backend, REQUEST), seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) > 2


class CancelledError(Exception):
    """Raised by the test's progress to stop the work."""


def test_progress_can_cancel(backend: GeneratorBackend) -> None:
    """What progress raises goes through, and the backend works afterwards."""

    def cancel(fraction: float, /) -> None:
        raise CancelledError

    noise = noise_for(backend, REQUEST)
    with pytest.raises(CancelledError):
        backend.generate(REQUEST, noise, cancel)
    assert backend.generate(REQUEST, noise).clip.to_array().size > 0


def test_threads_do_not_mix(backend: GeneratorBackend) -> None:
    """Two calls at once give what each alone would."""
    noises = [noise_for(backend, REQUEST, seed) for seed in (0, 1)]
    alone = [backend.generate(REQUEST, noise).clip.to_array() for noise in noises]
    together: dict[int, np.ndarray] = {}

    def make(index: int) -> None:
        together[index] = backend.generate(REQUEST, noises[index]).clip.to_array()

    threads = [threading.Thread(target=make, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(alone[i], together[i]) for i in (0, 1))


def test_identity_names_the_weights(backend: GeneratorBackend) -> None:
    """The model's digest is a SHA-256 in hex, and the capabilities are consistent."""
    assert len(backend.model.digest) == 64
    int(backend.model.digest, 16)
    assert backend.capabilities.latents_in
    assert not backend.capabilities.invertible or backend.capabilities.deterministic_ode
