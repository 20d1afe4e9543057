"""A copy's sound beside its release's: what is told, where, and what never is."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.sounds import RATE_HZ, Samples, music, silent_video, sound_of, speech, street, with_sound
from core.errors import UnreadableInput
from core.sound import SOUND_RATE_HZ
from core.soundtrack import read_sound
from detector.edits import sound_changes_of, sound_edits_of
from detector.listening import placed_as_well
from detector.matching import Stretch
from detector.sandbox.limits import SandboxLimits
from detector.sandbox.parent import MissingInput
from detector.sandbox.sound import read_sound_sandboxed
from detector.sounds import SoundComparison, compared_sound, p_value_of
from provenance.fingerprint import ALGORITHM
from provenance.records import Fingerprint
from provenance.sound import INSTANT_S, SoundFingerprint, fingerprint_sound

SECONDS = 6.0
WHOLE = (Stretch(0.0, SECONDS, 0, 0.0, 0.95),)
patient = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of small pictures without sound."""
    return silent_video(tmp_path_factory.mktemp("video") / "video.mp4", 6)


def taken(path: Path) -> SoundFingerprint:
    sound = read_sound(path)
    assert sound is not None
    return fingerprint_sound(sound)


class Studio:
    """A released sound, as a file and as what is kept of it."""

    def __init__(self, video: Path, folder: Path, sound: Samples) -> None:
        self._video, self._folder = video, folder
        path = with_sound(video, sound, folder / "release.mp4", kbits=128)
        self.kept, self.sound = taken(path), sound_of(path)[: len(sound)]

    def copy(self, sound: Samples, codec: str = "aac", kbits: int = 64) -> SoundFingerprint:
        """A copy's fingerprint, by way of a real file."""
        suffix = "mkv" if codec == "libopus" else "mp4"
        return taken(with_sound(self._video, sound, self._folder / f"copy.{suffix}", codec=codec, kbits=kbits))

    def compared(self, sound: Samples, **options: int) -> SoundComparison:
        """The comparison of a copy whose pictures are all the release's."""
        return compared_sound(self.copy(sound, **options), self.kept, WHOLE)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def studio(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """Six seconds of made speech."""
    return Studio(video, tmp_path_factory.mktemp("studio"), speech(SECONDS, 11))


def told(found: SoundComparison) -> list[str]:
    return [one.state for one in found.stretches]


def spliced(sound: Samples, other: Samples, start_s: float, end_s: float) -> Samples:
    changed = sound.copy()
    span = slice(round(start_s * RATE_HZ), round(end_s * RATE_HZ))
    changed[span] = other[span]
    return changed


@pytest.mark.parametrize(("codec", "kbits"), [("aac", 128), ("aac", 32), ("libopus", 48), ("libmp3lame", 64)])
def test_a_sound_that_was_encoded_anew_is_the_same(studio: Studio, codec: str, kbits: int) -> None:
    """Whatever the encoder, the whole clip has the release's sound, and by chance no other would be so like it."""
    found = compared_sound(studio.copy(studio.sound, codec, kbits), studio.kept, WHOLE)
    assert told(found) == ["same"]
    assert (found.stretches[0].p_value or 1.0) < 1e-20
    assert sound_edits_of(sound_changes_of(found)) == ()


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_loudness_is_no_change(studio: Studio, gain: float) -> None:
    """Six decibels up or down: the same sound."""
    assert told(studio.compared(np.clip(gain * studio.sound, -1, 1))) == ["same"]


@pytest.mark.parametrize("length_s", [1.0, 2.0, 3.0])
def test_a_replaced_stretch_is_told_with_its_place(studio: Studio, length_s: float) -> None:
    """From one second on, both ends within a quarter of a second, and the rest is the release's."""
    found = studio.compared(spliced(studio.sound, speech(SECONDS, 12), 2.1, 2.1 + length_s))
    assert told(found) == ["same", "replaced", "same"]
    middle = found.stretches[1]
    assert middle.start_s == pytest.approx(2.1, abs=0.25)
    assert middle.end_s == pytest.approx(2.1 + length_s, abs=0.25)
    assert (middle.p_value or 0.0) > 0.01
    assert found.is_replaced


def test_a_whole_other_sound_is_told_without_times(studio: Studio) -> None:
    """One stretch, and the words name no seconds."""
    found = studio.compared(music(SECONDS, 13))
    assert told(found) == ["replaced"]
    assert sound_edits_of(sound_changes_of(found)) == ("sound replaced",)


def test_a_track_that_was_dropped_was_removed(studio: Studio) -> None:
    """No track where the release sounds: removed, never replaced."""
    found = compared_sound(None, studio.kept, WHOLE)
    assert told(found) == ["removed"]
    assert sound_edits_of(sound_changes_of(found)) == ("sound removed",)
    assert not found.is_replaced


@pytest.mark.parametrize("length_s", [1.0, 2.0, 3.0])
def test_a_muted_stretch_was_removed(studio: Studio, length_s: float) -> None:
    """Silence in place of the sound, however short, is not another sound."""
    found = studio.compared(spliced(studio.sound, np.zeros_like(studio.sound), 2.0, 2.0 + length_s))
    assert [one for one in told(found) if one not in ("same", "unclear")] == ["removed"]
    (gone,) = (one for one in found.stretches if one.state == "removed")
    assert (gone.start_s, gone.end_s) == (pytest.approx(2.0, abs=0.25), pytest.approx(2.0 + length_s, abs=0.25))


@pytest.mark.parametrize("late_s", [0.5, -0.5, 1.5])
def test_a_shifted_sound_is_told_with_its_shift(studio: Studio, late_s: float) -> None:
    """The right sound at the wrong time: how much later it comes, to a tenth of a second."""
    count = round(abs(late_s) * RATE_HZ)
    still = np.zeros(count, np.float32)
    moved = np.concatenate([still, studio.sound[:-count]]) if late_s > 0 else studio.sound[count:]
    found = studio.compared(moved)
    (shifted,) = (one for one in found.stretches if one.state == "shifted")
    assert shifted.shift_s == pytest.approx(late_s, abs=0.1)
    assert not found.is_replaced
    (words,) = (one for one in sound_edits_of(sound_changes_of(found)) if "early" in one or "late" in one)
    assert words.startswith(f"sound {abs(late_s):.1f} s {'late' if late_s > 0 else 'early'}")


def test_a_trimmed_copy_keeps_its_sound(studio: Studio) -> None:
    """Sound is laid along where the pictures lie: what was cut away is missing in both."""
    copy = studio.copy(studio.sound[2 * RATE_HZ :])
    assert told(compared_sound(copy, studio.kept, (Stretch(0.0, 4.0, 0, 2.0, 0.9),))) == ["same"]


def test_a_copy_with_seconds_cut_out_keeps_its_sound(studio: Studio) -> None:
    """Each stretch of pictures has its own place in the release; an eighth of a second off is no shift."""
    cut = np.concatenate([studio.sound[: 2 * RATE_HZ], studio.sound[4 * RATE_HZ :]])
    pieces = (Stretch(0.0, 2.0, 0, 0.125, 0.9), Stretch(2.0, 4.0, 0, 3.875, 0.9))
    assert told(compared_sound(studio.copy(cut), studio.kept, pieces)) == ["same"]


def test_in_a_still_scene_the_sound_says_where_it_was_taken_from(studio: Studio) -> None:
    """Pictures that lie everywhere as well place nothing: a trimmed copy's sound is not another. Else it is."""
    copy, lies = studio.copy(studio.sound[3 * RATE_HZ :]), (Stretch(0.0, 3.0, 0, 0.0, 0.9),)
    still, moving = hashes(48, seed=0), hashes(48, seed=1)
    still.hashes[:] = still.hashes[0]
    for released, states in ((still, ["same"]), (moving, ["replaced"])):
        query = Fingerprint(ALGORITHM, released.hashes[:24], released.quality[:24], 3.0)
        fits = placed_as_well(query, released, lies)
        assert told(compared_sound(copy, studio.kept, lies, fits=fits)) == states


def test_a_cut_told_too_late_in_a_calm_scene_removes_no_sound(video: Path, tmp_path: Path) -> None:
    """The sound between the true cut and where the pictures are said to jump lies with what follows."""
    release = speech(SECONDS, 23)
    release[4 * RATE_HZ :] = 0
    calm = Studio(video, tmp_path, release)
    copy = calm.copy(np.concatenate([calm.sound[: 2 * RATE_HZ], calm.sound[4 * RATE_HZ :]]))
    lies = (Stretch(0.0, 2.75, 0, 0.0, 0.9), Stretch(2.75, 4.0, 0, 4.75, 0.9))
    assert "removed" in told(compared_sound(copy, calm.kept, lies))
    still, moving = hashes(48, seed=0), hashes(48, seed=1)
    still.hashes[:] = still.hashes[0]
    for released, is_told in ((still, False), (moving, True)):
        cut = np.concatenate([released.hashes[:22], released.hashes[38:]])
        query = Fingerprint(ALGORITHM, cut, released.quality[: len(cut)], 4.0)
        found = compared_sound(copy, calm.kept, lies, fits=placed_as_well(query, released, lies))
        assert ("removed" in told(found)) is is_told


def hashes(count: int, seed: int) -> Fingerprint:
    """A fingerprint of pictures that have nothing in common."""
    bits = np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)
    return Fingerprint(ALGORITHM, bits, np.full(count, 90, np.uint8), count / 8)


def test_beside_foreign_pictures_nothing_is_told(studio: Studio) -> None:
    """Where the pictures are not the release's, nobody can say which sound belongs there."""
    changed = spliced(studio.sound, music(SECONDS, 14), 2.0, 4.0)
    pieces = (Stretch(0.0, 2.0, 0, 0.0, 0.9), Stretch(2.0, 4.0, None), Stretch(4.0, 6.0, 0, 4.0, 0.9))
    assert told(compared_sound(studio.copy(changed), studio.kept, pieces)) == ["same", "unclear", "same"]


def test_sound_under_a_silent_release_was_added(studio: Studio) -> None:
    """A release without a track, or with a silent one, and a copy that sounds."""
    silent = SoundFingerprint(np.zeros(250, np.uint32), np.full(250, -128, np.int16))
    for release in (None, silent):
        found = compared_sound(studio.copy(music(SECONDS, 15)), release, WHOLE)
        assert told(found) == ["added"]
        assert sound_edits_of(sound_changes_of(found)) == ("sound added, where the release had none, throughout",)
        assert not found.is_replaced
        assert told(compared_sound(None, release, WHOLE)) == ["same"]


def test_words_put_into_a_pause_were_added(video: Path, tmp_path: Path) -> None:
    """Where the release is quiet there is nothing to replace."""
    release = np.concatenate([speech(3.0, 16), np.zeros(round(3 * RATE_HZ), np.float32)])
    quiet = Studio(video, tmp_path, release)
    found = quiet.compared(np.concatenate([quiet.sound[: 3 * RATE_HZ], speech(3.0, 17)]))
    assert told(found) == ["same", "added"]
    assert told(quiet.compared(quiet.sound)) == ["same", "unclear"]


def test_music_under_a_voice_leaves_the_voice_the_releases(studio: Studio) -> None:
    """Six decibels below, other sound is told where the voice pauses at most: two of six seconds, no more."""
    under = 0.5 * music(SECONDS, 18) * float(studio.sound.std() / music(SECONDS, 18).std())
    found = studio.compared(np.clip(studio.sound + under, -1, 1))
    assert sum(one.length_s for one in found.stretches if one.state == "same") > 4.0
    assert (found.error_rate or 1.0) < 0.35


def test_of_a_damaged_track_silence_says_nothing(studio: Studio) -> None:
    """What could not be decoded was not removed, as far as anybody can tell; and the comparison says so."""
    hole = studio.copy(spliced(studio.sound, np.zeros_like(studio.sound), 2.0, 5.0))
    assert "removed" in told(compared_sound(hole, studio.kept, WHOLE))
    found = compared_sound(hole, studio.kept, WHOLE, is_damaged=True)
    assert "removed" not in told(found)
    assert "could not be decoded" in found.note


def test_only_what_was_read_is_compared(studio: Studio) -> None:
    """Of a track that was read in part, the rest is not called silent."""
    part = studio.copy(studio.sound[: 3 * RATE_HZ])
    found = compared_sound(part, studio.kept, WHOLE, is_cut=True)
    assert told(found) == ["same"]
    assert found.stretches[-1].end_s == pytest.approx(3.0, abs=0.1)


def test_a_steady_noise_is_still_itself(video: Path, tmp_path: Path) -> None:
    """A street's noise, in which nothing stands out, is told from another street's."""
    outside = Studio(video, tmp_path, street(SECONDS, 19))
    assert told(outside.compared(outside.sound)) == ["same"]
    assert told(outside.compared(street(SECONDS, 20))) == ["replaced"]


def test_p_values_fall_with_bits_and_grow_with_looks() -> None:
    """Half of the bits apart say nothing; fewer say more the more were compared, less the more was looked at."""
    assert p_value_of(0.5, 4_000) > 0.5
    assert p_value_of(0.2, 0) == 1.0
    assert p_value_of(0.3, 4_000) < p_value_of(0.3, 1_000) < p_value_of(0.3, 1_000, looks=100)
    assert p_value_of(0.0, 10**9) > 0.0


@patient
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 300),
    kept=st.integers(0, 300),
    cuts=st.lists(st.tuples(st.floats(0, 4), st.floats(0, 9), st.booleans()), max_size=4),
)
def test_whatever_is_compared_the_stretches_have_no_gaps(
    seed: int, count: int, kept: int, cuts: list[tuple[float, float, bool]]
) -> None:
    """Any bits and levels along any pieces of pictures: stretches in order, end to end, each with a length."""
    rng = np.random.default_rng(seed)
    prints = [
        SoundFingerprint(rng.integers(0, 2**32, n, dtype=np.uint32), rng.integers(-128, 1, n).astype(np.int16))
        for n in (count, kept)
    ]
    pieces, at = [], 0.0
    for length, reference, is_foreign in cuts:
        pieces.append(Stretch(at, at + length, None if is_foreign else 0, reference, 0.9))
        at += length
    found = compared_sound(prints[0], prints[1], pieces)
    ends = [0.0, *(one.end_s for one in found.stretches)]
    assert [one.start_s for one in found.stretches] == pytest.approx(ends[:-1])
    assert all(one.length_s > 0 for one in found.stretches)
    assert ends[-1] == pytest.approx(at, abs=INSTANT_S)


# ---- hostile files --------------------------------------------------------------------------------------------


def test_a_confined_child_reads_the_same_sound(video: Path, tmp_path: Path) -> None:
    """Sample for sample what is read here."""
    path = with_sound(video, speech(SECONDS, 21), tmp_path / "a.mp4")
    plain, confined = read_sound(path), read_sound_sandboxed(path)
    assert plain is not None
    assert confined is not None
    assert np.array_equal(plain.samples, confined.samples)
    assert read_sound_sandboxed(video) is None


def test_a_confined_child_stops_at_the_limit(video: Path, tmp_path: Path) -> None:
    """No more samples than asked for come back, and it says that there were more."""
    path = with_sound(video, speech(SECONDS, 22), tmp_path / "a.mp4")
    confined = read_sound_sandboxed(path, max_s=2.0)
    assert confined is not None
    assert len(confined.samples) == 2 * SOUND_RATE_HZ
    assert confined.is_cut


def test_what_the_child_cannot_read_is_a_named_fault(tmp_path: Path) -> None:
    """Junk, nothing there, too little time: errors of our own, with a code."""
    (tmp_path / "junk.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(4_000))
    with pytest.raises(UnreadableInput):
        read_sound_sandboxed(tmp_path / "junk.mp4")
    with pytest.raises(MissingInput):
        read_sound_sandboxed(tmp_path / "none.mp4")
    with pytest.raises(UnreadableInput) as caught:
        read_sound_sandboxed(tmp_path / "junk.mp4", SandboxLimits(wall_s=0.001))
    assert caught.value.code == "decoder_timeout"
