"""Measures the policy filter: recall on names in many disguises, false blocks on benign prompts, speed.

    python -m bench.policy [--json] [--quick] [--only GROUP]

Every line is in the development or the sealed half by the parity of a hash of the line; both are reported, and only
misses of the development half are shown. The sets are in bench/policy_sets/; VBench's everyday prompts are read
from prompts/benign.txt of the shared folder where there is one. `--quick` takes every fourth prompt.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from bench import policy_prompts as prompts
from bench.policy_cost import fresh_process_cost, percentile
from bench.policy_tally import PromptSet, groups_table, misses, sets_table
from bench.policy_transforms import DEVELOPED, Transform, composed
from bench.policy_unseen import UNSEEN
from policy.decision import Outcome, PolicyInput
from policy.filter import PolicyFilter

_REPORT = Path(__file__).resolve().parent.parent / "out/bench/policy"
_COMPOSED_PAIRS = 60
_QUICK_STEP = 4
_UNSEEN_NAMES = 120
Line = tuple[str, str | PolicyInput]


class Bench:
    """Runs sets of prompts through one filter and keeps tallies and times."""

    def __init__(self, policy: PolicyFilter, *, step: int, only: str) -> None:
        self._policy = policy
        self._step = step
        self._only = only
        self.sets: list[PromptSet] = []
        self.times_ms: list[float] = []

    def run(self, group: str, name: str, lines: Iterable[Line], *, is_benign: bool = False, half: str = "") -> None:
        """Decide each (line, prompt); the line's hash tells the half unless `half` does."""
        if self._only not in group:
            return
        found = PromptSet(group, name, is_benign)
        for line, prompt in list(lines)[:: self._step]:
            request = prompt if isinstance(prompt, PolicyInput) else PolicyInput({"prompt": prompt})
            start = time.process_time()
            outcome = self._policy.decide(request).outcome
            self.times_ms.append((time.process_time() - start) * 1000)
            kept = half or prompts.half_of(line)
            found.halves[kept].add(outcome)
            if (outcome is Outcome.ALLOW) != is_benign and kept == "development":
                found.halves[kept].missed.append(
                    f"{outcome}: {request.texts} {request.earlier_turns or ''}".strip()
                )
        self.sets.append(found)


def _themselves(lines: Iterable[str]) -> list[Line]:
    return [(line, line) for line in lines]


def run_names(bench: Bench, templates: list[str]) -> None:
    """Public figures and private names, plain and in lower case."""
    public = prompts.templated(prompts.lines_of("public.txt"), templates)
    listed = prompts.templated(prompts.listed_sample(), templates)
    bench.run("public figures", "written list", public)
    bench.run("public figures", "sample of the gazetteer", listed)
    bench.run(
        "public figures", "first bench's list", prompts.templated(prompts.lines_of("first_public.txt"), templates)
    )
    bench.run("public figures, lower case", "written list", [(n, p.lower()) for n, p in public])
    bench.run("public figures, lower case", "sample of the gazetteer", [(n, p.lower()) for n, p in listed])
    for region, names in prompts.sections_of("private.txt").items():
        lines = prompts.templated(names, templates)
        bench.run("private names, cased", region, lines)
        bench.run("private names, lower case", region, [(name, prompt.lower()) for name, prompt in lines])
    first = prompts.lines_of("first_private.txt")
    bench.run("private names, cased", "first bench's second set", _themselves(first), half="development")


def run_disguises(bench: Bench, templates: list[str]) -> None:
    """Transforms one by one, composed, and unseen; names split over fields, shots and turns."""
    names = prompts.lines_of("first_public.txt")
    for way, transform in DEVELOPED.items():
        bench.run("transforms", way, _transformed(names, templates, transform))
    for at, (way, transform) in enumerate(composed(_COMPOSED_PAIRS).items()):
        bench.run("composed transforms", way, _transformed(names[at % 5 :: 5], templates, transform))
    unseen = prompts.sampled([n for n in prompts.lines_of("public.txt") if " " in n and n.isascii()], _UNSEEN_NAMES)
    for way, transform in UNSEEN.items():
        bench.run("unseen transforms", way, _transformed(unseen, templates, transform))
    ways: dict[str, list[Line]] = {}
    for way, name, request in prompts.splits():
        ways.setdefault(way, []).append((name, request))
    for way, lines in ways.items():
        bench.run("split names", way, lines)


def _transformed(names: list[str], templates: list[str], transform: Transform) -> list[Line]:
    return [(name, templates[at % len(templates)].replace("{}", transform(name))) for at, name in enumerate(names)]


def run_wordings(bench: Bench) -> None:
    """Persons meant without a plain name, other languages, likeness with harm, harm alone."""
    for section, lines in prompts.sections_of("circumlocutions.txt").items():
        bench.run("circumlocution and nicknames", section, _themselves(lines))
    first = prompts.lines_of("first_offices.txt")
    bench.run("circumlocution and nicknames", "first bench", _themselves(first), half="development")
    bench.run("lookalikes and voices", "written list", _themselves(prompts.lines_of("lookalike_voice.txt")))
    for language, lines in prompts.sections_of("languages.txt").items():
        bench.run("languages and scripts", language, _themselves(lines))
    bench.run("likeness x sexual or minors", "templates x names", prompts.harmful_likeness())
    for flag, lines in prompts.sections_of("harm.txt").items():
        bench.run("harm classes", flag, _themselves(lines))


def run_benign(bench: Bench) -> None:
    """Prompts that should pass."""
    bench.run("benign", "made from slots", _themselves(prompts.made_benign()), is_benign=True)
    everyday = prompts.lines_of("everyday_languages.txt")
    bench.run("benign", "other languages", _themselves(everyday), is_benign=True)
    if shared := prompts.shared_prompts():
        bench.run("benign", "VBench", _themselves(shared), is_benign=True, half="development")
    bench.run("benign words and groups", "a word alone", _themselves(prompts.dictionary("{}")), is_benign=True)
    phrased = prompts.dictionary("a video of {} next to a lamp")
    bench.run("benign words and groups", "a word in a phrase", _themselves(phrased), is_benign=True)
    bench.run("hard benign", "written list", _themselves(prompts.lines_of("hard_benign.txt")), is_benign=True)
    first = prompts.lines_of("first_hard_benign.txt")
    bench.run("hard benign", "first bench", _themselves(first), is_benign=True, half="development")


def run_fresh(bench: Bench) -> None:
    """Prompts written once after the filter stood, all sealed; their groups are told apart by the name."""
    for section, lines in prompts.sections_of("fresh.txt").items():
        group, _, name = section.partition("|")
        asked = [(line, line[1:]) for line in lines]
        bench.run(f"fresh: {group}", name, asked, is_benign=lines[0][0] == "-", half="sealed")


def summary(bench: Bench, policy: PolicyFilter) -> dict[str, object]:
    """All figures as JSON."""
    return {
        "schema": "reelproof.bench.policy/2",
        "ruleset": policy.ruleset,
        "decisions": len(bench.times_ms),
        "median_ms": round(percentile(bench.times_ms, 0.5), 2),
        "p99_ms": round(percentile(bench.times_ms, 0.99), 2),
        "fresh_process": fresh_process_cost(),
        "sets": [each.to_json() for each in bench.sets],
    }


def as_markdown(figures: dict[str, object], sets: list[PromptSet]) -> str:
    """The figures as tables a person reads, with what the development half missed."""
    lines = [
        "# Policy filter, measured",
        "",
        f"`python -m bench.policy`, rule set {str(figures['ruleset'])[:16]}…, {figures['decisions']} "
        f"decisions of all "
        f"sets: median {figures['median_ms']} ms, p99 {figures['p99_ms']} ms of processor time.",
        f"Fresh process on one core, plain prompts: {figures['fresh_process']}.",
        "Cells: share refused or held for review (95 % Clopper-Pearson interval), number of prompts.",
        "",
        *groups_table(sets),
        "",
        *sets_table(sets),
        "",
        "## Missed in the development half, or blocked though benign",
        "",
        *misses(sets),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; prints the tables (or one JSON object) and writes out/bench/policy.md and .json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", metavar="GROUP")
    given = parser.parse_args(arguments)
    policy = PolicyFilter.default()
    bench = Bench(policy, step=_QUICK_STEP if given.quick else 1, only=given.only)
    templates = prompts.lines_of("plain_templates.txt")
    run_names(bench, templates)
    run_disguises(bench, templates)
    run_wordings(bench)
    run_benign(bench)
    run_fresh(bench)
    figures = summary(bench, policy)
    table = as_markdown(figures, bench.sets)
    as_json = json.dumps(figures, ensure_ascii=False)
    _REPORT.parent.mkdir(parents=True, exist_ok=True)
    _REPORT.with_suffix(".md").write_text(table, encoding="utf-8")
    _REPORT.with_suffix(".json").write_text(as_json + "\n", encoding="utf-8")
    print(as_json if given.json else table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
