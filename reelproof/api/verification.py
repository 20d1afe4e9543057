"""Asking where a clip comes from: `/v1/verify`, its report, and OpenAI's provenance checks for video."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response

from core.errors import UsageError
from reelproof.api.bodies import Form, receive_json
from reelproof.api.errors import NotSupported, failure_response
from reelproof.api.front_door import Door, FrontDoor, NotFound
from reelproof.api.uploads import job_object, submit_fetched, submit_upload
from reelproof.job_values import Job, JobState
from reelproof.work import VERIFY, pdf_path, report_path, verdict_of

router = APIRouter(tags=["verify"])
UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
            "video/mp4": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
URL_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "required": ["url"], "properties": {"url": {"type": "string"}}}
            }
        },
    }
}
Webhook = Annotated[str | None, Query(max_length=2_000)]
_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


@router.post("/v1/verify", openapi_extra=UPLOAD_BODY)
async def verify(request: Request, door: Door, wait: bool = True, webhook: Webhook = None) -> Response:
    """The verdict on an uploaded clip (`reelproof.verdict/1` with its `id`); with `?wait=false` a job, 202.

    `webhook`, where this server takes it, is an https address that is told when the verdict is there.
    """
    _check_webhook(door, webhook)
    job = await submit_upload(request, door, VERIFY, _described)
    return await _answered(request, door, job, wait, webhook)


@router.post("/v1/verify/url", openapi_extra=URL_BODY)
async def verify_url(request: Request, door: Door, wait: bool = True, webhook: Webhook = None) -> Response:
    """The same for a clip, or an HLS or DASH playlist, at an address (`url`). Off unless REELPROOF_FETCH_URLS is
    set; then only public https hosts are fetched from, and at most 128 MiB."""
    if not door.services.settings.fetch_urls:
        raise NotSupported(
            "this server does not fetch clips from addresses",
            code="not_supported",
            hint="Download the clip and send the file to POST /v1/verify.",
        )
    _check_webhook(door, webhook)
    url = (await receive_json(request)).get("url")
    if not isinstance(url, str):
        raise UsageError("`url` is needed, a text", code="invalid_parameter", hint="Send it in a JSON object.")
    job = await submit_fetched(door, VERIFY, url)
    return await _answered(request, door, job, wait, webhook)


@router.get("/v1/trust/anchors")
async def trust_anchors(door: Door) -> Response:
    """Every root that this server trusts to sign claims or time-stamps (PEM), for a check of one's own."""
    trust = door.services.trust
    anchors = dict.fromkeys(one.pem.strip() for one in (*trust.claim_anchors(), *trust.time_stamp_anchors()))
    return Response("\n".join(anchors) + "\n", media_type="application/x-pem-file")


@router.get("/v1/webhooks/key")
async def webhook_key(door: Door) -> dict[str, str]:
    """The public key that webhooks are signed with (Ed25519, `v1a` of the Standard Webhooks specification)."""
    return {"alg": "ed25519", "key": door.services.webhooks.public_key}


def _check_webhook(door: FrontDoor, webhook: str | None) -> None:
    """Turn an address away before anything is received."""
    if webhook is None:
        return
    if not door.services.settings.webhooks:
        raise NotSupported(
            "this server tells no other server",
            code="not_supported",
            hint="Ask GET /v1/verify/{id}, or set REELPROOF_WEBHOOKS on your own server.",
        )
    door.services.webhooks.check(webhook)


async def _answered(request: Request, door: FrontDoor, job: Job, wait: bool, webhook: str | None) -> Response:
    if webhook is not None:
        await run_in_threadpool(door.services.webhooks.register, job.job_id, webhook)
    if wait:
        job = await door.settled(job, door.limits.verdict_wait_s)
    headers = {"Location": f"/v1/verify/{job.job_id}"}
    if not job.state.is_final:
        return JSONResponse(await verification(door, job), 202, headers)
    if job.failure is not None:
        return failure_response(request.url.path, job.failure)
    return JSONResponse({"id": job.job_id, **await _verdict(door, job)}, 200, headers)


@router.get("/v1/verify/{verification_id}")
async def retrieve_verification(verification_id: str, door: Door) -> dict[str, Any]:
    """A verification as it stands, with its `verdict` once there is one."""
    return await verification(door, await door.job(VERIFY, verification_id))


@router.get("/v1/verify/{verification_id}/report")
async def verification_report(verification_id: str, door: Door) -> Response:
    """The self-contained HTML report of a finished verification."""
    path = await _report(door, verification_id, report_path)
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": _REPORT_POLICY})


@router.get("/v1/verify/{verification_id}/report.pdf")
async def verification_report_pdf(verification_id: str, door: Door) -> Response:
    """The same report as a PDF, to print or to file."""
    path = await _report(door, verification_id, pdf_path)
    return FileResponse(path, media_type="application/pdf", filename=f"{verification_id}.pdf")


async def _report(door: FrontDoor, verification_id: str, path_of: Callable[[Path], Path]) -> Path:
    job = await door.job(VERIFY, verification_id)
    path = path_of(door.jobs.folder(job.job_id))
    if job.state is not JobState.COMPLETED or not path.is_file():
        raise NotFound("there is no report yet", code="not_found", hint="Ask again when it is completed.")
    return path


@router.post("/v1/content_provenance_checks", openapi_extra=UPLOAD_BODY, tags=["openai"])
async def content_provenance_check(request: Request, door: Door) -> Response:
    """OpenAI's provenance check, for video: its C2PA result, and ours for the marks we can read."""
    job = await submit_upload(request, door, VERIFY, _described)
    job = await door.settled(job, door.limits.verdict_wait_s)
    if job.failure is not None:
        return failure_response(request.url.path, job.failure)
    verdict = await _verdict(door, job)
    return JSONResponse(
        {
            "object": "content_provenance_check",
            "created_at": job.created_at,
            "results": [c2pa_result(verdict), watermark_result(verdict)],
            "reelproof": {"id": job.job_id, "conclusion": verdict["conclusion"], "headline": verdict["headline"]},
        }
    )


async def verification(door: FrontDoor, job: Job) -> dict[str, Any]:
    """A verification job as JSON."""
    verdict = await _verdict(door, job) if job.state is JobState.COMPLETED else None
    return job_object(job, "verification", f"/v1/verify/{job.job_id}", verdict=verdict)


def c2pa_result(verdict: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's `c2pa` result from the file's own credential. `detected` means it holds, by whomever it is signed.

    `trusted`: intact, and its signer stands on a trust list; `valid`: intact; `invalid`: present and broken.
    """
    credential = verdict.get("manifest")
    if credential is None:
        state = "not_present"
    elif not all(credential.get(held) for held in ("signature_valid", "assertions_intact", "binding_intact")):
        state = "invalid"
    else:
        state = "trusted" if credential.get("trust_list") else "valid"
    shown = credential if credential is not None and state != "invalid" else {}
    return {
        "type": "c2pa",
        "outcome": "detected" if shown else "not_detected",
        "validation_state": state,
        "issuer": shown.get("issuer") or shown.get("signer"),
        "model": None,
        "generated_at": shown.get("signed_at"),
    }


def watermark_result(verdict: dict[str, Any]) -> dict[str, Any]:
    """Our own marks in the same shape. Other vendors' marks (SynthID and the like) can't be read by us."""
    marks = verdict.get("watermark") or {}
    found = any((marks.get(kind) or {}).get("found") for kind in ("pixel", "noise"))
    return {
        "type": "reelproof_watermark",
        "outcome": "detected" if found else "not_detected",
        "content_id": (marks.get("pixel") or {}).get("content_id"),
        "p_value": (marks.get("pixel") or {}).get("p_value"),
    }


def _described(form: Form) -> dict[str, Any]:
    return {"file_name": form.file_name}


async def _verdict(door: FrontDoor, job: Job) -> dict[str, Any]:
    return await run_in_threadpool(verdict_of, door.jobs.folder(job.job_id))
