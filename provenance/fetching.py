"""Fetching from an address that somebody else chose, without being led into our own network.

https only (http where told so); the host is resolved once, every address it has must be a public one, and the
connection goes to that very address, so that a second answer of the name server changes nothing. Redirects are
followed by hand, each checked anew. Size and time are bounded.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from core.errors import ServiceUnreachable, UsageError

_CHUNK_BYTES = 64 << 10
_REDIRECTS = (301, 302, 303, 307, 308)


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
                url = urljoin(url, location)
                continue
            kind = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
            return Fetched(response.status, kind, _read(response, connection, limits, deadline), url)
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
    try:
        return [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise _failed(f"there is no host {host[:80]!r}") from error


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    return parsed.is_global and not parsed.is_multicast and (inner is None or inner.is_global)


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
        raise UsageError("this is no https address", code="bad_url", hint="give one such as https://host/path")
    return parts, host, port


def _read(
    response: http.client.HTTPResponse, connection: http.client.HTTPConnection, limits: FetchLimits, deadline: float
) -> bytes:
    content = bytearray()
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise _failed("it took too long", "fetch_too_slow")
        if connection.sock is not None:
            connection.sock.settimeout(left_s)
        piece = response.read1(_CHUNK_BYTES)
        if not piece:
            return bytes(content)
        content += piece
        if len(content) > limits.max_bytes:
            raise _failed(f"it is larger than {limits.max_bytes:,} bytes", "fetch_too_large")


def _failed(problem: str, code: str = "fetch_failed") -> ServiceUnreachable:
    return ServiceUnreachable(problem, code=code, hint="check the address, or fetch the file yourself and send it")
