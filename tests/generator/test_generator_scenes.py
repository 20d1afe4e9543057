"""The procedural scenes: determinism, truth, and what is held out."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.scenes import (
    SceneSpec,
    caption,
    draw_spec,
    held_out_pairs,
    held_out_specs,
    is_held_out,
    render_scene,
)
from generator.scenes.captions import BACKGROUND_WORDS, CAMERA_WORDS, COLOUR_WORDS, MOTION_WORDS, SHAPE_WORDS
from generator.scenes.motion import GRAVITY, camera_at, object_at
from generator.scenes.spec import BACKGROUNDS, CAMERAS, COLOURS, MOTIONS, SHAPES


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_rendering_is_a_pure_function(seed: int) -> None:
    """One seed, one scene, one set of frames and one truth."""
    spec = draw_spec(np.random.default_rng(seed))
    assert spec == draw_spec(np.random.default_rng(seed))
    first, second = render_scene(spec, 5, 64), render_scene(spec, 5, 64)
    assert np.array_equal(first.frames, second.frames)
    assert first.trajectory == second.trajectory
    assert first.frames.shape == (5, 64, 64, 3)


def test_training_never_sees_what_is_held_out() -> None:
    """Drawn scenes and held-out scenes share no (colour, shape, motion), and every pair is seen."""
    rng = np.random.default_rng(0)
    drawn = [draw_spec(rng) for _ in range(6000)]
    combinations = {(s.colour, s.shape, s.motion) for s in drawn}
    held_out = {(s.colour, s.shape, s.motion) for s in held_out_specs(50)}
    assert not combinations & held_out
    assert all(is_held_out(*combination) for combination in held_out)
    assert len(held_out) >= 45
    assert {(s.colour, s.shape) for s in drawn} == {(c, s) for c in COLOURS for s in SHAPES}


def test_training_never_sees_held_out_pairs() -> None:
    """Two objects that are held out together never stand together in training, nor one of them in its motion."""
    rng = np.random.default_rng(1)
    drawn = [spec for spec in (draw_spec(rng) for _ in range(4000)) if spec.is_pair]
    held_out = {(s.colour, s.shape, s.other_colour, s.other_shape) for s in held_out_pairs(100)}
    assert len(drawn) > 1000
    assert not {(s.colour, s.shape, s.other_colour, s.other_shape) for s in drawn} & held_out
    assert not any(is_held_out(s.colour, s.shape, s.motion) for one in drawn for s in (one, one.other()))


def test_what_is_thrown_obeys_gravity() -> None:
    """Between launch and landing, second differences of the height are the scene's gravity."""
    for motion in ("throw_left", "throw_right", "bounce"):
        spec = SceneSpec("ball", "red", motion, "static", "studio", radius=0.3)
        heights = np.array([object_at(spec, time)[1] for time in np.linspace(0, 1, 201)])
        falls = np.diff(heights, 2) * 200**2
        assert np.isclose(falls, GRAVITY, rtol=1e-6).mean() > 0.95


@pytest.mark.parametrize(("relation", "axis", "sign"), [("left_of", 0, -1), ("above", 1, -1), ("below", 1, 1)])
def test_relations_are_what_they_say(relation: str, axis: int, sign: int) -> None:
    """The main object stands left of, above or below the other one."""
    spec = replace(held_out_pairs(1)[0], relation=relation, camera="static")
    scene = render_scene(spec, 3, 64)
    one, other = scene.trajectory[0], scene.other_trajectory[0]
    difference = ((one.x_px - other.x_px), (one.y_px - other.y_px))
    assert sign * difference[axis] > 20
    assert abs(difference[1 - axis]) < 1e-6


def test_travelling_cameras_show_depth_and_turning_ones_do_not() -> None:
    """Trucks, pedestals and dollies move the background less than the object; pans, tilts and zooms alike."""
    for camera in CAMERAS:
        view = camera_at(SceneSpec("ball", "red", "still", camera, "studio"), 0.0)
        assert (view.behind < 1.0) == camera.startswith(("truck", "pedestal", "dolly"))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_truth_says_where_the_object_is(seed: int) -> None:
    """The pixel where the truth puts the object's body has the object's hue."""
    rng = np.random.default_rng(seed)
    spec = replace(draw_spec(rng), angle=0.0, motion="still", camera="static")
    scene = render_scene(spec, 3, 128)
    pose = scene.trajectory[1]
    body = 0.75 if spec.shape == "ring" else 0.1
    x, y = pose.x_px + body * pose.radius_px, pose.y_px
    if not (0 <= x < 128 and 0 <= y < 128):
        return
    seen = colorsys.rgb_to_hsv(*(scene.frames[1, int(y), int(x)] / 255.0))[0]
    meant = colorsys.rgb_to_hsv(*COLOURS[spec.colour])[0]
    assert min(abs(seen - meant), 1 - abs(seen - meant)) < 0.06


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_captions_say_what_is_shown(seed: int) -> None:
    """Colour and shape are always named, by one of their own words and by none of another's."""
    rng = np.random.default_rng(seed)
    spec = draw_spec(rng)
    words = caption(spec, rng).replace(",", "").split()
    colours, shapes = {spec.colour, spec.other_colour} - {""}, {spec.shape, spec.other_shape} - {""}
    for table, truth in ((COLOUR_WORDS, colours), (SHAPE_WORDS, shapes)):
        named = {key for key, choices in table.items() if set(choices) & set(words)}
        assert named == truth


def test_the_grammar_covers_every_value() -> None:
    """Every shape, colour, motion, camera move and background has words."""
    assert tuple(SHAPE_WORDS) == SHAPES
    assert tuple(COLOUR_WORDS) == tuple(COLOURS)
    assert tuple(MOTION_WORDS) == MOTIONS
    assert tuple(CAMERA_WORDS) == CAMERAS
    assert tuple(BACKGROUND_WORDS) == BACKGROUNDS


@pytest.mark.parametrize(
    ("motion", "axis", "sign"), [("left", 0, -1), ("right", 0, 1), ("rise", 1, -1), ("fall", 1, 1)]
)
def test_motions_go_where_they_say(motion: str, axis: int, sign: int) -> None:
    """The truth's path runs left, right, up or down as the word says (y points down)."""
    path = [
        (p.x_px, p.y_px)
        for p in render_scene(SceneSpec("ball", "red", motion, "static", "studio"), 9, 64).trajectory
    ]
    steps = np.diff(np.array(path), axis=0)
    assert (sign * steps[:, axis] > 0).all()
    assert np.allclose(steps[:, 1 - axis], 0)
