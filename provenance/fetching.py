"""Fetching from an address that somebody else chose, without being led into our own network.

https only (http where told so); the host is resolved once, every address it has must be a public one, and the
connection goes to that very address, so that a second answer of the name server changes nothing. Redirects are
followed by hand, each checked anew. Size and time are bounded, also against a site that sends a byte now and then.
"""

import http.client
import io
import ipaddress
import queue
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from core.errors import ServiceUnreachable, UsageError

_CHUNK_BYTES = 64 << 10
_REDIRECTS = (301, 302, 303, 307, 308)
_RESOLVING_S = 10.0
# The one block from which public IPv6 addresses are given out (RFC 4291). What lies outside is
# local, or carries an IPv4 address inside, which a gateway of ours may follow into the house (NAT64, RFC 6052).
_PUBLIC_V6 = ipaddress.ip_network("2000::/3")
_SPECIAL_V4 = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24")))


@dataclass(frozen=True)
class FetchLimits:
    """What one fetch may cost. `allows_private` is for addresses that the operator wrote down."""

    max_bytes: int = 64 << 20
    wall_s: float = 30.0
    max_redirects: int = 3
    allows_private: bool = False


@dataclass(frozen=True)
class Fetched:
    """What came back: HTTP status, media type (lower case, without parameters), body, and from which address after
    all redirects."""

    status: int
    media_type: str
    body: bytes
    url: str = ""


def fetch(
    url: str,
    limits: FetchLimits = FetchLimits(),
    *,
    method: str = "GET",
    body: bytes | None = None,
    media_type: str = "",
    span: tuple[int, int] | None = None,
) -> Fetched:
    """What stands at an address. A status of 400 and above is an answer, not an error.

    `span` asks for so many bytes from an offset on (offset, length); a server may send the whole all the same (200,
    not 206).

    Raises:
        UsageError: `bad_url`, `private_address`: nothing was asked for there.
        ServiceUnreachable: `fetch_failed`, `fetch_too_large`, `fetch_too_slow`, `too_many_redirects`.
    """
    deadline = time.monotonic() + limits.wall_s
    headers = {"Accept": "*/*", "User-Agent": "reelproof", "Connection": "close"}
    if body is not None:
        headers["Content-Type"] = media_type or "application/octet-stream"
    if span is not None:
        headers["Range"] = f"bytes={span[0]}-{span[0] + span[1] - 1}"
    for _ in range(limits.max_redirects + 1):
        connection, path = _connection(url, limits, deadline)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            location = response.getheader("Location")
            if response.status in _REDIRECTS and location and method == "GET":
                url = _followed(url, location)
                continue
            kind = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
            return Fetched(response.status, kind, _read(response, limits, deadline), url)
        except TimeoutError as error:
            raise _failed("it took too long", "fetch_too_slow") from error
        except (OSError, http.client.HTTPException) as error:
            raise _failed(f"{urlsplit(url).hostname} did not answer: {type(error).__name__}") from error
        finally:
            connection.close()
    raise _failed("the address leads from one to the next", "too_many_redirects")


def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, all of them public.

    Raises:
        UsageError: `private_address`: one of them is not. ServiceUnreachable: `fetch_failed`: no such host.
    """
    found = _resolved(host, port)
    if any(not _is_public(one) for one in found):
        raise UsageError(
            "this address leads into a private network",
            code="private_address",
            hint="only public hosts are fetched from",
        )
    return found


def _resolved(host: str, port: int) -> list[str]:
    """Every address of a host. The resolver has no deadline, and a stranger's name server may be slow."""
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put([str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        found = answers.get(timeout=_RESOLVING_S)
    except queue.Empty as error:
        raise _failed(f"the name server of {host[:80]!r} is too slow", "fetch_too_slow") from error
    if isinstance(found, Exception):
        raise _failed(f"there is no host {host[:80]!r}") from found
    return found


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        is_special = any(parsed in one for one in _SPECIAL_V4)
        return parsed.is_global and not parsed.is_multicast and not is_special
    inner = parsed.sixtofour
    return parsed in _PUBLIC_V6 and parsed.is_global and (inner is None or _is_public(str(inner)))


def _followed(url: str, location: str) -> str:
    """Where a redirect leads. Raises UsageError (`bad_url`) for what is no address."""
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise _bad_url() from error


def _connection(url: str, limits: FetchLimits, deadline: float) -> tuple[http.client.HTTPConnection, str]:
    parts, host, port = _checked(url, limits)
    addresses = _resolved(host, port) if limits.allows_private else public_addresses(host, port)
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise _failed("it took too long", "fetch_too_slow")
    connection = http.client.HTTPConnection(host, port, timeout=left_s)
    try:
        plain = socket.create_connection((addresses[0], port), timeout=left_s)
        if parts.scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        else:
            connection.sock = plain
    except OSError as error:
        raise _failed(f"{host} can't be reached: {type(error).__name__}") from error
    connection.response_class = partial(_Answer, deadline)  # type: ignore[assignment]
    return connection, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _checked(url: str, limits: FetchLimits) -> tuple[SplitResult, str, int]:
    schemes = ("https", "http") if limits.allows_private else ("https",)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, host, port = urlsplit(""), "", 0
    strange = any(ord(one) <= 32 or ord(one) > 126 for one in url)
    if parts.scheme not in schemes or not host or parts.username is not None or strange:
        raise _bad_url()
    return parts, host, port


def _bad_url() -> UsageError:
    return UsageError("this is no https address", code="bad_url", hint="give one such as https://host/path")


class _Bounded(io.RawIOBase):
    """What comes over a socket, every read of it bounded by what is left until the deadline."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, deadline: float) -> None:
        self._socket, self._raw, self._deadline = sock, raw, deadline

    def readable(self) -> bool:
        """As every stream of an answer."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Fill the buffer with what comes next. Raises TimeoutError at the deadline."""
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._socket.settimeout(left_s)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Close the socket's own stream too."""
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer whose status, headers and body all have to come before one deadline: a socket's own timeout starts
    anew with every byte."""

    def __init__(self, deadline: float, sock: socket.socket, *given: Any, **named: Any) -> None:
        super().__init__(sock, *given, **named)
        self.fp: Any = io.BufferedReader(_Bounded(sock, self.fp.detach(), deadline))


def _read(response: http.client.HTTPResponse, limits: FetchLimits, deadline: float) -> bytes:
    content = bytearray()
    while True:
        if time.monotonic() >= deadline:
            raise _failed("it took too long", "fetch_too_slow")
        piece = response.read1(_CHUNK_BYTES)
        if not piece:
            # `read1` ends quietly where the connection does; what the headers announced tells.
            if response.length:
                raise _failed(f"the answer broke off {response.length:,} bytes before its end")
            return bytes(content)
        content += piece
        if len(content) > limits.max_bytes:
            raise _failed(f"it is larger than {limits.max_bytes:,} bytes", "fetch_too_large")


def _failed(problem: str, code: str = "fetch_failed") -> ServiceUnreachable:
    return ServiceUnreachable(problem, code=code, hint="check the address, or fetch the file yourself and send it")
