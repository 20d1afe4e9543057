"""What the detector tells of copies that were edited: real clips, changed in known ways, against their release.

    python -m bench.detector_changes [--quick] [--sealed] [--clips N] [--only TEXT] [--case TEXT] [--rows FILE]

Needs the real clips beside the repository (REELPROOF_SHARED). Each clip's first four seconds at 480 px stand for a
release; copies are encoded with x264 at CRF 28 and judged without any mark, from the kept fingerprint and pictures
alone. Clips fall into a development and a sealed half by a hash of their name; nothing was tuned on the second.
With `--rows FILE` every case is kept as one JSON line, and another run goes on where that file ends.
"""

import argparse
import csv
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Clip
from core.video import open_clip, write_clip
from detector.edits import changes_of
from detector.findings import LIKENESS_ALONE_SCORE
from detector.inspection import Inspection, inspect
from detector.reference import Reference, read_reference, reference_of
from provenance.fingerprint import fingerprint_clip, similarity
from provenance.records import Fingerprint

CRF, LONG_SIDE_PX, SECONDS = 28, 480, 4.0
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """One edit: the copy's frames and what is true of it."""

    name: str
    frames: RGB
    kind: str = ""
    span_s: tuple[float, float] | None = None
    mask: Mask | None = None


def shared_clips() -> list[Path]:
    """The real clips, in a fixed order. Ends with a message where there are none."""
    root = Path(os.environ.get("REELPROOF_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "clips"
    if not (root / "clips.csv").is_file():
        raise SystemExit("the real clips are not beside the repository (REELPROOF_SHARED)")
    with (root / "clips.csv").open() as file:
        return [root / row["file"] for row in csv.DictReader(file)]


def is_sealed(path: Path) -> bool:
    """Whether a clip belongs to the half on which nothing was tuned."""
    return sha256(path.name.encode()).digest()[0] % 2 == 1


def excerpt(path: Path, *, shortest_s: float = 3.0, least_fps: int = 8) -> tuple[RGB, Fraction] | None:
    """The first four seconds at 480 px, and their rate; None for a clip that is too short or has too few frames."""
    clip = open_clip(path)
    scale = min(1.0, LONG_SIDE_PX / max(clip.info.width_px, clip.info.height_px))
    size = (2 * round(clip.info.width_px * scale / 2), 2 * round(clip.info.height_px * scale / 2))
    frames = []
    for frame in clip.timed_frames():
        if frame.time_s >= SECONDS:
            break
        frames.append(cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA))
    if len(frames) / float(clip.info.fps) < shortest_s or clip.info.fps < least_fps:
        return None
    return np.array(frames, np.uint8), clip.info.fps


def cases_of(frames: RGB, fps: float, other: RGB, seed: int) -> Iterator[Case]:
    """Every edit of one clip; `other` holds foreign frames of the same shape."""
    rng = np.random.default_rng(seed)
    _, height, width, _ = frames.shape
    yield Case("untouched", frames)
    yield Case("brighter", np.clip(frames * 1.2 + 8.0, 0, 255).astype(np.uint8))
    half = (2 * (width // 4), 2 * (height // 4))
    yield Case("half size", np.stack([cv2.resize(one, half, interpolation=cv2.INTER_AREA) for one in frames]))
    yield Case("cropped 10 %", frames[:, height // 20 : height - height // 20, width // 20 : width - width // 20])
    yield Case("captioned", _captioned(frames), "caption")
    for share in (0.05, 0.10, 0.20):
        yield _pasted(frames, other, share, rng)
    for seconds in (0.5, 1.0):
        first, count = round((1.0 + rng.random()) * fps), round(seconds * fps)
        span = (first / fps, (first + count) / fps)
        replaced = np.concatenate([frames[:first], other[first : first + count], frames[first + count :]])
        yield Case(f"replaced {seconds:g} s", replaced, "replaced_time", span)
        put_in = np.concatenate([frames[:first], other[first : first + count], frames[first:]])
        yield Case(f"put in {seconds:g} s", put_in, "inserted", span)
        dropped = np.concatenate([frames[:first], frames[first + count :]])
        yield Case(f"cut out {seconds:g} s", dropped, "cut_out", (span[0], span[0]))
    middle = len(frames) // 2
    yield Case("swapped halves", np.concatenate([frames[middle:], frames[:middle]]), "moved")
    yield Case("trimmed 1 s", frames[round(fps) :], "trimmed")


def _captioned(frames: RGB) -> RGB:
    captioned = frames.copy()
    height, width = frames.shape[1:3]
    captioned[:, round(0.84 * height) : round(0.94 * height), width // 10 : -width // 10] = 0
    for frame in captioned:
        place = (width // 8, round(0.92 * height))
        cv2.putText(frame, "BREAKING NEWS TODAY", place, 0, width / 560, (255, 255, 255), 1 + width // 400)
    return captioned


def _pasted(frames: RGB, other: RGB, share: float, rng: np.random.Generator) -> Case:
    height, width = frames.shape[1:3]
    tall, wide = (round(side * share**0.5) for side in (height, width))
    top = int(rng.integers(height // 20, height - tall - height // 20))
    left = int(rng.integers(width // 20, width - wide - width // 20))
    inside = np.s_[:, top : top + tall, left : left + wide]
    pasted = frames.copy()
    pasted[inside] = other[inside]
    mask = np.zeros((height, width), np.bool_)
    mask[inside[1:]] = True
    return Case(f"pasted {share:.0%}", pasted, "replaced", mask=mask)


@dataclass(frozen=True)
class Release:
    """What the comparison is handed of a release."""

    fingerprint: Fingerprint
    reference: Reference
    size: tuple[int, int]
    duration_s: float


def judge(case: Case, fps: Fraction, release: Release, folder: Path) -> dict[str, Any]:
    """One case's figures."""
    path = folder / "copy.mp4"
    height, width = (side // 2 * 2 for side in case.frames.shape[1:3])
    frames = np.ascontiguousarray(case.frames[:, :height, :width])
    write_clip(Clip.from_array(frames, fps), path, crf=CRF, preset="veryfast")
    clip = open_clip(path)
    query = fingerprint_clip(clip)
    alike = similarity(query, release.fingerprint)
    found = inspect(clip, query, release.fingerprint, alike, release.reference, None, release.size)
    changes = list(changes_of(found, {"duration_s": release.duration_s}))
    kinds = {one["kind"] for one in changes}
    row: dict[str, Any] = {"case": case.name, "agrees": found.agrees, "fit": found.fit, "kinds": sorted(kinds)}
    hashes = similarity(query.with_landmarks(None), release.fingerprint)
    row["recognised"] = alike.agrees and alike.score >= LIKENESS_ALONE_SCORE
    row |= {"hashes_agree": hashes.agrees, "hashes_score": round(hashes.score, 3)}
    row["named"] = case.kind in kinds if case.kind else None
    allowed = {case.kind, "overlay"} if case.kind in ("caption", "replaced") else {case.kind}
    row["false_alarm"] = bool(kinds - allowed)
    if case.span_s is not None:
        row |= _in_time(case, [one for one in changes if one["kind"] == case.kind])
    if case.mask is not None:
        row["region_iou"] = _region_iou(found, case.mask)
    return row


def _in_time(case: Case, changes: list[dict[str, Any]]) -> dict[str, Any]:
    start, end = case.span_s or (0.0, 0.0)
    if not changes:
        return {"time_iou": 0.0 if end > start else None, "cut_error_s": None}
    one = min(changes, key=lambda change: abs(change["start_s"] - start))
    if end <= start:
        return {"time_iou": None, "cut_error_s": abs(one["start_s"] - start)}
    overlap = max(0.0, min(one["end_s"], end) - max(one["start_s"], start))
    union = max(one["end_s"], end) - min(one["start_s"], start)
    return {"time_iou": overlap / union, "cut_error_s": abs(one["start_s"] - start)}


def _region_iou(found: Inspection, mask: Mask) -> float:
    if found.differences is None:
        return 0.0
    seen = np.mean([one for _, one in found.differences.masks], axis=0) >= 0.5
    size = (seen.shape[1], seen.shape[0])
    truth = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5
    return float((seen & truth).sum() / max(1, (seen | truth).sum()))


def measure(
    clips: list[Path],
    tell: Callable[[str], None],
    only: str = "",
    case_only: str = "",
    known: Sequence[dict[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Every case (whose name holds `case_only`) of every clip whose name holds `only`; the clip after it lends the
    foreign pictures. Cases that are `known` are not measured again."""
    excerpts = [(path, *found) for path in clips if (found := excerpt(path)) is not None]
    rows = list(known)
    done = {(row["clip"], row["case"]) for row in known}
    for number, (path, frames, fps) in enumerate(excerpts):
        if only not in path.name:
            continue
        lender = excerpts[(number + 1) % len(excerpts)][1]
        size = (frames.shape[2], frames.shape[1])
        other = np.stack([cv2.resize(lender[i % len(lender)], size) for i in range(len(frames))])
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_clip(Clip.from_array(frames, fps), folder / "release.mp4", crf=16, preset="veryfast")
            released = open_clip(folder / "release.mp4")
            kept = read_reference(reference_of(released))
            taken = fingerprint_clip(released)
            landmarks = taken.landmarks.kept() if taken.landmarks is not None else None
            taken = taken.with_landmarks(landmarks)  # as a repository keeps it
            release = Release(taken, kept, size, len(frames) / float(fps))
            for case in cases_of(frames, float(fps), other, number):
                if case_only not in case.name or (path.name, case.name) in done:
                    continue
                rows.append({"clip": path.name} | judge(case, fps, release, folder))
                tell(json.dumps(rows[-1], default=float))
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures by case."""
    by_case: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_case[row["case"]].append(row)
    return {name: _figures(found) for name, found in by_case.items()}


def _figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    def share(key: str) -> float | None:
        known = [row[key] for row in rows if row.get(key) is not None]
        return round(sum(known) / len(known), 3) if known else None

    def at_least(key: str, bound: float) -> float | None:
        known = [row[key] for row in rows if row.get(key) is not None]
        return round(sum(value >= bound for value in known) / len(known), 3) if known else None

    errors = [row.get("cut_error_s") for row in rows if "cut_error_s" in row]
    return {
        "cases": len(rows),
        "named": share("named"),
        "other_alarm": share("false_alarm"),
        "placed": share("agrees"),
        "recognised": share("recognised"),
        "region_iou_mean": share("region_iou"),
        "region_iou_60": at_least("region_iou", 0.6),
        "time_iou_mean": share("time_iou"),
        "time_iou_90": at_least("time_iou", 0.9),
        "cut_within_250ms": round(sum(e is not None and e <= 0.25 for e in errors) / len(errors), 3)
        if errors
        else None,
    }


def _rows_in(file: Path) -> list[dict[str, Any]]:
    """What an earlier run has measured."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three clips")
    parser.add_argument("--sealed", action="store_true", help="the sealed half instead of the development half")
    parser.add_argument("--clips", type=int, default=0, help="only so many clips")
    parser.add_argument("--only", default="", metavar="TEXT", help="only clips whose name holds this")
    parser.add_argument("--case", default="", metavar="TEXT", help="only cases whose name holds this")
    parser.add_argument("--rows", type=Path, help="a file to go on from, one case a line")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    # Of each source one clip after another, so that a short run still sees many sources.
    chosen = [path for path in shared_clips() if is_sealed(path) == arguments.sealed]
    chosen.sort(key=lambda path: sha256(path.name.encode()).hexdigest())
    count = arguments.clips or (3 if arguments.quick else len(chosen))
    known = _rows_in(arguments.rows) if arguments.rows else []
    log = arguments.rows.open("a") if arguments.rows else None
    rows = measure(
        chosen[:count],
        lambda line: print(line, file=log, flush=True) if log else None,
        arguments.only,
        arguments.case,
        known,
    )
    figures = {"schema": "reelproof.bench.detector-changes/1", "crf": CRF, "half": "sealed" if arguments.sealed
               else "development", "figures": summary(rows)}  # fmt: skip
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, found in figures["figures"].items():
        told = ", ".join(f"{key} {value}" for key, value in found.items() if value is not None)
        print(f"{name:<16} {told}")


if __name__ == "__main__":
    main()
