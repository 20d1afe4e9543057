"""Sound out of video files: on the time of the pictures, bounded, and no error for a damaged track."""

from pathlib import Path

import numpy as np
import pytest

from bench.sounds import RATE_HZ, Samples, music, silent_video, speech, with_sound
from core.errors import UnreadableInput
from core.sound import SOUND_RATE_HZ, Sound
from core.soundtrack import read_sound


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of small pictures without sound."""
    return silent_video(tmp_path_factory.mktemp("video") / "video.mp4", 12)


def heard(path: Path, **options: float) -> Sound:
    sound = read_sound(path, **options)  # type: ignore[arg-type]
    assert sound is not None
    return sound


def likeness(one: Sound, other: Sound) -> float:
    """The correlation of two sounds sample by sample."""
    count = min(len(one.samples), len(other.samples))
    return float(np.corrcoef(one.samples[:count], other.samples[:count])[0, 1])


def lossless(video: Path, sound: Samples, folder: Path) -> Path:
    return with_sound(video, sound, folder / "lossless.mkv", codec="pcm_s16le")


def test_sound_is_read_as_mono_samples(video: Path, tmp_path: Path) -> None:
    """One row of 16-bit samples at the fingerprint's rate, as long as the track."""
    sound = heard(lossless(video, music(3.0, 1), tmp_path))
    assert sound.rate_hz == SOUND_RATE_HZ
    assert sound.samples.dtype == np.int16
    assert sound.duration_s == pytest.approx(3.0, abs=0.01)
    assert (sound.is_damaged, sound.is_cut) == (False, False)


@pytest.mark.parametrize(("codec", "suffix"), [("aac", "mp4"), ("libmp3lame", "mp4"), ("libopus", "mkv")])
def test_every_codec_keeps_the_sound_in_its_place(video: Path, tmp_path: Path, codec: str, suffix: str) -> None:
    """What an encoder puts before the first sample is not heard: sound stays with its pictures."""
    original = heard(lossless(video, speech(3.0, 2), tmp_path))
    encoded = heard(with_sound(video, speech(3.0, 2), tmp_path / f"a.{suffix}", codec=codec, kbits=96))
    assert likeness(original, encoded) > 0.95


def test_a_clip_without_a_track_has_no_sound(video: Path) -> None:
    """None, not silence."""
    assert read_sound(video) is None


def test_a_long_track_is_read_up_to_a_limit(video: Path, tmp_path: Path) -> None:
    """Not a sample more than asked for, and it says that there was more."""
    sound = heard(lossless(video, music(3.0, 3), tmp_path), max_s=1.0)
    assert len(sound.samples) == SOUND_RATE_HZ
    assert sound.is_cut


def test_a_damaged_track_is_read_as_far_as_it_decodes(video: Path, tmp_path: Path) -> None:
    """Bytes overwritten in the middle leave the rest, in its place."""
    path = with_sound(video, speech(3.0, 4), tmp_path / "whole.mp4", kbits=128)
    whole, content = heard(path), bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4_000
    content[start : start + 9_000] = np.random.default_rng(1).bytes(9_000)
    (tmp_path / "damaged.mp4").write_bytes(content)
    damaged = heard(tmp_path / "damaged.mp4")
    assert damaged.is_damaged
    tail = slice(round(2.6 * SOUND_RATE_HZ), round(2.9 * SOUND_RATE_HZ))
    assert likeness(Sound(whole.samples[tail]), Sound(damaged.samples[tail])) > 0.9


def test_what_is_no_media_file_is_refused(tmp_path: Path) -> None:
    """Text is no sound."""
    (tmp_path / "a.mp4").write_text("no sound here")
    with pytest.raises(UnreadableInput):
        read_sound(tmp_path / "a.mp4")


def test_made_sounds_are_the_same_for_a_seed() -> None:
    """Tests and benches hear the same on every machine."""
    assert np.array_equal(speech(1.0, 7), speech(1.0, 7))
    assert len(music(1.0, 7)) == RATE_HZ
