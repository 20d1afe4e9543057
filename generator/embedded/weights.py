"""The weights folder: `config.json`, `tokenizer.json`, `model-*.safetensors`, and the digest that names them.

Matrices are stored as float16, or as int8 with a scale per output channel; loading gives float32. The digest covers
every byte of the model, and loading refuses a folder whose bytes do not match its `digest.txt`.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.errors import ConfigurationError
from generator.embedded.config import ModelConfig
from generator.embedded.model import EmbeddedModel
from generator.embedded.text import WordTokenizer

WEIGHTS_FOLDER = Path(__file__).parent.parent / "weights"
_SHARD_BYTES = 15 * 2**20
_INT8, _SCALE = ":int8", ":scale"


def save_model(model: EmbeddedModel, folder: Path, *, is_small: bool = False) -> str:
    """Write the model's folder; returns its SHA-256 digest in hex. `is_small` stores matrices as int8."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("model-*.safetensors"):
        old.unlink()
    (folder / "config.json").write_text(json.dumps(model.config.to_json(), indent=1) + "\n")
    (folder / "tokenizer.json").write_text(model.tokenizer.to_json() + "\n")
    shards: list[dict[str, Tensor]] = [{}]
    for name, stored in _stored(model.state_dict(), is_small):
        used = sum(t.numel() * t.element_size() for t in shards[-1].values())
        if used + stored.numel() * stored.element_size() > _SHARD_BYTES:
            shards.append({})
        shards[-1][name] = stored.contiguous()
    for index, shard in enumerate(shards):
        path = folder / f"model-{index:02d}.safetensors"
        save_file(shard, path)
        path.chmod(0o644)
    digest = folder_digest(folder)
    (folder / "digest.txt").write_text(digest + "\n")
    return digest


def load_model(folder: Path) -> tuple[EmbeddedModel, str]:
    """The model in `folder`, in evaluation mode, and its digest. Raises ConfigurationError if anything is off."""
    if not (folder / "config.json").is_file():
        raise _broken(folder, "has no weights")
    digest = folder_digest(folder)
    recorded = (folder / "digest.txt").read_text().strip() if (folder / "digest.txt").is_file() else "none"
    if digest != recorded:
        raise _broken(folder, f"does not match its digest (expected {recorded[:16]}…, got {digest[:16]}…)")
    try:
        config = ModelConfig.from_json(json.loads((folder / "config.json").read_text()))
        tokenizer = WordTokenizer.from_json((folder / "tokenizer.json").read_text())
        tensors: dict[str, Tensor] = {}
        for shard in sorted(folder.glob("model-*.safetensors")):
            tensors |= load_file(shard)
        model = EmbeddedModel(config, tokenizer)
        model.load_state_dict(_restored(tensors))
    except (SafetensorError, RuntimeError, TypeError, KeyError, ValueError, OSError) as fault:
        raise _broken(folder, f"can't be loaded: {fault}") from fault
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ready: EmbeddedModel = model.eval().requires_grad_(False)
    return ready, digest


def _stored(state: dict[str, Tensor], is_small: bool) -> Iterator[tuple[str, Tensor]]:
    """Vectors and statistics are few; they keep their precision."""
    for name, value in state.items():
        if value.ndim <= 1:
            yield name, value.float()
        elif not is_small:
            yield name, value.half()
        else:
            largest = value.abs().flatten(1).amax(1).clamp(min=1e-12)
            scale = (largest / 127).view(-1, *[1] * (value.ndim - 1))
            yield name + _INT8, (value / scale).round().to(torch.int8)
            yield name + _SCALE, scale.flatten().float()


def _restored(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if name.endswith(_SCALE):
            continue
        if name.endswith(_INT8):
            name = name.removesuffix(_INT8)
            scale = tensors[name + _SCALE]
            value = value.float() * scale.view(-1, *[1] * (value.ndim - 1))
        found[name] = value.float()
    return found


def folder_digest(folder: Path) -> str:
    """SHA-256 over names and bytes of the model's files, in name order."""
    total = hashlib.sha256()
    files = [folder / "config.json", folder / "tokenizer.json", *sorted(folder.glob("model-*.safetensors"))]
    for path in files:
        content = path.read_bytes() if path.is_file() else b""
        total.update(f"{path.name} {len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()


def _broken(folder: Path, what: str) -> ConfigurationError:
    hint = "restore it from the repository, or train one: python -m generator.train --preset nano --out DIR"
    return ConfigurationError(f"the model folder {folder.name} {what}", code="model_weights", hint=hint)
