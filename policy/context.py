"""The context table: who is meant, together with what else is asked, gives an outcome and a code. It is data."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError
from policy.codes import Code
from policy.decision import Outcome

_SEVERITY = {Outcome.ALLOW: 0, Outcome.REVIEW: 1, Outcome.REFUSE: 2}


@dataclass(frozen=True)
class Row:
    """One line of the table. Without subjects it is about the request alone; `is_extra` adds to another row."""

    name: str
    outcome: Outcome
    code: Code
    subjects: frozenset[str] = frozenset()
    with_any: frozenset[str] = frozenset()
    with_all: frozenset[str] = frozenset()
    is_extra: bool = False

    def fits(self, subject: str | None, flags: frozenset[str]) -> bool:
        """Whether the row is about this subject (None: the request alone) and these flags."""
        is_about = subject in self.subjects if subject is not None else not self.subjects
        return is_about and self.with_all <= flags and (not self.with_any or bool(self.with_any & flags))


@dataclass(frozen=True)
class Ruling:
    """What the table says of a request: the strictest outcome, and the rows that spoke, strictest first."""

    outcome: Outcome
    rows: tuple[Row, ...]


class ContextTable:
    """The table, loaded once. Immutable."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = tuple(rows)

    @classmethod
    def load(cls, path: Path) -> "ContextTable":
        """Read the table. Raises `ConfigurationError` where it is missing or names an unknown code or outcome."""
        try:
            return cls(_row(each) for each in tomllib.loads(path.read_text(encoding="utf-8"))["row"])
        except (OSError, KeyError, ValueError) as error:
            raise ConfigurationError(
                f"the context table can't be read: {error}",
                code="policy_rules_damaged",
                hint="install the package again",
            ) from error

    def rule(self, subjects: Iterable[str], flags: Iterable[str]) -> Ruling:
        """The ruling on a request that means these subjects and holds these flags."""
        held = frozenset(flags)
        spoken: dict[str, Row] = {}
        for subject in [None, *sorted(set(subjects))]:
            for row in self._answers(subject, held):
                spoken[row.name] = row
        rows = sorted(spoken.values(), key=lambda row: (-_SEVERITY[row.outcome], self.rows.index(row)))
        return Ruling(rows[0].outcome if rows else Outcome.ALLOW, tuple(rows))

    def _answers(self, subject: str | None, flags: frozenset[str]) -> list[Row]:
        """For a subject its first fitting row and all fitting extras; for the request alone every fitting row."""
        fitting = [row for row in self.rows if row.fits(subject, flags)]
        if subject is None:
            return fitting
        return [row for row in fitting if not row.is_extra][:1] + [row for row in fitting if row.is_extra]


def _row(record: dict[str, Any]) -> Row:
    return Row(
        record["name"],
        Outcome(record["outcome"]),
        Code[record["code"]],
        frozenset(record.get("subjects", ())),
        frozenset(record.get("with_any", ())),
        frozenset(record.get("with_all", ())),
        bool(record.get("extra", False)),
    )
