"""A classifier's folder: a JSON card and safetensors, read once, checked against digests, never unpickled.

`card.json` names the SHA-256 of every other file; the operator pins the card's own. So a damaged file, another head
or a whole other folder is refused. Bytes are hashed and used from one reading: what is swapped later changes
nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError
from core.files import write_atomically
from detector.classifier.card import BACKBONE_FILE, CONFIG_FILE, FILES, HEAD_FILE, Card, bad_card, card_from

CARD_FILE = "card.json"
_MAX_BYTES = {CARD_FILE: 1 << 18, CONFIG_FILE: 1 << 18, HEAD_FILE: 1 << 26, BACKBONE_FILE: 1 << 32}
_LEAST_DISTANCES = 100

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """A calibrated logistic head on D features, and how far the calibration clips lay from their middle.

    logit = weight · (x - mean) / scale + bias; the estimate is sigmoid(slope · logit + offset). `distances` are
    sorted, one a calibration clip.
    """

    weight: Floats
    bias: float
    mean: Floats
    scale: Floats
    slope: float
    offset: float
    distances: Floats

    def p_generated(self, features: Floats) -> float:
        """The calibrated estimate for features (D,)."""
        logit = float(self.weight @ self._standard(features)) + self.bias
        return float(1 / (1 + np.exp(-np.clip(self.slope * logit + self.offset, -60, 60))))

    def conformal_p(self, features: Floats) -> float:
        """How many of the calibration clips lie as far out as this one, itself counted; 0 to 1."""
        distance = float(np.mean(self._standard(features) ** 2))
        further = len(self.distances) - int(np.searchsorted(self.distances, distance, side="left"))
        return (1 + further) / (1 + len(self.distances))

    def _standard(self, features: Floats) -> Floats:
        return (features - self.mean) / self.scale


@dataclass(frozen=True)
class ClassifierFiles:
    """What a folder holds, checked: its card, its head, and the backbone's configuration and weights as bytes."""

    card: Card
    digest: str
    head: Head
    config: dict[str, Any]
    weights: bytes


def read_folder(folder: Path, digest: str | None) -> ClassifierFiles:
    """The files of a folder whose card has the SHA-256 `digest` (hex).

    Raises:
        ConfigurationError: `classifier_missing`, `classifier_unpinned`, `classifier_changed`, `classifier_card`.
    """
    content = _bytes(folder, CARD_FILE)
    found = hashlib.sha256(content).hexdigest()
    if digest is None:
        raise ConfigurationError(
            "a classifier is set, and not which one",
            code="classifier_unpinned",
            hint=f"Read its card; if you answer for it, set REELPROOF_CLASSIFIER_DIGEST={found}.",
        )
    if found != digest.lower():
        raise _changed(CARD_FILE)
    card = card_from(content)
    files = {name: _bytes(folder, name) for name in FILES}
    for name in FILES:
        if hashlib.sha256(files[name]).hexdigest() != card.files[name]:
            raise _changed(name)
    return ClassifierFiles(card, found, _head(files[HEAD_FILE]), _config(files[CONFIG_FILE]), files[BACKBONE_FILE])


def write_folder(
    folder: Path, card: Mapping[str, Any], head: Head, config: Mapping[str, Any], weights: bytes
) -> str:
    """Write a classifier's folder and give the digest to pin. `card` is a card without its `files`.

    Raises:
        ConfigurationError: `classifier_card`: the card can't be used.
    """
    files = {
        CONFIG_FILE: json.dumps(config, indent=2, sort_keys=True).encode(),
        BACKBONE_FILE: weights,
        HEAD_FILE: _packed(head),
    }
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    content = json.dumps({**card, "files": digests}, indent=2, ensure_ascii=False).encode()
    card_from(content)
    for name, one in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / name, one)
    write_atomically(folder / CARD_FILE, content)
    return hashlib.sha256(content).hexdigest()


def _bytes(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        if not path.is_file():  # a pipe would be waited for, a device read without end
            raise FileNotFoundError(name)
        if path.stat().st_size > _MAX_BYTES[name]:
            raise bad_card(f"{name} has more than {_MAX_BYTES[name]:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the classifier's {name} can't be read",
            code="classifier_missing",
            hint="REELPROOF_CLASSIFIER names a folder with card.json, head.safetensors and backbone/.",
        ) from error


def _config(content: bytes) -> dict[str, Any]:
    try:
        config = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise bad_card(f"{CONFIG_FILE} is no JSON") from error
    if not isinstance(config, dict):
        raise bad_card(f"{CONFIG_FILE} is no JSON object")
    return config


def _packed(head: Head) -> bytes:
    from safetensors.numpy import save

    single = {"bias": head.bias, "slope": head.slope, "offset": head.offset}
    rows = {"weight": head.weight, "mean": head.mean, "scale": head.scale, "distances": np.sort(head.distances)}
    tensors = rows | {name: np.array([value]) for name, value in single.items()}
    return save({name: np.ascontiguousarray(value, np.float32) for name, value in tensors.items()})


def _head(content: bytes) -> Head:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        found = load(content)
    except (SafetensorError, ValueError) as error:
        raise bad_card(f"{HEAD_FILE} is no safetensors file") from error
    wanted = {"weight", "mean", "scale", "distances", "bias", "slope", "offset"}
    if set(found) != wanted or any(one.ndim != 1 or not np.isfinite(one).all() for one in found.values()):
        raise bad_card(f"{HEAD_FILE} needs {', '.join(sorted(wanted))}, each a row of numbers")
    rows = {name: np.asarray(value, np.float32) for name, value in found.items()}
    if len({len(rows[name]) for name in ("weight", "mean", "scale")}) != 1 or (rows["scale"] <= 0).any():
        raise bad_card(f"{HEAD_FILE} has rows that don't fit together")
    if any(len(rows[name]) != 1 for name in ("bias", "slope", "offset")) or rows["slope"][0] <= 0:
        raise bad_card(f"{HEAD_FILE} needs one bias, one slope above 0 and one offset")
    if len(rows["distances"]) < _LEAST_DISTANCES:
        raise bad_card(f"{HEAD_FILE} needs the distances of {_LEAST_DISTANCES} calibration clips")
    numbers = (float(rows[name][0]) for name in ("bias", "slope", "offset"))
    bias, slope, offset = numbers
    return Head(rows["weight"], bias, rows["mean"], rows["scale"], slope, offset, np.sort(rows["distances"]))


def _changed(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"the classifier's {name} is not the one that was pinned",
        code="classifier_changed",
        hint="It was damaged or swapped: put the right one back, or read the new card and pin its digest.",
    )
