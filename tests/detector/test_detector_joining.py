"""Clips joined from several releases, told from the pictures alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clip import RGB, Clip
from detector.findings import Comparison
from detector.fusion import fuse
from detector.inspection import inspect
from detector.joining import MIN_SHOT_S, shown_in
from detector.shots import fingerprint_by_shots, shots_of
from detector.verdict import Conclusion
from provenance.fingerprint import fingerprint_clip, similarity
from provenance.repository import MemoryManifestRepository

FPS = 12


def scene(seed: int, frames: int = 48, height: int = 90, width: int = 160) -> RGB:
    """A textured field that drifts sideways, four seconds of it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 20, 3)).astype(np.uint8)
    field = np.kron(coarse, np.ones((height // 6, width * 2 // 20, 1), np.uint8))
    return np.stack([np.roll(field, i, axis=1)[:, :width] for i in range(frames)])


def kept(make: Any, *released: tuple[str, RGB]) -> MemoryManifestRepository:
    """A repository of releases without marks of their own value."""
    repository = MemoryManifestRepository()
    for number, (name, frames) in enumerate(released, 1):
        fingerprint = fingerprint_clip(Clip.from_array(frames, FPS))
        repository.put(replace(make.release(name, number), sha256=f"{number:064x}", fingerprint=fingerprint))
    return repository


def parts_of(frames: RGB, repository: MemoryManifestRepository) -> list[tuple[str | None, float, float]]:
    clip = Clip.from_array(frames, FPS)
    found = shown_in(clip, fingerprint_clip(clip), repository).parts
    assert all(one.found_by == "pictures" for one in found)
    return [(one.manifest_id, one.start_s, one.end_s) for one in found]


@settings(max_examples=4, deadline=None)
@given(st.integers(12, 36), st.integers(0, 11))
def test_two_releases_joined_are_named_with_the_cut(make: Any, cut: int, later: int) -> None:
    """A second or more of one release and of another: both are named, and the cut to the frame."""
    one, other = scene(1), scene(2)
    repository = kept(make, ("urn:c2pa:one", one), ("urn:c2pa:other", other))
    both = np.concatenate([one[:cut], other[later : later + 24]])
    first, second = parts_of(both, repository)
    assert (first[0], second[0]) == ("urn:c2pa:one", "urn:c2pa:other")
    assert first[2] == second[1] == pytest.approx(cut / FPS, abs=1e-3)


def test_black_bars_around_one_of_them_hide_nothing(make: Any) -> None:
    """Each shot is compared by itself, so that one with bars is not measured with the frame of the other."""
    one, other = scene(3), scene(4)
    barred = one.copy()
    barred[:, :, :20] = barred[:, :, -20:] = 0
    repository = kept(make, ("urn:c2pa:one", barred), ("urn:c2pa:other", other))
    found = parts_of(np.concatenate([barred[:24], other[:24]]), repository)
    assert [name for name, _, _ in found] == ["urn:c2pa:one", "urn:c2pa:other"]


def test_a_shot_with_bars_is_measured_in_its_own_frame() -> None:
    """Shot by shot the fingerprint is that of each clip by itself, on the same grid of eighths."""
    barred, other = scene(7), scene(8)
    barred[:, :, :20] = barred[:, :, -20:] = 0
    both = Clip.from_array(np.concatenate([barred[:24], other[:24]]), FPS)
    alone = fingerprint_by_shots(both, shots_of(both))
    assert alone is not None
    expected = [fingerprint_clip(Clip.from_array(one[:24], FPS)).hashes for one in (barred, other)]
    assert np.array_equal(alone.hashes, np.concatenate(expected))
    assert fingerprint_by_shots(Clip.from_array(other, FPS), [(0.0, 4.0)]) is None


@pytest.mark.parametrize("foreign_s", [0.5, 1.0])
def test_foreign_pictures_in_a_barred_clip_are_placed(foreign_s: float) -> None:
    """A clip with bars, half a second or a second of it replaced by pictures without: both are told."""
    barred, other = scene(9), scene(11)
    barred[:, :, :20] = barred[:, :, -20:] = 0
    first, count = 20, round(foreign_s * FPS)
    changed = np.concatenate([barred[:first], other[:count], barred[first + count :]])
    clip, release = Clip.from_array(changed, FPS), fingerprint_clip(Clip.from_array(barred, FPS))
    query = fingerprint_clip(clip)
    found = inspect(clip, query, release, similarity(query, release)).stretches
    assert [one.release for one in found] == [0, None, 0]
    assert (found[1].start_s, found[1].end_s) == pytest.approx((first / FPS, (first + count) / FPS), abs=0.01)


def test_a_shot_too_short_to_be_looked_up_goes_with_the_nearer_release(make: Any) -> None:
    """The second clip begins with four frames before a jump of its own: the cut is still where it begins."""
    one, other = scene(12), scene(13)
    jumping = np.concatenate([other[:4], other[24:48], other[4:24]])
    repository = kept(make, ("urn:c2pa:one", one), ("urn:c2pa:other", jumping))
    first, second = parts_of(np.concatenate([one[:24], jumping[:30]]), repository)
    assert first[2] == second[1] == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("case", ["one alone", "its own two ends", "with foreign footage", "a twin of it"])
def test_what_shows_one_release_is_not_joined(make: Any, case: str) -> None:
    """One release, cut or with footage that nobody released, or released twice: no second one is named."""
    one, foreign = scene(5), scene(6)
    releases = [("urn:c2pa:one", one)] + ([("urn:c2pa:twin", one)] if case == "a twin of it" else [])
    frames = {
        "one alone": one,
        "its own two ends": np.concatenate([one[:15], one[33:]]),
        "with foreign footage": np.concatenate([one[:24], foreign[:24]]),
        "a twin of it": np.concatenate([one[:15], one[33:]]),
    }[case]
    assert parts_of(frames, kept(make, *releases)) == []


def test_shots_shorter_than_three_quarters_of_a_second_are_left_out(make: Any) -> None:
    """Fewer samples than the fingerprint compares name nobody."""
    flicker = np.concatenate([scene(seed, 6) for seed in range(10, 18)])
    assert shots_of(Clip.from_array(flicker, FPS), MIN_SHOT_S) == []
    whole = np.concatenate([scene(20, 24), scene(21, 6), scene(22, 24)])
    shots = shots_of(Clip.from_array(whole, FPS), MIN_SHOT_S)
    assert shots == [pytest.approx((0.0, 2.0)), pytest.approx((2.5, 4.5))]
    assert all(end - start >= MIN_SHOT_S for start, end in shots)


def test_a_join_known_by_its_pictures_is_a_conflict_that_names_both(make: Any) -> None:
    """No credential is shown as the clip's own; the sentence names both clips and the stretch of each."""
    parts = make.parts_by_pictures()
    verdict = fuse(make.findings(parts=parts))
    assert verdict.conclusion is Conclusion.CONFLICT
    assert verdict.issuer is None
    assert "released here" in verdict.headline
    assert all(one.content_hex in verdict.explanation[0] for one in parts)


def test_a_trusted_editor_vouches_for_a_join(make: Any) -> None:
    """Whoever is trusted and signed the whole file says where it comes from."""
    findings = make.findings(manifest=make.credential(), parts=make.parts_by_pictures())
    assert fuse(findings).conclusion is Conclusion.VERIFIED


def test_a_match_with_foreign_stretches_does_not_show_it_all(make: Any) -> None:
    """What agrees in most places may still hold another clip: only a whole likeness ends the search for one."""
    whole = make.match()
    assert whole.comparison is Comparison.AGREES
    assert whole.shows_it_all
    assert not make.match(0.3).shows_it_all
    assert not make.match(0.5, inspection=make.inspection("replaced")).shows_it_all
    assert make.match(0.5, inspection=make.inspection("caption")).shows_it_all
