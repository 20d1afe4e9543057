"""Where the networks compute: devices by name, bfloat16 only where it is quick, the same clip everywhere."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import ConfigurationError
from generator.embedded.backend import EmbeddedBackend, EmbeddedInverter
from generator.embedded.devices import chosen_device, has_fast_bfloat16, move
from generator.embedded.model import EmbeddedModel
from generator.port import GenerationRequest

REQUEST = GenerationRequest("a red ball bounces", seed=3, negative_prompt="a blue star")


def test_auto_is_the_cpu_where_nothing_else_is() -> None:
    """`auto` never fails; what is not there is refused with the setting to change."""
    assert chosen_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert chosen_device("cpu") == torch.device("cpu")
    for name in ("gpu", "cuda:99", "", "meta:x"):
        with pytest.raises(ConfigurationError) as caught:
            chosen_device(name)
        assert "REELPROOF_DEVICE" in caught.value.hint


@pytest.mark.parametrize(
    ("flags", "is_fast"),
    [("fpu avx512f avx512_bf16", True), ("fpu amx_bf16 amx_tile", True), ("fpu avx2 avx512f", False)],
)
def test_bfloat16_only_where_the_cpu_is_made_for_it(tmp_path: Path, flags: str, is_fast: bool) -> None:
    """Elsewhere it is slower than float32: the flags of the kernel's list decide, and no list is a no."""
    facts = tmp_path / "cpuinfo"
    facts.write_text(f"processor\t: 0\nmodel name\t: amx_bf16 lookalike\nflags\t\t: {flags}\n\n")
    assert has_fast_bfloat16(torch.device("cpu"), facts) is is_fast
    assert not has_fast_bfloat16(torch.device("cpu"), tmp_path / "none")


def _clip(model: EmbeddedModel) -> tuple[np.ndarray, np.ndarray]:
    backend = EmbeddedBackend(model, "0" * 64)
    noise = np.random.default_rng(5).standard_normal(backend.latent_spec(REQUEST).shape).astype(np.float32)
    clip = backend.generate(REQUEST, noise).clip
    return clip.to_array(), EmbeddedInverter(backend, steps=2, refinements=2).invert(clip)


@pytest.mark.parametrize(
    ("device", "mixed"),
    [
        ("cpu", True),
        pytest.param(
            "cuda", False, marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
        ),
        pytest.param(
            "cuda", True, marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
        ),
    ],
)
def test_a_clip_is_the_same_wherever_it_is_made(tiny_model: EmbeddedModel, device: str, mixed: bool) -> None:
    """A seed gives the same frames and the same way back to the noise, to the tolerance of the arithmetic."""
    moved = copy.deepcopy(tiny_model)
    move(moved, torch.device(device), mixed=mixed)
    (frames, noise), (other_frames, other_noise) = _clip(tiny_model), _clip(moved)
    apart = np.abs(frames.astype(int) - other_frames)
    assert float(apart.mean()) < (1.5 if mixed else 0.05)
    assert mixed <= bool(apart.any())
    assert float(np.corrcoef(noise.ravel(), other_noise.ravel())[0, 1]) > (0.97 if mixed else 0.999)


def test_the_encoder_keeps_all_of_float32_wherever_it_is_quick_not_to() -> None:
    """The shipped encoder's channels lie far off zero and vary little: in bfloat16 nothing could be read back."""
    exact, moved = EmbeddedBackend.load().network, EmbeddedBackend.load().network
    move(moved, torch.device("cpu"), mixed=True)
    pictures = torch.from_numpy(np.random.default_rng(2).uniform(-1, 1, (1, 3, 5, 256, 256))).float()
    with torch.no_grad():
        found, expected = moved.vae.encode(pictures), exact.vae.encode(pictures)
    assert float((found - expected).abs().max()) < 0.02
