"""Loads cues, harm heads and clearing contexts from their TOML files, and finds them in a reading."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError

_SURROUNDINGS_CHARS = 60
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Rule:
    """A named rule that raises a flag where a pattern matches and no exception covers the surroundings.

    Where `needs` is not empty, one of its words has to be in the text.
    """

    name: str
    flag: str
    patterns: tuple[re.Pattern[str], ...]
    unless: tuple[re.Pattern[str], ...] = ()
    needs: frozenset[str] = frozenset()

    def fires(self, text: str, words: frozenset[str]) -> bool:
        """Whether the rule fires somewhere in a folded text that holds these words; `needs` spares work."""
        if self.needs and not self.needs & words:
            return False
        return any(
            not self._is_excused(text, match) for pattern in self.patterns for match in pattern.finditer(text)
        )

    def _is_excused(self, text: str, match: re.Match[str]) -> bool:
        around = text[max(0, match.start() - _SURROUNDINGS_CHARS) : match.end() + _SURROUNDINGS_CHARS]
        return any(pattern.search(around) for pattern in self.unless)


@dataclass(frozen=True)
class Beside:
    """A context beside a name: patterns for what stands right before and right after it."""

    before: tuple[re.Pattern[str], ...] = ()
    after: tuple[re.Pattern[str], ...] = ()

    def fits(self, before: str, after: str) -> bool:
        """Whether the words before or after a name are of this context."""
        return any(pattern.search(before) for pattern in self.before) or any(
            pattern.search(after) for pattern in self.after
        )


@dataclass(frozen=True)
class Rulebook:
    """All rules over words: cues, harm heads, clearing contexts; `person_clearly` is a stricter `person_nearby`."""

    rules: tuple[Rule, ...]
    clearings: dict[str, Beside]
    style_roles: frozenset[str]
    likeness_before: re.Pattern[str]
    comes_alive: re.Pattern[str]
    person_nearby: Beside
    person_clearly: Beside

    @classmethod
    def load(cls, folder: Path) -> "Rulebook":
        """Read cues.toml and harm.toml. Raises `ConfigurationError` where one is missing or malformed."""
        try:
            cues = tomllib.loads((folder / "cues.toml").read_text(encoding="utf-8"))
            harm = tomllib.loads((folder / "harm.toml").read_text(encoding="utf-8"))
            return _built(cues, harm)
        except (OSError, KeyError, re.error, tomllib.TOMLDecodeError) as error:
            raise ConfigurationError(
                f"the policy rules can't be read: {error}",
                code="policy_rules_damaged",
                hint="install the package again",
            ) from error

    def excused(self, text: str) -> frozenset[str]:
        """The flags of harm whose exceptions stand somewhere in a folded text."""
        return frozenset(
            rule.flag for rule in self.rules if rule.unless and any(each.search(text) for each in rule.unless)
        )

    def firing(self, text: str) -> list[Rule]:
        """The rules that fire in a folded text."""
        words = frozenset(_WORD.findall(text))
        return [rule for rule in self.rules if rule.fires(text, words)]


def _built(cues: dict[str, Any], harm: dict[str, Any]) -> Rulebook:
    words = {name: "|".join(sorted(each, key=lambda w: (-len(w), w))) for name, each in cues["words"].items()}

    def compiled(patterns: list[str]) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(_filled(pattern, words)) for pattern in patterns)

    clearing = cues["clearing"]
    return Rulebook(
        rules=tuple(
            Rule(
                each["name"],
                each["flag"],
                compiled(each["patterns"]),
                compiled(each.get("unless", [])),
                _needs(each, words),
            )
            for each in [*cues["cue"], *({"name": head["flag"], **head} for head in harm["head"])]
        ),
        clearings={
            name: Beside(compiled(clearing[name]["before"]), compiled(clearing[name]["after"]))
            for name in ("style", "artwork", "place", "fiction")
        },
        style_roles=frozenset(clearing["style_roles"]),
        likeness_before=re.compile(_filled(clearing["likeness_before"], words)),
        person_nearby=Beside(
            compiled(cues["person_nearby"]["before"] + cues["person_nearby"]["before_clearly"]),
            compiled(cues["person_nearby"]["after"]),
        ),
        person_clearly=Beside(
            compiled(cues["person_nearby"]["before_clearly"]), compiled(cues["person_nearby"]["after"])
        ),
        comes_alive=re.compile(_filled(clearing["comes_alive"], words)),
    )


def _needs(record: dict[str, Any], words: dict[str, str]) -> frozenset[str]:
    """The words of which a rule needs one, with word lists written out."""
    listed = " ".join(
        words[each[1:-1]].replace("|", " ") if each[0] == "{" else each for each in record.get("needs", [])
    )
    return frozenset(listed.split())


def _filled(pattern: str, words: dict[str, str]) -> str:
    """The pattern with `{list}` replaced by its alternatives (other braces of a pattern hold digits)."""
    return re.sub(r"\{([a-z_]+)\}", lambda match: f"(?:{words[match[1]]})", pattern)
