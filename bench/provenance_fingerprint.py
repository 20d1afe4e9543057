"""How often copies are known by their looks alone, by how, and how often other clips are taken for copies.

Excerpts of four seconds, 480 px on the long side, of every real clip of a second and a half or more; changed copies
of every `--step`-th, encoded, against the excerpt as a repository keeps it; and every pair of different clips, the
first as it came and the second as it is kept, both ways round by the order of their names. `drawn` does the same to
coloured shapes on plain backgrounds (two seconds, 256x256).

    python -m bench.provenance_fingerprint [--step 3] [--clips N] [--drawn N] [--rows FILE] [--json]

With `--rows` every result is kept as one JSON line, and another run goes on where that file ends.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.detector_changes import excerpt, shared_clips
from bench.provenance_recovery import Rows, levels, resized
from core.clip import RGB, Clip
from core.video import open_clip, write_clip
from provenance import fingerprint as fp
from provenance.placing import placement_of
from provenance.records import Fingerprint

_SHORTEST_S = 1.5
_Load = Callable[[], tuple[RGB, Fraction] | None]


def _letterboxed(frames: RGB) -> RGB:
    bar = int(frames.shape[1] * 0.14) // 2 * 2
    return np.pad(frames, ((0, 0), (bar, bar), (0, 0), (0, 0)))


def _window(share: float, *, across: float = 0.5, down: float = 0.5) -> Callable[[RGB], RGB]:
    """A window of this share of each side; `across` and `down` say where what is left over stays."""

    def change(frames: RGB) -> RGB:
        height, width = (2 * round(side * share / 2) for side in frames.shape[1:3])
        top, left = int((frames.shape[1] - height) * down), int((frames.shape[2] - width) * across)
        return frames[:, top : top + height, left : left + width]

    return change


def _captioned(share: float) -> Callable[[RGB], RGB]:
    """A black bar with white words over the bottom of the picture."""

    def change(frames: RGB) -> RGB:
        out, bar = frames.copy(), int(frames.shape[1] * share)
        out[:, -bar:] = 0
        place = (8, out.shape[1] - bar // 4)
        for one in out:
            cv2.putText(one, "BREAKING today", place, cv2.FONT_HERSHEY_SIMPLEX, bar / 40, (255,) * 3, 2)
        return out

    return change


def _turned(angle_deg: float) -> Callable[[RGB], RGB]:
    def change(frames: RGB) -> RGB:
        height, width = frames.shape[1:3]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle_deg, 1.0)
        return np.stack([cv2.warpAffine(one, matrix, (width, height)) for one in frames])

    return change


def _inserted(frames: RGB) -> RGB:
    """In the upper right quarter of a drifting noise field."""
    small = resized(0.5)(frames)
    field = cv2.resize(np.random.default_rng(3).integers(0, 255, (30, 50, 3), np.uint8), (1600, 1200))
    out = np.stack([field[i : i + frames.shape[1], 2 * i : 2 * i + frames.shape[2]] for i in range(len(frames))])
    out[:, : small.shape[1], -small.shape[2] :] = small
    return out


#: The change of the frames, and the CRF the copy is encoded with.
CHANGES: dict[str, tuple[Callable[[RGB], RGB], int]] = {
    "CRF 30": (lambda frames: frames, 30),
    "half size, CRF 36": (resized(0.5), 36),
    "brightness x 1.2": (levels(1.2), 28),
    "brightness x 0.5": (levels(0.5), 28),
    "first and last sixth cut": (lambda frames: frames[len(frames) // 6 : -(len(frames) // 6)], 30),
    "caption bar 12 %": (_captioned(0.12), 28),
    "caption bar 20 %": (_captioned(0.20), 28),
    "letterbox 14 %": (_letterboxed, 28),
    "mirrored": (lambda frames: frames[:, :, ::-1], 30),
    "window of .90 of each side": (_window(0.90), 28),
    "window of .71, off centre": (_window(0.71, across=0.2, down=0.9), 28),
    "window of .71, mirrored": (lambda frames: _window(0.71)(frames)[:, :, ::-1], 28),
    "window of .55, off centre": (_window(0.55, across=0.8, down=0.3), 28),
    "turned by 5 degrees": (_turned(5), 28),
    "turned by 10 degrees": (_turned(10), 28),
    "inserted at half size": (_inserted, 28),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", type=int, default=3, help="copies of every so many clips")
    parser.add_argument("--clips", type=int, default=1000, help="at most so many real clips")
    parser.add_argument("--drawn", type=int, default=0, help="so many drawn scenes in their place")
    parser.add_argument("--rows", type=Path, help="a file to go on from")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args()
    rows = Rows([given.rows] if given.rows else [])
    clips = list(drawn_clips(given.drawn) if given.drawn else real_clips())[: given.clips]
    print(json.dumps(measured(clips, given.step, rows), indent=None if given.json else 2))


def real_clips() -> Iterator[tuple[str, _Load]]:
    """Name and loader of each real clip beside the repository (REELPROOF_SHARED)."""
    for path in shared_clips():
        yield path.name, lambda path=path: excerpt(path, shortest_s=_SHORTEST_S, least_fps=0)  # type: ignore[misc]


def drawn_clips(count: int) -> Iterator[tuple[str, _Load]]:
    """Name and maker of each drawn scene."""
    from generator.scenes import draw_spec, render_scene

    rng = np.random.default_rng(5)
    for number in range(count):
        spec = draw_spec(rng)
        yield f"scene {number}", lambda spec=spec: (render_scene(spec).frames, Fraction(12))  # type: ignore[misc]


def measured(clips: list[tuple[str, _Load]], step: int, rows: Rows) -> dict[str, Any]:
    """Copies of every `step`-th clip, and all pairs: rows first, then their sums."""
    originals: dict[str, Fingerprint] = {}
    bytes_a_second = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, load) in enumerate(clips):
            loaded = load()
            if loaded is None:
                continue
            original = fp.fingerprint_clip(Clip.from_array(*loaded))
            kept = _as_kept(original)
            for other, earlier in originals.items():
                rows.measured("pair", other, name, partial(_told, earlier, kept))
            originals[name] = original
            if original.landmarks is not None:
                bytes_a_second.append(len(original.landmarks.to_bytes()) / original.duration_s)
            for change, made in CHANGES.items() if number % step == 0 else ():
                rows.measured("copy", change, name, partial(_copied, loaded, made, kept, Path(folder)))
    table = tables(rows)
    return table | {"clips": len(originals), "landmark_bytes_a_second": round(float(np.mean(bytes_a_second)))}


def tables(rows: Rows) -> dict[str, Any]:
    """Copies by their change, and the pairs that look alike or agree."""
    copies = {}
    for change in CHANGES:
        held = [row for row in rows.of("copy") if row["case"] == change]
        by = [row["by"] for row in held]
        copies[change] = {"copies": len(held), "agree": sum(map(bool, by)), "by_hashes": by.count("hashes")}
    pairs = rows.of("pair")
    motions = sorted((row["motion"] for row in pairs if row["motion"] is not None and not row["by"]), reverse=True)
    besides = [row.get("beside") for row in pairs if not row["by"]]
    beside = sorted((one for one in besides if one is not None), reverse=True)
    return {
        "copies": copies,
        "pairs": len(pairs),
        "look_alike": sum(row["bits"] is not None and row["bits"] <= fp.AGREE_BITS for row in pairs),
        "placed": sum(row["features"] >= 10 for row in pairs),
        "agree": [[row["case"], row["clip"], row["by"]] for row in pairs if row["by"]],
        "placed_motion_highest": motions[:5],
        "placed_motion_beside_highest": beside[:5],
    }


def _copied(
    loaded: tuple[RGB, Fraction], made: tuple[Callable[[RGB], RGB], int], original: Fingerprint, folder: Path
) -> dict[str, Any]:
    frames = made[0](loaded[0])
    even = np.ascontiguousarray(frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2])
    path = folder / "copy.mp4"
    write_clip(Clip.from_array(even, loaded[1]), path, crf=made[1], preset="veryfast")
    return _told(fp.fingerprint_clip(open_clip(path)), original)


def _told(query: Fingerprint, reference: Fingerprint) -> dict[str, Any]:
    """What agreed ("hashes", "landmarks" or nothing), and the figures behind it."""
    without = fp.similarity(query.with_landmarks(None), reference)
    placed = None
    if query.landmarks is not None and reference.landmarks is not None:
        placed = placement_of(query.landmarks, reference.landmarks)
    by = "hashes" if without.agrees else "landmarks" if placed is not None and placed.agrees else ""
    return {
        "by": by,
        "bits": fp.quantile_bits(query, reference),
        "features": placed.features if placed is not None else 0,
        "likeness": round(placed.likeness, 3) if placed is not None else None,
        "motion": round(placed.motion, 3) if placed is not None and placed.motion is not None else None,
        "beside": round(placed.motion_beside, 3)
        if placed is not None and placed.motion_beside is not None
        else None,
    }


def _as_kept(one: Fingerprint) -> Fingerprint:
    return one.with_landmarks(one.landmarks.kept() if one.landmarks is not None else None)


if __name__ == "__main__":
    main()
