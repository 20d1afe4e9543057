"""The gate: decides, writes the decision into the log, and only then lets anybody see it. Fails closed.

    1. read the request         not readable -> refusal 901 on record, then UsageError to the caller
    2. filter, then consent, then a person's review of this very request
                                any fault    -> refusal 900 on record
    3. vault and log, durable   any fault    -> RequestRefused with code 910; there is no decision to act on
What the caller still owes: to stop on `refuse` and to hold on `review`.
"""

import hmac
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from core.canonical import canonical_json
from core.clock import Clock, rfc3339
from core.errors import ReelproofError, RequestRefused, UsageError
from policy.codes import Code, meaning
from policy.consent import ConsentRefused
from policy.consent_desk import ConsentDesk, ConsentUse
from policy.decision import Decision, Outcome, PolicyInput
from policy.log import DecisionLog
from policy.reviews import ReviewKind, ReviewQueue, ReviewState
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
    """A decision that stands in the log. `entry_id` names the erasable texts in the vault.

    `consent` is the consent that the decision rests on, if it rests on one.
    """

    decision: Decision
    log_index: int
    request_id: str
    entry_id: str
    consent: ConsentUse | None = None

    def to_json(self) -> dict[str, Any]:
        """`reelproof.decision/1` with `log_index`, `request_id`, `entry_id` and hints."""
        hints = [meaning(code).hint for code in self.decision.codes]
        return self.decision.to_json() | {
            "log_index": self.log_index,
            "request_id": self.request_id,
            "entry_id": self.entry_id,
            "hints": hints,
            "consent": self.consent.to_json() if self.consent else None,
        }


class PolicyGate:
    """Joins filter, consent desk, log and vault. Thread-safe. Without a desk no token is accepted."""

    def __init__(
        self,
        filter: DecidesRequests,
        log: DecisionLog,
        vault_folder: Path,
        clock: Clock,
        desk: ConsentDesk | None = None,
        reviews: ReviewQueue | None = None,
    ) -> None:
        self._filter = filter
        self._desk = desk
        self._reviews = reviews
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

    def decide(
        self,
        request: PolicyInput,
        *,
        request_id: str | None = None,
        generator: str = "",
        is_queued: bool = True,
    ) -> LoggedDecision:
        """Decide and log, durable on return. What is held waits for a person, unless it `is_queued` nowhere.

        Raises:
            UsageError: the text is too long or not readable; the refusal is on record.
            RequestRefused: the decision could not be logged (code 910); nothing may be made.
        """
        identity = request_id or f"req_{secrets.token_hex(12)}"
        unreadable: UsageError | None = None
        consent: ConsentUse | None = None
        try:
            decision, consent = self._decided(request, identity)
        except UsageError as error:
            unreadable, decision = error, self._refusal(Code.INPUT_NOT_READABLE)
        except Exception:  # whatever broke in a filter, the answer is no
            decision = self._refusal(Code.FILTER_FAILED)
        logged = self._logged(request, decision, identity, generator, consent)
        if is_queued:
            self._hold(request, logged)
        if unreadable is not None:
            raise unreadable
        return logged

    def require_consent(self, token_id: str, request_id: str) -> None:
        """Check at release that the consent a decision rested on still holds.

        Raises:
            RequestRefused: it was revoked, has expired or is unknown; that is on record.
        """
        try:
            if self._desk is None:
                raise ConsentRefused(Code.CONSENT_NOT_OURS)
            self._desk.require(token_id, request_id)
        except ConsentRefused as refused:
            code = int(refused.reason)
            index = self.record("consent", request_id, token_id=token_id, outcome="refuse", codes=[code])
            raise RequestRefused(
                str(refused), hint=refused.hint, reason_codes=(code,), log_index=index
            ) from refused

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

    def read_texts(self, entry_id: str, *, by: str, why: str, request_id: str = "") -> str | None:
        """What was asked, as the vault keeps it (JSON by field); None once erased. Who read it is on record first.

        Raises:
            RequestRefused: the reading could not be logged; nothing is shown. ConfigurationError: damaged vault.
        """
        self.record("access", request_id, entry_id=entry_id, by=by, why=why)
        kept = self._vault.read(entry_id)
        return None if kept is None else kept.decode("utf-8")

    def erase_texts(self, entry_id: str, *, by: str, why: str) -> bool:
        """Destroy an entry's key and text; says whether there was one. On record; the log still verifies."""
        was_there = self._vault.erase(entry_id)
        self.record("erasure", "", entry_id=entry_id, by=by, why=why, was_there=was_there)
        return was_there

    def _decided(self, request: PolicyInput, request_id: str) -> tuple[Decision, ConsentUse | None]:
        if self._desk is None or not request.consent_token:
            decision, consent = self._filter.decide(request), None
        else:
            plain = self._filter.decide(replace(request, consent_token=None))
            decision, consent = self._desk.weigh(request, plain, self._filter.decide, request_id)
        return self._reviewed(request, decision, request_id), consent

    def _reviewed(self, request: PolicyInput, decision: Decision, request_id: str) -> Decision:
        """The decision after a person looked at this very request, if one did and for these very reasons."""
        if self._reviews is None or decision.outcome is Outcome.ALLOW:
            return decision
        review = self._reviews.of_request(request_id, ReviewKind.INPUT)
        if review is None or not hmac.compare_digest(review.digest, self._reviews.digest(request)):
            return decision
        if review.state is ReviewState.REJECTED:
            return _overruled(decision, Outcome.REFUSE, Code.REVIEW_REJECTED)
        is_covered = review.state is ReviewState.APPROVED and set(decision.codes) <= set(review.codes)
        return _overruled(decision, Outcome.ALLOW, Code.REVIEW_APPROVED) if is_covered else decision

    def _hold(self, request: PolicyInput, logged: LoggedDecision) -> None:
        """Put a held request into the queue, and remember a refused one, so that it can be appealed."""
        decision = logged.decision
        if self._reviews is None or decision.outcome is Outcome.ALLOW or Code.REVIEW_REJECTED in decision.codes:
            return
        is_held = decision.outcome is Outcome.REVIEW
        self._reviews.put(
            ReviewKind.INPUT,
            ReviewState.WAITING if is_held else ReviewState.REFUSED,
            request_id=logged.request_id,
            entry_id=logged.entry_id,
            log_index=logged.log_index,
            codes=decision.codes,
            digest=self._reviews.digest(request),
            now=self._clock.now(),
        )

    def record_texts(self, stage: str, request_id: str, texts: dict[str, str], **facts: Any) -> str:
        """Log facts with commitments to texts, which the vault keeps; gives the entry's ID. Raises as `record`."""
        entry_id, key = secrets.token_hex(16), EntryKey.fresh()
        entry = {
            "v": ENTRY_VERSION,
            "id": entry_id,
            "time": rfc3339(self._clock.now()),
            "request_id": request_id,
            "stage": stage,
            "commitments": {name: key.commitment(name, _utf8(text)) for name, text in texts.items()},
            "facts": facts,
        }
        self._keep(entry_id, key, {name: _utf8(text) for name, text in texts.items()})
        self._append(entry)
        return entry_id

    def _refusal(self, code: Code) -> Decision:
        says = meaning(code)
        return Decision(Outcome.REFUSE, (int(code),), (says.category,), (says.reason,), self._filter.ruleset)

    def _logged(
        self,
        request: PolicyInput,
        decision: Decision,
        request_id: str,
        generator: str,
        consent: ConsentUse | None,
    ) -> LoggedDecision:
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
            "reference_facts": [
                {
                    "kind": one.kind,
                    "faces": one.faces,
                    "is_sure": one.is_sure,
                    "is_readable": one.is_readable,
                    "is_camera_origin": one.is_camera_origin,
                    # A plain digest of a picture could be looked up; this one tells nothing without the key.
                    "commitment": key.commitment(f"reference_{place}", one.sha256.encode()),
                }
                for place, one in enumerate(request.references)
            ],
            "consent": key.commitment("consent_token", _utf8(request.consent_token))
            if request.consent_token
            else None,
            "consent_use": consent.to_json() if consent else None,
            "generator": generator,
        }
        self._keep(entry_id, key, texts)
        return LoggedDecision(decision, self._append(entry), request_id, entry_id, consent)

    def _keep(self, entry_id: str, key: EntryKey, texts: dict[str, bytes]) -> None:
        try:
            kept = {name: text.decode("utf-8", "backslashreplace") for name, text in texts.items()}
            self._vault.keep(entry_id, key, canonical_json(kept))
        except OSError as error:
            raise _unlogged() from error

    def _append(self, entry: dict[str, Any]) -> int:
        try:
            return self._log.append(entry)
        except (ReelproofError, OSError) as error:
            raise _unlogged() from error


def _overruled(decision: Decision, outcome: Outcome, code: Code) -> Decision:
    says = meaning(code)
    return replace(
        decision,
        outcome=outcome,
        codes=(int(code),),
        categories=(says.category,),
        reasons=(says.reason,),
        rules=tuple(sorted({*decision.rules, "review"})),
    )


def _utf8(text: str) -> bytes:
    """The text's bytes; lone surrogates, which UTF-8 can't carry, keep their own three-byte form."""
    return text.encode("utf-8", "surrogatepass")


def _unlogged() -> RequestRefused:
    says = meaning(Code.LOG_UNAVAILABLE)
    return RequestRefused(says.reason, hint=says.hint, reason_codes=(int(Code.LOG_UNAVAILABLE),), log_index=None)
