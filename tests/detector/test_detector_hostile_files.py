"""Files made to mislead, crash, exhaust or reach out: each ends as a clear error."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from core.errors import UnreadableInput
from core.video import open_clip
from detector.sandbox.limits import GIB, MIB, SandboxLimits
from detector.sandbox.video import SandboxedVideo


def read_all(path: Path, limits: SandboxLimits | None = None) -> int:
    return sum(1 for _ in SandboxedVideo(path, limits).open().frames())


def fault_of(path: Path, limits: SandboxLimits | None = None) -> UnreadableInput:
    with pytest.raises(UnreadableInput) as caught:
        read_all(path, limits)
    assert caught.value.hint
    return caught.value


def test_frames_are_those_of_a_direct_decode(small_mp4: Path) -> None:
    """The sandbox changes nothing: same frames, same times, same description, as often as asked."""
    sandboxed, direct = SandboxedVideo(small_mp4).open(), open_clip(small_mp4)
    assert sandboxed.info == direct.info
    for _ in range(2):
        pairs = zip(sandboxed.timed_frames(), direct.timed_frames(), strict=True)
        for ours, theirs in pairs:
            assert ours.time_s == theirs.time_s
            np.testing.assert_array_equal(ours.rgb, theirs.rgb)


HARMLESS_LOOKING = {
    "empty.mp4": b"",
    "text.mp4": b"this is no video at all\n" * 50,
    "url.mp4": b"http://127.0.0.1:9/clip.mp4\n",
    "html.mp4": b"<html><script>alert(1)</script></html>",
    "ftyp_noise.mp4": b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
    + np.random.default_rng(1).bytes(40_000),
    "noise.mp4": np.random.default_rng(2).bytes(60_000),
    "claims_8_gb.mp4": b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42" + b"\x00\x00\x00\x01mdat"
    + (8 * GIB).to_bytes(8, "big") + bytes(1000),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS_LOOKING)
def test_what_is_no_video_says_so(tmp_path: Path, name: str) -> None:
    """Text, noise, empty files and headers without pictures are `not_a_video`, quickly."""
    path = tmp_path / name
    path.write_bytes(HARMLESS_LOOKING[name])
    began = time.monotonic()
    assert fault_of(path).code == "not_a_video"
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "playlist",
    ["ffconcat version 1.0\nfile small.mp4\n",
     "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsmall.mp4\n#EXT-X-ENDLIST\n"],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".mp4", pytest.param(".m3u8", marks=pytest.mark.slow)])
def test_a_playlist_never_opens_its_neighbour(tmp_path: Path, small_mp4: Path, playlist: str, suffix: str) -> None:
    """A text that names a sibling video stays a text."""
    (tmp_path / "small.mp4").write_bytes(small_mp4.read_bytes())
    path = tmp_path / f"list{suffix}"
    path.write_text(playlist)
    assert fault_of(path).code == "not_a_video"


def test_a_truncated_clip_without_its_index_is_no_video(small_mp4: Path, tmp_path: Path) -> None:
    """Cut before the first picture, nothing decodes and that is said."""
    path = tmp_path / "cut.mp4"
    path.write_bytes(small_mp4.read_bytes()[:600])
    assert fault_of(path).code == "not_a_video"


def test_a_truncated_clip_gives_what_still_decodes(small_mp4: Path, tmp_path: Path) -> None:
    """Cut in the middle of the pictures, the frames before the cut stand."""
    content = small_mp4.read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(content[: len(content) * 2 // 3])
    assert 0 < read_all(path) < read_all(small_mp4)


def test_a_decompression_bomb_is_stopped(bomb: Path) -> None:
    """Some kilobytes that decode to 37 GB are stopped by counting what comes: the header announces nothing."""
    assert 57_000 * bomb.stat().st_size < 1500 * 3840 * 2160 * 3
    assert (
        fault_of(bomb, SandboxLimits(expansion_free_bytes=256 * MIB, max_expansion=10_000)).code == "decode_budget"
    )


def test_a_bomb_that_announces_itself_is_stopped_at_once(small_mp4: Path) -> None:
    """Where the header already claims too much, no frame is asked for."""
    limits = SandboxLimits(expansion_free_bytes=1, max_expansion=2)
    with pytest.raises(UnreadableInput) as caught:
        SandboxedVideo(small_mp4, limits).open()
    assert caught.value.code == "decode_budget"


@pytest.mark.parametrize(
    "bound",
    [
        {"max_width_px": 64},
        {"max_height_px": 64},
        {"max_frame_pixels": 64 * 64},
        {"max_frames": 5},
        {"max_total_pixels": 128 * 96 * 5},
    ],
)
def test_each_limit_stops_a_clip_beyond_it(small_mp4: Path, bound: dict[str, int]) -> None:
    """Width, height, pixels of a frame, frames and pixels in all: each bound holds by itself."""
    assert fault_of(small_mp4, SandboxLimits(**bound)).code == "decode_budget"


def test_a_file_over_the_byte_limit_is_not_touched(small_mp4: Path) -> None:
    """Size is checked before anything is started."""
    assert fault_of(small_mp4, SandboxLimits(max_input_bytes=100)).code == "too_large"


def test_a_sparse_giant_is_refused_by_its_size(tmp_path: Path) -> None:
    """Eight gigabytes of nothing cost nothing to refuse."""
    path = tmp_path / "giant.mp4"
    with path.open("wb") as file:
        file.truncate(8 * GIB)
    assert fault_of(path).code == "too_large"


def test_folders_pipes_and_devices_are_no_videos(tmp_path: Path) -> None:
    """A folder, a pipe nobody writes to and an endless device give an error, not a hang."""
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path, tmp_path / "pipe.mp4", Path("/dev/zero")):
        assert fault_of(path).code == "not_a_video"


def test_too_little_memory_is_a_named_error(small_mp4: Path) -> None:
    """A child that cannot even load its libraries ends as an error with a code, not as a traceback."""
    assert fault_of(small_mp4, SandboxLimits(memory_bytes=64 * MIB)).code in {
        "decode_budget",
        "decoder_crashed",
        "not_a_video",
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_mutated_clips_decode_or_say_why(small_mp4: Path, tmp_path: Path, seed: int) -> None:
    """Whatever bytes are flipped, the answer is frames or a named error."""
    rng = np.random.default_rng(seed)
    content = bytearray(small_mp4.read_bytes())
    for place in rng.integers(0, len(content), 1 + 20 * seed):
        content[place] = rng.integers(0, 256)
    path = tmp_path / "mutant.mp4"
    path.write_bytes(content)
    try:
        outcome = "frames" if read_all(path, SandboxLimits(cpu_s=10, wall_s=20)) else "nothing"
    except UnreadableInput as error:
        outcome = error.code
    assert outcome in {"frames", "not_a_video", "decode_budget", "decoder_crashed"}
