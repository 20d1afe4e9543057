"""Pictures and clips that come with a request, as latents: what the sampler holds on to, or starts from."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.clip import RGB
from core.errors import UsageError
from generator.embedded import flow
from generator.embedded.chain import longest_frames
from generator.embedded.conditioning import Known, frames_in_tokens, latent_frames_of, token_frames
from generator.embedded.config import ModelConfig
from generator.embedded.grid import fitted, on_grid, to_unit
from generator.embedded.model import EmbeddedModel
from generator.port import GivenMedia

DEFAULT_STRENGTH = 0.6
MAX_SOURCE_S = 30.0
"""The longest clip that is gone on from."""


@dataclass(frozen=True)
class Start:
    """Where sampling starts: with what known, from which latents, over which of the times."""

    noise: Tensor
    times: list[float]
    known: Known | None = None


def start_of(model: EmbeddedModel, media: GivenMedia | None, noise: Tensor, times: list[float]) -> Start:
    """How a request's media change the start that its noise (1, C, F, H, W) and times 1.0 to 0.0 give.

    Raises:
        UsageError: the clip has no frames.
    """
    if media is None:
        return Start(noise, times)
    if media.clip is None:
        return Start(noise, times, pictured(model, media.first_frame, media.last_frame))
    return changing(model, source_frames(media, model.config), noise, times, media.strength)


def source_frames(media: GivenMedia, config: ModelConfig) -> RGB:
    """The given clip on the model's grid, whole, (F, H, W, 3).

    Raises:
        UsageError: it has no frames, or is longer than is read.
    """
    most = round(MAX_SOURCE_S * config.fps) if media.is_extended else longest_frames(config)
    frames = None if media.clip is None else on_grid(media.clip, config, "middle", most)
    if frames is None:
        raise UsageError("the given clip has no frames", code="media_empty", hint="Give a clip with at least one.")
    return frames


def changing(
    model: EmbeddedModel,
    frames: RGB,
    noise: Tensor,
    times: list[float],
    strength: float | None,
    known: Known | None = None,
) -> Start:
    """From frames on the grid, of which `strength` changes: their latents, noised as far as its share of the steps.

    Of more frames than the model's length the first are taken; of fewer the last is held.
    """
    share = DEFAULT_STRENGTH if strength is None else strength
    left = times[len(times) - 1 - max(1, round(share * (len(times) - 1))) :]
    wanted = model.config.frames
    held = np.concatenate([frames[:wanted], np.repeat(frames[-1:], max(0, wanted - len(frames)), axis=0)])
    clean = encoded(model, held)
    return Start((1 - left[0]) * clean + flow.spread(left[0], model.config.vae.noise_floor) * noise, left, known)


def pictured(model: EmbeddedModel, first: RGB | None, last: RGB | None) -> Known | None:
    """A first frame as the first latent frame, a last one as a still ending; None without either."""
    config = model.config
    latents, known = torch.zeros(1, *config.latent_shape), torch.zeros(config.latent_shape[1], dtype=torch.bool)
    if first is not None:
        latents[:, :, :1] = encoded(model, fitted(first, config.size_px)[None])
        known[0] = True
    if last is not None:
        count = config.dit.patch_frames
        still = np.repeat(fitted(last, config.size_px)[None], 1 + count * config.vae.group_frames, axis=0)
        latents[:, :, -count:] = encoded(model, still)[:, :, 1:]
        known[-count:] = True
    return Known(latents, known) if bool(known.any()) else None


def ending(model: EmbeddedModel, frames: RGB) -> Known:
    """The end of a clip on the grid (F, H, W, 3) as the beginning of the next one: half of the model's length."""
    config = model.config
    tokens = max(1, token_frames(config) // 2)
    held = frames_in_tokens(tokens, config)
    if len(frames) < held:
        frames = np.concatenate([np.repeat(frames[:1], held - len(frames), axis=0), frames])
    known = latent_frames_of(torch.arange(token_frames(config))[None] < tokens, config)[0]
    latents = torch.zeros(1, *config.latent_shape)
    latents[:, :, known] = encoded(model, frames[-held:])
    return Known(latents, known)


def encoded(model: EmbeddedModel, frames: RGB) -> Tensor:
    """Clean latents (1, C, F', H', W') of frames on the grid."""
    with torch.no_grad():
        return model.vae.encode(to_unit(frames))


def next_noise(latents: Tensor, part: int) -> Tensor:
    """Initial latents of a later part of an extension: drawn from those of the first, N(0, 1)."""
    seed = np.random.SeedSequence(
        [part, *latents.numpy().astype(np.float32).view(np.uint32).ravel()[:256].tolist()]
    )
    drawn = np.random.default_rng(seed).standard_normal(latents.shape).astype(np.float32)
    return latents if part == 0 else torch.from_numpy(drawn)
