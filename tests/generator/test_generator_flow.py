"""Rectified flow against its closed form."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from generator.embedded import flow

FLOOR = 0.2


@given(steps=st.integers(1, 50), shift=st.floats(0.5, 12))
def test_times_fall_from_one_to_zero(steps: int, shift: float) -> None:
    """The schedule starts at noise, ends at data and falls strictly."""
    times = flow.timesteps(steps, shift)
    assert times[0] == 1.0
    assert times[-1] == 0.0
    assert all(a > b for a, b in pairwise(times))


@settings(max_examples=20, deadline=None)
@given(steps=st.integers(1, 12), seed=st.integers(0, 1000))
def test_one_clean_picture_is_sampled_exactly(steps: int, seed: int) -> None:
    """With a single clean latent m the sampler gives m + floor·noise, whatever the number of steps."""
    draw = torch.Generator().manual_seed(seed)
    noise, m = torch.randn(1, 3, 2, 4, 4, generator=draw), torch.randn(1, 3, 2, 4, 4, generator=draw)
    z = flow.sample(noise, lambda x, t: m, flow.timesteps(steps, 3.0), FLOOR)
    assert torch.allclose(z, m + FLOOR * noise, atol=1e-5)


def test_velocity_is_the_slope_of_the_exact_path() -> None:
    """The closed-form velocity equals the numerical derivative of the exact solution for a held m."""
    noise, m = torch.randn(64, dtype=torch.float64), torch.randn(64, dtype=torch.float64)

    def path(t: float) -> Tensor:
        return (1 - t) * m + math.sqrt((1 - t) ** 2 * FLOOR**2 + t**2) * noise

    for t in (0.02, 0.2, 0.5, 0.9):
        slope = (path(t + 1e-5) - path(t - 1e-5)) / 2e-5
        time = torch.tensor(t, dtype=torch.float64)
        assert torch.allclose(flow.velocity(path(t), m, time, FLOOR), slope, atol=1e-6)


def gaussian_predictor(spread_of_data: Tensor) -> flow.Predictor:
    """E[m | x_t] for clean latents N(0, spread²) per element."""

    def predict(x: Tensor, t: float) -> Tensor:
        signal = (1 - t) * spread_of_data**2
        total = (1 - t) ** 2 * (spread_of_data**2 + FLOOR**2) + t**2
        return signal / total * x

    return predict


def test_gaussian_clips_get_their_variance() -> None:
    """For Gaussian data the sampler's output has the data's closed-form variance, floor included."""
    spread = torch.linspace(0.2, 2, 8)[:, None].expand(8, 20_000)
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(spread.shape, generator=draw)
    z = flow.sample(noise, gaussian_predictor(spread), flow.timesteps(200, 1.0), FLOOR)
    expected = torch.sqrt(spread[:, 0] ** 2 + FLOOR**2)
    assert torch.allclose(z.std(dim=1), expected, rtol=0.03)


@pytest.mark.parametrize("steps", [12, 30])
def test_inversion_undoes_sampling(steps: int) -> None:
    """Walking the ODE back returns the initial noise, signs and all. (Four large steps would be too few: the
    fixed point of each must contract.)"""
    spread = torch.linspace(0.2, 1.5, 4000)
    noise = torch.randn(4000, generator=torch.Generator().manual_seed(1))
    times = flow.timesteps(steps, 3.0)
    z = flow.sample(noise, gaussian_predictor(spread), times, FLOOR)
    back = flow.invert(z, gaussian_predictor(spread), times, FLOOR, passes=30)
    assert float((back.sign() == noise.sign()).float().mean()) > 0.99


def test_training_times_lie_between_data_and_noise() -> None:
    """Drawn times lie in (0, 1), and a larger shift moves them towards noise."""
    draw = torch.Generator().manual_seed(0)
    low, high = flow.draw_times(5000, 1.0, draw), flow.draw_times(5000, 8.0, draw)
    assert float(low.min()) > 0
    assert float(high.max()) < 1
    assert float(low.median()) == pytest.approx(0.5, abs=0.03)
    assert float(high.median()) == pytest.approx(8 / 9, abs=0.02)
