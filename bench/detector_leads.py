"""How far leads can be trusted: real clips untouched, and changed in the ways that leads are meant to show.

    python -m bench.detector_leads [--quick] [--clips N] [--json]

Each clip's first four seconds at 480 px, encoded with x264 at CRF 23 or 28. Told: how many changed clips have the
lead at the right place (within 0.15 s), and how many untouched ones have any of that kind. Also measured, and not
shipped: noise that differs over the picture (`noise`), tried on pasted regions. Double compression is not measured:
nearly every clip of the set was encoded more than once before it came here, so nobody knows a false alarm.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.detector_changes import excerpt, shared_clips
from core.clip import RGB, Clip
from core.video import open_clip, write_clip
from detector.leads import Lead, SmallPictures, leads_of

NEAR_S = 0.15
_TILES = 12


def cases_of(frames: RGB, fps: float, other: RGB, seed: int) -> Iterator[tuple[str, RGB, float | None]]:
    """(kind of lead that is right, frames, where) for each change; where is None for the untouched clip."""
    rng = np.random.default_rng(seed)
    count = len(frames)
    yield "untouched", frames, None
    length = round((0.5 + 0.5 * rng.random()) * fps)
    first = round((0.3 + 0.5 * rng.random()) * fps)
    later = min(count - 1, first + length + round(fps * (0.5 + rng.random())))
    yield (
        "repeated_frames",
        np.concatenate([frames[:later], frames[first : first + length], frames[later:]]),
        later / fps,
    )
    still = round((0.3 + 0.3 * rng.random()) * fps)
    at = round((1.0 + rng.random()) * fps)
    frozen = frames.copy()
    frozen[at : at + still] = frames[at]
    yield "frozen_frames", frozen, at / fps
    half = count // 2
    yield "cut", np.concatenate([frames[:half], other[half:count]]), half / fps


def noise_map(frames: RGB) -> NDArray[np.float64]:
    """How far each tile's noise lies off what its brightness and texture lead to expect, in deviations."""
    chosen = frames[:: max(1, len(frames) // 12)][:12]
    grey = np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in chosen]).astype(np.float32)
    rest = np.stack([one - cv2.medianBlur(one.astype(np.uint8), 3).astype(np.float32) for one in grey])
    rows = []
    for band in np.array_split(np.arange(grey.shape[1]), _TILES):
        for column in np.array_split(np.arange(grey.shape[2]), _TILES):
            piece, tile = rest[:, band][:, :, column], grey[:, band][:, :, column]
            rows.append(
                [np.log(1e-2 + np.abs(piece).mean()), tile.mean() / 255, np.log(1 + tile.std(axis=(1, 2)).mean())]
            )
    table = np.array(rows)
    known = np.column_stack([np.ones(len(table)), table[:, 1], table[:, 1] ** 2, table[:, 2], table[:, 2] ** 2])
    left = table[:, 0] - known @ np.linalg.lstsq(known, table[:, 0], rcond=None)[0]
    return (left / (1.4826 * np.median(np.abs(left - np.median(left))) + 1e-6)).reshape(_TILES, _TILES)


def noise_score(frames: RGB) -> float:
    """The strongest mean over any 4 x 4 tiles: what a pasted region would raise."""
    found = cv2.blur(noise_map(frames), (4, 4))
    return float(np.abs(found).max())


def _pasted(frames: RGB, other: RGB) -> RGB:
    height, width = frames.shape[1:3]
    changed = frames.copy()
    inside = np.s_[
        :, height // 4 : height // 4 + round(height * 0.45), width // 3 : width // 3 + round(width * 0.45)
    ]
    changed[inside] = other[inside]
    return changed


def told_of(frames: RGB, fps: Fraction, crf: int, folder: Path) -> tuple[tuple[Lead, ...], RGB]:
    """The leads in frames after an encoding, and the decoded frames."""
    height, width = (side // 2 * 2 for side in frames.shape[1:3])
    path = folder / "clip.mp4"
    write_clip(
        Clip.from_array(np.ascontiguousarray(frames[:, :height, :width]), fps), path, crf=crf, preset="veryfast"
    )
    collected = SmallPictures()
    decoded = collected.along(open_clip(path)).to_array()
    return leads_of(collected), decoded


def measure(clips: list[Path], rows: Path | None) -> list[dict[str, Any]]:
    """A row for each case of each clip; the clip after it lends foreign pictures."""
    found = []
    excerpts = [(path, *taken) for path in clips if (taken := excerpt(path)) is not None]
    for number, (path, frames, fps) in enumerate(excerpts):
        lender = excerpts[(number + 1) % len(excerpts)][1]
        size = (frames.shape[2], frames.shape[1])
        other = np.stack([cv2.resize(lender[i % len(lender)], size) for i in range(len(frames))])
        with tempfile.TemporaryDirectory() as name:
            for kind, changed, where in cases_of(frames, float(fps), other, number):
                leads, decoded = told_of(changed, fps, (23, 28)[number % 2], Path(name))
                row: dict[str, Any] = {"clip": path.name, "case": kind, "kinds": [one.kind for one in leads]}
                row["hit"] = where is not None and any(
                    one.kind == kind and abs(one.start_s - where) <= NEAR_S for one in leads
                )
                if where is None:
                    pasted = told_of(_pasted(frames, other), fps, (23, 28)[number % 2], Path(name))[1]
                    row["noise"] = [noise_score(decoded), noise_score(pasted)]
                found.append(row)
                if rows is not None:
                    with rows.open("a") as log:
                        log.write(json.dumps(row) + "\n")
    return found


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Found where made, told where nothing was, by kind; how well noise tells pasted from untouched."""
    by_case: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_case[row["case"]].append(row)
    untouched = by_case.pop("untouched", [])
    figures: dict[str, Any] = {
        kind: {
            "found": sum(row["hit"] for row in found),
            "of": len(found),
            "false": sum(kind in row["kinds"] for row in untouched),
            "untouched": len(untouched),
            "false_in": [row["clip"] for row in untouched if kind in row["kinds"]],
        }
        for kind, found in by_case.items()
    }
    pairs = np.array([row["noise"] for row in untouched if "noise" in row])
    if len(pairs):
        above = pairs[None, :, 1] > pairs[:, None, 0]
        figures["noise_auc"] = round(float(above.mean()), 3)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="six clips")
    parser.add_argument("--clips", type=int, default=0, help="only so many clips")
    parser.add_argument("--rows", type=Path, help="also write every case as a JSON line")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    chosen = sorted(shared_clips(), key=lambda path: sha256(path.name.encode()).hexdigest())
    count = given.clips or (6 if given.quick else len(chosen))
    figures = {"schema": "reelproof.bench.detector-leads/1", **summary(measure(chosen[:count], given.rows))}
    print(json.dumps(figures) if given.json else json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
