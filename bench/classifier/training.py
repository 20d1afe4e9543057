"""Fits the detector's steadiness classifier on all clips and writes its card, with what the bench measured in it.

    python -m bench.classifier.training [--cache FILE] [--out FILE]

What stands in the card as evaluation is from clips whose generator, publisher and camera source were left out; the
numbers of the model are fitted on all of them.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from bench.classifier.__main__ import Measured, clips_of, motion_table
from bench.classifier.cells import cells, mean_auc
from bench.classifier.clips import measured_clips
from bench.classifier.estimates import (
    CALLED_AT,
    class_weights,
    explaining,
    figures_of,
    judged,
    steadiness,
    unseen_estimates,
)
from detector.classifier.steadiness import CARD, SteadinessCard

_LIMITS = [
    "It takes steady camera work, such as slow pans, gimbals and studio shots, for generated.",
    "It was chosen on the same few clips that it is tested on, so the figures flatter it.",
    "A low estimate says nothing: generated clips shake too when they are asked to.",
]
#: CRF 33 leaves about this many bits a pixel; below it nothing was tested.
_BITS_PER_PIXEL, _LEAST_STEP = 0.01, 0.05


def card_of(measured: Measured) -> dict[str, Any]:
    """The card as JSON, fitted on these clips."""
    clips, table = clips_of(measured), motion_table(measured)
    sides = np.array([min(one["size"][:2]) for one in measured])
    spoken = judged(table, sides)
    estimates = unseen_estimates(table, clips, spoken)
    tested = figures_of(estimates, clips.generated)
    weights, *_ = np.linalg.lstsq(explaining(table[spoken]), table[spoken, 0], rcond=None)
    scores = steadiness(table[spoken], np.empty(0), table[spoken])
    scale = float(scores.std())
    model = LogisticRegression().fit(
        (scores / scale)[:, None], clips.generated[spoken], sample_weight=class_weights(clips, spoken)
    )
    moves = table[spoken, 1:3]
    middle, spread = moves.mean(axis=0), moves.std(axis=0)
    counts = {
        "real_clips": int((spoken & ~clips.generated).sum()),
        "generated_clips": int((spoken & clips.generated).sum()),
        "real_sources": len(clips.filmed),
    }
    return {
        "schema": "reelproof.steadiness/1",
        "name": "steadiness of motion",
        "version": "1",
        "made_by": "Reelproof",
        "training": counts
        | {
            "generators": clips.made,
            "calibration_clips": int(spoken.sum()),
            "calibration_generated_share": 0.5,
            "expected_calibration_error": tested["expected_calibration_error"],
        },
        "evaluation": counts
        | {
            "threshold": CALLED_AT,
            "false_alarms": tested["called"]["camera"],
            "detected": tested["called"]["generated"],
            "generators_unseen": True,
            "sources_unseen": True,
            "auroc": round(mean_auc(cells(table, clips, steadiness)), 3),
        },
        "range": {
            "short_side_px": 240,
            "seconds": 1.5,
            "bits_per_pixel": _BITS_PER_PIXEL,
            "least_step": _LEAST_STEP,
        },
        "limits": _LIMITS,
        "speed": round(float(weights[0]), 4),
        "share": round(float(weights[1]), 4),
        "constant": round(float(weights[2]), 4),
        "slope": round(float(model.coef_[0, 0]) / scale, 4),
        "offset": round(float(model.intercept_[0]), 4),
        "middle": [round(float(value), 4) for value in middle],
        "spread": [round(float(value), 4) for value in spread],
        "distances": sorted(round(float(value), 4) for value in (((moves - middle) / spread) ** 2).mean(axis=1)),
    }


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, help="keep measurements here and use those that stand there")
    parser.add_argument("--out", type=Path, default=CARD)
    arguments = parser.parse_args()
    content = json.dumps(card_of(measured_clips(0, arguments.cache)), indent=1, ensure_ascii=False) + "\n"
    SteadinessCard.model_validate_json(content, strict=True)
    arguments.out.write_text(content)


if __name__ == "__main__":
    main()
