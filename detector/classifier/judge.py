"""The classifier in a pinned folder, asked about one clip: made alike, looked at, weighed, capped.

1. Is the clip in the range it was tested on? 2. Make it alike (`canonical`). 3. Features of the backbone's rows.
4. Do the calibration clips lie as far out? 5. The calibrated estimate, and what follows from it. A "no" at 1 or 4
ends in an abstention with its reason. It knows the clip's pictures; size, rate and length only close the gate.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from core.clip import RGB, Clip
from detector.classifier.canonical import RATE_HZ, canonical_pictures
from detector.classifier.card import CONFORMAL_BELOW, Claims, bad_card
from detector.classifier.folder import ClassifierFiles, Floats
from detector.classifier.reading import MAX_FALSE_ALARMS, ClassifierReading


class PictureRows(Protocol):
    """A vision backbone: one row of `width` numbers a picture. Thread-safe, deterministic on one machine."""

    @property
    def width(self) -> int:
        """How many numbers a row has."""
        ...

    def rows(self, pictures: RGB) -> Floats:
        """Rows (N, width) for pictures (N, H, W, 3) uint8. Raises RuntimeError where it can't."""
        ...


class CardedClassifier:
    """What all classifiers with a card share: the gates on a clip's facts, and what follows from an estimate."""

    def __init__(self, card: Claims, digest: str) -> None:
        self._card = card
        self._shown = card.shown() | {"sha256": digest}

    def abstaining(self, why: str) -> ClassifierReading:
        """A reading that says nothing, and why."""
        bound = self._card.false_alarm_bound
        return ClassifierReading(self._card.name, why, false_alarm_bound=bound, card=self._shown)

    def weighed(self, p_generated: float) -> ClassifierReading:
        """The reading behind a calibrated estimate: its capped ratio, and whether the card may conclude from it."""
        tested, bound = self._card.evaluation, self._card.false_alarm_bound
        is_above = p_generated >= tested.threshold
        calls = is_above and self._card.may_conclude
        if calls:
            reason = f"above its threshold of {tested.threshold:g}"
        elif is_above:
            reason = (
                f"above its threshold, but its card does not show that it is wrong on less than "
                f"{100 * MAX_FALSE_ALARMS:g} % of camera clips from sources that it had never seen"
            )
        else:
            reason = f"below its threshold of {tested.threshold:g}, which says nothing either way"
        ratio = self._card.likelihood_log10(p_generated)
        return ClassifierReading(self._card.name, reason, p_generated, ratio, calls, bound, self._shown)

    def out_of_range(self, file: Mapping[str, Any]) -> str:
        """Why a verdict's facts put the clip outside the range that the card names; empty where they don't."""
        bounds = self._card.range
        width, height = file.get("width_px") or 0, file.get("height_px") or 0
        seconds, fps = file.get("duration_s") or 0.0, file.get("fps") or 0.0
        if min(width, height) < bounds.short_side_px:
            return f"its short side is under {bounds.short_side_px} pixels"
        if seconds < bounds.seconds:
            return f"it is shorter than {bounds.seconds:g} s"
        bits = 8 * (file.get("size_bytes") or 0) / max(1.0, width * height * seconds * fps)
        if bits < bounds.bits_per_pixel:
            return f"it is compressed to less than {bounds.bits_per_pixel:g} bits a pixel"
        return ""


class LocalClassifier(CardedClassifier):
    """A `ClipClassifier` from files that were checked. Thread-safe; the same clip gives the same reading."""

    def __init__(self, files: ClassifierFiles, backbone: PictureRows) -> None:
        """Raises ConfigurationError (`classifier_card`): backbone and head don't fit together."""
        super().__init__(files.card, files.digest)
        self._head, self._backbone, self._pictures = files.head, backbone, files.card.backbone.pictures
        if len(self._head.weight) != 2 * self._backbone.width:
            raise bad_card(f"a head of {len(self._head.weight)} features, {2 * self._backbone.width} are needed")

    def judge(self, clip: Clip, file: Mapping[str, Any]) -> ClassifierReading:
        """The reading of a clip; `file` holds the verdict's facts of it. Never raises for what it shows."""
        closed = self.out_of_range(file)
        if closed:
            return self.abstaining(closed)
        pictures = canonical_pictures(clip)
        if len(pictures) < RATE_HZ * self._card.range.seconds:
            return self.abstaining("too few of its pictures can be decoded")
        if step_of(pictures) < self._card.range.least_step:
            return self.abstaining("hardly anything moves in it")
        try:
            features = features_of(self._backbone, pictures, self._pictures)
        except RuntimeError as error:  # torch: out of memory, a shape that the backbone can't take
            return self.abstaining(f"the backbone failed on it ({type(error).__name__})")
        if not np.isfinite(features).all() or self._head.conformal_p(features) < CONFORMAL_BELOW:
            return self.abstaining("it is unlike the clips that the classifier was calibrated on")
        with np.errstate(over="ignore", invalid="ignore"):
            estimate = self._head.p_generated(features)
        if not np.isfinite(estimate):
            return self.abstaining("its estimate is no number")
        return self.weighed(estimate)


def features_of(backbone: PictureRows, pictures: RGB, count: int) -> Floats:
    """`frames-mean-step-1`: the mean row of `count` evenly spread pictures, then the mean change from one to the
    next; (2 × width,) float32."""
    chosen = np.unique(np.linspace(0, len(pictures) - 1, min(count, len(pictures))).round().astype(int))
    rows = backbone.rows(pictures[chosen])
    return np.concatenate([rows.mean(0), np.abs(np.diff(rows, axis=0)).mean(0)]).astype(np.float32)


def step_of(pictures: RGB) -> float:
    """The mean grey-level difference of one picture to the next."""
    grey = pictures.mean(axis=3, dtype=np.float32)
    return float(np.abs(np.diff(grey, axis=0)).mean())
