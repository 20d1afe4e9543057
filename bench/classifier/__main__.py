"""Whether anything cheap tells generated from filmed clips when generator, publisher *and* camera source are new.

    python -m bench.classifier [--quick] [--json] [--cache FILE] [--parts features,autoencoded,motion,changed]

Needs the real clips beside the repository (REELPROOF_SHARED). Every clip is made alike first (`canonical`); each
cell trains without one family of generators, its publishers and one source of camera clips, and is tested on that
family and source. The floor does the same between camera sources: it tells how much of a result is only "another
source", beside the floor that random scores reach. While the mean over cells lies under .80, the floor over .60 or
the calibration error over .05, the detector's classifier stays off and says why.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.classifier.cells import (
    Clips,
    Floats,
    Score,
    auc,
    cells,
    floor,
    floor_of_noise,
    interval_by_clip,
    interval_by_family,
    mean_auc,
)
from bench.classifier.clips import CHANGES, PASSED, measured_clips
from bench.classifier.estimates import figures_of, judged, steadiness, unseen_estimates

NEEDED_AUC, ALLOWED_FLOOR, ALLOWED_ERROR = 0.80, 0.60, 0.05
PARTS = ("features", "autoencoded", "motion", "changed")
_KEPT_FEATURES = 6
_MOTION = ("acceleration", "speed", "share", "steps")
_STEADINESS = "steadiness of motion"
Measured = list[dict[str, Any]]


def regression(strength: float) -> Score:
    """Logistic regression on standardised features."""

    def score(train: Floats, labels: Floats, test: Floats) -> Floats:
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=strength, max_iter=2_000, class_weight="balanced")
        )
        model.fit(train, labels)
        return np.asarray(model.decision_function(test), np.float64)

    return score


def few_features(train: Floats, labels: Floats, test: Floats) -> Floats:
    """The mean of the features that each by itself tell the training clips apart best: no weights to overfit."""
    middle, spread = train.mean(axis=0), train.std(axis=0) + 1e-9
    scaled, asked = np.tanh((train - middle) / spread), np.tanh((test - middle) / spread)
    gap = scaled[labels > 0].mean(axis=0) - scaled[labels < 1].mean(axis=0)
    best = np.argsort(-np.abs(gap))[:_KEPT_FEATURES]
    return np.asarray((asked[:, best] * np.sign(gap[best])).mean(axis=1), np.float64)


def first_column(_train: Floats, _labels: Floats, test: Floats) -> Floats:
    """The first column turned round, as it is."""
    return -test[:, 0]


def taught_by_autoencoders(measured: Measured, passed: list[Measured]) -> tuple[Floats, Score, float]:
    """Trained on camera clips against the same clips passed through autoencoders, without any generated clip: the
    table (of row numbers), the score, and the AUC at which it tells the two apart in sources it has not seen."""
    names = sorted(measured[0]["features"])
    table = np.array([[one["features"][name] for name in names] for one in measured])
    files = {one["file"]: row for row, one in enumerate(measured)}
    twins: dict[int, list[list[float]]] = {}
    for one in (one for each in passed for one in each):
        twins.setdefault(files[one["file"]], []).append([one["features"][name] for name in names])

    def score(train: Floats, _labels: Floats, test: Floats) -> Floats:
        rows = [row for row in train[:, 0].astype(int) if row in twins]
        made = np.concatenate([np.array(twins[row]) for row in rows])
        labels = np.array([0.0] * len(rows) + [1.0] * len(made))
        asked = test if test.shape[1] > 1 else table[test[:, 0].astype(int)]
        return regression(0.1)(np.concatenate([table[rows], made]), labels, asked)

    clips, found = clips_of(measured), []
    for source in clips.filmed:
        known = np.flatnonzero(~clips.generated & ~clips.of(source))[:, None].astype(np.float64)
        theirs = [row for row in np.flatnonzero(clips.of(source)) if row in twins]
        made = np.concatenate([np.array(twins[row]) for row in theirs])
        found.append(auc(score(known, np.empty(0), made), score(known, np.empty(0), table[theirs])))
    return np.arange(len(measured), dtype=np.float64)[:, None], score, float(np.mean(found))


def clips_of(measured: Measured) -> Clips:
    """Who made and published which clip."""
    return Clips(
        np.array([one["generated"] for one in measured]),
        np.array([one["family"] for one in measured]),
        np.array([one["publisher"] for one in measured]),
    )


def motion_table(measured: Measured) -> Floats:
    """Rows (acceleration, speed, share, steps)."""
    return np.array([[one["motion"][name] for name in _MOTION] for one in measured])


def tried(measured: Measured, parts: tuple[str, ...]) -> dict[str, tuple[Floats, Score]]:
    """What is tried: the columns it sees, and how it scores them."""
    names = sorted(measured[0]["features"])
    table = np.array([[one["features"][name] for name in names] for one in measured])
    shapes = np.array([one["size"] for one in measured], np.float64)
    motion = motion_table(measured)
    found: dict[str, tuple[Floats, Score]] = {}
    if "features" in parts:
        found |= {
            "regression, weak": (table, regression(0.01)),
            "regression, strong": (table, regression(0.1)),
            f"best {_KEPT_FEATURES} features": (table, few_features),
            "size, rate and length (forbidden)": (shapes, regression(0.1)),
        }
    if "motion" in parts:
        found |= {
            "acceleration over speed, alone": (motion, first_column),
            "regression on motion's three numbers": (motion[:, :3], regression(0.1)),
            _STEADINESS: (motion, steadiness),
        }
    return found


def figures_of_way(table: Floats, clips: Clips, score: Score) -> dict[str, Any]:
    """The figures of one way of scoring."""
    found = cells(table, clips, score)
    return {
        "auc_mean": round(mean_auc(found), 3),
        "interval_95": interval_by_family(found),
        "interval_95_by_clip": interval_by_clip(found),
        "floor_real_against_real": round(floor(table, clips, score), 3),
    }


def measure(measured: Measured, parts: tuple[str, ...], changed: dict[str, Measured]) -> dict[str, Any]:
    """All figures as one JSON object; `changed`: the same clips after a change or an autoencoder, by name."""
    clips = clips_of(measured)
    figures = {name: figures_of_way(*pair[:1], clips, pair[1]) for name, pair in tried(measured, parts).items()}
    passed = [changed[name] for name in PASSED if name in changed]
    if passed:
        table, score, own = taught_by_autoencoders(measured, passed)
        way = figures_of_way(table, clips, score)
        figures["camera clips through autoencoders"] = way | {"auc_on_autoencoded": round(own, 3)}
    for change, those in changed.items():
        if change in PASSED:
            continue
        figures[f"{_STEADINESS}, {change}"] = figures_of_way(motion_table(those), clips_of(those), steadiness)
    noise = floor_of_noise(clips)
    result: dict[str, Any] = {
        "schema": "reelproof.bench.classifier/2",
        "clips": len(measured),
        "generator_families": len(clips.made),
        "camera_sources": len(clips.filmed),
        "features": len(measured[0]["features"]),
        "floor_of_noise": [round(value, 3) for value in noise],
        "figures": figures,
    }
    if "motion" not in parts:
        return result
    motion, sides = motion_table(measured), np.array([min(one["size"][:2]) for one in measured])
    estimates = figures_of(unseen_estimates(motion, clips, judged(motion, sides)), clips.generated)
    way = figures[_STEADINESS]
    ships = (
        way["auc_mean"] >= NEEDED_AUC
        and way["floor_real_against_real"] <= ALLOWED_FLOOR
        and estimates["expected_calibration_error"] <= ALLOWED_ERROR
    )
    return result | {"estimates": estimates, "ships": bool(ships)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="about 40 clips")
    parser.add_argument("--cache", type=Path, help="keep measurements here and use those that stand there")
    parser.add_argument("--parts", default="features,motion", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    parts = tuple(arguments.parts.split(","))
    if set(parts) - set(PARTS):
        parser.error(f"--parts are of {', '.join(PARTS)}")
    limit = 40 if arguments.quick else 0
    changes = [*(CHANGES[1:] if "changed" in parts else ()), *(PASSED if "autoencoded" in parts else ())]
    changed = {change: measured_clips(limit, arguments.cache, change) for change in changes}
    figures = measure(measured_clips(limit, arguments.cache), parts, changed)
    if arguments.json:
        print(json.dumps(figures))
        return
    show(figures)


def show(figures: dict[str, Any]) -> None:
    """Print the figures for a person."""
    noise = figures["floor_of_noise"]
    print(
        f"{figures['clips']} clips, {figures['generator_families']} families, {figures['camera_sources']} sources; "
        f"random scores reach a floor of {noise[0]} ({noise[1]} to {noise[2]})"
    )
    for name, value in figures["figures"].items():
        print(
            f"{name:<40} AUC {value['auc_mean']} {value['interval_95']}, by clip {value['interval_95_by_clip']}, "
            f"floor {value['floor_real_against_real']}"
            + (f", on autoencoded clips {value['auc_on_autoencoded']}" if "auc_on_autoencoded" in value else "")
        )
    if "estimates" in figures:
        print(json.dumps(figures["estimates"]))
        print("good enough to be on" if figures["ships"] else "not good enough: the detector says it can't tell")


if __name__ == "__main__":
    main()
