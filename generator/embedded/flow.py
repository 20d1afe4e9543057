"""Rectified flow in closed form: the path from data to noise, its velocity, and the deterministic sampler.

t = 1 is noise, t = 0 is data; x_t = (1 - t)·z + t·e. Data is z = m + floor·n: a clean latent m plus Gaussian
noise of known spread `floor` (the autoencoder's). The network predicts m; given m the velocity is exact, and
the flow keeps (x_t - (1 - t)·m) / spread(t) constant. A sampler step solves that exactly for a held m, which
makes it an exponential Euler step, and the noise a clip starts from ends up, scaled by `floor`, in its
latents. Knows no text, no network architecture, no pixels.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

Predictor = Callable[[Tensor, float], Tensor]
"""(x_t, t) to the predicted clean latents m, same shape."""


def timesteps(steps: int, shift: float) -> list[float]:
    """`steps` + 1 times from 1.0 to 0.0; `shift` > 1 crowds them towards noise (arXiv 2403.03206, eq. 23)."""
    even = [1 - k / steps for k in range(steps + 1)]
    return [shift * t / (1 + (shift - 1) * t) for t in even]


def spread(t: Tensor | float, floor: float) -> Tensor:
    """Standard deviation of x_t around (1 - t)·m."""
    t = torch.as_tensor(t)
    return torch.sqrt((1 - t) ** 2 * floor**2 + t**2)


def velocity(x: Tensor, m: Tensor, t: Tensor, floor: float) -> Tensor:
    """E[e - z | x_t, m]: the flow's velocity. `t` broadcasts against `x`."""
    residual = x - (1 - t) * m
    return residual * (t - (1 - t) * floor**2) / spread(t, floor) ** 2 - m


def draw_times(count: int, shift: float, draw: torch.Generator) -> Tensor:
    """Training times (count,): logit-normal, then shifted towards noise."""
    t = torch.sigmoid(torch.randn(count, generator=draw))
    return shift * t / (1 + (shift - 1) * t)


def sample(noise: Tensor, predict: Predictor, times: list[float], floor: float) -> Tensor:
    """Latents z from `noise` at times[0] = 1 down to times[-1] = 0. Deterministic."""
    x = noise
    for t, s in pairwise(times):
        x = _step(x, predict(x, t), t, s, floor)
    return x


def invert(latents: Tensor, predict: Predictor, times: list[float], floor: float, passes: int = 3) -> Tensor:
    """The noise that `sample` would have started from, the same `times` given.

    Each step solves x_s = step(x_t) for x_t by `passes` fixed-point passes, m being predicted at the unknown x_t.
    """
    x = latents
    for t, s in zip(times[-2::-1], times[:0:-1], strict=True):
        guess = x
        for _ in range(passes):
            guess = _step(x, predict(guess, t), s, t, floor)
        x = guess
    return x


def _step(x: Tensor, m: Tensor, t: float, s: float, floor: float) -> Tensor:
    """From time t to time s with m held: exact for constant m, in either direction."""
    ratio = spread(s, floor) / spread(t, floor)
    return (1 - s) * m + ratio * (x - (1 - t) * m)
