"""Trains the harm heads on the prompts of `harm_prompts.py`.

    python -m policy.train_harm_heads [--out DIR] [--encoder FOLDER]

Templates and phrases whose SHA-256 begins with a byte divisible by four are held out whole; the figures on them,
and on what the thresholds cost on benign prompts, are printed and kept in harm_heads.json. The same seeds give the
same heads. With `--encoder`, heads on the sentence vectors of that MiniLM are written to DIR instead.
"""

import argparse
import hashlib
import io
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from core.files import write_atomically
from policy.harm_heads import DIMENSIONS, SETTINGS, WEIGHTS, features, words_in
from policy.harm_prompts import BENIGN, CLASSES, WORD, Seeded, load_seeds, training_texts
from policy.lists import load_lists
from policy.minilm import SentenceEncoder
from policy.minilm_heads import HEADS_FILE

FALSE_BLOCK_RATE = 0.004
WORD_BLOCK_RATE = 0.0005
_REGULARISATION = 2.0
_FOLDS = 4
# Below even odds with some room a head is not heard, whatever the benign prompts say.
_MIN_THRESHOLD = 1.0
_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Prompts:
    """Training prompts: features as rows, the class and template of each, whether it is held out."""

    rows: Any
    labels: NDArray[np.str_]
    templates: NDArray[np.int64]
    is_held_out: NDArray[np.bool_]

    def kept(self, chosen: NDArray[np.bool_]) -> "Prompts":
        """The prompts at these places."""
        return Prompts(self.rows[chosen], self.labels[chosen], self.templates[chosen], self.is_held_out[chosen])

    def positives(self, name: str) -> NDArray[np.bool_]:
        """Which prompts are of a class; sexual content with children is sexual as well."""
        found: NDArray[np.bool_] = self.labels == name
        return found | (self.labels == "minors") if name == "sexual" else found

    def benign(self) -> NDArray[np.bool_]:
        """Which prompts are of no class."""
        found: NDArray[np.bool_] = np.isin(self.labels, BENIGN)
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, measure and write the heads; prints the figures."""
    parser = argparse.ArgumentParser(description="Train the harm heads.")
    parser.add_argument("--out", type=Path, default=_DATA)
    parser.add_argument("--encoder", type=Path, help="folder of a MiniLM: train on its sentence vectors")
    given = parser.parse_args(arguments)
    encoder = SentenceEncoder.load(given.encoder) if given.encoder else None
    lists = load_lists()
    prompts = gathered(training_texts(load_seeds(_DATA, lists), lists.words), encoder)
    training, held_out = prompts.kept(~prompts.is_held_out), prompts.kept(prompts.is_held_out)
    thresholds = {name: threshold_of(training, name) for name in CLASSES}
    heads = {name: fitted(training, name) for name in CLASSES}
    figures = {name: measured(heads[name], held_out, name, thresholds[name]) for name in CLASSES}
    if encoder:
        _write_on_encoder(given.out, encoder.digest, heads, thresholds, figures)
    else:
        _write(given.out, heads, thresholds, figures)
    for name, each in figures.items():
        sys.stdout.write(f"{name:10} threshold {thresholds[name]:6.2f}  {json.dumps(each)}\n")
    return 0


def gathered(texts: Iterable[Seeded], encoder: SentenceEncoder | None = None) -> Prompts:
    """The features of texts, as rows: n-grams, or an encoder's vectors."""
    kept = list(texts)
    return Prompts(
        _by_grams(kept) if encoder is None else np.stack([encoder.embed(each.text) for each in kept]),
        np.array([each.label for each in kept]),
        np.array([each.template for each in kept]),
        np.array([each.is_held_out for each in kept]),
    )


def _by_grams(kept: list[Seeded]) -> csr_matrix:
    columns, values = zip(*(features(words_in(each.text)) for each in kept), strict=True)
    starts = np.cumsum([0, *map(len, columns)])
    return csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=(len(kept), DIMENSIONS))


def fitted(prompts: Prompts, name: str) -> LogisticRegression:
    """The head of a class against benign prompts; other classes are left out: they are no examples of harmless."""
    positives = prompts.positives(name)
    use = positives | prompts.benign()
    model = LogisticRegression(C=_REGULARISATION, class_weight="balanced", max_iter=150, tol=1e-3)
    return model.fit(prompts.rows[use], positives[use])


def threshold_of(prompts: Prompts, name: str) -> float:
    """The score that `FALSE_BLOCK_RATE` of benign prompts and `WORD_BLOCK_RATE` of mere words pass.

    Each is judged by a head that never saw its seed.
    """
    scores = np.zeros(len(prompts.labels))
    for training, testing in GroupKFold(_FOLDS).split(prompts.rows, groups=prompts.templates):
        chosen = np.zeros(len(scores), dtype=bool)
        chosen[training] = True
        scores[testing] = fitted(prompts.kept(chosen), name).decision_function(prompts.rows[testing])
    is_word = prompts.labels == WORD
    return float(
        max(
            _MIN_THRESHOLD,
            np.quantile(scores[prompts.benign() & ~is_word], 1 - FALSE_BLOCK_RATE),
            np.quantile(scores[is_word], 1 - WORD_BLOCK_RATE),
        )
    )


def measured(head: LogisticRegression, held_out: Prompts, name: str, threshold: float) -> dict[str, float]:
    """Recall and false blocks on templates held out whole, with the numbers of prompts and templates."""
    above = head.decision_function(held_out.rows) > threshold
    is_word = held_out.labels == WORD
    positives, benign = held_out.positives(name), held_out.benign() & ~is_word
    return {
        "recall": round(float(above[positives].mean()), 4),
        "false_blocks": round(float(above[benign].mean()), 4),
        "prompts": int(positives.sum()),
        "templates": len(set(held_out.templates[positives])),
        "benign_prompts": int(benign.sum()),
        "false_blocks_of_words": round(float(above[is_word].mean()), 5),
        "words": int(is_word.sum()),
        "benign_templates": len(set(held_out.templates[benign])),
    }


def _write(
    folder: Path,
    heads: dict[str, LogisticRegression],
    thresholds: dict[str, float],
    figures: dict[str, dict[str, float]],
) -> None:
    weights = np.stack([heads[name].coef_[0] for name in CLASSES]).astype(np.float32)
    scales = np.abs(weights).max(axis=1) / 127
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        weights=np.rint(weights / scales[:, None]).astype(np.int8),
        scales=scales.astype(np.float32),
        biases=np.array([heads[name].intercept_[0] for name in CLASSES], dtype=np.float32),
    )
    settings = {
        "format": 1,
        "classes": list(CLASSES),
        "thresholds": {name: round(value, 4) for name, value in thresholds.items()},
        "false_block_rate": FALSE_BLOCK_RATE,
        "held_out": figures,
    }
    contents = {WEIGHTS: packed.getvalue(), SETTINGS: (json.dumps(settings, indent=1) + "\n").encode()}
    for name, content in contents.items():
        write_atomically(folder / name, content)
    manifest_path = folder / "manifest.json"
    manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    manifest["models"] = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    write_atomically(manifest_path, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())


def _write_on_encoder(
    folder: Path,
    encoder: str,
    heads: dict[str, LogisticRegression],
    thresholds: dict[str, float],
    figures: dict[str, dict[str, float]],
) -> None:
    """The heads as `policy.minilm_heads` reads them."""
    content = {
        "encoder_sha256": encoder,
        "classes": list(CLASSES),
        "weights": [[float(each) for each in heads[name].coef_[0]] for name in CLASSES],
        "biases": [float(heads[name].intercept_[0]) for name in CLASSES],
        "thresholds": [thresholds[name] for name in CLASSES],
        "false_block_rate": FALSE_BLOCK_RATE,
        "held_out": figures,
    }
    write_atomically(folder / HEADS_FILE, (json.dumps(content) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
