"""Rules of decoder inversion, and of the two ways to lay a clip on the model's grid."""

import numpy as np
import torch

from core.clip import Clip
from generator.embedded.backend import EmbeddedBackend, EmbeddedInverter
from generator.embedded.grid import on_grid, to_frames, to_unit
from generator.embedded.refinement import refined


def drawn(backend: EmbeddedBackend, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Random latents and the frames they decode to."""
    draw = torch.Generator().manual_seed(seed)
    latents = torch.randn(1, *backend.network.config.latent_shape, generator=draw)
    with torch.no_grad():
        return latents, backend.network.vae.decode(latents)


def test_refined_latents_decode_closer(tiny_embedded: EmbeddedBackend) -> None:
    """Each further share of steps leaves a smaller error to the frames, and no steps change nothing."""
    vae = tiny_embedded.network.vae
    _, frames = drawn(tiny_embedded)
    with torch.no_grad():
        start = vae.encode(frames)
    errors = []
    for steps in (0, 3, 10):
        with torch.no_grad():
            errors.append(float(((vae.decode(refined(vae, frames, start, steps)) - frames) ** 2).sum()))
    assert errors[0] > errors[1] > errors[2]
    assert torch.equal(refined(vae, frames, start, 0), start)


def test_refinement_is_deterministic_and_leaves_no_gradient(tiny_embedded: EmbeddedBackend) -> None:
    """Twice the same, whatever grad mode the caller is in; nothing of the model changes."""
    vae = tiny_embedded.network.vae
    start, frames = drawn(tiny_embedded)
    with torch.no_grad():
        first = refined(vae, frames, start + 0.1, 2)
    assert torch.equal(first, refined(vae, frames, start + 0.1, 2))
    assert not first.requires_grad
    assert all(parameter.grad is None for parameter in vae.parameters())


def test_progress_rises_to_one_with_and_without_refinement(tiny_embedded: EmbeddedBackend) -> None:
    """The inverter's progress never falls and ends at 1."""
    clip = Clip.from_array(to_frames(drawn(tiny_embedded)[1][0]), tiny_embedded.network.config.fps)
    for refinements in (0, 3):
        seen: list[float] = []
        EmbeddedInverter(tiny_embedded, refinements=refinements).invert(clip, seen.append)
        assert seen == sorted(seen)
        assert abs(seen[-1] - 1.0) < 1e-9


def test_a_cut_clip_lies_in_the_corner_and_is_held(tiny_embedded: EmbeddedBackend) -> None:
    """`cut` keeps pixels as they are, from the upper left, and holds the edges; `scaled` fills the grid."""
    config = tiny_embedded.network.config
    side = config.size_px
    frames = np.random.default_rng(0).integers(0, 255, (config.frames, side - 24, side - 8, 3), dtype=np.uint8)
    laid = on_grid(Clip.from_array(frames, config.fps), config, "cut")
    assert laid is not None
    assert laid.shape == (config.frames, side, side, 3)
    assert np.array_equal(laid[:, : side - 24, : side - 8], frames)
    assert np.array_equal(laid[:, -1, : side - 8], frames[:, -1])
    assert np.array_equal(laid[:, : side - 24, -1], frames[:, :, -1])


def test_a_cut_clip_larger_than_the_model_keeps_its_corner(tiny_embedded: EmbeddedBackend) -> None:
    """Frames larger than the grid are cut, not scaled, where `cut` is asked for."""
    config = tiny_embedded.network.config
    frames = np.random.default_rng(1).integers(0, 255, (2, 90, 100, 3), dtype=np.uint8)
    laid = on_grid(Clip.from_array(frames, config.fps), config, "cut")
    assert laid is not None
    assert np.array_equal(laid[0], frames[0, : config.size_px, : config.size_px])
    assert to_unit(laid).shape == (1, 3, config.frames, config.size_px, config.size_px)
