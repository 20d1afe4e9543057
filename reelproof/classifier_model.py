"""A pinned classifier with its DINOv2-type backbone, through transformers: no download, no remote code, no pickle.

The extra `guard` brings transformers and torch; both are imported only when a classifier is loaded.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB
from core.errors import ConfigurationError
from detector.classifier.card import Backbone, bad_card
from detector.classifier.folder import read_folder
from detector.classifier.judge import LocalClassifier

_MAX_WIDTH, _MAX_LAYERS, _MAX_PATCH_PX = 2_048, 64, 64
_BATCH = 8


def load_classifier(folder: Path, digest: str | None) -> LocalClassifier:
    """The classifier in a folder whose card has the SHA-256 `digest`.

    Raises:
        ConfigurationError: it is not the pinned one (`detector.classifier.folder.read_folder`), backbone, head and
            card don't fit together (`classifier_card`), or transformers is missing (`classifier_extra_missing`).
    """
    files = read_folder(folder, digest)
    return LocalClassifier(files, VisionBackbone(files.card.backbone, files.config, files.weights))


class VisionBackbone:
    """`PictureRows` of DINOv2: the class token after the last layer norm, one row of `width` numbers a picture."""

    def __init__(self, card: Backbone, config: dict[str, Any], weights: bytes) -> None:
        """Raises ConfigurationError: `classifier_extra_missing`, `classifier_card`."""
        self._card = card
        self._model = _model(card.kind, config, weights)
        self.width = int(self._model.config.hidden_size)

    def rows(self, pictures: RGB) -> NDArray[np.float32]:
        """Rows (N, width) for pictures (N, H, W, 3) uint8. Deterministic on one machine."""
        import torch

        side = self._card.input_px
        small = np.stack([cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in pictures])
        scaled = (small.astype(np.float32) / 255 - self._card.mean) / self._card.std
        values = torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), np.float32))
        with torch.inference_mode():
            found = [
                self._model(pixel_values=values[start : start + _BATCH]).last_hidden_state[:, 0].numpy()
                for start in range(0, len(values), _BATCH)
            ]
        return np.concatenate(found).astype(np.float32)


def _model(kind: str, config: dict[str, Any], weights: bytes) -> Any:
    try:
        import torch
        import transformers
        from safetensors import SafetensorError
        from safetensors.torch import load
    except ImportError as error:
        raise ConfigurationError(
            "a classifier needs transformers and torch",
            code="classifier_extra_missing",
            hint='pip install "reelproof[guard]", or unset REELPROOF_CLASSIFIER.',
        ) from error
    families: dict[str, tuple[Any, Any]] = {
        "dinov2": (transformers.Dinov2Config, transformers.Dinov2Model),
        "dinov2_with_registers": (transformers.Dinov2WithRegistersConfig, transformers.Dinov2WithRegistersModel),
    }
    if config.get("model_type") != kind:
        raise bad_card(f"the backbone is no {kind}")
    _check_size(config)
    config_of, model_of = families[kind]
    try:
        model = model_of(config_of.from_dict(config))
        model.load_state_dict(load(weights), strict=True)
    except (SafetensorError, RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise bad_card(f"its weights don't fit the {kind} that its configuration describes") from error
    return model.to(torch.float32).eval().requires_grad_(False)


def _check_size(config: dict[str, Any]) -> None:
    bounds = {"hidden_size": _MAX_WIDTH, "num_hidden_layers": _MAX_LAYERS, "patch_size": _MAX_PATCH_PX}
    for name, most in bounds.items():
        value = config.get(name)
        if not isinstance(value, int) or not 1 <= value <= most:
            raise bad_card(f"the backbone's {name} must be a whole number from 1 to {most}")
