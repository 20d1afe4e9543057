"""The embedded model behind the port: requests to clips, and any clip back to initial latents."""

from fractions import Fraction
from pathlib import Path
from threading import Lock
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from core.clip import RGB, Clip
from core.errors import ConfigurationError, UsageError
from core.progress import Progress, silent
from generator.embedded import flow
from generator.embedded.config import PRESETS, ModelConfig
from generator.embedded.model import EmbeddedModel
from generator.embedded.refinement import refined
from generator.embedded.weights import WEIGHTS_FOLDER, load_model
from generator.limits import Limits, Plan
from generator.port import Capabilities, GeneratedClip, GenerationRequest, Latents, LatentSpec, ModelIdentity

MAX_STEPS = 100
MAX_GUIDANCE_SCALE = 10.0
INVERSION_STEPS = 24
INVERSION_PASSES = 1
INVERSION_REFINEMENTS = 10
_REFINEMENT_SHARE = 0.8
_DECODE_SHARE = 0.1
_FEW_WORDS_KNOWN = 0.75

Fit = Literal["scaled", "cut"]
"""How frames of another size are laid on the model's grid."""


class EmbeddedBackend:
    """A `GeneratorBackend` over the embedded model. Deterministic on one machine; calls queue on a lock."""

    name = "embedded"

    def __init__(self, model: EmbeddedModel, digest: str) -> None:
        self.network = model
        config = model.config
        size = f"{config.size_px}x{config.size_px}"
        note = f"rendered at {size}, not upscaled; trained on procedural scenes of coloured shapes only"
        self.model = ModelIdentity(f"reelproof-{config.name}", "1", digest, note)
        self.limits = _limits(config)
        self.capabilities = Capabilities(
            latents_in=True,
            latents_out=True,
            deterministic_ode=True,
            invertible=True,
            max_seconds=config.frames / config.fps,
            sizes=self.limits.sizes,
        )
        self.lock = Lock()

    @classmethod
    def load(cls, preset: str = "nano", folder: Path | None = None) -> "EmbeddedBackend":
        """The shipped weights of `preset`, or those in `folder`.

        Raises ConfigurationError when they are missing, damaged or don't match their digest.
        """
        if folder is None and preset not in PRESETS:
            hint = f"one of: {', '.join(PRESETS)}"
            raise ConfigurationError(f"no preset named {preset!r}", code="unknown_preset", hint=hint)
        model, digest = load_model(folder or WEIGHTS_FOLDER / preset)
        return cls(model, digest)

    def latent_spec(self, request: GenerationRequest) -> LatentSpec:
        """The shape of the initial latents; the same for every request, for shorter clips are cut at the end."""
        self.limits.plan(request)
        return LatentSpec((1, *self.network.config.latent_shape))

    def generate(self, request: GenerationRequest, latents: Latents, progress: Progress = silent) -> GeneratedClip:
        """Sample, decode and cut to length. Raises UsageError for a request or latents outside the limits."""
        plan = self.limits.plan(request)
        expected = self.latent_spec(request).shape
        if latents.shape != expected:
            message = f"initial latents have shape {latents.shape}, this request needs {expected}"
            raise UsageError(message, code="latents_shape", hint="take the shape from latent_spec(request)")
        with self.lock:
            z = self.denoised(request, plan, torch.from_numpy(np.ascontiguousarray(latents)), progress)
            with torch.no_grad():
                frames = to_frames(self.network.vae.decode(z)[0, :, : plan.frame_count])
        progress(1.0)
        settings = {
            "size": f"{plan.width_px}x{plan.height_px}",
            "fps": str(plan.fps),
            "seconds": plan.seconds,
            "steps": plan.steps,
            "guidance_scale": plan.guidance_scale,
            "seed": request.seed,
            "sampler": "exponential-euler",
            "shift": self.network.config.sampling.shift,
        }
        score, warnings = self.coverage(request)
        return GeneratedClip(Clip.from_array(frames, plan.fps), settings, score, warnings)

    def coverage(self, request: GenerationRequest) -> tuple[float, tuple[str, ...]]:
        """How much of the request's words the model knows, 0 to 1, and a warning per thing it does not."""
        words = f"{request.prompt} {request.camera or ''}"
        found = self.network.tokenizer.coverage(words, self.network.config.text.max_tokens)
        warnings = [f"the model has never seen the word {word!r}" for word in found.unknown]
        if found.score < _FEW_WORDS_KNOWN:
            warnings.append(
                "expect a clip that does not follow the prompt: too much of it lies outside the model's range"
            )
        return found.score, tuple(warnings)

    def denoised(
        self, request: GenerationRequest, plan: Plan, noise: Tensor, progress: Progress = silent
    ) -> Tensor:
        """The sampled latents, before the decoder. Not locked: `generate` holds the lock."""
        model, config = self.network, self.network.config
        prompt = f"{request.prompt}, {request.camera}" if request.camera else request.prompt
        ids, null_ids = model.token_ids([prompt]), model.token_ids([request.negative_prompt])
        calls = iter(range(1, plan.steps + 1))

        def predict(x: Tensor, t: float) -> Tensor:
            m = model.predict_guided(x, t, ids, null_ids, plan.guidance_scale)
            progress(next(calls) / plan.steps * (1 - _DECODE_SHARE))
            return m

        times = flow.timesteps(plan.steps, config.sampling.shift)
        with torch.no_grad():
            return flow.sample(noise, predict, times, config.vae.noise_floor)


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


def on_grid(clip: Clip, config: ModelConfig, fit: Fit = "scaled") -> RGB | None:
    """The clip's frames on the model's grid, (F, H, W, 3), or None if it has none. Reads no further than needed."""
    size, taken = config.size_px, list[RGB]()
    for frame in clip.timed_frames():
        # A frame stands until the next one begins: every tick of the model's clock up to now shows the last one.
        while taken and len(taken) < config.frames and len(taken) / config.fps < frame.time_s - 1e-6:
            taken.append(taken[-1])
        if len(taken) == config.frames:
            break
        if len(taken) / config.fps <= frame.time_s + 1e-6:
            taken.append(_resized(frame.rgb, size) if fit == "scaled" else _cornered(frame.rgb, size))
    if not taken:
        return None
    taken += [taken[-1]] * (config.frames - len(taken))
    return np.stack(taken)


def to_unit(frames: RGB) -> Tensor:
    """uint8 (F, H, W, 3) to float (1, 3, F, H, W) in -1..1."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1


def to_frames(clip: Tensor) -> RGB:
    """Float (3, F, H, W) in -1..1 to uint8 (F, H, W, 3), rounded."""
    return np.asarray(((clip + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 3, 0).numpy())


def _resized(rgb: RGB, size: int) -> RGB:
    if rgb.shape[:2] == (size, size):
        return rgb
    shrinks = rgb.shape[0] > size
    return np.asarray(cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC))


def _cornered(rgb: RGB, size: int) -> RGB:
    """The frame's upper left corner, held at the right and at the bottom to the size."""
    kept = rgb[:size, :size]
    missing = ((0, size - kept.shape[0]), (0, size - kept.shape[1]), (0, 0))
    return np.pad(kept, missing, mode="edge")


def _limits(config: ModelConfig) -> Limits:
    shortest = min(config.frames, 2 * config.fps)
    return Limits(
        sizes=((config.size_px, config.size_px),),
        rates=(Fraction(config.fps),),
        min_frames=shortest,
        max_frames=config.frames,
        default_frames=config.frames,
        max_steps=MAX_STEPS,
        default_steps=config.sampling.steps,
        max_guidance_scale=MAX_GUIDANCE_SCALE,
        default_guidance_scale=config.sampling.guidance_scale,
    )
