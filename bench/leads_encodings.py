"""Clips encoded once, and encoded twice with known first groups: what the footprint of the first encoding tells.

Footage that was never encoded is not at hand. Clips at half their size or less, whose file holds no key frame at
even distances, stand for it: scaling takes most traces of what was done before. Part of `bench.detector_leads`.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from bench.detector_changes import is_sealed
from core.clip import RGB
from core.video import open_clip
from detector.footprint import LEAST_PLACES, footprint_of
from detector.leads import FOOTPRINT_SCORE

LONG_SIDE_PX, SECONDS, LEAST_FRAMES, LEAST_FPS, LEAST_SIDE_PX = 480, 5.0, 72, 15, 500
Encoder = tuple[str, dict[str, str]]


def _x264(crf: int, preset: str, group: int = 250, *, plain: bool = False) -> Encoder:
    """`plain`: as a camera does it, no B frames and a key frame every `group` frames, whatever is shown."""
    camera = {"bf": "0", "sc_threshold": "0"} if plain else {}
    return "libx264", {"crf": str(crf), "preset": preset, "g": str(group), **camera}


ONCE: dict[str, Encoder] = {
    "CRF 18": _x264(18, "medium"),
    "CRF 23": _x264(23, "medium"),
    "CRF 28": _x264(28, "veryfast"),
    "CRF 23, groups of 30": _x264(23, "veryfast", 30, plain=True),
    "CRF 23, every fourth frame twice": _x264(23, "veryfast"),
}
FIRST: dict[str, Encoder] = {
    "x264 CRF 20, groups of 12": _x264(20, "veryfast", 12, plain=True),
    "x264 CRF 20, groups of 30": _x264(20, "veryfast", 30, plain=True),
    "x264 CRF 28, groups of 30": _x264(28, "veryfast", 30, plain=True),
    "MPEG-4 at quantiser 4, groups of 12": ("mpeg4", {"g": "12"}),
    "VP9 CRF 30, groups of 30": (
        "libvpx-vp9",
        {"crf": "30", "b:v": "0", "g": "30", "keyint_min": "30", "deadline": "realtime", "cpu-used": "5"},
    ),
    "x264 CRF 23, groups up to 250": _x264(23, "veryfast"),
}
SECOND: dict[str, Encoder] = {
    "CRF 18": _x264(18, "veryfast"),
    "CRF 23": _x264(23, "medium"),
    "CRF 28": _x264(28, "veryfast"),
}
_MPEG4_QUANTISER = 4
_UNBROKEN = 250
#: What a change of the frame rate does to a clip: no trace of an earlier encoding.
_REPEATING = "CRF 23, every fourth frame twice"
#: First encodings tried under every second one; the others only under CRF 23.
_UNDER_ALL = tuple(FIRST)[:3]


def encode(frames: RGB, fps: Fraction, encoder: Encoder, path: Path) -> None:
    """Frames (F, H, W, 3) as a video file: even sides, 4:2:0, one thread."""
    codec, options = encoder
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=fps, options=dict(options))
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.codec_context.thread_count = 1
        if codec == "mpeg4":
            stream.codec_context.gop_size = int(options["g"])
            stream.codec_context.qmin = stream.codec_context.qmax = _MPEG4_QUANTISER
            stream.codec_context.bit_rate = 10_000_000
        for picture in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())


def halved(path: Path) -> tuple[RGB, Fraction] | None:
    """The first five seconds at 480 px or half size; None where the clip can't stand for footage never encoded."""
    clip = open_clip(path, with_coding=True)
    long_side = max(clip.info.width_px, clip.info.height_px)
    if long_side < LEAST_SIDE_PX or clip.info.fps < LEAST_FPS:
        return None
    scale = min(LONG_SIDE_PX / long_side, 0.5)
    size = (2 * round(clip.info.width_px * scale / 2), 2 * round(clip.info.height_px * scale / 2))
    frames, keys = [], 0
    for frame in clip.timed_frames():
        if frame.time_s >= SECONDS:
            break
        keys += frame.coding is not None and frame.coding.kind == "I"
        frames.append(cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA))
    if len(frames) < LEAST_FRAMES or keys > LEAST_PLACES:
        return None
    return np.array(frames, np.uint8), clip.info.fps


def measured(path: Path, first: str, second: str) -> dict[str, Any]:
    """One encoded file's row; `first` is empty where it was encoded once."""
    codings = [frame.coding for frame in open_clip(path, with_coding=True).timed_frames()]
    found = footprint_of(codings)
    return {
        "first": first,
        "second": second,
        "kinds": "".join(one.kind if one else "-" for one in codings),
        "shares": [round(one.intra_share or 0.0, 4) if one else 0.0 for one in codings],
        "score": None if found is None else round(found.score, 3),
        "distance": None if found is None else found.distance,
    }


def rows_of(path: Path, done: set[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Every case of one clip that is not done, none where the clip is not fit."""
    once = {second: encoder for second, encoder in ONCE.items() if ("", second) not in done}
    twice = {
        first: kept
        for first in FIRST
        if (kept := [s for s in SECOND if (first in _UNDER_ALL or s == "CRF 23") and (first, s) not in done])
    }
    taken = halved(path) if once or twice else None
    if taken is None:
        return
    frames, fps = taken
    known = {"clip": path.name, "half": "held out" if is_sealed(path) else "chosen on"}
    with tempfile.TemporaryDirectory() as name:
        one, two = Path(name, "once.mkv"), Path(name, "twice.mkv")
        for second, encoder in once.items():
            shown = np.insert(frames, np.arange(3, len(frames), 4), frames[3::4], axis=0)
            encode(shown[: len(frames)] if second == _REPEATING else frames, fps, encoder, one)
            yield {**known, **measured(one, "", second)}
        for first, seconds in twice.items():
            encode(frames, fps, FIRST[first], one)
            decoded = open_clip(one).to_array()
            for second in seconds:
                encode(decoded, fps, SECOND[second], two)
                yield {**known, **measured(two, first, second)}


def untouched_row(path: Path) -> dict[str, Any]:
    """One clip as it came, whatever was done to it before: nobody knows what is right."""
    return {"clip": path.name, "half": "unknown", **measured(path, "unknown", "unknown")}


def untouched_summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many clips can be told of, and those told, with the distance."""
    known = [row for row in rows if row["score"] is not None]
    told = {row["clip"]: row["distance"] for row in known if row["score"] > FOOTPRINT_SCORE}
    return {"clips": len(rows), "telling": len(known), "told": told}


def _can_be_told(row: dict[str, Any]) -> bool:
    """Whether the first encoding's key frames come often enough; groups up to 250 never do, and are told apart."""
    group = int(row["first"].split()[-1])
    return group == _UNBROKEN or (len(row["kinds"]) - 1) // group >= LEAST_PLACES


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """False alarms over files encoded once, and found over files encoded twice, by their encodings."""
    once: dict[str, list[bool]] = defaultdict(list)
    twice: dict[str, list[bool]] = defaultdict(list)
    right = 0
    for row in rows:
        is_told = row["score"] is not None and row["score"] > FOOTPRINT_SCORE
        if not row["first"]:
            once[row["second"]].append(is_told)
        elif _can_be_told(row):
            twice[f"{row['first']}, then {row['second']}"].append(is_told)
            right += is_told and row["distance"] == int(row["first"].split()[-1])
    grouped = [told for case, found in twice.items() if f"up to {_UNBROKEN}" not in case for told in found]
    return {
        "encoded_before": {
            "found": sum(grouped),
            "of": len(grouped),
            "false": sum(map(sum, once.values())),
            "untouched": sum(map(len, once.values())),
        },
        "distance_right": right,
        "found_by_case": {case: [sum(found), len(found)] for case, found in twice.items()},
        "false_by_case": {case: [sum(found), len(found)] for case, found in once.items()},
        "auc": _area([row["score"] or 0.0 for row in rows if not row["first"]], rows),
    }


def _area(once: Sequence[float], rows: Sequence[dict[str, Any]]) -> float | None:
    """The area under the ROC curve of files encoded twice in groups that can be told, against encoded once."""
    twice = [
        row["score"] or 0.0
        for row in rows
        if row["first"] and f"up to {_UNBROKEN}" not in row["first"] and _can_be_told(row)
    ]
    if not once or not twice:
        return None
    above = np.array(twice)[:, None] - np.array(once)[None, :]
    return round(float((above > 0).mean() + (above == 0).mean() / 2), 3)
