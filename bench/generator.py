"""Does the embedded model do what it is told?

    python -m bench.generator [--quick] [--prompts N] [--parts scenes,noise,...] [--json]

- scenes: prompts whose (colour, shape, motion) training never saw are sampled, and colour and shape of the main
  object are read off the pixels; also flicker, warp error, smoothness, the autoencoder's PSNR, time and memory.
  Beside each score stands its ceiling: the same reading on rendered scenes, and on those through the autoencoder.
- noise: how much of the initial noise comes back after the autoencoder and after H.264.
- steps: the same prompts (at most 40) with fewer sampling steps.
- pairs, falls, moves, guided, given, long: two objects, gravity, camera, strokes, given frames, twenty seconds.
- pipeline: seconds and memory of a whole `reelproof generate` of 3 s, marks and credential included.
- gallery: a strip of frames a prompt, for the documentation and the studio.

Each part's figures stand in out/bench/generator/figures.json as soon as they are measured (figures-words-alone.json
with `--words-alone`).
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.progress import track

from bench.generator_calm import flicker, warp_and_smoothness
from bench.generator_following import following_parts, noise_of
from bench.generator_gallery import make_gallery
from bench.generator_pipeline import pipeline_costs
from bench.generator_reading import Reading, read_clip
from bench.generator_steps import steps_compared
from core.clip import RGB, Clip
from core.files import write_atomically
from core.video import open_clip, write_clip
from generator.embedded.backend import EmbeddedBackend, EmbeddedInverter
from generator.embedded.grid import to_frames, to_unit
from generator.port import GenerationRequest, Latents
from generator.scenes import SceneSpec, caption, held_out_specs, render_scene
from generator.training.vae_stage import held_out_psnr

OUT = Path("out/bench/generator")
PROMPTS, QUICK_PROMPTS = 200, 10
INVERTED, QUICK_INVERTED = 8, 2
STEPPED = 40
Part = Callable[[], dict[str, Any]]


def main() -> None:
    """Run the bench and print its figures."""
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="bench.generator", description=__doc__, formatter_class=style)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_PROMPTS} prompts, a few of the rest")
    parser.add_argument("--prompts", type=int, help=f"held-out prompts, taken evenly from the {PROMPTS}")
    parser.add_argument("--parts", help="some of the parts above, commas between; all without it")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, nothing else")
    parser.add_argument("--weights", type=Path, help="a weights folder instead of the shipped one")
    parser.add_argument("--guidance", type=float, help="guidance scale instead of the default")
    parser.add_argument("--steps", type=int, help="sampling steps instead of the default")
    parser.add_argument("--words-alone", action="store_true", help="prompts are not planned into places")
    parser.add_argument("--gallery", type=Path, default=OUT / "gallery", help="where the gallery's pictures go")
    arguments = parser.parse_args()
    backend = EmbeddedBackend.load(folder=arguments.weights)
    backend.plans_prompts = not arguments.words_alone
    parts = parts_of(backend, arguments)
    wanted = arguments.parts.split(",") if arguments.parts else [*parts]
    if unknown := set(wanted) - set(parts):
        parser.error(f"no part named {', '.join(sorted(unknown))}: there are {', '.join(parts)}")
    kept = OUT / ("figures-words-alone.json" if arguments.words_alone else "figures.json")
    found = measure({name: parts[name] for name in wanted}, kept, backend.model.digest)
    if arguments.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:36s} {value}")


def measure(parts: Mapping[str, Part], kept: Path, weights_sha256: str) -> dict[str, Any]:
    """The figures of these parts. Each stands in the file `kept` as soon as it is measured, beside those of earlier
    runs with the same weights.
    """
    found: dict[str, Any] = {"weights_sha256": weights_sha256}
    before = json.loads(kept.read_text()) if kept.is_file() else {}
    stands = before if before.get("weights_sha256") == weights_sha256 else dict(found)
    for part in parts.values():
        measured = part()
        found |= measured
        stands |= measured
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, json.dumps(stands, indent=1).encode())
    return found


def parts_of(backend: EmbeddedBackend, chosen: argparse.Namespace) -> dict[str, Part]:
    """What can be measured, by name."""
    count = QUICK_PROMPTS if chosen.quick else min(chosen.prompts or PROMPTS, PROMPTS)
    specs, rng = held_out_specs(PROMPTS), np.random.default_rng(11)
    prompts = [caption(spec, rng) for spec in specs]
    picked = [index * PROMPTS // count for index in range(count)]
    choices = {"guidance_scale": chosen.guidance, "steps": chosen.steps}
    requests = [GenerationRequest(prompts[index], seed=index, **choices) for index in picked]
    inverted = requests[: QUICK_INVERTED if chosen.quick else INVERTED]
    return {
        "scenes": lambda: _scenes(backend, [specs[index] for index in picked], requests, chosen.json),
        "noise": lambda: noise_recovery(backend, inverted, chosen.json),
        "steps": lambda: steps_compared(
            backend, [specs[index] for index in picked[:STEPPED]], requests[:STEPPED], chosen.json
        ),
        **following_parts(backend, quick=chosen.quick, quiet=chosen.json, **choices),
        "pipeline": pipeline_costs,
        "gallery": lambda: make_gallery(backend, chosen.gallery, quiet=chosen.json),
    }


def _scenes(
    backend: EmbeddedBackend, specs: list[SceneSpec], requests: list[GenerationRequest], quiet: bool
) -> dict[str, Any]:
    """One object by colour and shape, calm and smoothness, and the autoencoder, each beside its ceiling."""
    backend.generate(requests[0], noise_of(backend, requests[0]))
    peak_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    started = time.perf_counter()
    clips = [
        backend.generate(one, noise_of(backend, one)).clip.to_array()
        for one in track(requests, "sample", disable=quiet)
    ]
    seconds = (time.perf_counter() - started) / len(clips)
    contact_sheet(clips, OUT / "contact-sheet.png")
    rendered = [render_scene(spec).frames for spec in specs]
    found: dict[str, Any] = {"prompts": len(specs), "seconds_per_clip": round(seconds, 2), "peak_mb": peak_mb}
    made = {"sampled": clips, "rendered": rendered, "through_vae": list(through_vae(backend, rendered))}
    for name, shown in made.items():
        found |= scores(name, specs, [read_clip(frames) for frames in shown])
        found |= {f"{name}_{kind}": round(value, 4) for kind, value in calm_of(shown).items()}
    found["vae_psnr_db"] = round(held_out_psnr(backend.network.vae, backend.network.config, len(specs)), 2)
    return found


def scores(name: str, specs: list[SceneSpec], readings: list[Reading]) -> dict[str, float]:
    """Shares of clips whose colour and shape were read as the scene has them."""
    pairs = list(zip(specs, readings, strict=True))
    return {
        f"{name}_colour": round(float(np.mean([r.colour == s.colour for s, r in pairs])), 3),
        f"{name}_shape": round(float(np.mean([r.shape == s.shape for s, r in pairs])), 3),
    }


def through_vae(backend: EmbeddedBackend, clips: Iterable[RGB]) -> Iterator[RGB]:
    """Clips encoded and decoded: as well as the model could ever draw them."""
    for frames in clips:
        with torch.no_grad():
            vae = backend.network.vae
            yield to_frames(vae.decode(vae.encode(to_unit(frames)))[0])


def calm_of(clips: Iterable[RGB]) -> dict[str, float]:
    """Means over clips of `flicker`, `warp_error` (grey levels) and `smoothness`."""
    rows = np.array([(flicker(frames), *warp_and_smoothness(frames)) for frames in clips])
    return dict(zip(("flicker", "warp_error", "smoothness"), rows.mean(axis=0).tolist(), strict=True))


def noise_recovery(backend: EmbeddedBackend, requests: list[GenerationRequest], quiet: bool) -> dict[str, float]:
    """Mean share of initial-noise signs that come back, blind, from latents, frames and H.264 files."""
    inverter = EmbeddedInverter(backend)
    shares: dict[str, list[float]] = {}
    for request in track(requests, "invert", disable=quiet):
        noise = noise_of(backend, request)
        clip = backend.generate(request, noise).clip
        z = backend.denoised(request, backend.limits.plan(request), torch.from_numpy(noise))
        with torch.no_grad():
            shares.setdefault("signs_exact_latents", []).append(agreement(inverter.invert_latents(z), noise))
        shares.setdefault("signs_frames", []).append(agreement(inverter.invert(clip), noise))
        for crf in (23, 30):
            back = agreement(inverter.invert(h264(clip, crf)), noise)
            shares.setdefault(f"signs_h264_crf{crf}", []).append(back)
    return {name: round(float(np.mean(values)), 4) for name, values in shares.items()}


def agreement(found: Latents, noise: Latents) -> float:
    """Share of equal signs; 0.5 is chance."""
    return float((np.sign(found) == np.sign(noise)).mean())


def h264(clip: Clip, crf: int) -> Clip:
    """The clip after x264 at `crf`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_clip(clip, path, crf=crf)
        return Clip.from_array(open_clip(path).to_array(), clip.info.fps)


def contact_sheet(clips: list[RGB], path: Path, columns: int = 5) -> None:
    """Three frames of each clip, side by side, as one PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    strips = [np.concatenate([frames[i][::2, ::2] for i in (0, len(frames) // 2, -1)], axis=1) for frames in clips]
    strips += [np.zeros_like(strips[0])] * (-len(strips) % columns)
    rows = [np.concatenate(strips[i : i + columns], axis=1) for i in range(0, len(strips), columns)]
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1])


if __name__ == "__main__":
    main()
