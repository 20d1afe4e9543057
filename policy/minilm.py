"""Sentence embeddings by a MiniLM of six layers in plain numpy, from a local folder; no torch.

BERT's forward pass (arXiv:1810.04805) with mean pooling over tokens and unit length, as all-MiniLM-L6-v2 does. The
folder holds `model.safetensors` and `tokenizer.json`; the extra `minilm` brings safetensors and tokenizers. Which
files are meant is told by digest, by whoever trained heads on them.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from core.errors import ConfigurationError

MODEL, TOKENIZER, CONFIG = "model.safetensors", "tokenizer.json", "config.json"
_MAX_TOKENS = 256
_EPSILON = 1e-12

Array = NDArray[np.float32]


@dataclass(frozen=True)
class _Layer:
    """One encoder layer's weights, transposed so that rows of tokens are multiplied from the left."""

    attention: tuple[Array, Array]
    attended: tuple[Array, Array]
    attention_norm: tuple[Array, Array]
    wide: tuple[Array, Array]
    narrow: tuple[Array, Array]
    norm: tuple[Array, Array]


class SentenceEncoder:
    """Text to a unit vector of `width` numbers. Immutable and thread-safe; the same text gives the same vector."""

    def __init__(self, weights: dict[str, Array], tokenizer: Any, heads: int, digest: str) -> None:
        self.digest = digest
        self._tokenizer = tokenizer
        self._heads = heads
        self._words = weights["embeddings.word_embeddings.weight"]
        self._places = weights["embeddings.position_embeddings.weight"]
        self._segment = weights["embeddings.token_type_embeddings.weight"][0]
        self._norm = _pair(weights, "embeddings.LayerNorm", is_matrix=False)
        count = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
        self._layers = [_layer(weights, f"encoder.layer.{at}") for at in range(count)]
        self._max_tokens = min(_MAX_TOKENS, len(self._places))

    @property
    def width(self) -> int:
        """How many numbers a vector has."""
        return int(self._words.shape[1])

    @classmethod
    def load(cls, folder: Path, digest: str | None = None) -> "SentenceEncoder":
        """The encoder in a folder, where `digest` (see `encoder_digest`) is that of its files.

        Raises:
            ConfigurationError: files are missing, of another model, or the extra `minilm` is not installed.
        """
        try:
            from safetensors.numpy import load_file
            from tokenizers import Tokenizer
        except ImportError as fault:
            raise ConfigurationError(
                "a sentence encoder needs safetensors and tokenizers",
                code="encoder_extra_missing",
                hint='pip install "reelproof[minilm]", or unset REELPROOF_MINILM',
            ) from fault
        try:
            found = encoder_digest(folder)
            if digest is not None and found != digest:
                raise ValueError("its files are not those that the heads were trained on")
            heads = int(json.loads((folder / CONFIG).read_text(encoding="utf-8"))["num_attention_heads"])
            tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
            tokenizer.no_padding()
            weights = {name.removeprefix("bert."): each for name, each in load_file(folder / MODEL).items()}
            return cls(weights, tokenizer, heads, found)
        except Exception as fault:  # tokenizers raises plain Exception for a damaged file
            raise ConfigurationError(
                f"the sentence encoder in {folder.name} can't be used: {fault}",
                code="encoder_unusable",
                hint=f"REELPROOF_MINILM names a folder with {MODEL}, {TOKENIZER} and {CONFIG}.",
            ) from fault

    def embed(self, text: str) -> Array:
        """The unit vector of a text, read up to 256 tokens."""
        numbers = self._tokenizer.encode(text).ids[: self._max_tokens]
        rows = _normalised(self._words[numbers] + self._places[: len(numbers)] + self._segment, self._norm)
        for layer in self._layers:
            rows = self._through(layer, rows)
        mean = rows.mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), _EPSILON), dtype=np.float32)

    def _through(self, layer: _Layer, rows: Array) -> Array:
        """One encoder layer: (tokens, width) to the same shape."""
        count, width = rows.shape
        size = width // self._heads
        mixed = rows @ layer.attention[0] + layer.attention[1]
        query, key, value = mixed.reshape(count, 3, self._heads, size).transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1) / np.float32(size**0.5)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        attended = (weights @ value).transpose(1, 0, 2).reshape(count, width)
        rows = _normalised(rows + attended @ layer.attended[0] + layer.attended[1], layer.attention_norm)
        wide = rows @ layer.wide[0] + layer.wide[1]
        wide = wide * np.float32(0.5) * (1 + erf(wide * np.float32(0.5**0.5)))
        return _normalised(rows + wide @ layer.narrow[0] + layer.narrow[1], layer.norm)


def encoder_digest(folder: Path) -> str:
    """SHA-256 over weights, tokenizer and config, in hex. Raises `OSError` where one is missing."""
    digest = hashlib.sha256()
    for name in (MODEL, TOKENIZER, CONFIG):
        with (folder / name).open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _layer(weights: dict[str, Array], at: str) -> _Layer:
    parts = [_pair(weights, f"{at}.attention.self.{name}") for name in ("query", "key", "value")]
    attention = (np.concatenate([each[0] for each in parts], axis=1), np.concatenate([each[1] for each in parts]))
    return _Layer(
        attention,
        _pair(weights, f"{at}.attention.output.dense"),
        _pair(weights, f"{at}.attention.output.LayerNorm", is_matrix=False),
        _pair(weights, f"{at}.intermediate.dense"),
        _pair(weights, f"{at}.output.dense"),
        _pair(weights, f"{at}.output.LayerNorm", is_matrix=False),
    )


def _pair(weights: dict[str, Array], name: str, *, is_matrix: bool = True) -> tuple[Array, Array]:
    weight = weights[f"{name}.weight"]
    return (np.ascontiguousarray(weight.T) if is_matrix else weight), weights[f"{name}.bias"]


def _normalised(rows: Array, norm: tuple[Array, Array]) -> Array:
    centred = rows - rows.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + _EPSILON)
    return np.asarray(centred / spread * norm[0] + norm[1], dtype=np.float32)
