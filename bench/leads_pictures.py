"""Clips untouched, and changed in the ways that leads in the pictures are meant to show (`bench.detector_leads`).

Each clip's first four seconds at 480 px, encoded with x264 at CRF 23 or 28. A lead is found where its kind is told
within 0.15 s of the right place, and false where its kind is told of the untouched clip.
"""

import tempfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.detector_changes import excerpt, is_sealed
from core.clip import RGB, Clip
from core.video import open_clip, write_clip
from detector.leads import Lead, SmallPictures, leads_of

NEAR_S = 0.15
KINDS = ("repeated_frames", "frozen_frames", "cut")


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


def told_of(frames: RGB, fps: Fraction, crf: int, folder: Path) -> tuple[Lead, ...]:
    """The leads in frames after an encoding."""
    height, width = (side // 2 * 2 for side in frames.shape[1:3])
    path = folder / "clip.mp4"
    whole = np.ascontiguousarray(frames[:, :height, :width])
    write_clip(Clip.from_array(whole, fps), path, crf=crf, preset="veryfast")
    collected = SmallPictures()
    for _ in collected.along(open_clip(path)).frames():
        pass
    return leads_of(collected)


def rows_of(paths: Sequence[Path], done: set[str]) -> Iterator[dict[str, Any]]:
    """A row for each case of each clip that is not done; the clip after it lends foreign pictures."""
    fit = [(path, *taken) for path in paths if (taken := excerpt(path)) is not None]
    for number, (path, frames, fps) in enumerate(fit):
        if path.name in done:
            continue
        lender = fit[(number + 1) % len(fit)][1]
        size = (frames.shape[2], frames.shape[1])
        other = np.stack([cv2.resize(lender[i % len(lender)], size) for i in range(len(frames))])
        half = "held out" if is_sealed(path) else "chosen on"
        with tempfile.TemporaryDirectory() as name:
            for case, changed, where in cases_of(frames, float(fps), other, number):
                leads = told_of(changed, fps, (23, 28)[number % 2], Path(name))
                hit = any(one.kind == case and abs(one.start_s - (where or 0.0)) <= NEAR_S for one in leads)
                kinds = [one.kind for one in leads]
                yield {"clip": path.name, "half": half, "case": case, "kinds": kinds, "hit": hit}


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Found where made, told where nothing was, by kind."""
    untouched = [row for row in rows if row["case"] == "untouched"]
    return {
        kind: {
            "found": sum(row["hit"] for row in rows if row["case"] == kind),
            "of": sum(row["case"] == kind for row in rows),
            "false": sum(kind in row["kinds"] for row in untouched),
            "untouched": len(untouched),
            "false_in": [row["clip"] for row in untouched if kind in row["kinds"]],
        }
        for kind in KINDS
    }
