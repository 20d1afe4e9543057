"""The card of a classifier: what it was trained and tested on, in what range it may speak, and its files' digests.

A card is its maker's word. What it claims is shown, and used only to say less: nothing in it can raise the cap.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from scipy.special import betaincinv

from core.errors import ConfigurationError
from detector.classifier.reading import CAP_LOG10, MAX_FALSE_ALARMS

SCHEMA = "reelproof.classifier/1"
PREPARATION, FEATURES = "alike-1", "frames-mean-step-1"
CONFIG_FILE, BACKBONE_FILE, HEAD_FILE = "backbone/config.json", "backbone/model.safetensors", "head.safetensors"
FILES = (CONFIG_FILE, BACKBONE_FILE, HEAD_FILE)
#: Below these nothing is judged, whatever a card says (docs/detector.md).
LEAST_SIDE_PX, LEAST_SECONDS = 240, 1.0
CONFORMAL_BELOW = 0.05
_CONFIDENCE = 0.95

Text = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=10**9)]
Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Triple = tuple[float, float, float]


class _Part(BaseModel):
    """A part of a card: nothing unknown, nothing missing, no number that is none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Backbone(_Part):
    """The vision backbone: its architecture, and how pictures are handed to it."""

    kind: Literal["dinov2", "dinov2_with_registers"]
    input_px: Annotated[int, Field(ge=28, le=1024)]
    pictures: Annotated[int, Field(ge=2, le=32)]
    mean: Triple
    std: Annotated[Triple, Field(description="All above 0.")]


class Training(_Part):
    """What the head was fitted on, and the generated share of what it was calibrated on."""

    real_clips: Count
    real_sources: Count
    generated_clips: Count
    generators: Annotated[list[Text], Field(max_length=200)]
    calibration_clips: Annotated[int, Field(ge=50)]
    calibration_generated_share: Annotated[float, Field(gt=0, lt=1)]
    expected_calibration_error: Share


class Evaluation(_Part):
    """How often it was right and wrong above its threshold, on clips that it never saw."""

    threshold: Annotated[float, Field(gt=0.5, lt=1)]
    real_clips: Annotated[int, Field(ge=1)]
    real_sources: Annotated[int, Field(ge=1)]
    false_alarms: Count
    generated_clips: Annotated[int, Field(ge=1)]
    detected: Count
    generators_unseen: bool
    sources_unseen: bool
    auroc: Share


class Range(_Part):
    """Where it was tested. Outside it abstains. `least_step` is the mean grey-level difference of pictures an
    eighth of a second apart."""

    short_side_px: Annotated[int, Field(ge=LEAST_SIDE_PX)]
    seconds: Annotated[float, Field(ge=LEAST_SECONDS)]
    bits_per_pixel: Annotated[float, Field(gt=0)]
    least_step: Annotated[float, Field(gt=0)]


class Claims(_Part):
    """What every classifier's card says, and what follows from it."""

    name: Text
    version: Text
    made_by: Text
    training: Training
    evaluation: Evaluation
    range: Range
    limits: Annotated[list[Text], Field(min_length=1, max_length=20)]

    @property
    def false_alarm_bound(self) -> float:
        """The share of camera clips called generated that the test can't rule out (Clopper and Pearson, one-sided,
        95 %). n clips without a false alarm prove no better than 3/n."""
        wrong, tested = self.evaluation.false_alarms, self.evaluation.real_clips
        return 1.0 if wrong >= tested else float(betaincinv(wrong + 1, tested - wrong, _CONFIDENCE))

    @property
    def may_conclude(self) -> bool:
        """Whether the test bounds false alarms by 2 %, with generators and camera sources unseen in training."""
        tested = self.evaluation
        return tested.generators_unseen and tested.sources_unseen and self.false_alarm_bound <= MAX_FALSE_ALARMS

    def likelihood_log10(self, p_generated: float) -> float:
        """The likelihood ratio behind a calibrated estimate, freed of the calibration set's mix, capped at 10."""
        share = self.training.calibration_generated_share
        p = min(max(p_generated, 1e-6), 1 - 1e-6)
        ratio = math.log10(p / (1 - p)) - math.log10(share / (1 - share))
        return max(-CAP_LOG10, min(CAP_LOG10, ratio))

    def shown(self) -> dict[str, Any]:
        """What a verdict shows of it."""
        content: dict[str, Any] = self.model_dump(by_alias=True, include={"name", "version", "made_by", "limits"})
        return content | self.model_dump(include={"training", "evaluation", "range"})


class Card(Claims):
    """A classifier's card, `reelproof.classifier/1`."""

    schema_: Literal["reelproof.classifier/1"] = Field(alias="schema")
    preparation: Literal["alike-1"]
    features: Literal["frames-mean-step-1"]
    backbone: Backbone
    files: dict[str, Digest]

    def shown(self) -> dict[str, Any]:
        """What a verdict shows of it."""
        return super().shown() | {"backbone": self.backbone.kind}


def card_from(content: bytes) -> Card:
    """The card in its file's bytes.

    Raises:
        ConfigurationError: `classifier_card`: something in it is missing, unknown or impossible, named.
    """
    try:
        card = Card.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise bad_card(f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}") from error
    tested = card.evaluation
    if tested.false_alarms > tested.real_clips or tested.detected > tested.generated_clips:
        raise bad_card("more clips were called generated than were tested")
    if min(card.backbone.std) <= 0 or set(card.files) != set(FILES):
        raise bad_card(f"it needs a deviation above 0 for each colour and the digests of {', '.join(FILES)}")
    return card


def bad_card(why: str) -> ConfigurationError:
    """A card that can't be used."""
    return ConfigurationError(
        f"the classifier's card can't be used: {why}"[:400],
        code="classifier_card",
        hint="docs/detector.md describes the card; or unset REELPROOF_CLASSIFIER.",
    )
