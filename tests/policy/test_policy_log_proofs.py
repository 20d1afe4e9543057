"""Laws of the log's hashing and proofs, against RFC 6962 written out the slow way."""

import base64
import hashlib
from functools import lru_cache

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from policy.log.merkle import CompactRange, consistency_proof, inclusion_proof, leaf_hash, tree_root
from policy.log.note import Checkpoint, ProofInvalid, VerifierKey, sign_checkpoint, verifier_key, verify_checkpoint
from policy.log.proof import (
    Receipt,
    format_receipt,
    parse_receipt,
    verify_consistency,
    verify_inclusion,
    verify_receipt,
)
from policy.log.tiles import TileName, levels_of, pack_entries, tiles_of, unpack_entries

KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
ORIGIN = "example.org/proofs"


def entry(index: int) -> bytes:
    return f"entry {index}".encode()


@lru_cache(maxsize=4096)
def slow(start: int, end: int) -> bytes:
    """RFC 6962 section 2.1 over entries [start, end), by its own definition."""
    if start == end:
        return hashlib.sha256(b"").digest()
    if end - start == 1:
        return hashlib.sha256(b"\x00" + entry(start)).digest()
    k = 1
    while k * 2 < end - start:
        k *= 2
    return hashlib.sha256(b"\x01" + slow(start, start + k) + slow(start + k, end)).digest()


class Leaves:
    """Subtree hashes straight from the definition."""

    def subtree(self, height: int, index: int) -> bytes:
        return slow(index << height, (index + 1) << height)


@given(st.integers(0, 700))
def test_the_compact_range_gives_the_root_of_the_definition(size: int) -> None:
    """Appending leaf by leaf gives the root that RFC 6962 defines, at every size."""
    assert CompactRange(leaf_hash(entry(i)) for i in range(size)).root() == slow(0, size)


@given(st.integers(1, 700), st.data())
def test_every_inclusion_proof_verifies_and_fits_only_its_place(size: int, data: st.DataObject) -> None:
    """A proof made for an index verifies there, and for no other leaf, index or root."""
    index = data.draw(st.integers(0, size - 1))
    path, root, leaf = inclusion_proof(Leaves(), index, size), slow(0, size), leaf_hash(entry(index))
    verify_inclusion(leaf, index, size, path, root)
    with pytest.raises(ProofInvalid):
        verify_inclusion(leaf_hash(b"another"), index, size, path, root)
    with pytest.raises(ProofInvalid):
        verify_inclusion(leaf, index, size, [*path, root], root)
    if path:
        with pytest.raises(ProofInvalid):
            verify_inclusion(leaf, index, size, path[:-1], root)
        with pytest.raises(ProofInvalid):
            verify_inclusion(leaf, index ^ 1 if index ^ 1 < size else index - 1, size, path, root)


@given(st.integers(0, 500), st.integers(0, 500))
def test_every_consistency_proof_verifies_and_no_other_history_does(old: int, more: int) -> None:
    """The proof between two sizes verifies; with a changed old root, new root or step it does not."""
    new = old + more
    path = consistency_proof(Leaves(), old, new)
    verify_consistency(old, new, path, slow(0, old), slow(0, new))
    wrong = hashlib.sha256(b"wrong").digest()
    if old:
        with pytest.raises(ProofInvalid):
            verify_consistency(old, new, path, wrong, slow(0, new))
    if path:
        with pytest.raises(ProofInvalid):
            verify_consistency(old, new, path, slow(0, old), wrong)
        with pytest.raises(ProofInvalid):
            verify_consistency(old, new, [wrong, *path[1:]], slow(0, old), slow(0, new))
        with pytest.raises(ProofInvalid):
            verify_consistency(old, new, path[:-1], slow(0, old), slow(0, new))
    if more:
        with pytest.raises(ProofInvalid):
            verify_consistency(new, old, path, slow(0, new), slow(0, old))


def test_a_tree_of_perfect_subtrees_has_the_root_of_its_leaves() -> None:
    """Hashing over the roots of full tiles and a partial one gives the root over all leaves."""
    leaves = [leaf_hash(entry(i)) for i in range(600)]
    parts = [tree_root(leaves[at : at + 256]) for at in range(0, 600, 256)]
    assert tree_root(parts) == slow(0, 600)


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_signed_checkpoint_reads_back(size: int, root: bytes) -> None:
    """Signing and verifying a checkpoint gives it back."""
    checkpoint = Checkpoint(ORIGIN, size, root)
    assert verify_checkpoint(sign_checkpoint(checkpoint, KEY), str(verifier_key(ORIGIN, KEY))) == checkpoint


@given(st.data())
def test_any_changed_character_of_a_checkpoint_is_caught(data: st.DataObject) -> None:
    """A checkpoint with one character changed, dropped or added does not verify."""
    note = sign_checkpoint(Checkpoint(ORIGIN, 42, b"\x05" * 32), KEY)
    at = data.draw(st.integers(0, len(note) - 1))
    new = data.draw(st.sampled_from(["", "\n", "A", "1", " ", "\u2014"]))
    changed = note[:at] + new + note[at + 1 :]
    if changed != note:
        with pytest.raises(ProofInvalid):
            verify_checkpoint(changed, verifier_key(ORIGIN, KEY))


def test_signatures_of_witnesses_are_passed_over() -> None:
    """A line by another key neither helps nor harms a checkpoint that its log signed."""
    note = sign_checkpoint(Checkpoint(ORIGIN, 3, b"\x05" * 32), KEY)
    witness = base64.b64encode(b"\x01\x02\x03\x04" + bytes(64)).decode()
    assert verify_checkpoint(f"{note}\u2014 witness.example {witness}\n", verifier_key(ORIGIN, KEY)).size == 3
    body = note[: note.index("\n\n") + 2]
    with pytest.raises(ProofInvalid):
        verify_checkpoint(f"{body}\u2014 witness.example {witness}\n", verifier_key(ORIGIN, KEY))


def test_another_key_of_the_same_name_does_not_verify() -> None:
    """The key decides, not the name that the note carries."""
    other = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
    note = sign_checkpoint(Checkpoint(ORIGIN, 3, b"\x05" * 32), other)
    with pytest.raises(ProofInvalid):
        verify_checkpoint(note, verifier_key(ORIGIN, KEY))


@pytest.mark.parametrize("text", ["", "a+b", "name+00000000+AAAA", "na me+1+AA==", "\u2014+x+y"])
def test_a_malformed_verifier_key_is_an_error_with_a_hint(text: str) -> None:
    """A verifier key that is none raises the proof error, which says what to do."""
    with pytest.raises(ProofInvalid) as caught:
        VerifierKey.parse(text)
    assert caught.value.hint


@given(st.text(max_size=400))
def test_no_text_makes_the_receipt_reader_fall_over(text: str) -> None:
    """Whatever stands in a receipt, reading it either works or raises `ProofInvalid`."""
    try:
        parse_receipt(text)
    except ProofInvalid:
        return
    assert text.startswith("c2sp.org/tlog-proof@v1\n")


def test_a_receipt_proves_its_entry_and_no_other() -> None:
    """A receipt verifies with the entry's exact bytes; one changed byte of entry or receipt is caught."""
    size, index = 70, 13
    note = sign_checkpoint(Checkpoint(ORIGIN, size, slow(0, size)), KEY)
    text = format_receipt(Receipt(index, tuple(inclusion_proof(Leaves(), index, size)), note))
    key = str(verifier_key(ORIGIN, KEY))
    assert verify_receipt(text, entry(index), key).size == size
    with pytest.raises(ProofInvalid):
        verify_receipt(text, entry(index + 1), key)
    for at in range(0, len(text), 7):
        changed = text[:at] + ("B" if text[at] != "B" else "C") + text[at + 1 :]
        with pytest.raises(ProofInvalid):
            verify_receipt(changed, entry(index), key)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (TileName(0, 0), "tile/0/000"),
        (TileName(1, 5, 17), "tile/1/005.p/17"),
        (TileName(None, 1234067, 8), "tile/entries/x001/x234/067.p/8"),
        (TileName(0, 1000), "tile/0/x001/000"),
    ],
)
def test_tile_names_are_those_of_the_specification(name: TileName, path: str) -> None:
    """Paths follow C2SP tlog-tiles and read back."""
    assert name.path() == path
    assert TileName.parse(path) == name


@pytest.mark.parametrize(
    "path",
    ["tile/0/0", "tile/0/000.p/0", "tile/0/000.p/256", "tile/64/000", "../tile/0/000", "tile/0/x000/001", ""],
)
def test_a_path_that_is_no_canonical_tile_is_refused(path: str) -> None:
    """Nothing but a canonical tile path is ever looked up."""
    with pytest.raises(ProofInvalid):
        TileName.parse(path)


@given(st.integers(0, 200_000))
def test_the_tiles_of_a_log_hold_every_hash_once(size: int) -> None:
    """Over all tiles of a level the widths add up to the hashes that level has."""
    for level in range(levels_of(size)):
        assert sum(name.width for name in tiles_of(size, level)) == size >> (8 * level)


@given(st.lists(st.binary(max_size=80), max_size=20))
def test_entry_bundles_read_back(entries: list[bytes]) -> None:
    """Packing and unpacking entries gives them back, and a missing or added byte is an error."""
    bundle = pack_entries(entries)
    assert unpack_entries(bundle, len(entries)) == entries
    with pytest.raises(ProofInvalid):
        unpack_entries(bundle + b"x", len(entries))
    if entries:
        with pytest.raises(ProofInvalid):
            unpack_entries(bundle[:-1], len(entries))
