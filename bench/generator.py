"""Does the embedded model do what it is told? `python -m bench.generator [--quick] [--json]`

Two hundred prompts whose (colour, shape, motion) training never saw are sampled, and colour and shape of the main
object are read off the pixels. Beside each score stands its ceiling: the same reading on the rendered scenes
themselves, and on those through the autoencoder. Also flicker, PSNR, times, and how much of the initial noise
comes back after the autoencoder and after H.264. A contact sheet goes to out/bench/generator.png.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.progress import track

from bench.generator_following import measure_following
from bench.generator_reading import Reading, read_clip
from core.clip import RGB, Clip
from core.video import open_clip, write_clip
from generator.embedded.backend import EmbeddedBackend, EmbeddedInverter
from generator.embedded.grid import to_frames, to_unit
from generator.port import GenerationRequest, Latents
from generator.scenes import SceneSpec, caption, held_out_specs, render_scene
from generator.training.vae_stage import held_out_psnr

OUT = Path("out/bench")
PROMPTS, QUICK_PROMPTS = 200, 10
INVERTED, QUICK_INVERTED = 8, 2


def main() -> None:
    """Run the bench and print its figures."""
    parser = argparse.ArgumentParser(prog="bench.generator", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 prompts instead of 200")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, nothing else")
    parser.add_argument("--weights", type=Path, help="a weights folder instead of the shipped one")
    parser.add_argument("--guidance", type=float, help="guidance scale instead of the default")
    parser.add_argument("--steps", type=int, help="sampling steps instead of the default")
    arguments = parser.parse_args()
    backend = EmbeddedBackend.load(folder=arguments.weights)
    choices = {"guidance_scale": arguments.guidance, "steps": arguments.steps}
    found = measure(backend, quick=arguments.quick, quiet=arguments.json, choices=choices)
    if arguments.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:32s} {value}")


def measure(
    backend: EmbeddedBackend, *, quick: bool, quiet: bool, choices: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Every figure of the bench, as plain values."""
    specs = held_out_specs(PROMPTS)[:: PROMPTS // QUICK_PROMPTS if quick else 1]
    rng = np.random.default_rng(11)
    requests = [
        GenerationRequest(caption(spec, rng), seed=index, **(choices or {})) for index, spec in enumerate(specs)
    ]
    started = time.perf_counter()
    clips = [backend.generate(r, noise_for(backend, r)).clip for r in track(requests, "sample", disable=quiet)]
    seconds = (time.perf_counter() - started) / len(clips)
    readings = [read_clip(clip.to_array()) for clip in clips]
    contact_sheet([clip.to_array() for clip in clips], OUT / "generator.png")
    found: dict[str, Any] = {"prompts": len(specs), "seconds_per_clip": round(seconds, 2)}
    found |= scores("sampled", specs, readings)
    found |= scores("rendered", specs, [read_clip(render_scene(spec).frames) for spec in specs])
    found |= scores("through_vae", specs, [read_clip(frames) for frames in through_vae(backend, specs)])
    found["flicker"] = round(float(np.mean([flicker(clip.to_array()) for clip in clips])), 4)
    found["flicker_rendered"] = round(float(np.mean([flicker(render_scene(spec).frames) for spec in specs])), 4)
    found["vae_psnr_db"] = round(held_out_psnr(backend.network.vae, backend.network.config, len(specs)), 2)
    count = QUICK_INVERTED if quick else INVERTED
    found |= noise_recovery(backend, requests[:count], clips[:count], quiet)
    return found | measure_following(backend, quick=quick, quiet=quiet)


def scores(name: str, specs: list[SceneSpec], readings: list[Reading]) -> dict[str, float]:
    """Shares of clips whose colour and shape were read as the scene has them."""
    pairs = list(zip(specs, readings, strict=True))
    return {
        f"{name}_colour": round(float(np.mean([r.colour == s.colour for s, r in pairs])), 3),
        f"{name}_shape": round(float(np.mean([r.shape == s.shape for s, r in pairs])), 3),
    }


def through_vae(backend: EmbeddedBackend, specs: list[SceneSpec]) -> Iterator[RGB]:
    """The rendered scenes, encoded and decoded."""
    for spec in specs:
        with torch.no_grad():
            vae = backend.network.vae
            yield to_frames(vae.decode(vae.encode(to_unit(render_scene(spec).frames)))[0])


def flicker(frames: RGB) -> float:
    """One minus the mean change between frames, in 0..1 (VBench's temporal flickering; higher is calmer)."""
    return 1 - float(np.abs(np.diff(frames.astype(np.int16), axis=0)).mean()) / 255


def noise_for(backend: EmbeddedBackend, request: GenerationRequest) -> Latents:
    """Initial latents by the request's seed."""
    shape = backend.latent_spec(request).shape
    return np.random.default_rng(request.seed).standard_normal(shape).astype(np.float32)


def noise_recovery(
    backend: EmbeddedBackend, requests: list[GenerationRequest], clips: list[Clip], quiet: bool
) -> dict[str, float]:
    """Mean share of initial-noise signs that come back, blind, from latents, frames and H.264 files."""
    inverter = EmbeddedInverter(backend)
    shares: dict[str, list[float]] = {}
    for request, clip in track(list(zip(requests, clips, strict=True)), "invert", disable=quiet):
        noise = noise_for(backend, request)
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
