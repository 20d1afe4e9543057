"""Two objects and how they stand, camera moves, gravity, given frames, long clips: what a prompt may ask beyond one
object's colour and shape. Each figure beside its ceiling: the same reading on rendered scenes through the
autoencoder.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from rich.progress import track

from bench.generator_motion import CameraReader, gravity_error, held_out_moves, median_of
from bench.generator_reading import object_mask, read_pair
from core.clip import RGB
from generator.embedded.backend import EmbeddedBackend
from generator.embedded.grid import to_frames, to_unit
from generator.guide import Guide, Stroke
from generator.port import GenerationRequest, GivenMedia, Latents
from generator.scenes import SceneSpec, caption, held_out_pairs, held_out_specs, render_scene
from generator.scenes.captions import CAMERA_WORDS, COLOUR_WORDS, SHAPE_WORDS
from generator.scenes.spec import FALLING

PAIRS, MOVES, FALLS, PICTURES, GUIDED = 60, 64, 30, 12, 30
LONG_S = 20.0
_QUICK = 6


def following_parts(
    backend: EmbeddedBackend, *, quick: bool, quiet: bool, **choices: Any
) -> dict[str, Callable[[], dict[str, Any]]]:
    """Every figure of this module by the name of its part; what the weights can't do has none. `choices` stand in
    every request.
    """
    asked = GenerationRequest("", **choices)
    few = _QUICK if quick else 1
    known = set(backend.network.tokenizer.words)
    falls = [spec for spec in held_out_specs(12 * FALLS) if spec.motion in FALLING][:FALLS:few]
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "pairs": lambda: _pairs(backend, asked, held_out_pairs(PAIRS)[::few], quiet),
        "falls": lambda: _falls(backend, asked, [replace(spec, camera="static") for spec in falls], quiet),
    }
    if {"tilts", "rolls", "trucks"} <= known:
        parts["moves"] = lambda: _moves(backend, asked, held_out_moves(MOVES)[::few], quick, quiet)
    if backend.capabilities.guide:
        parts["guided"] = lambda: _guided(backend, asked, held_out_moves(GUIDED)[::few], quiet)
    if backend.capabilities.image:
        parts["given"] = lambda: _given(backend, asked, held_out_specs(PICTURES)[::few], quiet)
        parts["long"] = lambda: _long(backend, asked, LONG_S / few)
    return parts


def sampled(
    backend: EmbeddedBackend, asked: GenerationRequest, prompts: Iterable[str], quiet: bool, title: str
) -> Iterator[RGB]:
    """A clip (F, H, W, 3) for each prompt, seeds counted from 0, everything else as asked."""
    prompts = list(prompts)
    for seed, prompt in enumerate(track(prompts, title, disable=quiet)):
        request = replace(asked, prompt=prompt, seed=seed)
        yield backend.generate(request, noise_of(backend, request)).clip.to_array()


def noise_of(backend: EmbeddedBackend, request: GenerationRequest) -> Latents:
    """Initial latents by the request's seed."""
    shape = backend.latent_spec(request).shape
    return np.random.default_rng(request.seed).standard_normal(shape).astype(np.float32)


def _pairs(
    backend: EmbeddedBackend, asked: GenerationRequest, specs: Sequence[SceneSpec], quiet: bool
) -> dict[str, Any]:
    rng = np.random.default_rng(12)
    clips = sampled(
        backend, asked, [caption(replace(s, camera="static"), rng) for s in specs], quiet, "two objects"
    )
    told = [_pair_told(spec, frames) for spec, frames in zip(specs, clips, strict=True)]
    ceiling = [_pair_told(spec, _through(backend, spec)) for spec in specs]
    return {
        "pairs": len(specs),
        "pairs_colours_and_relation": _share([colours for colours, _ in told]),
        "pairs_shapes_too": _share([all(both) for both in told]),
        "pairs_ceiling": _share([colours for colours, _ in ceiling]),
        "pairs_ceiling_shapes_too": _share([all(both) for both in ceiling]),
    }


def _pair_told(spec: SceneSpec, frames: RGB) -> tuple[bool, bool]:
    """Whether both colours stand as they should, and whether both shapes are right."""
    seen = {placed.colour: placed for placed in read_pair(frames)}
    one, other = seen.get(spec.colour), seen.get(spec.other_colour)
    if one is None or other is None:
        return False, False
    across, down = one.x_px - other.x_px, one.y_px - other.y_px
    ways = {"left_of": -across, "right_of": across, "above": -down, "below": down}
    stands = ways[spec.relation] > 0 and ways[spec.relation] == max(ways.values())
    return stands, one.shape == spec.shape and other.shape == spec.other_shape


def _moves(
    backend: EmbeddedBackend, asked: GenerationRequest, specs: Sequence[SceneSpec], quick: bool, quiet: bool
) -> dict[str, Any]:
    reader = CameraReader.fitted(8 if quick else 20, quiet=quiet)
    prompts = [
        f"a {COLOUR_WORDS[s.colour][0]} {SHAPE_WORDS[s.shape][0]} stands still {_PLACES[s.background]},"
        f" {CAMERA_WORDS[s.camera][0]}"
        for s in specs
    ]
    told = [reader.read(frames) for frames in sampled(backend, asked, prompts, quiet, "camera moves")]
    ceiling = [reader.read(_through(backend, spec)) for spec in specs]
    return {
        "moves": len(specs),
        "camera_moves": _share([move == spec.camera for move, spec in zip(told, specs, strict=True)]),
        "camera_moves_ceiling": _share([move == spec.camera for move, spec in zip(ceiling, specs, strict=True)]),
        "camera_moves_missed": sorted(
            f"{spec.camera} > {move}" for move, spec in zip(told, specs, strict=True) if move != spec.camera
        ),
    }


_PLACES = {
    "studio": "in a studio",
    "sky": "under a pale sky",
    "night": "at night",
    "checker": "on a checkered floor",
}


def _falls(
    backend: EmbeddedBackend, asked: GenerationRequest, specs: Sequence[SceneSpec], quiet: bool
) -> dict[str, Any]:
    rng = np.random.default_rng(13)
    clips = sampled(backend, asked, [caption(spec, rng) for spec in specs], quiet, "falls and throws")
    return {
        "falls": len(specs),
        "gravity_error": round(median_of([gravity_error(frames) for frames in clips]), 3),
        "gravity_error_ceiling": round(median_of([gravity_error(_through(backend, spec)) for spec in specs]), 3),
    }


def _guided(
    backend: EmbeddedBackend, asked: GenerationRequest, specs: Sequence[SceneSpec], quiet: bool
) -> dict[str, Any]:
    """How far the object is from the stroke it was to follow, in half frame heights: mean over a clip's frames,
    median over clips; the ceiling is the same scene rendered through the autoencoder.
    """
    rng = np.random.default_rng(15)
    made: list[float] = []
    ceiling: list[float] = []
    for seed, spec in enumerate(track(specs, "guided", disable=quiet)):
        places = tuple((float(x), float(y)) for x, y in rng.uniform(-0.5, 0.5, (3, 2)))
        stroke = Stroke(tuple((index / 2, x, y) for index, (x, y) in enumerate(places)))
        prompt = (
            f"a {COLOUR_WORDS[spec.colour][0]} {SHAPE_WORDS[spec.shape][0]} moves {_PLACES[spec.background]},"
            " static camera"
        )
        request = replace(asked, prompt=prompt, seed=seed, guide=Guide(strokes=(stroke,)))
        made.append(_astray(backend.generate(request, noise_of(backend, request)).clip.to_array(), stroke))
        scene = replace(spec, motion="path", path=places, camera="static")
        ceiling.append(_astray(_through(backend, scene), stroke))
    return {
        "guided": len(specs),
        "stroke_distance": round(float(np.median(made)), 3),
        "stroke_distance_ceiling": round(float(np.median(ceiling)), 3),
    }


def _astray(frames: RGB, stroke: Stroke) -> float:
    """Mean distance of the largest object from the stroke; 1 in a frame that shows none."""
    times, *axes = zip(*stroke.points, strict=True)
    distances = []
    for time, frame in zip(np.linspace(0, 1, len(frames)), frames, strict=True):
        mask = object_mask(frame)
        if mask is None:
            distances.append(1.0)
            continue
        rows, columns = np.nonzero(mask)
        seen = 2 * columns.mean() / frame.shape[1] - 1, 2 * rows.mean() / frame.shape[0] - 1
        x, y = (np.interp(time, times, axis) for axis in axes)
        distances.append(float(np.hypot(seen[0] - x, seen[1] - y)))
    return float(np.mean(distances))


def _given(
    backend: EmbeddedBackend, asked: GenerationRequest, specs: Sequence[SceneSpec], quiet: bool
) -> dict[str, Any]:
    """PSNR of a given first and last frame in the clip that was made from them."""
    first: list[float] = []
    last: list[float] = []
    rng = np.random.default_rng(14)
    for seed, spec in enumerate(track(specs, "given frames", disable=quiet)):
        frames = render_scene(spec).frames
        for media in (GivenMedia(first_frame=frames[0]), GivenMedia(first_frame=frames[0], last_frame=frames[-1])):
            request = replace(asked, prompt=caption(spec, rng), seed=seed, media=media)
            made = backend.generate(request, noise_of(backend, request)).clip.to_array()
            first.append(_psnr(made[0], frames[0]))
            if media.last_frame is not None:
                last.append(_psnr(made[-1], frames[-1]))
    return {
        "first_frame_psnr_db": round(float(np.mean(first)), 2),
        "last_frame_psnr_db": round(float(np.mean(last)), 2),
    }


def _long(backend: EmbeddedBackend, asked: GenerationRequest, seconds: float) -> dict[str, Any]:
    """Long clips: how far their colours drift, and their largest change between frames; that of one part, too."""
    drifts: list[float] = []
    steps: list[float] = []
    own_steps: list[float] = []
    length = 0
    for seed, prompt in enumerate(_LONG_PROMPTS):
        request = replace(asked, prompt=prompt, seed=seed, seconds=seconds)
        frames = backend.generate(request, noise_of(backend, request)).clip.to_array()
        changes = np.abs(np.diff(frames.astype(np.int16), axis=0)).mean((1, 2, 3))
        own = changes[: backend.network.config.frames - 1]
        drifts.append(float(np.abs(frames[-1].mean((0, 1)) - frames[0].mean((0, 1))).max()))
        steps.append(float(changes.max() / np.median(changes)))
        own_steps.append(float(own.max() / np.median(own)))
        length = len(frames)
    return {
        "long_s": round(length / backend.network.config.fps, 2),
        "long_clips": len(drifts),
        "long_colour_drift_levels": round(float(np.median(drifts)), 2),
        "long_colour_drift_levels_most": round(max(drifts), 2),
        "long_largest_step_over_median": round(float(np.median(steps)), 2),
        "one_part_largest_step_over_median": round(float(np.median(own_steps)), 2),
    }


_LONG_PROMPTS = (
    "a red ball bounces in a studio",
    "a golden star spins at night",
    "a cyan cube moves to the right on a checkered floor",
    "a green cone circles under a pale sky",
)


def _through(backend: EmbeddedBackend, spec: SceneSpec) -> RGB:
    vae = backend.network.vae
    with torch.no_grad():
        return to_frames(vae.decode(vae.encode(to_unit(render_scene(spec).frames)))[0])


def _psnr(one: RGB, other: RGB) -> float:
    return float(20 * np.log10(255) - 10 * np.log10(np.mean((one.astype(float) - other) ** 2) + 1e-9))


def _share(right: Iterable[bool]) -> float:
    counted, sample = itertools.tee(right)
    return round(sum(counted) / max(1, sum(1 for _ in sample)), 3)
