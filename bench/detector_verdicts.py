"""Whether the verdict is right: files made in known ways, and findings made up from stories, over all conclusions.

    python -m bench.detector_verdicts [--quick] [--cases N] [--scenes N] [--rows FILE] [--json]

Of the `--cases` (1,000), the files come first (see `bench/detector_files.py`; as many as `--scenes` gives), stories
(`bench/detector_stories.py`) fill up the rest. `likely_generated` is missing: this release never concludes it.
"""

import argparse
import json
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from bench.detector_files import Studio, cases
from bench.detector_stories import STORIES, findings_of
from detector.fusion import fuse


def files(folder: Path, scenes: int, done: int = 0) -> Iterator[dict[str, Any]]:
    """A row for each file but the first `done`: what it is, what is right, what was said, how long it took."""
    studio = Studio.opened(folder)
    for case in islice(cases(studio, scenes), done, None):
        path = folder / "case.mp4"
        case.make(path)
        began = time.perf_counter()
        verdict = studio.detector.verify(path)
        right = verdict.conclusion in (case.expected, *case.others)
        yield {
            "kind": "file", "case": case.name, "expected": str(case.expected), "said": str(verdict.conclusion),
            "right": right, "headline": verdict.headline, "seconds": round(time.perf_counter() - began, 2),
        }  # fmt: skip


def stories(count: int) -> Iterator[dict[str, Any]]:
    """A row for each made-up finding, the stories in turn."""
    rng = np.random.default_rng(11)
    for number in range(count):
        story = STORIES[number % len(STORIES)]
        said = fuse(findings_of(story, rng)).conclusion
        row: dict[str, Any] = {"kind": "story", "case": story[0], "expected": str(story[1]), "said": str(said)}
        yield row | {"right": said is story[1]}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Right verdicts by conclusion and by case, for files and for stories."""
    by_conclusion: dict[str, Counter[str]] = defaultdict(Counter)
    wrong: Counter[str] = Counter()
    for row in rows:
        found = by_conclusion[row["expected"]]
        found[row["kind"]] += 1
        found[row["kind"] + "_right"] += row["right"]
        if not row["right"]:
            wrong[f"{row['case']}: {row['said']}"] += 1
    return {
        "cases": len(rows),
        "right": sum(row["right"] for row in rows),
        "by_conclusion": {name: dict(found) for name, found in sorted(by_conclusion.items())},
        "wrong": dict(wrong.most_common()),
    }


def _kept(path: Path | None) -> list[dict[str, Any]]:
    """The rows of a run that was cut off; its cases come in the same order."""
    return (
        [json.loads(line) for line in path.read_text().splitlines()] if path is not None and path.exists() else []
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="four scenes and 200 cases")
    parser.add_argument("--cases", type=int, default=1000, help="how many cases in all")
    parser.add_argument("--scenes", type=int, default=12, help="how many scenes the files are made from")
    parser.add_argument("--rows", type=Path, help="keep each file's row there, and go on after those")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    count, scenes = (200, 4) if given.quick else (given.cases, given.scenes)
    rows = _kept(given.rows)
    with tempfile.TemporaryDirectory() as name:
        for row in files(Path(name), scenes, len(rows)):
            rows.append(row)
            if given.rows:
                with given.rows.open("a") as log:
                    log.write(json.dumps(row) + "\n")
    rows += stories(max(0, count - len(rows)))
    figures = {"schema": "reelproof.bench.detector-verdicts/1", "scenes": scenes, **summary(rows)}
    if given.json:
        print(json.dumps(figures))
        return
    print(f"{figures['right']} of {figures['cases']} right")
    for name, found in figures["by_conclusion"].items():
        told = ", ".join(
            f"{kind}: {found[kind + '_right']} of {found[kind]}" for kind in ("file", "story") if kind in found
        )
        print(f"{name:<18} {told}")
    for name, times in figures["wrong"].items():
        print(f"wrong {times:>3} x {name}")


if __name__ == "__main__":
    main()
