"""Harm heads on sentence embeddings: one linear classifier a class, trained by train_harm_heads.py --encoder.

A further opinion beside the heads over n-grams; it hears wordings that share no word with what it was trained on.
Its file is JSON, no pickle, and names the encoder it was trained on by digest.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError
from policy.harm_heads import MIN_WORDS, flags_of, words_in
from policy.minilm import SentenceEncoder

HEADS_FILE = "reelproof_heads.json"


class EmbeddingHeads:
    """Weights (classes × width), biases and thresholds (classes) on an encoder. A `HarmListener`; thread-safe."""

    def __init__(
        self,
        encoder: SentenceEncoder,
        classes: tuple[str, ...],
        weights: NDArray[np.float32],
        biases: NDArray[np.float32],
        thresholds: NDArray[np.float32],
        digest: str,
    ) -> None:
        if weights.shape != (len(classes), encoder.width) or not len(biases) == len(thresholds) == len(classes):
            raise ValueError("the heads have another shape than classes and encoder say")
        self._encoder, self._classes, self.digest = encoder, classes, digest
        self._weights, self._biases, self._thresholds = weights, biases, thresholds

    @classmethod
    def load(cls, folder: Path) -> "EmbeddingHeads":
        """Encoder and heads of a folder.

        Raises:
            ConfigurationError: one is missing or damaged, or the heads were trained on another encoder.
        """
        try:
            content = (folder / HEADS_FILE).read_bytes()
            heads = json.loads(content)
            encoder = SentenceEncoder.load(folder, heads["encoder_sha256"])
            arrays = [np.array(heads[name], dtype=np.float32) for name in ("weights", "biases", "thresholds")]
            digest = hashlib.sha256(content + encoder.digest.encode()).hexdigest()
            return cls(encoder, tuple(heads["classes"]), arrays[0], arrays[1], arrays[2], digest)
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise ConfigurationError(
                f"the heads in {folder.name} can't be used: {fault}",
                code="encoder_heads_unusable",
                hint="train them: python -m policy.train_harm_heads --encoder FOLDER --out FOLDER",
            ) from fault

    def scores(self, text: str) -> NDArray[np.float32]:
        """The score of each class (logits)."""
        return np.asarray(self._weights @ self._encoder.embed(text) + self._biases, dtype=np.float32)

    def flags(self, text: str) -> list[tuple[str, str]]:
        """(rule name, flag) for each class whose score passes its threshold; none for a text of a word or two."""
        if len(words_in(text)) < MIN_WORDS:
            return []
        above = self.scores(text) > self._thresholds
        return flags_of("minilm", [name for name, is_above in zip(self._classes, above, strict=True) if is_above])
