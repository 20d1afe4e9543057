"""Reads a log from its published form only: checkpoint, tiles, entry bundles, and the verifier key.

Works on a folder or on any `TileSource`; holds no signing key and changes nothing. Every checkpoint is
verified before it is used; entries are as the bundle gives them and are proven by `receipt` or `verify`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import UsageError
from policy.log.audit import LogAudit, audit_tiles
from policy.log.merkle import consistency_proof, inclusion_proof
from policy.log.note import Checkpoint, ProofInvalid, VerifierKey, verify_checkpoint
from policy.log.proof import Receipt, format_receipt
from policy.log.tiles import TILE_WIDTH, FolderTiles, TileHashes, TileName, TileSource, unpack_entries


class LogReader:
    """The reading half of a log. Thread-safe."""

    def __init__(self, tiles: TileSource, checkpoint: Callable[[], str], key: VerifierKey) -> None:
        self._tiles = tiles
        self._read_checkpoint = checkpoint
        self._key = key
        self._last: tuple[str, Checkpoint] | None = None

    @classmethod
    def of_folder(cls, folder: Path, key: VerifierKey | str) -> "LogReader":
        """A reader over a log's folder or a copy of one."""
        known = VerifierKey.parse(key) if isinstance(key, str) else key
        return cls(FolderTiles(folder), lambda: read_checkpoint(folder), known)

    def checkpoint(self) -> str:
        """The latest signed checkpoint. Raises `ProofInvalid` where missing or not signed by the log's key."""
        return self._current()[0]

    def head(self) -> Checkpoint:
        """The latest checkpoint, verified and parsed."""
        return self._current()[1]

    def entry_bytes(self, index: int) -> bytes:
        """The exact bytes of an entry. Raises `UsageError` where the log has no such index."""
        number, place = divmod(index, TILE_WIDTH)
        return self._bundle(self._checked(index), number)[place]

    def entry(self, index: int) -> dict[str, Any]:
        """An entry as JSON. Raises `UsageError` where the log has no such index."""
        return _parsed(self.entry_bytes(index), index)

    def entries(self, start: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """Up to `limit` entries from index `start`, oldest first; fewer at the end of the log, none past it."""
        if start < 0 or limit < 0:
            raise UsageError("start and limit can't be negative", code="log_range", hint="give 0 or more")
        size = self.head().size
        end = min(start + limit, size)
        found: list[dict[str, Any]] = []
        while start < end:
            number, place = divmod(start, TILE_WIDTH)
            part = self._bundle(size, number)[place : place + end - start]
            found += [_parsed(each, start + i) for i, each in enumerate(part)]
            start += len(part)
        return found

    def receipt(self, index: int) -> str:
        """The tlog-proof of an entry under the latest checkpoint. Raises `UsageError` for no such index."""
        note, head = self._current()
        self._checked(index)
        path = inclusion_proof(TileHashes(self._tiles, head.size), index, head.size)
        return format_receipt(Receipt(index, tuple(path), note))

    def show(self, index: int) -> dict[str, Any]:
        """An entry with its receipt and the verifier key, as `reelproof.audit-entry/1` shows it."""
        return {
            "schema": "reelproof.audit-entry/1",
            "index": index,
            "entry": self.entry(index),
            "receipt": self.receipt(index),
            "verifier_key": str(self._key),
        }

    def consistency(self, since: str) -> list[bytes]:
        """The proof that the log of an earlier checkpoint is a prefix of this one, as 32-byte hashes."""
        old, head = verify_checkpoint(since, self._key), self.head()
        if old.size > head.size:
            raise ProofInvalid(f"the log shrank from {old.size} to {head.size} entries")
        return consistency_proof(TileHashes(self._tiles, head.size), old.size, head.size)

    def consistency_between(self, old_size: int, new_size: int) -> list[bytes]:
        """The proof that the first `old_size` entries of the first `new_size` are the older log, 32-byte hashes."""
        return consistency_proof(TileHashes(self._tiles, new_size), old_size, new_size)

    def verified(self, note: str) -> Checkpoint:
        """A checkpoint of this log, once its signature holds. Raises `ProofInvalid`."""
        return verify_checkpoint(note, self._key)

    def verify(self, since: str | None = None) -> LogAudit:
        """Read everything and compute it anew; `since` is an earlier checkpoint that must be a prefix."""
        return audit_tiles(self._tiles, self._read_checkpoint, self._key, since)

    def tile(self, path: str) -> bytes:
        """A tile or entry bundle by its C2SP path. Raises `ProofInvalid` where this log has none there."""
        name = TileName.parse(path)
        places = self.head().size >> (8 * (name.level or 0))
        if name.number * TILE_WIDTH + name.width > places:
            raise ProofInvalid("the log is not that long", hint="read the checkpoint for its size")
        return self._tiles.fetch(name)

    def _current(self) -> tuple[str, Checkpoint]:
        note = self._read_checkpoint()
        last = self._last
        if last is None or last[0] != note:
            last = self._last = (note, verify_checkpoint(note, self._key))
        return last

    def _checked(self, index: int) -> int:
        size = self.head().size
        if not 0 <= index < size:
            raise UsageError(
                f"the log has no entry {index}", code="log_no_such_entry", hint=f"it holds {size} entries"
            )
        return size

    def _bundle(self, size: int, number: int) -> list[bytes]:
        width = min(TILE_WIDTH, size - number * TILE_WIDTH)
        return unpack_entries(self._tiles.fetch(TileName(None, number, width)), width)


def read_checkpoint(folder: Path) -> str:
    """The checkpoint file of a log's folder, unverified. Raises `ProofInvalid` where it is missing or no text."""
    try:
        return (folder / "checkpoint").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProofInvalid(
            "the log's checkpoint is missing or unreadable", hint="restore it from a copy"
        ) from error


def _parsed(entry: bytes, index: int) -> dict[str, Any]:
    try:
        value = json.loads(entry)
    except ValueError as error:
        raise ProofInvalid(f"entry {index} is not JSON", hint="run the audit verification") from error
    if not isinstance(value, dict):
        raise ProofInvalid(f"entry {index} is not a JSON object", hint="run the audit verification")
    return value
