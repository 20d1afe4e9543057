"""The embedded model behind the port: requests to clips, and any clip back to initial latents."""

from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from threading import Lock
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from core.clip import RGB, Clip
from core.errors import ConfigurationError, UsageError
from core.progress import Progress, silent
from generator.embedded import flow
from generator.embedded.chain import (
    Segment,
    fresh_frames,
    longest_frames,
    parts_of,
    segments_of,
    wanted_frames,
)
from generator.embedded.config import PRESETS, ModelConfig
from generator.embedded.devices import chosen_device, has_fast_bfloat16, move
from generator.embedded.directing import directed
from generator.embedded.grid import Fit, on_grid, to_frames, to_unit
from generator.embedded.layout import Layout
from generator.embedded.media import Start, changing, ending, next_noise, source_frames, start_of
from generator.embedded.model import EmbeddedModel
from generator.embedded.refinement import refined
from generator.embedded.weights import WEIGHTS_FOLDER, load_model
from generator.limits import Limits, Plan
from generator.port import (
    Capabilities,
    GeneratedClip,
    GenerationRequest,
    Latents,
    LatentSpec,
    ModelIdentity,
)

MAX_STEPS = 100
MAX_GUIDANCE_SCALE = 10.0
INVERSION_STEPS = 24
INVERSION_PASSES = 1
INVERSION_REFINEMENTS = 10
_REFINEMENT_SHARE = 0.8
_DECODE_SHARE = 0.1
_FEW_WORDS_KNOWN = 0.75
_SHOWN = {"shapes": "coloured shapes", "wide": "solid things, water, cloth, smoke"}


class EmbeddedBackend:
    """A `GeneratorBackend` over the embedded model. Deterministic on one machine; calls queue on a lock.

    Without `plans_prompts` a prompt goes by its words alone, and only a guide says where things are.
    """

    name = "embedded"
    plans_prompts = True

    def __init__(self, model: EmbeddedModel, digest: str) -> None:
        self.network = model
        config = model.config
        size = f"{config.size_px}x{config.size_px}"
        note = f"rendered at {size}, not upscaled; trained on procedural scenes only: {_SHOWN[config.world]}"
        self.model = ModelIdentity(f"reelproof-{config.name}", "1", digest, note)
        self.limits = _limits(config)
        self.capabilities = Capabilities(
            latents_in=True,
            latents_out=True,
            deterministic_ode=True,
            invertible=True,
            max_seconds=longest_frames(config) / config.fps,
            sizes=self.limits.sizes,
            image=config.takes_frames,
            last_frame=config.takes_frames,
            extend=config.takes_frames,
            video=True,
            shots=config.takes_frames,
            guide=config.takes_layout,
        )
        self.lock = Lock()

    @classmethod
    def load(cls, preset: str = "nano", folder: Path | None = None, device: str = "cpu") -> "EmbeddedBackend":
        """The shipped weights of `preset`, or those in `folder`, on a device (`generator.embedded.devices`).

        Raises ConfigurationError when they are missing, damaged or don't match their digest, or there is no such
        device.
        """
        if folder is None and preset not in PRESETS:
            hint = f"one of: {', '.join(PRESETS)}"
            raise ConfigurationError(f"no preset named {preset!r}", code="unknown_preset", hint=hint)
        model, digest = load_model(folder or WEIGHTS_FOLDER / preset)
        place = chosen_device(device)
        move(model, place, mixed=has_fast_bfloat16(place))
        return cls(model, digest)

    def latent_spec(self, request: GenerationRequest) -> LatentSpec:
        """The shape of the initial latents, the same for every request: a shorter clip is cut at its end, the later
        parts of a longer one draw theirs from these.
        """
        self._segments(request, self._plan(request))
        return LatentSpec((1, *self.network.config.latent_shape))

    def generate(self, request: GenerationRequest, latents: Latents, progress: Progress = silent) -> GeneratedClip:
        """Sample, decode and cut to length. Raises UsageError for a request or latents outside the limits."""
        plan = self._plan(request)
        expected = self.latent_spec(request).shape
        if latents.shape != expected:
            message = f"initial latents have shape {latents.shape}, this request needs {expected}"
            raise UsageError(message, code="latents_shape", hint="take the shape from latent_spec(request)")
        noise = torch.from_numpy(np.ascontiguousarray(latents))
        with self.lock:
            frames, segments = self._chained(request, plan, noise, progress)
        progress(1.0)
        settings = {
            "size": f"{plan.width_px}x{plan.height_px}",
            "fps": str(plan.fps),
            "seconds": len(frames) / float(plan.fps),
            "steps": plan.steps,
            "guidance_scale": plan.guidance_scale,
            "seed": request.seed,
            "sampler": "exponential-euler",
            "shift": self.network.config.sampling.shift,
            **({"segments": len(segments)} if request.shots else {}),
        }
        score, warnings = self.coverage(request)
        return GeneratedClip(Clip.from_array(frames, plan.fps), settings, score, warnings)

    def _plan(self, request: GenerationRequest) -> Plan:
        request.require(self.capabilities, self.model.name)
        # An extension's seconds are those it adds, in parts of the model's own length.
        return self.limits.plan(replace(request, seconds=None) if request.media_use.is_extended else request)

    def _segments(self, request: GenerationRequest, plan: Plan, source: RGB | None = None) -> tuple[Segment, ...]:
        config, first = self.network.config, plan.frame_count
        if request.media_use.is_extended:
            first = fresh_frames(config) if request.seconds is None else wanted_frames(request.seconds, config)
        elif source is not None and request.seconds is None:
            first = max(first, len(source))
        return segments_of(request, first, config)

    def _decoded(self, z: Tensor) -> RGB:
        with torch.no_grad():
            return to_frames(self.network.vae.decode(z)[0])

    def _chained(
        self, request: GenerationRequest, plan: Plan, noise: Tensor, progress: Progress
    ) -> tuple[RGB, tuple[Segment, ...]]:
        """A first part from the noise, or the clip to go on from, and then part after part what is missing."""
        config, use = self.network.config, request.media_use
        source = source_frames(request.media, config) if request.media is not None and use.has_clip else None
        segments = self._segments(request, plan, source)
        frames = source if source is not None and use.is_extended else None
        sampled = 0 if frames is not None else min(config.frames, segments[0].frames)
        parts = iter(range(total := parts_of(segments, sampled, config)))
        if frames is None:
            told = partial(_part_of, progress, next(parts), total)
            frames = self._decoded(self.denoised(request, plan, noise, told))[:sampled]
        end = len(frames) - sampled
        for segment in segments:
            end += segment.frames
            shot = replace(request, prompt=segment.prompt)
            while len(frames) < end:
                part = next(parts)
                start = self._going_on(shot, frames, source, next_noise(noise, part), self._times(plan))
                z = self._sampled(shot, plan, start, partial(_part_of, progress, part, total))
                frames = np.concatenate([frames, self._decoded(z)[-fresh_frames(config) :]])[:end]
        return frames, segments

    def _going_on(
        self, request: GenerationRequest, frames: RGB, source: RGB | None, noise: Tensor, times: list[float]
    ) -> Start:
        """After `frames`: from noise, or from what the clip that is being changed shows there."""
        known = ending(self.network, frames)
        at = len(frames) - (self.network.config.frames - fresh_frames(self.network.config))
        if source is None or request.media is None or request.media.is_extended or len(frames) >= len(source):
            return Start(noise, times, known)
        return changing(self.network, source[at:], noise, times, request.media.strength, known)

    def coverage(self, request: GenerationRequest) -> tuple[float, tuple[str, ...]]:
        """How much of the words the model knows, 0 to 1, by the prompt it knows least of, and what it does not."""
        tokenizer, most = self.network.tokenizer, self.network.config.text.max_tokens
        found = [tokenizer.coverage(f"{prompt} {request.camera or ''}", most) for prompt in request.prompts]
        unknown = dict.fromkeys(word for one in found for word in one.unknown)
        warnings = [f"the model has never seen the word {word!r}" for word in unknown]
        score = min(one.score for one in found)
        if score < _FEW_WORDS_KNOWN:
            warnings.append(
                "expect a clip that does not follow the prompt: too much of it lies outside the model's range"
            )
        return score, tuple(warnings)

    def denoised(
        self, request: GenerationRequest, plan: Plan, noise: Tensor, progress: Progress = silent
    ) -> Tensor:
        """The sampled latents, before the decoder. Not locked: `generate` holds the lock."""
        start = start_of(self.network, request.media, noise, self._times(plan))
        # Without a seed, what the prompt leaves open is drawn anew with every noise.
        drawn = request.seed if request.seed is not None else crc32(noise.numpy().tobytes())
        told = replace(request, seed=drawn)
        layout = directed(told, self.network.config, self.network.tokenizer, plans=self.plans_prompts)
        return self._sampled(request, plan, start, progress, layout)

    def _times(self, plan: Plan) -> list[float]:
        return flow.timesteps(plan.steps, self.network.config.sampling.shift)

    def _sampled(
        self,
        request: GenerationRequest,
        plan: Plan,
        start: Start,
        progress: Progress,
        layout: Layout | None = None,
    ) -> Tensor:
        model, config = self.network, self.network.config
        prompt = f"{request.prompt}, {request.camera}" if request.camera else request.prompt
        ids, null_ids = model.token_ids([prompt]), model.token_ids([request.negative_prompt])
        steps = len(start.times) - 1
        calls = iter(range(1, steps + 1))

        def predict(x: Tensor, t: float) -> Tensor:
            m = model.predict_guided(x, t, ids, null_ids, plan.guidance_scale, start.known, layout)
            progress(next(calls) / steps * (1 - _DECODE_SHARE))
            return m

        with torch.no_grad():
            return flow.sample(start.noise, predict, start.times, config.vae.noise_floor)


def _part_of(progress: Progress, part: int, parts: int, done: float) -> None:
    progress((part + done) / parts)


class EmbeddedInverter:
    """A `LatentInverter` over the same model: onto the grid, encode, sharpen by the decoder, reverse the ODE.

    Knows neither prompt nor guidance. `fit` says how frames of another size meet the model's: `scaled` to it, or
    `cut`, laid in its upper left corner and held at the edges, for clips that were cropped and not resized (a crop
    by whole latents is then a shift in latent space). `refinements` 0 trusts the encoder: four times as quick.
    """

    def __init__(
        self,
        backend: EmbeddedBackend,
        steps: int = INVERSION_STEPS,
        passes: int = INVERSION_PASSES,
        refinements: int = INVERSION_REFINEMENTS,
        fit: Fit = "scaled",
    ) -> None:
        self._backend, self._steps, self._passes = backend, steps, passes
        self._refinements, self._fit = refinements, fit

    def invert(self, clip: Clip, progress: Progress = silent) -> Latents:
        """Estimated initial latents (1, C, F', H', W') of the model's one clip shape, float32.

        Frames are fitted to the model's size, taken at its rate, and cut or held at the end to its length. A
        clip without frames gives zeros.
        """
        model, config = self._backend.network, self._backend.network.config
        frames = on_grid(clip, config, self._fit)
        if frames is None:
            return np.zeros((1, *config.latent_shape), np.float32)
        share = _REFINEMENT_SHARE if self._refinements else 0.0
        with self._backend.lock:
            pixels = to_unit(frames)
            with torch.no_grad():
                z = model.vae.encode(pixels)
            z = refined(model.vae, pixels, z, self._refinements, lambda done: progress(share * done))
            return self.invert_latents(z, lambda done: progress(share + (1 - share) * done))

    def invert_latents(self, z: Tensor, progress: Progress = silent) -> Latents:
        """The same from latents (1, C, F', H', W') on the model's scale."""
        model, config = self._backend.network, self._backend.network.config
        null_ids = model.token_ids([""])
        calls, total = iter(range(1, self._steps * self._passes + 1)), self._steps * self._passes

        def predict(x: Tensor, t: float) -> Tensor:
            m = model.predict(x, t, null_ids)
            progress(next(calls) / total)
            return m

        times = flow.timesteps(self._steps, config.sampling.shift)
        with torch.no_grad():
            noise = flow.invert(z, predict, times, config.vae.noise_floor, self._passes)
        return np.asarray(noise.numpy(), np.float32)


def _limits(config: ModelConfig) -> Limits:
    shortest = min(config.frames, 2 * config.fps)
    return Limits(
        sizes=((config.size_px, config.size_px),),
        rates=(Fraction(config.fps),),
        min_frames=shortest,
        max_frames=longest_frames(config),
        default_frames=config.frames,
        max_steps=MAX_STEPS,
        default_steps=config.sampling.steps,
        max_guidance_scale=MAX_GUIDANCE_SCALE,
        default_guidance_scale=config.sampling.guidance_scale,
    )
