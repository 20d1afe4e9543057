"""Words to vectors: the tokenizer over the caption grammar's words, coverage of a prompt, the text encoder.

The vocabulary is closed: a word outside it becomes `<unk>` and lowers the prompt's coverage, which is how a
person learns that the model has never seen a giraffe.
"""

import json
import re
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.embedded.config import TextConfig

PAD, UNKNOWN, START, END = range(4)
_SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")
_WORD = re.compile(r"[a-z]+|[0-9]+|[^\W\d_]+")


@dataclass(frozen=True)
class Coverage:
    """Share of a prompt's words that the model was trained on, and the words it was not."""

    score: float
    unknown: tuple[str, ...]


class WordTokenizer:
    """Whole words of a closed vocabulary; other inflections of a known word are taken for it."""

    def __init__(self, words: list[str]) -> None:
        self.words = list(words)
        self._ids = {word: len(_SPECIAL) + i for i, word in enumerate(self.words)}
        self._stems: dict[str, int] = {}
        for word, index in self._ids.items():
            if len(word) > 3:
                self._stems.setdefault(_stem(word), index)

    def __len__(self) -> int:
        return len(_SPECIAL) + len(self.words)

    def encode(self, text: str, max_tokens: int) -> list[int]:
        """Token ids, start and end included, at most `max_tokens`; words beyond that are dropped."""
        ids = [self._id(word) for word in _split(text)]
        return [START, *ids[: max_tokens - 2], END]

    def decode(self, ids: list[int]) -> str:
        """The words of `ids`, special tokens left out, `<unk>` kept."""
        known = [*_SPECIAL, *self.words]
        return " ".join(known[i] for i in ids if i not in (PAD, START, END))

    def batch(self, texts: list[str], max_tokens: int) -> Tensor:
        """Ids (B, max_tokens) int64, padded."""
        rows = torch.full((len(texts), max_tokens), PAD)
        for row, text in zip(rows, texts, strict=True):
            ids = self.encode(text, max_tokens)
            row[: len(ids)] = torch.tensor(ids)
        return rows

    def coverage(self, text: str, max_tokens: int) -> Coverage:
        """How much of `text` the model knows. An empty text is covered whole."""
        words = _split(text)
        unknown = tuple(dict.fromkeys(w for w in words if self._id(w) == UNKNOWN))
        dropped = words[max_tokens - 2 :]
        missed = sum(self._id(w) == UNKNOWN for w in words[: max_tokens - 2]) + len(dropped)
        return Coverage(1 - missed / len(words) if words else 1.0, unknown)

    def word(self, index: int) -> str:
        """The word or special token with this id."""
        return [*_SPECIAL, *self.words][index]

    def index(self, word: str) -> int | None:
        """The id of a word or special token of the vocabulary, or None."""
        return _SPECIAL.index(word) if word in _SPECIAL else self._ids.get(word)

    def to_json(self) -> str:
        """The vocabulary as JSON."""
        return json.dumps({"type": "words/1", "words": self.words}, indent=0)

    @classmethod
    def from_json(cls, text: str) -> "WordTokenizer":
        """The tokenizer from `to_json`'s text."""
        return cls(json.loads(text)["words"])

    def _id(self, word: str) -> int:
        found = self._ids.get(word)
        return found if found is not None else self._stems.get(_stem(word), UNKNOWN)


class TextEncoder(nn.Module):
    """Token ids (B, L) to states (B, L, width) and their mean over real tokens (B, width)."""

    def __init__(self, config: TextConfig, vocabulary: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, config.width)
        self.place = nn.Parameter(torch.randn(config.max_tokens, config.width) * 0.02)
        self.layers = nn.ModuleList(TextLayer(config.width, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        nn.init.normal_(self.embed.weight, std=0.5)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """States and pooled state; padding is neither attended to nor averaged."""
        real = ids != PAD
        x = self.embed(ids) + self.place[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x, real)
        x = self.norm(x)
        weight = real[..., None].to(x.dtype)
        return x, (x * weight).sum(1) / weight.sum(1)


class TextLayer(nn.Module):
    """Pre-norm transformer layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_in, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """(B, L, width) with `real` (B, L) true where there is a token."""
        q, k, v = self.qkv(self.norm_in(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=real[:, None, None, :])
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        out: Tensor = x + self.down(F.gelu(self.up(self.norm_mlp(x))))
        return out


def _split(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _stem(word: str) -> str:
    """A crude stem: enough to take `sliding` for `slides` and `balls` for `ball`."""
    for ending in ("ing", "es", "ed", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
