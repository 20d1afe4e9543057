"""Which of diffusers' samplers a noise mark lives through, said by a capability flag and refused with a hint."""

from typing import Any

import numpy as np
import pytest
import torch

from core.errors import ConfigurationError
from generator.diffusers_wan import WanBackend
from generator.inversion import (
    DiffusersInverter,
    InversionGrid,
    is_deterministic_ode,
    is_invertible,
    reversible_scheduler,
)

diffusers: Any = pytest.importorskip("diffusers", reason="the extra [diffusers] is not installed")
FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 3.0}

KEEPS = [
    ("FlowMatchEulerDiscreteScheduler", {"shift": 3.0}),
    ("DDIMScheduler", {}),
    ("DPMSolverMultistepScheduler", {}),
    ("DPMSolverMultistepScheduler", FLOW),
    ("UniPCMultistepScheduler", {}),
    ("UniPCMultistepScheduler", FLOW),
    ("DEISMultistepScheduler", {}),
]
RENOISES = [
    ("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True}),
    ("EulerAncestralDiscreteScheduler", {}),
    ("KDPM2AncestralDiscreteScheduler", {}),
    ("DDPMScheduler", {}),
    ("LCMScheduler", {}),
    ("TCDScheduler", {}),
    ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", **FLOW}),
    ("DPMSolverSDEScheduler", {}),
]


def build(name: str, choices: dict[str, Any]) -> Any:
    """A scheduler of this installation of diffusers, or a skip."""
    if not hasattr(diffusers, name):
        pytest.skip(f"this diffusers has no {name}")
    try:
        return getattr(diffusers, name)(**choices)
    except ImportError as fault:
        pytest.skip(str(fault))


@pytest.mark.parametrize(("name", "choices"), KEEPS, ids=lambda v: v if isinstance(v, str) else "-".join(v))
def test_deterministic_samplers_are_read_back(name: str, choices: dict[str, Any]) -> None:
    """An ODE sampler, single or multistep, is invertible, and its reader is of first order."""
    scheduler = build(name, choices)
    assert is_deterministic_ode(scheduler)
    assert is_invertible(scheduler)
    assert reversible_scheduler(scheduler).config.get("solver_order", 1) == 1


@pytest.mark.parametrize(("name", "choices"), RENOISES, ids=lambda v: v if isinstance(v, str) else "-".join(v))
def test_samplers_that_renoise_are_refused_with_a_hint(name: str, choices: dict[str, Any]) -> None:
    """Ancestral, SDE, consistency and stochastic samplers are refused, and the hint names ones that work."""
    scheduler = build(name, choices)
    assert not is_invertible(scheduler)
    with pytest.raises(ConfigurationError) as refused:
        reversible_scheduler(scheduler)
    assert refused.value.code == "sampler_renoises"
    assert "FlowMatchEuler" in refused.value.hint


@pytest.mark.parametrize(
    "name", ["HeunDiscreteScheduler", "FlowMatchHeunDiscreteScheduler", "EulerDiscreteScheduler"]
)
def test_samplers_that_cannot_be_walked_back_are_refused(name: str) -> None:
    """Second-order steps and scaled latents are deterministic, but not walked back: refused by their own code."""
    scheduler = build(name, {})
    assert not is_invertible(scheduler)
    with pytest.raises(ConfigurationError, match="walked back") as refused:
        reversible_scheduler(scheduler)
    assert refused.value.code == "sampler_not_reversible"


def test_a_sampler_that_cannot_be_tried_is_refused() -> None:
    """The check fails closed: a scheduler whose step breaks is not invertible."""

    class Broken(diffusers.FlowMatchEulerDiscreteScheduler):  # type: ignore[misc]
        def step(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("no step today")

    assert not is_deterministic_ode(Broken())
    assert not is_invertible(Broken())


@pytest.mark.parametrize("choices", [FLOW, {**FLOW, "algorithm_type": "sde-dpmsolver++"}], ids=["ode", "sde"])
def test_a_real_pipeline_declares_and_refuses(wan_parts: dict[str, Any], choices: dict[str, Any]) -> None:
    """The backend's flag and the inverter agree, on a real pipeline with a flow solver and with its SDE kin."""
    scheduler = diffusers.DPMSolverMultistepScheduler(**choices)
    pipeline = diffusers.WanPipeline(**wan_parts, scheduler=scheduler)
    grid = InversionGrid(16, 16, 9, steps=4)
    if WanBackend(pipeline).capabilities.invertible:
        DiffusersInverter(pipeline, grid)
        assert "algorithm_type" not in choices
    else:
        assert choices["algorithm_type"].startswith("sde")
        with pytest.raises(ConfigurationError, match="adds fresh noise"):
            DiffusersInverter(pipeline, grid)


def test_a_multistep_pipelines_noise_comes_back(wan_parts: dict[str, Any]) -> None:
    """Latents sampled with UniPC, Wan's default, are read back by Euler steps: most signs of the noise agree."""
    scheduler = diffusers.UniPCMultistepScheduler(**FLOW)
    pipeline = diffusers.WanPipeline(**wan_parts, scheduler=scheduler)
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.randn(1, 16, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    clean = pipeline(
        prompt="a ball bounces",
        negative_prompt="",
        height=16,
        width=16,
        num_frames=9,
        num_inference_steps=12,
        guidance_scale=1.0,
        latents=noise.clone(),
        output_type="latent",
    ).frames
    back = DiffusersInverter(pipeline, InversionGrid(16, 16, 9, steps=12)).invert_latents(clean)
    assert (np.sign(back) == np.sign(noise.numpy())).mean() > 0.8
