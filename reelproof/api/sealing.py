"""Sealing: marking, signing and registering a clip that another generator made."""

from dataclasses import asdict
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, JSONResponse, Response

from core.errors import UsageError
from reelproof.api.bodies import Form
from reelproof.api.errors import failure_response
from reelproof.api.front_door import Door
from reelproof.api.uploads import job_object, submit_upload
from reelproof.api.verification import UPLOAD_BODY
from reelproof.api.video_requests import take_asker
from reelproof.disclosure import Visible
from reelproof.job_values import Job, JobState
from reelproof.work import SEAL, clip_path

router = APIRouter(tags=["seal"])
_TEXTS, _FLAGS = ("system", "model", "prompt"), {"true": True, "false": False}
_FACTS = (*_TEXTS, "label", "card_s")


@router.post("/v1/seal", openapi_extra=UPLOAD_BODY)
async def seal(request: Request, door: Door, wait: bool = True) -> Response:
    """Seal an uploaded clip; form fields `system`, `model` and `prompt` say what is known of it.

    `label` (true or false) and `card_s` (seconds) ask for a visible label and a silent opening card.
    `consent_token` and `purpose` may go along.
    """
    job = await submit_upload(request, door, SEAL, partial(_described, door.caller(request)))
    if wait:
        job = await door.settled(job, door.limits.verdict_wait_s)
    if job.failure is not None:
        return failure_response(request.url.path, job.failure)
    return JSONResponse(sealing(job), 200 if job.state.is_final else 202, {"Location": f"/v1/seal/{job.job_id}"})


@router.get("/v1/seal/{seal_id}")
async def retrieve_seal(seal_id: str, door: Door) -> dict[str, Any]:
    """A sealing as it stands, with its `release` once there is one."""
    return sealing(await door.job(SEAL, seal_id))


@router.get("/v1/seal/{seal_id}/content")
async def seal_content(seal_id: str, door: Door) -> Response:
    """The sealed clip (MP4), as long as it is kept."""
    job = await door.job(SEAL, seal_id)
    clip = clip_path(door.jobs.folder(job.job_id))
    if job.state is not JobState.COMPLETED or not clip.is_file():
        raise UsageError(
            "this clip is not sealed yet", code="seal_not_ready", hint="Ask again when it is completed."
        )
    return FileResponse(clip, media_type="video/mp4", filename=f"{seal_id}.mp4")


def sealing(job: Job) -> dict[str, Any]:
    """A sealing job as JSON, its release as `reelproof.release/1` without the server's path."""
    report = job.results.get("seal")
    release = {name: value for name, value in report.items() if name != "path"} if report else None
    address = f"/v1/seal/{job.job_id}"
    content = f"{address}/content" if release else None
    return job_object(job, "sealing", address, release=release, content_url=content)


def _described(caller: str, form: Form) -> dict[str, Any]:
    fields = dict(form.fields)
    asker = take_asker(fields, caller)
    unknown = set(fields) - set(_FACTS)
    if unknown:
        raise UsageError(
            f"unknown field {sorted(unknown)[0][:60]!r}",
            code="unknown_parameter",
            hint=f"Known: {', '.join(_FACTS)}.",
        )
    facts: dict[str, Any] = {name: fields[name] for name in _TEXTS if fields.get(name)}
    if fields.get("label"):
        facts["label"] = _flag(fields["label"])
    if fields.get("card_s"):
        facts["card_s"] = _seconds(fields["card_s"])
    return {"facts": facts, "asker": asdict(asker), "file_name": form.file_name}


def _flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise UsageError("`label` is true or false", code="invalid_parameter", hint="Leave it out for the default.")
    return _FLAGS[text.lower()]


def _seconds(text: str) -> float:
    try:
        return Visible(card_s=float(text)).card_s
    except ValueError as fault:
        raise UsageError(
            "`card_s` is a number of seconds", code="invalid_parameter", hint="0 for no card, 10 at most."
        ) from fault
