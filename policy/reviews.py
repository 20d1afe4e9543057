"""What waits for a person: one SQLite file of requests that were held, and of refusals that may be appealed.

Holds no text: what was asked lies in the vault, and only a keyed digest of it here, so that an approval lets
exactly the request go on that a person has seen. Thread-safe and process-safe; durable on return.
"""

import hmac
import json
import secrets
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

from core.canonical import canonical_json
from core.clock import rfc3339
from core.errors import UsageError
from policy.codes import Code, meaning
from policy.decision import PolicyInput
from policy.transactions import transaction

NEVER_LIFTED = frozenset(
    {
        Code.MINORS_SEXUAL,
        Code.LIKENESS_SEXUAL,
        Code.LIKENESS_MINORS,
        Code.LIKENESS_DECEPTION,
        Code.REFERENCE_UNREADABLE,
        Code.CONSENT_MALFORMED,
        Code.CONSENT_NOT_OURS,
        Code.CONSENT_NOT_YET_VALID,
        Code.CONSENT_EXPIRED,
        Code.CONSENT_EXHAUSTED,
        Code.CONSENT_REVOKED,
        Code.CONSENT_OTHER_CALLER,
        Code.CONSENT_OTHER_PURPOSE,
        Code.FILTER_FAILED,
        Code.INPUT_NOT_READABLE,
        Code.LOG_UNAVAILABLE,
    }
)
"""Reasons that no reviewer can overrule."""
_COLUMNS = (
    "review_id, request_id, kind, entry_id, log_index, codes, digest, state, created_at, decided_at, decided_by"
)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS reviews (
    review_id TEXT PRIMARY KEY, request_id TEXT NOT NULL, kind TEXT NOT NULL, entry_id TEXT NOT NULL,
    log_index INTEGER NOT NULL, codes TEXT NOT NULL, digest TEXT NOT NULL, state TEXT NOT NULL,
    created_at TEXT NOT NULL, decided_at TEXT, decided_by TEXT, UNIQUE (request_id, kind));
CREATE TABLE IF NOT EXISTS statements (review_id TEXT PRIMARY KEY, entry_id TEXT NOT NULL);
"""


class ReviewState(StrEnum):
    """Where a review stands. `refused` was decided by the filter alone and may be appealed."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    REFUSED = "refused"


class ReviewKind(StrEnum):
    """What is looked at: the request itself, or the finished frames."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True)
class Review:
    """One request before a person. `entry_id` names its texts in the vault, `log_index` the decision."""

    review_id: str
    request_id: str
    kind: ReviewKind
    entry_id: str
    log_index: int
    codes: tuple[int, ...]
    digest: str
    state: ReviewState
    created_at: str
    decided_at: str | None = None
    decided_by: str | None = None

    @property
    def may_be_approved(self) -> bool:
        """Whether a person may let it go on at all."""
        return not NEVER_LIFTED.intersection(self.codes)

    def to_json(self) -> dict[str, Any]:
        """The review as `reelproof.review/1`, without any text."""
        return {
            "schema": "reelproof.review/1",
            "id": self.review_id,
            "request_id": self.request_id,
            "kind": str(self.kind),
            "state": str(self.state),
            "log_index": self.log_index,
            "entry_id": self.entry_id,
            "codes": list(self.codes),
            "reasons": [meaning(code).reason for code in self.codes],
            "may_be_approved": self.may_be_approved,
            "created_at": self.created_at,
            "decided_at": self.decided_at,
            "decided_by": self.decided_by,
        }


class ReviewQueue:
    """Reviews in one SQLite file. `secret` keys the digests of what was asked."""

    def __init__(self, path: Path, secret: bytes) -> None:
        self._path = path
        self._secret = secret

    def digest(self, request: PolicyInput) -> str:
        """A keyed digest of everything a person would look at: texts, references, who asks and what for."""
        asked = {
            "texts": {name: text.encode("utf-8", "surrogatepass").hex() for name, text in request.texts.items()},
            "references": [one.sha256 for one in request.references],
            "kinds": list(request.reference_kinds),
            "caller": request.caller,
            "purpose": request.purpose,
        }
        return hmac.new(self._secret, canonical_json(asked), sha256).hexdigest()

    def put(
        self,
        kind: ReviewKind,
        state: ReviewState,
        *,
        request_id: str,
        entry_id: str,
        log_index: int,
        codes: tuple[int, ...],
        digest: str,
        now: datetime,
    ) -> Review:
        """A held or refused request, once a request and kind: asked again unchanged, it is the same review."""
        with self._transaction() as connection:
            known = _one(connection, "request_id = ? AND kind = ?", (request_id, kind))
            if known is not None and known.digest == digest and set(known.codes) >= set(codes):
                return known
            connection.execute("DELETE FROM reviews WHERE request_id = ? AND kind = ?", (request_id, kind))
            review_id = f"rev_{secrets.token_hex(8)}"
            values = (review_id, request_id, kind, entry_id, log_index, json.dumps(codes), digest, state)
            connection.execute(
                f"INSERT INTO reviews ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,NULL,NULL)", (*values, rfc3339(now))
            )
            return _known(_one(connection, "review_id = ?", (review_id,)), review_id)

    def get(self, review_id: str) -> Review:
        """One review. Raises `UsageError` where there is none of this ID."""
        with self._transaction() as connection:
            return _known(_one(connection, "review_id = ?", (review_id,)), review_id)

    def of_request(self, request_id: str, kind: ReviewKind) -> Review | None:
        """The review of a request, None where there is none."""
        with self._transaction() as connection:
            return _one(connection, "request_id = ? AND kind = ?", (request_id, kind))

    def of_entry(self, log_index: int) -> Review | None:
        """The review of the decision at this place of the log, None where there is none."""
        with self._transaction() as connection:
            return _one(connection, "log_index = ?", (str(log_index),))

    def all(self, state: ReviewState | None = ReviewState.WAITING, limit: int = 200) -> list[Review]:
        """Reviews in a state (None: any but untouched refusals), oldest first."""
        where = "state = ?" if state else "state != ?"
        with self._transaction() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM reviews WHERE {where} ORDER BY rowid LIMIT ?",
                (state or ReviewState.REFUSED, limit),
            )
            return [_review(row) for row in rows]

    def check(self, review_id: str, state: ReviewState) -> Review:
        """The review, if it may be put into a state. Raises as `move` does."""
        review = self.get(review_id)
        _check_move(review, state)
        return review

    def keep_statement(self, review_id: str, entry_id: str) -> None:
        """Remember under which vault entry an appeal's statement lies; the latest counts."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO statements VALUES (?, ?)", (review_id, entry_id))

    def statement_of(self, review_id: str) -> str | None:
        """The vault entry of an appeal's statement, None where nobody appealed."""
        with self._transaction() as connection:
            row = connection.execute("SELECT entry_id FROM statements WHERE review_id = ?", (review_id,)).fetchone()
            return None if row is None else str(row[0])

    def move(self, review_id: str, state: ReviewState, *, now: datetime, by: str | None = None) -> Review:
        """Put a review into another state.

        Raises:
            UsageError: there is no such review, it was decided before, or nobody may approve it.
        """
        with self._transaction() as connection:
            known = _known(_one(connection, "review_id = ?", (review_id,)), review_id)
            _check_move(known, state)
            connection.execute(
                "UPDATE reviews SET state = ?, decided_at = ?, decided_by = ? WHERE review_id = ?",
                (state, rfc3339(now) if by else None, by, review_id),
            )
            return _known(_one(connection, "review_id = ?", (review_id,)), review_id)

    def forget_before(self, instant: datetime) -> int:
        """Drop reviews that began before an instant; gives how many."""
        with self._transaction() as connection:
            return connection.execute("DELETE FROM reviews WHERE created_at < ?", (rfc3339(instant),)).rowcount

    def _transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        return transaction(self._path, _SCHEMA, "reviews")


def _one(connection: sqlite3.Connection, where: str, values: tuple[str, ...]) -> Review | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM reviews WHERE {where}", values).fetchone()
    return None if row is None else _review(row)


def _review(row: tuple[Any, ...]) -> Review:
    review_id, request_id, kind, entry_id, log_index, codes, digest, state, created_at, decided_at, by = row
    return Review(
        review_id,
        request_id,
        ReviewKind(kind),
        entry_id,
        log_index,
        tuple(json.loads(codes)),
        digest,
        ReviewState(state),
        created_at,
        decided_at,
        by,
    )


def _known(review: Review | None, review_id: str) -> Review:
    if review is None:
        raise UsageError(
            f"there is no review {review_id[:40]!r}", code="no_review", hint="`reelproof review list` shows them"
        )
    return review


def _check_move(review: Review, state: ReviewState) -> None:
    if review.state not in (ReviewState.WAITING, ReviewState.REFUSED):
        raise UsageError(
            f"this review was {review.state} before",
            code="review_decided",
            hint="a decision stands; ask again anew",
        )
    if review.state is state:
        raise UsageError(
            "this waits for a person already", code="review_waiting", hint="a decision will stand in the log"
        )
    if state in (ReviewState.APPROVED, ReviewState.WAITING) and not review.may_be_approved:
        raise UsageError(
            "nobody can allow this: its reasons are never lifted",
            code="review_never",
            hint="sexual content or minors with a likeness, deception and bad consent tokens stay refused",
        )
