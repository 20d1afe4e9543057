"""Whether cheap features tell generated from filmed clips when generator *and* camera source are both new.

    python -m bench.classifier [--quick] [--json] [--cache FILE]

Needs the real clips beside the repository (REELPROOF_SHARED). Every clip is made alike first (`canonical`); each
cell trains without one family of generators and one source of camera clips, and is tested on just those two. The
floor does the same between camera sources: it tells how much of a result is only "another source". While the mean
over cells lies under .80 or the floor over .60, the detector has no classifier and says so.
"""

import argparse
import csv
import json
import os
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.classifier.features import features_of
from core.video import open_clip
from detector.classifier.canonical import canonical_pictures

NEEDED_AUC, ALLOWED_FLOOR = 0.80, 0.60
_BOOTSTRAPS, _KEPT_FEATURES = 2_000, 6
Floats = NDArray[np.float64]
Score = Callable[[Floats, Floats, Floats], Floats]
"""From training features, labels and test features to scores, higher for generated."""


def family_of(row: dict[str, str]) -> str:
    """The family of a clip: its generator (all CogVideoX as one), or where its camera clips were published."""
    if row["origin"] == "camera":
        return Path(row["file"]).name.split("-")[0]
    return "CogVideoX" if row["origin"].startswith("CogVideoX") else row["origin"]


def measured_clips(limit: int, cache: Path | None) -> list[dict[str, Any]]:
    """Features of every clip, `{"file", "family", "generated", "size", "features"}`; cached ones are kept."""
    root = Path(os.environ.get("REELPROOF_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "clips"
    if not (root / "clips.csv").is_file():
        raise SystemExit("the real clips are not beside the repository (REELPROOF_SHARED)")
    lines = cache.read_text().splitlines() if cache is not None and cache.exists() else []
    known = {one["file"]: one for one in map(json.loads, lines)}
    with (root / "clips.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows[:: max(1, len(rows) // limit)] if limit else rows:
        if row["file"] not in known:
            known[row["file"]] = _measured(root, row)
            if cache is not None:
                with cache.open("a") as kept:
                    kept.write(json.dumps(known[row["file"]]) + "\n")
        found.append(known[row["file"]])
    return found


def _measured(root: Path, row: dict[str, str]) -> dict[str, Any]:
    clip = open_clip(root / row["file"])
    shape = [clip.info.width_px, clip.info.height_px, float(clip.info.fps), float(row["duration_s"] or 0)]
    return {
        "file": row["file"],
        "family": family_of(row),
        "generated": row["origin"] != "camera",
        "size": shape,
        "features": features_of(canonical_pictures(clip)),
    }


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


def auc(above: Floats, below: Floats) -> float:
    """The chance that one of `above` scores higher than one of `below`; ties count half."""
    return float((above[:, None] > below).mean() + 0.5 * (above[:, None] == below).mean())


def cells(
    table: Floats, generated: NDArray[np.bool_], families: NDArray[np.str_], score: Score
) -> dict[tuple[str, str], float]:
    """AUC of each pair of a generator's family and a camera source, trained without either."""
    found = {}
    for made, filmed in product(sorted(set(families[generated])), sorted(set(families[~generated]))):
        kept = (families != made) & (families != filmed)
        asked = np.concatenate([table[families == made], table[families == filmed]])
        scores = score(table[kept], generated[kept].astype(np.float64), asked)
        count = int((families == made).sum())
        found[made, filmed] = auc(scores[:count], scores[count:])
    return found


def floor(table: Floats, generated: NDArray[np.bool_], families: NDArray[np.str_], score: Score) -> float:
    """How far apart the same classifier puts two camera sources it has not seen: mean of max(AUC, 1 - AUC)."""
    found = []
    for one, other in combinations(sorted(set(families[~generated])), 2):
        kept = (families != one) & (families != other)
        asked = np.concatenate([table[families == one], table[families == other]])
        scores = score(table[kept], generated[kept].astype(np.float64), asked)
        count = int((families == one).sum())
        value = auc(scores[:count], scores[count:])
        found.append(max(value, 1 - value))
    return float(np.mean(found))


def interval(found: dict[tuple[str, str], float]) -> tuple[float, float]:
    """The 95 % interval of the mean, by drawing families and sources anew."""
    rng = np.random.default_rng(7)
    made, filmed = (sorted({pair[i] for pair in found}) for i in (0, 1))
    grid = np.array([[found[one, other] for other in filmed] for one in made])
    means = [
        grid[rng.integers(0, len(made), len(made))][:, rng.integers(0, len(filmed), len(filmed))].mean()
        for _ in range(_BOOTSTRAPS)
    ]
    low, high = np.quantile(means, (0.025, 0.975))
    return round(float(low), 3), round(float(high), 3)


def measure(clips: list[dict[str, Any]]) -> dict[str, Any]:
    """All figures as one JSON object."""
    names = sorted(clips[0]["features"])
    table = np.array([[one["features"][name] for name in names] for one in clips])
    shapes = np.array([one["size"] for one in clips], np.float64)
    generated = np.array([one["generated"] for one in clips])
    families = np.array([one["family"] for one in clips])
    tried: dict[str, tuple[Floats, Score]] = {
        "regression, weak": (table, regression(0.01)),
        "regression, strong": (table, regression(0.1)),
        f"best {_KEPT_FEATURES} features": (table, few_features),
        "size, rate and length (forbidden)": (shapes, regression(0.1)),
    }
    figures: dict[str, Any] = {}
    for name, (columns, score) in tried.items():
        found = cells(columns, generated, families, score)
        figures[name] = {
            "auc_mean": round(float(np.mean(list(found.values()))), 3),
            "interval_95": interval(found),
            "worst_cell": round(min(found.values()), 3),
            "floor_real_against_real": round(floor(columns, generated, families, score), 3),
        }
    best = max(value["auc_mean"] for name, value in figures.items() if "forbidden" not in name)
    return {
        "schema": "reelproof.bench.classifier/1",
        "clips": len(clips),
        "generator_families": len(set(families[generated])),
        "camera_sources": len(set(families[~generated])),
        "features": len(names),
        "figures": figures,
        "ships": bool(best >= NEEDED_AUC),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="about 40 clips")
    parser.add_argument("--cache", type=Path, help="keep features here and use those that stand there")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    figures = measure(measured_clips(40 if arguments.quick else 0, arguments.cache))
    if arguments.json:
        print(json.dumps(figures))
        return
    print(
        f"{figures['clips']} clips, {figures['generator_families']} families, {figures['camera_sources']} sources"
    )
    for name, value in figures["figures"].items():
        print(
            f"{name:<36} AUC {value['auc_mean']} {value['interval_95']}, floor {value['floor_real_against_real']}"
        )
    print("good enough to ship" if figures["ships"] else "not good enough to ship: the detector says it can't tell")


if __name__ == "__main__":
    main()
