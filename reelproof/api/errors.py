"""Every failure as the caller expects it.

OpenAI's error object under its routes, problem+json (RFC 9457) elsewhere, a page for a browser.
No traceback, no path, no name from a prompt."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from core.errors import (
    ConfigurationError,
    ReelproofError,
    RequestRefused,
    ServiceUnreachable,
    UnreadableInput,
    UsageError,
)
from reelproof.api.front_door import NotFound
from reelproof.job_values import JobFailure, QueueFull

OPENAI_ROUTES = ("/v1/videos", "/v1/content_provenance_checks")
_STATUS_BY_CODE = {
    "idempotency_conflict": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "body_too_slow": 408,
    "unauthorised": 401,
    "not_supported": 501,
}
_STATUS_BY_TYPE: tuple[tuple[type[ReelproofError], int], ...] = (
    (QueueFull, 429),
    (NotFound, 404),
    (RequestRefused, 403),
    (UsageError, 400),
    (UnreadableInput, 422),
    (ConfigurationError, 503),
    (ServiceUnreachable, 502),
)
_STATUS_BY_EXIT = {2: 400, 3: 403, 5: 422, 6: 503, 7: 502}
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_log = logging.getLogger(__name__)


class NotSupported(ReelproofError):
    """A route of the contract that this version doesn't serve yet."""


def failure_response(path: str, failure: JobFailure, status: int | None = None) -> Response:
    """A job's or a request's failure as an answer."""
    code, number = failure.code, status or _STATUS_BY_CODE.get(failure.code)
    number = number or _STATUS_BY_EXIT.get(failure.exit_code, 500)
    headers = {"x-should-retry": "false"} if number >= 500 else {}
    if number == 429:
        headers["Retry-After"] = "15"
    if number == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if not path.startswith(OPENAI_ROUTES):
        return _problem(number, failure, headers)
    if code == "refused_by_policy":
        code, number = "moderation_blocked", 400
    return _openai(number, code, sentences(failure), failure, headers)


def _problem(status: int, failure: JobFailure, headers: Mapping[str, str]) -> Response:
    content: dict[str, Any] = {
        "type": f"urn:reelproof:problem:{failure.code}",
        "title": failure.code.replace("_", " "),
        "status": status,
        "detail": failure.message,
        "code": failure.code,
        "hint": failure.hint,
    }
    if failure.reason_codes or failure.log_index is not None:
        content |= {"reason_codes": list(failure.reason_codes), "log_index": failure.log_index}
    return JSONResponse(content, status, headers, media_type="application/problem+json")


def _openai(status: int, code: str, message: str, failure: JobFailure, headers: Mapping[str, str]) -> Response:
    kind = "server_error" if status >= 500 else _OPENAI_TYPES.get(status, "invalid_request_error")
    error: dict[str, Any] = {"message": message, "type": kind, "param": None, "code": code}
    if failure.reason_codes or failure.log_index is not None:
        error |= {"reason_codes": list(failure.reason_codes), "log_index": failure.log_index}
    return JSONResponse({"error": error}, status, headers)


def sentences(failure: JobFailure) -> str:
    """A failure's message and hint as one text."""
    return f"{failure.message.rstrip('.')}. {failure.hint}".strip()


def status_of(fault: ReelproofError) -> int:
    """The HTTP status an error of ours answers with."""
    if fault.code in _STATUS_BY_CODE:
        return _STATUS_BY_CODE[fault.code]
    return next((status for kind, status in _STATUS_BY_TYPE if isinstance(fault, kind)), 500)


def install(app: FastAPI) -> None:
    """Make the application answer every failure in these forms."""
    app.add_exception_handler(ReelproofError, _ours)
    app.add_exception_handler(HTTPException, _starlettes)
    app.add_exception_handler(RequestValidationError, _fastapis)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, fault: Exception) -> Response:
    known = (
        fault if isinstance(fault, ReelproofError) else ReelproofError(str(fault), code="internal_error", hint="")
    )
    return _answer(request, JobFailure.of(known), status_of(known))


async def _starlettes(request: Request, fault: Exception) -> Response:
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    codes = {
        404: ("not_found", "there is nothing at this address"),
        405: ("method_not_allowed", "not with this method"),
    }
    code, message = codes.get(status, ("bad_request", "the request can't be read"))
    return _answer(request, JobFailure(code, message, "See /docs for what is served."), status)


async def _fastapis(request: Request, fault: Exception) -> Response:
    errors = fault.errors() if isinstance(fault, RequestValidationError) else []
    named = "; ".join(f"{'.'.join(str(part) for part in e['loc'][1:])}: {e['msg']}" for e in errors)
    return _answer(request, JobFailure("invalid_parameter", named or "invalid parameter", "See /docs.", 2), 400)


async def _unexpected(request: Request, fault: Exception) -> Response:
    _log.error("unexpected fault at %s", request.scope.get("route"), exc_info=fault)
    failure = JobFailure("internal_error", "an unexpected fault", "The server's log has the details.")
    return _answer(request, failure, 500)


def _answer(request: Request, failure: JobFailure, status: int) -> Response:
    path, accept = request.url.path, request.headers.get("accept", "")
    if "text/html" in accept and not path.startswith("/v1/"):
        from reelproof.api.pages import error_page

        return error_page(request, failure, status)
    return failure_response(path, failure, status)
