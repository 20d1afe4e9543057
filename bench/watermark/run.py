"""Runs the watermark bench: clips times attacks, then costs, tail, security and peers, then the report.

    python -m bench.watermark [--quick | --all] [--json] [--jobs N] [--clips GLOB] [--attacks GLOB] [--parts NAMES]

Cells are kept in out/bench/watermark/cells.jsonl and not made twice while the codec's name stays; a run that was
stopped goes on where it was. Real clips come from $REELPROOF_SHARED or ../shared; without them only drawn and
embedded-model clips are measured, and the report says so.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from fnmatch import fnmatch
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from bench.watermark import attacks as suite
from bench.watermark.attacks import Attack
from bench.watermark.cells import CODEC, UNMARKED, missing, read_cells, run_clip
from bench.watermark.clips import BenchClip
from bench.watermark.report import write_report

OUT = Path("out/bench/watermark")
PARTS = ("cells", "costs", "tail", "security", "peers")
QUICK_CLIPS = ("sam2-05_default_juggle-*", "discs 0", "scene 0 256")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="bench.watermark", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--quick", action="store_true", help="3 clips, 8 attacks, small other parts")
    made.add_argument("--json", action="store_true", help="one JSON object on stdout, nothing else")
    made.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    made.add_argument("--all", action="store_true", help="every attack on every clip: many hours")
    made.add_argument("--clips", default="*", help="only clips whose name fits this pattern")
    made.add_argument("--attacks", default="*", help="only attacks whose name fits this pattern")
    made.add_argument("--parts", default=",".join(PARTS), help=f"comma-separated, of {', '.join(PARTS)}")
    made.add_argument("--statistics", type=float, help="wrong-key statistics of the tail (1e10; quick: 1e8)")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run what is missing, write the report, print it."""
    made = parser()
    given = made.parse_args(arguments)
    parts = [part for part in given.parts.split(",") if part]
    if unknown := sorted(set(parts) - set(PARTS)):
        made.error(f"no part named {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if given.jobs < 1:
        made.error("--jobs must be at least 1")
    folder = OUT / "quick" if given.quick else OUT
    folder.mkdir(parents=True, exist_ok=True)
    if "cells" in parts:
        make_cells(folder, given)
    for name, make in _others(folder, given).items():
        if name in parts:
            _kept(folder, name, make)
    found, text = write_report(folder)
    print(json.dumps(found) if given.json else text)
    return 0


def _others(folder: Path, given: argparse.Namespace) -> dict[str, Callable[[], dict[str, Any]]]:
    from bench.watermark import costs, peers, security, tail

    statistics = given.statistics or (1e8 if given.quick else 1e10)
    return {
        "costs": lambda: costs.measure(given.quick),
        "tail": lambda: tail.measure(folder, statistics, given.quick),
        "security": lambda: security.measure(given.quick),
        "peers": lambda: peers.measure(given.quick),
    }


def _kept(folder: Path, name: str, make: Callable[[], dict[str, Any]]) -> None:
    began = time.perf_counter()
    found = {"alg": CODEC.alg, **make()}
    found["made_in_s"] = round(time.perf_counter() - began, 1)
    partly = folder / f"{name}.json.part"
    partly.write_text(json.dumps(found, indent=1))
    partly.replace(folder / f"{name}.json")


def wanted(given: argparse.Namespace) -> Callable[[BenchClip, Attack | None], bool]:
    """Which cells a command line asks for."""

    def wants(clip: BenchClip, attack: Attack | None) -> bool:
        name = attack.name if attack is not None else UNMARKED
        if not fnmatch(clip.name, given.clips) or not fnmatch(name, given.attacks):
            return False
        if given.quick and not any(fnmatch(clip.name, pattern) for pattern in QUICK_CLIPS):
            return False
        if attack is None:
            return clip.repeat == 0 and not given.quick  # a failing search costs minutes
        if (given.quick and name not in suite.QUICK) or not (given.all or clip.meets(name)):
            return False
        return attack.grows == 1.0 or attack.fits_in(clip.long_side_px)

    return wants


def make_cells(folder: Path, given: argparse.Namespace) -> None:
    """Make every missing cell, in processes of one thread each, and show how far it is."""
    path = folder / "cells.jsonl"
    left = missing(read_cells(path), wanted(given))
    console = Console(stderr=True, quiet=given.json)
    total, before = sum(map(len, left.values())), len(read_cells(path))
    for name in _THREADS:
        os.environ[name] = "1"
    os.environ.setdefault("SVT_LOG", "1")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn"), initializer=_one_thread) as pool,
        Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as progress,
    ):
        task = progress.add_task("cells", total=total)
        running: set[Future[int]] = {
            pool.submit(run_clip, name, names, path, folder / "crops") for name, names in _in_order(left)
        }
        while running:
            done, running = wait(running, timeout=2.0)
            progress.update(task, completed=len(read_cells(path)) - before)
            for future in done:
                if fault := future.exception():
                    console.print(f"a clip failed: {type(fault).__name__}: {fault}", markup=False)


def _in_order(left: dict[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    """What the issue's figures rest on first, on every clip; unmarked clips, where every search fails, last."""
    passes: tuple[Callable[[str], bool], ...] = (
        lambda name: name in suite.HEADLINE,
        lambda name: name not in suite.HEADLINE and name != UNMARKED,
        lambda name: name == UNMARKED,
    )
    for belongs in passes:
        for clip, names in left.items():
            if chosen := [name for name in names if belongs(name)]:
                yield clip, chosen


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)


if __name__ == "__main__":
    sys.exit(main())
