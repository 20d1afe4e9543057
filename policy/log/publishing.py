"""Writes the published form of a log: the tail's tiles, the tiles above them, the checkpoint.

Every file appears whole under its name (beside, fsync, rename). Called only by the holder of the log's lock.
All of it is a function of the entries and the key, so writing it again after a crash gives the same bytes. The
partial tiles at the tail are for that reason not synced: the journal is, and the next opening makes them again.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.files import fsync_folder
from policy.log.merkle import leaf_hash, tree_root
from policy.log.note import Checkpoint, sign_checkpoint
from policy.log.tiles import TILE_WIDTH, FolderTiles, TileName, pack_entries


def publish_tail(folder: Path, number: int, entries: Sequence[bytes]) -> None:
    """Write entry bundle and level-0 tile `number`, replacing narrower ones. Full ones are durable on return."""
    width = len(entries)
    if not width:
        return
    _write_tile(folder, TileName(None, number, width), pack_entries(entries))
    _write_tile(folder, TileName(0, number, width), b"".join(leaf_hash(entry) for entry in entries))
    for level in (None, 0):
        _drop_narrower(folder, TileName(level, number, width))


def publish_upper_tiles(folder: Path, number: int, entries: Sequence[bytes]) -> None:
    """After level-0 tile `number` is full: write the tile above it, and above that where it fills too. Durable."""
    root = tree_root([leaf_hash(entry) for entry in entries])
    level, place = 1, number
    while True:
        tile_number, width = place // TILE_WIDTH, place % TILE_WIDTH + 1
        left = FolderTiles(folder).fetch(TileName(level, tile_number, width - 1)) if width > 1 else b""
        content = left + root
        name = TileName(level, tile_number, width)
        _write_tile(folder, name, content)
        _sync_folders(folder, name)  # partial ones too: at the next opening the tree's edge is read from them
        _drop_narrower(folder, name)
        if width < TILE_WIDTH:
            return
        root = tree_root([content[at : at + 32] for at in range(0, len(content), 32)])
        level, place = level + 1, tile_number


def is_written(folder: Path, name: TileName) -> bool:
    """Whether a tile's file is there with content: a power cut leaves unsynced ones missing, empty or all zeros."""
    try:
        return any((folder / name.path()).read_bytes())
    except OSError:
        return False


def publish_checkpoint(folder: Path, checkpoint: Checkpoint, signing_key: Ed25519PrivateKey) -> str:
    """Sign and publish the checkpoint; gives its text.

    Its content is synced before the rename, the folder is not: after a power cut either this checkpoint is there or
    the one before it, whole, and the next opening goes on from it to the very same tree.
    """
    note = sign_checkpoint(checkpoint, signing_key)
    _replace(folder / "checkpoint", note.encode(), is_durable=True)
    return note


def _write_tile(folder: Path, name: TileName, content: bytes) -> None:
    target = folder / name.path()
    target.parent.mkdir(parents=True, exist_ok=True)
    is_full = name.width == TILE_WIDTH
    _replace(target, content, is_durable=is_full or bool(name.level))
    if is_full:
        _sync_folders(folder, name)


def _replace(target: Path, content: bytes, *, is_durable: bool) -> None:
    # A fixed name beside the target: the log's lock admits one writer, and a crash leaves at most one such file.
    staged = target.parent / ".staged"
    with staged.open("wb") as opened:
        opened.write(content)
        if is_durable:
            opened.flush()
            os.fsync(opened.fileno())
    staged.replace(target)


def _sync_folders(folder: Path, name: TileName) -> None:
    current = (folder / name.path()).parent
    while current != folder.parent:
        fsync_folder(current)
        current = current.parent


def _drop_narrower(folder: Path, name: TileName) -> None:
    """Remove the partial tiles that a wider one replaces; readers cut narrower widths from it."""
    partials = (folder / TileName(name.level, name.number, 1).path()).parent
    if name.width == TILE_WIDTH:
        shutil.rmtree(partials, ignore_errors=True)
        return
    for each in partials.iterdir():
        if each.name != str(name.width):
            each.unlink()
