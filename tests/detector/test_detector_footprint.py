"""The footprint of an earlier encoding: told where it was made, never where the file alone accounts for it."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clip import RGB, Clip, Coding
from core.errors import UnreadableInput
from core.video import open_clip, write_clip
from detector.footprint import LEAST_PLACES, SHORTEST, footprint_of
from detector.leads import FOOTPRINT_SCORE, Lead, SmallPictures, leads_of
from detector.sandbox import wire
from detector.sandbox.video import SandboxedVideo, _coding

FPS, QUANTISER = 24, 6


def coded(kinds: str, peaks: set[int], seed: int) -> list[Coding]:
    """Frames of these kinds with little intra coding, but for the P frames that first show what peaks change."""
    rng = np.random.default_rng(seed)
    found = []
    is_due = False
    for i, kind in enumerate(kinds):
        is_due = is_due or i in peaks
        share = abs(rng.normal(0, 0.01)) + 0.2 * (is_due and kind == "P")
        is_due = is_due and kind != "P"
        found.append(Coding(kind, min(1.0, share) if kind == "P" else None))
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(SHORTEST, 30), st.sampled_from(["P", "BP", "BBP"]), st.integers(0, 99))
def test_peaks_at_even_distances_are_told_with_their_distance(distance: int, group: str, seed: int) -> None:
    """From four of them on, with B frames or without; a distance and its multiples are one finding."""
    count = 5 * distance
    kinds = ("I" + group * count)[:count]
    found = footprint_of(coded(kinds, set(range(distance, count, distance)), seed))
    assert found is not None
    assert found.score > FOOTPRINT_SCORE
    off = found.distance % distance
    assert min(off, distance - off) <= len(group) - 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.sampled_from(["steady", "one peak", "own key frames"]))
def test_a_file_encoded_once_has_no_footprint(seed: int, kind: str) -> None:
    """Noise, a single change of scene, and peaks where the file's own key frames lie are told of nobody."""
    kinds = "I" + "P" * 119 if kind != "own key frames" else ("I" + "P" * 11) * 10
    peaks = {"steady": set[int](), "one peak": {50}, "own key frames": set(range(0, 120, 12))}[kind]
    found = footprint_of(coded(kinds, peaks, seed))
    assert found is None or found.score <= FOOTPRINT_SCORE


@pytest.mark.parametrize(
    "codings",
    [[], [None] * 100, [Coding("I")] * 100, coded("I" + "P" * (SHORTEST * LEAST_PLACES - 2), set(), 1)],
    ids=["nothing", "unknown coding", "key frames only", "too short"],
)
def test_where_it_cannot_be_told_nothing_is_said(codings: list[Coding | None]) -> None:
    """No frames, frames of an unknown coding, no P frames, no distance three times: no footprint, no lead."""
    assert footprint_of(codings) is None


def texture(count: int = 96) -> RGB:
    """Grain over a sliding field: what a key frame renews."""
    rng = np.random.default_rng(3)
    field = np.kron(rng.integers(40, 216, (12, 60, 3)), np.ones((8, 8, 1)))
    frames = [field[:, 2 * i : 2 * i + 128] + rng.normal(0, 8, (96, 128, 1)) for i in range(count)]
    return np.clip(np.stack(frames), 0, 255).astype(np.uint8)


def encode_in_groups(frames: RGB, path: Path, group: int) -> None:
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.codec_context.gop_size = group
        stream.codec_context.qmin = stream.codec_context.qmax = QUANTISER
        stream.codec_context.bit_rate = 10_000_000
        for picture in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())


def leads_in(path: Path) -> Iterator[Lead]:
    collected = SmallPictures()
    for _ in collected.along(SandboxedVideo(path).open()).frames():
        pass
    return (one for one in leads_of(collected) if one.kind == "encoded_before")


def test_a_clip_encoded_twice_is_told_and_encoded_once_is_not(tmp_path: Path) -> None:
    """Groups of twelve, then H.264: a lead of twelve frames. The same clip through H.264 alone: none."""
    frames = texture()
    write_clip(Clip.from_array(frames, FPS), tmp_path / "once.mp4", crf=18)
    assert list(leads_in(tmp_path / "once.mp4")) == []
    encode_in_groups(frames, tmp_path / "first.mp4", 12)
    write_clip(open_clip(tmp_path / "first.mp4"), tmp_path / "twice.mp4", crf=18)
    [lead] = leads_in(tmp_path / "twice.mp4")
    assert lead.distance is not None
    assert lead.distance % 12 == 0
    assert f"every {lead.distance} frames" in lead.says


def test_confined_frames_say_how_they_are_coded(tmp_path: Path) -> None:
    """The same through the pipe as without it: kinds, and the intra share of P frames. Other codecs say nothing."""
    path = tmp_path / "a.mp4"
    write_clip(Clip.from_array(texture(24), FPS), path, crf=23)
    plain = [frame.coding for frame in open_clip(path, with_coding=True).timed_frames()]
    confined = [frame.coding for frame in SandboxedVideo(path).open().timed_frames()]
    assert [one and one.kind for one in plain] == [one and one.kind for one in confined]
    for here, there in zip(plain, confined, strict=True):
        assert here is not None
        assert there is not None
        assert (here.intra_share is None) == (here.kind != "P") == (there.intra_share is None)
        assert there.intra_share == pytest.approx(here.intra_share)
    assert all(frame.coding is None for frame in open_clip(path).timed_frames())
    encode_in_groups(texture(12), tmp_path / "b.mp4", 12)
    assert all(frame.coding is None for frame in SandboxedVideo(tmp_path / "b.mp4").open().timed_frames())


@pytest.mark.parametrize(("kind", "share"), [(b"X", 0.5), (b"P", 1.5), (b"P", float("nan"))])
def test_an_impossible_coding_is_refused(kind: bytes, share: float) -> None:
    """What the child says of a frame is checked like its size."""
    with pytest.raises(UnreadableInput):
        _coding(*wire.CODING.unpack(wire.CODING.pack(kind, share)))


def test_frames_are_let_go_as_they_are_read(tmp_path: Path) -> None:
    """No frame hangs in a circle that only the collector frees: those filled a confined child's memory."""
    write_clip(Clip.from_array(texture(48), FPS), tmp_path / "a.mp4", crf=23)
    list(open_clip(tmp_path / "a.mp4").timed_frames())
    gc.collect()
    gc.disable()
    try:
        for _ in open_clip(tmp_path / "a.mp4", with_coding=True).timed_frames():
            pass
        assert gc.collect() < 24
    finally:
        gc.enable()
