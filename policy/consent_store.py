"""Where consents, their uses and their revocations are kept: one SQLite file. Never a name.

A use is counted once a request, however often the request is repeated after a crash; counting and looking are
one transaction, so that two requests can't share the last use. Thread-safe and process-safe.
"""

import json
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.clock import rfc3339
from policy.codes import Code
from policy.consent import Consent
from policy.transactions import transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS consents (
    token_id TEXT PRIMARY KEY, claims TEXT NOT NULL, label TEXT NOT NULL, granted_by TEXT NOT NULL,
    revoked_at TEXT, revoked_by TEXT);
CREATE TABLE IF NOT EXISTS uses (
    token_id TEXT NOT NULL REFERENCES consents, request_id TEXT NOT NULL, used_at TEXT NOT NULL,
    PRIMARY KEY (token_id, request_id));
"""


@dataclass(frozen=True)
class ConsentRecord:
    """A consent as it stands: its claims, the granter's own label, how often it was used, when it was revoked."""

    consent: Consent
    label: str
    granted_by: str
    uses: int
    revoked_at: str | None

    def state(self, now: datetime) -> str:
        """valid, not yet valid, expired, used up, or revoked."""
        if self.revoked_at:
            return "revoked"
        if now >= self.consent.expires:
            return "expired"
        if self.uses >= self.consent.max_uses:
            return "used up"
        return "not yet valid" if now < self.consent.not_before else "valid"

    def to_json(self, now: datetime) -> dict[str, Any]:
        """The record as `reelproof.consent/1` shows it. No name, no token."""
        one = self.consent
        return {
            "schema": "reelproof.consent/1",
            "id": one.token_id,
            "label": self.label,
            "state": self.state(now),
            "scope": str(one.scope),
            "callers": list(one.callers),
            "purposes": list(one.purposes),
            "granted_at": rfc3339(one.granted_at),
            "granted_by": self.granted_by,
            "not_before": rfc3339(one.not_before),
            "expires": rfc3339(one.expires),
            "uses": self.uses,
            "max_uses": one.max_uses,
            "revoked_at": self.revoked_at,
            "subject": one.subjects[0],
        }


class ConsentStore:
    """Consents in one SQLite file. Everything is durable on return."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, consent: Consent, *, label: str, granted_by: str) -> None:
        """Remember a new consent. Raises `ConfigurationError` where the file can't be written."""
        claims = json.dumps(consent.claims())
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO consents (token_id, claims, label, granted_by) VALUES (?, ?, ?, ?)",
                (consent.token_id, claims, label, granted_by),
            )

    def get(self, token_id: str) -> ConsentRecord | None:
        """A consent by its ID, None where there is none."""
        with self._transaction() as connection:
            rows = _records(connection, "WHERE token_id = ?", (token_id,))
        return rows[0] if rows else None

    def all(self) -> list[ConsentRecord]:
        """Every consent, newest first."""
        with self._transaction() as connection:
            return _records(connection, "ORDER BY rowid DESC", ())

    def revoke(self, token_id: str, *, now: datetime, by: str) -> bool:
        """Take a consent back; True the first time, False where there is none or it was revoked before."""
        with self._transaction() as connection:
            changed = connection.execute(
                "UPDATE consents SET revoked_at = ?, revoked_by = ? WHERE token_id = ? AND revoked_at IS NULL",
                (rfc3339(now), by, token_id),
            )
            return changed.rowcount == 1

    def problem(self, consent: Consent, request_id: str) -> Code | None:
        """Why the token can't be used for this request (unknown, revoked, used up), or None."""
        with self._transaction() as connection:
            return _problem(connection, consent, request_id)

    def use(self, consent: Consent, request_id: str, now: datetime) -> Code | None:
        """Count one use for a request, once; gives why it can't be, or None."""
        with self._transaction() as connection:
            problem = _problem(connection, consent, request_id)
            if problem is None:
                connection.execute(
                    "INSERT OR IGNORE INTO uses (token_id, request_id, used_at) VALUES (?, ?, ?)",
                    (consent.token_id, request_id, rfc3339(now)),
                )
            return problem

    def _transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        return transaction(self._path, _SCHEMA, "consents")


def _problem(connection: sqlite3.Connection, consent: Consent, request_id: str) -> Code | None:
    row = connection.execute("SELECT revoked_at FROM consents WHERE token_id = ?", (consent.token_id,)).fetchone()
    if row is None:
        return Code.CONSENT_NOT_OURS
    if row[0] is not None:
        return Code.CONSENT_REVOKED
    used_by = [
        each[0]
        for each in connection.execute("SELECT request_id FROM uses WHERE token_id = ?", (consent.token_id,))
    ]
    is_new = request_id not in used_by
    return Code.CONSENT_EXHAUSTED if is_new and len(used_by) >= consent.max_uses else None


def _records(connection: sqlite3.Connection, where: str, values: tuple[str, ...]) -> list[ConsentRecord]:
    rows = connection.execute(
        "SELECT claims, label, granted_by, revoked_at,"
        f" (SELECT COUNT(*) FROM uses WHERE uses.token_id = consents.token_id) FROM consents {where}",
        values,
    ).fetchall()
    return [
        ConsentRecord(Consent.of_claims(json.loads(claims)), label, granted_by, uses, revoked_at)
        for claims, label, granted_by, revoked_at, uses in rows
    ]
