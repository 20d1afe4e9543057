"""Known frames beside sampled ones: what is given stays, what is asked for comes, what contradicts is refused."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clip import Clip
from core.errors import UsageError
from generator.embedded.backend import EmbeddedBackend
from generator.embedded.chain import fresh_frames, wanted_frames
from generator.embedded.conditioning import (
    draw_known,
    frames_in_tokens,
    latent_frames_of,
    token_frames,
    token_times,
    tokens_of,
)
from generator.embedded.config import LARGE, NANO, SMOKE
from generator.embedded.media import ending, next_noise, pictured, start_of
from generator.embedded.model import EmbeddedModel
from generator.port import GenerationRequest, GivenMedia

PICTURE = np.random.default_rng(0).integers(0, 255, (90, 64, 3), dtype=np.uint8)
CLIP = Clip.from_array(
    np.random.default_rng(1).integers(0, 255, (14, 64, 64, 3), dtype=np.uint8), Fraction(SMOKE.fps)
)


@pytest.fixture
def noise(tiny_embedded: EmbeddedBackend) -> np.ndarray:
    shape = tiny_embedded.latent_spec(GenerationRequest("")).shape
    return np.random.default_rng(3).standard_normal(shape).astype(np.float32)


def made(backend: EmbeddedBackend, noise: np.ndarray, media: GivenMedia | None, **more: object) -> np.ndarray:
    request = GenerationRequest("a red ball", media=media, **more)  # type: ignore[arg-type]
    return backend.generate(request, noise).clip.to_array()


@pytest.mark.parametrize("config", [NANO, SMOKE, LARGE])
def test_tokens_and_latent_frames_fit_each_other(config: object) -> None:
    """Known tokens give known latent frames and those the same tokens again; the first holds the first frame."""
    count = token_frames(config)  # type: ignore[arg-type]
    tokens = torch.rand(5, count, generator=torch.Generator().manual_seed(0)) < 0.5
    frames = latent_frames_of(tokens, config)  # type: ignore[arg-type]
    assert torch.equal(tokens_of(frames, config), tokens)  # type: ignore[arg-type]
    assert frames_in_tokens(1, config) == 1 + config.vae.group_frames * (  # type: ignore[attr-defined, arg-type]
        int(latent_frames_of(torch.arange(count)[None] < 1, config).sum()) - 1  # type: ignore[arg-type]
    )
    assert frames_in_tokens(count, config) == config.frames  # type: ignore[attr-defined, arg-type]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), tokens=st.integers(2, 9))
def test_training_never_knows_everything(seed: int, tokens: int) -> None:
    """Something is always left to sample, and about half the clips are sampled whole."""
    known = draw_known(400, tokens, torch.Generator().manual_seed(seed))
    assert not known.all(1).any()
    assert 0.35 < float((~known.any(1)).float().mean()) < 0.65


def test_known_tokens_stand_at_time_zero() -> None:
    """The transformer is told t for what it samples and 0 for what is given."""
    known = torch.zeros(1, token_frames(SMOKE), dtype=torch.bool)
    known[0, 0] = True
    times = token_times(torch.tensor([0.7]), known, SMOKE)
    a_frame = times.shape[1] // token_frames(SMOKE)
    assert (times[0, :a_frame] == 0).all()
    assert torch.allclose(times[0, a_frame:], torch.tensor(0.7))


def test_a_first_frame_is_kept(tiny_embedded: EmbeddedBackend, noise: np.ndarray) -> None:
    """The latents of the given frame are what the clip ends at, up to the noise floor that carries the mark."""
    model = tiny_embedded.network
    known = pictured(model, PICTURE, None)
    assert known is not None
    request = GenerationRequest("a red ball", media=GivenMedia(first_frame=PICTURE))
    z = tiny_embedded.denoised(request, tiny_embedded.limits.plan(request), torch.from_numpy(noise))
    off = (z - known.latents)[:, :, known.frames] / SMOKE.vae.noise_floor
    assert torch.allclose(off, torch.from_numpy(noise)[:, :, known.frames], atol=1e-3)


def test_given_frames_change_the_rest(tiny_embedded: EmbeddedBackend, noise: np.ndarray) -> None:
    """Another first or last frame makes another clip of the same noise; the same one the same."""
    plain = made(tiny_embedded, noise, None)
    first = made(tiny_embedded, noise, GivenMedia(first_frame=PICTURE))
    last = made(tiny_embedded, noise, GivenMedia(last_frame=PICTURE))
    assert not np.array_equal(plain, first)
    assert not np.array_equal(first, last)
    assert np.array_equal(first, made(tiny_embedded, noise, GivenMedia(first_frame=PICTURE)))


def test_an_extension_goes_on_where_the_clip_ends(tiny_embedded: EmbeddedBackend, noise: np.ndarray) -> None:
    """The given clip comes first, unchanged, then as many frames as were asked for, in enough parts."""
    fresh = fresh_frames(SMOKE)
    for seconds, added in ((None, fresh), ((fresh + 2) / SMOKE.fps, fresh + 2)):
        frames = made(tiny_embedded, noise, GivenMedia(clip=CLIP, is_extended=True), seconds=seconds)
        assert len(frames) == 14 + added
        assert np.array_equal(frames[:14], CLIP.to_array())


def test_an_extension_knows_the_end_of_a_clip(tiny_model: EmbeddedModel) -> None:
    """What is known is the clip's end, at the beginning of the new part; a shorter clip is held before it."""
    known = ending(tiny_model, CLIP.to_array())
    assert known.frames.tolist() == sorted(known.frames.tolist(), reverse=True)
    held = frames_in_tokens(int(tokens_of(known.frames[None], SMOKE).sum()), SMOKE)
    other = ending(tiny_model, CLIP.to_array()[-held:])
    assert torch.equal(known.latents, other.latents)
    assert torch.isfinite(ending(tiny_model, CLIP.to_array()[:1]).latents).all()


def test_later_parts_draw_their_own_noise() -> None:
    """The first part samples from the given noise, each later one from other N(0, 1) noise, always the same."""
    noise = torch.randn(1, 4, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    assert next_noise(noise, 0) is noise
    assert torch.equal(next_noise(noise, 1), next_noise(noise, 1))
    assert not torch.equal(next_noise(noise, 1), next_noise(noise, 2))
    assert abs(float(next_noise(noise, 1).std()) - 1) < 0.1


def test_strength_says_how_much_of_a_clip_changes(tiny_model: EmbeddedModel, noise: np.ndarray) -> None:
    """At full strength nothing of the clip is left in the start; at less, fewer steps from nearer to the clip."""
    times = [1.0, 0.75, 0.5, 0.25, 0.0]
    whole, half = (
        start_of(tiny_model, GivenMedia(clip=CLIP, strength=share), torch.from_numpy(noise), times)
        for share in (1.0, 0.5)
    )
    assert whole.times == times
    assert torch.allclose(whole.noise, torch.from_numpy(noise))
    assert half.times == times[2:]
    assert not torch.allclose(half.noise, whole.noise)


@pytest.mark.parametrize(
    ("media", "code"),
    [
        ({"clip": CLIP, "first_frame": PICTURE}, "media_conflict"),
        ({"clip": CLIP, "is_extended": True, "strength": 0.5}, "media_conflict"),
        ({"clip": CLIP, "strength": 0.0}, "strength"),
        ({"clip": CLIP, "strength": 1.5}, "strength"),
        ({"clip": CLIP, "strength": float("nan")}, "strength"),
        ({"is_extended": True}, "media_conflict"),
    ],
)
def test_contradictions_are_refused(media: dict[str, object], code: str) -> None:
    """Media that can't be meant are refused by name, with a hint."""
    with pytest.raises(UsageError) as told:
        GivenMedia(**media)  # type: ignore[arg-type]
    assert told.value.code == code
    assert told.value.hint


def test_a_clip_without_frames_is_refused(tiny_embedded: EmbeddedBackend, noise: np.ndarray) -> None:
    """There is nothing to change and nothing to go on from."""
    empty = CLIP.mapped(lambda frames: iter(()))
    for media in (GivenMedia(clip=empty, strength=0.5), GivenMedia(clip=empty, is_extended=True)):
        with pytest.raises(UsageError) as told:
            made(tiny_embedded, noise, media)
        assert told.value.code == "media_empty"


@pytest.mark.parametrize("seconds", [0.0, -1.0, 100.0, float("nan"), float("inf"), 1e300])
def test_absurd_extensions_are_refused(seconds: float) -> None:
    """More than is added at once, or nothing, is refused and told what is valid."""
    with pytest.raises(UsageError, match=r"nearest valid value|long"):
        wanted_frames(seconds, SMOKE)


def test_weights_that_never_learned_it_refuse(tiny_model: EmbeddedModel, noise: np.ndarray) -> None:
    """A model trained without known frames takes a clip to change, and says that it takes no pictures."""
    untaught = EmbeddedModel(replace(SMOKE, takes_frames=False), tiny_model.tokenizer)
    untaught.load_state_dict(tiny_model.state_dict())
    backend = EmbeddedBackend(untaught.eval(), "0" * 64)
    assert not backend.capabilities.image
    assert backend.capabilities.video
    with pytest.raises(UsageError) as told:
        made(backend, noise, GivenMedia(first_frame=PICTURE))
    assert told.value.code == "unsupported_media"
    short = Clip.from_array(CLIP.to_array()[:5], Fraction(SMOKE.fps))
    assert len(made(backend, noise, GivenMedia(clip=short, strength=0.5))) == SMOKE.frames
    with pytest.raises(UsageError) as told:
        made(backend, noise, GivenMedia(clip=CLIP, strength=0.5))
    assert told.value.code == "media_too_long"
