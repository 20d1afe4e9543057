"""Rebuilds a log's right edge from its tiles, as a writer needs it when it opens a folder."""

from collections.abc import Sequence

from policy.log.merkle import CompactRange, leaf_hash, peaks_of
from policy.log.tiles import TILE_WIDTH, TileHashes, TileSource


def tree_before_bundle(tiles: TileSource, number: int) -> CompactRange:
    """The tree of all bundles before bundle `number`, in O(log n) reads. Raises `ProofInvalid` where one lacks."""
    size = number * TILE_WIDTH
    return CompactRange.of_peaks(size, peaks_of(TileHashes(tiles, size), size))


def root_at(size: int, before: CompactRange, entries: Sequence[bytes], tiles: TileSource) -> bytes:
    """The root the log had at `size`, be that in the last bundle's `entries` or in the full bundles `before` it."""
    if size < before.size:
        return CompactRange.of_peaks(size, peaks_of(TileHashes(tiles, before.size), size)).root()
    edge = before.copy()
    for entry in entries[: size - before.size]:
        edge.append(leaf_hash(entry))
    return edge.root()
