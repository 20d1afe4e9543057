"""From cells to figures: exact recovery per attack with its interval, and the figures the project set itself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from bench.watermark.cells import UNMARKED, Cell

P_CLIP = 1e-6


def clopper_pearson(hits: int, tries: int) -> tuple[float, float]:
    """The 95 % interval of a rate, from beta quantiles (Clopper and Pearson 1934). (0, 1) for no tries."""
    low = float(stats.beta.ppf(0.025, hits, tries - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(0.975, hits + 1, tries - hits)) if hits < tries else 1.0
    return low, high


@dataclass(frozen=True)
class Rate:
    """`hits` of `tries`, and the 95 % interval."""

    hits: int
    tries: int

    @property
    def share(self) -> float:
        """Hits over tries; not a number for no tries."""
        return self.hits / self.tries if self.tries else float("nan")

    def text(self) -> str:
        """`k/n (low-high)`."""
        low, high = clopper_pearson(self.hits, self.tries)
        return f"{self.hits}/{self.tries} ({low:.3f}-{high:.3f})" if self.tries else "not run"


def is_exact(cell: Cell) -> bool:
    """The very payload, at a p-value of at most 1e-6."""
    return bool(cell["exact"]) and cell.get("p_value", 1.0) <= P_CLIP


def rate(cells: Iterable[Cell]) -> Rate:
    """How many of the cells were exact."""
    chosen = list(cells)
    return Rate(sum(map(is_exact, chosen)), len(chosen))


@dataclass(frozen=True)
class Target:
    """A row of the issue's table: the least share of exact payloads over these attacks on clips of this kind."""

    what: str
    least: float
    kind: str
    applies: Callable[[str, str], bool]

    def cells(self, cells: Iterable[Cell]) -> list[Cell]:
        """The cells that count for it."""
        return [c for c in cells if c["kind"] == self.kind and self.applies(c["attack"], c["group"])]


_FIRM: tuple[str, ...] = (
    "x264 CRF 40",
    "x265 CRF 40",
    "AV1 CRF 60",
    "VP9 CRF 55",
    "crop 0.55 kept",
    "crop 0.55 resized back",
)
_FIRM += ("resize 0.55", "rotate 10")
_HARSH = ("x264 CRF 40 + crop 0.71 + brightness 0.5", "screen recording")
_TURNS = ("rotate 90", "rotate 180", "rotate 270", "rotate 90 + 10", "rotate 180 + 12", "rotate 270 - 12")
TARGETS = (
    Target("64 bits, 720p+: valuemetric, CRF 40, AV1 60, VP9 55, crop and resize .55, rotate 10", 0.99, "720p+",
           lambda attack, group: group == "valuemetric" or attack in _FIRM),
    Target("64 bits, 720p+: H.264 CRF 40 + crop .71 + brightness .5; screen recording", 0.95, "720p+",
           lambda attack, _: attack in _HARSH),
    Target("64 bits, 720p+: perspective .5, 90 degree turns and 12 more, camera re-capture", 0.90, "720p+",
           lambda attack, _: attack in ("perspective 0.5", "camera re-capture", *_TURNS)),
    Target("32 bits, 256 px x 49 frames: CRF 28, resize 1.5", 0.95, "256 px 32",
           lambda attack, _: attack in ("x264 CRF 28", "resize 1.5")),
    Target("128 bits, 1080p, 5 s: CRF 36", 0.95, "1080p 128", lambda attack, _: attack == "x264 CRF 36"),
)  # fmt: skip


def target_rows(cells: list[Cell]) -> list[dict[str, Any]]:
    """Each target with its rate over all its cells, its weakest attack, and whether it is reached."""
    rows = []
    for target in TARGETS:
        chosen = target.cells(cells)
        over = rate(chosen)
        by_attack = {name: rate(c for c in chosen if c["attack"] == name) for name in _names(chosen)}
        weakest = min(by_attack, key=lambda name: by_attack[name].share, default="")
        rows.append(
            {
                "what": target.what,
                "least": target.least,
                "rate": over.text(),
                "weakest": f"{weakest}: {by_attack[weakest].text()}" if weakest else "",
                "reached": None if not chosen else over.share >= target.least,
                "reached_by_every_attack": None
                if not chosen
                else all(r.share >= target.least for r in by_attack.values()),
            }
        )
    return rows


def _names(cells: Iterable[Cell]) -> list[str]:
    return list(dict.fromkeys(cell["attack"] for cell in cells))


def attack_rows(cells: list[Cell]) -> list[dict[str, Any]]:
    """Per attack: exact on each kind of clip, wrong IDs, median z with its range, seconds to read."""
    rows = []
    for name in _names(c for c in cells if c["attack"] != UNMARKED):
        chosen = [c for c in cells if c["attack"] == name]
        scores = [c["z"] for c in chosen if "z" in c]
        row = {
            "attack": name,
            "group": chosen[0]["group"],
            "wrong": sum(bool(c.get("wrong_id")) for c in chosen),
            "faults": sum("fault" in c for c in chosen),
            "z": f"{np.median(scores):.1f} ({min(scores):.1f}-{max(scores):.1f})" if scores else "",
            "read_s": float(np.median([c.get("extract_cpu_s", 0.0) for c in chosen])),
        }
        for kind in kinds(cells):
            row[kind] = rate(c for c in chosen if c["kind"] == kind).text()
        rows.append(row)
    return rows


def kinds(cells: Iterable[Cell]) -> list[str]:
    """The kinds of clips there are, in order."""
    return list(dict.fromkeys(cell["kind"] for cell in cells))


def false_positives(cells: Iterable[Cell]) -> Rate:
    """How many unmarked clips were found marked, of how many."""
    chosen = [c for c in cells if c["attack"] == UNMARKED]
    return Rate(sum(bool(c.get("found")) for c in chosen), len(chosen))


def recovery_curve(cells: Iterable[Cell], kind: str) -> list[dict[str, Any]]:
    """Exact recovery and the spread of z against x264's rate factor, for one kind of clip."""
    points = []
    chosen = [c for c in cells if c["kind"] == kind and c["attack"].startswith("x264 CRF ")]
    for crf in sorted({int(c["attack"][9:]) for c in chosen if c["attack"][9:].isdigit()}):
        here = [c for c in chosen if c["attack"] == f"x264 CRF {crf}"]
        z = [c["z"] for c in here if "z" in c]
        over = rate(here)
        low, high = clopper_pearson(over.hits, over.tries)
        point = {"crf": crf, "share": over.share, "low": low, "high": high}
        spread = {"z": float(np.median(z)), "z_low": min(z), "z_high": max(z)} if z else {}
        points.append(point | spread)
    return points
