"""What leads a stripped copy back to its credential, and what a moved mark gives.

- looks, mark: real clips are marked, signed and registered; copies go through attacks of the watermark bench, which
  strip the credential. Counted: copies whose own release is found by its looks alone (as if there were no mark), by
  the mark alone, by either; and copies that lead to another clip's release.
- moved: the mark of one clip put onto another, by the key (the strongest copy there can be) and by the residual
  that a marked clip and its unmarked original give away. The detector's whole verdict counts.
- copies: fifteen kinds of true copies of the same releases, by the same verdict.

    python -m bench.provenance_recovery [--clips N] [--quick] [--parts looks,mark,moved,copies] [--rows FILE]

Needs the real clips beside the repository (REELPROOF_SHARED). Excerpts of four seconds, 480 px on the long side.
With `--rows` every result is kept as one JSON line, clip by clip; another run goes on where that file ends, and
several parts may be measured by several processes with a file each (`--rows a,b` reads both, writes to the first).
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
PARTS = ("looks", "mark", "moved", "copies")


def levels(factor: float, offset: float = 0.0) -> Callable[[RGB], RGB]:
    """Every value times `factor`, and `offset` more."""
    return lambda frames: np.clip(frames * np.float32(factor) + np.float32(offset), 0, 255).astype(np.uint8)


def resized(share: float) -> Callable[[RGB], RGB]:
    """Both sides times `share`, to even numbers."""

    def change(frames: RGB) -> RGB:
        height, width = (2 * round(side * share / 2) for side in frames.shape[1:3])
        return np.stack([cv2.resize(one, (width, height), interpolation=cv2.INTER_AREA) for one in frames])

    return change


def _greyscale(frames: RGB) -> RGB:
    return np.stack([cv2.cvtColor(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) for one in frames])


def _noisy(frames: RGB) -> RGB:
    noise = np.random.default_rng(7).normal(0, 6, frames.shape).astype(np.float32)
    return np.clip(frames + noise, 0, 255).astype(np.uint8)


#: Copies that change nothing of what is shown: the change of the frames, and the CRF they are encoded with.
TRUE_COPIES: dict[str, tuple[Callable[[RGB], RGB], int]] = {
    "CRF 18": (lambda frames: frames, 18),
    "CRF 23": (lambda frames: frames, 23),
    "CRF 28": (lambda frames: frames, 28),
    "CRF 33": (lambda frames: frames, 33),
    "half size, CRF 28": (resized(0.5), 28),
    "three quarters, CRF 28": (resized(0.75), 28),
    "one and a half, CRF 28": (resized(1.5), 28),
    "dimmed, CRF 28": (levels(0.7), 28),
    "brighter, CRF 28": (levels(1.15, 6.0), 28),
    "greyscale, CRF 28": (_greyscale, 28),
    "noise, CRF 28": (_noisy, 28),
    "letterbox, CRF 28": (lambda frames: np.pad(frames, ((0, 0), (48, 48), (0, 0), (0, 0))), 28),
    "mirrored, CRF 28": (lambda frames: np.ascontiguousarray(frames[:, :, ::-1]), 28),
    "first half second cut, CRF 28": (lambda frames: frames[len(frames) // 8 :], 28),
    "last second cut, CRF 28": (lambda frames: frames[: -(len(frames) // 4)], 28),
}


class Rows:
    """Results as JSON lines, kept as they come: what stands in the files is not measured again."""

    def __init__(self, paths: list[Path]) -> None:
        self._target = paths[0] if paths else None
        lines = [line for path in paths if path.is_file() for line in path.read_text().splitlines()]
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in lines if line.endswith("}")]
        self._known = {(row["part"], row["case"], row["clip"]) for row in self.rows}

    def measured(self, part: str, case: str, clip: str, measure: Callable[[], dict[str, Any] | None]) -> None:
        """Keep what `measure` gives, unless it stands there already; None (nothing to measure) is not kept."""
        if (part, case, clip) in self._known or (found := measure()) is None:
            return
        row = {"part": part, "case": case, "clip": clip} | found
        self.rows.append(row)
        self._known.add((part, case, clip))
        print(json.dumps(row), file=sys.stderr, flush=True)
        if self._target is not None:
            with self._target.open("a") as file:
                file.write(json.dumps(row) + "\n")

    def of(self, part: str) -> list[dict[str, Any]]:
        """All rows of one part."""
        return [row for row in self.rows if row["part"] == part]


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

    def by_looks(self, copy: Clip) -> set[str]:
        """The manifest IDs that a copy's looks lead to."""
        return {one.manifest_id for one, _ in self.repository.find_by_fingerprint(fingerprint_clip(copy), 3)}

    def by_mark(self, copy: Clip) -> set[str]:
        """The manifest IDs that a copy's mark leads to."""
        read = self.pixel.extract(copy, {KEY_ID: KEY})
        payloads = {one.payload for one in read.parts} | ({read.payload} if read.payload else set())
        bindings = [SoftBinding(self.pixel.alg, payload.to_bytes()) for payload in payloads]
        return {one.manifest_id for binding in bindings for one in self.repository.find_by_binding(binding)}


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


def recover(home: Home, stand: Stand, suite: tuple[str, ...], part: str, rows: Rows) -> None:
    """For each attack whether a copy of one release leads back to it, by `looks` or by `mark`, and to another."""

    def led(name: str) -> dict[str, Any] | None:
        copy = _attacked(ATTACKS[name], stand, home.folder)
        if copy is None:
            return None
        found = home.by_looks(copy) if part == "looks" else home.by_mark(copy)
        return {"own": stand.manifest_id in found, "another": bool(found - {stand.manifest_id})}

    for name in suite:
        rows.measured(part, name, stand.name, lambda name=name: led(name))  # type: ignore[misc]


def recovery_table(rows: Rows) -> dict[str, Any]:
    """For each attack and group how many copies found their release: by looks, by mark, by either where both were
    asked; and how many found another's."""
    found: dict[tuple[str, str], dict[str, bool]] = {}
    for part in ("looks", "mark"):
        for row in rows.of(part):
            copy = found.setdefault((row["case"], row["clip"]), {})
            copy |= {part: row["own"], "another": row["another"] or copy.get("another", False)}
    cases = {name: [copy for (case, _), copy in found.items() if case == name] for name, _ in found}
    table: dict[str, Any] = {name: _recovered(copies) for name, copies in cases.items()}
    for group in GROUPS:
        of_group = [copy for (case, _), copy in found.items() if ATTACKS[case].group == group]
        table[f"all {group}"] = _recovered(of_group)
    return table | {"all": _recovered(list(found.values()))}


def _recovered(copies: list[dict[str, bool]]) -> dict[str, Any]:
    both = [one for one in copies if {"looks", "mark"} <= one.keys()]
    shares = {part: [one[part] for one in copies if part in one] for part in ("looks", "mark")}
    shares["either"] = [one["looks"] or one["mark"] for one in both]
    table: dict[str, Any] = {name: f"{sum(held)}/{len(held)}" for name, held in shares.items()}
    return table | {"another": sum(one["another"] for one in copies)}


def _attacked(attack: Attack, stand: Stand, folder: Path) -> Clip | None:
    """The attacked copy, or None for a clip that the attack leaves nothing of."""
    work = folder / "attack"
    work.mkdir(exist_ok=True)
    try:
        return attack.apply(open_clip(stand.marked), stand.name, work)
    except (ReelproofError, ValueError):
        return None


def true_copies(home: Home, stand: Stand, rows: Rows) -> None:
    """The detector's conclusions on true copies of one release."""

    def told(change: Callable[[RGB], RGB], crf: int) -> dict[str, Any]:
        path = home.folder / "true.mp4"
        frames = change(open_clip(stand.marked).to_array())
        write_clip(Clip.from_array(frames, stand.fps), path, crf=crf, preset="veryfast")
        return {"conclusion": str(home.detector.verify(path).conclusion)}

    for name, made in TRUE_COPIES.items():
        rows.measured("copies", name, stand.name, lambda made=made: told(*made))  # type: ignore[misc]


def moved_marks(home: Home, stand: Stand, other: Stand, rows: Rows) -> None:
    """The detector's conclusions on one clip's mark put onto another's pictures."""
    for kind, path in _pasted(home, stand, other):
        rows.measured(
            "moved",
            kind,
            stand.name,
            lambda path=path: {"conclusion": str(home.detector.verify(path).conclusion)},  # type: ignore[misc]
        )


def conclusions(rows: Rows, part: str) -> dict[str, dict[str, int]]:
    """How often each conclusion was drawn, by kind of copy and in all."""
    table: dict[str, dict[str, int]] = {}
    for row in rows.of(part):
        for name in (row["case"], "all"):
            counts = table.setdefault(name, {})
            counts[row["conclusion"]] = counts.get(row["conclusion"], 0) + 1
    return table


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20, help="real clips (default 20)")
    parser.add_argument("--quick", action="store_true", help="3 clips, 4 attacks")
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated")
    parser.add_argument("--rows", default="", help="comma-separated files to go on from; written to the first")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args()
    rows = Rows([Path(one) for one in given.rows.split(",") if one])
    figures = run(3 if given.quick else given.clips, given.parts.split(","), quick=given.quick, rows=rows)
    print(json.dumps(figures, indent=None if given.json else 2))


def run(clips: int, parts: list[str], *, quick: bool = False, rows: Rows | None = None) -> dict[str, Any]:
    """The figures as JSON values. Clip by clip, so that a run cut off has measured every case alike."""
    rows = rows or Rows([])
    suite = QUICK_SUITE if quick else SUITE
    with tempfile.TemporaryDirectory() as name:
        home = Home.made(Path(name))
        released = stands(home, clips if parts != [""] else 0)
        for i, stand in enumerate(released):
            for part in parts:
                if part in ("looks", "mark"):
                    recover(home, stand, suite, part, rows)
            if "moved" in parts:
                moved_marks(home, stand, released[(i + 1) % len(released)], rows)
            if "copies" in parts:
                true_copies(home, stand, rows)
    return {
        "clips": len({row["clip"] for row in rows.rows}),
        "recovery": recovery_table(rows),
        "moved": conclusions(rows, "moved"),
        "copies": conclusions(rows, "copies"),
    }


if __name__ == "__main__":
    main()
