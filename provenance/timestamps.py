"""Whether a time-stamp server (RFC 3161) can be relied on right now, and what to do when it can't.

The C2PA library asks the server itself while signing and waits up to 30 seconds for a silent one. So the server is
asked for a stamp of our own first, with a short limit, and after a failure it is left alone for a while (a circuit
breaker). A clip is then signed without a stamp, or not signed yet; never signed in half.
"""

import hashlib
import http.client
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal
from urllib.parse import urlsplit

from core.errors import ConfigurationError, ServiceUnreachable

WhenDown = Literal["wait", "untimed"]

_REST_S, _LONGEST_REST_S = 15.0, 600.0
_MAX_REPLY_BYTES = 64 << 10
_SHA256_OID = bytes.fromhex("300d06096086480165030402010500")  # AlgorithmIdentifier, DER
_GRANTED = (0, 1)  # RFC 3161 §2.4.2: granted, granted with modifications


@dataclass
class TimeStamping:
    """A time-stamp server behind a circuit breaker. Thread-safe.

    `when_down`: "untimed" signs without a stamp, "wait" tries again for `wait_s` seconds and then raises. After the
    n-th failure in a row the server is not asked for 15 · 2^(n-1) seconds, ten minutes at most.
    """

    url: str
    when_down: WhenDown = "wait"
    wait_s: float = 60.0
    ask_s: float = 5.0
    clock_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _failures: int = 0
    _resting_until_s: float = 0.0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname:
            raise ConfigurationError(
                f"the time-stamp server's address is no http or https URL: {self.url!r}",
                code="bad_tsa_url",
                hint="set it to the RFC 3161 address of your time-stamp authority, or leave it unset",
            )

    def url_to_sign_with(self) -> str | None:
        """The server's address once it has answered just now; None to sign without a stamp.

        Raises:
            ServiceUnreachable: `time_stamp_unavailable`: it may not be left out, and no stamp came in time.
        """
        deadline_s = self.clock_s() + self.wait_s
        while not self.answers():
            if self.when_down == "untimed":
                return None
            pause_s = max(0.2, self._resting_until_s - self.clock_s())
            if self.clock_s() + pause_s > deadline_s:
                raise ServiceUnreachable(
                    f"the time-stamp server {urlsplit(self.url).hostname} gives no stamps; nothing is signed yet",
                    code="time_stamp_unavailable",
                    hint="try again later, or set REELPROOF_TSA_WHEN_DOWN=untimed to sign without a time-stamp",
                )
            self.sleep(pause_s)
        return self.url

    def answers(self) -> bool:
        """Whether the server gives stamps; asked unless it is being left alone after a failure."""
        with self._lock:
            if self.clock_s() < self._resting_until_s:
                return False
        is_well = gives_stamps(self.url, self.ask_s)
        self.note(is_well)
        return is_well

    def note(self, is_well: bool) -> None:
        """Count what came of using the server: a success closes the breaker, a failure opens it for longer."""
        with self._lock:
            self._failures = 0 if is_well else self._failures + 1
            rest_s = min(_REST_S * 2 ** (self._failures - 1), _LONGEST_REST_S) if self._failures else 0.0
            self._resting_until_s = self.clock_s() + rest_s if rest_s else 0.0


def gives_stamps(url: str, timeout_s: float) -> bool:
    """Whether a time-stamp server grants a stamp over random bytes within about `timeout_s` seconds."""
    query = time_stamp_query(hashlib.sha256(secrets.token_bytes(32)).digest(), secrets.randbits(63))
    asked = urllib.request.Request(url, query, {"Content-Type": "application/timestamp-query"})
    try:
        with urllib.request.urlopen(asked, timeout=timeout_s) as answered:
            return reply_status(answered.read(_MAX_REPLY_BYTES)) in _GRANTED
    except (urllib.error.URLError, OSError, http.client.HTTPException, ValueError):
        return False


def time_stamp_query(sha256: bytes, nonce: int) -> bytes:
    """A DER TimeStampReq over a SHA-256 digest, asking for the server's certificate (RFC 3161 §2.4.1)."""
    imprint = _der(0x30, _SHA256_OID + _der(0x04, sha256))
    number = nonce.to_bytes(nonce.bit_length() // 8 + 1, "big")
    return _der(0x30, _der(0x02, b"\x01") + imprint + _der(0x02, number) + _der(0x01, b"\xff"))


def reply_status(reply: bytes) -> int:
    """The PKIStatus of a DER TimeStampResp.

    Raises:
        ValueError: it is no such reply.
    """
    status = _inside(_inside(reply, 0x30), 0x30)
    if len(status) < 3 or status[:2] != b"\x02\x01":
        raise ValueError("no time-stamp reply: its status is missing")
    return status[2]


def _der(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content  # a query is under 128 bytes, so that lengths have one byte


def _inside(encoded: bytes, tag: int) -> bytes:
    """The content of the DER value that `encoded` starts with."""
    if len(encoded) < 2 or encoded[0] != tag:
        raise ValueError("no time-stamp reply: unexpected DER tag")
    if encoded[1] < 0x80:
        return encoded[2 : 2 + encoded[1]]
    count = encoded[1] & 0x7F
    length = int.from_bytes(encoded[2 : 2 + count], "big")
    return encoded[2 + count : 2 + count + length]
