"""The decision log: append-only, durable on return, one signed checkpoint after every commit.

Folder: `checkpoint`, `tile/…` (C2SP tlog-tiles, servable as static files), `journal/<bundle>`, `lock`.

Order of a commit, under a lock across threads and processes:
    1. the entries go to the journal, fsync         <- from here they survive any crash
    2. tiles: written beside, renamed                (full ones: fsync before, fsync of the folder after)
    3. checkpoint: written beside, fsync, rename     (a crash shows this one or the one before, never half of one)
    4. append returns
A crash before 1 leaves nothing, or a torn record that the next opening cuts off. A crash after 1 leaves entries
that the next opening publishes, with the very same hashes. No checkpoint is ever visible whose entries could be
lost, so no crash can make a fork. What fails closed: a journal or tile that does not carry the checkpoint.

| fails | stored? | seen by the caller |
|---|---|---|
| disk full, before 1 ends | no (undone) | `LogUnavailable`; the next append works again |
| disk full, in 2 or 3 | yes, published by the next append or opening | `LogUnavailable` |
| killed, before 1 ends / after | no / yes | nothing |
"""

import fcntl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.canonical import canonical_json
from core.errors import ConfigurationError, UsageError
from policy.log.audit import LogAudit
from policy.log.journal import Journal
from policy.log.merkle import CompactRange, leaf_hash
from policy.log.note import Checkpoint, ProofInvalid, verify_checkpoint
from policy.log.note import verifier_key as key_of
from policy.log.publishing import is_written, publish_checkpoint, publish_tail, publish_upper_tiles
from policy.log.reader import LogReader, read_checkpoint
from policy.log.tiles import MAX_ENTRY_BYTES, TILE_WIDTH, FolderTiles, TileName, unpack_entries
from policy.log.tree_reading import root_at, tree_before_bundle


class LogUnavailable(ConfigurationError):
    """The log can't take or prove entries. Whoever needs a decision on record must stop here."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(
            message,
            code="log_unavailable",
            hint=hint or "free disk space and check the log folder's permissions, then try again",
        )


@dataclass
class _Tail:
    """The writer's picture of the disk: bundle number, its entries, journal length, the tree's right edge."""

    number: int
    entries: list[bytes]
    offset: int
    edge: CompactRange
    note: str


@dataclass
class _Ticket:
    """One waiting append: filled with an index or an error by the thread that commits it."""

    entry: bytes
    index: int | None = None
    error: Exception | None = None

    @property
    def is_done(self) -> bool:
        """Whether a thread has tried to commit it."""
        return self.index is not None or self.error is not None


class DecisionLog:
    """A log in a folder, written with one Ed25519 key under one origin. Thread-safe and process-safe.

    Raises on opening:
        LogUnavailable: the folder can't be used, belongs to another key, or lost what its checkpoint promises.
    """

    def __init__(self, folder: Path, signing_key: Ed25519PrivateKey, origin: str) -> None:
        self._folder = folder
        self._signing_key = signing_key
        self._key = key_of(origin, signing_key)
        self._journal = Journal(folder / "journal")
        self._reader = LogReader.of_folder(folder, self._key)
        self._queue: list[_Ticket] = []
        self._turn = threading.Condition()
        self._is_committing = False
        self._commit_lock = threading.Lock()
        self._tail: _Tail | None = None
        with self._commit_lock, self._locked():
            self._tail = self._open()

    @property
    def verifier_key(self) -> str:
        """The public key to hand to auditors: `origin+hash+base64` (C2SP signed-note)."""
        return str(self._key)

    @property
    def size(self) -> int:
        """How many entries the published checkpoint covers."""
        return self._reader.head().size

    @property
    def root_hex(self) -> str:
        """The published root, 64 hex digits."""
        return self._reader.head().root.hex()

    @property
    def reader(self) -> LogReader:
        """The reading half, which needs no signing key."""
        return self._reader

    def append(self, entry: dict[str, Any]) -> int:
        """Log one entry and give its index. Durable and published on return; waiting callers share one commit.

        Raises:
            UsageError: the entry is not JSON or exceeds 65,535 bytes; nothing was stored.
            LogUnavailable: it could not be stored or published; treat it as not logged.
        """
        ticket = _Ticket(_encoded(entry))
        batch = self._wait_turn(ticket)
        if batch:
            try:
                with self._commit_lock:
                    self._commit_batch(batch)
            finally:
                with self._turn:
                    self._is_committing = False
                    self._turn.notify_all()
        if ticket.index is None:
            raise LogUnavailable("the decision log could not store an entry") from ticket.error
        return ticket.index

    def append_all(self, entries: Sequence[dict[str, Any]]) -> list[int]:
        """Log several entries in order in few commits; all durable on return. Errors as `append`."""
        batch = [_Ticket(_encoded(entry)) for entry in entries]
        with self._commit_lock:
            self._commit_batch(batch)
        indices = [ticket.index for ticket in batch if ticket.index is not None]
        if len(indices) < len(batch):
            raise LogUnavailable("the decision log could not store all entries") from batch[-1].error
        return indices

    def checkpoint(self) -> str:
        """The latest signed checkpoint, to publish or to keep for `verify(since=...)`."""
        return self._reader.checkpoint()

    def entry(self, index: int) -> dict[str, Any]:
        """An entry as JSON. Raises `UsageError` where the log has no such index."""
        return self._reader.entry(index)

    def entry_bytes(self, index: int) -> bytes:
        """An entry's exact bytes, as receipts prove them. Raises `UsageError` where there is no such index."""
        return self._reader.entry_bytes(index)

    def entries(self, start: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """Up to `limit` entries from index `start`, oldest first."""
        return self._reader.entries(start, limit)

    def receipt(self, index: int) -> str:
        """The tlog-proof of an entry under the latest checkpoint. Raises `UsageError` for no such index."""
        return self._reader.receipt(index)

    def show(self, index: int) -> dict[str, Any]:
        """An entry with its receipt and the verifier key, as `reelproof.audit-entry/1` shows it."""
        return self._reader.show(index)

    def consistency(self, since: str) -> list[bytes]:
        """The RFC 6962 proof that the log continues an earlier checkpoint, as 32-byte hashes."""
        return self._reader.consistency(since)

    def tile(self, path: str) -> bytes:
        """A tile or entry bundle by its C2SP path, as it is served. Raises `ProofInvalid` where there is none."""
        return self._reader.tile(path)

    def verify(self, since: str | None = None) -> LogAudit:
        """Compute the whole log anew and compare; `since` is an earlier checkpoint that must be a prefix.

        Takes no lock; entries appended meanwhile are not looked at.
        """
        audit = self._reader.verify(since)
        problem = self._journal_problem() if audit.ok else None
        return audit if problem is None else replace(audit, ok=False, problems=(*audit.problems, problem))

    # -- writing ------------------------------------------------------------------------------------------

    def _wait_turn(self, ticket: _Ticket) -> list[_Ticket]:
        """Everything that waits, to be committed by this thread; empty once another thread committed the ticket."""
        with self._turn:
            self._queue.append(ticket)
            while self._is_committing and not ticket.is_done:
                self._turn.wait()
            if ticket.is_done:
                return []
            self._is_committing = True
            batch, self._queue = self._queue, []
            return batch

    def _commit_batch(self, batch: list[_Ticket]) -> None:
        try:
            with self._locked():
                tail = self._tail if self._is_current() else None
                self._tail = None
                tail = tail or self._open()
                for start in self._chunks(tail, batch):
                    tail = self._commit(tail, batch[start[0] : start[1]])
                self._tail = tail
        except Exception as error:  # the waiting threads must learn of it, whatever it was
            for ticket in batch:
                if ticket.index is None:
                    ticket.error = error

    @staticmethod
    def _chunks(tail: _Tail, batch: list[_Ticket]) -> Iterator[tuple[int, int]]:
        """Slices of the batch that never reach past the end of an entry bundle."""
        start, room = 0, TILE_WIDTH - len(tail.entries)
        while start < len(batch):
            end = min(start + room, len(batch))
            yield start, end
            start, room = end, TILE_WIDTH

    def _commit(self, tail: _Tail, tickets: list[_Ticket]) -> _Tail:
        entries = [ticket.entry for ticket in tickets]
        tail.offset = self._journal.append(tail.number, tail.offset, entries)
        first = tail.edge.size
        for entry in entries:
            tail.edge.append(leaf_hash(entry))
        tail.entries += entries
        tail = self._publish(tail)
        for place, ticket in enumerate(tickets):
            ticket.index = first + place
        return tail

    def _publish(self, tail: _Tail) -> _Tail:
        """Steps 2 and 3: tiles, then the checkpoint; a full bundle begins a new journal in between."""
        publish_tail(self._folder, tail.number, tail.entries)
        if len(tail.entries) == TILE_WIDTH:
            publish_upper_tiles(self._folder, tail.number, tail.entries)
            self._journal.create(tail.number + 1)
            tail = _Tail(tail.number + 1, [], 0, tail.edge, tail.note)
        checkpoint = Checkpoint(self._key.name, tail.edge.size, tail.edge.root())
        tail.note = publish_checkpoint(self._folder, checkpoint, self._signing_key)
        return tail

    # -- opening and recovering ---------------------------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The lock across processes. Opened anew each time: a lock inherited through fork would not exclude."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / "lock").open("ab")
        except OSError as error:
            raise LogUnavailable("the log folder can't be written") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _is_current(self) -> bool:
        """Whether no other process wrote since our last commit (the lock is held)."""
        tail = self._tail
        if tail is None:
            return False
        try:
            return (
                read_checkpoint(self._folder) == tail.note
                and self._journal.path(tail.number).stat().st_size == tail.offset
            )
        except (OSError, ProofInvalid):
            return False

    def _open(self) -> _Tail:
        try:
            number = self._journal.latest()
            if self._is_fresh(number):
                return self._begin(number)
            if number is None:
                raise LogUnavailable("the log lost its journal", hint="restore the log folder from a copy")
            return self._recover(number)
        except (ProofInvalid, OSError) as error:
            raise LogUnavailable(
                f"the decision log can't be opened: {error}",
                hint="check the log's key, then restore its folder from a copy",
            ) from error

    def _is_fresh(self, number: int | None) -> bool:
        started = (self._folder / "checkpoint").exists() or (self._folder / "tile").exists()
        return not started and (number is None or (number == 0 and not self._journal.read(0)[0]))

    def _begin(self, number: int | None) -> _Tail:
        if number is None:
            self._journal.create(0)
        else:
            self._journal.truncate(0, 0)
        return self._publish(_Tail(0, [], 0, CompactRange(), ""))

    def _recover(self, number: int) -> _Tail:
        note = read_checkpoint(self._folder)
        head = verify_checkpoint(note, self._key)
        entries, offset = self._journal.read(number)
        edge = tree_before_bundle(FolderTiles(self._folder), number)
        before = edge.copy()
        for entry in entries:
            edge.append(leaf_hash(entry))
        if head.size > edge.size:
            raise LogUnavailable(
                f"the log holds {edge.size} entries, its checkpoint promises {head.size}",
                hint="entries were lost or changed: restore the log folder from a copy",
            )
        if root_at(head.size, before, entries, FolderTiles(self._folder)) != head.root:
            raise LogUnavailable(
                "the log does not give the root of its own checkpoint", hint="restore it from a copy"
            )
        if self._journal.path(number).stat().st_size != offset:
            self._journal.truncate(number, offset)
        tail = _Tail(number, entries, offset, edge, note)
        is_whole = head.size == edge.size and len(entries) < TILE_WIDTH and self._has_tail_tiles(tail)
        return tail if is_whole else self._publish(tail)

    def _has_tail_tiles(self, tail: _Tail) -> bool:
        """Whether the partial tiles are there, not lost by a crash. One that was changed is left for `verify`."""
        width = len(tail.entries)
        names = [TileName(None, tail.number, width), TileName(0, tail.number, width)]
        return not width or all(is_written(self._folder, name) for name in names)

    def _journal_problem(self) -> str | None:
        """A difference between the journal and the published bundle of the same entries, in words."""
        with self._commit_lock, self._locked():
            number = self._journal.latest()
            if number is None:
                return "the journal is missing"
            size = self._reader.head().size
            width = size - number * TILE_WIDTH
            if width <= 0:
                return None
            published = unpack_entries(FolderTiles(self._folder).fetch(TileName(None, number, width)), width)
            if self._journal.read(number)[0][:width] != published:
                return "the journal does not hold the entries that were published"
        return None


def _encoded(entry: dict[str, Any]) -> bytes:
    try:
        encoded = canonical_json(entry)
    except ValueError as error:
        raise UsageError("a log entry must be plain JSON", code="log_entry_not_json", hint=str(error)) from error
    if len(encoded) > MAX_ENTRY_BYTES:
        raise UsageError(
            f"a log entry may have {MAX_ENTRY_BYTES} bytes, got {len(encoded)}",
            code="log_entry_too_large",
            hint="log a digest of what is large",
        )
    return encoded
