"""Fewer sampling steps: what each costs, what the clips lose, and whether their initial noise still comes back.

The sampler is the same deterministic ODE at any number of steps; where the answers hold their guidance a step is
one pass of the network.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rich.progress import track

from bench.generator_calm import warp_and_smoothness
from bench.generator_following import noise_of
from bench.generator_reading import read_clip
from generator.embedded.backend import EmbeddedBackend, EmbeddedInverter
from generator.port import GenerationRequest
from generator.scenes import SceneSpec

STEPS = (24, 16, 12, 8, 6, 4)
INVERTED = 6


def steps_compared(
    backend: EmbeddedBackend, specs: Sequence[SceneSpec], requests: Sequence[GenerationRequest], quiet: bool
) -> dict[str, Any]:
    """By number of steps: colour and shape read right, warp error, signs of the noise that a plain encoding of the
    frames brings back (the inverter walks its own default steps), and a clip's time over that at the first number.
    """
    inverter = EmbeddedInverter(backend, refinements=0)
    rows: dict[str, dict[str, float]] = {}
    medians: list[float] = []
    for steps in STEPS:
        asked = [replace(request, steps=steps) for request in requests]
        right, warps, signs, seconds = [], [], [], []
        for spec, request in track(list(zip(specs, asked, strict=True)), f"{steps} steps", disable=quiet):
            noise, began = noise_of(backend, request), time.perf_counter()
            clip = backend.generate(request, noise).clip
            seconds.append(time.perf_counter() - began)
            frames = clip.to_array()
            read = read_clip(frames)
            right.append((read.colour == spec.colour, read.shape == spec.shape))
            warps.append(warp_and_smoothness(frames)[0])
            if len(signs) < INVERTED:
                signs.append((np.sign(inverter.invert(clip)) == np.sign(noise)).mean())
        colour, shape = np.mean(right, axis=0)
        medians.append(float(np.median(seconds)))
        rows[str(steps)] = {
            "colour": round(float(colour), 3),
            "shape": round(float(shape), 3),
            "warp_error": round(float(np.mean(warps)), 3),
            "signs": round(float(np.mean(signs)), 4),
            "time_of_first": round(medians[-1] / medians[0], 3),
        }
    return {"steps_prompts": len(requests), "by_steps": rows}
