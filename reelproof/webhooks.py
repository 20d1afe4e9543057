"""Telling a caller's own server that a verdict is there, after the Standard Webhooks specification (v1.0.0).

Each message carries `webhook-id`, `webhook-timestamp` and `webhook-signature`. It is signed with this server's
Ed25519 key (`v1a`; receivers need only the public half, so that none of them can forge a message to another) and,
where a secret is set, also with HMAC-SHA256 (`v1`), which every library of the specification knows. What is still
to be told lies as files in a folder and outlives a restart. Addresses are callers': only public https ones are
asked, redirects are not followed, and the answer's body is not read.
"""

import base64
import hmac
import http.client
import json
import logging
import secrets
import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.clock import Clock, rfc3339
from core.errors import ConfigurationError, ReelproofError, UsageError
from core.files import write_atomically
from provenance.fetching import public_addresses
from reelproof.job_values import Job, JobState

RETRY_AFTER_S = (5, 300, 1_800, 7_200, 18_000, 36_000)
"""Seconds from one failed try to the next, as the specification suggests; after the last the message is dropped."""
MAX_PENDING = 1_000
EVERY_S = 1.0
_ANSWER_WAIT_S, _AT_ONCE = 10.0, 4
_GONE = 410
_SECRET_PREFIX, _PUBLIC_PREFIX = "whsec_", "whpk_"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Signing:
    """What messages are signed with: always `key`, and `secret` (raw bytes) where one is set."""

    key: Ed25519PrivateKey
    secret: bytes | None = None

    @property
    def public(self) -> str:
        """The public key as the specification writes it: `whpk_` and base64."""
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return _PUBLIC_PREFIX + base64.b64encode(raw).decode()

    def headers(self, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
        """The three headers of one message. The time is signed as well: receivers refuse old ones."""
        seconds = str(int(at.timestamp()))
        content = f"{message_id}.{seconds}.".encode() + body
        signatures = ["v1a," + base64.b64encode(self.key.sign(content)).decode()]
        if self.secret is not None:
            digest = hmac.new(self.secret, content, sha256).digest()
            signatures.insert(0, "v1," + base64.b64encode(digest).decode())
        return {
            "webhook-id": message_id,
            "webhook-timestamp": seconds,
            "webhook-signature": " ".join(signatures),
        }


def secret_bytes(text: str) -> bytes:
    """The bytes of a secret in the specification's form, `whsec_` and base64 of 24 to 64 bytes.

    Raises:
        ConfigurationError: `webhook_secret`.
    """
    try:
        found = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except ValueError:
        found = b""
    if not text.startswith(_SECRET_PREFIX) or not 24 <= len(found) <= 64:
        raise ConfigurationError(
            "the webhook secret is not in the form of the Standard Webhooks specification",
            code="webhook_secret",
            hint="Use `whsec_` followed by base64 of 24 to 64 random bytes.",
        )
    return found


def checked_target(url: str, *, allows_private: bool = False) -> SplitResult:
    """The parts of an address that may be told. Asks nobody; where it leads is checked when it is used.

    Raises:
        UsageError: `bad_url`: no https address, or one with a user name or odd characters in it.
    """
    schemes = ("https", "http") if allows_private else ("https",)
    strange = len(url) > 2_000 or any(ord(one) <= 32 or ord(one) > 126 for one in url)
    try:
        parts = urlsplit("" if strange else url)
        is_sound = parts.scheme in schemes and bool(parts.hostname) and parts.username is None
        is_sound = is_sound and (parts.port is None or parts.port > 0)
    except ValueError:
        is_sound = False
    if not is_sound:
        raise UsageError("this is no https address", code="bad_url", hint="Give one such as https://host/path.")
    return parts


class Webhooks:
    """Who is to be told of which job, durably. Thread-safe: each job has a file of its own.

    `allows_private` also takes http and addresses in this network; it is for tests on one machine.
    """

    def __init__(self, folder: Path, signing: Signing, clock: Clock, *, allows_private: bool = False) -> None:
        self._folder = folder
        self._signing = signing
        self._clock = clock
        self._allows_private = allows_private

    @property
    def public_key(self) -> str:
        """What receivers check signatures with."""
        return self._signing.public

    def check(self, url: str) -> None:
        """Turn away what can't be told. Asks nobody. Raises UsageError: `bad_url`."""
        checked_target(url, allows_private=self._allows_private)

    def register(self, job_id: str, url: str) -> None:
        """Tell this address when the job has ended. Durable on return.

        Raises:
            UsageError: `bad_url`, or `webhooks_full` where too many messages wait already.
        """
        self.check(url)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if sum(1 for _ in self._folder.glob("*.json")) >= MAX_PENDING:
            raise UsageError(
                "too many messages wait to be told", code="webhooks_full", hint="Ask for the verdict instead."
            )
        message_id = "msg_" + secrets.token_hex(16)
        self._write(job_id, {"job_id": job_id, "url": url, "message_id": message_id, "tries": 0, "next_at": 0})

    def tell_due(self, job_of: Callable[[str], Job | None]) -> int:
        """Tell everybody whose job has ended and whose time has come; how many messages were taken."""
        due = []
        for path in sorted(self._folder.glob("*.json")):
            entry = _entry(path)
            if entry is None:
                path.unlink(missing_ok=True)
            elif entry["next_at"] <= self._clock.now().timestamp():
                due.append((path, entry, job_of(entry["job_id"])))
        # Some at a time, so that one receiver that never answers holds up few others.
        with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="webhook") as pool:
            return sum(pool.map(lambda one: self._tell(*one), due))

    def _tell(self, path: Path, entry: dict[str, Any], job: Job | None) -> bool:
        if job is None and "event" not in entry:
            path.unlink(missing_ok=True)  # deleted or expired before it ended: there is nothing to tell
            return False
        if job is not None and not job.state.is_final:
            return False
        if "event" not in entry and job is not None:
            entry["event"] = event_of(job, self._clock.now())
        status = self._post(entry)
        if 200 <= status < 300 or status == _GONE or entry["tries"] >= len(RETRY_AFTER_S):
            path.unlink(missing_ok=True)
            return 200 <= status < 300
        entry["next_at"] = self._clock.now().timestamp() + RETRY_AFTER_S[entry["tries"]]
        entry["tries"] += 1
        self._write(entry["job_id"], entry)
        return False

    def _post(self, entry: Mapping[str, Any]) -> int:
        """The HTTP status of one try; 0 where nobody answered."""
        body = json.dumps(entry["event"], separators=(",", ":")).encode()
        headers = self._signing.headers(entry["message_id"], self._clock.now(), body)
        headers |= {"Content-Type": "application/json", "User-Agent": "reelproof", "Connection": "close"}
        try:
            connection, path = self._connected(entry["url"])
        except (ReelproofError, OSError) as fault:
            _log.info("webhook %s: %s", entry["message_id"], type(fault).__name__)
            return 0
        try:
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException) as fault:
            _log.info("webhook %s: %s", entry["message_id"], type(fault).__name__)
            return 0
        finally:
            connection.close()

    def _connected(self, url: str) -> tuple[http.client.HTTPConnection, str]:
        """A connection to the very address that was checked, and what to ask for on it."""
        parts = checked_target(url, allows_private=self._allows_private)
        host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
        address = host if self._allows_private else public_addresses(host, port)[0]
        connection = http.client.HTTPConnection(host, port, timeout=_ANSWER_WAIT_S)
        plain = socket.create_connection((address, port), timeout=_ANSWER_WAIT_S)
        if parts.scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        else:
            connection.sock = plain
        return connection, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _write(self, job_id: str, entry: Mapping[str, Any]) -> None:
        write_atomically(self._folder / f"{job_id}.json", json.dumps(entry).encode(), mode=0o600)


def event_of(job: Job, now: datetime) -> dict[str, Any]:
    """The message about an ended verification: its ID, what came out and where to read it; nothing of the clip."""
    done = job.state is JobState.COMPLETED
    at = datetime.fromtimestamp(job.completed_at, UTC) if job.completed_at is not None else now
    outcome = dict(job.results.get("verify") or {})
    failure = {"code": job.failure.code, "message": job.failure.message} if job.failure is not None else None
    return {
        "type": "verification.completed" if done else "verification.failed",
        "timestamp": rfc3339(at),
        "data": {
            "id": job.job_id,
            "url": f"/v1/verify/{job.job_id}",
            "conclusion": outcome.get("conclusion"),
            "origin": outcome.get("origin"),
            "error": failure,
        },
    }


def _entry(path: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        entry = json.loads(path.read_bytes())
        if isinstance(entry, dict) and {"job_id", "url", "message_id", "tries", "next_at"} <= entry.keys():
            return entry
    return None
