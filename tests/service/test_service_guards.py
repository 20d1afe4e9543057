import asyncio
import hashlib
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from core.errors import ConfigurationError, ReelproofError, UsageError
from reelproof.api.front_door import ServiceLimits
from reelproof.api.guards import (
    BodyLimit,
    Doorkeeper,
    SecurityHeaders,
    Unauthorised,
    is_loopback,
    keys_required,
    same_origin,
    sane_host,
)
from reelproof.api.server import run_server

SMALL = ServiceLimits(upload_bytes=1000, small_body_bytes=100, body_grace_s=0.2, body_min_rate=1000)


def scope_of(path: str = "/v1/generations", method: str = "POST", **headers: str) -> Scope:
    listed = [(name.replace("_", "-").encode(), text.encode("latin-1")) for name, text in headers.items()]
    return {"type": "http", "method": method, "path": path, "headers": listed, "query_string": b""}


async def swallow(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads its whole body and answers 200."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def answered(app: Any, scope: Scope, pieces: list[tuple[float, bytes]]) -> list[Message]:
    """What an application sends when the body's pieces come after pauses (seconds)."""
    sent: list[Message] = []

    async def receive() -> Message:
        pause, piece = pieces.pop(0) if pieces else (30.0, b"")
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def test_body_over_its_limit_is_cut_off_while_it_comes() -> None:
    """A body without a declared length is stopped at the byte that is too many."""
    pieces = [(0.0, b"x" * 60)] * 50
    with pytest.raises(UsageError) as refused:
        asyncio.run(answered(BodyLimit(swallow, SMALL), scope_of(), pieces))
    assert refused.value.code == "body_too_large"
    assert len(pieces) == 48


def test_declared_length_over_the_limit_is_refused_unread() -> None:
    """A Content-Length past the limit is answered 413 before a byte is read."""
    pieces = [(0.0, b"x")] * 3
    sent = asyncio.run(answered(BodyLimit(swallow, SMALL), scope_of(content_length="101"), pieces))
    assert sent[0]["status"] == 413
    assert len(pieces) == 3


def test_uploads_have_a_limit_of_their_own() -> None:
    """What is too large for a small route is fine for an upload."""
    pieces = [(0.0, b"x" * 500)]
    sent = asyncio.run(answered(BodyLimit(swallow, SMALL), scope_of("/v1/verify"), pieces))
    assert sent[0]["status"] == 200


def test_trickling_body_is_cut_off() -> None:
    """A byte now and then doesn't keep a connection open."""
    pieces = [(0.05, b"x")] * 100
    with pytest.raises(UsageError) as refused:
        asyncio.run(answered(BodyLimit(swallow, SMALL), scope_of("/v1/verify"), pieces))
    assert refused.value.code == "body_too_slow"
    assert len(pieces) > 80


def test_slow_but_steady_body_gets_through() -> None:
    """A body that keeps the least pace may take longer than the grace alone."""
    pieces = [(0.05, b"x" * 100)] * 8
    sent = asyncio.run(answered(BodyLimit(swallow, SMALL), scope_of("/v1/verify"), pieces))
    assert sent[0]["status"] == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8600", "localhost", "LOCALHOST:1", "[::1]:8600", "127.1.2.3"])
def test_loopback_names_are_let_in(host: str) -> None:
    """A server on loopback answers to loopback's names."""
    sane_host(False)(scope_of(), Headers({"host": host}))


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:80", "", "a b", "127.0.0.1@evil", "[::2]"]
)
def test_other_names_are_turned_away_on_loopback(host: str) -> None:
    """A name that an attacker's DNS points at loopback is refused."""
    with pytest.raises(UsageError):
        sane_host(False)(scope_of(), Headers({"host": host}))


def test_malformed_hosts_are_turned_away_everywhere() -> None:
    """On a network any well-formed name is fine, a malformed one never."""
    sane_host(True)(scope_of(), Headers({"host": "video.example.org:443"}))
    with pytest.raises(UsageError):
        sane_host(True)(scope_of(), Headers({"host": "a/b"}))


@pytest.mark.parametrize(
    ("origin", "passes"),
    [(None, True), ("http://127.0.0.1:8600", True), ("https://evil.example", False), ("null", False)],
)
def test_changes_asked_for_by_other_sites_are_refused(origin: str | None, passes: bool) -> None:
    """A page of another site can't make a visitor's browser upload, generate or delete here."""
    headers = {"host": "127.0.0.1:8600"} | ({"origin": origin} if origin else {})
    if passes:
        same_origin(scope_of(), Headers(headers))
    else:
        with pytest.raises(UsageError):
            same_origin(scope_of(), Headers(headers))
        same_origin(scope_of(method="GET"), Headers(headers))


KEY = "rp_secret"
DIGESTS = (hashlib.sha256(b"other").hexdigest(), hashlib.sha256(KEY.encode()).hexdigest().upper())


@pytest.mark.parametrize("headers", [{"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}])
def test_a_known_key_opens(headers: dict[str, str]) -> None:
    """Either header carries the key; digests may be written in capitals."""
    keys_required(DIGESTS)(scope_of(), Headers(headers))


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer no"}, {"x-api-key": DIGESTS[0]}, {"x-api-key": ""}]
)
def test_without_a_known_key_nothing_opens(headers: dict[str, str]) -> None:
    """No key, a wrong one, or the digest itself: turned away."""
    for path, method in (("/v1/verify", "POST"), ("/v1/videos", "GET"), ("/metrics", "GET"), ("/verdicts", "POST")):
        with pytest.raises(Unauthorised):
            keys_required(DIGESTS)(scope_of(path, method), Headers(headers))


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/healthz", "/v1/audit/checkpoint", "/verdicts/verify_0"])
def test_pages_and_log_are_readable_without_a_key(path: str) -> None:
    """Pages, health and the public log need no key to be read, but changing anything does."""
    keys_required(DIGESTS)(scope_of(path, "GET"), Headers({}))
    with pytest.raises(Unauthorised):
        keys_required(DIGESTS)(scope_of(path, "POST"), Headers({}))


def test_no_keys_set_means_open() -> None:
    """Without configured keys nobody is asked for one."""
    keys_required(())(scope_of(), Headers({}))


def test_refusals_at_the_door_take_the_route_s_form() -> None:
    """OpenAI's error object under its routes, problem+json elsewhere."""

    def no(scope: Scope, headers: Headers) -> None:
        raise Unauthorised("an API key is needed", code="unauthorised", hint="Send one.")

    def kind(path: str) -> tuple[int, str]:
        sent = asyncio.run(answered(Doorkeeper(swallow, (no,)), scope_of(path), []))
        return sent[0]["status"], dict(sent[0]["headers"])[b"content-type"].decode()

    assert kind("/v1/videos") == (401, "application/json")
    assert kind("/v1/verify") == (401, "application/problem+json")


def test_every_answer_carries_the_security_headers() -> None:
    """Headers are added unless the route set its own."""
    sent = asyncio.run(answered(SecurityHeaders(swallow), scope_of(), [(0.0, b"")]))
    headers = {name.decode(): text.decode() for name, text in sent[0]["headers"]}
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org"])
def test_serving_a_network_without_keys_is_refused(host: str) -> None:
    """The server doesn't open itself to others by a slip of the host setting."""

    class Bare:
        class settings:  # noqa: N801
            api_keys = ()

    assert not is_loopback(host)
    with pytest.raises(ConfigurationError) as refused:
        run_server(Bare(), host, 0)  # type: ignore[arg-type]
    assert refused.value.code == "keys_needed"


def test_doors_let_unknown_faults_through() -> None:
    """Only our own refusals are answered at the door; a bug there is not hidden."""

    def broken(scope: Scope, headers: Headers) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(answered(Doorkeeper(swallow, (broken,)), scope_of(), []))
    assert issubclass(Unauthorised, ReelproofError)
