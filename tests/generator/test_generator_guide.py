"""Guidance in numbers: what is refused, what a prompt's scene becomes, what reaches the tokens."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UsageError
from generator.embedded.backend import EmbeddedBackend
from generator.embedded.config import NANO, SMOKE
from generator.embedded.directing import directed
from generator.embedded.layout import (
    FEATURES,
    INSTANTS,
    LayoutEmbedder,
    drawn_from,
    instants_of,
    layout_of,
    token_features,
)
from generator.embedded.text import WordTokenizer
from generator.fake import FakeBackend
from generator.guide import CameraPose, Guide, Stroke, camera_path_of, stroke_of
from generator.port import GenerationRequest, GivenMedia, Latents
from generator.scenes import caption, draw_spec, render_scene
from generator.scenes.captions import CAMERA_WORDS, MOTION_WORDS, vocabulary
from generator.scenes.planning import planned_scene
from generator.scenes.spec import SceneSpec

_WORDS = WordTokenizer(vocabulary())


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_caption_is_read_back_as_its_scene(seed: int) -> None:
    """Things, relation, and every motion and camera move that the words say, for any scene training draws."""
    rng = np.random.default_rng(seed)
    spec = draw_spec(rng)
    text = caption(spec, rng)
    plan = planned_scene(text, seed)
    assert plan is not None
    assert (plan.colour, plan.shape) == (spec.colour, spec.shape)
    assert (plan.other_colour, plan.other_shape, plan.relation) == (
        spec.other_colour,
        spec.other_shape,
        spec.relation,
    )
    if any(words in text for words in MOTION_WORDS.get(spec.motion, ())) and not spec.is_pair:
        assert plan.motion == spec.motion
    if any(words in text for words in CAMERA_WORDS.get(spec.camera, ())):
        assert plan.camera == spec.camera


@pytest.mark.parametrize("prompt", ["", "a giraffe eats leaves", "a star, a heart and a ring", "camera pans left"])
def test_what_the_grammar_does_not_know_is_not_planned(prompt: str) -> None:
    """Without a shape, or with more than two, the words alone decide."""
    assert planned_scene(prompt, 0) is None


@pytest.mark.parametrize(
    ("prompt", "camera"),
    [("a red ball, pan left", "pan_left"), ("a red ball, camera slowly zooms in", "zoom_in"), ("a ball", "static")],
)
def test_moves_are_named_in_more_words_than_captions_use(prompt: str, camera: str) -> None:
    """A camera move is heard in other inflections, and from the request's own field."""
    plan = planned_scene(prompt, 1)
    assert plan is not None
    assert plan.camera == camera
    asked = planned_scene(prompt.partition(",")[0], 1, camera="tilt up")
    assert asked is not None
    assert asked.camera == "tilt_up"


@pytest.mark.parametrize(
    ("prompt", "motion", "camera"),
    [
        ("a red ball rolling to the right", "right", "static"),
        ("a red ball rolls left, the camera rolls left", "left", "roll_left"),
        ("a heart goes up, pan up", "rise", "static"),
        ("a cube flies slowly down, dolly in", "fall", "dolly_in"),
        ("a doll in a box, spinning", "spin", "static"),
        ("a red ball bounces with the camera panning left", "bounce", "pan_left"),
        ("the camera moves to the left, a green ring bounces", "bounce", "static"),
    ],
)
def test_things_and_camera_are_kept_apart(prompt: str, motion: str, camera: str) -> None:
    """What rolls is the thing unless the camera is named, and a move that no camera here makes is none."""
    plan = planned_scene(prompt, -3)
    assert plan is not None
    assert plan.camera == camera
    assert plan.motion == motion


@pytest.mark.parametrize(
    "value",
    [
        {"camera": [{"time": 0.5}, {"time": 0.5}]},
        {"camera": [{"time": 0, "zoom": 9}]},
        {"camera": [{"time": 0, "roll_deg": 400}]},
        {"camera": [{"time": float("nan")}]},
        {"camera": [{"x": 0}]},
        {"camera": "left"},
        {"strokes": [{"points": []}]},
        {"strokes": [{"points": [[0, 1]]}]},
        {"strokes": [{"points": [[0, 99, 0]]}]},
        {"strokes": [{"points": [[0, float("inf"), 0]]}]},
        {"strokes": [{"points": [[0, True, 0]]}]},
        {"strokes": [{"points": [[0, 0, 0]], "thing": 3}]},
        {"strokes": [{"points": [[0, 0, 0]]}, {"points": [[0, 0, 0]]}]},
        {"strokes": [{"points": [[t / 100, 0, 0] for t in range(80)]}]},
        {"strokes": [{"points": [[0, 0, 0]], "name": "x"}]},
        {"other": 1},
        [],
        7,
        None,
    ],
)
def test_odd_guides_are_refused_with_a_hint(value: object) -> None:
    """Times that don't rise, numbers that are none or too large, unknown fields, other shapes."""
    with pytest.raises(UsageError) as refusal:
        Guide.from_json(value)
    assert refusal.value.hint


def test_a_guide_comes_back_from_its_json() -> None:
    """What `to_json` writes, `from_json` reads."""
    guide = Guide((CameraPose(0.0), CameraPose(1.0, 0.1, -0.2, 1.2, 15.0)), True, (Stroke(((0.0, 0.1, 0.2),), 2),))
    assert Guide.from_json(json.loads(json.dumps(guide.to_json()))) == guide


def test_short_forms_are_read() -> None:
    """Points with and without times, poses with as many numbers as needed; nonsense is refused."""
    assert stroke_of("-0.5,0 0.5,-0.3").points == ((0.0, -0.5, 0.0), (1.0, 0.5, -0.3))
    assert stroke_of("0:0,0 0.7:0.5,0", 2) == Stroke(((0.0, 0.0, 0.0), (0.7, 0.5, 0.0)), 2)
    assert camera_path_of("0,0 0.2,0,1.1,10") == (CameraPose(0.0), CameraPose(1.0, 0.2, 0.0, 1.1, 10.0))
    for odd in ("left", "1", "1,2,3,4,5", "a:1,2"):
        with pytest.raises(UsageError):
            camera_path_of(odd)


def test_instants_follow_the_tokens() -> None:
    """The first token is the first frame; the others share the rest of the clip, the last instant its end."""
    times = instants_of(NANO)
    assert times.shape == (4, INSTANTS)
    assert np.allclose(times[0], 0)
    assert np.all(np.diff(times[1:].ravel()) > 0)
    assert times[-1, -1] == 1.0
    assert instants_of(SMOKE).shape == (3, INSTANTS)


def test_a_layout_holds_what_is_seen() -> None:
    """Places and sizes of the layout are those of the rendered scene, whatever the camera does."""
    rng = np.random.default_rng(3)
    for spec in (draw_spec(rng) for _ in range(20)):
        layout = layout_of([spec], NANO, _WORDS)
        last = render_scene(spec, 25, 256)
        for row, trajectory in enumerate((last.trajectory, last.other_trajectory)):
            if not trajectory:
                assert not layout.has_thing[0, row]
                continue
            x, y, radius = layout.things[0, row, -1, -1].tolist()
            pose = trajectory[-1]
            assert x == pytest.approx(pose.x_px / 128 - 1, abs=1e-3)
            assert y == pytest.approx(pose.y_px / 128 - 1, abs=1e-3)
            assert radius == pytest.approx(pose.radius_px / 128, abs=1e-3)


def test_what_is_not_given_adds_nothing() -> None:
    """No thing and no camera: the tokens stay as they are, and one thing alone changes them."""
    torch.manual_seed(0)
    embedder = LayoutEmbedder(16, 8)
    torch.nn.init.normal_(embedder.down.weight)
    layout = layout_of([SceneSpec("ball", "red", "left", "pan_left", "sky")], NANO, _WORDS)
    words = torch.randn(1, 2, 8)
    bare = layout.without(torch.zeros(1, 2, dtype=torch.bool), torch.zeros(1, dtype=torch.bool))
    assert torch.equal(embedder(bare, words, (4, 4, 4)), torch.zeros(1, 64, 16))
    assert embedder(layout, words, (4, 4, 4)).abs().sum() > 0
    features, presence = token_features(layout, (4, 4, 4))
    assert features.shape == (1, 64, FEATURES)
    assert presence.shape == (1, 2, 64)
    assert float(presence[0, 1].max()) == 0.0
    assert float(presence[0, 0].max()) > 0.5


def test_presence_moves_with_the_thing() -> None:
    """What slides to the right is nearest to a token further right at the end than at the beginning."""
    layout = layout_of([SceneSpec("ball", "red", "right", "static", "sky")], NANO, _WORDS)
    presence = token_features(layout, (4, 4, 4))[1][0, 0].view(4, 4, 4)
    columns = presence.sum(1) @ torch.arange(4.0) / presence.sum((1, 2))
    assert bool((columns.diff() > 0).all())


def test_training_draws_some_of_everything() -> None:
    """Of many layouts some are empty, some hold the camera alone, some things alone, most both."""
    layout = layout_of([SceneSpec("ball", "red", "right", "static", "sky")] * 400, NANO, _WORDS)
    drawn = drawn_from(layout, torch.Generator().manual_seed(0))
    things, camera = drawn.has_thing.any(1), drawn.has_camera
    shares = [float((things == a).logical_and(camera == b).float().mean()) for a in (0, 1) for b in (0, 1)]
    assert 0.25 < shares[0] < 0.4
    assert min(shares[1:3]) > 0.04
    assert shares[3] > 0.4


def test_a_stroke_replaces_the_planned_place(tiny_embedded: EmbeddedBackend) -> None:
    """The stroke's points stand at their instants, the plan's size stays; a thing nobody names is refused."""
    config, words = tiny_embedded.network.config, tiny_embedded.network.tokenizer
    guide = Guide(strokes=(stroke_of("-0.5,0.1 0.5,0.1"),))
    layout = directed(GenerationRequest("a red ball", guide=guide), config, words)
    assert layout is not None
    assert layout.things[0, 0, 0, 0, :2].tolist() == pytest.approx([-0.5, 0.1])
    assert layout.things[0, 0, -1, -1, :2].tolist() == pytest.approx([0.5, 0.1])
    second = Guide(strokes=(stroke_of("0,0", 2),))
    for prompt in ("a red ball", "a giraffe"):
        with pytest.raises(UsageError, match="names"):
            directed(GenerationRequest(prompt, guide=second), config, words)


def test_given_pictures_and_clips_keep_their_places(tiny_embedded: EmbeddedBackend) -> None:
    """With a first frame things lie where it shows them, and the camera follows the words."""
    config, words = tiny_embedded.network.config, tiny_embedded.network.tokenizer
    request = GenerationRequest("a red ball, the camera pans left")
    plain = directed(request, config, words)
    pictured = directed(
        replace(request, media=GivenMedia(first_frame=np.zeros((64, 64, 3), np.uint8))), config, words
    )
    assert plain is not None
    assert pictured is not None
    assert (bool(plain.has_thing.any()), bool(plain.has_camera.any())) == (True, True)
    assert (bool(pictured.has_thing.any()), bool(pictured.has_camera.any())) == (False, True)
    assert directed(GenerationRequest("a giraffe"), config, words) is None


def test_a_guide_changes_the_clip_and_is_refused_where_it_can_t_be_followed(
    tiny_embedded: EmbeddedBackend,
) -> None:
    """Another path, another clip, the same one twice the same; a backend that can't says so."""
    request = GenerationRequest("a red ball", seed=1, steps=2)
    noise: Latents = (
        np.random.default_rng(0).standard_normal(tiny_embedded.latent_spec(request).shape).astype(np.float32)
    )
    shown = [
        tiny_embedded.generate(replace(request, guide=guide), noise).clip.to_array()
        for guide in (None, Guide(camera_path_of("0,0 0.5,0.5")), Guide(camera_path_of("0,0 0.5,0.5")))
    ]
    assert np.array_equal(shown[1], shown[2])
    assert not np.array_equal(shown[0], shown[1])
    with pytest.raises(UsageError, match="camera path"):
        replace(request, guide=Guide(camera_path_of("0,0"))).require(FakeBackend().capabilities, "fake")
