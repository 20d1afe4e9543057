"""The wide world as it is drawn: the pixels say what the truth says."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.clip import RGB
from generator.scenes import world
from generator.scenes.world import WorldSpec, render_at, render_batch, truth_of
from generator.scenes.world.motion import GRAVITY
from generator.scenes.world.spec import (
    BACKGROUNDS,
    CAMERAS,
    COLOURLESS,
    COLOURS,
    LIGHTS,
    MATERIALS,
    MOTIONS,
    STUFFS,
    STYLES,
    TEXTS,
    WARMTHS,
)

_PLAIN = WorldSpec("ball", "red", "still", "static", "studio", material="plastic", light="front")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Pictures this small are drawn quicker by one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _drawn(specs: Sequence[WorldSpec], times: Sequence[float] = (0.5,), size_px: int = 64) -> RGB:
    found: RGB = render_at(specs, np.tile(times, (len(specs), 1)), size_px).numpy()
    return found


def _reddish(frames: RGB) -> NDArray[np.bool_]:
    wide = frames.astype(int)
    found: NDArray[np.bool_] = wide[..., 0] - wide[..., 1:].max(-1) > 60
    return found


def _middles(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Centroid x, y of each frame's mask in half frame heights from the picture's middle."""
    side = masks.shape[-1]
    at = (np.arange(side) + 0.5) * 2 / side - 1
    area = masks.sum((1, 2))
    return np.stack([(masks.sum(1) * at).sum(1) / area, (masks.sum(2) * at).sum(1) / area], 1)


def _apart(pictures: RGB) -> float:
    """Mean difference of the two pictures that are most alike, in grey levels."""
    return min(float(np.abs(a.astype(int) - b.astype(int)).mean()) for a, b in combinations(pictures, 2))


def test_a_seed_is_a_clip() -> None:
    """The same specs give the same bytes, in one batch of mixed places, styles and things."""
    specs = [world.draw_spec(np.random.default_rng(seed)) for seed in range(6)]
    assert [world.draw_spec(np.random.default_rng(seed)) for seed in range(6)] == specs
    first = render_batch(specs, 3, 48)
    assert first.shape == (6, 3, 48, 48, 3)
    assert first.dtype == torch.uint8
    assert torch.equal(first, render_batch(specs, 3, 48))


def test_a_batch_is_its_singles() -> None:
    """What stands beside a scene in the batch changes none of its pixels (but for a last bit of rounding)."""
    specs = [world.draw_spec(np.random.default_rng(seed)) for seed in range(20, 32)]
    batch = render_batch(specs, 2, 48).int()
    singles = torch.cat([render_batch([spec], 2, 48) for spec in specs]).int()
    away = (batch - singles).abs()
    assert (away > 1).float().mean() < 1e-3


def test_chunks_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip that is drawn in pieces is the clip drawn at once."""
    from generator.scenes.world import render

    specs = [world.draw_spec(np.random.default_rng(seed)) for seed in range(40, 44)]
    whole = render_batch(specs, 5, 32).int()
    monkeypatch.setitem(render._CHUNK_PIXELS, "cpu", 3 * 32 * 32)
    assert ((render_batch(specs, 5, 32).int() - whole).abs() > 1).float().mean() < 1e-3


def test_a_still_scene_is_still() -> None:
    """Nothing boils: without motion and camera, all frames are the same in every style."""
    specs = [replace(_PLAIN, style=style) for style in STYLES]
    frames = _drawn(specs, (0.1, 0.9))
    assert np.array_equal(frames[:, 0], frames[:, 1])


def test_every_place_style_and_warmth_is_drawn_and_differs() -> None:
    """Any two entries of a table are visibly apart."""
    base = replace(_PLAIN, background="meadow", shape="cube", yaw=0.5)
    assert _apart(_drawn([replace(base, background=place) for place in BACKGROUNDS])[:, 0]) > 10
    assert _apart(_drawn([replace(base, style=style) for style in STYLES])[:, 0]) > 6
    assert _apart(_drawn([replace(base, warmth=warmth) for warmth in WARMTHS])[:, 0]) > 0.4
    assert _apart(_drawn([replace(base, light=light) for light in LIGHTS])[:, 0]) > 1


def test_every_material_colour_and_word_is_drawn_and_differs() -> None:
    """Any two are apart on the thing itself, which a fifth of the picture shows."""
    base = replace(_PLAIN, radius=1.1, colour="blue")
    assert _apart(_drawn([replace(base, material=one) for one in MATERIALS])[:, 0, 12:52, 16:48]) > 3
    assert _apart(_drawn([replace(base, colour=one, material="matte") for one in COLOURS])[:, 0, 12:52, 16:48]) > 6
    written = replace(base, shape="word", radius=0.9)
    assert _apart(_drawn([replace(written, text=one) for one in TEXTS])[:, 0]) > 1.5


def test_every_motion_and_camera_move_is_drawn_and_differs() -> None:
    """Clips of any two motions, and of any two moves, are apart; a move leaves nothing where it was."""
    stuff = {motion: shape for shape, motion in STUFFS.items()}
    specs = []
    for motion in MOTIONS:
        spec = replace(_PLAIN, motion=motion, shape=stuff.get(motion, "ball"), material="striped")
        if motion == "collide":
            spec = replace(spec, other_shape="cube", other_colour="red", other_material="wood", relation="left_of")
        specs.append(spec)
    assert _apart(_drawn(specs, (0.15, 0.5, 0.8), 48)) > 0.5
    moves = _drawn([replace(_PLAIN, background="tiles", camera=camera) for camera in CAMERAS], (0.0, 1.0), 48)
    assert _apart(moves) > 1.5
    moved = np.abs(moves[:, 0].astype(int) - moves[:, 1]).mean((1, 2, 3))
    assert ((moved > 3) == (np.array(CAMERAS) != "static")).all()


def test_the_truth_says_where_things_are_seen() -> None:
    """The red pixels' middle and size are the projected place and radius, also under a moving camera."""
    for camera in ("static", "orbit_left", "dolly_in", "pedestal_up", "zoom_out", "pan_right"):
        spec = replace(_PLAIN, camera=camera, motion="left")
        times = np.linspace(0.2, 0.8, 3)
        masks = _reddish(_drawn([spec], tuple(times), 96)[0])
        seen = truth_of(spec, times).things[0].seen
        assert np.abs(_middles(masks) - seen[:, :2]).max() < 0.03
        radius = np.sqrt(masks.sum((1, 2)) / np.pi) * 2 / 96
        assert np.allclose(radius, seen[:, 2], rtol=0.06)


@pytest.mark.parametrize("motion", ["bounce", "throw_left", "throw_right"])
def test_gravity_is_read_off_the_pixels(motion: str) -> None:
    """A parabola through the red pixels' middles, put back on the plane of flight by the camera's truth, gives the
    scene's gravity."""
    spec = replace(_PLAIN, motion=motion, material="rubber", radius=0.5)
    times = np.linspace(0.02, 0.25, 13) if motion == "bounce" else np.linspace(0.05, 0.6, 15)
    heights = truth_of(spec, times).things[0].centre[:, 1]
    times = times[heights > 0.55]
    masks = _reddish(_drawn([spec], tuple(times), 96)[0])
    camera, middles = truth_of(spec, times).camera, _middles(masks)
    rays = np.stack([middles[:, 0], -middles[:, 1], camera.focal], 1)
    rays = np.einsum("ti,tij->tj", rays, camera.axes)
    read = camera.position - rays * (camera.position[:, 2] / rays[:, 2])[:, None]
    assert -2 * np.polyfit(times, read[:, 1], 2)[0] == pytest.approx(GRAVITY, rel=0.03)


def test_a_rolling_ball_turns_as_far_as_it_goes() -> None:
    """A whole turn after a circumference its stripes look the same again; after half of it light and dark have
    changed places."""
    spec = replace(_PLAIN, motion="roll_right", material="striped", colour="black", radius=0.2, speed=1.0)

    def patch(time: float) -> NDArray[np.float64]:
        thing = truth_of(spec, np.array([time])).things[0].seen[0]
        x, y = ((1 + thing[:2]) * 96).astype(int)
        grey: NDArray[np.float64] = _drawn([spec], (time,), 192)[0, 0, y - 8 : y + 9, x - 8 : x + 9].mean(-1)
        return grey - grey.mean()

    def alike(time: float) -> float:
        one, other = patch(0.2), patch(time)
        return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))

    whole = 2 * np.pi * 0.2 / 2.2
    assert alike(0.2 + whole) > 0.6
    assert alike(0.2 + whole / 2) < -0.3


def _shift(one: RGB, other: RGB, rows: slice) -> float:
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)[rows] for picture in (one, other)]
    (across, _), _ = cv2.phaseCorrelate(grey[0], grey[1], cv2.createHanningWindow(grey[0].shape[::-1], cv2.CV_32F))
    return float(across)


@pytest.mark.parametrize(("camera", "low", "high"), [("truck_left", 0.2, 0.65), ("pan_left", 0.85, 1.15)])
def test_only_a_travelling_camera_shows_parallax(camera: str, low: float, high: float) -> None:
    """Under a truck what is far moves less than what is near; under a pan all moves alike."""
    spec = replace(_PLAIN, camera=camera, background="snow", camera_speed="slow", colour="red")
    frames = _drawn([spec], (0.35, 0.65), 128)[0]
    near = np.diff(_middles(_reddish(frames))[:, 0])[0] * 64
    far = _shift(frames[0], frames[1], slice(22, 52))
    assert low < far / near < high


def test_an_orbit_goes_round() -> None:
    """Circling a cube shows other sides of it while it stays in the middle and the far end passes by."""
    spec = replace(_PLAIN, camera="orbit_right", shape="cube", background="snow", yaw=0.4)
    frames = _drawn([spec], (0.0, 1.0), 96)[0]
    assert np.abs(_middles(_reddish(frames))[:, 0]).max() < 0.06
    assert abs(_shift(*_drawn([spec], (0.45, 0.55), 128)[0], slice(22, 50))) > 2


def test_a_sweeping_light_moves_the_shadow() -> None:
    """As the light goes round, the floor's dark side goes from one side to the other."""
    frames = _drawn([replace(_PLAIN, motion="sweep", background="snow")], (0.0, 1.0), 96)[0].mean(-1)
    left, right = frames[:, 60:80, 8:32].mean((1, 2)), frames[:, 60:80, 64:88].mean((1, 2))
    assert abs((right - left)[0] - (right - left)[1]) > 10
    assert np.sign((right - left)[0]) != np.sign((right - left)[1])


def test_colour_shows_but_where_the_style_has_none() -> None:
    """A red and a green thing differ in hue in every style that is said to show colour; noir has no hue at all, and
    heat is not of a thing's colour but of the thing."""
    for style in STYLES:
        pair = [replace(_PLAIN, style=style, colour=colour, radius=1.0) for colour in ("red", "green")]
        red, green = _drawn(pair, size_px=96)[:, 0, 45:60, 40:56].mean((1, 2))
        if style not in COLOURLESS:
            assert red[0] - red[1] > green[0] - green[1] + 30, style
    grey = _drawn([replace(_PLAIN, style="noir")])[0, 0]
    assert np.ptp(grey, axis=-1).max() == 0
    hot = _drawn([replace(_PLAIN, style="thermal", colour=colour) for colour in COLOURS])[:, 0]
    assert (hot[:, 34:44, 28:36, 1].mean((1, 2)) > hot[:, 2:20, :, 1].mean((1, 2)) + 25).all()
