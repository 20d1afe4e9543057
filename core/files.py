"""Files that appear whole or not at all.

Write beside the target, fsync, rename, fsync the folder (the order is what survives a power cut).
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def fsync_folder(folder: Path) -> None:
    """Make renames inside a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(staged: Path, final: Path) -> None:
    """Give a finished file its final name, durably; replaces what stood there. Same filesystem only."""
    with staged.open("rb") as opened:
        os.fsync(opened.fileno())
    staged.replace(final)
    fsync_folder(final.parent)


@contextmanager
def staging_folder(near: Path) -> Iterator[Path]:
    """A private folder beside `near` (same filesystem), removed with all it holds when the block ends."""
    near.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".reelproof-", dir=near.parent) as folder:
        yield Path(folder)


def write_atomically(final: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a whole file durably under its final name, or leave what was there untouched."""
    with staging_folder(final) as folder:
        staged = folder / final.name
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
        publish(staged, final)
