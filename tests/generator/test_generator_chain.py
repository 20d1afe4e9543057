"""Clips longer than the model's own length, and clips of several shots."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clip import Clip
from core.errors import UsageError
from generator.embedded.backend import EmbeddedBackend
from generator.embedded.chain import MAX_CHAINED_S, Segment, fresh_frames, parts_of, segments_of
from generator.embedded.config import NANO, SMOKE
from generator.embedded.model import EmbeddedModel
from generator.port import GenerationRequest, GivenMedia, Shot

PICTURE = np.zeros((64, 64, 3), np.uint8)


def noise_of(backend: EmbeddedBackend, request: GenerationRequest) -> np.ndarray:
    shape = backend.latent_spec(request).shape
    return np.random.default_rng(3).standard_normal(shape).astype(np.float32)


def test_a_clip_is_as_long_as_was_asked(tiny_embedded: EmbeddedBackend) -> None:
    """Beyond the model's own length a clip goes on part after part, to the frame; its beginning stays."""
    plain = GenerationRequest("a red ball", seed=1)
    noise = noise_of(tiny_embedded, plain)
    own = tiny_embedded.generate(plain, noise).clip.to_array()
    for extra in (1, fresh_frames(SMOKE), fresh_frames(SMOKE) + 1):
        wanted = SMOKE.frames + extra
        made = tiny_embedded.generate(replace(plain, seconds=wanted / SMOKE.fps), noise)
        frames = made.clip.to_array()
        assert len(frames) == wanted
        assert made.settings["seconds"] == pytest.approx(wanted / SMOKE.fps)
        assert np.array_equal(frames[: SMOKE.frames], own)


def test_each_shot_follows_its_own_prompt(tiny_embedded: EmbeddedBackend) -> None:
    """Another prompt for a later shot changes that shot and nothing before it."""
    one = GenerationRequest("a red ball", seed=1, shots=(Shot("a blue cube", 0.5), Shot("a red ball", 0.5)))
    other = replace(one, shots=(one.shots[0], Shot("a green star", 0.5)))
    noise = noise_of(tiny_embedded, one)
    first, second = (tiny_embedded.generate(request, noise).clip.to_array() for request in (one, other))
    kept = len(first) - round(0.5 * SMOKE.fps)
    assert len(first) == len(second)
    assert np.array_equal(first[:kept], second[:kept])
    assert not np.array_equal(first[kept:], second[kept:])


def test_shots_follow_a_given_clip_and_a_first_frame(tiny_embedded: EmbeddedBackend) -> None:
    """A picture begins the first shot, and a clip that is gone on from stands before all of them."""
    shots = (Shot("a blue cube", 0.5),)
    begun = GenerationRequest("a red ball", seed=1, shots=shots, media=GivenMedia(first_frame=PICTURE))
    noise = noise_of(tiny_embedded, begun)
    clip = tiny_embedded.generate(begun, noise).clip
    media = GivenMedia(clip=clip, is_extended=True)
    longer = replace(begun, media=media, seconds=0.25)
    added = len(tiny_embedded.generate(longer, noise).clip.to_array()) - len(clip.to_array())
    assert added == round(0.25 * SMOKE.fps) + round(0.5 * SMOKE.fps)


def test_a_long_clip_is_changed_from_end_to_end(tiny_embedded: EmbeddedBackend) -> None:
    """A clip beyond the model's length comes back as long as it is, each part from its own frames."""
    length = SMOKE.frames + fresh_frames(SMOKE) + 3
    frames = np.random.default_rng(5).integers(0, 255, (length, 64, 64, 3), dtype=np.uint8)
    other = frames.copy()
    other[-4:] = 0
    request = GenerationRequest("a red ball", seed=1)
    noise = noise_of(tiny_embedded, request)
    first, second = (
        tiny_embedded.generate(
            replace(request, media=GivenMedia(clip=Clip.from_array(given, Fraction(SMOKE.fps)), strength=0.5)),
            noise,
        ).clip.to_array()
        for given in (frames, other)
    )
    assert len(first) == len(second) == length
    assert np.array_equal(first[: SMOKE.frames], second[: SMOKE.frames])
    assert not np.array_equal(first[-3:], second[-3:])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"shots": (Shot("  "),)}, "shot_empty"),
        ({"shots": (Shot("a ball", -1.0),)}, "unsupported_seconds"),
        ({"shots": (Shot("a ball", float("nan")),)}, "unsupported_seconds"),
        ({"shots": (Shot("a ball", 15.0), Shot("a ball", 15.0))}, "unsupported_seconds"),
        ({"seconds": MAX_CHAINED_S + 1}, "unsupported_seconds"),
        ({"shots": (Shot("a ball"),), "media": GivenMedia(last_frame=PICTURE)}, "unsupported_media"),
        ({"seconds": 4.0, "media": GivenMedia(last_frame=PICTURE)}, "unsupported_media"),
    ],
)
def test_what_no_chain_gives_is_refused(
    tiny_embedded: EmbeddedBackend, change: dict[str, object], code: str
) -> None:
    """Before any work, with a code and a hint."""
    with pytest.raises(UsageError) as told:
        tiny_embedded.latent_spec(GenerationRequest("a red ball", **change))  # type: ignore[arg-type]
    assert told.value.code == code
    assert told.value.hint


def test_weights_that_never_learned_it_make_their_own_length_alone(tiny_model: EmbeddedModel) -> None:
    """Without known frames in training there are no later parts."""
    untaught = EmbeddedModel(replace(SMOKE, takes_frames=False), tiny_model.tokenizer)
    untaught.load_state_dict(tiny_model.state_dict())
    backend = EmbeddedBackend(untaught.eval(), "0" * 64)
    assert backend.capabilities.max_seconds == pytest.approx(SMOKE.frames / SMOKE.fps)
    for request in (GenerationRequest("a ball", seconds=6.0), GenerationRequest("a ball", shots=(Shot("a cube"),))):
        with pytest.raises(UsageError):
            backend.latent_spec(request)


def test_progress_over_parts_rises_to_one(tiny_embedded: EmbeddedBackend) -> None:
    """A clip of many parts tells how far it is in all of them."""
    request = GenerationRequest("a red ball", seed=1, steps=3, shots=(Shot("a blue cube", 2.0),))
    seen: list[float] = []
    tiny_embedded.generate(request, noise_of(tiny_embedded, request), seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(set(seen)) > 6


def test_coverage_is_that_of_the_worst_prompt(tiny_embedded: EmbeddedBackend) -> None:
    """A shot that the model can't draw is not hidden by others that it can."""
    known = GenerationRequest("a red ball")
    score, warnings = tiny_embedded.coverage(replace(known, shots=(Shot("zebras argue quietly"),)))
    assert score < tiny_embedded.coverage(known)[0]
    assert any("zebras" in one for one in warnings)


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 90), min_size=1, max_size=5), start=st.integers(0, 25))
def test_parts_are_enough_and_no_more(lengths: list[int], start: int) -> None:
    """The parts give at least the frames of each segment, with one part less they would not."""
    segments = [Segment("", frames) for frames in lengths]
    start = min(start, lengths[0])
    fresh = fresh_frames(NANO)
    sampled = [max(0, lengths[0] - start), *lengths[1:]]
    later = parts_of(segments, start, NANO) - (1 if start else 0)
    assert later == sum(-(-frames // fresh) for frames in sampled)


def test_segments_keep_the_order_of_the_shots() -> None:
    """The prompt first, then its shots; a shot without a length gets what one part gives."""
    request = GenerationRequest("one", shots=(Shot("two", 1.0), Shot("three")))
    found = segments_of(request, 25, NANO)
    assert [one.prompt for one in found] == ["one", "two", "three"]
    assert [one.frames for one in found] == [25, NANO.fps, fresh_frames(NANO)]
