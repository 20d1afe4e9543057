"""Tallies of the policy benchmark: counts, Clopper-Pearson intervals, tables."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from scipy.stats import beta

from bench.policy_prompts import HALVES
from policy.decision import Outcome

_CONFIDENCE = 0.95
_MISSES_SHOWN = 12


@dataclass
class Tally:
    """How one half of a set was decided. `missed` holds prompts of the development half only."""

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

    def add(self, outcome: Outcome) -> None:
        """Count one decision."""
        if outcome is Outcome.REFUSE:
            self.refused += 1
        elif outcome is Outcome.REVIEW:
            self.reviewed += 1
        else:
            self.allowed += 1

    def interval(self) -> tuple[float, float]:
        """The Clopper-Pearson interval of `stopped` at 95 % (Biometrika 26, 1934)."""
        stopped, tail = self.refused + self.reviewed, (1 - _CONFIDENCE) / 2
        low = beta.ppf(tail, stopped, self.count - stopped + 1) if stopped else 0.0
        high = beta.ppf(1 - tail, stopped + 1, self.count - stopped) if stopped < self.count else 1.0
        return float(low), float(high)


@dataclass
class PromptSet:
    """A named set in its two halves. `group` gathers sets under one heading."""

    group: str
    name: str
    is_benign: bool = False
    halves: dict[str, Tally] = field(default_factory=lambda: {half: Tally() for half in HALVES})

    def to_json(self) -> dict[str, object]:
        """The set as JSON, with the misses of the development half."""
        return {
            "group": self.group,
            "set": self.name,
            "benign": self.is_benign,
            **{
                half: {
                    "prompts": tally.count,
                    "refused": tally.refused,
                    "reviewed": tally.reviewed,
                    "stopped": round(tally.stopped, 4),
                    "interval": [round(bound, 4) for bound in tally.interval()],
                }
                for half, tally in self.halves.items()
                if tally.count
            },
            "missed": self.halves["development"].missed,
        }


def pooled(sets: Iterable[PromptSet], half: str) -> Tally:
    """All tallies of one half as one."""
    total = Tally()
    for each in sets:
        tally = each.halves[half]
        total.refused += tally.refused
        total.reviewed += tally.reviewed
        total.allowed += tally.allowed
    return total


def cell(tally: Tally) -> str:
    """A tally as a table cell: share stopped, interval, number."""
    if not tally.count:
        return "–"
    low, high = tally.interval()
    return f"{tally.stopped:.3f} ({low:.3f}–{high:.3f}), {tally.count}"


def groups_table(sets: list[PromptSet]) -> list[str]:
    """One row a group: pooled, and the mean and worst of its sets on the sealed half."""
    lines = [
        "| group | sets | development | sealed | sealed, mean of sets | sealed, worst set |",
        "|---|--:|--|--|--:|--|",
    ]
    for group in dict.fromkeys(each.group for each in sets):
        members = [each for each in sets if each.group == group]
        sealed = [(each.halves["sealed"].stopped, each.name) for each in members if each.halves["sealed"].count]
        pick = max if members[0].is_benign else min
        worst = pick(sealed) if sealed else (0.0, "–")
        mean = sum(share for share, _ in sealed) / len(sealed) if sealed else 0.0
        lines.append(
            f"| {group}{' (benign)' if members[0].is_benign else ''} | {len(members)} | "
            f"{cell(pooled(members, 'development'))} | {cell(pooled(members, 'sealed'))} | {mean:.3f} | "
            f"{worst[0]:.3f} {worst[1]} |"
        )
    return lines


def sets_table(sets: list[PromptSet]) -> list[str]:
    """One row a set."""
    lines = ["| group | set | development | sealed |", "|---|---|--|--|"]
    lines += [
        f"| {each.group} | {each.name} | {cell(each.halves['development'])} | {cell(each.halves['sealed'])} |"
        for each in sets
    ]
    return lines


def misses(sets: list[PromptSet]) -> list[str]:
    """What the development half missed, some of each set."""
    return [f"- {s.group}, {s.name}: `{m}`" for s in sets for m in s.halves["development"].missed[:_MISSES_SHOWN]]
