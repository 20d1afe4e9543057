"""Reads the open sources of names, each into (name, role, status, tier) rows. Used by the compiler only.

Only names, public roles and whether a person died over 100 years ago are taken; nothing else of a record is kept.
"""

import csv
import importlib
import importlib.metadata
import json
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from policy.fold import name_key, words_of

# The longest documented human life is 122 years: whoever was born before this year died over 100 years ago in 2026.
_SURELY_HISTORICAL_BEFORE = 1926 - 122
_YEAR_OF_RELEASE = 2026
_CONGRESS_BORN_SINCE = "1935"
_TITLES = frozenset(
    words_of(
        "president prime minister vice deputy first second third governor general king queen emir sultan "
        "sheikh shaykh sir dame lord lady chief executive premier premiers chancellor prince princess grand "
        "duke chairman chairperson captain administrator bailiff lieutenant high commissioner prefect acting "
        "interim caretaker co secretary state council territorial regional federal presidency member members "
        "head government monarch pope supreme leader leaders field marshal gen lt col brig maj capt adm ret "
        "dr amir crown paramount ruler councilor counselor cabinet of the and to foreign defense affairs "
        "senior air elect assembly republic island"
    )
)


class Row(NamedTuple):
    """One spelling in the gazetteer.

    status: l living, d dead for less than 100 years, h dead for longer. mode: `.` anywhere, `^` only capitalised in
    running text, `~` only beside words of the role. tier: 0 the hand lists, 1 other best-known figures
    (both also matched fuzzily), 2 others.
    """

    name: str
    role: str
    status: str
    mode: str
    tier: int


def read_hand_list(path: Path) -> Iterator[Row]:
    """The list of best-known figures with aliases. Raises `ValueError` for a line it can't read."""
    role = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if section := re.fullmatch(r"\[(\w+)]", line):
            role = section[1]
            continue
        name, *rest = line.split("|")
        if not role or not name:
            raise ValueError(f"{path.name}:{number}: no role or no name")
        died = [each[1:] for each in rest if each.startswith("†")]
        status = _status(int(died[0])) if died else "l"
        for alias in [name, *(each for each in rest if not each.startswith("†"))]:
            mode = alias[0] if alias[0] in "^~" else "."
            yield Row(alias.removeprefix(mode) if mode != "." else alias, role, status, mode, 0)


def _status(year_of_death: int) -> str:
    return "h" if year_of_death <= _YEAR_OF_RELEASE - 100 else "d"


def read_corpora(folder: Path) -> Iterator[Row]:
    """dariusk/corpora: celebrities, actors, rich people, scientists, wrestlers."""
    for file, key, role in (
        ("celebrities", "celebrities", "celebrity"),
        ("britishActors", "britishActors", "actor"),
        ("scientists", "scientists", "scientist"),
        ("wrestlers", "wrestlers", "athlete"),
    ):
        for name in json.loads((folder / f"{file}.json").read_text(encoding="utf-8"))[key]:
            yield Row(name, role, "l", ".", 2 if role == "athlete" else 1)
    for person in json.loads((folder / "richpeople.json").read_text(encoding="utf-8"))["richPeople"]:
        yield Row(person["name"], "business", "l", ".", 1)


def read_leaders(path: Path) -> Iterator[Row]:
    """Heads of state and government; surnames are written in capitals, titles stand in front."""
    for entry in json.loads(path.read_text(encoding="utf-8")):
        words = [word for word in entry.replace(".", " ").split() if not name_key(word).isspace()]
        while words and all(part in _TITLES for part in name_key(words[0]).split()):
            words.pop(0)
        if len(words) < 2 or any(re.fullmatch(r"[IVX]+", word) for word in words):
            continue
        yield Row(" ".join(words), "politician", "l", ".", 1)
        capitals = [word for word in words if word.isupper() and len(word) > 1]
        if len(words) > 2 and len(capitals) == 1 and not words[0].isupper():
            yield Row(f"{words[0]} {capitals[0]}", "politician", "l", ".", 1)


def read_congress(folder: Path) -> Iterator[Row]:
    """Members of Congress born since 1935, and all presidents and vice presidents of the United States."""
    for file in ("legislators-current.csv", "legislators-historical.csv"):
        with (folder / file).open(encoding="utf-8", newline="") as opened:
            for record in csv.DictReader(opened):
                if record["birthday"] >= _CONGRESS_BORN_SINCE:
                    for first in {record["first_name"], record["nickname"]} - {""}:
                        yield Row(f"{first} {record['last_name']}", "politician", "l", ".", 2)
    text = (folder / "executive.yaml").read_text(encoding="utf-8")
    for block in text.split("- id:")[1:]:
        found = {key: _yaml_value(block, key) for key in ("first", "last", "birthday")}
        status = "h" if (found["birthday"] or "9")[:4] < str(_SURELY_HISTORICAL_BEFORE) else "l"
        yield Row(f"{found['first']} {found['last']}", "politician", status, ".", 1)


def _yaml_value(block: str, key: str) -> str:
    match = re.search(rf"^\s+{key}: '?([^'\n]+)'?$", block, re.MULTILINE)
    return match[1] if match else ""


def read_football(folder: Path) -> Iterator[Row]:
    """Professional footballers of all continents; only names of two words and more."""
    for path in sorted(folder.rglob("*.players.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            match = re.match(r"(\S[^,|=]*),\s+[GDMF]", line)
            if match and " " in match[1].strip():
                yield Row(match[1].strip(), "athlete", "l", ".", 2)


def read_fiction(folder: Path, hand: Path) -> Iterator[str]:
    """Characters of fiction: the hand list and Tolkien's of two words and more."""
    yield from _lines(hand)
    names = json.loads((folder / "tolkienCharacterNames.json").read_text(encoding="utf-8"))["names"]
    yield from (name for name in names if " " in name.strip())


def read_places(hand: Path) -> Iterator[str]:
    """Places, brands and works that look like a person's name."""
    yield from _lines(hand)


def read_more_names(path: Path) -> tuple[set[str], set[str]]:
    """Further forenames and surnames, folded, as extract_names.py wrote them."""
    forenames: set[str] = set()
    surnames: set[str] = set()
    for line in _lines(path):
        name, _, kinds = line.partition("\t")
        if "f" in kinds:
            forenames.add(name)
        if "s" in kinds:
            surnames.add(name)
    return forenames, surnames


def _lines(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line


def read_census(folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Forenames and surnames of the US census of 1990 with their share of the population in per cent."""

    def read(file: str) -> dict[str, float]:
        lines = (folder / file).read_text(encoding="ascii").split("\n")
        return {parts[0].lower(): float(parts[1]) for parts in map(str.split, lines) if len(parts) >= 2}

    return read("dist.female.first") | read("dist.male.first"), read("dist.all.last")


def read_popular(folder: Path, file: str, keep: Callable[[dict[str, str]], bool]) -> Iterator[str]:
    """Names common in a country, native and romanised; `keep` chooses the records."""
    with (folder / file).open(encoding="utf-8-sig", newline="") as opened:
        for record in csv.DictReader(opened):
            if keep(record):
                yield from {record["Localized Name"], record["Romanized Name"]} - {""}


def read_faker() -> tuple[set[str], set[str]]:
    """Forenames and surnames of the locales of the installed package Faker, native and romanised."""
    package = importlib.import_module("faker.providers.person")
    forenames: set[str] = set()
    surnames: set[str] = set()
    for module in pkgutil.iter_modules(package.__path__):
        provider = importlib.import_module(f"{package.__name__}.{module.name}").Provider
        for attribute in dir(provider):
            value = getattr(provider, attribute)
            if "name" not in attribute or not isinstance(value, list | tuple | dict):
                continue
            names = {each for each in value if isinstance(each, str)}
            if "first" in attribute:
                forenames |= names
            elif "last" in attribute:
                surnames |= names
    return forenames, surnames


def faker_version() -> str:
    """The version of the installed package Faker."""
    return importlib.metadata.version("faker")


def read_words(path: Path) -> Iterator[str]:
    """Lower-case words of an English word list, without possessives and proper names."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.islower() and "'" not in line:
            yield name_key(line)
