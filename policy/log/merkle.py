"""RFC 6962 Merkle trees: leaf and node hashes, roots, and the compact range that appends in O(log n).

Pure functions over 32-byte SHA-256 hashes. Knows nothing of files, notes or entries.
Source: RFC 6962 section 2.1.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Protocol

HASH_BYTES = 32


def leaf_hash(entry: bytes) -> bytes:
    """The 32-byte hash of a log entry: SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The 32-byte hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def split_point(size: int) -> int:
    """The largest power of two below `size` (RFC 6962's k). `size` must be at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def tree_root(hashes: Sequence[bytes]) -> bytes:
    """The root over these leaf (or equal-height subtree) hashes; the hash of nothing for none."""
    return CompactRange(hashes).root()


class CompactRange:
    """The right edge of a tree: the roots of its perfect subtrees, largest first.

    Appending costs O(1) hashes amortised, the root O(log n). Not thread-safe; copy to fork.
    """

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._peaks: list[bytes] = []
        for each in hashes:
            self.append(each)

    @classmethod
    def of_peaks(cls, size: int, peaks: Sequence[bytes]) -> "CompactRange":
        """The range of a tree of `size` leaves whose perfect subtrees' roots are already known."""
        if len(peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} peaks, got {len(peaks)}")
        edge = cls()
        edge.size, edge._peaks = size, list(peaks)
        return edge

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the right."""
        merges = self.size
        while merges & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            merges >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The RFC 6962 root of everything appended so far, 32 bytes."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def copy(self) -> "CompactRange":
        """An independent range over the same leaves."""
        return CompactRange.of_peaks(self.size, self._peaks)


class SubtreeHashes(Protocol):
    """Gives the hash of any perfect subtree of a log; may raise what its storage raises."""

    def subtree(self, height: int, index: int) -> bytes:
        """The hash over leaves [index·2^height, (index+1)·2^height), 32 bytes."""
        ...


def range_root(hashes: SubtreeHashes, start: int, end: int) -> bytes:
    """The hash over leaves [start, end) of one RFC 6962 subtree (`start` aligned as the recursion makes it)."""
    size = end - start
    if size.bit_count() == 1 and start % size == 0:
        height = size.bit_length() - 1
        return hashes.subtree(height, start >> height)
    middle = start + split_point(size)
    return node_hash(range_root(hashes, start, middle), range_root(hashes, middle, end))


def peaks_of(hashes: SubtreeHashes, size: int) -> list[bytes]:
    """The roots of the perfect subtrees that make up a tree of `size` leaves, largest first."""
    peaks, start = [], 0
    for height in reversed(range(size.bit_length())):
        if size >> height & 1:
            peaks.append(hashes.subtree(height, start >> height))
            start += 1 << height
    return peaks


def inclusion_proof(hashes: SubtreeHashes, index: int, size: int) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves, leaf upwards (RFC 6962 section 2.1.1)."""
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + split_point(end - start)
        if index < middle:
            path.append(range_root(hashes, middle, end))
            end = middle
        else:
            path.append(range_root(hashes, start, middle))
            start = middle
    return path[::-1]


def consistency_proof(hashes: SubtreeHashes, old_size: int, new_size: int) -> list[bytes]:
    """The proof that the first `old_size` leaves of a tree of `new_size` are the old tree (section 2.1.2).

    Empty when the sizes are equal or the old tree is empty.
    """
    if old_size in (0, new_size):
        return []
    path, start, end, is_whole = [], 0, new_size, True
    while old_size != end:
        middle = start + split_point(end - start)
        if old_size <= middle:
            path.append(range_root(hashes, middle, end))
            end = middle
        else:
            path.append(range_root(hashes, start, middle))
            start, is_whole = middle, False
    if not is_whole:
        path.append(range_root(hashes, start, end))
    return path[::-1]
