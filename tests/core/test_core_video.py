"""Rules of the video reader and writer."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.clip import Clip, Frame
from core.errors import UnreadableInput, UsageError
from core.packets import remux
from core.video import (
    DecodeLimits,
    container_tags,
    open_clip,
    probe,
    scaled,
    sparse_frames,
    transcode,
    write_clip,
)


def moving_square(count: int = 12, height: int = 96, width: int = 128) -> np.ndarray:
    frames = np.full((count, height, width, 3), (40, 90, 140), np.uint8)
    for index in range(count):
        frames[index, 20:50, 10 + 4 * index : 40 + 4 * index] = (220, 60, 30)
    return frames


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error))


def test_what_is_written_is_read_back_alike(tmp_path: Path) -> None:
    """A clip through the writer and the reader keeps its size, rate, frame count and picture."""
    frames = moving_square()
    written = write_clip(Clip.from_array(frames, 12), tmp_path / "a.mp4", crf=8)
    clip = open_clip(tmp_path / "a.mp4")
    assert written == 12
    assert (clip.info.width_px, clip.info.height_px, clip.info.fps) == (128, 96, Fraction(12))
    assert not clip.info.is_variable_rate
    assert clip.to_array().shape == frames.shape
    assert psnr_db(clip.to_array(), frames) > 33


def test_reading_twice_gives_the_same_frames(tmp_path: Path) -> None:
    """Every reading starts again at the first frame."""
    write_clip(Clip.from_array(moving_square(), 12), tmp_path / "a.mp4")
    clip = open_clip(tmp_path / "a.mp4")
    assert np.array_equal(clip.to_array(), clip.to_array())


def test_grey_stays_grey_through_the_colour_matrices(tmp_path: Path) -> None:
    """Neutral pictures come back neutral and equally bright: matrix and range agree in both directions."""
    ramp = np.repeat(np.linspace(0, 255, 128).astype(np.uint8)[None, :, None], 3, axis=2)
    frames = np.broadcast_to(ramp, (6, 96, 128, 3)).copy()
    write_clip(Clip.from_array(frames, 12), tmp_path / "a.mp4", crf=2)
    read = open_clip(tmp_path / "a.mp4").to_array().astype(int)
    assert np.abs(read - frames).max() <= 6
    assert np.abs(read.mean() - frames.mean()) < 0.6


def test_odd_sides_grow_by_one_repeated_line(tmp_path: Path) -> None:
    """4:2:0 needs even sides; an odd clip grows by one line and keeps the picture it had."""
    frames = moving_square(6, 95, 127)
    write_clip(Clip.from_array(frames, 12), tmp_path / "a.mp4", crf=4)
    read = open_clip(tmp_path / "a.mp4").to_array()
    assert read.shape == (6, 96, 128, 3)
    assert psnr_db(read[:, :95, :127], frames) > 33


def test_a_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    """Frames at uneven times come back at those times, and the clip says that its rate varies."""
    times = [0.0, 0.05, 0.2, 0.25, 0.5, 0.9, 1.0]
    frames = moving_square(len(times))
    info = Clip.from_array(frames, 25).info
    uneven = Clip(info, lambda: (Frame(t, f) for t, f in zip(times, frames, strict=True))).mapped(
        lambda stream: stream, is_variable_rate=True
    )
    write_clip(uneven, tmp_path / "a.mp4")
    clip = open_clip(tmp_path / "a.mp4")
    assert clip.info.is_variable_rate
    assert [frame.time_s for frame in clip.timed_frames()] == pytest.approx(times, abs=1e-3)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_rotation_flag_turns_the_picture_upright(tmp_path: Path, turn: int) -> None:
    """A phone's display matrix is applied: what is read is what a player shows."""
    frames = moving_square(4)
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.set_display_rotation(turn)
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    clip = open_clip(path)
    upright = next(clip.frames())
    expected = min(
        (np.rot90(frames[0], k) for k in range(4)),
        key=lambda turned: np.inf if turned.shape != upright.shape else -psnr_db(turned, upright),
    )
    assert clip.info.rotation_deg % 180 == turn % 180
    assert (clip.info.height_px, clip.info.width_px) == upright.shape[:2]
    assert psnr_db(expected, upright) > 30
    assert not np.array_equal(expected, frames[0])


def test_ten_bit_video_is_read_as_eight(tmp_path: Path) -> None:
    """A 10-bit clip reads as 8-bit RGB and says that it had 10."""
    frames = moving_square(4)
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=12, options={"crf": "6", "x265-params": "log-level=none"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p10le"
        for frame in frames:
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p10le"))
            )
        container.mux(stream.encode())
    clip = open_clip(path)
    assert clip.info.bit_depth == 10
    assert psnr_db(clip.to_array(), frames) > 30


def with_sound(path: Path) -> list[bytes]:
    """A clip with an AAC track; returns its audio packets."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=12)
        video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        audio = container.add_stream("aac", rate=48_000)
        for frame in moving_square(24):
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        tone = (np.sin(np.arange(96_000) * 0.05) * 8_000).astype(np.int16)
        for start in range(0, 96_000, 1_024):
            block = tone[start : start + 1_024][None]
            sound = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            sound.sample_rate, sound.pts = 48_000, start
            container.mux(audio.encode(sound))
        container.mux(video.encode())
        container.mux(audio.encode())
    return audio_packets(path)


def audio_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_sound_passes_through_untouched(tmp_path: Path) -> None:
    """Every audio packet of the source stands in the output, byte for byte."""
    packets = with_sound(tmp_path / "a.mp4")
    clip = open_clip(tmp_path / "a.mp4")
    assert clip.info.has_audio
    write_clip(clip, tmp_path / "b.mp4", audio_from=tmp_path / "a.mp4")
    remux(tmp_path / "a.mp4", tmp_path / "c.mp4")
    assert len(packets) > 50
    assert audio_packets(tmp_path / "b.mp4") == packets
    assert audio_packets(tmp_path / "c.mp4") == packets


def test_tags_are_written_and_read(tmp_path: Path) -> None:
    """A file's own metadata, a disclosure tag among it, survives writing."""
    write_clip(Clip.from_array(moving_square(3), 12), tmp_path / "a.mp4", metadata={"AIGC": '{"Label":"1"}'})
    assert container_tags(tmp_path / "a.mp4")["AIGC"] == '{"Label":"1"}'


def test_scaling_and_transcoding_change_the_size_alone(tmp_path: Path) -> None:
    """Half the size is half the size, with the frames and the rate of the source."""
    write_clip(Clip.from_array(moving_square(), 12), tmp_path / "a.mp4")
    transcode(tmp_path / "a.mp4", tmp_path / "b.mp4", crf=30, width_px=64, height_px=48)
    halved = open_clip(tmp_path / "b.mp4")
    assert halved.to_array().shape == (12, 48, 64, 3)
    assert halved.info.fps == 12
    assert scaled(halved, 128, 96).to_array().shape == (12, 96, 128, 3)


def test_a_truncated_file_gives_the_frames_it_has_or_a_clear_error(tmp_path: Path) -> None:
    """Cut anywhere, a file yields frames or `UnreadableInput`; nothing else escapes."""
    write_clip(Clip.from_array(moving_square(48), 12), tmp_path / "a.mp4")
    whole = (tmp_path / "a.mp4").read_bytes()
    counts = []
    for share in (0.02, 0.2, 0.5, 0.8, 0.95):
        cut = tmp_path / f"cut{share}.mp4"
        cut.write_bytes(whole[: int(len(whole) * share)])
        try:
            counts.append(sum(1 for _ in open_clip(cut).frames()))
        except UnreadableInput:
            counts.append(0)
    assert counts[0] == 0
    assert counts == sorted(counts)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a video",
        b"ffconcat version 1.0\nfile 'secret.mp4'\n",
        b"#EXTM3U\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    ],
    ids=["empty", "text", "ffconcat", "hls"],
)
def test_what_is_no_video_is_refused_and_opens_nothing_else(tmp_path: Path, content: bytes) -> None:
    """Text, playlists and nothing at all are unreadable, even with a playable sibling to lead to."""
    write_clip(Clip.from_array(moving_square(3), 12), tmp_path / "secret.mp4")
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(UnreadableInput) as caught:
        probe(path)
    assert caught.value.code == "not_a_video"


def test_limits_count_frames_and_pixels_not_headers(tmp_path: Path) -> None:
    """Decoding stops where the budget ends, whatever the header says."""
    write_clip(Clip.from_array(moving_square(24), 12), tmp_path / "a.mp4")
    for limits in (DecodeLimits(max_frames=5), DecodeLimits(max_total_pixels=128 * 96 * 5)):
        with pytest.raises(UnreadableInput) as caught:
            list(open_clip(tmp_path / "a.mp4", limits).frames())
        assert caught.value.code == "decode_budget"
    with pytest.raises(UnreadableInput):
        probe(tmp_path / "a.mp4", DecodeLimits(max_side_px=100))


def test_an_unknown_encoder_is_named_with_the_known_ones(tmp_path: Path) -> None:
    """A wrong encoder name is refused before anything is written."""
    with pytest.raises(UsageError, match="no encoder theora") as caught:
        write_clip(Clip.from_array(moving_square(3), 12), tmp_path / "a.mp4", codec="theora")
    assert "libx264" in caught.value.hint
    assert not (tmp_path / "a.mp4").exists()


def test_an_empty_clip_can_not_be_written(tmp_path: Path) -> None:
    """A clip without a frame is an error, not an empty file that looks like one."""
    with pytest.raises(UnreadableInput):
        write_clip(Clip.from_array(np.empty((0, 96, 128, 3), np.uint8), 12), tmp_path / "a.mp4")


def test_sparse_frames_are_the_first_of_each_share_of_a_second(tmp_path: Path) -> None:
    """Eight a second of a clip at 30: the first frame of each eighth, timed and shown as in a whole reading."""
    path = tmp_path / "clip.mp4"
    write_clip(Clip.from_array(moving_square(20), 30), path, crf=10)
    clip = open_clip(path)
    every = list(clip.timed_frames())
    sparse = list(sparse_frames(path, clip.info, 8))
    first = {int(frame.time_s * 8 + 1e-6): frame for frame in reversed(every)}
    assert [frame.time_s for frame in sparse] == [first[place].time_s for place in sorted(first)]
    assert all(np.array_equal(frame.rgb, first[place].rgb) for place, frame in enumerate(sparse))


def test_frames_that_are_left_out_count_all_the_same(tmp_path: Path) -> None:
    """A budget of twelve frames ends a sparse reading at the thirteenth, given or not."""
    path = tmp_path / "clip.mp4"
    write_clip(Clip.from_array(moving_square(20), 30), path, crf=10)
    with pytest.raises(UnreadableInput, match="12 frames"):
        list(sparse_frames(path, open_clip(path).info, 8, DecodeLimits(max_frames=12)))


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_remuxed_clip_keeps_every_picture(tmp_path: Path, suffix: str) -> None:
    """From Matroska with reordered pictures too, whose first packets have no decoding time."""
    first, second = tmp_path / "a.mkv", tmp_path / f"b{suffix}"
    write_clip(Clip.from_array(moving_square(20), 12), first, crf=10)
    remux(first, second)
    assert np.array_equal(open_clip(second).to_array(), open_clip(first).to_array())
    assert len(open_clip(second).to_array()) == 20
