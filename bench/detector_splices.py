"""Two releases joined into one clip, and how often that is told and where: real clips and drawn ones, small sizes.

    python -m bench.detector_splices [--quick] [--scenes N] [--pictures] [--rows FILE] [--json]

Every scene is marked, signed and registered at its own size (up to 480 px) or shrunk to 256 px. Two releases are
joined at a cut drawn at random, each showing at least a second, the second scaled to the size of the first; x264 at
CRF 20 or 28. Against it stand splices of a release with footage that nobody released, and single seconds of every
real clip looked up among all the others. `--pictures` leaves marks and signatures out: what the comparison of
pictures tells alone, at a tenth of the cost. With `--rows` what a killed run has measured is not measured again.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.detector_changes import excerpt, is_sealed, shared_clips
from bench.detector_files import Scene, Studio, drawn
from core.clip import RGB, Clip
from core.video import open_clip, write_clip
from detector.joining import shown_in
from detector.verdict import Verdict
from provenance.fingerprint import SAMPLES_PER_S, fingerprint_clip
from provenance.records import Fingerprint, Release
from provenance.repository import MemoryManifestRepository

SMALL_PX, SECONDS = 256, 3.0
NEAR_S = 0.25


def scenes(count: int) -> list[Scene]:
    """Real clips of the development half and drawn scenes in turn; every second one shrunk to 256 px."""
    try:
        real = sorted((one for one in shared_clips() if not is_sealed(one)), key=lambda one: one.stem[-6:])
    except SystemExit:
        real = []
    found: list[Scene] = []
    for path in real:
        taken = excerpt(path) if len(found) < count * 3 // 4 else None
        if taken is not None:
            found.append(Scene(path.stem, taken[0][: round(SECONDS * taken[1])], taken[1]))
    found += [drawn(seed + 1) for seed in range(count - len(found))]
    return [_shrunk(one) if number % 2 else one for number, one in enumerate(found)]


def _shrunk(scene: Scene) -> Scene:
    height, width = scene.frames.shape[1:3]
    scale = min(1.0, SMALL_PX / max(height, width))
    size = (2 * round(width * scale / 2), 2 * round(height * scale / 2))
    return Scene(f"{scene.name}-256", _scaled(scene.frames, size), scene.fps)


def _scaled(frames: RGB, size: tuple[int, int]) -> RGB:
    return np.stack([cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in frames])


def splices(folder: Path, count: int, known: set[str]) -> Iterator[dict[str, Any]]:
    """A row for each splice: each release with the two after it, and with foreign footage."""
    studio = Studio.opened(folder)
    for number, scene in enumerate(scenes(count)):
        (studio.foreign if number % 4 == 3 else studio.scenes).append(
            scene if number % 4 == 3 else studio.released(scene)
        )
    rng = np.random.default_rng(5)
    released = studio.scenes
    for number, scene in enumerate(released):
        others = [released[(number + step) % len(released)] for step in (1, 2)]
        for other in (*others, studio.foreign[number % len(studio.foreign)]):
            cuts, crf = rng.uniform(0.4, 0.6, 2), int(rng.choice([20, 28]))
            name = f"{scene.name} + {other.name}"
            if name not in known:
                yield {"name": name, "ours": other.clip is not None} | _judged(studio, scene, other, cuts, crf)


def by_pictures(count: int, known: set[str]) -> Iterator[dict[str, Any]]:
    """The rows of the same splices, told by `shown_in` alone."""
    repository = MemoryManifestRepository()
    released, foreign = [], []
    for number, scene in enumerate(scenes(count)):
        (foreign if number % 4 == 3 else released).append(scene)
        if number % 4 != 3:
            fingerprint = fingerprint_clip(Clip.from_array(scene.frames, scene.fps))
            repository.put(Release(scene.name, f"{number:064x}", b"", (), fingerprint, ""))
    rng = np.random.default_rng(5)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "joined.mp4"
        for number, scene in enumerate(released):
            others = [released[(number + step) % len(released)] for step in (1, 2)]
            for other in (*others, foreign[number % len(foreign)]):
                cuts, crf = rng.uniform(0.4, 0.6, 2), int(rng.choice([20, 28]))
                pair = f"{scene.name} + {other.name}"
                if pair in known:
                    continue
                size, cut_s = _write_joined(scene, other, cuts, crf, path)
                clip = open_clip(path)
                parts = shown_in(clip, fingerprint_clip(clip), repository).parts
                error = min((abs(one.start_s - cut_s) for one in parts[1:]), default=None)
                yield {
                    "name": pair, "ours": other in released, "size": list(size), "crf": crf,
                    "said": "conflict" if parts else "", "headline": "", "cut_error_s": error,
                    "named": [one.manifest_id for one in parts] == [scene.name, other.name],
                    "found_by": sorted({one.found_by for one in parts}),
                }  # fmt: skip


def _judged(studio: Studio, scene: Scene, other: Scene, cuts: Any, crf: int) -> dict[str, Any]:
    path = studio.folder / "joined.mp4"
    size, cut_s = _write_joined(scene, other, cuts, crf, path)
    verdict = studio.detector.verify(path)
    error = _cut_error(verdict, cut_s)
    named = [one["content_hex"] for one in verdict.parts]
    wanted = [one.payload.content_hex for one in (scene, other) if one.payload is not None]
    return {
        "size": list(size), "crf": crf, "said": str(verdict.conclusion), "headline": verdict.headline,
        "named": named == wanted, "cut_error_s": error,
        "found_by": sorted({one["found_by"] for one in verdict.parts}),
    }  # fmt: skip


def _write_joined(scene: Scene, other: Scene, cuts: Any, crf: int, path: Path) -> tuple[tuple[int, int], float]:
    """Write both scenes joined, in the first one's size and rate; gives the size and where the cut is (s)."""
    first, second = _shown(scene), _at_rate(_shown(other), other.fps, scene.fps)
    size = (first.shape[2], first.shape[1])
    left = first[: round(cuts[0] * len(first))]
    both = np.concatenate([left, _scaled(second[round(cuts[1] * len(second)) :], size)])
    write_clip(Clip.from_array(np.ascontiguousarray(both), Fraction(scene.fps)), path, crf=crf, preset="veryfast")
    return size, len(left) / float(scene.fps)


def _at_rate(frames: RGB, fps: Fraction, wanted: Fraction) -> RGB:
    """The frames at another rate and the same speed, as an editing program lays them on a timeline."""
    count = round(len(frames) * wanted / fps)
    return frames[[min(len(frames) - 1, int(i * fps / wanted)) for i in range(count)]]


def _shown(scene: Scene) -> RGB:
    return scene.frames if scene.clip is None else open_clip(scene.clip).to_array()


def _cut_error(verdict: Verdict, cut_s: float) -> float | None:
    starts = [one["start_s"] for one in verdict.parts[1:]]
    return min((abs(start - cut_s) for start in starts), default=None)


def lookups() -> dict[str, int]:
    """Single seconds of every real clip looked up among all the other real clips: none is there."""
    repository = MemoryManifestRepository()
    held = []
    for path in shared_clips():
        taken = excerpt(path)
        if taken is not None:
            fingerprint = fingerprint_clip(Clip.from_array(*taken))
            held.append((path.stem, taken, fingerprint))
            repository.put(Release(path.stem, "", b"", (), fingerprint, ""))
    seconds = wrong = joined = 0
    for name, (frames, fps), fingerprint in held:
        others = _Without(repository, name)
        for start in range(0, len(fingerprint.hashes) - SAMPLES_PER_S + 1, SAMPLES_PER_S):
            inside = slice(start, start + SAMPLES_PER_S)
            one = Fingerprint(fingerprint.alg, fingerprint.hashes[inside], fingerprint.quality[inside], 1.0)
            seconds += 1
            wrong += any(score >= 0.8 for _, score in others.find_by_fingerprint(one, 3))
        joined += bool(shown_in(Clip.from_array(frames, fps), fingerprint, others).parts)
    return {"clips": len(held), "seconds": seconds, "seconds_wrong": wrong, "clips_called_joined": joined}


class _Without:
    """A repository in which one release is missing."""

    def __init__(self, repository: MemoryManifestRepository, missing: str) -> None:
        self._repository, self._missing = repository, missing

    def get(self, manifest_id: str) -> Release | None:
        """The release under a manifest ID."""
        return None if manifest_id == self._missing else self._repository.get(manifest_id)

    def find_by_binding(self, binding: Any) -> list[Release]:
        """None: these releases carry no mark."""
        return []

    def find_by_fingerprint(self, fingerprint: Fingerprint, limit: int = 10) -> list[tuple[Release, float]]:
        """Releases that look like the clip, without the missing one."""
        found = self._repository.find_by_fingerprint(fingerprint, limit + 1)
        return [one for one in found if one[0].manifest_id != self._missing][:limit]


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """How many splices of ours are named with the cut near, and how many others are called joined."""
    ours = [one for one in rows if one["ours"]]
    near = [one for one in ours if one["named"] and one["cut_error_s"] is not None and one["cut_error_s"] <= NEAR_S]
    return {
        "ours": len(ours),
        "conflict": sum(one["said"] == "conflict" for one in ours),
        "named_and_near": len(near),
        "of_them_small": [
            sum(max(one["size"]) <= SMALL_PX for one in near), sum(max(one["size"]) <= SMALL_PX for one in ours)
        ],
        "by_pictures": sum(one["found_by"] == ["pictures"] for one in near),
        "with_foreign": sum(not one["ours"] for one in rows),
        "with_foreign_called_joined": sum(not one["ours"] and len(one["found_by"]) > 0 for one in rows),
        "missed": [f"{one['name']}: {one['headline']}" for one in ours if one not in near],
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="four scenes")
    parser.add_argument("--scenes", type=int, default=24, help="how many scenes, a quarter of them foreign")
    parser.add_argument("--pictures", action="store_true", help="only what the comparison of pictures tells")
    parser.add_argument("--rows", type=Path, help="also write every splice as a JSON line, and go on from there")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    before = given.rows.read_text().splitlines() if given.rows and given.rows.exists() else []
    rows = [json.loads(line) for line in before]
    with tempfile.TemporaryDirectory() as name:
        known = {row["name"] for row in rows}
        count = 4 if given.quick else given.scenes
        for row in by_pictures(count, known) if given.pictures else splices(Path(name), count, known):
            rows.append(row)
            if given.rows:
                with given.rows.open("a") as log:
                    log.write(json.dumps(row) + "\n")
    figures = {"schema": "reelproof.bench.detector-splices/1", **summary(rows), "lookups": lookups()}
    print(json.dumps(figures) if given.json else json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
