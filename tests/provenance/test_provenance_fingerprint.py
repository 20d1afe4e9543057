"""Fingerprints: copies agree, other clips don't, and what is too plain is said to be."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clip import Clip, Frame
from core.video import open_clip, transcode
from provenance import fingerprint as fp
from provenance.fingerprint import fingerprint_clip, mirrored, similarity, usable
from provenance.records import Fingerprint

Shapes = Callable[..., Clip]


def drawn(
    kind: str, colour: tuple[int, int, int], start: tuple[int, int], step: tuple[int, int], ground: int
) -> Clip:
    """Two seconds of one shape moving over a smooth, plain background, 256x256 at 12 fps."""
    rows, columns = np.mgrid[0:256, 0:256]
    shade = (ground + 30 * np.exp(-((columns - 128) ** 2 + (rows - 90) ** 2) / 20_000)).astype(np.uint8)
    frames = []
    for i in range(24):
        picture = np.repeat(shade[..., None], 3, axis=2)
        x, y = start[0] + i * step[0], start[1] + i * step[1]
        if kind == "disc":
            cv2.circle(picture, (x, y), 40, colour, -1, cv2.LINE_AA)
        elif kind == "box":
            cv2.rectangle(picture, (x - 36, y - 36), (x + 36, y + 36), colour, -1, cv2.LINE_AA)
        else:
            corners = np.array([[x, y - 45], [x - 42, y + 35], [x + 42, y + 35]])
            cv2.fillPoly(picture, [corners], colour, cv2.LINE_AA)
        frames.append(picture)
    return Clip.from_array(np.stack(frames).astype(np.uint8), 12)


DRAWN = {
    "red disc to the right": ("disc", (210, 30, 30), (60, 128), (5, 0), 110),
    "blue disc to the right": ("disc", (30, 60, 210), (60, 128), (5, 0), 110),
    "red disc, falling": ("disc", (210, 30, 30), (128, 50), (0, 6), 110),
    "red box to the right": ("box", (210, 30, 30), (60, 180), (5, 0), 110),
    "green triangle to the left": ("triangle", (30, 190, 60), (200, 128), (-5, 0), 110),
    "yellow box at night": ("box", (220, 200, 30), (80, 90), (3, 3), 25),
}


def encoded(clip: Clip, folder: Path, crf: int, height_px: int | None = None) -> Clip:
    from core.video import write_clip

    write_clip(clip, folder / "a.mp4", crf=16, preset="veryfast")
    transcode(folder / "a.mp4", folder / "b.mp4", crf=crf, preset="veryfast", height_px=height_px)
    return open_clip(folder / "b.mp4")


def mapped(clip: Clip, change: Callable[[np.ndarray], np.ndarray]) -> Clip:
    return Clip.from_array(np.ascontiguousarray(change(clip.to_array())), clip.info.fps)


def test_a_clip_agrees_with_itself(moving_shapes: Shapes) -> None:
    """Distance nought, at offset nought."""
    one = fingerprint_clip(moving_shapes(1))
    found = similarity(one, one)
    assert found.agrees
    assert (found.score, found.offset_s, found.is_mirrored) == (1.0, 0.0, False)
    assert found.per_second == (1.0, 1.0)


def test_a_fingerprint_is_deterministic_and_stored_whole(moving_shapes: Shapes) -> None:
    """The same frames give the same bytes, and the bytes give the fingerprint back."""
    one, again = fingerprint_clip(moving_shapes(1)), fingerprint_clip(moving_shapes(1))
    assert one.to_bytes() == again.to_bytes()
    kept = Fingerprint.from_bytes(one.alg, one.to_bytes(), one.duration_s)
    assert (kept.hashes == one.hashes).all()
    assert (kept.quality == one.quality).all()
    assert len(one.to_bytes()) == 33 * len(one.hashes)
    with pytest.raises(ValueError, match="33 bytes"):
        Fingerprint.from_bytes(one.alg, b"x" * 34, 1.0)


def test_there_are_eight_hashes_a_second(moving_shapes: Shapes) -> None:
    """Whatever the frame rate: a slow one repeats what was on the screen."""
    for fps in (6, 12, 24, Fraction(30000, 1001)):
        clip = moving_shapes(1, frames=round(2 * fps))
        timed = Clip(replace(clip.info, fps=Fraction(fps)), lambda clip=clip, fps=fps: _retimed(clip, fps))  # type: ignore[misc]
        assert len(fingerprint_clip(timed).hashes) == pytest.approx(16, abs=1)


def _retimed(clip: Clip, fps: Fraction) -> object:
    return (Frame(float(i / fps), rgb) for i, rgb in enumerate(clip.frames()))


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize(("crf", "height_px"), [(30, None), (32, 128)])
def test_a_drawn_clips_copy_agrees(tmp_path: Path, name: str, crf: int, height_px: int | None) -> None:
    """Smooth shapes on a plain ground, encoded again at CRF 30, or at half size and CRF 32."""
    clip = drawn(*DRAWN[name])  # type: ignore[arg-type]
    found = similarity(fingerprint_clip(encoded(clip, tmp_path, crf, height_px)), fingerprint_clip(clip))
    assert found.is_conclusive
    assert found.agrees


def test_different_drawn_clips_never_agree() -> None:
    """One shape on one background is not another: colour, path or shape differ."""
    prints = {name: fingerprint_clip(drawn(*how)) for name, how in DRAWN.items()}  # type: ignore[arg-type]
    for first in prints:
        for second in prints:
            if first < second:
                assert not similarity(prints[first], prints[second]).agrees, (first, second)


@pytest.mark.parametrize("skip", [3, 5, 9])
def test_a_trimmed_copy_agrees_and_says_where_it_starts(moving_shapes: Shapes, skip: int) -> None:
    """Frames cut from the start: found, with the offset to an eighth of a second."""
    clip = moving_shapes(2, frames=36)
    found = similarity(fingerprint_clip(mapped(clip, lambda a: a[skip:])), fingerprint_clip(clip))
    assert found.agrees
    assert found.offset_s == pytest.approx(skip / 12, abs=0.13)


def test_a_mirrored_copy_agrees_and_says_so(moving_shapes: Shapes) -> None:
    """Flipped left to right: the query's mirror image is compared too."""
    clip = moving_shapes(3)
    found = similarity(fingerprint_clip(mapped(clip, lambda a: a[:, :, ::-1])), fingerprint_clip(clip))
    assert found.agrees
    assert found.is_mirrored


def test_black_bars_are_stripped(moving_shapes: Shapes) -> None:
    """Letterbox and pillarbox make no difference."""
    clip = moving_shapes(4, side=128)
    for bars in ((0, 0), (16, 16), (0, 0)), ((0, 0), (0, 0), (20, 20)):
        boxed = mapped(clip, lambda a, bars=bars: np.pad(a, (*bars, (0, 0))))  # type: ignore[misc]
        assert similarity(fingerprint_clip(boxed), fingerprint_clip(clip)).agrees


def test_brightness_makes_no_difference(moving_shapes: Shapes) -> None:
    """A fifth brighter."""
    clip = moving_shapes(5)
    brighter = mapped(clip, lambda a: np.clip(a * 1.2, 0, 255).astype(np.uint8))
    assert similarity(fingerprint_clip(brighter), fingerprint_clip(clip)).agrees


@given(st.integers(10, 5000), st.integers(10, 5000))
@settings(max_examples=10, deadline=None)
def test_unrelated_clips_never_agree(moving_shapes: Shapes, first: int, second: int) -> None:
    """Two clips from different seeds."""
    if first != second:
        found = similarity(fingerprint_clip(moving_shapes(first)), fingerprint_clip(moving_shapes(second)))
        assert not found.agrees


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_clip_cannot_be_told(moving_shapes: Shapes, level: int) -> None:
    """All blank clips look alike: the answer is "can't tell", never "agrees"."""
    blank = fingerprint_clip(Clip.from_array(np.full((24, 64, 64, 3), level, np.uint8), 12))
    for other in (blank, fingerprint_clip(moving_shapes(1))):
        found = similarity(blank, other)
        assert not found.agrees
        assert not found.is_conclusive
        assert "plain" in found.reason


def test_a_clip_of_a_few_frames_cannot_be_told(moving_shapes: Shapes) -> None:
    """A quarter of a second is too little."""
    short = fingerprint_clip(moving_shapes(1, frames=3))
    assert not similarity(short, fingerprint_clip(moving_shapes(1))).is_conclusive


def test_an_empty_clip_has_an_empty_fingerprint() -> None:
    """No frame, no hash, no traceback."""
    empty = fingerprint_clip(Clip.from_array(np.empty((0, 16, 16, 3), np.uint8), 12))
    assert empty.hashes.shape == (0, 32)
    assert not similarity(empty, empty).is_conclusive


def test_another_algorithms_fingerprint_is_not_compared(moving_shapes: Shapes) -> None:
    """Names encode parameters; different names are different measures."""
    one = fingerprint_clip(moving_shapes(1))
    found = similarity(one, replace(one, alg="org.reelproof.fp.other.1"))
    assert not found.is_conclusive
    assert "different algorithms" in found.reason


def test_similarity_is_symmetric(moving_shapes: Shapes) -> None:
    """Query and reference may change places."""
    first, second = fingerprint_clip(moving_shapes(6)), fingerprint_clip(moving_shapes(7, frames=30))
    there, back = similarity(first, second), similarity(second, first)
    assert there.score == pytest.approx(back.score)
    assert there.agrees == back.agrees


def test_a_mirror_of_a_mirror_is_the_clip(moving_shapes: Shapes) -> None:
    """The mirror mask undoes itself."""
    one = fingerprint_clip(moving_shapes(8))
    assert (mirrored(mirrored(one)).hashes == one.hashes).all()
    assert usable(one).any()


def test_times_of_a_hostile_file_cost_nothing(moving_shapes: Shapes) -> None:
    """A frame said to come an hour later holds the picture for ten seconds, not for an hour; time may run back."""
    rgb = next(iter(moving_shapes(1).frames()))
    clip = Clip(moving_shapes(1).info, lambda: iter([Frame(0.0, rgb), Frame(1e9, rgb), Frame(3.0, rgb)]))
    assert len(fingerprint_clip(clip).hashes) <= 82


def test_long_clips_are_compared_by_their_middle() -> None:
    """An hour against an hour stays affordable, and a minute's excerpt is found in it."""
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 256, (8 * 600, 32), dtype=np.uint8)
    long = Fingerprint(fp.ALGORITHM, hashes, np.full(len(hashes), 90, np.uint8), 600.0)
    excerpt = Fingerprint(fp.ALGORITHM, hashes[2000:2016], np.full(16, 90, np.uint8), 2.0)
    found = similarity(excerpt, long)
    assert found.agrees
    assert found.offset_s == 250.0
    assert similarity(long, long).agrees
