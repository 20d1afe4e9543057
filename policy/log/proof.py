"""Checks anybody can make offline: inclusion, consistency, and a receipt against an entry.

Pure functions; each returns nothing (or what it proved) and raises `ProofInvalid` where the proof
does not hold, so that a forgotten `if` can't turn a failure into a pass.
Sources: RFC 9162 sections 2.1.3.2 and 2.1.4.2 (the verification algorithms), C2SP tlog-proof.

What a receipt does not prove: that the log shows everybody the same tree. Whoever holds the log's
key can sign two; only witnesses or checkpoints kept outside reveal that.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from policy.log.merkle import HASH_BYTES, leaf_hash, node_hash
from policy.log.note import (
    Checkpoint,
    ProofInvalid,
    VerifierKey,
    decode_base64,
    decode_decimal,
    sign_checkpoint,
    verify_checkpoint,
)

__all__ = [
    "Checkpoint",
    "ProofInvalid",
    "Receipt",
    "VerifierKey",
    "format_receipt",
    "parse_receipt",
    "sign_checkpoint",
    "verify_checkpoint",
    "verify_consistency",
    "verify_inclusion",
    "verify_receipt",
]

_HEADER = "c2sp.org/tlog-proof@v1"
_MAX_PATH = 63


@dataclass(frozen=True)
class Receipt:
    """A parsed tlog-proof: the entry's index, its audit path (hashes, leaf upwards), the signed checkpoint."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` (a leaf hash) stands at `index` in the tree of `size` entries with this root.

    Raises:
        ProofInvalid: it does not.
    """
    if not 0 <= index < size:
        raise ProofInvalid(f"index {index} lies outside a log of {size} entries")
    position, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofInvalid("the inclusion proof is too long")
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofInvalid("the inclusion proof is too short")
    if computed != root:
        raise ProofInvalid("the entry does not stand in this log at this place")


def verify_consistency(
    old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Check that the tree with `new_root` begins with the whole tree of `old_root`.

    Raises:
        ProofInvalid: it does not, so the log was rewritten or rolled back between the two.
    """
    if not 0 <= old_size <= new_size:
        raise ProofInvalid(f"the log shrank from {old_size} to {new_size} entries")
    if old_size in (0, new_size):
        if proof or (old_size and old_root != new_root):
            raise ProofInvalid("two roots for one size: the log was rewritten")
        return
    _walk_consistency(old_size, new_size, list(proof), old_root, new_root)


def _walk_consistency(old_size: int, new_size: int, steps: list[bytes], old_root: bytes, new_root: bytes) -> None:
    if old_size.bit_count() == 1:
        steps.insert(0, old_root)
    if not steps:
        raise ProofInvalid("the consistency proof is too short")
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    older = newer = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise ProofInvalid("the consistency proof is too long")
        if position & 1 or position == last:
            older, newer = node_hash(step, older), node_hash(step, newer)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            newer = node_hash(newer, step)
        position, last = position >> 1, last >> 1
    if last != 0 or older != old_root or newer != new_root:
        raise ProofInvalid("the log does not continue the earlier one: it was rewritten or rolled back")


def format_receipt(receipt: Receipt) -> str:
    """The receipt as tlog-proof text."""
    hashes = "".join(f"{base64.b64encode(each).decode()}\n" for each in receipt.path)
    return f"{_HEADER}\nindex {receipt.index}\n{hashes}\n{receipt.checkpoint}"


def parse_receipt(text: str) -> Receipt:
    """Read tlog-proof text, without checking what it claims. Raises `ProofInvalid` where malformed."""
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines[0] != _HEADER:
        raise ProofInvalid(f"the receipt does not begin with {_HEADER}")
    if len(lines) > 1 and lines[1].startswith("extra "):
        del lines[1]
    if len(lines) < 2 or not lines[1].startswith("index ") or len(lines) - 2 > _MAX_PATH:
        raise ProofInvalid("the receipt names no index, or too many hashes")
    path = tuple(decode_base64(line, "proof hash") for line in lines[2:])
    if any(len(each) != HASH_BYTES for each in path):
        raise ProofInvalid("a proof hash is not 32 bytes long")
    return Receipt(decode_decimal(lines[1].removeprefix("index "), "index"), path, checkpoint)


def verify_receipt(text: str, entry: bytes, key: VerifierKey | str) -> Checkpoint:
    """The signed checkpoint under which `entry` (its exact bytes) is proven to stand in the log.

    Raises:
        ProofInvalid: the receipt is malformed, signed by another key, or of another entry.
    """
    receipt = parse_receipt(text)
    checkpoint = verify_checkpoint(receipt.checkpoint, key)
    verify_inclusion(leaf_hash(entry), receipt.index, checkpoint.size, receipt.path, checkpoint.root)
    return checkpoint
