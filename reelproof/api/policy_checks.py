"""Asking the policy without making anything."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from core.errors import UsageError
from policy.decision import PolicyInput
from reelproof.api.bodies import receive_json
from reelproof.api.front_door import Door
from reelproof.api.video_requests import take_asker

router = APIRouter(tags=["policy"])
_FIELDS = ("prompt", "negative_prompt", "file_name", "camera")


@router.post(
    "/v1/policy/check",
    openapi_extra={
        "requestBody": {"content": {"application/json": {"schema": {"type": "object", "required": ["prompt"]}}}}
    },
)
async def policy_check(request: Request, door: Door) -> dict[str, Any]:
    """The decision on a prompt (`reelproof.decision/1`), logged like any other. Always 200: read `outcome`."""
    fields = await receive_json(request)
    asker = take_asker(fields, door.caller(request))
    unknown = set(fields) - set(_FIELDS)
    if unknown or not fields or not all(isinstance(text, str) for text in fields.values()):
        raise UsageError(
            "a policy check reads texts by field",
            code="invalid_parameter",
            hint=f"Send text in {', '.join(_FIELDS)}; `consent_token` and `purpose` may go along.",
        )
    asked = PolicyInput(fields, consent_token=asker.consent_token, caller=asker.caller, purpose=asker.purpose)
    logged = await run_in_threadpool(door.services.gate.decide, asked)
    return logged.to_json()
