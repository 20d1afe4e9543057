"""Wan through diffusers on a tiny random pipeline: given latents, inversion, and samplers that re-noise."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import ConfigurationError
from generator.diffusers_wan import WanBackend
from generator.inversion import (
    DiffusersInverter,
    InversionGrid,
    ReverseODE,
    is_deterministic_ode,
    reversible_scheduler,
)

PROMPT = "a ball bounces"
GRID = InversionGrid(16, 16, 9, steps=4, passes=8, prompt=PROMPT, guidance_scale=3.0)


def test_exact_latents_lead_back_to_their_noise(wan_pipeline: Any) -> None:
    """With the right prompt and guidance, eight passes recover the initial noise's signs."""
    noise = torch.randn(1, 16, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    clean = wan_pipeline(
        prompt=PROMPT,
        negative_prompt="",
        height=16,
        width=16,
        num_frames=9,
        num_inference_steps=4,
        guidance_scale=3.0,
        latents=noise.clone(),
        output_type="latent",
    ).frames
    before = wan_pipeline.scheduler
    seen: list[float] = []
    back = DiffusersInverter(wan_pipeline, GRID).invert_latents(clean, seen.append)
    assert (np.sign(back) == np.sign(noise.numpy())).mean() > 0.95
    assert wan_pipeline.scheduler is before
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_any_clip_gives_latents(wan_pipeline: Any) -> None:
    """A clip of another size and length is scaled and held to the model's grid."""
    from core.clip import Clip

    frames = np.random.default_rng(0).integers(0, 255, (3, 40, 24, 3), dtype=np.uint8)
    found = DiffusersInverter(wan_pipeline, GRID).invert(Clip.from_array(frames, 8))
    assert found.shape == (1, 16, 3, 2, 2)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_samplers_that_renoise_are_refused(wan_parts: dict[str, Any]) -> None:
    """A stochastic sampler is found out, declared not invertible and refused for inversion."""
    import diffusers

    noisy = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, stochastic_sampling=True)
    pipeline = diffusers.WanPipeline(**wan_parts, scheduler=noisy)
    assert not is_deterministic_ode(noisy)
    assert not WanBackend(pipeline).capabilities.invertible
    with pytest.raises(ConfigurationError, match="adds fresh noise"):
        DiffusersInverter(pipeline, GRID)


def test_a_sampler_that_hides_its_noise_is_found_by_trying(wan_parts: dict[str, Any]) -> None:
    """The check does not trust the configuration: fresh noise shows when a step is tried twice."""
    import diffusers

    class Secretive(diffusers.FlowMatchEulerDiscreteScheduler):  # type: ignore[misc]
        def step(self, model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, **choices: Any) -> Any:
            first = super().step(model_output, timestep, sample, **choices)[0]
            return (first + 0.1 * torch.randn_like(first),)

    assert is_deterministic_ode(diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0))
    assert not is_deterministic_ode(Secretive(shift=3.0))


def test_a_multistep_flow_solver_is_read_back_with_euler(wan_parts: dict[str, Any]) -> None:
    """UniPC with flow prediction, Wan's own default, is reversed by Euler steps of the same shift."""
    import diffusers

    solver = diffusers.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    assert is_deterministic_ode(solver)
    euler = reversible_scheduler(solver)
    assert euler.config.shift == 3.0


def test_the_walk_back_visits_every_step(wan_parts: dict[str, Any]) -> None:
    """Each forward step appears once per pass, noise last, and the forward scheduler stays as it was."""
    import diffusers

    forward = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    reverse = ReverseODE(forward, passes=3)
    reverse.set_timesteps(5)
    forward.set_timesteps(5)
    assert len(reverse.timesteps) == 15
    assert torch.equal(reverse.timesteps[::3].flip(0), forward.timesteps)
    with pytest.raises(ValueError, match="passes"):
        ReverseODE(forward, passes=0)


def test_a_missing_extra_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without diffusers the error says which extra to install."""
    real_import = builtins.__import__

    def without_diffusers(name: str, *rest: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "diffusers":
            raise ImportError(name)
        return real_import(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_diffusers)
    with pytest.raises(ConfigurationError) as refused:
        WanBackend.from_pretrained(tmp_path)
    assert "[diffusers]" in refused.value.hint


def test_an_empty_folder_is_no_pipeline(tmp_path: Path) -> None:
    """A folder without a checkpoint gives a configuration error."""
    pytest.importorskip("diffusers", reason="the extra [diffusers] is not installed")
    with pytest.raises(ConfigurationError, match="no Wan pipeline"):
        WanBackend.from_pretrained(tmp_path)
