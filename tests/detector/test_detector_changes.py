"""What was done to a copy: its stretches in time, its place on the release, the places that differ."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clip import RGB, Clip
from detector.boundaries import sharpened
from detector.differences import differences_of
from detector.edits import changes_of, edits_of
from detector.findings import ReleasedPart
from detector.inspection import Inspection, inspect
from detector.matching import Stretch, stretches_of
from detector.pictures import Pictures
from detector.recovery import KeptCredentials, Recovery
from detector.reference import MAX_PICTURES, read_reference, reference_of
from detector.registration import Pair, candidates_of, register
from detector.timeline import regions_of, timeline_of, timeline_of_joined
from detector.watching import WatchedClip
from provenance.fingerprint import ALGORITHM, SAMPLES_PER_S, fingerprint_clip, similarity
from provenance.records import Fingerprint
from provenance.repository import MemoryManifestRepository
from provenance.trust import TrustStore
from watermark.extraction import MarkedPart
from watermark.payload import Payload

RELEASED = {"width_px": 192, "height_px": 128, "duration_s": 4.0}
patient = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def hashes(count: int, seed: int) -> Fingerprint:
    """A fingerprint of pictures that have nothing in common."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 256, (count, 32), dtype=np.uint8)
    return Fingerprint(ALGORITHM, bits, np.full(count, 90, np.uint8), count / SAMPLES_PER_S)


def joined(*pieces: Fingerprint | tuple[Fingerprint, int, int], noise_bits: int = 12, seed: int = 5) -> Fingerprint:
    """Pieces of fingerprints in a row, some bits of each sample flipped as an encoder would."""
    rows = []
    for piece in pieces:
        one, start, end = piece if isinstance(piece, tuple) else (piece, 0, len(piece.hashes))
        rows.append(one.hashes[start:end])
    bits = np.unpackbits(np.concatenate(rows), axis=1)
    rng = np.random.default_rng(seed)
    for row in bits:
        row[rng.choice(256, noise_bits, replace=False)] ^= 1
    packed = np.packbits(bits, axis=1)
    return Fingerprint(ALGORITHM, packed, np.full(len(packed), 90, np.uint8), len(packed) / SAMPLES_PER_S)


ONE, OTHER, ALIEN = hashes(64, 1), hashes(64, 2), hashes(64, 3)


def told(query: Fingerprint, *references: Fingerprint) -> list[tuple[float, float, int | None, float]]:
    return [(one.start_s, one.end_s, one.release, one.reference_s) for one in stretches_of(query, references)]


def test_an_untouched_copy_is_one_stretch() -> None:
    """The whole clip follows the release from its start."""
    assert told(joined(ONE), ONE) == [(0.0, 8.0, 0, 0.0)]


def test_a_clip_of_other_pictures_is_foreign_throughout() -> None:
    """Unrelated pictures are nobody's."""
    assert [one.release for one in stretches_of(ALIEN, [ONE])] == [None]


@patient
@given(start=st.integers(0, 30), length=st.integers(12, 34), noise=st.integers(0, 40))
def test_a_trim_is_found_where_it_is(start: int, length: int, noise: int) -> None:
    """Whatever part is left, the stretch says which, to the sample."""
    copy = joined((ONE, start, start + length), noise_bits=noise)
    assert told(copy, ONE) == [(0.0, length / 8, 0, start / 8)]


@patient
@given(at=st.integers(8, 40), length=st.integers(4, 20), noise=st.integers(0, 30))
def test_foreign_pictures_of_half_a_second_are_found_to_the_sample(at: int, length: int, noise: int) -> None:
    """Put in or put in place of: the stretch has the right ends, and what follows the right place."""
    for after in (at, min(at + length, 56)):
        copy = joined((ONE, 0, at), (ALIEN, 0, length), (ONE, after, 64), noise_bits=noise)
        assert told(copy, ONE) == [
            (0.0, at / 8, 0, 0.0),
            (at / 8, (at + length) / 8, None, 0.0),
            ((at + length) / 8, (at + length + 64 - after) / 8, 0, after / 8),
        ]


def test_a_splice_of_two_releases_names_both() -> None:
    """Each stretch leads to its own release, and the cut lies between them."""
    copy = joined((ONE, 8, 32), (OTHER, 20, 50))
    assert told(copy, ONE, OTHER) == [(0.0, 3.0, 0, 1.0), (3.0, 6.75, 1, 2.5)]


def named(copy: Fingerprint) -> list[str]:
    inspection = Inspection(stretches_of(copy, [ONE]))
    return [one["kind"] for one in changes_of(inspection, {"duration_s": 8.0})]


def test_changes_in_time_have_names() -> None:
    """Cut out, moved, repeated, put in, replaced, trimmed: each has its name, and a plain copy has none."""
    assert named(joined(ONE)) == []
    assert named(joined((ONE, 0, 24), (ONE, 40, 64))) == ["cut_out"]
    assert named(joined((ONE, 32, 64), (ONE, 0, 32))) == ["moved"]
    assert named(joined((ONE, 0, 40), (ONE, 32, 64))) == ["repeated"]
    assert named(joined((ONE, 0, 24), (ALIEN, 0, 8), (ONE, 24, 64))) == ["inserted"]
    assert named(joined((ONE, 0, 24), (ALIEN, 0, 8), (ONE, 32, 64))) == ["replaced_time"]
    assert named(joined((ONE, 8, 64))) == ["trimmed"]


def test_a_trim_is_told_with_its_seconds() -> None:
    """The words name what is left of the release."""
    inspection = Inspection(stretches_of(joined((ONE, 8, 40)), [ONE]))
    said = edits_of({"duration_s": 4.0}, {"duration_s": 8.0}, None, None, inspection=inspection)
    assert said[0] == "trimmed: 1.0-5.0 s of 8.0 s"


# ---- pictures -------------------------------------------------------------------------------------------------


def scene(frames: int = 48, seed: int = 1, height: int = 128, width: int = 192) -> RGB:
    """A textured ground sliding by, at 12 frames a second."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 255, (height + frames, width + 2 * frames, 3), dtype=np.uint8)
    ground = cv2.addWeighted(cv2.GaussianBlur(noise, (0, 0), 7), 0.75, cv2.GaussianBlur(noise, (0, 0), 2), 0.25, 0)
    ground = cv2.normalize(ground, None, 10, 245, cv2.NORM_MINMAX)
    return np.stack([ground[i : i + height, 2 * i : 2 * i + width] for i in range(frames)])


def coarse(frames: RGB) -> RGB:
    """What a coarse encoder leaves: blocks of 4 and their rounding."""
    rng = np.random.default_rng(8)
    soft = np.stack([cv2.GaussianBlur(frame, (0, 0), 0.9) for frame in frames]).astype(np.int16)
    return np.clip(soft + rng.integers(-4, 5, soft.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def released() -> Clip:
    return Clip.from_array(scene(), 12)


def inspected(released: Clip, frames: RGB) -> Inspection:
    copy = Clip.from_array(np.ascontiguousarray(frames), 12)
    query, kept = fingerprint_clip(copy), fingerprint_clip(released)
    reference = read_reference(reference_of(released))
    return inspect(copy, query, kept, similarity(query, kept), reference, None, (192, 128))


def test_a_plain_copy_has_no_differences(released: Clip) -> None:
    """A coarse, brighter copy agrees place by place, lies where it lay, and nothing is called changed."""
    brighter = np.clip(coarse(scene()) * 1.15 + 6, 0, 255).astype(np.uint8)
    found = inspected(released, brighter)
    assert found.agrees
    assert found.regions == ()
    assert found.placed is not None
    assert found.placed.scale == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("gain", "offset"), [(1.35, 20), (0.6, -10)])
def test_a_copy_that_lost_highlights_or_shadows_is_not_altered(released: Clip, gain: float, offset: float) -> None:
    """Levels pushed past white or black differ from the release, but not in what they show."""
    pushed = np.clip(coarse(scene()) * gain + offset, 0, 255).astype(np.uint8)
    assert inspected(released, pushed).regions == ()


@pytest.mark.parametrize("share", [0.06, 0.2])
def test_a_replaced_region_is_outlined(released: Clip, share: float) -> None:
    """A pasted part of 6 % and more is found, called replaced, and outlined with an IoU of .6 and more."""
    frames = coarse(scene())
    height, width = (round(side * share**0.5) for side in frames.shape[1:3])
    inside = np.s_[:, 30 : 30 + height, 50 : 50 + width]
    frames[inside] = scene(seed=9)[inside][::-1]
    found = inspected(released, frames)
    assert found.agrees
    assert [one.kind for one in found.regions] == ["replaced"]
    truth = np.zeros(frames.shape[1:3], np.bool_)
    truth[inside[1:]] = True
    assert found.differences is not None
    seen = np.mean([mask for _, mask in found.differences.masks], axis=0) >= 0.5
    assert (seen & truth).sum() / (seen | truth).sum() >= 0.6


def test_a_caption_is_no_replaced_region(released: Clip) -> None:
    """A bar with text along the bottom is told as that."""
    frames = coarse(scene())
    frames[:, 106:122, 16:176] = 0
    for frame in frames:
        cv2.putText(frame, "BREAKING NEWS", (22, 119), 0, 0.5, (255, 255, 255), 1)
    found = inspected(released, frames)
    assert [one.kind for one in found.regions] == ["caption"]
    assert not found.has_replaced_region


def test_a_crop_is_placed_by_its_pictures(released: Clip) -> None:
    """Without a mark, local features tell which part of the picture is left."""
    found = inspected(released, coarse(scene())[:, 10:118, 16:176])
    assert found.placed is not None
    said = edits_of({"width_px": 160, "height_px": 108, "duration_s": 4.0}, RELEASED, None, None, inspection=found)
    assert any(one.startswith("cropped to about 7") for one in said)


def test_other_pictures_do_not_agree(released: Clip) -> None:
    """Another scene never agrees, wherever it is laid."""
    found = inspected(released, scene(seed=30))
    assert not found.agrees
    assert found.regions == ()


def test_cuts_are_moved_to_the_frame(released: Clip) -> None:
    """An end known to an eighth of a second moves to the frame where the picture jumps."""
    frames = np.concatenate([scene()[:20], scene(seed=9)[:20]])
    clip = Clip.from_array(frames, 24)
    rough = (Stretch(0.0, 0.75, 0), Stretch(0.75, 40 / 24, None))
    found = sharpened(clip, rough)
    assert found[0].end_s == found[1].start_s == pytest.approx(20 / 24)


def test_a_reference_comes_back(released: Clip) -> None:
    """What was kept is read back: two small pictures a second, at most 256, deterministic."""
    kept = reference_of(released)
    assert kept == reference_of(released)
    reference = read_reference(kept)
    assert reference.times_s == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5])
    assert reference.pictures.shape == (8, 128, 192, 3)
    assert np.abs(reference.pictures[0].astype(int) - scene()[0]).mean() < 6
    long = Clip.from_array(np.repeat(scene(1, height=16, width=16), 700, 0), 2)
    assert len(read_reference(reference_of(long)).times_s) <= MAX_PICTURES


@pytest.mark.parametrize(
    "content", [b"", b"RPREF1\n", b"RPREF1\n\xff\xff\xff\xff", b"RPREF1\n\x02\x00\x00\x00{}", b"x" * 99]
)
def test_what_is_no_reference_is_refused(content: bytes) -> None:
    """Damaged bytes are a ValueError, never a picture."""
    with pytest.raises(ValueError, match="reference"):
        read_reference(content)


def test_a_reference_with_a_changed_picture_is_refused_or_read(released: Clip) -> None:
    """A cut-off store is refused."""
    with pytest.raises(ValueError, match="reference"):
        read_reference(reference_of(released)[:-4000])


def test_one_lone_difference_is_not_told() -> None:
    """A difference in one picture only is a misplaced frame, not an edit."""
    pictures = coarse(scene(6))
    pairs = []
    for number, picture in enumerate(pictures):
        copy = picture.copy()
        if number == 3:
            copy[20:80, 40:120] = 255 - copy[20:80, 40:120]
        pairs.append(Pair(number / 2, number / 2, picture, copy, np.ones(picture.shape[:2], np.bool_)))
    found = differences_of(pairs)
    assert found is not None
    assert found.regions == ()
    assert differences_of(pairs[:1]) is None


@pytest.mark.parametrize("is_pasted", [False, True])
def test_a_copy_without_colours_differs_only_where_it_does(is_pasted: bool) -> None:
    """What is colourful in the release is no difference in a grey copy, a paste is one."""
    grey = np.random.default_rng(4).integers(0, 256, (6, 8, 1), dtype=np.uint8)
    blocks = np.kron(np.repeat(grey, 3, axis=2), np.ones((20, 20, 1), np.uint8))
    blocks[10:70, 80:150] = (230, 30, 60)
    pairs = []
    for number in range(6):
        picture = np.roll(blocks, 4 * number, axis=1)
        copy = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if is_pasted:
            copy[30:90, 40:110] = 255 - copy[30:90, 40:110]
        pairs.append(Pair(number / 2, number / 2, picture, copy, np.ones(picture.shape[:2], np.bool_)))
    found = differences_of(pairs)
    assert found is not None
    assert [one.kind for one in found.regions] == (["replaced"] if is_pasted else [])


def test_candidates_stand_in_order(released: Clip) -> None:
    """Each picture of the release gets the copy's frames near the time at which the copy shows it."""
    copy = Clip.from_array(scene()[12:], 12)
    reference = read_reference(reference_of(released))
    found = candidates_of(copy, reference, [Stretch(0.0, 3.0, 0, 1.0)], 0)
    assert [one.reference_s for one in found] == pytest.approx([1, 1.5, 2, 2.5, 3, 3.5])
    assert [one.copy_s for one in found] == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5])
    placed = register(found, (192, 128), None)
    assert placed is not None
    assert placed.fit > 0.95


def joined_pictures(make: Any, starts: tuple[float, float]) -> tuple[Recovery, Pictures]:
    """A clip of two seconds of one release and two of another, as the pixel mark tells it, and a repository."""
    repository = MemoryManifestRepository()
    for seed, content_id in ((1, 7), (9, 9)):
        whole = Clip.from_array(scene(seed=seed), 12)
        stored = make.release(f"urn:c2pa:{content_id}", content_id)
        repository.put(replace(stored, sha256=f"{content_id:064x}", fingerprint=fingerprint_clip(whole)))
    clip = Clip.from_array(np.concatenate([scene()[:24], scene(seed=9)[10:34]]), 12)
    parts = (
        MarkedPart(0.0, starts[0], Payload(1, 7), 1e-20),
        MarkedPart(starts[1], 4.0, Payload(1, 9), 1e-20),
    )
    reading = make.mark(parts=parts)
    pictures = Pictures(pixel=reading, fingerprint=fingerprint_clip(clip), clip=WatchedClip(clip, 10**9))
    return Recovery(repository, KeptCredentials(TrustStore.default(), datetime.now(UTC))), pictures


def test_a_joined_clip_names_both_releases_and_the_cut(make: Any) -> None:
    """Where two marks follow each other, the pictures place the cut to the frame."""
    recovery, pictures = joined_pictures(make, (1.5, 2.5))
    first, second = recovery.parts_of(pictures)
    assert (first.manifest_id, second.manifest_id) == ("urn:c2pa:7", "urn:c2pa:9")
    assert first.end_s == second.start_s == pytest.approx(2.0, abs=0.01)


def test_a_joined_clip_without_records_keeps_the_mark_s_own_times(make: Any) -> None:
    """Without the releases the cut is known to the mark's half second only."""
    recovery, pictures = joined_pictures(make, (1.5, 2.5))
    first, second = replace(recovery, repository=MemoryManifestRepository()).parts_of(pictures)
    assert (first.manifest_id, first.end_s, second.start_s) == (None, 1.5, 2.5)


def test_where_another_mark_of_ours_stands_nothing_is_foreign() -> None:
    """Of a joined clip the other part is marked too; foreign pictures under the first mark stay foreign."""
    parts = (ReleasedPart(0.0, 2.0, "aa"), ReleasedPart(2.0, 4.0, "bb"))
    states = ("marked", "foreign", "foreign", "unmarked")
    of_one = [
        {"start_s": float(i), "end_s": i + 1.0, "state": state, "p_value": 0.5} for i, state in enumerate(states)
    ]
    found = timeline_of_joined(parts, of_one, "aa")
    assert [one["state"] for one in found] == ["marked", "foreign", "marked", "marked"]
    assert [one["p_value"] for one in found] == [0.5, 0.5, None, None]
    assert timeline_of_joined((), of_one, "aa") == tuple(of_one)


def test_two_marks_at_once_are_no_join(make: Any) -> None:
    """Sealing a marked clip leaves both marks over all of it: nothing was joined."""
    recovery, pictures = joined_pictures(make, (4.0, 0.0))
    assert recovery.parts_of(pictures) == ()


def test_the_timeline_follows_the_pictures(make: Any) -> None:
    """Where the mark was never found, the pictures alone tell released from foreign, with the cut's own seconds."""
    stretches = (Stretch(0.0, 1.2, 0, 0.0, 0.9), Stretch(1.2, 1.9, None), Stretch(1.9, 4.0, 0, 1.9, 0.9))
    match = make.match(inspection=Inspection(stretches))
    assert [(one["start_s"], one["state"]) for one in timeline_of(None, match)] == [
        (0.0, "alike"),
        (1.2, "foreign"),
        (1.9, "alike"),
    ]
    segments = tuple(make.segment(i / 2, i / 2 + 0.5, 14.0, 1e-40) for i in range(8))
    marked = make.mark(segments=segments).extraction
    assert {one["state"] for one in timeline_of(marked, match)} <= {"marked", "unclear"}


def test_regions_show_what_changed(make: Any) -> None:
    """The map of differences stands in the verdict with its parts, and only where the pictures agree at all."""
    found = regions_of(None, make.match(inspection=make.inspection("replaced")))
    assert found is not None
    assert found["changed"]["parts"][0]["kind"] == "replaced"
    assert len(found["changed"]["share"]) == found["changed"]["rows"] == 9
    assert regions_of(None, make.match(0.05)) is None
