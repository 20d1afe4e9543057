"""What stands before every route, as plain ASGI: host and origin, API keys, body size and pace, security headers.

Starlette reads a whole multipart body before a route or its authentication runs; these look first.
"""

import asyncio
import hmac
import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import ReelproofError, UsageError
from reelproof.api.errors import failure_response, status_of
from reelproof.api.front_door import ServiceLimits, key_digest
from reelproof.job_values import JobFailure
from reelproof.settings import Settings

UPLOAD_ROUTES = (
    "/v1/verify",
    "/v1/seal",
    "/v1/videos",
    "/v1/content_provenance_checks",
    "/v1/policy/check",
    "/verdicts",
    "/sbr/v1/matches/byContent",
    "/sbr/v1/manifests",
)
_OVERHEAD_BYTES = 64 * 1024
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_OPEN_PATHS = re.compile(
    r"/|/studio|/audit|/review|/consent|/docs|/openapi\.json|/healthz|/readyz|/static/.*|/verdicts/[^/]+(?:/card)?"
    r"|/v1/verify/[^/]+/report(?:\.pdf)?|/v1/trust/anchors|/v1/webhooks/key|/v1/audit/.*|/sbr/v1/.*|/\.well-known/c2pa-soft-binding-resolution"
)
_OPEN_QUESTION = "/sbr/v1/matches/byBinding"
"""A question that is posted only because a fingerprint is too long for an address."""

DESK_PATHS = re.compile(r"/v1/consents(?:/.*)?|/v1/reviews(?:/.*)?|/v1/audit/entries/[^/]+/text")
"""What only the desk may do: grant and revoke consents, decide reviews, read or erase a prompt."""

"""Readable without a key: pages hold nothing, verdicts are found only by whoever knows their random ID, and the
log is there to be checked by anybody."""
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# `same-origin`, not `no-referrer`: under that a plain form of our own page would post with `Origin: null`.
_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class Unauthorised(ReelproofError):
    """No API key, or not one of ours."""


class SecurityHeaders:
    """Adds the headers a route didn't set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, adding)


class Doorkeeper:
    """Turns away what no route should see. `checks` raise ReelproofError; the first that does answers."""

    def __init__(self, app: ASGIApp, checks: tuple[Callable[[Scope, Headers], None], ...]) -> None:
        self._app = app
        self._checks = checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            for check in self._checks:
                check(scope, Headers(scope=scope))
        except ReelproofError as fault:
            answer = failure_response(scope["path"], JobFailure.of(fault), status_of(fault))
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def sane_host(is_open_to_network: bool) -> Callable[[Scope, Headers], None]:
    """Refuses malformed `Host` headers and, on a loopback server, any name but loopback (DNS rebinding)."""

    def check(scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if not _HOST.fullmatch(host) or not (is_open_to_network or is_loopback(_name_of(host))):
            hint = "Use http://127.0.0.1 or http://localhost." if not is_open_to_network else "Send one host name."
            raise UsageError("the Host header names no host of this server", code="unknown_host", hint=hint)

    return check


def same_origin(scope: Scope, headers: Headers) -> None:
    """Refuses changes that another site's page asks a visitor's browser for."""
    origin = headers.get("origin")
    if scope["method"] in _SAFE_METHODS or origin is None:
        return
    if urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        raise UsageError(
            "this request comes from a page of another site",
            code="cross_origin",
            hint="Call the API from your own program, or open this server's own pages.",
        )


def keys_required(digests: tuple[str, ...], desk_digests: tuple[str, ...] = ()) -> Callable[[Scope, Headers], None]:
    """Asks for one of the keys whose SHA-256 digests are given; none: open.

    What belongs to the desk (consents, reviews, prompts kept in the vault) asks for a desk key, and without one
    set it is open only where the API is open too. A desk key opens the API as well.
    """
    known, desk = _lowered((*digests, *desk_digests)) if digests else (), _lowered(desk_digests)

    def check(scope: Scope, headers: Headers) -> None:
        if DESK_PATHS.fullmatch(scope["path"]):
            if desk or known:
                _require(key_digest(headers), desk, "a key of the review desk is needed")
            return
        if not known or (scope["method"] in _SAFE_METHODS and _OPEN_PATHS.fullmatch(scope["path"])):
            return
        if scope["path"] == _OPEN_QUESTION:
            return
        _require(key_digest(headers), known, "an API key is needed")

    return check


def require_desk(request: Request, settings: Settings) -> None:
    """Asks for a key of the desk where only one method of a path is the desk's; rules as in `keys_required`."""
    if settings.desk_keys or settings.api_keys:
        digest = key_digest(request.headers)
        _require(digest, _lowered(settings.desk_keys), "a key of the review desk is needed")


def _lowered(digests: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(digest.lower().encode() for digest in digests)


def _require(digest: str, known: tuple[bytes, ...], wanted: str) -> None:
    # Every digest is compared, so that the time tells nothing about which came near.
    matches = [hmac.compare_digest(digest.encode(), one) for one in known]
    if not any(matches):
        raise Unauthorised(wanted, code="unauthorised", hint="Send it as `Authorization: Bearer …` or `X-API-Key`.")


class BodyLimit:
    """Counts a body's bytes as they come and times their pace; cuts it off by raising in `receive`."""

    def __init__(self, app: ASGIApp, limits: ServiceLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit_of(scope)
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > limit:
            answer = failure_response(scope["path"], JobFailure.of(_too_large(limit)), 413)
            await answer(scope, receive, send)
            return
        await self._app(scope, self._counted(receive, limit), send)

    def _limit_of(self, scope: Scope) -> int:
        if scope["path"].startswith(UPLOAD_ROUTES):
            return self._limits.upload_bytes + _OVERHEAD_BYTES
        return self._limits.small_body_bytes

    def _counted(self, receive: Receive, limit: int) -> Receive:
        clock = asyncio.get_running_loop().time
        waited_s, received, is_whole = 0.0, 0, False

        async def counting() -> Message:
            nonlocal waited_s, received, is_whole
            if is_whole:
                return await receive()
            budget_s = self._limits.body_grace_s + received / self._limits.body_min_rate - waited_s
            began = clock()
            try:
                message = await asyncio.wait_for(receive(), max(0.001, budget_s))
            except TimeoutError as fault:
                raise UsageError(
                    "the body comes too slowly", code="body_too_slow", hint="Try again on a faster connection."
                ) from fault
            # Only the time spent waiting for the sender counts, not what the route does in between.
            waited_s += clock() - began
            received += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if received > limit:
                raise _too_large(limit)
            return message

        return counting


def _too_large(limit: int) -> UsageError:
    return UsageError(
        f"the body is larger than the {limit:,} bytes this server takes",
        code="body_too_large",
        hint="Send a shorter or smaller clip, or raise REELPROOF_MAX_UPLOAD_BYTES on your own server.",
    )


def is_loopback(host: str) -> bool:
    """True for `localhost` and loopback addresses."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    return host[1 : host.index("]")] if host.startswith("[") else host.split(":")[0]
