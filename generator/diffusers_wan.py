"""Wan 2.1/2.2 text-to-video through diffusers (extra `[diffusers]`), started from given initial latents.

diffusers and transformers are imported only when a pipeline is loaded; nothing here downloads by itself.
"""

import hashlib
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch

from core.clip import Clip
from core.errors import ConfigurationError, UsageError
from core.progress import Progress, silent
from generator.inversion import is_deterministic_ode, is_invertible
from generator.limits import Limits
from generator.port import Capabilities, GeneratedClip, GenerationRequest, Latents, LatentSpec, ModelIdentity

WAN_LIMITS = Limits(
    sizes=((832, 480), (480, 832), (1280, 720), (720, 1280), (1024, 1024)),
    rates=(Fraction(16), Fraction(24)),
    min_frames=5,
    max_frames=121,
    default_frames=81,
    max_steps=100,
    default_steps=40,
    max_guidance_scale=20.0,
    default_guidance_scale=5.0,
)
"""What the published Wan checkpoints were trained for: 81 frames at 16 a second, 121 at 24 (Wan 2.2 5B)."""


class WanBackend:
    """A `GeneratorBackend` over a diffusers `WanPipeline`. Calls queue on a lock.

    Noise marks need a sampler that does not re-noise: `capabilities.invertible` is tried out on the scheduler.
    """

    name = "wan"

    def __init__(self, pipeline: Any, *, model_name: str = "wan", limits: Limits = WAN_LIMITS) -> None:
        self.pipeline = pipeline
        self.limits = limits
        self.lock = Lock()
        self._model_name = model_name
        self.capabilities = Capabilities(
            latents_in=True,
            latents_out=True,
            deterministic_ode=is_deterministic_ode(pipeline.scheduler),
            invertible=is_invertible(pipeline.scheduler),
            max_seconds=limits.max_frames / float(limits.rates[0]),
            sizes=limits.sizes,
        )

    @classmethod
    def from_pretrained(cls, folder: Path, *, device: str = "cpu", dtype: str = "float32") -> "WanBackend":
        """A backend over a checkpoint folder in diffusers' layout; never goes to the network.

        Raises ConfigurationError where diffusers or the folder is missing.
        """
        try:
            import diffusers
        except ImportError as fault:
            hint = "install the extra: pip install 'reelproof[diffusers]'"
            message = "the wan backend needs diffusers and transformers"
            raise ConfigurationError(message, code="extra_missing", hint=hint) from fault
        library: Any = diffusers
        try:
            pipeline = library.WanPipeline.from_pretrained(
                str(folder), torch_dtype=getattr(torch, dtype), local_files_only=True
            ).to(device)
        except (OSError, ValueError) as fault:
            hint = "give a folder in diffusers' layout, with model_index.json"
            raise ConfigurationError(f"no Wan pipeline in {folder}", code="model_weights", hint=hint) from fault
        return cls(pipeline, model_name=folder.name)

    @cached_property
    def model(self) -> ModelIdentity:
        """The transformer's name and the SHA-256 of its weights; hashed on first use (a minute for 14 B)."""
        total = hashlib.sha256()
        for name, value in sorted(self.pipeline.transformer.state_dict().items()):
            total.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
            total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return ModelIdentity(self._model_name, "diffusers", total.hexdigest())

    def latent_spec(self, request: GenerationRequest) -> LatentSpec:
        """The shape of initial latents. Raises UsageError outside the limits."""
        plan = self.limits.plan(request)
        request.require(self.capabilities, self.name)
        pipe = self.pipeline
        groups = -(-(plan.frame_count - 1) // pipe.vae_scale_factor_temporal) + 1
        side = pipe.vae_scale_factor_spatial
        channels = pipe.transformer.config.in_channels
        return LatentSpec((1, channels, groups, plan.height_px // side, plan.width_px // side))

    def generate(self, request: GenerationRequest, latents: Latents, progress: Progress = silent) -> GeneratedClip:
        """Sample, decode, cut to length. What `progress` raises ends the sampling and goes through."""
        plan = self.limits.plan(request)
        expected = self.latent_spec(request).shape
        if latents.shape != expected:
            message = f"initial latents have shape {latents.shape}, this request needs {expected}"
            raise UsageError(message, code="latents_shape", hint="take the shape from latent_spec(request)")

        def after_step(_: Any, index: int, __: Any, ___: Any) -> dict[str, Any]:
            progress((index + 1) / (plan.steps + 1))
            return {}

        prompt = f"{request.prompt}, {request.camera}" if request.camera else request.prompt
        with self.lock, torch.no_grad():
            video = self.pipeline(
                prompt=prompt,
                negative_prompt=request.negative_prompt,
                height=plan.height_px,
                width=plan.width_px,
                num_frames=(expected[2] - 1) * self.pipeline.vae_scale_factor_temporal + 1,
                num_inference_steps=plan.steps,
                guidance_scale=plan.guidance_scale,
                latents=torch.from_numpy(np.ascontiguousarray(latents)),
                output_type="np",
                callback_on_step_end=after_step,
            ).frames
        progress(1.0)
        frames = np.rint(np.asarray(video)[0, : plan.frame_count] * 255).clip(0, 255).astype(np.uint8)
        settings = {
            "size": f"{plan.width_px}x{plan.height_px}",
            "fps": str(plan.fps),
            "seconds": plan.seconds,
            "steps": plan.steps,
            "guidance_scale": plan.guidance_scale,
            "seed": request.seed,
            "sampler": type(self.pipeline.scheduler).__name__,
        }
        return GeneratedClip(Clip.from_array(frames, plan.fps), settings)
