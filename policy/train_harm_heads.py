"""Trains the harm heads from the seed templates of `data/harm_seeds.toml`.

    python -m policy.train_harm_heads [--out DIR]

Templates and phrases whose SHA-256 begins with a byte divisible by four are held out whole; the figures on them,
and on what the thresholds cost on benign prompts, are printed and kept in harm_heads.json. The same seeds give the
same heads.
"""

import argparse
import hashlib
import io
import json
import random
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
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

CLASSES = ("sexual", "minors", "violence", "hate", "self_harm", "scam", "political")
FALSE_BLOCK_RATE = 0.005
_BENIGN = ("near", "benign", "everyday")
_FILLINGS = 12
_SEED = 20261121
_REGULARISATION = 8.0
_FOLDS = 5
# Below even odds with some room a head is not heard, whatever the benign prompts say.
_MIN_THRESHOLD = 0.5
_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Prompts:
    """Training prompts: sparse features, the class of each, the template each came from, whether it is held out."""

    rows: csr_matrix
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
        found: NDArray[np.bool_] = np.isin(self.labels, _BENIGN)
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, measure and write the heads; prints the figures."""
    parser = argparse.ArgumentParser(description="Train the harm heads.")
    parser.add_argument("--out", type=Path, default=_DATA)
    given = parser.parse_args(arguments)
    seeds = tomllib.loads((_DATA / "harm_seeds.toml").read_text(encoding="utf-8"))
    prompts = expanded(seeds)
    training, held_out = prompts.kept(~prompts.is_held_out), prompts.kept(prompts.is_held_out)
    thresholds = {name: threshold_of(training, name) for name in CLASSES}
    heads = {name: fitted(training, name) for name in CLASSES}
    figures = {name: measured(heads[name], held_out, name, thresholds[name]) for name in CLASSES}
    _write(given.out, heads, thresholds, figures)
    for name, each in figures.items():
        sys.stdout.write(f"{name:10} threshold {thresholds[name]:6.2f}  {json.dumps(each)}\n")
    return 0


def expanded(seeds: dict[str, Any]) -> Prompts:
    """Every template filled some thirty times."""
    draw = random.Random(_SEED)
    labels: list[str] = []
    templates: list[int] = []
    held_out: list[bool] = []
    columns: list[NDArray[np.int64]] = []
    values: list[NDArray[np.float32]] = []
    number = 0
    for label in (*CLASSES, *_BENIGN):
        for seed, frames in _seeds_of(seeds[label]):
            number += 1
            is_held_out = hashlib.sha256(seed.encode()).digest()[0] % 4 == 0
            texts = {
                filled(draw.choice(frames), seeds["slots"], draw)
                for _ in range(seeds[label].get("fillings", _FILLINGS))
            }
            for text in sorted(texts):
                index, value = features(words_in(text))
                columns.append(index)
                values.append(value)
                labels.append(label)
                templates.append(number)
                held_out.append(is_held_out)
    starts = np.cumsum([0, *map(len, columns)])
    rows = csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=(len(labels), DIMENSIONS))
    return Prompts(rows, np.array(labels), np.array(templates), np.array(held_out))


def _seeds_of(section: dict[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    """Each template, and each phrase with the frames it is put into: what is held out together."""
    for template in section["templates"]:
        yield template, [template]
    for phrase in section.get("phrases", ()):
        yield phrase, [frame.replace("{p}", phrase) for frame in section["frames"]]


def filled(template: str, slots: dict[str, list[str]], draw: random.Random) -> str:
    """A template with each slot filled at random."""
    return re.sub(r"\{(\w+)\}", lambda match: draw.choice(slots[match[1]]), template)


def fitted(prompts: Prompts, name: str) -> LogisticRegression:
    """The head of a class against benign prompts; other classes are left out: they are no examples of harmless."""
    positives = prompts.positives(name)
    use = positives | prompts.benign()
    model = LogisticRegression(C=_REGULARISATION, class_weight="balanced", max_iter=400, solver="liblinear")
    return model.fit(prompts.rows[use], positives[use])


def threshold_of(prompts: Prompts, name: str) -> float:
    """The score that `FALSE_BLOCK_RATE` of benign prompts pass, each judged by a head that never saw its seed."""
    scores = np.zeros(len(prompts.labels))
    for training, testing in GroupKFold(_FOLDS).split(prompts.rows, groups=prompts.templates):
        chosen = np.zeros(len(scores), dtype=bool)
        chosen[training] = True
        scores[testing] = fitted(prompts.kept(chosen), name).decision_function(prompts.rows[testing])
    return float(max(_MIN_THRESHOLD, np.quantile(scores[prompts.benign()], 1 - FALSE_BLOCK_RATE)))


def measured(head: LogisticRegression, held_out: Prompts, name: str, threshold: float) -> dict[str, float]:
    """Recall and false blocks on templates held out whole, with the numbers of prompts and templates."""
    above = head.decision_function(held_out.rows) > threshold
    positives, benign = held_out.positives(name), held_out.benign()
    return {
        "recall": round(float(above[positives].mean()), 4),
        "false_blocks": round(float(above[benign].mean()), 4),
        "prompts": int(positives.sum()),
        "templates": len(set(held_out.templates[positives])),
        "benign_prompts": int(benign.sum()),
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


if __name__ == "__main__":
    sys.exit(main())
