"""The bench's reading of free fall: right on rendered scenes, and not fooled by other motion."""

from typing import Any

import numpy as np
import pytest

from bench.generator_motion import gravity_error, median_of
from generator.scenes import SceneSpec, motion, render_scene


@pytest.mark.parametrize("kind", ["bounce", "throw_left", "throw_right"])
def test_flights_are_read_as_gravity(kind: str) -> None:
    """What flies in a rendered scene is read to two percent."""
    error = gravity_error(render_scene(SceneSpec("ball", "red", kind, "static", "studio", radius=0.3)).frames)
    assert error is not None
    assert error < 0.02


def test_another_gravity_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A throw under two thirds of the gravity reads as a third off."""
    scene: dict[str, Any] = {"radius": 0.3}
    with monkeypatch.context() as patched:
        patched.setattr(motion, "GRAVITY", 8.0)
        frames = render_scene(SceneSpec("ball", "red", "throw_right", "static", "studio", **scene)).frames
    error = gravity_error(frames)
    assert error == pytest.approx(1 / 3, abs=0.03)


@pytest.mark.parametrize("kind", ["left", "still", "rise", "spin"])
def test_what_does_not_fly_is_no_fall(kind: str) -> None:
    """Straight and resting motion has no gravity to read, and counts as wholly wrong."""
    error = gravity_error(render_scene(SceneSpec("cube", "blue", kind, "static", "sky")).frames)
    assert error is None
    assert median_of([error]) == 1.0


def test_an_empty_picture_has_no_fall() -> None:
    """No object, no reading."""
    assert gravity_error(np.zeros((25, 64, 64, 3), np.uint8)) is None
