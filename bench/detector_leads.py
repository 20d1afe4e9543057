"""How far leads can be trusted: clips untouched, and changed in the ways that leads are meant to show.

    python -m bench.detector_leads [--quick] [--clips N] [--part PART] [--rows FILE] [--json]

Needs the real clips beside the repository (REELPROOF_SHARED). `pictures`: repeats, stills and cuts put into clips
(bench/leads_pictures.py). `encodings`: clips encoded once and twice (bench/leads_encodings.py). `as_they_came`:
what is told of the clips themselves. Thresholds were chosen on one half of the clips, by a hash of their names;
both halves are told. With `--rows FILE` every case is kept as one JSON line, and another run goes on where that
file ends. It takes about twenty minutes of one thread of a busy machine.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench import leads_encodings, leads_pictures
from bench.detector_changes import shared_clips

Row = dict[str, Any]
PARTS = ("pictures", "encodings", "as_they_came")


def measure(part: str, clips: list[Path], known: list[Row]) -> Iterator[Row]:
    """The rows of one part that are not known yet."""
    if part == "pictures":
        counts: dict[str, int] = defaultdict(int)
        for row in known:
            counts[row["clip"]] += 1
        whole = {name for name, count in counts.items() if count == 1 + len(leads_pictures.KINDS)}
        yield from leads_pictures.rows_of(clips, whole)
        return
    if part == "as_they_came":
        names = {row["clip"] for row in known}
        yield from (leads_encodings.untouched_row(path) for path in clips if path.name not in names)
        return
    for path in clips:
        cases = {(row["first"], row["second"]) for row in known if row["clip"] == path.name}
        yield from leads_encodings.rows_of(path, cases)


def figures_of(rows: list[Row]) -> dict[str, Any]:
    """Every part that has rows, over all clips and by half."""
    figures: dict[str, Any] = {"schema": "reelproof.bench.detector-leads/2"}
    for part, summary in (("pictures", leads_pictures.summary), ("encodings", leads_encodings.summary)):
        kept = [row for row in rows if row["part"] == part]
        halves = {half: [row for row in kept if row["half"] == half] for half in ("chosen on", "held out")}
        if kept:
            figures[part] = {"all": summary(kept), **{half: summary(found) for half, found in halves.items()}}
    came = [row for row in rows if row["part"] == "as_they_came"]
    return figures | ({"as_they_came": leads_encodings.untouched_summary(came)} if came else {})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="six clips")
    parser.add_argument("--clips", type=int, default=0, help="only so many clips")
    parser.add_argument("--part", choices=PARTS, help="only this part")
    parser.add_argument("--rows", type=Path, help="keep every case as a JSON line, and go on where it ends")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    chosen = sorted(shared_clips(), key=lambda path: sha256(path.name.encode()).hexdigest())
    chosen = chosen[: given.clips or (6 if given.quick else len(chosen))]
    lines = given.rows.read_text().splitlines() if given.rows is not None and given.rows.exists() else []
    rows: list[Row] = [json.loads(line) for line in lines]
    for part in PARTS if given.part is None else (given.part,):
        for row in measure(part, chosen, [row for row in rows if row["part"] == part]):
            rows.append({"part": part, **row})
            if given.rows is not None:
                with given.rows.open("a") as log:
                    log.write(json.dumps(rows[-1]) + "\n")
    names = {path.name for path in chosen}
    figures = figures_of([row for row in rows if row["clip"] in names])
    print(json.dumps(figures) if given.json else json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
