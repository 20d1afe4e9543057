"""The one classifier that comes with the detector, off unless asked for: how steadily things move, in nine numbers.

Off, because it takes steady camera work for generated, and because its test is too small to bound its false alarms:
its card can't conclude anything, so it never makes a verdict `likely_generated`. `bench.classifier.training` wrote
the card; docs/detector.md has the figures. It knows nothing of any one generator.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from core.clip import Clip
from detector.classifier.canonical import RATE_HZ, timed_pictures
from detector.classifier.card import CONFORMAL_BELOW, Claims
from detector.classifier.judge import CardedClassifier, step_of
from detector.classifier.motion import motion_of
from detector.classifier.reading import ClassifierReading

#: What REELPROOF_CLASSIFIER is set to for it, instead of a folder.
NAME = "steadiness"
CARD = Path(__file__).parent / "steadiness.json"
#: Fewer steps with enough moving pixels, and it abstains.
LEAST_STEPS = 4

Positive = Annotated[float, Field(gt=0)]
Pair = tuple[float, float]


class SteadinessCard(Claims):
    """The card with the whole model in it, `reelproof.steadiness/1`.

    score = constant + speed · `speed` + share · `share` - `acceleration` (of `motion_of`); the estimate is
    sigmoid(slope · score + offset). `middle` and `spread` are those of (speed, share) over the calibration clips,
    `distances` how far each of these lies from their middle, sorted.
    """

    schema_: Literal["reelproof.steadiness/1"] = Field(alias="schema")
    speed: float
    share: float
    constant: float
    slope: Positive
    offset: float
    middle: Pair
    spread: tuple[Positive, Positive]
    distances: Annotated[list[float], Field(min_length=50, max_length=10_000)]

    def p_generated(self, motion: Mapping[str, float]) -> float:
        """The calibrated estimate for a clip's motion."""
        expected = self.constant + self.speed * motion["speed"] + self.share * motion["share"]
        logit = self.slope * (expected - motion["acceleration"]) + self.offset
        return float(1 / (1 + np.exp(-np.clip(logit, -60, 60))))

    def conformal_p(self, motion: Mapping[str, float]) -> float:
        """How many of the calibration clips move as unusually in speed and share, itself counted; 0 to 1."""
        further = len(self.distances) - int(np.searchsorted(self.distances, self.distance(motion), side="left"))
        return (1 + further) / (1 + len(self.distances))

    def distance(self, motion: Mapping[str, float]) -> float:
        """How far speed and share lie from the calibration clips' middle, squared, in their spreads."""
        asked = np.array([motion["speed"], motion["share"]])
        return float(np.mean(((asked - self.middle) / self.spread) ** 2))


class SteadinessClassifier(CardedClassifier):
    """A `ClipClassifier` on motion alone. Thread-safe; the same clip gives the same reading."""

    def __init__(self, card: SteadinessCard, digest: str) -> None:
        super().__init__(card, digest)
        self._model = card

    def judge(self, clip: Clip, file: Mapping[str, Any]) -> ClassifierReading:
        """The reading of a clip; `file` holds the verdict's facts of it. Never raises for what it shows."""
        closed = self.out_of_range(file)
        if closed:
            return self.abstaining(closed)
        pictures, times_s = timed_pictures(clip)
        if len(pictures) < RATE_HZ * self._model.range.seconds:
            return self.abstaining("too few of its pictures can be decoded")
        motion = motion_of(pictures, times_s)
        if motion["steps"] < LEAST_STEPS or step_of(pictures) < self._model.range.least_step:
            return self.abstaining("hardly anything moves in it")
        if not np.isfinite(list(motion.values())).all() or self._model.conformal_p(motion) < CONFORMAL_BELOW:
            return self.abstaining("it moves unlike the clips that the classifier was calibrated on")
        return self.weighed(self._model.p_generated(motion))


def steadiness_classifier() -> SteadinessClassifier:
    """The classifier with the card that comes with the package."""
    content = CARD.read_bytes()
    card = SteadinessCard.model_validate_json(content, strict=True)
    return SteadinessClassifier(card, hashlib.sha256(content).hexdigest())
