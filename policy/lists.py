"""Loads the compiled lists of names, checks them against their manifest, and digests all that decides."""

import hashlib
import json
import lzma
from dataclasses import dataclass
from pathlib import Path

from core.canonical import digest_of
from core.errors import ConfigurationError
from policy.fold import words_of
from policy.removal import read_removed, removal_digest

DATA = Path(__file__).parent / "data"
LISTS = ("gazetteer", "clearing", "name_statistics", "name_trigrams", "words")
_RULES = (
    "cues.toml",
    "deeds.txt",
    "facts.txt",
    "harm.toml",
    "harm_heads.json",
    "harm_heads.npz",
    "context_table.toml",
    "removed.txt",
    "manifest.json",
)
_DECIDING_MODULES = words_of(
    "confusables context decodings deeds filter fold gazetteer harm_heads hidden_names name_shape near_names "
    "reading rulebook skeletons "
    "split_names subjects views"
)
_MAX_LIST_BYTES = 64 << 20


@dataclass(frozen=True)
class Lists:
    """The lists as lines, in the order of their files, and the digest over every list, rule and deciding module."""

    gazetteer: list[str]
    clearing: list[str]
    name_statistics: list[str]
    name_trigrams: list[str]
    words: frozenset[str]
    ruleset: str


def load_lists(folder: Path = DATA, lists_folder: Path | None = None, removed: Path | None = None) -> Lists:
    """Read and check all lists; `lists_folder` holds newer lists, `removed` further digests of removed names.

    Raises `ConfigurationError` where a list is missing or not as its manifest says.
    """
    source = lists_folder or folder
    further = [removed] if removed is not None and removed.exists() else []
    try:
        manifest = json.loads((source / "manifest.json").read_text(encoding="utf-8"))
        read = {name: _read(source, name, manifest["lists"][name]["sha256"]) for name in LISTS}
        ruleset = _digest(folder, [*([source / "manifest.json"] if lists_folder else []), *further])
    except (OSError, KeyError, ValueError, lzma.LZMAError) as error:
        raise ConfigurationError(
            f"the policy lists can't be read: {error}",
            code="policy_lists_damaged",
            hint="install the package again",
        ) from error
    gone = frozenset[str]().union(*(read_removed(each) for each in (folder / "removed.txt", *further)))
    people = read["gazetteer"]
    if gone:
        people = [line for line in people if removal_digest(line.partition("\t")[0]) not in gone]
    return Lists(
        people, read["clearing"], read["name_statistics"], read["name_trigrams"], frozenset(read["words"]), ruleset
    )


def _read(folder: Path, name: str, sha256: str) -> list[str]:
    decompressor = lzma.LZMADecompressor()
    content = decompressor.decompress((folder / f"{name}.txt.xz").read_bytes(), max_length=_MAX_LIST_BYTES)
    if not decompressor.eof or hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{name} is not the list of the manifest")
    return content.decode("utf-8").splitlines()


def _digest(folder: Path, further: list[Path]) -> str:
    files = [folder / name for name in _RULES]
    files += [Path(__file__).parent / f"{name}.py" for name in _DECIDING_MODULES]
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return digest_of(
        digests | {f"home/{each.name}": hashlib.sha256(each.read_bytes()).hexdigest() for each in further}
    )
