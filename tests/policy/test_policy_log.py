"""Rules of the decision log: durable, one history, every change found."""

import hashlib
import json
import multiprocessing
import random
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.canonical import canonical_json
from core.errors import UsageError
from policy.log import DecisionLog, LogReader, LogUnavailable, ProofInvalid
from policy.log import decision_log as writer
from policy.log.proof import verify_checkpoint, verify_consistency, verify_receipt
from policy.log.tiles import TILE_WIDTH

GOLDEN = Path(__file__).parent.parent / "golden/policy_log"
ORIGIN = "example.org/test-log"
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
OpenLog = Callable[[], DecisionLog]


def slow_root(entries: Sequence[bytes]) -> bytes:
    """RFC 6962's MTH exactly as section 2.1 defines it, sharing no code with the log."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + slow_root(entries[:k]) + slow_root(entries[k:])).digest()


def entry(index: int) -> dict[str, object]:
    return {"v": 1, "n": index, "text": "x" * (index % 50)}


def filled(open_log: OpenLog, count: int) -> DecisionLog:
    log = open_log()
    log.append_all([entry(index) for index in range(log.size, count)])
    return log


def test_an_entry_has_the_next_index_and_is_published_when_append_returns(open_log: OpenLog) -> None:
    """Append gives 0, 1, 2 …, and another opening of the folder sees the entry at once."""
    log = open_log()
    for index in range(5):
        assert log.append(entry(index)) == index
        assert open_log().entry(index) == entry(index)
    assert log.size == 5


@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 257, 511, 512, 513, 700])
def test_the_root_is_that_of_the_definition(open_log: OpenLog, count: int) -> None:
    """At sizes around full bundles the published root is what RFC 6962 gives for the entries' bytes."""
    log = filled(open_log, count)
    assert log.root_hex == slow_root([canonical_json(entry(index)) for index in range(count)]).hex()
    assert log.verify().ok
    assert open_log().root_hex == log.root_hex


def test_entries_come_back_in_order_across_bundles(open_log: OpenLog) -> None:
    """Reading a range gives those entries, fewer at the end, none past it."""
    log = filled(open_log, 600)
    assert log.entries(250, 20) == [entry(index) for index in range(250, 270)]
    assert log.entries(595, 100) == [entry(index) for index in range(595, 600)]
    assert log.entries(600) == []
    with pytest.raises(UsageError):
        log.entry(600)
    with pytest.raises(UsageError):
        log.entry(-1)


def test_receipts_verify_offline(open_log: OpenLog) -> None:
    """Each receipt verifies against the entry's bytes and the verifier key alone, and no other entry's."""
    log = filled(open_log, 300)
    for index in (0, 1, 255, 256, 299):
        checkpoint = verify_receipt(log.receipt(index), log.entry_bytes(index), log.verifier_key)
        assert (checkpoint.size, checkpoint.root.hex()) == (300, log.root_hex)
        with pytest.raises(ProofInvalid):
            verify_receipt(log.receipt(index), log.entry_bytes((index + 1) % 300), log.verifier_key)


@pytest.mark.parametrize("earlier", [0, 1, 100, 256, 257, 512, 600])
def test_a_log_proves_that_it_continues_an_earlier_checkpoint(open_log: OpenLog, earlier: int) -> None:
    """Consistency holds from every earlier checkpoint, as proof and in the audit."""
    log = filled(open_log, earlier)
    note = log.checkpoint()
    filled(open_log, 600)
    old, new = (verify_checkpoint(each, log.verifier_key) for each in (note, log.checkpoint()))
    verify_consistency(old.size, new.size, log.consistency(note), old.root, new.root)
    audit = log.verify(since=note)
    assert (audit.ok, audit.since_size) == (True, earlier)


def test_a_rewrite_by_the_key_holder_is_found_only_against_an_earlier_checkpoint(
    open_log: OpenLog, log_folder: Path
) -> None:
    """A log made anew with other entries verifies by itself; the checkpoint kept elsewhere gives it away."""
    kept = filled(open_log, 40).checkpoint()
    shutil.rmtree(log_folder)
    rewritten = open_log()
    rewritten.append_all([{"v": 1, "n": -index} for index in range(60)])
    assert rewritten.verify().ok
    assert not rewritten.verify(since=kept).ok
    old, new = (verify_checkpoint(n, rewritten.verifier_key) for n in (kept, rewritten.checkpoint()))
    with pytest.raises(ProofInvalid):
        verify_consistency(old.size, new.size, rewritten.consistency(kept), old.root, new.root)


def test_a_rollback_is_found_against_an_earlier_checkpoint(open_log: OpenLog, log_folder: Path) -> None:
    """A folder put back to an older copy verifies by itself, and fails against the newer checkpoint."""
    filled(open_log, 10)
    copy = log_folder.parent / "copy"
    shutil.copytree(log_folder, copy)
    kept = filled(open_log, 20).checkpoint()
    rolled_back = DecisionLog(copy, KEY, ORIGIN)
    assert rolled_back.verify().ok
    assert not rolled_back.verify(since=kept).ok


def test_any_flipped_byte_of_the_published_log_is_found(open_log: OpenLog, log_folder: Path) -> None:
    """One flipped bit anywhere in the checkpoint, a tile or an entry bundle makes the audit fail."""
    filled(open_log, 270)
    key = open_log().verifier_key
    files = [log_folder / "checkpoint", *(path for path in (log_folder / "tile").rglob("*") if path.is_file())]
    assert len(files) == 6
    chance = random.Random(1)
    for path in files:
        content = path.read_bytes()
        for at in [0, len(content) - 1, *chance.sample(range(len(content)), 25)]:
            flipped = bytearray(content)
            flipped[at] ^= 1 << chance.randrange(8)
            path.write_bytes(flipped)
            assert not LogReader.of_folder(log_folder, key).verify().ok, (path.name, at)
        path.write_bytes(content)
    assert LogReader.of_folder(log_folder, key).verify().ok


def test_a_missing_lengthened_or_cut_file_is_found(open_log: OpenLog, log_folder: Path) -> None:
    """Files that are gone, too long or too short fail the audit in words, never with a traceback."""
    key = filled(open_log, 270).verifier_key
    for path in [log_folder / "checkpoint", *(p for p in (log_folder / "tile").rglob("*") if p.is_file())]:
        content = path.read_bytes()
        for changed in (None, b"", content[:-1], content + b"\x00"):
            path.unlink()
            if changed is not None:
                path.write_bytes(changed)
            audit = LogReader.of_folder(log_folder, key).verify()
            assert not audit.ok
            assert audit.problems
            path.write_bytes(content)


def test_opening_does_not_heal_a_changed_tile_before_the_audit_sees_it(open_log: OpenLog, log_folder: Path) -> None:
    """A writer that opens a folder with a changed tile leaves it for `verify` to find."""
    filled(open_log, 5)
    tile = log_folder / "tile/entries/000.p/5"
    content = bytearray(tile.read_bytes())
    content[10] ^= 1
    tile.write_bytes(content)
    assert not open_log().verify().ok


def test_a_changed_journal_keeps_the_log_shut(open_log: OpenLog, log_folder: Path) -> None:
    """A journal that no longer carries what was published is refused, not silently cut."""
    filled(open_log, 5)
    journal = log_folder / "journal/0"
    content = bytearray(journal.read_bytes())
    content[4] ^= 1
    journal.write_bytes(content)
    with pytest.raises(LogUnavailable) as caught:
        open_log()
    assert caught.value.hint


@pytest.mark.parametrize("lost", ["checkpoint", "journal", "tile/1"])
def test_a_log_that_lost_a_part_stays_shut(open_log: OpenLog, log_folder: Path, lost: str) -> None:
    """Without its checkpoint, journal or upper tiles a log is not begun anew: that would be a rewrite."""
    filled(open_log, 300)
    path = log_folder / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(LogUnavailable):
        open_log()


def test_an_entry_is_shown_with_what_proves_it(open_log: OpenLog) -> None:
    """What `show` gives is JSON, and its receipt verifies with the key and the entry's canonical bytes in it."""
    shown = json.loads(json.dumps(filled(open_log, 5).show(3)))
    assert (shown["schema"], shown["index"], shown["entry"]) == ("reelproof.audit-entry/1", 3, entry(3))
    assert verify_receipt(shown["receipt"], canonical_json(shown["entry"]), shown["verifier_key"]).size == 5


def test_a_log_opens_only_with_its_own_key(open_log: OpenLog, log_folder: Path) -> None:
    """Another key can't continue a log."""
    filled(open_log, 3)
    with pytest.raises(LogUnavailable):
        DecisionLog(log_folder, Ed25519PrivateKey.from_private_bytes(b"\x08" * 32), ORIGIN)


@pytest.mark.parametrize("cut", [1, 3, 9, 40])
def test_a_torn_record_is_cut_off(open_log: OpenLog, log_folder: Path, cut: int) -> None:
    """A crash in the middle of writing a record costs that record only."""
    log = filled(open_log, 20)
    root = log.root_hex
    journal = log_folder / "journal/0"
    whole = journal.read_bytes()
    filled(open_log, 21)
    torn = journal.read_bytes()[: len(whole) + cut]
    shutil.rmtree(log_folder)
    filled(open_log, 20)
    journal.write_bytes(torn)
    reopened = open_log()
    assert (reopened.size, reopened.root_hex) == (20, root)
    assert reopened.append(entry(20)) == 20
    assert reopened.verify().ok


class Killed(BaseException):
    """Stands for the process dying: nothing in the library may catch it and carry on."""


STEPS = ["publish_tail", "publish_upper_tiles", "publish_checkpoint"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_before", [True, False])
@pytest.mark.parametrize("size", [0, 3, TILE_WIDTH - 1, TILE_WIDTH, 2 * TILE_WIDTH - 1])
def test_a_crash_at_any_step_leaves_one_history(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch, step: str, is_before: bool, size: int
) -> None:
    """Killed before or after each step of a commit, the log opens again with all it promised, and no fork."""
    log = filled(open_log, size)
    kept = log.checkpoint()
    real = getattr(writer, step)

    def die(*arguments: object) -> object:
        if not is_before:
            real(*arguments)
        raise Killed

    monkeypatch.setattr(writer, step, die)
    published = ""
    try:
        log.append(entry(size))
    except Killed:
        published = log.checkpoint()
    monkeypatch.undo()
    reopened = open_log()
    # Once in the journal an entry is there to stay, at its place, whether or not the caller heard of it.
    assert reopened.size == size + 1
    assert reopened.entry(size) == entry(size)
    for note in filter(None, (kept, published)):
        assert reopened.verify(since=note).ok
    assert reopened.append(entry(size + 1)) == size + 1
    assert reopened.verify(since=kept).ok


def test_a_full_disk_refuses_the_entry_and_the_log_goes_on(
    open_log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An append that can't be written raises, leaves nothing, and the next one works."""
    log = filled(open_log, 4)
    with monkeypatch.context() as patched:

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr("policy.log.journal.os.fdatasync", full)
        with pytest.raises(LogUnavailable):
            log.append(entry(99))
    assert log.append(entry(4)) == 4
    assert [log.entry(index) for index in range(5)] == [entry(index) for index in range(5)]
    assert log.verify().ok


def test_threads_share_one_log(open_log: OpenLog) -> None:
    """Appends from many threads get distinct indices, and each entry stands where it was told."""
    log = open_log()
    places: dict[int, int] = {}

    def work(start: int) -> None:
        for number in range(start, start + 20):
            places[number] = log.append(entry(number))

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 160, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(places.values()) == list(range(160))
    assert all(log.entry(index) == entry(number) for number, index in places.items())
    assert log.verify().ok


def _append_in_child(folder: str, start: int, count: int) -> None:
    log = DecisionLog(Path(folder), KEY, ORIGIN)
    for number in range(start, start + count):
        log.append(entry(number))


def test_processes_share_one_log(open_log: OpenLog, log_folder: Path) -> None:
    """Two processes appending to one folder make one history with every entry in it."""
    log = open_log()
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_append_in_child, args=(str(log_folder), start, 25)) for start in (0, 1000)]
    for child in children:
        child.start()
    for number in range(5000, 5010):
        log.append(entry(number))
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert log.size == 60
    numbers = sorted(each["n"] for each in log.entries(0, 100))
    assert numbers == [*range(25), *range(1000, 1025), *range(5000, 5010)]
    assert log.verify().ok


def test_an_append_costs_no_more_in_a_long_log(open_log: OpenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hashed for one append does not grow with the log beyond one tile and one path."""
    log = filled(open_log, 3000)
    counted = 0
    real = writer.leaf_hash

    def count(content: bytes) -> bytes:
        nonlocal counted
        counted += 1
        return real(content)

    monkeypatch.setattr("policy.log.decision_log.leaf_hash", count)
    monkeypatch.setattr("policy.log.publishing.leaf_hash", count)
    log.append(entry(3000))
    assert counted <= TILE_WIDTH + 1


def test_what_is_no_json_or_too_large_is_refused_before_anything_is_written(open_log: OpenLog) -> None:
    """A bad entry is a usage error and leaves the log as it was."""
    log = open_log()
    with pytest.raises(UsageError):
        log.append({"v": float("nan")})
    with pytest.raises(UsageError):
        log.append({"v": "x" * 70_000})
    assert log.size == 0


def test_tiles_of_any_width_are_served(open_log: OpenLog) -> None:
    """A client that holds an older checkpoint gets the narrower tile, cut from the wider; nobody gets more."""
    log = filled(open_log, 300)
    assert log.tile("tile/0/001.p/44")[: 32 * 10] == log.tile("tile/0/001.p/10")
    assert len(log.tile("tile/0/000")) == 256 * 32
    assert log.tile("tile/1/000.p/1")
    for path in ("tile/0/001.p/45", "tile/0/001", "tile/entries/002", "tile/1/000.p/2"):
        with pytest.raises(ProofInvalid):
            log.tile(path)


def test_only_the_newest_partial_tile_is_kept(open_log: OpenLog, log_folder: Path) -> None:
    """A log's folder does not grow by a bundle for every entry."""
    log = open_log()
    for index in range(8):
        log.append(entry(index))
    assert [path.name for path in (log_folder / "tile/entries/000.p").iterdir()] == ["8"]


def test_the_golden_log_reads_and_verifies() -> None:
    """The released vectors verify, entry by entry, with the slow definition too."""
    key = (GOLDEN / "verifier-key").read_text().strip()
    reader = LogReader.of_folder(GOLDEN, key)
    assert reader.verify(since=(GOLDEN / "earlier-checkpoint").read_text(encoding="utf-8")).ok
    entries = [reader.entry_bytes(index) for index in range(520)]
    assert slow_root(entries) == reader.head().root
    receipt = (GOLDEN / "receipt.tlog-proof").read_text(encoding="utf-8")
    assert verify_receipt(receipt, entries[257], key).size == 520
    assert json.loads(entries[7])["outcome"] == "refuse"


def test_the_golden_log_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    """Today's writer gives the released checkpoint and tiles for the same key and entries."""
    reader = LogReader.of_folder(GOLDEN, (GOLDEN / "verifier-key").read_text())
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    log = DecisionLog(tmp_path / "log", key, "example.org/reelproof/golden")
    log.append_all([reader.entry(index) for index in range(520)])
    assert log.checkpoint() == reader.checkpoint()
    for path in (each for each in (GOLDEN / "tile").rglob("*") if each.is_file()):
        assert (tmp_path / "log" / path.relative_to(GOLDEN)).read_bytes() == path.read_bytes()
