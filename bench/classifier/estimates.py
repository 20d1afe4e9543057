"""What a verdict would have shown: calibrated estimates of clips whose generator, publisher and camera source the
training lacked, how far they are off, and how many clips they are given for."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.classifier.cells import Clips, Flags, Floats
from detector.classifier.steadiness import LEAST_STEPS

#: With a smaller short side the estimate is withheld.
LEAST_SIDE_PX = 240
_BINS, _RUNS = 5, 200
_NO_LABELS = np.empty(0)
CALLED_AT = 0.8


def steadiness(train: Floats, _labels: Floats, test: Floats) -> Floats:
    """How much less the velocity changes than speed and moving share let expect, for rows (acceleration, speed,
    share, steps). Fitted by least squares without looking at the labels; 0 for a clip in which nothing moves."""
    moving = train[:, 3] > 0
    weights, *_ = np.linalg.lstsq(explaining(train[moving]), train[moving, 0], rcond=None)
    left = explaining(test) @ weights - test[:, 0]
    return np.asarray(np.where(test[:, 3] > 0, left, 0.0), np.float64)


def explaining(table: Floats) -> Floats:
    """The columns that acceleration is expected from: speed, moving share, a constant."""
    return np.column_stack([table[:, 1], table[:, 2], np.ones(len(table))])


def judged(table: Floats, sides_px: Floats) -> Flags:
    """Which clips get an estimate at all."""
    return np.asarray((table[:, 3] >= LEAST_STEPS) & (sides_px >= LEAST_SIDE_PX), np.bool_)


def unseen_estimates(table: Floats, clips: Clips, spoken: Flags) -> Floats:
    """The calibrated probability of each clip that was generated, the mean over its cells; NaN where none is
    `spoken`. Classes weigh alike, and so do the families within one."""
    total, count = np.zeros(len(table)), np.zeros(len(table))
    for asked, kept in _cells(clips, spoken):
        known = steadiness(table[kept], _NO_LABELS, table[kept])[:, None]
        model = make_pipeline(StandardScaler(), LogisticRegression())
        weights = class_weights(clips, kept)
        model.fit(known, clips.generated[kept], logisticregression__sample_weight=weights)
        total[asked] += model.predict_proba(steadiness(table[kept], _NO_LABELS, table[asked])[:, None])[:, 1]
        count[asked] += 1
    return np.divide(total, count, out=np.full(len(table), np.nan), where=count > 0)


def _cells(clips: Clips, spoken: Flags) -> Iterator[tuple[Flags, Flags]]:
    for made, filmed in product(clips.made, clips.filmed):
        theirs = clips.generated & np.isin(clips.publishers, clips.publishers[clips.of(made)])
        out = clips.of(made) | clips.of(filmed)
        yield out & spoken, ~out & ~theirs & spoken


def class_weights(clips: Clips, kept: Flags) -> Floats:
    """A weight for each kept clip: classes weigh alike, and so do the families within one."""
    families, generated = clips.families[kept], clips.generated[kept]
    weights = np.array([1 / (families == family).sum() for family in families])
    for flag in (True, False):
        weights[generated == flag] /= weights[generated == flag].sum()
    return np.asarray(weights * len(weights) / 2, np.float64)


def figures_of(estimates: Floats, generated: Flags) -> dict[str, Any]:
    """Coverage, calibration error, and what is found at what price in camera clips.

    `error_of_calibrated` is the calibration error that true probabilities show on so few clips.
    """
    spoken = np.isfinite(estimates)
    p, truth = estimates[spoken], generated[spoken]
    rng = np.random.default_rng(7)
    camera = np.sort(p[~truth])[::-1]
    above = p >= CALLED_AT
    found = {
        "coverage": round(float(spoken.mean()), 3),
        "camera_clips": int((~truth).sum()),
        "generated_clips": int(truth.sum()),
        "expected_calibration_error": round(_calibration_error(p, truth), 3),
        "error_of_calibrated": round(
            float(np.mean([_calibration_error(p, rng.random(len(p)) < p) for _ in range(_RUNS)])), 3
        ),
        "called_at": CALLED_AT,
        "called": {"camera": int((above & ~truth).sum()), "generated": int((above & truth).sum())},
    }
    for rate in (0.01, 0.05, 0.2):
        allowed = int(rate * len(camera))
        found[f"found_at_{rate:g}"] = round(float((p[truth] > camera[allowed]).mean()), 3)
    return found


def _calibration_error(p: Floats, truth: Flags) -> float:
    """Over 5 bins with as many clips each; each class weighs one half. 0 where a class is missing."""
    if truth.all() or not truth.any():
        return 0.0
    weights = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum())
    bins = np.array_split(np.argsort(p), _BINS)
    return sum(abs(float((weights[rows] * (p[rows] - truth[rows])).sum())) for rows in bins)
