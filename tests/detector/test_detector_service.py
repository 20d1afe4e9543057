"""The service around the fusion: what is looked at, in which order, and what a bad file costs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import UnreadableInput
from core.video import open_clip
from detector.pictures import Pictures
from detector.sandbox.limits import MIB, SandboxLimits
from detector.sandbox.parent import MissingInput
from detector.service import Detector
from detector.verdict import Conclusion
from detector.watching import WatchedClip
from provenance.fingerprint import fingerprint_clip
from provenance.records import Release
from provenance.repository import MemoryManifestRepository
from provenance.trust import TrustStore

KEYS = {1: b"k" * 32}


@pytest.fixture
def detector(silent_reader: Any) -> Detector:
    return Detector(TrustStore.default(), MemoryManifestRepository(), silent_reader, KEYS)


def test_an_unmarked_clip_has_no_evidence_and_says_so(detector: Detector, small_mp4: Path) -> None:
    """A bare clip from anywhere: no evidence, in words that claim nothing, with the facts of the file."""
    told: list[float] = []
    verdict = detector.verify(small_mp4, progress=told.append)
    assert verdict.conclusion is Conclusion.NO_EVIDENCE
    assert verdict.file["width_px"] == 128
    assert verdict.file["codec"] == "h264"
    assert len(verdict.file["sha256"]) == 64
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)


def test_the_dear_search_runs_only_where_nothing_settled(
    detector: Detector, silent_reader: Any, small_mp4: Path
) -> None:
    """Cheap places first, cut-out copies after; frames that fit in memory are decoded once for all readers."""
    detector.verify(small_mp4)
    assert silent_reader.blind == [False, True]
    assert silent_reader.frames_seen == [24, 24]


@pytest.mark.parametrize(
    "content", [b"", b"no video", b"\x00\x00\x00\x18ftypisom" + b"\x07" * 4000], ids=["empty", "text", "garbled"]
)
def test_what_is_no_video_is_unreadable(detector: Detector, tmp_path: Path, content: bytes) -> None:
    """An empty file, a text and a garbled header end in a verdict with the reason, never in an error."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    verdict = detector.verify(path)
    assert verdict.conclusion is Conclusion.UNREADABLE
    assert "No picture could be decoded" in " ".join(verdict.explanation)
    assert all(not mark["found"] for mark in verdict.watermark.values())


@pytest.mark.slow
def test_a_bomb_is_unreadable(detector: Detector, bomb: Path) -> None:
    """A decompression bomb is named as one; what came before it was stopped is not studied."""
    small = SandboxLimits(expansion_free_bytes=100 * MIB, max_expansion=5_000)
    verdict = replace(detector, limits=small).verify(bomb)
    assert verdict.conclusion is Conclusion.UNREADABLE
    assert "more than its size allows" in " ".join(verdict.explanation) or "pixels" in " ".join(verdict.explanation)


def test_a_cut_off_clip_is_studied_as_far_as_it_goes(detector: Detector, small_mp4: Path, tmp_path: Path) -> None:
    """What decodes before the cut is looked at, and the limits say that it was not all."""
    content = small_mp4.read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(content[: len(content) * 2 // 3])
    verdict = detector.verify(path)
    assert verdict.conclusion is Conclusion.NO_EVIDENCE
    assert any("could be decoded and looked at" in line for line in verdict.limits)


def test_a_missing_file_is_an_error(detector: Detector, tmp_path: Path) -> None:
    """Only a file that isn't there raises."""
    with pytest.raises(MissingInput):
        detector.verify(tmp_path / "gone.mp4")


def test_a_file_over_the_limit_is_unreadable(detector: Detector, small_mp4: Path) -> None:
    """Too large is a verdict too, with the limit named."""
    verdict = replace(detector, limits=SandboxLimits(max_input_bytes=10)).verify(small_mp4)
    assert verdict.conclusion is Conclusion.UNREADABLE
    assert "10" in " ".join(verdict.explanation)


def test_without_keys_no_mark_is_looked_for(detector: Detector, small_mp4: Path) -> None:
    """An installation without watermark keys says that it did not look."""
    verdict = replace(detector, watermark_keys={}).verify(small_mp4)
    assert any("no watermark key" in line for line in verdict.limits)
    assert verdict.watermark["pixel"]["examined"] is False


class FailingInverter:
    """An inverter for which every clip is too small."""

    def invert(self, clip: Any, progress: Callable[[float], None] | None = None) -> Any:
        raise ValueError("the clip has 24 frames, the model needs 25")


def test_a_clip_too_small_for_the_generator_is_no_error(
    detector: Detector, silent_reader: Any, small_mp4: Path
) -> None:
    """Where the generator can't be run backwards, the limits say why."""
    with_noise = replace(detector, noise=silent_reader, inverter=FailingInverter())
    limits = " ".join(with_noise.verify(small_mp4).limits)
    assert "needs 25" in limits
    assert "switched off" in " ".join(replace(with_noise, invert_noise="never").verify(small_mp4).limits)


def test_a_likeness_without_a_credential_that_holds_is_not_recovered(
    detector: Detector, small_mp4: Path, make: Any
) -> None:
    """A look-alike in the repository counts only with a kept credential that verifies."""
    fingerprint = fingerprint_clip(open_clip(small_mp4))
    stored: Release = replace(make.release(), fingerprint=fingerprint, bindings=())
    repository = MemoryManifestRepository()
    repository.put(stored)
    verdict = replace(detector, repository=repository).verify(small_mp4)
    assert verdict.conclusion is Conclusion.NO_EVIDENCE
    assert verdict.match is not None
    assert verdict.match["credential"] is None


def test_watched_frames_are_kept_while_they_fit(small_mp4: Path) -> None:
    """Within the budget one decode serves every reading; beyond it each reading decodes anew, just the same."""
    clip = open_clip(small_mp4)
    for budget in (10**9, 1000):
        watched = WatchedClip(clip, budget)
        first, second = list(watched.clip.frames()), list(watched.clip.frames())
        assert len(first) == len(second) == watched.counted_frames == 24
        assert (first[3] is second[3]) is (budget == 10**9)
        assert watched.fault is None


def test_a_reader_that_stops_early_loses_nothing(small_mp4: Path) -> None:
    """A reader that leaves in the middle does not cut the clip short for the next."""
    watched = WatchedClip(open_clip(small_mp4), 10**9)
    next(watched.clip.frames())
    assert sum(1 for _ in watched.clip.frames()) == 24


def test_a_fault_in_the_middle_ends_quietly(small_mp4: Path) -> None:
    """A decoder that fails after some frames leaves them standing, and the fault is remembered."""
    clip = open_clip(small_mp4)

    def failing() -> Any:
        for number, frame in enumerate(clip.timed_frames()):
            if number == 5:
                raise UnreadableInput("died", code="decoder_crashed", hint="x")
            yield frame

    watched = WatchedClip(replace(clip, source=failing), 10**9)
    assert sum(1 for _ in watched.clip.frames()) == 5
    assert watched.fault is not None
    assert watched.fault.after_s == pytest.approx(4 / 12)
    assert Pictures().fault is None
