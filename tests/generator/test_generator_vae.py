"""The autoencoder's laws: causality, shapes, normalisation."""

from typing import Any

import pytest
import torch

from generator.embedded.config import NANO, PRESETS, SMOKE, ModelConfig
from generator.embedded.model import EmbeddedModel
from generator.embedded.vae import CausalVAE


@pytest.fixture(scope="module")
def vae(tiny_model: EmbeddedModel) -> CausalVAE:
    return tiny_model.vae


def random_clip(frames: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, frames, 64, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("groups", [0, 1])
def test_latents_know_only_the_past(vae: CausalVAE, groups: int) -> None:
    """The first latents of a long clip are the latents of the clip cut short."""
    clip = random_clip(9)
    keep = 1 + 4 * groups
    whole, cut = vae.encode(clip), vae.encode(clip[:, :, :keep])
    assert torch.allclose(whole[:, :, : groups + 1], cut, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2])
def test_frames_know_only_past_latents(vae: CausalVAE, groups: int) -> None:
    """The first frames of a long decoding are those of the latents cut short."""
    z = torch.randn(1, SMOKE.vae.channels, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    whole, cut = vae.decode(z), vae.decode(z[:, :, :groups])
    assert torch.allclose(whole[:, :, : 1 + 4 * (groups - 1)], cut, atol=1e-5)


def test_a_later_frame_changes_its_own_group(vae: CausalVAE) -> None:
    """Causality is not blindness: a changed last frame changes the last latents."""
    clip, other = random_clip(9), random_clip(9)
    other[:, :, 8] = -other[:, :, 8]
    a, b = vae.encode(clip), vae.encode(other)
    assert torch.allclose(a[:, :, :2], b[:, :, :2], atol=1e-5)
    assert not torch.allclose(a[:, :, 2], b[:, :, 2], atol=1e-3)


def test_an_earlier_group_reaches_later_ones(vae: CausalVAE) -> None:
    """Memory: the second group's latents depend on the first frame."""
    clip, other = random_clip(5), random_clip(5)
    other[:, :, 0] = -other[:, :, 0]
    assert not torch.allclose(vae.encode(clip)[:, :, 1], vae.encode(other)[:, :, 1], atol=1e-4)


@pytest.mark.parametrize("config", PRESETS.values(), ids=lambda c: c.name)
def test_presets_only_change_numbers(config: ModelConfig) -> None:
    """Every preset's shapes follow from its numbers, and its config survives JSON."""
    with torch.device("meta"):
        vae = CausalVAE(config.vae)
        clip = torch.empty(1, 3, config.frames, config.size_px, config.size_px)
        z = vae.encode(clip)
        decoded = vae.decode(z)
    assert z.shape[1:] == config.latent_shape
    assert decoded.shape == clip.shape
    assert ModelConfig.from_json(config.to_json()) == config


def test_nano_compresses_as_promised() -> None:
    """32 pixels a latent along each side, four frames in time, and clips of two to three seconds."""
    assert NANO.vae.spatial_px == 32
    assert NANO.vae.group_frames == 4
    assert 2.0 <= NANO.frames / NANO.fps <= 3.0


def test_normalisation_and_decoding_agree() -> None:
    """Setting the final normalisation rescales the latents and leaves the decoded frames as they were."""
    torch.manual_seed(0)
    vae: Any = CausalVAE(SMOKE.vae).eval().requires_grad_(False)
    vae.mean.uniform_(-1, 1)
    vae.std.uniform_(0.5, 2)
    clip = random_clip(9)
    before = vae.decode(vae.encode(clip))
    raw = vae.encoder(clip)
    vae.normalise_by(raw.mean((0, 2, 3, 4)), raw.std((0, 2, 3, 4)))
    z = vae.encode(clip)
    assert torch.allclose(z.mean((0, 2, 3, 4)), torch.zeros(SMOKE.vae.channels), atol=1e-4)
    assert torch.allclose(z.std((0, 2, 3, 4)), torch.ones(SMOKE.vae.channels), atol=1e-3)
    assert torch.allclose(vae.decode(z), before, atol=1e-4)
