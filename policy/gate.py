"""The gate: decides, writes the decision into the log, and only then lets anybody see it. Fails closed.

    1. read the request         not readable -> refusal 901 on record, then UsageError to the caller
    2. filter                   any fault    -> refusal 900 on record
    3. vault and log, durable   any fault    -> RequestRefused with code 910; there is no decision to act on
What the caller still owes: to stop on `refuse` and to hold on `review`.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from core.canonical import canonical_json
from core.clock import Clock, rfc3339
from core.errors import ReelproofError, RequestRefused, UsageError
from policy.codes import Code, meaning
from policy.decision import Decision, Outcome, PolicyInput
from policy.log import DecisionLog
from policy.vault import EntryKey, Vault

ENTRY_VERSION = 1


class DecidesRequests(Protocol):
    """A policy filter. Thread-safe, without side effects; the same input and rule set give the same decision."""

    @property
    def ruleset(self) -> str:
        """The digest over every list, rule and model that takes part."""
        ...

    def decide(self, request: PolicyInput) -> Decision:
        """The decision. Raises `UsageError` for a text that is too long to read."""
        ...


@dataclass(frozen=True)
class LoggedDecision:
    """A decision that stands in the log. `entry_id` names the erasable texts in the vault."""

    decision: Decision
    log_index: int
    request_id: str
    entry_id: str

    def to_json(self) -> dict[str, Any]:
        """`reelproof.decision/1` with `log_index`, `request_id`, `entry_id` and hints."""
        hints = [meaning(code).hint for code in self.decision.codes]
        return self.decision.to_json() | {
            "log_index": self.log_index,
            "request_id": self.request_id,
            "entry_id": self.entry_id,
            "hints": hints,
        }


class PolicyGate:
    """Joins filter, log and vault. Thread-safe."""

    def __init__(self, filter: DecidesRequests, log: DecisionLog, vault_folder: Path, clock: Clock) -> None:
        self._filter = filter
        self._log = log
        self._vault = Vault(vault_folder)
        self._clock = clock

    @property
    def log(self) -> DecisionLog:
        """The log that this gate writes to."""
        return self._log

    @property
    def vault(self) -> Vault:
        """The erasable texts beside the log."""
        return self._vault

    @property
    def ruleset(self) -> str:
        """The filter's rule set digest."""
        return self._filter.ruleset

    def decide(self, request: PolicyInput, *, request_id: str | None = None, generator: str = "") -> LoggedDecision:
        """Decide and log, durable on return.

        Raises:
            UsageError: the text is too long or not readable; the refusal is on record.
            RequestRefused: the decision could not be logged (code 910); nothing may be made.
        """
        identity = request_id or f"req_{secrets.token_hex(12)}"
        unreadable: UsageError | None = None
        try:
            decision = self._filter.decide(request)
        except UsageError as error:
            unreadable, decision = error, self._refusal(Code.INPUT_NOT_READABLE)
        except Exception:  # whatever broke in a filter, the answer is no
            decision = self._refusal(Code.FILTER_FAILED)
        logged = self._logged(request, decision, identity, generator)
        if unreadable is not None:
            raise unreadable
        return logged

    def record(self, stage: str, request_id: str, **facts: Any) -> int:
        """Log what became of a request (sign-intent, release, failure); gives the index, durable on return.

        Raises:
            RequestRefused: it could not be logged (code 910); stop, and publish nothing.
        """
        entry = {
            "v": ENTRY_VERSION,
            "id": secrets.token_hex(16),
            "time": rfc3339(self._clock.now()),
            "request_id": request_id,
            "stage": stage,
            "facts": facts,
        }
        return self._append(entry)

    def _refusal(self, code: Code) -> Decision:
        says = meaning(code)
        return Decision(Outcome.REFUSE, (int(code),), (says.category,), (says.reason,), self._filter.ruleset)

    def _logged(self, request: PolicyInput, decision: Decision, request_id: str, generator: str) -> LoggedDecision:
        entry_id, key = secrets.token_hex(16), EntryKey.fresh()
        texts = {name: _utf8(text) for name, text in request.texts.items()}
        entry = {
            "v": ENTRY_VERSION,
            "id": entry_id,
            "time": rfc3339(self._clock.now()),
            "request_id": request_id,
            "stage": request.stage,
            "outcome": str(decision.outcome),
            "codes": list(decision.codes),
            "rules": list(decision.rules),
            "spans": list(decision.spans),
            "score": decision.score,
            "threshold": decision.threshold,
            "ruleset": decision.ruleset,
            "views": list(decision.views),
            "commitments": {name: key.commitment(name, text) for name, text in texts.items()},
            "references": list(request.reference_kinds),
            "consent": key.commitment("consent_token", _utf8(request.consent_token))
            if request.consent_token
            else None,
            "generator": generator,
        }
        try:
            kept = {name: text.decode("utf-8", "backslashreplace") for name, text in texts.items()}
            self._vault.keep(entry_id, key, canonical_json(kept))
        except OSError as error:
            raise _unlogged() from error
        return LoggedDecision(decision, self._append(entry), request_id, entry_id)

    def _append(self, entry: dict[str, Any]) -> int:
        try:
            return self._log.append(entry)
        except (ReelproofError, OSError) as error:
            raise _unlogged() from error


def _utf8(text: str) -> bytes:
    """The text's bytes; lone surrogates, which UTF-8 can't carry, keep their own three-byte form."""
    return text.encode("utf-8", "surrogatepass")


def _unlogged() -> RequestRefused:
    says = meaning(Code.LOG_UNAVAILABLE)
    return RequestRefused(says.reason, hint=says.hint, reason_codes=(int(Code.LOG_UNAVAILABLE),), log_index=None)
