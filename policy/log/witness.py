"""A witness (C2SP tlog-witness): cosigns a log's checkpoint only if it continues the last one it cosigned.

State: one file a log, the latest checkpoint, written durably before the cosignature leaves. Looking and writing are
one step under a lock across threads and processes, so that two requests can't roll the record back. Knows no HTTP.

| refused with | because |
|---|---|
| 400 | malformed, or an old size above the checkpoint's |
| 404, 403 | a log we don't know; no signature by its key |
| 409 | the old size is not the last cosigned one (the body tells it), or another root at the same size |
| 422 | the consistency proof does not hold |
"""

import base64
import fcntl
import hashlib
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.clock import Clock
from core.files import write_atomically
from policy.log.cosignature import WitnessKey, cosign, witness_key
from policy.log.merkle import HASH_BYTES
from policy.log.note import Checkpoint, ProofInvalid, VerifierKey, decode_base64, decode_decimal, verify_checkpoint
from policy.log.proof import verify_consistency

MAX_REQUEST_BYTES = 100_000
MAX_PROOF_LINES = 63


class WitnessRefusal(Exception):
    """A request the witness does not cosign: the HTTP status, and for 409 the size it last cosigned."""

    def __init__(self, status: int, why: str, size: int | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.size = size


@dataclass(frozen=True)
class AddCheckpoint:
    """A parsed request: the size the log thinks we cosigned last, the proof from there, and the checkpoint."""

    old_size: int
    proof: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """The request's body."""
        hashes = "".join(f"{base64.b64encode(each).decode()}\n" for each in self.proof)
        return f"old {self.old_size}\n{hashes}\n{self.note}"

    @classmethod
    def parse(cls, body: bytes) -> "AddCheckpoint":
        """Read a request's body. Raises `WitnessRefusal` 400 where it is malformed."""
        try:
            head, blank, note = body.decode("utf-8").partition("\n\n")
            first, *hashes = head.split("\n")
            if len(body) > MAX_REQUEST_BYTES or not blank or not first.startswith("old "):
                raise ProofInvalid("no old size line")
            if len(hashes) > MAX_PROOF_LINES:
                raise ProofInvalid("more than 63 proof lines")
            proof = tuple(decode_base64(each, "proof hash") for each in hashes)
            if any(len(each) != HASH_BYTES for each in proof):
                raise ProofInvalid("a proof hash is not 32 bytes long")
            return cls(decode_decimal(first.removeprefix("old "), "old size"), proof, note)
        except (ProofInvalid, UnicodeDecodeError) as error:
            raise WitnessRefusal(400, str(error)) from error


class Witness:
    """Cosigns the logs whose verifier keys it is given. Thread-safe and process-safe over one folder."""

    def __init__(
        self, folder: Path, signing_key: Ed25519PrivateKey, name: str, logs: Iterable[VerifierKey], clock: Clock
    ) -> None:
        self._folder = folder
        self._signing_key = signing_key
        self._key = witness_key(name, signing_key)
        self._logs = {key.name: key for key in logs}
        self._clock = clock
        self._lock = threading.Lock()

    @property
    def key(self) -> WitnessKey:
        """The public key to configure where cosignatures are checked."""
        return self._key

    def add_checkpoint(self, body: bytes) -> str:
        """The cosignature line for a checkpoint, once the record of it is durable.

        Raises:
            WitnessRefusal: see the table above. OSError: the record can't be written; nothing was signed.
        """
        asked = AddCheckpoint.parse(body)
        known, head = self._checked(asked.note)
        if asked.old_size > head.size:
            raise WitnessRefusal(400, "the old size is larger than the checkpoint")
        with self._locked():
            last = self._last(known)
            last_size = last.size if last else 0
            if asked.old_size != last_size:
                raise WitnessRefusal(409, "not the size that was cosigned last", last_size)
            self._require_consistent(asked, last, head)
            write_atomically(self._path(known), asked.note.encode())
        return cosign(asked.note, self._key.name, self._signing_key, int(self._clock.now().timestamp()))

    def last(self, origin: str) -> Checkpoint | None:
        """The latest checkpoint cosigned for a log; None for none."""
        known = self._logs.get(origin)
        return self._last(known) if known else None

    def _checked(self, note: str) -> tuple[VerifierKey, Checkpoint]:
        known = self._logs.get(note.partition("\n")[0])
        if known is None:
            raise WitnessRefusal(404, "this witness does not watch that log")
        try:
            return known, verify_checkpoint(note, known)
        except ProofInvalid as error:
            raise WitnessRefusal(403, str(error)) from error

    def _last(self, known: VerifierKey) -> Checkpoint | None:
        path = self._path(known)
        return verify_checkpoint(path.read_text("utf-8"), known) if path.exists() else None

    @staticmethod
    def _require_consistent(asked: AddCheckpoint, last: Checkpoint | None, head: Checkpoint) -> None:
        if last is not None and last.size == head.size and last.root != head.root:
            raise WitnessRefusal(409, "another root was cosigned at this size", last.size)
        old_root = last.root if last else b""
        try:
            verify_consistency(asked.old_size, head.size, asked.proof, old_root, head.root)
        except ProofInvalid as error:
            raise WitnessRefusal(422, str(error)) from error

    def _path(self, known: VerifierKey) -> Path:
        return self._folder / f"{hashlib.sha256(known.name.encode()).hexdigest()[:32]}.checkpoint"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock, (self._folder / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
