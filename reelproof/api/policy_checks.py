"""Asking the policy without making anything: on texts, and on one reference beside them."""

import tempfile
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from core.errors import UsageError
from policy.decision import PolicyInput
from reelproof.api.bodies import receive_json, receive_upload
from reelproof.api.front_door import Door, FrontDoor
from reelproof.api.video_requests import take_asker
from reelproof.references import KINDS, Reference
from reelproof.releases import Asker

router = APIRouter(tags=["policy"])
_FIELDS = ("prompt", "shots", "negative_prompt", "file_name", "camera")
_SCHEMA = {"schema": {"type": "object", "required": ["prompt"]}}


@router.post(
    "/v1/policy/check",
    openapi_extra={"requestBody": {"content": {"application/json": _SCHEMA, "multipart/form-data": _SCHEMA}}},
)
async def policy_check(request: Request, door: Door) -> dict[str, Any]:
    """The decision on a prompt (`reelproof.decision/1`), logged like any other. Always 200: read `outcome`.

    A form may carry a reference in the field `image` or `video`; it is looked at in the sandbox and not kept.
    """
    if not request.headers.get("content-type", "").startswith("multipart/"):
        fields = await receive_json(request)
        return await run_in_threadpool(_decide, door, fields, take_asker(fields, door.caller(request)), None)
    with tempfile.TemporaryDirectory(prefix="reelproof-reference-") as folder:
        form = await receive_upload(request, Path(folder) / "reference", KINDS)
        texts: dict[str, Any] = dict(form.fields)
        asker = take_asker(texts, door.caller(request))
        reference = Reference(form.file_field, form.file) if form.file else None
        return await run_in_threadpool(_decide, door, texts, asker, reference)


def _decide(door: FrontDoor, fields: dict[str, Any], asker: Asker, reference: Reference | None) -> dict[str, Any]:
    unknown = set(fields) - set(_FIELDS)
    if unknown or not (fields or reference) or not all(isinstance(text, str) for text in fields.values()):
        raise UsageError(
            "a policy check reads texts by field",
            code="invalid_parameter",
            hint=f"Send text in {', '.join(_FIELDS)}; `consent_token` and `purpose` may go along.",
        )
    services = door.services
    asked = PolicyInput(
        fields,
        reference_kinds=(reference.kind,) if reference else (),
        references=(services.pipeline.looker.look(reference),) if reference else (),
        consent_token=asker.consent_token,
        caller=asker.caller,
        purpose=asker.purpose,
    )
    return services.gate.decide(asked, is_queued=False).to_json()
