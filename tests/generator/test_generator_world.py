"""The wide world's scenes: what is drawn from a seed, what is said of it, and the laws that its truth keeps."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.scenes import world
from generator.scenes.world import WorldSpec, captions, is_held_out, planned_scene, truth_of
from generator.scenes.world.camera import camera_numbers, camera_path
from generator.scenes.world.drawing import placed
from generator.scenes.world.motion import (
    GRAVITY,
    INERTIAS,
    PIVOT_HEIGHT,
    RAMP_ANGLE,
    STRING_LENGTH,
    ramp_surface_height,
    rolled,
)
from generator.scenes.world.particles import BEAD_RADIUS, beads
from generator.scenes.world.spec import (
    BACKGROUNDS,
    CAMERA_SPEEDS,
    CAMERAS,
    COLOURS,
    LIGHTS,
    MATERIALS,
    MOTIONS,
    RELATIONS,
    RESTITUTIONS,
    ROLLERS,
    SHAPES,
    STYLES,
    TEXTS,
    WARMTHS,
    is_held_out_pair,
    makes_sense,
)

_TIMES = np.linspace(0, 1, 401)
_STEP = _TIMES[1] - _TIMES[0]


def _scene(shape: str, motion: str, **others: object) -> WorldSpec:
    spec = placed(np.random.default_rng(5), shape, "red", motion)
    return replace(spec, camera="static", **others)  # type: ignore[arg-type]


def test_the_world_is_as_wide_as_it_says() -> None:
    """Sixteen colours, twelve materials, eight places, ten styles, three speeds, sixteen camera moves and more."""
    assert (len(COLOURS), len(MATERIALS), len(BACKGROUNDS), len(STYLES), len(CAMERA_SPEEDS)) == (16, 12, 8, 10, 3)
    assert len(set(CAMERAS) - {"static"}) >= 16


def test_training_never_sees_what_is_held_out() -> None:
    """Drawn scenes share no (colour, shape, motion), no pair with the held-out ones, and every value is drawn."""
    rng = np.random.default_rng(0)
    drawn = [world.draw_spec(rng) for _ in range(2500)]
    assert not any(is_held_out(s.colour, s.shape, s.motion) for s in drawn)
    pairs = [s for s in drawn if s.is_pair]
    assert not any(is_held_out_pair(s.colour, s.shape, s.other_colour, s.other_shape) for s in pairs)
    assert not any(is_held_out(o.colour, o.shape, o.motion) for o in (s.other() for s in pairs))
    held_out = world.held_out_specs(60)
    assert all(is_held_out(s.colour, s.shape, s.motion) for s in held_out)
    assert len({(s.colour, s.shape, s.motion) for s in held_out}) >= 50
    assert all(is_held_out_pair(s.colour, s.shape, s.other_colour, s.other_shape) for s in world.held_out_pairs(20))
    for table, name in ((SHAPES, "shape"), (COLOURS, "colour"), (MATERIALS, "material"), (STYLES, "style")):
        assert {getattr(s, name) for s in drawn} == set(table)
    for table, name in ((BACKGROUNDS, "background"), (LIGHTS, "light"), (WARMTHS, "warmth"), (CAMERAS, "camera")):
        assert {getattr(s, name) for s in drawn} - {"path"} == set(table)
    assert {s.motion for s in drawn} == {*MOTIONS, "path"}
    assert {s.relation for s in pairs} == set(RELATIONS)


def test_what_is_drawn_makes_sense() -> None:
    """No motion on a shape that can't make it, no plain ball said to spin, a word for every thing that is one."""
    rng = np.random.default_rng(1)
    for spec in (world.draw_spec(rng) for _ in range(800)):
        for thing in (spec, spec.other()) if spec.is_pair else (spec,):
            assert makes_sense(thing.shape, thing.motion, thing.material) or thing.motion == "path"
            assert (thing.text in TEXTS) == (thing.shape == "word")


def test_the_grammar_covers_every_value() -> None:
    """Every entry of every table has words, and a name that the vocabulary holds."""
    tables = [
        (captions.SHAPE_WORDS, SHAPES), (captions.COLOUR_WORDS, COLOURS), (captions.MATERIAL_WORDS, MATERIALS),
        (captions.MOTION_WORDS, MOTIONS), (captions.BACKGROUND_WORDS, BACKGROUNDS), (captions.STYLE_WORDS, STYLES),
        (captions.CAMERA_WORDS, CAMERAS), (captions.RELATION_WORDS, RELATIONS), (captions.LIGHT_WORDS, LIGHTS),
        (captions.WARMTH_WORDS, WARMTHS), (captions.SPEED_WORDS, CAMERA_SPEEDS),
    ]  # fmt: skip
    for words, table in tables:
        assert tuple(words) == tuple(table)
    assert {*SHAPES, *COLOURS} <= set(world.vocabulary())


def test_captions_use_the_vocabulary_and_keep_their_shares() -> None:
    """Every word is known, none has more than the text encoder reads, a tenth is empty and a quarter short."""
    rng = np.random.default_rng(2)
    known = set(world.vocabulary())
    texts = [world.caption(world.draw_spec(rng), rng) for _ in range(2000)]
    assert {word for text in texts for word in text.replace(",", " ").split()} <= known
    assert max(len(text.split()) for text in texts) <= captions.MOST_WORDS
    assert 0.08 < np.mean([not text for text in texts]) < 0.12
    places = [phrase for phrases in captions.BACKGROUND_WORDS.values() for phrase in phrases]
    short = [bool(text) and not any(place in text for place in places) for text in texts]
    assert 0.21 < np.mean(short) < 0.29


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_caption_is_read_back_as_its_scene(seed: int) -> None:
    """Things, relation, motion, camera, place and style, as far as the words say them."""
    rng = np.random.default_rng(seed)
    spec = world.draw_spec(rng)
    text = world.caption(spec, rng)
    if not text:
        return
    plan = planned_scene(text, seed)
    assert plan is not None
    assert (plan.shape, plan.other_shape) == (spec.shape, spec.other_shape)
    if spec.shows_colour:
        assert (plan.colour, plan.other_colour) == (spec.colour, spec.other_colour)
    if spec.is_pair:
        assert plan.relation == spec.relation
        assert (plan.motion == "collide") == (spec.motion == "collide")
    elif any(words in text for words in captions.MOTION_WORDS.get(spec.motion, ())):
        assert plan.motion == spec.motion
    if any(words in text for words in captions.CAMERA_WORDS.get(spec.camera, ())):
        assert plan.camera == spec.camera
    if any(words in text for words in captions.BACKGROUND_WORDS[spec.background]):
        assert plan.background == spec.background
    if any(words in text for words in captions.STYLE_WORDS[spec.style] if words):
        assert plan.style == spec.style


@pytest.mark.parametrize(
    "prompt", ["", "a giraffe eats leaves", "a ball, a cone and a ring", "the camera pans left"]
)
def test_what_the_grammar_does_not_know_is_not_planned(prompt: str) -> None:
    """Without a shape, or with more than two, the words alone decide."""
    assert planned_scene(prompt, 0) is None


@pytest.mark.parametrize("material", MATERIALS)
def test_what_bounces_keeps_its_material_s_share(material: str) -> None:
    """Between landings the height falls by the scene's gravity; a landing keeps the material's share of speed."""
    truth = truth_of(_scene("ball", "bounce", material=material), _TIMES)
    heights = truth.things[0].centre[:, 1]
    falls = np.diff(heights, 2) / _STEP**2
    flying = ~np.isclose(falls, 0, atol=1e-6)
    assert np.isclose(falls[flying], -truth.gravity, rtol=1e-6).mean() > 0.9
    assert truth.things[0].restitution == RESTITUTIONS[material]
    # The parabolas before and after the first landing, each at the height of the floor.
    floor = truth.things[0].size[0]
    low = np.flatnonzero((heights[1:-1] < heights[:-2]) & (heights[1:-1] < heights[2:])) + 1
    launch = np.polyfit(_TIMES[low[0] + 1 : low[0] + 9], heights[low[0] + 1 : low[0] + 9], 2)
    leaves = np.sqrt(max(launch[1] ** 2 - 4 * launch[0] * (launch[2] - floor), 0))
    landing = np.polyfit(_TIMES[low[0] - 8 : low[0]], heights[low[0] - 8 : low[0]], 2)
    lands = np.sqrt(landing[1] ** 2 - 4 * landing[0] * (landing[2] - floor))
    assert leaves / lands == pytest.approx(RESTITUTIONS[material], rel=1e-3)


@pytest.mark.parametrize("motion", ["throw_left", "throw_right"])
def test_what_is_thrown_flies_on_a_parabola(motion: str) -> None:
    """Gravity pulls down, nothing pulls aside, and it goes where the word says."""
    track = truth_of(_scene("cube", motion), _TIMES).things[0].centre
    falls = np.diff(track, 2, axis=0) / _STEP**2
    assert np.isclose(falls[:, 1], -GRAVITY, rtol=1e-6).mean() > 0.9
    assert np.allclose(falls[:, [0, 2]], 0, atol=1e-6)
    assert np.sign(track[-1, 0] - track[0, 0]) == (1 if motion == "throw_right" else -1)


def test_a_pendulum_keeps_its_energy_and_its_string() -> None:
    """Height and speed trade against each other, and the string's length never changes."""
    spec = _scene("ball", "swing")
    track = truth_of(spec, _TIMES).things[0].centre
    pivot = np.array([spec.x, PIVOT_HEIGHT, spec.z])
    assert np.allclose(np.linalg.norm(track - pivot, axis=1), STRING_LENGTH)
    speed = np.linalg.norm(np.gradient(track, _STEP, axis=0), axis=1)[2:-2]
    energy = speed**2 / 2 + GRAVITY * track[2:-2, 1]
    assert np.ptp(energy) < 1e-3 * energy.mean()
    assert np.ptp(track[:, 0]) > 0.8


@pytest.mark.parametrize("shape", ROLLERS)
@pytest.mark.parametrize("motion", ["roll_left", "roll_right", "roll_down"])
def test_what_rolls_does_not_slip(shape: str, motion: str) -> None:
    """The point that touches the ground stands still: speed is rolling radius times turning speed."""
    spec = _scene(shape, motion)
    thing = truth_of(spec, _TIMES).things[0]
    _, radius = rolled(spec, _TIMES)
    turning = np.einsum("tij,tkj->tik", np.gradient(thing.turn, _STEP, axis=0), thing.turn)[2:-2]
    spin = turning[:, 1, 0]
    speed = np.gradient(thing.centre, _STEP, axis=0)[2:-2]
    angle = RAMP_ANGLE if motion == "roll_down" else 0.0
    side = np.sign(speed[-1, 0])
    down = radius * np.array([-side * np.sin(angle), -np.cos(angle)])
    contact = speed[:, :2] + np.stack([-spin * down[1], spin * down[0]], 1)
    assert np.abs(contact).max() < 0.02 * np.abs(speed).max()


@pytest.mark.parametrize("shape", ROLLERS)
def test_on_a_ramp_round_things_gain_speed_by_their_inertia(shape: str) -> None:
    """Down a slope it speeds up by g·sin(angle) over one plus the shape's inertia, and stays on it."""
    spec = replace(_scene(shape, "roll_down"), speed=1.0)
    thing = truth_of(spec, _TIMES).things[0]
    gone = np.linalg.norm(thing.centre - thing.centre[0], axis=1)
    pull = np.diff(gone, 2) / _STEP**2
    assert np.allclose(pull, GRAVITY * np.sin(RAMP_ANGLE) / (1 + INERTIAS[shape]), rtol=1e-4)
    _, radius = rolled(spec, _TIMES)
    over = thing.centre[:, 1] - ramp_surface_height(spec, thing.centre[:, 0])
    assert np.allclose(over * np.cos(RAMP_ANGLE), radius)


@pytest.mark.parametrize("relation", ["left_of", "right_of"])
def test_a_collision_keeps_momentum(relation: str) -> None:
    """Equal masses: what one loses the other gains, they part at the material's share of the speed they met with,
    and never lie in each other."""
    pair = WorldSpec(
        "ball", "red", "collide", "static", "studio", "rubber", radius=0.5,
        other_shape="ball", other_colour="blue", other_material="wood", relation=relation,
    )  # fmt: skip
    one, other = (thing.centre[:, 0] for thing in truth_of(pair, _TIMES).things)
    before, after = (np.array([(x[b] - x[a]) / (_TIMES[b] - _TIMES[a]) for x in (one, other)]) for a, b in
                     ((0, 100), (300, 400)))  # fmt: skip
    assert before.sum() == pytest.approx(after.sum())
    assert abs(after[0] - after[1]) == pytest.approx(RESTITUTIONS["rubber"] * abs(before[0] - before[1]))
    assert np.abs(one - other).min() == pytest.approx(1.0, abs=0.02)


def test_beads_fall_freely_and_come_to_rest() -> None:
    """In the air every bead's height falls by gravity; what lies does not move and is above the floor."""
    found = beads(_scene("beads", "pour", speed=1.0), _TIMES)
    falls = np.diff(found.places[..., 1], 2, axis=0) / _STEP**2
    moving = (np.abs(np.diff(found.places[..., 1], axis=0))[1:] > 1e-9) & (
        np.abs(np.diff(found.places[..., 1], axis=0))[:-1] > 1e-9
    )
    assert np.isclose(falls[moving], -GRAVITY, rtol=1e-4).mean() > 0.9
    assert found.places[..., 1].min() >= BEAD_RADIUS - 1e-9


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_move_grows_with_its_speed(camera: str) -> None:
    """Slow, normal, fast: the same move, further each time; and it stays above the floor."""
    reaches = []
    for speed in CAMERA_SPEEDS:
        spec = replace(_scene("ball", "still"), camera=camera, camera_speed=speed)
        numbers = camera_numbers(spec, _TIMES)
        reaches.append(sum(np.ptp(one) for one in (numbers.x, numbers.y, numbers.log_zoom, numbers.roll)))
        assert camera_path(spec, _TIMES).position[:, 1].min() > 0.2
    assert reaches == [0, 0, 0] if camera == "static" else reaches[0] < reaches[1] < reaches[2]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_pinhole_is_a_pinhole(seed: int) -> None:
    """Axes are at right angles and of length one; what lies on the optical axis is seen in the middle."""
    spec = world.draw_spec(np.random.default_rng(seed))
    path = camera_path(spec, _TIMES[::40])
    assert np.allclose(path.axes @ path.axes.transpose(0, 2, 1), np.eye(3), atol=1e-9)
    ahead = path.seen(path.position + 3 * path.axes[:, 2])
    assert np.allclose(ahead, np.array([0, 0, 3]), atol=1e-9)
