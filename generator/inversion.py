"""Reverses a diffusion pipeline's sampler, so that a clip can be read back to the noise it began as.

Any sampler whose step is affine, x' = A·x + B·f with f the network's output, can be run backwards: the
coefficients are read off the forward scheduler by stepping (1, 0) and (0, 1), and the unknown x at the noisier
time is found by a few fixed-point passes. The pipeline itself is called, with its scheduler swapped: text
encoding, guidance and expert switching stay its own. Samplers that re-noise can't be reversed and are refused.
"""

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from core.clip import RGB, Clip
from core.errors import ConfigurationError
from core.progress import Progress, silent
from generator.port import Latents

DEFAULT_PASSES = 4
_PROBE_STEPS = 4
_DETERMINISTIC_HINT = (
    "clips with a noise mark need a deterministic sampler of one look a step: FlowMatchEuler, DDIM, or UniPC and "
    "DPM-Solver without SDE"
)


class ReverseODE:
    """A scheduler that walks a forward scheduler's steps from data to noise.

    Quacks like a diffusers scheduler of first order: `set_timesteps`, `timesteps`, `sigmas`, `step`. Each forward
    step appears `passes` times, once per fixed-point pass; one pass is the usual explicit inversion, four are near
    exact. `forward` is copied, never changed.
    """

    order = 1
    init_noise_sigma = 1.0

    def __init__(self, forward: Any, passes: int = DEFAULT_PASSES) -> None:
        if passes < 1:
            raise ValueError(f"passes must be at least 1, got {passes}")
        self._forward = copy.deepcopy(forward)
        self._passes = passes
        self._coefficients: list[tuple[float, float]] = []
        self._calls = 0
        self._known = torch.empty(0)
        self.timesteps = torch.empty(0)
        self.sigmas = torch.empty(0)
        self.num_inference_steps = 0

    def __getattr__(self, name: str) -> Any:
        # Pipelines read odd attributes of their schedulers; dunders stay ours, or copying would recurse.
        if name.startswith("__") or "_forward" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self._forward, name)

    @property
    def config(self) -> Any:
        """The forward scheduler's configuration."""
        return self._forward.config

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Accepted and ignored: every step is taken."""

    def scale_model_input(self, sample: Tensor, timestep: Any = None) -> Tensor:
        """The sample as it is."""
        return sample

    def set_timesteps(self, num_inference_steps: int | None = None, device: Any = None, **choices: Any) -> None:
        """Lay out the forward scheduler's steps, then the walk back through them."""
        given = {name: value for name, value in choices.items() if value is not None}
        if num_inference_steps is not None:
            given["num_inference_steps"] = num_inference_steps
        self._forward.set_timesteps(device=device, **given)
        forward = self._forward.timesteps
        walk = [k for k in reversed(range(len(forward))) for _ in range(self._passes)]
        one, zero = torch.ones(1), torch.zeros(1)
        pairs = [(self._once(t, one, zero), self._once(t, zero, one)) for t in forward]
        self._coefficients = [pairs[k] for k in walk]
        self._calls = 0
        self.timesteps = forward[walk]
        sigmas = getattr(self._forward, "sigmas", forward / 1000.0)
        self.sigmas = torch.cat([torch.as_tensor(sigmas)[walk].cpu(), torch.zeros(1)])
        self.num_inference_steps = len(walk)

    def step(self, model_output: Tensor, timestep: Any, sample: Tensor, **ignored: Any) -> tuple[Tensor]:
        """One fixed-point pass: `sample` guesses x at `timestep`; the answer is a better guess."""
        keeps, adds = self._coefficients[self._calls]
        if self._calls % self._passes == 0:
            self._known = sample
        self._calls += 1
        guess = (self._known.float() - adds * model_output.float()) / keeps
        return (guess.to(sample.dtype),)

    def _once(self, timestep: Any, sample: Tensor, output: Tensor) -> float:
        self._forward._step_index = None
        return float(self._forward.step(output.clone(), timestep, sample.clone(), return_dict=False)[0])


def reversible_scheduler(scheduler: Any) -> Any:
    """The first-order scheduler to read `scheduler`'s clips back with: itself, or for a multistep solver the
    first-order one of the same path (Euler for flows, DDIM for the others).

    Raises ConfigurationError: `sampler_renoises` for a sampler that adds noise between its steps and so erases what
    the clip began as; `sampler_not_reversible` for one that calls the network several times a step or scales what
    it starts from.
    """
    name, config = type(scheduler).__name__, scheduler.config
    if not is_deterministic_ode(scheduler):
        message = f"the sampler {name} adds fresh noise between its steps"
        raise ConfigurationError(message, code="sampler_renoises", hint=_DETERMINISTIC_HINT)
    if getattr(scheduler, "order", 1) > 1:
        message = f"the sampler {name} takes {scheduler.order} looks a step; only single looks are walked back"
        raise ConfigurationError(message, code="sampler_not_reversible", hint=_DETERMINISTIC_HINT)
    if abs(float(getattr(scheduler, "init_noise_sigma", 1.0)) - 1.0) > 1e-3:
        message = f"the sampler {name} scales its latents; only those that start from N(0, 1) are walked back"
        raise ConfigurationError(message, code="sampler_not_reversible", hint=_DETERMINISTIC_HINT)
    if config.get("solver_order", 1) == 1:
        return scheduler
    import diffusers

    library: Any = diffusers
    if config.get("prediction_type") == "flow_prediction":
        return library.FlowMatchEulerDiscreteScheduler(shift=config.get("flow_shift", 1.0))
    return library.DDIMScheduler.from_config(config)


def is_invertible(scheduler: Any) -> bool:
    """Whether clips sampled with it can be read back: `reversible_scheduler` has an answer."""
    try:
        reversible_scheduler(scheduler)
    except ConfigurationError:
        return False
    return True


def is_deterministic_ode(scheduler: Any) -> bool:
    """Whether a step gives the same whatever the random state: tried out on a copy, with two seeds.

    Fails closed: a sampler that declares noise, or that cannot be tried, counts as one that re-noises.
    """
    config = scheduler.config
    if config.get("stochastic_sampling") or "sde" in str(config.get("algorithm_type", "")).lower():
        return False
    try:
        found = [_tried(scheduler, seed) for seed in (1, 2)]
    except (ArithmeticError, AttributeError, ImportError, LookupError, RuntimeError, TypeError, ValueError):
        return False
    return bool(torch.equal(found[0], found[1]))


def _tried(scheduler: Any, seed: int) -> Tensor:
    """A fixed sample after all steps but the last, where many samplers add nothing, under one random state."""
    probe = copy.deepcopy(scheduler)
    probe.set_timesteps(_PROBE_STEPS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sample = torch.full((1, 4, 2, 2), 0.5)
        for timestep in probe.timesteps[:-1]:
            sample = probe.step(torch.full_like(sample, 0.25), timestep, sample, return_dict=False)[0]
    return sample


@dataclass(frozen=True)
class InversionGrid:
    """What the model's clips are like and how finely to walk back. Sizes in pixels."""

    width_px: int
    height_px: int
    frame_count: int
    steps: int = 20
    passes: int = DEFAULT_PASSES
    prompt: str = ""
    guidance_scale: float = 1.0


class DiffusersInverter:
    """A `LatentInverter` over a Wan pipeline: encode the clip, then call the pipeline with its sampler reversed.

    Thread-safe through `lock`, which must be the backend's where they share a pipeline. Raises ConfigurationError
    at once for a pipeline whose sampler re-noises.
    """

    def __init__(
        self, pipeline: Any, grid: InversionGrid, lock: AbstractContextManager[object] | None = None
    ) -> None:
        self._pipeline, self._grid = pipeline, grid
        self._forward = reversible_scheduler(pipeline.scheduler)
        self._lock = Lock() if lock is None else lock

    def invert(self, clip: Clip, progress: Progress = silent) -> Latents:
        """Estimated initial latents (1, C, F', H', W') on the grid's shape, float32."""
        frames = _on_grid(clip, self._grid)
        with self._lock, torch.no_grad():
            return self.invert_latents(self._encoded(frames), progress)

    def invert_latents(self, clean: Tensor, progress: Progress = silent) -> Latents:
        """The same from exact clean latents, normalised as the pipeline's own `latent` output is."""
        grid = self._grid
        total = grid.steps * grid.passes

        def after_step(_: Any, index: int, __: Any, ___: Any) -> dict[str, Any]:
            progress(min((index + 1) / total, 1.0))
            return {}

        with scheduler_swapped(self._pipeline, ReverseODE(self._forward, grid.passes)):
            found = self._pipeline(
                prompt=grid.prompt,
                negative_prompt="",
                height=grid.height_px,
                width=grid.width_px,
                num_frames=grid.frame_count,
                num_inference_steps=grid.steps,
                guidance_scale=grid.guidance_scale,
                latents=clean,
                output_type="latent",
                callback_on_step_end=after_step,
            ).frames
        return np.asarray(found.float().cpu().numpy(), np.float32)

    def _encoded(self, frames: RGB) -> Tensor:
        vae = self._pipeline.vae
        pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].to(vae.device, vae.dtype) / 127.5 - 1
        posterior = vae.encode(pixels).latent_dist.mode()
        mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1).to(posterior)
        std = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1).to(posterior)
        clean: Tensor = ((posterior - mean) / std).float()
        return clean


@contextmanager
def scheduler_swapped(pipeline: Any, scheduler: Any) -> Iterator[None]:
    """`pipeline` with another scheduler for the length of a block."""
    before = pipeline.scheduler
    pipeline.scheduler = scheduler
    try:
        yield
    finally:
        pipeline.scheduler = before


def _on_grid(clip: Clip, grid: InversionGrid) -> RGB:
    taken: list[RGB] = []
    for frame in clip.frames():
        if len(taken) == grid.frame_count:
            break
        size = (grid.width_px, grid.height_px)
        fits = frame.shape[1::-1] == size
        taken.append(frame if fits else np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)))
    if not taken:
        taken = [np.zeros((grid.height_px, grid.width_px, 3), np.uint8)]
    taken += [taken[-1]] * (grid.frame_count - len(taken))
    return np.stack(taken)
