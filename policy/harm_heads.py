"""Learned harm heads: one linear classifier a class over hashed word and letter n-grams. Pure numpy when it runs.

Weights are plain arrays in an .npz (no pickle), checked against the digest in the lists' manifest. Training is in
train_harm_heads.py. The heads stand on top of the rules of harm.toml, which stay as a floor.
"""

import hashlib
import io
import itertools
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError
from policy.fold import fold, tokens_of

WORD_BUCKETS = 1 << 15
LETTER_BUCKETS = 1 << 15
DIMENSIONS = WORD_BUCKETS + LETTER_BUCKETS
WEIGHTS, SETTINGS = "harm_heads.npz", "harm_heads.json"
_MIN_GRAM, _MAX_GRAM = 3, 5
# A text needs some evidence: below so many words heads are not asked (harm.toml still is), and up to so many words
# and pairs, or letter groups, each weighs no more than it would in a text of that length.
MIN_WORDS, _MIN_WORD_FEATURES, _MIN_LETTER_FEATURES = 3, 9, 60
# Longer texts are read in windows of so many words, so that a line in a long script weighs as much as one alone.
_WINDOW_WORDS, _WINDOW_STEP, _MAX_WINDOWS = 16, 8, 100
# How much clearer (in logits) a class has to be where an exception of harm.toml stands in the text.
_EXCUSED_MARGIN = 2.0
_LABEL_MARGIN = 1.5
# What a head says of a text, in the words of the context table.
_FLAGS = {"minors": ("minors", "sexual")}


class HarmListener(Protocol):
    """A further opinion on harm in a text. Thread-safe; the same text always gets the same answer."""

    @property
    def digest(self) -> str:
        """What it is, in hex: another model has another digest. It goes into the rule set of every decision."""
        ...

    def flags(self, text: str) -> list[tuple[str, str]]:
        """(rule name, flag of the context table) for each class heard."""
        ...


@dataclass(frozen=True)
class Heads:
    """Weights (classes × buckets), biases and thresholds (classes), and their names. Immutable; thread-safe."""

    classes: tuple[str, ...]
    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    thresholds: NDArray[np.float32]

    @classmethod
    def load(cls, folder: Path) -> "Heads":
        """Read weights and settings. Raises `ConfigurationError` where one is not that of the manifest."""
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["models"]
            settings = json.loads(_checked(folder / SETTINGS, manifest[SETTINGS]))
            arrays = np.load(io.BytesIO(_checked(folder / WEIGHTS, manifest[WEIGHTS])), allow_pickle=False)
            return cls(*_unpacked(settings, arrays["weights"], arrays["scales"], arrays["biases"]))
        except (OSError, KeyError, ValueError, TypeError, zlib.error) as error:
            raise ConfigurationError(
                f"the harm heads can't be read: {error}",
                code="policy_lists_damaged",
                hint="install the package again",
            ) from error

    def scores(self, text: str) -> NDArray[np.float32]:
        """The highest score of each class over the text's windows (logits)."""
        best = np.full(len(self.classes), -np.inf, dtype=np.float32)
        for words in _windows(text):
            if len(words) >= MIN_WORDS:
                index, value = features(words)
                best = np.maximum(best, self.weights[:, index] @ value + self.biases)
        return best

    def flags(
        self, text: str, excused: frozenset[str] = frozenset(), *, is_label: bool = False
    ) -> list[tuple[str, str]]:
        """(rule name, flag) for each class whose score passes its threshold.

        Classes that `excused` names (medicine, prevention, museums … stand beside) need a clearer score. So does
        every class where the text `is_label`: the name of a file, system or model asks for nothing.
        """
        margins = np.array([_EXCUSED_MARGIN * (name in excused) for name in self.classes], dtype=np.float32)
        above = self.scores(text) > self.thresholds + margins + (_LABEL_MARGIN if is_label else 0.0)
        return flags_of("head", [name for name, is_above in zip(self.classes, above, strict=True) if is_above])


def flags_of(listener: str, classes: list[str]) -> list[tuple[str, str]]:
    """(rule name, flag) for each class that a listener heard."""
    return [(f"{listener}:{name}", flag) for name in classes for flag in _FLAGS.get(name, (name,))]


def features(words: list[str]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Bucket numbers and values of a text's words: words and pairs, letters; each block at most a unit long."""
    pairs = [f"{left} {right}" for left, right in itertools.pairwise(words)]
    by_word = {zlib.crc32(each.encode()) % WORD_BUCKETS for each in (*words, *pairs)}
    by_letter = {bucket for word in words for bucket in _letter_buckets(word)}
    index = np.fromiter((*sorted(by_word), *sorted(by_letter)), dtype=np.int64, count=len(by_word) + len(by_letter))
    value = np.empty(len(index), dtype=np.float32)
    value[: len(by_word)] = max(_MIN_WORD_FEATURES, len(by_word)) ** -0.5
    value[len(by_word) :] = max(_MIN_LETTER_FEATURES, len(by_letter)) ** -0.5
    return index, value


def words_in(text: str) -> list[str]:
    """The folded words of a text, as training and running both see it."""
    return [token.text for token in tokens_of(fold(text)) if token.text]


@lru_cache(maxsize=50_000)
def _letter_buckets(word: str) -> tuple[int, ...]:
    marked = f" {word[:32]} "
    return tuple(
        WORD_BUCKETS + zlib.crc32(marked[at : at + size].encode()) % LETTER_BUCKETS
        for size in range(_MIN_GRAM, _MAX_GRAM + 1)
        for at in range(max(1, len(marked) - size + 1))
    )


def _windows(text: str) -> Iterator[list[str]]:
    words = words_in(text)
    yield words[:_WINDOW_WORDS]
    starts = range(_WINDOW_STEP, max(_WINDOW_STEP, len(words) - _WINDOW_STEP), _WINDOW_STEP)
    for start in starts[: _MAX_WINDOWS - 1]:
        yield words[start : start + _WINDOW_WORDS]


def _checked(path: Path, sha256: str) -> bytes:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{path.name} is not the file of the manifest")
    return content


def _unpacked(
    settings: dict[str, Any], weights: NDArray[np.int8], scales: NDArray[np.float32], biases: NDArray[np.float32]
) -> tuple[tuple[str, ...], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Weights are stored as bytes times a scale a class."""
    classes = tuple(settings["classes"])
    if weights.shape != (len(classes), DIMENSIONS):
        raise ValueError("the weights have another shape than the settings say")
    thresholds = np.array([settings["thresholds"][name] for name in classes], dtype=np.float32)
    return classes, weights.astype(np.float32) * scales[:, None], biases.astype(np.float32), thresholds
