"""Fixtures of the detector's tests: small clips, and files made to do harm."""

import os
import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from core.clip import Clip
from core.video import write_clip
from detector.classifier.reading import ClassifierReading
from detector.differences import ChangedRegion, Differences
from detector.findings import Findings, MarkReading, ReadingFault, ReleasedPart, ReleaseMatch, SoundReading
from detector.inspection import Inspection
from detector.matching import Stretch
from detector.sounds import SoundComparison, SoundState, SoundStretch
from provenance.fingerprint import Similarity
from provenance.records import CredentialState, Fingerprint, ManifestReport, Release, SoftBinding
from watermark.extraction import Extraction, Geometry, SegmentPresence
from watermark.payload import Payload

HERE = Path(__file__).parent


def moving_picture(frames: int = 24, height: int = 96, width: int = 128, seed: int = 7) -> Clip:
    """A small clip with texture and motion: a noise field drifting sideways behind a bright square."""
    rng = np.random.default_rng(seed)
    field = rng.integers(40, 200, (height, width * 2, 3), dtype=np.uint8)
    pictures = np.stack([np.roll(field, 2 * i, axis=1)[:, :width] for i in range(frames)])
    pictures[:, 10:30, 10:30] = 255
    return Clip.from_array(pictures, Fraction(12))


@pytest.fixture(scope="session")
def moving() -> Callable[..., Clip]:
    """Makes small clips: see `moving_picture`."""
    return moving_picture


@pytest.fixture(scope="session")
def small_mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of 128x96 H.264."""
    path = tmp_path_factory.mktemp("clips") / "small.mp4"
    write_clip(moving_picture(), path, crf=20, preset="veryfast")
    return path


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds at 12 frames a second with a picture of its own in each."""
    path = tmp_path_factory.mktemp("whole") / "whole.mp4"
    frames = np.concatenate([moving_picture(12, seed=seed).to_array() for seed in range(6)])
    write_clip(Clip.from_array(frames, 12), path, crf=18, preset="veryfast")
    return path


def vp9_bomb(keyframe: bytes, width: int, height: int, repeats: int) -> bytes:
    """An IVF file that shows one picture again and again: one byte (`show_existing_frame`) a frame."""
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"VP90", width, height, 30, 1, 0, 0)
    packets = [keyframe, *[b"\x88"] * repeats]
    return header + b"".join(struct.pack("<IQ", len(packet), i) + packet for i, packet in enumerate(packets))


@pytest.fixture(scope="session")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 20 KB that decode to 37 GB of 3840x2160, named as an MP4; its header announces no frame count."""
    folder = tmp_path_factory.mktemp("bombs")
    black = np.zeros((1, 2160, 3840, 3), np.uint8)
    write_clip(Clip.from_array(black, 30), folder / "one.webm", crf=60, codec="libvpx-vp9")
    with av.open(str(folder / "one.webm")) as source:
        keyframe = next(bytes(packet) for packet in source.demux(video=0) if packet.size)
    path = folder / "bomb.mp4"
    path.write_bytes(vp9_bomb(keyframe, 3840, 2160, 1500))
    return path


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> str:
    """The module name of the confinement hooks, importable by children."""
    monkeypatch.syspath_prepend(str(HERE))
    return "sandbox_hooks"


@pytest.fixture
def shared_folder() -> Path:
    """The folder of real clips beside the repository; skips where there is none."""
    folder = Path(os.environ.get("REELPROOF_SHARED", HERE.parents[1].parent / "shared"))
    if not (folder / "clips").is_dir():
        pytest.skip("the real clips are not beside the repository (REELPROOF_SHARED)")
    return folder


ALG, NOISE_ALG = "org.example.pixel.1", "org.example.noise.1"


def credential(**changes: Any) -> ManifestReport:
    """A whole, trusted credential that says generated, unless changed."""
    whole = ManifestReport(
        CredentialState.PRESENT,
        manifest_id="urn:c2pa:one",
        signature_valid=True,
        binding_intact=True,
        assertions_intact=True,
        trust_list="c2pa",
        trust_list_date="2026-08",
        signer="Leaf",
        issuer="Example Studio",
        origin="generated",
        claim_generator="Example 1.0",
    )
    return replace(whole, **changes)


def mark(content_id: int = 7, alg: str = ALG, p_value: float = 1e-20, **changes: Any) -> MarkReading:
    """A mark that was found."""
    found = Extraction(alg, True, Payload(1, content_id), p_value, 12.0, 1000, 1e-9, 1)
    return MarkReading(replace(found, **changes))


def no_mark(alg: str = ALG) -> MarkReading:
    """A look that found nothing."""
    return MarkReading(Extraction(alg, False, None, 0.4, 1.0, 1000, 1e-9))


def likeness(score: float = 0.97, *, agrees: bool | None = None, **changes: Any) -> Similarity:
    """A comparison with a score; it agrees from 0.6 on unless said otherwise."""
    found = Similarity(score, score >= 0.6 if agrees is None else agrees, 0.0, 1e-3, (score,) * 3)
    return replace(found, **changes)


def release(manifest_id: str = "urn:c2pa:kept", content_id: int = 7) -> Release:
    """A stored release that carries the pixel mark."""
    fingerprint = Fingerprint("org.reelproof.fp.test", np.zeros((8, 32), np.uint8), np.full(8, 90, np.uint8), 1.0)
    binding = SoftBinding(ALG, Payload(1, content_id).to_bytes())
    return Release(manifest_id, "0" * 64, b"store", (binding,), fingerprint, "2026-11-20T12:00:00Z")


def match(score: float = 0.97, **changes: Any) -> ReleaseMatch:
    """A release that the mark led to, compared with this score."""
    kept = credential(manifest_id="urn:c2pa:kept", binding_intact=False, is_detached=True, issuer="Kept Studio")
    found = ReleaseMatch(release(), ("pixel_watermark",), kept, likeness(score), edits=("scaled to 50 %",))
    return replace(found, **changes)


def foreign_stretch() -> dict[str, Any]:
    """One stretch of a timeline that is not from the release."""
    return {"start_s": 1.0, "end_s": 1.5, "state": "foreign", "p_value": 0.6}


def inspection(kind: str = "replaced") -> Inspection:
    """A copy that was compared place by place; a twelfth of its picture differs, as `kind`."""
    heat = np.zeros((9, 16), np.float32)
    heat[3:6, 5:9] = 1.0
    region = ChangedRegion(0.0, 2.0, (0.31, 0.33, 0.56, 0.67), 0.083, kind)
    placed = Geometry()
    return Inspection((Stretch(0.0, 2.0, 0, 0.0, 0.9),), placed, 0.97, 4, Differences(heat, (region,), ()))


def two_parts() -> tuple[ReleasedPart, ...]:
    """Two stretches under different marks."""
    return ReleasedPart(0.0, 1.0, "00000000000007", "urn:c2pa:kept"), ReleasedPart(1.0, 2.0, "00000000000009")


def parts_by_pictures() -> tuple[ReleasedPart, ...]:
    """Two stretches that show different releases, no mark read in them."""
    return tuple(replace(one, found_by="pictures") for one in two_parts())


def heard(state: SoundState = "replaced", *, release_has_sound: bool = True) -> SoundReading:
    """A copy's sound that is the release's for a second, and then for half a second `state`."""
    shift_s = 0.5 if state == "shifted" else 0.0
    pieces = (SoundStretch(0.0, 1.0, "same", 1e-30), SoundStretch(1.0, 1.5, state, 0.4, shift_s))
    return SoundReading(SoundComparison(pieces, 0.06, release_has_sound))


def findings(**changes: Any) -> Findings:
    """A decodable clip in which nothing was found, unless changed."""
    nothing = Findings(
        file={"sha256": "a" * 64, "size_bytes": 1000, "duration_s": 2.0, "width_px": 640, "height_px": 360,
              "fps": 24.0, "codec": "h264"},
        pixel=no_mark(),
        noise=MarkReading(not_examined="no generator to run backwards is set up here"),
        fingerprint_searched=True,
    )  # fmt: skip
    return replace(nothing, **changes)


def estimate(calls_generated: bool = True, **changes: Any) -> ClassifierReading:
    """What a classifier with a good card says of a clip."""
    tested = {"real_clips": 400, "real_sources": 60, "false_alarms": 0, "generated_clips": 300, "detected": 200}
    card = {
        "name": "tiny", "version": "1", "made_by": "a test", "limits": ["none known"], "sha256": "0" * 64,
        "training": {"real_clips": 900, "real_sources": 90, "generated_clips": 800, "generators": ["A", "B"]},
        "evaluation": tested, "range": {"short_side_px": 240, "seconds": 1.0},
    }  # fmt: skip
    reason = "above its threshold of 0.9" if calls_generated else "below its threshold of 0.9"
    p = 0.97 if calls_generated else 0.4
    return replace(ClassifierReading("tiny", reason, p, 1.0, calls_generated, 0.0075, card), **changes)


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """Findings by hand: see the functions of this file."""
    return SimpleNamespace(
        ALG=ALG,
        NOISE_ALG=NOISE_ALG,
        credential=credential,
        mark=mark,
        no_mark=no_mark,
        likeness=likeness,
        release=release,
        match=match,
        foreign_stretch=foreign_stretch,
        findings=findings,
        unreadable=ReadingFault("not_a_video", "no decodable video", "Check that it plays."),
        absent=ManifestReport(CredentialState.ABSENT),
        estimate=estimate,
        broken=ManifestReport(CredentialState.BROKEN, problem="cut off"),
        segment=SegmentPresence,
        inspection=inspection,
        two_parts=two_parts,
        parts_by_pictures=parts_by_pictures,
        heard=heard,
    )


class StubReader:
    """A reader that gives one prepared reading to every clip, and counts the frames it was shown."""

    def __init__(self, reading: MarkReading) -> None:
        self.reading = reading
        self.frames_seen: list[int] = []
        self.blind: list[bool] = []

    def extract(self, clip: Clip, keys: Any, *, blind: bool = True, progress: Any = None) -> Extraction:
        """The prepared reading."""
        self.frames_seen.append(sum(1 for _ in clip.frames()))
        self.blind.append(blind)
        assert self.reading.extraction is not None
        return self.reading.extraction


@pytest.fixture
def silent_reader() -> StubReader:
    """A reader that never finds a mark."""
    return StubReader(no_mark())
