"""Finds persons meant by what they did: "the author of …", "who founded …", records and events that fit one person.

Two tables of public facts: `deeds.txt` names works, roles and firms, `facts.txt` records as patterns. What
stands beside decides: a book by itself means nobody, "who wrote" it means its author.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigurationError
from policy.fold import name_key, words_of
from policy.reading import Reading

KIND = {"l": "living", "d": "dead", "h": "historical"}
_BEFORE_CHARS, _AFTER_CHARS = 110, 50
# Words for a person that fit anybody: they need "who did" or "behind", not just "of".
_WEAK_ROLES = frozenset(
    words_of(
        "man woman guy girl boy lady person one dude kid mind brain brains genius face hero heroine member player "
        "lead star stars talent nerd voice head leader thinker villain pen doctor maker master"
    )
)
# Single words of the dictionary that hardly anybody uses otherwise: they need no capital.
_KNOWN_WORKS = frozenset(
    words_of(
        "titanic jaws terminator batman superman joker deadpool wolverine twilight inception gladiator avatar rambo"
    )
)
_LETS_GO = re.compile(
    r"^(?: \w+){0,3} (?:fan|fans|fanart|fanfic\w*|cosplay\w*|costume\w*|doll|toy|mask|figure|figurine|"
    r"parody|poster|shirt|"
    r"halloween|impression|themed?|inspired|style|museum|conference|school play|stage play|lego)\b"
)
_STYLE_BEFORE = re.compile(
    r"\b(?:style|manner|aesthetics?|look|vein|spirit|inspired|reminiscent|homage|influence\w*)\b"
)
_FILLED = {
    "person": r"(?:persons?|man|men|woman|women|humans?|human being|people|guy|lady|athlete|runner|"
    r"sprinter|individual|"
    r"billionaire|entrepreneur|astronaut|cosmonaut|swimmer|sportsman|sportswoman|one|american|russian|european|african|boxer|"
    r"player|climber|pilot|explorer|gymnast|singer|artist|politician)",
    "who": r"(?:who|that|which|whoever)",
    "year": r"(?:(?:18|19|20)\d\d)",
    "number": r"(?:\d{1,2}|ten|eleven|twelve|fourteen|seventeen|twenty(?: \w+)?)",
}
_COMMON_WORDS = frozenset(
    words_of(
        "the and who that which whoever man woman guy person one was with for from has had his her "
        "been not out off all "
        "first most number year black male female this they"
    )
)


@dataclass(frozen=True)
class _Section:
    """What stands beside the items of one section: roles and verbs before them, roles after them.

    `close` is for items that are everyday words too; `weak_before` for words that fit anybody.
    """

    name: str
    before: re.Pattern[str]
    close: re.Pattern[str]
    weak_before: re.Pattern[str]
    after: re.Pattern[str]


@dataclass(frozen=True)
class _Fact:
    status: str
    pattern: re.Pattern[str]
    needs: frozenset[str]


class Deeds:
    """The tables of deeds. Immutable; thread-safe."""

    def __init__(self, lines: list[str], facts: list[str], words: frozenset[str]) -> None:
        self._words = words - _KNOWN_WORKS
        self._items: dict[str, list[tuple[str, _Section, str]]] = {}
        self._facts = tuple(_fact(line) for line in facts if line and not line.startswith("#"))
        for section, status, item in _entries(lines):
            self._items.setdefault(item.partition(" ")[0], []).append((item, section, status))

    @classmethod
    def load(cls, folder: Path, words: frozenset[str]) -> "Deeds":
        """Read deeds.txt and facts.txt. Raises `ConfigurationError` where one is missing or malformed."""
        try:
            deeds, facts = (
                (folder / name).read_text(encoding="utf-8").splitlines() for name in ("deeds.txt", "facts.txt")
            )
            return cls(deeds, facts, words)
        except (OSError, ValueError, KeyError, re.error) as error:
            raise ConfigurationError(
                f"the tables of deeds can't be read: {error}",
                code="policy_rules_damaged",
                hint="install the package again",
            ) from error

    def __len__(self) -> int:
        return sum(map(len, self._items.values())) + len(self._facts)

    def find(self, reading: Reading) -> list[tuple[str, str]]:
        """(subject kind, rule name) of everybody meant by a deed."""
        found = [*self._by_item(reading)]
        words = {token.text for token in reading.tokens}
        for fact in self._facts:
            if fact.needs & words and fact.pattern.search(reading.text):
                found.append((KIND[fact.status], "deed-fact"))
        return found

    def _by_item(self, reading: Reading) -> Iterator[tuple[str, str]]:
        for at, token in enumerate(reading.tokens):
            for item, section, status in self._items.get(token.text, ()):
                start = reading.starts[at]
                end = start + len(item)
                if reading.text.startswith(item, start) and reading.text[end : end + 1] in ("", " ", ",", "."):
                    kind = self._meant(
                        reading, section, start, end, is_clear=token.is_capitalised or item not in self._words
                    )
                    if kind:
                        yield (KIND[status] if kind == "person" else kind), "deed"

    def _meant(self, reading: Reading, section: _Section, start: int, end: int, *, is_clear: bool) -> str | None:
        before = reading.text[max(0, start - _BEFORE_CHARS) : start].rpartition(". ")[2]
        after = reading.text[end : end + _AFTER_CHARS].partition(". ")[0]
        if _LETS_GO.search(after):
            return None
        patterns = (section.before, section.weak_before) if is_clear else (section.close,)
        match = next(filter(None, (pattern.search(before) for pattern in patterns)), None)
        if match is None:
            return "person" if section.after.search(after) else None
        return "style" if _STYLE_BEFORE.search(before[: match.start()]) else "person"


def _entries(lines: list[str]) -> Iterator[tuple[_Section, str, str]]:
    name, roles, section = "", "", None
    for line in lines:
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            name = line.strip("[]")
            continue
        head, _, rest = line.partition(" ")
        if head == "roles":
            roles = rest
        elif head == "verbs":
            section = _section(name, roles, rest)
        elif head in KIND and section is not None:
            for item in rest.split("|"):
                # Possessive endings fall away in a reading.
                yield section, head, re.sub(r"\bs (?=\w)", "", name_key(item)) if " s " in item else name_key(item)
        else:
            raise ValueError(f"deeds.txt: no such line: {line[:20]}")


def _section(name: str, roles: str, verbs: str) -> _Section:
    strong = "|".join(role for role in roles.split("|") if role not in _WEAK_ROLES)
    anyone = roles
    gap, far = r"(?: \w+){0,2}", r"(?: \w+){0,6} ?$"
    return _Section(
        name,
        re.compile(
            rf"\b(?:{strong}) (?:of|behind|from|for|in|on|at|to)(?: the)?{far}"
            rf"|\b(?:{strong}) (?:who|that){gap} (?:{verbs})\b{far}|\bthe (?:{strong}) (?:{verbs})\b{far}"
        ),
        re.compile(rf"\b(?:{strong}) (?:of|behind|who {verbs.split('|')[0]})(?: the)? ?$"),
        re.compile(
            rf"\b(?:{anyone}) (?:behind|from|responsible for)(?: the)?{far}"
            rf"|\b(?:who|whoever|{anyone} that|{anyone} who){gap} (?:{verbs})\b{far}"
            rf"|\b(?:{anyone}) (?:\w+ )?(?:was |were )?(?:written|created|founded|directed|played|sung|"
            rf"painted|invented|made) by$"
        ),
        re.compile(rf"^(?: \w+)? (?:{strong})\b(?! (?:sitting|standing) in for)"),
    )


def _fact(line: str) -> _Fact:
    status, _, pattern = line.partition("|")
    if status not in KIND:
        raise ValueError(f"facts.txt: no such status: {line[:20]}")
    needs = frozenset(re.findall(r"[a-z]{3,}", re.sub(r"\{\w+\}|\\[a-zA-Z]", " ", pattern))) - _COMMON_WORDS
    filled = re.sub(r"\{([a-z]+)\}", lambda match: _FILLED[match[1]], pattern)
    return _Fact(status, re.compile(filled), needs)
