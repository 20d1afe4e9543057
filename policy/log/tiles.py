"""The static form of a log: tile and entry-bundle names, and the reading of both.

C2SP tlog-tiles: `tile/<L>/<N>[.p/<W>]` holds up to 256 hashes of level L, `tile/entries/<N>[.p/<W>]` up to
256 entries, each after its length as a big-endian uint16. A wider version of a tile begins with every
narrower one, so a partial tile can be cut from any wider one.
"""

import os
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from policy.log.merkle import HASH_BYTES, tree_root
from policy.log.note import ProofInvalid

TILE_WIDTH = 256
MAX_ENTRY_BYTES = 65_535
_PATH = re.compile(r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?")


@dataclass(frozen=True)
class TileName:
    """Which tile: level (None for entries), number, and how many of its 256 places are filled."""

    level: int | None
    number: int
    width: int = TILE_WIDTH

    def path(self) -> str:
        """The tile's path under the log's folder, with forward slashes."""
        groups = [f"{self.number % 1000:03d}"]
        rest = self.number // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        kind = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{kind}/{'/'.join(groups)}{partial}"

    @classmethod
    def parse(cls, path: str) -> "TileName":
        """Read a tile's path. Raises `ProofInvalid` for anything that is no canonical tile path."""
        match = _PATH.fullmatch(path)
        if not match:
            raise ProofInvalid(
                "no such tile path", hint="tiles are named tile/<level or entries>/<number>[.p/<width>]"
            )
        level = None if match[1] == "entries" else int(match[1])
        name = cls(level, int(match[2].replace("x", "").replace("/", "")), int(match[3] or TILE_WIDTH))
        if name.width > TILE_WIDTH or name.path() != path:
            raise ProofInvalid("the tile path is not written canonically")
        return name


class TileSource(Protocol):
    """Where tiles come from: a folder or a server. Thread-safe."""

    def fetch(self, name: TileName) -> bytes:
        """The tile's bytes, exactly `name.width` places wide. Raises `ProofInvalid` where it is not to be had."""
        ...


def tiles_of(size: int, level: int | None) -> list[TileName]:
    """Every tile of one level (None: the entry bundles) of a log of `size` entries, the last one maybe partial."""
    places = size >> (8 * (level or 0))
    full, rest = divmod(places, TILE_WIDTH)
    return [TileName(level, number) for number in range(full)] + ([TileName(level, full, rest)] if rest else [])


def levels_of(size: int) -> int:
    """How many levels of hash tiles a log of `size` entries has (0 for an empty one)."""
    return (size.bit_length() + 7) // 8 if size else 0


def pack_entries(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry after its length as a big-endian uint16."""
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def unpack_entries(bundle: bytes, width: int) -> list[bytes]:
    """The `width` entries of a bundle. Raises `ProofInvalid` where there are more or fewer."""
    entries = _first_entries(bundle, width)
    if sum(len(entry) + 2 for entry in entries) != len(bundle):
        raise ProofInvalid("an entry bundle holds more bytes than its entries")
    return entries


def cut_tile(content: bytes, name: TileName) -> bytes:
    """The first `name.width` places of a tile of at least that width. Raises `ProofInvalid` where it is shorter."""
    if name.level is None:
        return pack_entries(_first_entries(content, name.width))
    if len(content) < name.width * HASH_BYTES or len(content) % HASH_BYTES:
        raise ProofInvalid(f"{name.path()} does not hold {name.width} hashes")
    return content[: name.width * HASH_BYTES]


def _first_entries(bundle: bytes, width: int) -> list[bytes]:
    entries, offset = [], 0
    for _ in range(width):
        end = offset + 2 + (int.from_bytes(bundle[offset : offset + 2], "big"))
        if offset + 2 > len(bundle) or end > len(bundle):
            raise ProofInvalid(f"an entry bundle holds fewer than its {width} entries")
        entries.append(bundle[offset + 2 : end])
        offset = end
    return entries


class FolderTiles:
    """Tiles as files under a log's folder; a partial one may be cut from a wider one that replaced it."""

    # A writer may replace a partial tile by a wider one between our look and our read.
    _ATTEMPTS = 5

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, name: TileName) -> bytes:
        """The tile's bytes, exactly `name.width` places wide. Raises `ProofInvalid` where missing or short."""
        for _ in range(self._ATTEMPTS):
            for candidate in self._candidates(name):
                try:
                    return self._read(candidate, name)
                except FileNotFoundError:
                    continue
        raise ProofInvalid(f"{name.path()} is missing", hint="restore the log folder from a copy")

    def _read(self, candidate: TileName, name: TileName) -> bytes:
        content = (self._folder / candidate.path()).read_bytes()
        if candidate == name:
            # Checked for its exact size, so that bytes added at the end don't pass as a wider tile.
            if name.level is None:
                unpack_entries(content, name.width)
            elif len(content) != name.width * HASH_BYTES:
                raise ProofInvalid(f"{name.path()} does not hold exactly {name.width} hashes")
            return content
        return cut_tile(content, name)

    def _candidates(self, name: TileName) -> list[TileName]:
        if name.width == TILE_WIDTH:
            return [name]
        partials = self._folder / TileName(name.level, name.number, 1).path()
        try:
            widths = sorted(int(each) for each in os.listdir(partials.parent) if each.isdigit())
        except FileNotFoundError:
            widths = []
        wider = [TileName(name.level, name.number, width) for width in widths if width > name.width]
        return [name, *wider, TileName(name.level, name.number)]


class TileHashes:
    """The perfect subtrees of a log of `size` entries, read from its hash tiles (a few kept in memory)."""

    def __init__(self, source: TileSource, size: int) -> None:
        self._source = source
        self._size = size
        self._tile = lru_cache(maxsize=64)(self._fetch)

    def subtree(self, height: int, index: int) -> bytes:
        """The hash over leaves [index·2^height, (index+1)·2^height), 32 bytes. Raises `ProofInvalid`."""
        level, within = divmod(height, 8)
        number, place = divmod(index << within, TILE_WIDTH)
        hashes = self._tile(level, number)
        return tree_root(hashes[place : place + (1 << within)])

    def _fetch(self, level: int, number: int) -> tuple[bytes, ...]:
        width = min(TILE_WIDTH, (self._size >> (8 * level)) - number * TILE_WIDTH)
        if width < 1:
            raise ProofInvalid(f"the log has no tile {number} on level {level}")
        return split_hashes(self._source.fetch(TileName(level, number, width)))


def split_hashes(tile: bytes) -> tuple[bytes, ...]:
    """A hash tile's 32-byte hashes, in order."""
    return tuple(tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES))
