"""Measures the policy filter: recall on names in many disguises, false blocks on benign prompts, speed.

    python -m bench.policy [--json] [--quick]

Everything but the everyday prompts is in the repository (bench/policy_prompts.py); those are read from
prompts/benign.txt of the shared folder where there is one. The sets were at hand while the rules were written:
expect a few points less on sets never seen.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bench import policy_prompts as prompts
from policy.decision import Outcome, PolicyInput
from policy.filter import PolicyFilter
from policy.lists import load_lists

_REPOSITORY = Path(__file__).resolve().parent.parent
_REPORT = _REPOSITORY / "out/bench/policy.md"
_LISTED_SAMPLE = 400
_MISSES_SHOWN = 12


@dataclass
class Tally:
    """How a set of prompts was decided. `missed` holds the prompts that went through (or, if benign, did not)."""

    name: str
    is_benign: bool = False
    refused: int = 0
    reviewed: int = 0
    allowed: int = 0
    missed: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many prompts."""
        return self.refused + self.reviewed + self.allowed

    @property
    def stopped(self) -> float:
        """Share refused or held for review."""
        return (self.refused + self.reviewed) / self.count if self.count else 0.0

    def to_json(self) -> dict[str, object]:
        """The tally as JSON."""
        return {
            "set": self.name,
            "benign": self.is_benign,
            "prompts": self.count,
            "refused": self.refused,
            "reviewed": self.reviewed,
            "allowed": self.allowed,
            "stopped": round(self.stopped, 4),
            "missed": self.missed[:_MISSES_SHOWN],
        }


class Bench:
    """Runs sets of prompts through one filter and keeps tallies and times."""

    def __init__(self, policy: PolicyFilter) -> None:
        self._policy = policy
        self.tallies: list[Tally] = []
        self.times_ms: list[float] = []

    def run(self, name: str, texts: Iterable[str], *, is_benign: bool = False) -> Tally:
        """Decide each text as a prompt and tally the outcomes."""
        tally = Tally(name, is_benign)
        for text in texts:
            start = time.process_time()
            outcome = self._policy.decide(PolicyInput({"prompt": text})).outcome
            self.times_ms.append((time.process_time() - start) * 1000)
            if outcome is Outcome.REFUSE:
                tally.refused += 1
            elif outcome is Outcome.REVIEW:
                tally.reviewed += 1
            else:
                tally.allowed += 1
            if (outcome is Outcome.ALLOW) != is_benign:
                tally.missed.append(f"{outcome}: {text}" if is_benign else text)
        self.tallies.append(tally)
        return tally


def shared_prompts() -> Path | None:
    """The everyday prompts beside the repository, None where there are none."""
    folder = Path(os.environ.get("REELPROOF_SHARED", _REPOSITORY.parent / "shared"))
    path = folder / "prompts/benign.txt"
    return path if path.exists() else None


def listed_sample() -> list[str]:
    """Full names of the best-known tier of the gazetteer, not dead for over 100 years; a fixed sample."""
    names = []
    for line in load_lists().gazetteer:
        name, _, status, mode, tier = line.split("\t")
        if tier == "1" and mode == "." and status in "ld" and " " in name and name.isascii():
            names.append(name.title())
    return prompts.sampled(names, _LISTED_SAMPLE)


def templated(names: Iterable[str], templates: list[str]) -> list[str]:
    """Each name in one template, taking turns."""
    return [templates[at % len(templates)].format(name) for at, name in enumerate(names)]


def run_all(bench: Bench, *, is_quick: bool) -> None:
    """Every set of the benchmark; `is_quick` takes every fourth name in the disguises."""
    plain = templated(prompts.PUBLIC, prompts.PLAIN)
    bench.run("public figures, hand list, plain", plain)
    bench.run(
        "public figures, hand list, all templates", [t.format(n) for n in prompts.PUBLIC for t in prompts.PLAIN]
    )
    bench.run("public figures, sample of the gazetteer", templated(listed_sample(), prompts.PLAIN))
    lower = [text.lower() for text in templated(listed_sample(), prompts.PLAIN)]
    bench.run("public figures, sample, lower case", lower)
    for name, disguise in prompts.DISGUISES.items():
        names = [disguise(each) for each in prompts.PUBLIC[:: 4 if is_quick else 1]]
        bench.run(f"disguise: {name}", templated(names, prompts.PLAIN))
    bench.run("native scripts and languages", prompts.NATIVE)
    for region, names in prompts.PRIVATE.items():
        bench.run(f"private names, {region}", templated(names, prompts.PLAIN))
        bench.run(f"private names, {region}, lower case", [p.lower() for p in templated(names, prompts.PLAIN)])
    bench.run("private names, second set", prompts.SECOND_PRIVATE)
    bench.run("private names, second set, lower case", [text.lower() for text in prompts.SECOND_PRIVATE])
    bench.run("offices, lookalikes, voices", prompts.CIRCUMLOCUTIONS)
    harmful = [template.format(name) for name in prompts.LONG_DEAD for template in prompts.HARMFUL_WITH_NAME]
    bench.run("likeness with sexual content or minors", harmful)
    bench.run("hard benign", prompts.HARD_BENIGN, is_benign=True)
    bench.run("hard benign, second set", prompts.SECOND_BENIGN, is_benign=True)
    if everyday := shared_prompts():
        lines = [line for line in everyday.read_text(encoding="utf-8").splitlines() if line.strip()]
        bench.run("everyday prompts (VBench)", lines, is_benign=True)


def summary(bench: Bench, load_s: float) -> dict[str, object]:
    """All figures as JSON."""
    disguised = [tally for tally in bench.tallies if tally.name.startswith("disguise")]
    times = sorted(bench.times_ms)
    return {
        "schema": "reelproof.bench.policy/1",
        "ruleset": PolicyFilter.default().ruleset,
        "load_s": round(load_s, 3),
        "decisions": len(times),
        "median_ms": round(statistics.median(times), 2),
        "p99_ms": round(times[int(len(times) * 0.99)], 2),
        "disguises_mean": round(statistics.mean(tally.stopped for tally in disguised), 4),
        "disguises_worst": round(min(tally.stopped for tally in disguised), 4),
        "sets": [tally.to_json() for tally in bench.tallies],
    }


def as_markdown(figures: dict[str, object], tallies: list[Tally]) -> str:
    """The figures as a table a person reads, with what was missed."""
    lines = [
        "# Policy filter, measured",
        "",
        f"`python -m bench.policy`, rule set {str(figures['ruleset'])[:16]}…, {figures['decisions']} decisions; "
        f"CPU time: load {figures['load_s']} s, median {figures['median_ms']} ms, p99 {figures['p99_ms']} ms.",
        f"Disguises: mean {figures['disguises_mean']}, worst {figures['disguises_worst']}.",
        "The rules were written with these sets at hand: expect a few points less on sets never seen.",
        "",
        "| set | prompts | refused | review | allowed | stopped |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {t.name}{' (benign)' if t.is_benign else ''} | {t.count} | {t.refused} | {t.reviewed} | {t.allowed} | "
        f"{t.stopped:.3f} |"
        for t in tallies
    ]
    lines += ["", "## Missed, or blocked though benign", ""]
    for tally in tallies:
        lines += [f"- {tally.name}: `{each}`" for each in tally.missed[:_MISSES_SHOWN]]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; prints the table (or one JSON object) and writes out/bench/policy.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args(arguments)
    start = time.process_time()
    policy = PolicyFilter.default()
    load_s = time.process_time() - start
    bench = Bench(policy)
    run_all(bench, is_quick=given.quick)
    figures = summary(bench, load_s)
    table = as_markdown(figures, bench.tallies)
    _REPORT.parent.mkdir(parents=True, exist_ok=True)
    _REPORT.write_text(table, encoding="utf-8")
    print(json.dumps(figures, ensure_ascii=False) if given.json else table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
