"""The journal: the last, not yet full entry bundle as an append-only file, one fsync per commit.

It is the one place where an entry becomes durable; tiles and checkpoint follow from it and are made
again from it after a crash. A record is uint16 length, entry, first 8 bytes of its leaf hash, so that a
torn tail is told from a whole record.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

from core.files import fsync_folder
from policy.log.merkle import leaf_hash

_CHECK_BYTES = 8


class Journal:
    """One journal file per entry bundle, named by the bundle's number. The caller holds the log's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, number: int) -> Path:
        """The file of bundle `number`."""
        return self._folder / str(number)

    def latest(self) -> int | None:
        """The highest bundle number that has a journal, None where there is none."""
        if not self._folder.is_dir():
            return None
        return max((int(each) for each in os.listdir(self._folder) if each.isdigit()), default=None)

    def create(self, number: int) -> None:
        """Begin an empty journal durably, and drop earlier ones (whose tiles must be durable by now)."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self.path(number).open("xb") as opened:
            os.fsync(opened.fileno())
        fsync_folder(self._folder)
        for each in os.listdir(self._folder):
            if each.isdigit() and int(each) < number:
                (self._folder / each).unlink()

    def read(self, number: int) -> tuple[list[bytes], int]:
        """The whole records of a journal, and the length in bytes up to which it is whole."""
        content = self.path(number).read_bytes()
        entries: list[bytes] = []
        offset = 0
        while offset + 2 <= len(content):
            end = offset + 2 + int.from_bytes(content[offset : offset + 2], "big")
            entry = content[offset + 2 : end]
            if content[end : end + _CHECK_BYTES] != leaf_hash(entry)[:_CHECK_BYTES]:
                break
            entries.append(entry)
            offset = end + _CHECK_BYTES
        return entries, offset

    def truncate(self, number: int, length: int) -> None:
        """Cut a torn tail off, durably."""
        with self.path(number).open("r+b") as opened:
            opened.truncate(length)
            os.fsync(opened.fileno())

    def append(self, number: int, offset: int, entries: Sequence[bytes]) -> int:
        """Write records at `offset`, durable on return; gives the new length.

        A failed write or fsync is undone as far as the disk allows, and raised: nothing of it was
        acknowledged, and the bytes are written anew next time rather than trusted from the page cache.
        """
        records = b"".join(
            struct.pack(">H", len(entry)) + entry + leaf_hash(entry)[:_CHECK_BYTES] for entry in entries
        )
        with self.path(number).open("r+b", buffering=0) as opened:
            try:
                opened.seek(offset)
                written = 0
                while written < len(records):
                    written += opened.write(records[written:])
                os.fdatasync(opened.fileno())
            except BaseException:
                opened.truncate(offset)
                raise
        return offset + len(records)
