"""The granter's side: give a consent, look at those given, take one back. For the desk's keys only."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from core.errors import UsageError
from policy.consent import Scope
from policy.consent_desk import Grant
from reelproof.api.bodies import receive_json
from reelproof.api.front_door import Door, FrontDoor
from reelproof.consents import grant_consent, revoke_consent

router = APIRouter(prefix="/v1/consents", tags=["consents"])
_TEXTS, _LISTS, _NUMBERS = (
    ("name", "scope", "label", "not_before"),
    ("aliases", "callers", "purposes"),
    ("days", "max_uses"),
)
_BODY = {"requestBody": {"content": {"application/json": {"schema": {"type": "object", "required": ["name"]}}}}}


@router.post("", openapi_extra=_BODY, status_code=201)
async def grant(request: Request, door: Door) -> Response:
    """Grant a consent. The answer holds the token, once; it is kept nowhere. The name is not kept either."""
    asked, by = read_grant(await receive_json(request)), door.caller(request)
    token, record = await run_in_threadpool(grant_consent, door.services, asked, by)
    shown = record.to_json(door.services.clock.now())
    return JSONResponse(shown | {"token": token}, 201, {"Location": f"/v1/consents/{record.consent.token_id}"})


@router.get("")
async def list_consents(door: Door) -> dict[str, Any]:
    """Every consent, newest first, with its state and uses; no names, no tokens."""
    return {"object": "list", "data": await run_in_threadpool(_all, door)}


@router.get("/key")
async def public_key(door: Door) -> dict[str, str]:
    """The public key that tokens are checked with, as a JWK (RFC 8037)."""
    return door.services.consents.keys.public_jwk()


@router.get("/{token_id}")
async def show(token_id: str, door: Door) -> dict[str, Any]:
    """One consent as it stands."""
    record = await run_in_threadpool(door.services.consents.show, token_id)
    return record.to_json(door.services.clock.now())


@router.delete("/{token_id}")
async def revoke(token_id: str, request: Request, door: Door) -> dict[str, Any]:
    """Take a consent back, for requests to come and for clips not yet released."""
    record = await run_in_threadpool(revoke_consent, door.services, token_id, door.caller(request))
    return record.to_json(door.services.clock.now())


def _all(door: FrontDoor) -> list[dict[str, Any]]:
    now = door.services.clock.now()
    return [record.to_json(now) for record in door.services.consents.all()]


def read_grant(fields: dict[str, Any]) -> Grant:
    """What a body grants.

    Raises:
        UsageError: a field of another type, or one that a grant doesn't have.
    """
    unknown = set(fields) - {*_TEXTS, *_LISTS, *_NUMBERS}
    if unknown or "name" not in fields:
        raise _wrong(f"a grant can't be read: {sorted(unknown)[0][:60]!r}" if unknown else "a grant needs a name")
    values: dict[str, Any] = {name: value for name, value in fields.items() if value not in (None, "", [])}
    for name, value in values.items():
        is_fine = {
            name in _TEXTS: isinstance(value, str),
            name in _LISTS: isinstance(value, list) and all(isinstance(one, str) for one in value),
            name in _NUMBERS: isinstance(value, int) and not isinstance(value, bool),
        }[True]
        if not is_fine:
            raise _wrong(f"{name} is of another type")
    for name in _LISTS:
        if name in values:
            values[name] = tuple(values[name])
    try:
        if "scope" in values:
            values["scope"] = Scope(values["scope"])
        if "not_before" in values:
            values["not_before"] = instant(values["not_before"])
    except ValueError as fault:
        raise _wrong("scope or not_before can't be read") from fault
    return Grant(**{"name": "", **values})


def instant(text: str) -> datetime:
    """An ISO 8601 day or instant, in UTC where it names no zone. Raises `ValueError` for another text."""
    read = datetime.fromisoformat(text)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def _wrong(message: str) -> UsageError:
    hint = (
        "Send name, and if you like aliases, scope (self, named, anyone), callers, purposes, days, max_uses, label."
    )
    return UsageError(message, code="invalid_parameter", hint=hint)
