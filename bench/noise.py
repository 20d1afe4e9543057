"""Does the noise mark come back? `python -m bench.noise [--quick] [--json] [--jobs N]`

Clips of held-out prompts are sampled by the embedded model from marked latents, pixel-marked as a release is,
attacked, inverted blind and read. Then the null: wrong keys on the same inverted latents, clips that carry no mark,
normality of the latents, and what an attacker who averages clips of one key learns. Rows are kept in
out/bench/noise/*.jsonl and not made twice; the tables go to out/bench/noise/noise.md.

The reader was tuned on the first 24 held-out prompts; figures are of the 26 after them.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track

from bench.noise_attacks import ATTACKS
from bench.noise_null import averaging, normality, quality, unmarked, wrong_keys
from bench.noise_report import curve, tables
from core.clip import Clip
from generator.embedded.backend import EmbeddedBackend, EmbeddedInverter, Fit
from generator.port import GenerationRequest, Latents
from generator.scenes import caption, held_out_specs
from watermark.noise import NoiseWatermark
from watermark.payload import Payload
from watermark.pixel import PixelWatermark

OUT = Path("out/bench/noise")
KEY_ID, KEY = 1, bytes(range(32))
PROMPTS, TUNED_ON, GEOMETRY_CLIPS = 50, 24, 8
QUICK_CLIPS, QUICK_ATTACKS = 2, ("none", "CRF 28", "VAE")
PIXEL_TOO = ("none", "CRF 28", "VAE", "VAE, CRF 28", *(a for a in ATTACKS if a.startswith("regenerated")))

Row = dict[str, Any]


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(prog="bench.noise", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 clips, 3 attacks, a small null")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, nothing else")
    parser.add_argument("--jobs", type=int, default=2, help="processes for the clips")
    parser.add_argument("--attack", action="append", choices=ATTACKS, help="only this one, and no null; or more")
    arguments = parser.parse_args()
    if arguments.attack:
        (OUT / "latents").mkdir(parents=True, exist_ok=True)
        _measure_clips(OUT, list(range(TUNED_ON, PROMPTS)), tuple(arguments.attack), arguments.jobs, arguments.json)
        print(json.dumps(counted(read_rows(OUT / "clips.jsonl"), arguments.attack), indent=1))
        return
    found = measure(OUT / "quick" if arguments.quick else OUT, arguments.quick, arguments.jobs, arguments.json)
    print(json.dumps(found) if arguments.json else tables(found))


def measure(folder: Path, quick: bool, jobs: int, quiet: bool) -> dict[str, Any]:
    """Every figure of the bench; rows already in `folder` are taken as they are."""
    (folder / "latents").mkdir(parents=True, exist_ok=True)
    indices = list(range(TUNED_ON, TUNED_ON + QUICK_CLIPS if quick else PROMPTS))
    attacks = QUICK_ATTACKS if quick else tuple(ATTACKS)
    _measure_clips(folder, indices, attacks, jobs, quiet)
    found: dict[str, Any] = {"clips": read_rows(folder / "clips.jsonl")}
    latents = [np.load(path) for path in sorted((folder / "latents").glob("*.npy"))]
    for name, part in {
        "normality": lambda: normality(20 if quick else 200),
        "quality": lambda: quality(4 if quick else 26),
        "averaging": lambda: averaging(quick),
        "unmarked": lambda: unmarked(2 if quick else 12),
        "wrong_keys": lambda: wrong_keys(latents, 2 if quick else 200),
    }.items():
        path = folder / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps(part()))
        found[name] = json.loads(path.read_text())
    (folder / "noise.md").write_text(tables(found))
    curve(found, folder)
    return found


def counted(rows: list[Row], attacks: list[str]) -> dict[str, dict[str, float]]:
    """For each attack how many clips were measured, seen at 1e-6 and read exactly, and the least z of all signs."""
    found = {}
    for attack in attacks:
        of_it = [row for row in rows if row["attack"] == attack and row["fit"] == "scaled"]
        found[attack] = {
            "clips": len(of_it),
            "seen": sum(row["detected"] for row in of_it),
            "exact": sum(row["exact"] for row in of_it),
            "least_z": min((row["z"] for row in of_it), default=0.0),
        }
    return found


def _measure_clips(folder: Path, indices: list[int], attacks: tuple[str, ...], jobs: int, quiet: bool) -> None:
    path = folder / "clips.jsonl"
    done = {(row["clip"], row["attack"], row["fit"]) for row in read_rows(path)}
    missing = {
        i: [a for a in attacks if _is_measured(i, a) and any((i, a, fit) not in done for fit in fits(a))]
        for i in indices
    }
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool, path.open("a") as rows:
        tasks = [pool.submit(clip_rows, i, names, str(folder)) for i, names in missing.items() if names]
        for task in track(as_completed(tasks), "clips", total=len(tasks), disable=quiet):
            rows.writelines(json.dumps(row) + "\n" for row in task.result())
            rows.flush()


def _is_measured(index: int, attack: str) -> bool:
    """Every clip gets the attacks that the pixel mark is compared on; the first eight get the others, too."""
    return attack in PIXEL_TOO or index < TUNED_ON + GEOMETRY_CLIPS


def fits(attack: str) -> tuple[Fit, ...]:
    """How the reader lays the attacked clip: crops are tried as they were cut, too."""
    return ("scaled", "cut") if " px off" in attack else ("scaled",)


def read_rows(path: Path) -> list[Row]:
    """The rows of a JSON lines file; none where it is missing."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@lru_cache(maxsize=1)
def _backend() -> EmbeddedBackend:
    torch.set_num_threads(1)
    return EmbeddedBackend.load()


def clip_rows(index: int, attacks: list[str], folder: str) -> list[Row]:
    """One clip through these attacks, a row per attack and way of laying it."""
    prompt = prompts()[index]
    payload = Payload(KEY_ID, int(np.random.default_rng([index, 1]).integers(0, 1 << 56)))
    backend = _backend()
    request = GenerationRequest(prompt, seed=index)
    shape = backend.latent_spec(request).shape
    noise = NoiseWatermark().initial_latents(shape, payload, KEY, np.random.default_rng(index))
    released = PixelWatermark().embed(backend.generate(request, noise).clip, payload, KEY)
    released = Clip.from_array(released.to_array(), released.info.fps)
    rows = []
    for name in attacks:
        attacked = ATTACKS[name](backend, released, prompt, 10_000 + index)
        pixel = _pixel(attacked, payload) if name in PIXEL_TOO else {}
        for fit in fits(name):
            found = EmbeddedInverter(backend, fit=fit).invert(attacked)
            if name == "CRF 28":
                np.save(Path(folder) / "latents" / f"{index}.npy", found)
            rows.append({"clip": index, "attack": name, "fit": fit, **_reading(found, noise, payload), **pixel})
    return rows


def prompts() -> list[str]:
    """The held-out prompts, in the order of their scenes."""
    rng = np.random.default_rng(11)
    return [caption(spec, rng) for spec in held_out_specs(PROMPTS)]


def _reading(found: Latents, noise: Latents, payload: Payload) -> Row:
    mark = NoiseWatermark()
    extraction = mark.extract(found, {KEY_ID: KEY})
    confirmed = mark.confirm(found, payload, KEY)
    return {
        "agreement": float((np.sign(found) == np.sign(noise)).mean()),
        "p_value": extraction.p_value,
        "z": extraction.z,
        "detected": extraction.p_value <= extraction.false_positive_rate,
        "exact": extraction.found and extraction.short_id == payload.short_id,
        "wrong_id": extraction.found and extraction.short_id != payload.short_id,
        "confirmed": confirmed.found,
        "confirm_z": confirmed.z,
    }


def _pixel(clip: Clip, payload: Payload) -> Row:
    extraction = PixelWatermark().extract(clip, {KEY_ID: KEY}, blind=False)
    return {"pixel_exact": extraction.payload == payload, "pixel_z": extraction.z}


if __name__ == "__main__":
    main()
