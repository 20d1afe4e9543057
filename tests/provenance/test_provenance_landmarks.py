"""Landmarks: what was cut out, turned, captioned or set into another picture is known; another take is not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clip import RGB, Clip
from core.video import open_clip, write_clip
from provenance import fingerprint as fp
from provenance import landmarks as landmarks_module
from provenance import placing
from provenance.blobs import FolderBlobStore
from provenance.database import open_engine, releases
from provenance.fingerprint import fingerprint_clip, similarity
from provenance.landmarks import Landmarks, features_of
from provenance.placing import have_nothing_in_common, placement_of
from provenance.records import Fingerprint, Release
from provenance.repository import ManifestRepository, MemoryManifestRepository, SqlManifestRepository

WIDTH, HEIGHT, COUNT = 288, 192, 24


def room(seed: int) -> RGB:
    """A room of coarse and fine patches, large enough to be looked at from several places."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for cells, share in ((4, 0.5), (12, 0.3), (48, 0.2)):
        patches = rng.integers(0, 256, (cells * 2 // 3 + 1, cells, 3)).astype(np.float32)
        picture += share * cv2.resize(patches, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.uint8)


def take(room_seed: int, path_seed: int) -> RGB:
    """What a camera that stands still sees: two patterned boxes go through the room, (F, H, W, 3)."""
    rng = np.random.default_rng(path_seed)
    boxes = [(rng.integers(20, 120, 2), rng.integers(-4, 5, 2), room(path_seed + k)[:60, :60]) for k in (1, 2)]
    frames = np.repeat(room(room_seed)[None], COUNT, axis=0)
    for i in range(COUNT):
        for start, step, pattern in boxes:
            y = int(np.clip(start[1] + step[1] * i + 20 * np.sin(i / 3 + path_seed), 0, HEIGHT - 60))
            x = int(np.clip(start[0] + step[0] * i, 0, WIDTH - 60))
            frames[i, y : y + 60, x : x + 60] = pattern
    return frames


def clip_of(frames: RGB) -> Clip:
    return Clip.from_array(np.ascontiguousarray(frames), Fraction(12))


def turned(frames: RGB) -> RGB:
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 10, 1.0)
    return np.stack([cv2.warpAffine(one, matrix, (WIDTH, HEIGHT)) for one in frames])


def captioned(frames: RGB) -> RGB:
    out = frames.copy()
    out[:, -48:] = 0
    for one in out:
        cv2.putText(one, "LIVE FROM HERE", (8, HEIGHT - 16), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255, 255, 255), 2)
    return out


def inserted(frames: RGB) -> RGB:
    out = take(900, 901)[: len(frames)]
    small = np.stack([cv2.resize(one, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA) for one in frames])
    out[:, 10 : 10 + HEIGHT // 2, 120 : 120 + WIDTH // 2] = small
    return out


COPIES: dict[str, Callable[[RGB], RGB]] = {
    "a window of .55 of each side": lambda frames: frames[:, 60 : 60 + 106, 90 : 90 + 158],
    "a window, mirrored": lambda frames: frames[:, 20:160, 30:230, :][:, :, ::-1],
    "turned by ten degrees": turned,
    "a caption over a quarter": captioned,
    "in the corner of another clip": inserted,
    "an upright window": lambda frames: frames[:, :, 80:190],
    "a late window": lambda frames: frames[6:, 30:, 40:],
}


@pytest.fixture(scope="module")
def original() -> Fingerprint:
    return fingerprint_clip(clip_of(take(1, 2)))


def kept(one: Fingerprint) -> Fingerprint:
    assert one.landmarks is not None
    return one.with_landmarks(Landmarks.from_bytes(one.landmarks.to_bytes()))


@pytest.mark.parametrize("name", COPIES)
def test_what_the_hashes_lose_is_found(tmp_path: Path, original: Fingerprint, name: str) -> None:
    """Cut out, turned, captioned, inserted, and encoded at CRF 28; the release's side as a repository keeps it."""
    write_clip(clip_of(COPIES[name](take(1, 2))), tmp_path / "copy.mp4", crf=28, preset="veryfast")
    copy = fingerprint_clip(open_clip(tmp_path / "copy.mp4"))
    assert not similarity(copy.with_landmarks(None), original).agrees
    found = similarity(copy, kept(original))
    assert found.agrees
    assert found.score > 0.8
    assert found.is_mirrored == ("mirrored" in name)
    assert found.offset_s == pytest.approx(0.5 if "late" in name else 0.0, abs=0.13)
    assert found.placement is not None


@pytest.mark.parametrize(("tall", "wide"), [(40, 60), (60, 90), (70, 105), (85, 130), (96, 144)])
def test_a_picture_laid_over_a_part_takes_no_likeness_away(original: Fingerprint, tall: int, wide: int) -> None:
    """4 to 25 % of the picture are another clip's: the hash of the whole drifts off, landmarks beside it don't."""
    frames, other = take(1, 2).copy(), take(900, 901)
    inside = np.s_[:, 50 : 50 + tall, 80 : 80 + wide]
    frames[inside] = other[inside]
    copy = fingerprint_clip(clip_of(frames))
    found = similarity(copy, kept(original))
    assert found.agrees
    assert found.score >= fp.CLOSE_SCORE
    assert found.score >= similarity(copy.with_landmarks(None), original).score


def test_a_bar_with_bright_letters_over_a_dull_scene_hides_no_copy() -> None:
    """The caption has more contrast than all the rest: the fit of brightness must not follow it."""
    dull = np.clip(take(1, 2) * 0.3 + 60, 0, 255).astype(np.uint8)
    found = similarity(fingerprint_clip(clip_of(captioned(dull))), kept(fingerprint_clip(clip_of(dull))))
    assert found.agrees
    assert found.score > 0.9


def test_a_copy_of_which_half_was_replaced_is_known_by_the_other_half(original: Fingerprint) -> None:
    """A second out of the middle of two is another clip's; what is left shows the release and moves like it."""
    frames = take(1, 2).copy()
    frames[6:18] = take(900, 901)[6:18]
    found = similarity(fingerprint_clip(clip_of(frames)), kept(original))
    assert found.placement is not None
    assert found.placement.agrees_in_part
    assert found.agrees
    assert found.score > 0.9


def test_half_of_another_take_in_the_same_room_is_no_copy(original: Fingerprint) -> None:
    """The walls match in every feature all along; what moves does not, whatever half is looked at."""
    frames = take(1, 77).copy()
    frames[6:18] = take(900, 901)[6:18]
    assert not similarity(fingerprint_clip(clip_of(frames)), kept(original)).agrees


def test_what_shares_nothing_is_told_from_what_can_not_be_told(original: Fingerprint) -> None:
    """Two rooms share no feature; a window of one does, turned or late; of a smooth picture nothing is claimed."""
    mine = kept(original).landmarks
    other, turned_one = fingerprint_clip(clip_of(take(900, 901))), fingerprint_clip(clip_of(turned(take(1, 2))))
    smooth = fingerprint_clip(clip_of(np.full((COUNT, HEIGHT, WIDTH, 3), 128, np.uint8)))
    assert mine is not None
    found = [
        one.landmarks is not None and have_nothing_in_common(one.landmarks, mine)
        for one in (other, turned_one, smooth)
    ]
    assert found == [True, False, False]


@pytest.mark.parametrize(("tall", "wide"), [(48, 72), (66, 100), (80, 120)])
def test_what_moves_wildly_over_a_part_hides_no_copy(original: Fingerprint, tall: int, wide: int) -> None:
    """A flickering picture over 6 to 17 %: the two no longer move alike as a whole, and beside it they do."""
    frames = take(1, 2).copy()
    flicker = np.random.default_rng(5).integers(0, 256, (COUNT, 3, 4, 3), np.uint8)
    for frame, one in zip(frames, flicker, strict=True):
        frame[40 : 40 + tall, 90 : 90 + wide] = cv2.resize(one, (wide, tall), interpolation=cv2.INTER_NEAREST)
    copy = fingerprint_clip(clip_of(frames))
    assert copy.landmarks is not None
    assert original.landmarks is not None
    placed = placement_of(copy.landmarks, original.landmarks.kept())
    assert placed is not None
    assert placed.motion is not None
    assert placed.motion < placing.AGREEING_MOTION
    assert placed.motion_beside is not None
    assert placed.motion_beside > 0.8
    assert placed.delay == 0
    assert similarity(copy, kept(original)).agrees


def test_the_placement_says_where_the_window_lay(original: Fingerprint) -> None:
    """A window's corner and size, in pixels of the release's canvas (480 on the long side)."""
    window = fingerprint_clip(clip_of(take(1, 2)[:, 60:160, 90:240]))
    assert window.landmarks is not None
    assert original.landmarks is not None
    found = placement_of(window.landmarks, original.landmarks.kept())
    assert found is not None
    scale = 480 / WIDTH
    corner = found.matrix @ [0, 0, 1]
    assert corner == pytest.approx([90 * scale, 60 * scale], abs=3)
    assert found.matrix[0, 0] == pytest.approx(150 / WIDTH, rel=0.03)
    assert found.covered == pytest.approx(150 * 100 / WIDTH / HEIGHT, abs=0.05)


@pytest.mark.parametrize("path", [3, 4])
def test_another_take_in_the_same_room_does_not_agree(original: Fingerprint, path: int) -> None:
    """Every feature of the walls matches; what moves, moves otherwise."""
    other = fingerprint_clip(clip_of(take(1, path)))
    found = similarity(other, kept(original))
    assert not found.agrees
    assert other.landmarks is not None
    assert original.landmarks is not None
    placed = placement_of(other.landmarks, original.landmarks.kept())
    assert placed is None or not placed.agrees


@pytest.mark.parametrize("path", range(5, 11))
def test_what_differs_is_not_left_out_until_another_take_agrees(original: Fingerprint, path: int) -> None:
    """Beside what differs between two takes of one room, what is left doesn't move alike either."""
    other = fingerprint_clip(clip_of(take(1, path)))
    assert other.landmarks is not None
    assert original.landmarks is not None
    placed = placement_of(other.landmarks, original.landmarks.kept())
    assert placed is not None
    assert not placed.agrees
    assert (placed.motion_beside or 0.0) < 0.5


@given(st.integers(100, 5000), st.integers(100, 5000))
@settings(max_examples=2, deadline=None)
def test_other_rooms_never_agree(original: Fingerprint, place: int, path: int) -> None:
    """Whatever moves in them, whole or cut out."""
    frames = take(place, path)
    for one in (frames, frames[:, 20:140, 30:220]):
        assert not similarity(fingerprint_clip(clip_of(one)), kept(original)).agrees


def test_a_clip_whose_times_begin_late_has_its_key_frames_in_their_place(original: Fingerprint) -> None:
    """Samples count from the first frame, as the fingerprint's do, and a gap of hours holds ten seconds."""
    clip = clip_of(take(1, 2))
    late = Clip(clip.info, lambda: (one._replace(time_s=one.time_s + 5) for one in clip.timed_frames()))
    landmarks = fingerprint_clip(late).landmarks
    assert landmarks is not None
    assert original.landmarks is not None
    assert (landmarks.keys == original.landmarks.keys).all()
    first = next(clip.timed_frames())
    gap = Clip(late.info, lambda: iter([first, first._replace(time_s=1e9), first._replace(time_s=3.0)]))
    landmarks = fingerprint_clip(gap).landmarks
    assert landmarks is not None
    assert landmarks.keys.max() <= 80


def test_what_is_kept_comes_back(original: Fingerprint) -> None:
    """Half of the key frames and small pictures; keeping twice is keeping once; the bytes are packed."""
    whole = original.landmarks
    assert whole is not None
    half = Landmarks.from_bytes(whole.to_bytes())
    assert half.to_bytes() == whole.to_bytes() == whole.kept().kept().to_bytes()
    assert (len(half.keys), len(half.small)) == ((len(whole.keys) + 1) // 2, (len(whole.small) + 1) // 2)
    assert np.abs(half.places - whole.kept().places).max() <= 1 / 64
    assert np.bincount(half.key_of).max() <= 200
    assert len(whole.to_bytes()) < 14_000 * original.duration_s + 2_000


def test_a_mirror_image_has_the_mirrored_landmarks(original: Fingerprint) -> None:
    """Descriptions are turned over by their bits alone: those of the flipped picture are among them."""
    grey = cv2.cvtColor(take(1, 2)[0], cv2.COLOR_RGB2GRAY)
    _, flipped = features_of(np.ascontiguousarray(grey[:, ::-1]))
    mine = fingerprint_clip(clip_of(take(1, 2)[:1])).landmarks
    assert mine is not None
    twice = mine.mirrored().mirrored()
    assert (twice.bits == mine.bits).all()
    assert np.allclose(twice.places, mine.places)
    places, straight = features_of(grey)
    one = replace(mine, bits=straight, places=places, key_of=np.zeros(len(places), np.int32)).mirrored()
    apart = np.unpackbits(one.bits[:200, None] ^ flipped[None], axis=2).sum(axis=2)
    assert np.mean(apart.min(axis=1) < 24) > 0.8


@pytest.mark.parametrize(
    "content", [b"", b"RPLM1\n", b"RPLM1\nxxxx", b"RPLM1\n" + b"x\x9c\x03\x00\x00\x00\x00\x01", b"JFIF"]
)
def test_other_bytes_are_refused(content: bytes) -> None:
    """With a reason, not with a traceback of numpy's."""
    with pytest.raises(ValueError, match="landmarks"):
        Landmarks.from_bytes(content)


def test_a_cut_off_value_is_refused(original: Fingerprint) -> None:
    """Whatever is missing."""
    assert original.landmarks is not None
    content = original.landmarks.to_bytes()
    for length in (20, 200, len(content) // 2):
        with pytest.raises(ValueError, match="landmarks"):
            Landmarks.from_bytes(content[:length])


def test_a_plain_clip_has_nothing_to_go_by() -> None:
    """No feature, no placement, no agreement."""
    plain = fingerprint_clip(clip_of(np.full((24, 64, 64, 3), 90, np.uint8)))
    assert plain.landmarks is not None
    assert len(plain.landmarks.bits) == 0
    assert not similarity(plain, plain).agrees


def test_a_still_needs_more_features(original: Fingerprint) -> None:
    """Nothing moves, so nothing tells takes apart: a whole still agrees with its window."""
    still = fingerprint_clip(clip_of(np.repeat(take(7, 8)[:1], 24, axis=0)))
    window = fingerprint_clip(clip_of(np.repeat(take(7, 8)[:1, 30:170, 40:240], 24, axis=0)))
    found = similarity(window, kept(still))
    assert found.agrees
    assert found.motion is None
    assert not similarity(window, kept(original)).agrees


def release(number: int, fingerprint: Fingerprint) -> Release:
    return Release(f"urn:c2pa:{number}", f"{number:064x}", b"store", (), fingerprint, "2026-11-21T00:00:00Z", {})


@pytest.fixture(params=["memory", "sqlite"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> ManifestRepository:
    if request.param == "memory":
        return MemoryManifestRepository()
    return SqlManifestRepository(f"sqlite:///{tmp_path}/r.db", FolderBlobStore(tmp_path / "blobs"))


def test_a_window_finds_its_release(repository: ManifestRepository, original: Fingerprint) -> None:
    """Among others, one of them in the same room, by its looks alone."""
    repository.put(release(1, original))
    for number in (2, 3):
        repository.put(release(number, fingerprint_clip(clip_of(take(1 if number == 2 else number, number + 20)))))
    window = fingerprint_clip(clip_of(take(1, 2)[:, 60:160, 90:240]))
    assert [one.manifest_id for one, _ in repository.find_by_fingerprint(window)] == ["urn:c2pa:1"]
    assert repository.find_by_fingerprint(window.with_landmarks(None)) == []


def test_releases_without_landmarks_are_found_by_their_hashes(
    repository: ManifestRepository, original: Fingerprint
) -> None:
    """What was put before landmarks were kept stays readable and searchable."""
    repository.put(release(1, original.with_landmarks(None)))
    assert len(repository.find_by_fingerprint(original)) == 1
    window = fingerprint_clip(clip_of(take(1, 2)[:, 60:160, 90:240]))
    assert repository.find_by_fingerprint(window) == []
    held = repository.get("urn:c2pa:1")
    assert held is not None
    assert held.fingerprint.landmarks is None


def test_erasing_a_release_erases_its_landmarks(repository: ManifestRepository, original: Fingerprint) -> None:
    """Small pictures of the clip among them; a clip released twice keeps them for the other release."""
    repository.put(release(1, original))
    repository.put(release(2, original))
    window = fingerprint_clip(clip_of(take(1, 2)[:, 60:160, 90:240]))
    repository.erase("urn:c2pa:1", datetime.now(UTC))
    assert [one.manifest_id for one, _ in repository.find_by_fingerprint(window)] == ["urn:c2pa:2"]
    repository.erase("urn:c2pa:2", datetime.now(UTC))
    assert repository.find_by_fingerprint(window) == []


def test_no_blob_of_an_erased_release_is_left(tmp_path: Path, original: Fingerprint) -> None:
    """Neither file nor row holds them."""
    opened = SqlManifestRepository(f"sqlite:///{tmp_path}/r.db", FolderBlobStore(tmp_path / "blobs"))
    opened.put(release(1, original))
    assert sum(one.is_file() for one in (tmp_path / "blobs").rglob("*")) == 2
    opened.erase("urn:c2pa:1", datetime.now(UTC))
    assert not any(one.is_file() for one in (tmp_path / "blobs").rglob("*"))
    with open_engine(f"sqlite:///{tmp_path}/r.db").begin() as connection:
        assert connection.execute(sa.select(releases.c.landmark_features)).scalar_one() is None


def test_a_database_of_before_is_migrated(tmp_path: Path, original: Fingerprint) -> None:
    """A release written under version 2 of the schema is read, found, and keeps its digest."""
    url = f"sqlite:///{tmp_path}/r.db"
    blobs = FolderBlobStore(tmp_path / "blobs")
    SqlManifestRepository(url, blobs).put(release(1, original.with_landmarks(None)))
    with open_engine(url).begin() as connection:
        for column in ("landmarks_sha256", "landmark_features"):
            connection.execute(sa.text(f"ALTER TABLE provenance_release DROP COLUMN {column}"))
        connection.execute(sa.text("UPDATE provenance_version SET version_num = '0002'"))
    opened = SqlManifestRepository(url, blobs)
    assert opened.get("urn:c2pa:1") is not None
    assert len(opened.find_by_fingerprint(original)) == 1
    opened.put(release(1, original))  # the same release: landmarks are no part of what it is
    assert opened.count() == 1


def test_lost_landmarks_leave_the_release_readable(tmp_path: Path, original: Fingerprint) -> None:
    """They only refine the search: a blob that is gone takes no credential away."""
    opened = SqlManifestRepository(f"sqlite:///{tmp_path}/r.db", FolderBlobStore(tmp_path / "blobs"))
    opened.put(release(1, original))
    assert original.landmarks is not None
    opened._blobs.erase(opened._blobs.put(original.landmarks.kept().to_bytes()))
    held = opened.get("urn:c2pa:1")
    assert held is not None
    assert held.fingerprint.landmarks is None
    assert len(opened.find_by_fingerprint(original)) == 1


def test_the_names_say_what_they_are() -> None:
    """Landmarks are no part of the fingerprint's value: its name and bytes stay as they were."""
    assert fp.ALGORITHM == "org.reelproof.fp.dct256-8hz.1"
    clip = clip_of(take(1, 2))
    assert fingerprint_clip(clip).to_bytes() == fingerprint_clip(clip).with_landmarks(None).to_bytes()


def test_landmarks_are_worked_out_when_they_are_first_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies that are known by their hashes cost no local features, and two looks cost one search."""
    looks: list[int] = []
    features = landmarks_module.features_of
    monkeypatch.setattr(landmarks_module, "features_of", lambda canvas: looks.append(1) or features(canvas))
    first, second = fingerprint_clip(clip_of(take(1, 2))), fingerprint_clip(clip_of(take(1, 2)))
    assert similarity(first, second).agrees
    assert not looks
    assert first.landmarks is first.landmarks
    assert first.landmarks is not None
    assert len(looks) == len(first.landmarks.keys)
