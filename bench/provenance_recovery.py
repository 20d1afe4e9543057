"""What leads a stripped copy back to its credential, and what a moved mark gives.

- recovery: real clips are marked, signed and registered; copies go through the attack suite of the watermark bench,
  which strips the credential. Counted: copies whose own release is found by its looks alone (as if there were no
  mark), by the mark alone, by either; and copies that lead to another clip's release.
- forgery: the mark of one clip put onto another, by the key (the strongest copy there can be) and by the residual
  that a marked clip and its unmarked original give away. The detector's whole verdict counts.
- true copies: re-encoded, halved, dimmed and letterboxed copies of the same releases, by the same verdict.

    python -m bench.provenance_recovery [--clips N] [--quick] [--parts recovery,forgery] [--looks] [--json]

Needs the real clips beside the repository (REELPROOF_SHARED). Excerpts of four seconds, 480 px on the long side.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.detector_changes import excerpt, shared_clips
from bench.watermark.attacks import ATTACKS, GROUPS, Attack
from core.clip import RGB, Clip
from core.clock import rfc3339
from core.errors import ReelproofError
from core.video import open_clip, write_clip
from detector.reference import reference_of
from detector.service import Detector
from provenance.fingerprint import fingerprint_clip
from provenance.manifest import ManifestFacts
from provenance.records import Release, SoftBinding
from provenance.repository import MemoryManifestRepository
from provenance.signers import LocalSigner, ephemeral_signer
from provenance.signing import sign_clip
from provenance.trust import TrustStore
from watermark.payload import Payload
from watermark.pixel import PixelWatermark

KEY_ID, KEY = 1, b"recovery bench, thirty-two bytes"
#: Two or three of each group of the suite, its hard ones among them; a splice of two clips has no one release.
SUITE = (
    *("brightness 0.5", "contrast 1.5", "greyscale", "JPEG 40", "noise sigma 25"),
    *("x264 CRF 28", "x264 CRF 36", "x265 CRF 40"),
    *("mirrored", "letterbox", "9:16 reframe", "resize 0.55", "crop 0.71 kept", "crop 0.55 kept", "rotate 10"),
    *("frame rate x 0.4", "speed 1.25", "drop 50 %", "cut to 1 s"),
    *("logo and caption", "screen recording", "picture in picture 0.5"),
)
QUICK_SUITE = ("x264 CRF 28", "mirrored", "crop 0.71 kept", "logo and caption")
_Change = Callable[[RGB], RGB]
TRUE_COPIES: dict[str, tuple[_Change, int]] = {
    "CRF 23": (lambda frames: frames, 23),
    "CRF 33": (lambda frames: frames, 33),
    "half size, CRF 28": (
        lambda frames: np.stack(
            [cv2.resize(one, (one.shape[1] // 4 * 2, one.shape[0] // 4 * 2)) for one in frames]
        ),
        28,
    ),
    "dimmed, CRF 28": (lambda frames: (frames * 0.7).astype(np.uint8), 28),
    "letterbox, CRF 28": (lambda frames: np.pad(frames, ((0, 0), (48, 48), (0, 0), (0, 0))), 28),
}


@dataclass(frozen=True)
class Stand:
    """One release of the bench: the clip before and after marking, and what was registered."""

    name: str
    frames: RGB
    fps: Fraction
    marked: Path
    payload: Payload
    manifest_id: str


@dataclass
class Home:
    """Everything the bench asks: repository, mark, detector."""

    folder: Path
    repository: MemoryManifestRepository
    pixel: PixelWatermark
    detector: Detector
    signer: LocalSigner
    kept: dict[str, bytes]

    @classmethod
    def made(cls, folder: Path) -> "Home":
        """An empty home."""
        signer, kept = ephemeral_signer(datetime.now(UTC)), dict[str, bytes]()
        repository, pixel = MemoryManifestRepository(), PixelWatermark()
        trust = TrustStore.default(own_root_pem=signer.root_pem)
        detector = Detector(
            trust, repository, pixel, {KEY_ID: KEY}, invert_noise="never", references=kept.__getitem__
        )
        return cls(folder, repository, pixel, detector, signer, kept)

    def release(self, name: str, frames: RGB, fps: Fraction) -> Stand:
        """Mark, sign and register one clip."""
        payload = Payload.fresh(KEY_ID)
        path = self.folder / f"{self.repository.count()}.mp4"
        write_clip(self.pixel.embed(Clip.from_array(frames, fps), payload, KEY), path, crf=16, preset="veryfast")
        fingerprint, info = fingerprint_clip(open_clip(path)), open_clip(path).info
        mark = SoftBinding(self.pixel.alg, payload.to_bytes(), name="pixel watermark")
        bindings = (mark, SoftBinding(fingerprint.alg, fingerprint.to_bytes(), name="fingerprint"))
        facts = ManifestFacts(
            title=name,
            created_at=datetime.now(UTC),
            width_px=info.width_px,
            height_px=info.height_px,
            fps=info.fps,
            duration_s=info.duration_s,
            bindings=bindings,
            model_name="bench",
        )
        signed = sign_clip(path, path.with_suffix(".signed.mp4"), facts, self.signer)
        self.kept[signed.manifest_id] = reference_of(open_clip(path))
        described = {
            "reference": signed.manifest_id,
            "file": {
                "width_px": info.width_px,
                "height_px": info.height_px,
                "fps": str(info.fps),
                "duration_s": info.duration_s,
            },
        }
        self.repository.put(
            Release(
                signed.manifest_id,
                signed.sha256,
                signed.manifest_store,
                bindings,
                fingerprint,
                rfc3339(datetime.now(UTC)),
                described,
            )
        )
        return Stand(name, frames, fps, path, payload, signed.manifest_id)

    def found(self, copy: Clip, *, reads_mark: bool) -> tuple[set[str], set[str]]:
        """The manifest IDs that a copy's looks and its mark lead to."""
        by_looks = {one.manifest_id for one, _ in self.repository.find_by_fingerprint(fingerprint_clip(copy), 3)}
        if not reads_mark:
            return by_looks, set()
        read = self.pixel.extract(copy, {KEY_ID: KEY})
        payloads = {one.payload for one in read.parts} | ({read.payload} if read.payload else set())
        by_mark = {
            release.manifest_id
            for payload in payloads
            for release in self.repository.find_by_binding(SoftBinding(self.pixel.alg, payload.to_bytes()))
        }
        return by_looks, by_mark


def stands(home: Home, count: int) -> list[Stand]:
    """The first `count` real clips of enough length, every source in turn, released."""
    by_source: dict[str, list[Path]] = {}
    for path in shared_clips():
        by_source.setdefault(path.name.partition("-")[0], []).append(path)
    released: list[Stand] = []
    for round_ in range(max(map(len, by_source.values()))):
        for paths in by_source.values():
            if len(released) < count and round_ < len(paths) and (cut := excerpt(paths[round_])) is not None:
                released.append(home.release(paths[round_].name, *cut))
    return released


def recovery(home: Home, released: list[Stand], suite: tuple[str, ...], *, reads_mark: bool) -> dict[str, Any]:
    """For each attack the copies that found their release, by looks, by mark, by either, and those that found
    another's."""
    table: dict[str, Any] = {}
    for name in suite:
        row = table[name] = {
            "group": ATTACKS[name].group, "copies": 0, "looks": 0, "mark": 0, "either": 0, "another": 0
        }  # fmt: skip
        for stand in released:
            copy = _attacked(ATTACKS[name], stand, home.folder)
            if copy is None:
                continue
            looks, mark = home.found(copy, reads_mark=reads_mark)
            row["copies"] += 1
            row["looks"] += stand.manifest_id in looks
            row["mark"] += stand.manifest_id in mark
            row["either"] += stand.manifest_id in looks | mark
            row["another"] += bool((looks | mark) - {stand.manifest_id})
        print(f"{name}: {row}", file=sys.stderr, flush=True)
    sums = {"all": list(table.values())}
    sums |= {group: [row for row in table.values() if row["group"] == group] for group in GROUPS}
    counted = ("copies", "looks", "mark", "either", "another")
    totals = {name: {key: sum(row[key] for row in rows) for key in counted} for name, rows in sums.items()}
    return {"clips": len(released), "mark_read": reads_mark, "attacks": table, "totals": totals}


def _attacked(attack: Attack, stand: Stand, folder: Path) -> Clip | None:
    """The attacked copy, or None for a clip that the attack leaves nothing of."""
    work = folder / "attack"
    work.mkdir(exist_ok=True)
    try:
        return attack.apply(open_clip(stand.marked), stand.name, work)
    except (ReelproofError, ValueError):
        return None


def forgery(home: Home, released: list[Stand]) -> dict[str, Any]:
    """Conclusions on marks moved to other pictures, and on true copies."""
    moved: dict[str, dict[str, int]] = {"by the key": {}, "by the residual": {}}
    for i, stand in enumerate(released):
        for kind, clip in _pasted(home, stand, released[(i + 1) % len(released)]):
            _count(moved[kind], home, clip)
    told: dict[str, dict[str, int]] = {}
    for name, (change, crf) in TRUE_COPIES.items():
        row = told.setdefault(name, {})
        for stand in released:
            frames = change(open_clip(stand.marked).to_array())
            path = home.folder / "true.mp4"
            write_clip(Clip.from_array(frames, stand.fps), path, crf=crf, preset="veryfast")
            _count(row, home, path)
        print(f"{name}: {row}", file=sys.stderr, flush=True)
    copies = sum(sum(row.values()) for row in told.values())
    conflicts = sum(row.get("conflict", 0) for row in told.values())
    return {"moved": moved, "true_copies": told, "copies": copies, "conflicts": conflicts}


def _pasted(home: Home, stand: Stand, other: Stand) -> Iterator[tuple[str, Path]]:
    """Files in which another clip's pictures carry this one's mark."""
    path = home.folder / "moved.mp4"
    foreign = Clip.from_array(other.frames, other.fps)
    write_clip(home.pixel.embed(foreign, stand.payload, KEY), path, crf=18, preset="veryfast")
    yield "by the key", path
    marked = open_clip(stand.marked).to_array().astype(np.int16)
    residual = marked[: len(stand.frames)] - stand.frames[: len(marked)]
    height, width = residual.shape[1:3]
    count = min(len(residual), len(other.frames))
    onto = np.stack([cv2.resize(one, (width, height)) for one in other.frames[:count]])
    pasted = np.clip(onto + residual[:count], 0, 255).astype(np.uint8)
    write_clip(Clip.from_array(pasted, stand.fps), path, crf=18, preset="veryfast")
    yield "by the residual", path


def _count(row: dict[str, int], home: Home, path: Path) -> None:
    said = str(home.detector.verify(path).conclusion)
    row[said] = row.get(said, 0) + 1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20, help="real clips (default 20)")
    parser.add_argument("--quick", action="store_true", help="3 clips, 4 attacks")
    parser.add_argument("--parts", default="recovery,forgery", help="comma-separated")
    parser.add_argument("--looks", action="store_true", help="recovery by looks alone: a tenth of the time")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args()
    figures = run(3 if given.quick else given.clips, given.parts.split(","), quick=given.quick, looks=given.looks)
    print(json.dumps(figures, indent=None if given.json else 2))


def run(clips: int, parts: list[str], *, quick: bool = False, looks: bool = False) -> dict[str, Any]:
    """The figures as JSON values."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        home = Home.made(Path(name))
        released = stands(home, clips)
        if "forgery" in parts:
            figures["forgery"] = forgery(home, released)
        if "recovery" in parts:
            suite = QUICK_SUITE if quick else SUITE
            figures["recovery"] = recovery(home, released, suite, reads_mark=not looks)
    return figures


if __name__ == "__main__":
    main()
