"""Long files, window by window: every frame once, in order, in the memory of one window."""

from pathlib import Path

import av
import numpy as np
import pytest

from core.clip import Clip
from core.errors import UnreadableInput
from core.video import open_clip, write_clip
from detector import longfiles
from detector.longfiles import long_duration_s, windows_of
from detector.service import Detector
from detector.verdict import Conclusion
from provenance.repository import MemoryManifestRepository
from provenance.trust import TrustStore
from watermark.pixel import PixelWatermark

FPS, SECONDS = 12, 8


def pictures(count: int = FPS * SECONDS) -> np.ndarray:
    """A bright bar that walks over a textured ground, a place of its own in every frame."""
    ground = np.random.default_rng(4).integers(30, 90, (96, 2 * count + 32, 3), np.uint8)
    frames = np.repeat(ground[None], count, axis=0)
    for number, frame in enumerate(frames):
        frame[:, 2 * number : 2 * number + 12] = 230
    return np.ascontiguousarray(frames[:, :, :128] if 2 * count + 32 > 128 else frames)


def encoded(folder: Path, name: str, codec: str, *, is_open: bool = False) -> Path:
    """The pictures with a key frame every second."""
    path = folder / name
    with av.open(str(path), "w") as output:
        tuned = {"x265-params": f"log-level=none:open-gop={int(is_open)}"} if codec == "libx265" else {}
        stream = output.add_stream(codec, rate=FPS, options=tuned)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.codec_context.gop_size = FPS
        for picture in pictures():
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.ts", "libx264"), ("a.webm", "libvpx-vp9"), ("a.avi", "mpeg4"), ("a.mkv", "libx265")],
)
def test_the_windows_of_a_file_are_the_clip_in_order(tmp_path: Path, name: str, codec: str) -> None:
    """Whatever it is encoded and packed with, its windows decode to its frames, each once, in order."""
    path = encoded(tmp_path, name, codec)
    frames, times = [], []
    for window in windows_of(path, 2.0):
        times.append((window.start_s, window.end_s))
        frames += list(open_clip(window.path).frames())
        kept = window.path
    assert not kept.exists()
    expected = open_clip(path).to_array()
    assert len(frames) == len(expected) == FPS * SECONDS
    assert np.array_equal(np.stack(frames), expected)
    assert len(times) == 4
    assert times[0][0] == 0.0
    assert [end for _, end in times[:-1]] == [start for start, _ in times[1:]]
    assert all(end - start == pytest.approx(2.0, abs=0.3) for start, end in times)


def test_an_open_group_of_pictures_loses_only_what_stood_before_its_key_frame(tmp_path: Path) -> None:
    """x265's default: of each window but the first, the few pictures that lead up to its key frame."""
    counts = [
        len(list(open_clip(window.path).frames()))
        for window in windows_of(encoded(tmp_path, "a.mkv", "libx265", is_open=True), 2.0)
    ]
    assert len(counts) == 4
    assert FPS * SECONDS - 4 * 8 <= sum(counts) < FPS * SECONDS


def test_without_key_frames_the_window_goes_on(tmp_path: Path) -> None:
    """One key frame at the start: one window, the whole clip."""
    path = tmp_path / "one.mp4"
    write_clip(Clip.from_array(pictures(), FPS), path, crf=20, preset="veryfast")
    assert [round(one.end_s) for one in windows_of(path, 2.0)] == [SECONDS]


@pytest.mark.parametrize("content", [b"", b"no video at all" * 99, b"#EXTM3U\n#EXTINF:3,\n/etc/hostname\n"])
def test_what_is_no_video_has_no_windows(tmp_path: Path, content: bytes) -> None:
    """A named reason, and nothing is left behind."""
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(UnreadableInput):
        list(windows_of(path))
    assert long_duration_s(path) is None


def test_a_file_cut_off_in_the_middle_has_the_windows_that_are_there(tmp_path: Path) -> None:
    """Half of a transport stream: its first windows, and no error."""
    path = encoded(tmp_path, "a.ts", "libx264")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = [(one.start_s, one.end_s) for one in windows_of(path, 1.0)]
    assert 3 <= len(found) <= 5


def test_times_that_make_too_many_windows_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of windows has a bound of its own: a stranger's time-stamps decide how many there are."""
    monkeypatch.setattr(longfiles, "_MAX_WINDOWS", 5)
    with pytest.raises(UnreadableInput) as caught:
        list(windows_of(encoded(tmp_path, "a.mp4", "libx264"), 0.5))
    assert caught.value.code == "decode_budget"


def test_a_window_over_its_limit_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a window may take on the disk is bounded, whatever the file says."""
    monkeypatch.setattr(longfiles, "_MAX_WINDOW_BYTES", 3_000)
    with pytest.raises(UnreadableInput) as caught:
        list(windows_of(encoded(tmp_path, "a.mp4", "libx264"), 2.0))
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    "told",
    [None, [], {}, {"start_s": "x", "end_s": 1}, {"start_s": float("nan"), "end_s": 1}, {"start_s": 5, "end_s": 1}],
)
def test_a_child_that_lies_about_times_is_not_believed(told: object) -> None:
    """Whatever a broken child tells, it ends as a named fault."""
    with pytest.raises(UnreadableInput):
        longfiles._times(told, 0.0)


def test_a_narrowed_window_says_what_was_left_out(tmp_path: Path) -> None:
    """A window is judged by its pictures; the search that was left out stands in its limits."""
    judge = Detector(
        TrustStore(()), MemoryManifestRepository(), PixelWatermark(), {1: bytes(32)}, invert_noise="never"
    )
    for window in windows_of(encoded(tmp_path, "a.mp4", "libx264"), 6.0):
        verdict = judge.verify(window.path, is_segment=True, narrow="it was made elsewhere")
        break
    assert verdict.conclusion is Conclusion.NO_EVIDENCE
    assert any("it was made elsewhere" in line for line in verdict.limits)
