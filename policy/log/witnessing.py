"""The log's side of witnesses: ask one to cosign, keep what it gave, and tell when it saw another log than ours.

Cosigned checkpoints lie in `witnessed/` of the log's folder, one file a witness. The witness itself remembers more
than this folder does: that is how a rollback is found even where the folder was rolled back as a whole.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ServiceUnreachable
from core.files import write_atomically
from policy.log.cosignature import WitnessKey, verify_cosignature
from policy.log.note import Checkpoint, ProofInvalid
from policy.log.proof import verify_consistency
from policy.log.reader import LogReader
from policy.log.witness import AddCheckpoint

Post = Callable[[bytes], tuple[int, bytes]]
"""Sends a request body to a witness's `add-checkpoint`; gives status and answer, or raises ServiceUnreachable."""
_MAX_ROUNDS = 4
_MAX_ANSWER_BYTES = 10_000


@dataclass(frozen=True)
class WitnessReport:
    """What came of asking one witness. `problem` is empty where it cosigned our latest checkpoint.

    `is_contradiction` says that the witness saw another log: rolled back, rewritten or split.
    """

    name: str
    size: int
    time_s: int = 0
    problem: str = ""
    is_contradiction: bool = False

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON."""
        return {**vars(self), "ok": not self.problem}


class WitnessClient:
    """Asks one witness about one log. Thread-safe."""

    def __init__(self, reader: LogReader, folder: Path, key: WitnessKey, post: Post) -> None:
        self._reader = reader
        self._key = key
        self._post = post
        name = hashlib.sha256(str(key).encode()).hexdigest()[:32]
        self._kept = folder / "witnessed" / f"{name}.checkpoint"

    def ask(self) -> WitnessReport:
        """Have our latest checkpoint cosigned. Never raises for what the witness answers or for silence."""
        try:
            return self._ask()
        except ServiceUnreachable as error:
            return WitnessReport(self._key.name, self._last_size(), problem=str(error))
        except ProofInvalid as error:
            return WitnessReport(self._key.name, self._last_size(), problem=str(error), is_contradiction=True)

    def kept(self) -> str | None:
        """The latest checkpoint this witness cosigned, with its cosignature; None for none."""
        return self._kept.read_text("utf-8") if self._kept.exists() else None

    def check_kept(self) -> WitnessReport:
        """Check, without asking anybody, that the log continues the checkpoint that was cosigned last."""
        note = self.kept()
        if note is None:
            return WitnessReport(self._key.name, 0, problem="never cosigned")
        try:
            time_s = verify_cosignature(note, self._key)
            old, head = self._reader.verified(note), self._reader.head()
            if old.size > head.size:
                raise ProofInvalid(f"the log was rolled back from {old.size} to {head.size} entries")
            proof = self._reader.consistency_between(old.size, head.size)
            verify_consistency(old.size, head.size, proof, old.root, head.root)
        except ProofInvalid as error:
            return WitnessReport(self._key.name, 0, problem=str(error), is_contradiction=True)
        return WitnessReport(self._key.name, old.size, time_s)

    def _ask(self) -> WitnessReport:
        old_size = self._last_size()
        for _ in range(_MAX_ROUNDS):
            note = self._reader.checkpoint()
            head = self._reader.verified(note)
            if old_size > head.size:
                raise ProofInvalid(
                    f"the log was rolled back: a witness cosigned {old_size} entries, it has {head.size}"
                )
            proof = self._reader.consistency_between(old_size, head.size)
            status, answer = self._post(AddCheckpoint(old_size, tuple(proof), note).text().encode())
            if status == 200:
                return self._keep(note, head, answer)
            if status != 409 or self._size_of(answer) == old_size:
                raise self._refused(status)
            old_size = self._size_of(answer)
        raise ServiceUnreachable(
            "the witness is asked by others at the same time", code="witness_busy", hint="Try again in a minute."
        )

    def _keep(self, note: str, head: Checkpoint, answer: bytes) -> WitnessReport:
        text = answer[:_MAX_ANSWER_BYTES].decode("utf-8", "replace")
        cosigned = note + "".join(f"{line}\n" for line in text.splitlines() if self._key.name in line)
        try:
            time_s = verify_cosignature(cosigned, self._key)
        except ProofInvalid as error:
            raise _odd("the witness's answer is no cosignature of this checkpoint") from error
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._kept, cosigned.encode())
        return WitnessReport(self._key.name, head.size, time_s)

    def _last_size(self) -> int:
        note = self.kept()
        return 0 if note is None else self._reader.verified(note).size

    @staticmethod
    def _size_of(answer: bytes) -> int:
        text = answer.decode("ascii", "replace").strip()
        if not text.isdigit() or len(text) > 19:
            raise _odd("the witness named no size")
        return int(text)

    @staticmethod
    def _refused(status: int) -> Exception:
        says = {
            409: "the witness cosigned another root at this size: the log was rewritten",
            422: "the log does not continue what the witness cosigned: it was rewritten or split",
        }
        if status in says:
            return ProofInvalid(says[status], hint="keep the log's folder as evidence and compare it with a copy")
        return ServiceUnreachable(
            f"the witness refused the checkpoint ({status})",
            code="witness_refused",
            hint="Check that it was given this log's verifier key.",
        )


def _odd(message: str) -> ServiceUnreachable:
    """An answer that says nothing about the log: the witness is at fault, or what stands at its address."""
    return ServiceUnreachable(message, code="witness_odd", hint="Check the witness's address and verifier key.")
