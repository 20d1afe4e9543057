"""Leads: found where they were made, silent on ordinary motion and stills, and of no weight."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clip import RGB, Clip
from detector.fusion import fuse
from detector.leads import MAX_FRAMES, RATES, Lead, SmallPictures, leads_of
from detector.report import render_html

FPS = 24


def drift(seed: int, frames: int = 72, step: int = 3) -> RGB:
    """A coarse field that slides without ever coming back, three seconds of it."""
    rng = np.random.default_rng(seed)
    field = np.kron(rng.integers(0, 256, (8, 60, 3)).astype(np.uint8), np.ones((8, 8, 1), np.uint8))
    return np.stack([field[:, step * i : step * i + 64] for i in range(frames)])


def noisy(frames: RGB, seed: int = 1) -> RGB:
    """The same after an encoding, roughly: two levels of noise."""
    rng = np.random.default_rng(seed)
    return np.clip(frames + rng.normal(0, 2, frames.shape), 0, 255).astype(np.uint8)


def told(frames: RGB) -> tuple[Lead, ...]:
    collected = SmallPictures()
    for _ in collected.along(Clip.from_array(frames, FPS)).frames():
        pass
    return leads_of(collected)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 99), st.integers(4, 24), st.integers(10, 20), st.integers(6, 20))
def test_a_repeated_stretch_is_told_with_both_its_places(seed: int, first: int, length: int, wait: int) -> None:
    """Ten frames and more that stand there twice: where, and where they stood before."""
    frames = drift(seed)
    later = first + length + wait
    repeated = np.concatenate([frames[:later], frames[first : first + length], frames[later:]])
    found = next(one for one in told(noisy(repeated)) if one.kind == "repeated_frames")
    assert found.start_s == pytest.approx(later / FPS, abs=0.05)
    assert found.like_s == pytest.approx(first / FPS, abs=0.05)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 99), st.integers(10, 40), st.integers(6, 20), st.sampled_from([1.0, 0.04]))
def test_a_picture_that_stands_still_amid_motion_is_told(seed: int, at: int, length: int, contrast: float) -> None:
    """A quarter of a second and more of one picture, with motion on both sides, be it faint."""
    frames = (128 + contrast * (drift(seed) - 128.0)).round().astype(np.uint8)
    frames[at : at + length] = frames[at]
    kinds = {one.kind: one for one in told(frames)}
    assert kinds["frozen_frames"].start_s == pytest.approx(at / FPS, abs=0.05)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 99), st.integers(12, 60))
def test_a_jump_of_the_picture_is_a_cut_at_that_frame(seed: int, at: int) -> None:
    """Two scenes joined: one cut, at the first frame of the second."""
    one, other = drift(seed, step=1), drift(seed + 1000, step=1)
    found = told(noisy(np.concatenate([one[:at], other[at:]])))
    assert [one.start_s for one in found if one.kind == "cut"] == [pytest.approx(at / FPS, abs=0.01)]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 999), st.sampled_from(["moving", "still", "noise", "short"]))
def test_nothing_is_told_of_ordinary_footage(seed: int, kind: str) -> None:
    """Steady motion, a still, pure noise, a few frames: no lead."""
    still = np.repeat(drift(seed, 1), 72, axis=0)
    noise = np.random.default_rng(seed).integers(0, 256, (72, 64, 64, 3)).astype(np.uint8)
    frames = {"moving": noisy(drift(seed)), "still": noisy(still), "noise": noise, "short": drift(seed, 7)}[kind]
    assert told(frames) == ()


def test_the_memory_of_a_long_clip_is_bounded() -> None:
    """However long the clip, so many small pictures are kept and no more; the clip itself passes whole."""
    collected = SmallPictures()
    frames = np.zeros((MAX_FRAMES + 40, 8, 8, 3), np.uint8)
    assert sum(1 for _ in collected.along(Clip.from_array(frames, FPS)).frames()) == MAX_FRAMES + 40
    assert len(collected.pictures) == MAX_FRAMES


@pytest.mark.parametrize("kind", sorted(RATES))
def test_a_lead_never_moves_the_verdict(make: Any, kind: str) -> None:
    """With a lead or without: the same conclusion and evidence; the page shows it with its error rate."""
    lead = Lead(kind, 1.0, 1.5, 0.2, 12)
    for found in (make.findings(), make.findings(manifest=make.credential()), make.findings(pixel=make.mark())):
        without, having = fuse(found).to_json(), fuse(type(found)(**(vars(found) | {"leads": (lead,)})))
        assert having.to_json() | {"leads": []} == without
        page = render_html(having)
        assert "no proof" in page
        assert "told of" in page
        assert 0 <= having.leads[0]["false_rate"] <= having.leads[0]["found_rate"] <= 1
