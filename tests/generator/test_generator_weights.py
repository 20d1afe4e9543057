"""The weights folder: round trip, and damage of every kind refused."""

from pathlib import Path

import pytest
import torch

from core.errors import ConfigurationError
from generator.embedded.backend import EmbeddedBackend
from generator.embedded.model import EmbeddedModel
from generator.embedded.weights import folder_digest, load_model, save_model


def test_saved_weights_come_back(tiny_model: EmbeddedModel, tmp_path: Path) -> None:
    """Loading gives the saved model to the precision of float16, under the digest that saving returned."""
    digest = save_model(tiny_model, tmp_path)
    loaded, found = load_model(tmp_path)
    assert found == digest == folder_digest(tmp_path)
    assert loaded.config == tiny_model.config
    for name, value in tiny_model.state_dict().items():
        assert torch.allclose(loaded.state_dict()[name], value, rtol=1e-3, atol=1e-3), name


@pytest.mark.parametrize("victim", ["config.json", "tokenizer.json", "model-00.safetensors", "digest.txt"])
def test_any_flipped_byte_is_refused(tiny_model: EmbeddedModel, tmp_path: Path, victim: str) -> None:
    """One changed byte in any file of the folder, and it is not loaded."""
    save_model(tiny_model, tmp_path)
    content = bytearray((tmp_path / victim).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / victim).write_bytes(bytes(content))
    with pytest.raises(ConfigurationError, match="digest"):
        EmbeddedBackend.load(folder=tmp_path)


@pytest.mark.parametrize("victim", ["config.json", "tokenizer.json", "model-00.safetensors", "digest.txt"])
def test_a_missing_file_is_refused(tiny_model: EmbeddedModel, tmp_path: Path, victim: str) -> None:
    """A folder that lacks a file gives a configuration error with a hint, not a traceback."""
    save_model(tiny_model, tmp_path)
    (tmp_path / victim).unlink()
    with pytest.raises(ConfigurationError) as refused:
        EmbeddedBackend.load(folder=tmp_path)
    assert refused.value.hint


def test_nonsense_under_a_valid_digest_is_refused(tiny_model: EmbeddedModel, tmp_path: Path) -> None:
    """Even with a matching digest, files that make no model give a configuration error."""
    save_model(tiny_model, tmp_path)
    (tmp_path / "model-00.safetensors").write_bytes(b"not tensors")
    (tmp_path / "digest.txt").write_text(folder_digest(tmp_path))
    with pytest.raises(ConfigurationError, match="can't be loaded"):
        load_model(tmp_path)


def test_an_unknown_preset_is_refused() -> None:
    """A preset that does not exist is refused, naming those that do."""
    with pytest.raises(ConfigurationError) as refused:
        EmbeddedBackend.load("gigantic")
    assert "nano" in refused.value.hint


def test_small_weights_are_half_the_bytes_and_nearly_the_same(tmp_path: Path, tiny_model: EmbeddedModel) -> None:
    """int8 per output channel: at most half a step of 1/127 of its largest weight off, in half the bytes."""
    save_model(tiny_model, tmp_path / "half")
    save_model(tiny_model, tmp_path / "small", is_small=True)
    loaded, _ = load_model(tmp_path / "small")
    for name, value in tiny_model.state_dict().items():
        again = loaded.state_dict()[name]
        step = value.abs().flatten(1).amax(1) / 127 if value.ndim > 1 else torch.zeros(len(value.view(-1)))
        off = (again - value).abs().flatten(1).amax(1) if value.ndim > 1 else (again - value).abs().view(-1)
        assert (off <= step * 0.51 + 1e-6).all(), name
    half, small = (sum(f.stat().st_size for f in (tmp_path / n).glob("*.safetensors")) for n in ("half", "small"))
    assert small < 0.75 * half
