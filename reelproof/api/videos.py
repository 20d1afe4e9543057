"""Making clips: OpenAI's video API over our pipeline and queue."""

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from core.errors import UsageError
from core.files import write_atomically
from core.pictures import contact_sheet, fitted, jpeg, sampled
from core.video import open_clip
from generator.port import GenerationRequest
from reelproof.api.bodies import receive_fields
from reelproof.api.errors import NotSupported, failure_response
from reelproof.api.front_door import Door, FrontDoor, new_job_id
from reelproof.api.given import made_here, receive_given, sources_of
from reelproof.api.streams import job_events
from reelproof.api.video_requests import read_generation, take_asker, take_number, video_object
from reelproof.job_values import Job, JobFailure, JobState
from reelproof.releases import Asker
from reelproof.sources import Sources
from reelproof.work import VIDEO, clip_path, request_from_json, request_to_json, upload_folder

router = APIRouter(tags=["videos"])
_REMIX_NOTE = (
    "A remix here is the same model, size, length and seed with a new prompt; the earlier clip's frames "
    "are not looked at, so the scene may change more than its words did."
)
_FORM = {
    "requestBody": {
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["prompt"]}},
            "multipart/form-data": {"schema": {"type": "object", "required": ["prompt"]}},
        }
    }
}


@router.post("/v1/videos", openapi_extra=_FORM)
async def create_video(request: Request, door: Door) -> Response:
    """Ask for a clip. Policy decides before the queue: a refusal is 400 `moderation_blocked`.

    A form may carry pictures to begin with (`input_reference`) and to end with (`last_image`).
    """
    return await _from_media(request, door, clip=None)


@router.get("/v1/videos")
async def list_videos(
    door: Door,
    after: str | None = None,
    limit: Annotated[int, Query(ge=0, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
) -> dict[str, Any]:
    """The clips asked for, newest first unless `order=asc`."""
    page = await run_in_threadpool(door.jobs.list, VIDEO, after=after, limit=limit, newest_first=order == "desc")
    videos = [video_object(job) for job in page.jobs]
    return {
        "object": "list",
        "data": videos,
        "first_id": videos[0]["id"] if videos else None,
        "last_id": videos[-1]["id"] if videos else None,
        "has_more": page.has_more,
    }


@router.post("/v1/videos/edits", openapi_extra=_FORM)
async def edit_video(request: Request, door: Door) -> Response:
    """Change a clip after a prompt: a file in the part `video`, or `video` with the `id` of one made here.

    `strength` (0 to 1) says how much of it changes.
    """
    return await _from_media(request, door, clip="changed")


@router.post("/v1/videos/extensions", openapi_extra=_FORM)
async def extend_video(request: Request, door: Door) -> Response:
    """Go on from the end of a clip, by `seconds`: a file in the part `video`, or `video` with an `id`."""
    return await _from_media(request, door, clip="extended")


@router.post("/v1/videos/characters")
@router.get("/v1/videos/characters/{character_id}")
async def unsupported() -> None:
    """Characters: part of the surface, not served by this version."""
    raise NotSupported(
        "this version serves no characters",
        code="not_supported",
        hint="Describe who is seen in words, or give a picture to begin with.",
    )


@router.get("/v1/videos/{video_id}")
async def retrieve_video(video_id: str, door: Door) -> dict[str, Any]:
    """One clip as it stands; a failed one answers 200 with `status: failed`."""
    return video_object(await door.job(VIDEO, video_id))


@router.delete("/v1/videos/{video_id}")
async def delete_video(video_id: str, door: Door) -> dict[str, Any]:
    """Delete a clip's job and file. What was released stays recognisable: manifest, marks and log remain."""
    await door.job(VIDEO, video_id)
    deleted = await run_in_threadpool(door.jobs.delete, video_id)
    return {"id": video_id, "object": "video.deleted", "deleted": deleted}


@router.post("/v1/videos/{video_id}/remix", openapi_extra=_FORM)
async def remix_video(video_id: str, request: Request, door: Door) -> Response:
    """The same settings with a new prompt. The earlier frames are not looked at; `reelproof.note` says so."""
    earlier = await door.job(VIDEO, video_id)
    fields = await receive_fields(request)
    asker = take_asker(fields, door.caller(request))
    if set(fields) - {"prompt"}:
        raise UsageError("a remix takes a prompt alone", code="unknown_parameter", hint="Send only `prompt`.")
    before = request_from_json(earlier.request["generation"])
    prompt = read_generation(fields, door.services.backends, before.backend).prompt
    used = earlier.results.get("render", {}).get("facts", {}).get("settings", {})
    again = replace(before, prompt=prompt, shots=(), seed=used.get("seed", before.seed))
    return await _submit(request, door, again, asker, remixed_from=video_id, note=_REMIX_NOTE)


@router.get("/v1/videos/{video_id}/content")
async def video_content(
    video_id: str, door: Door, variant: Literal["video", "thumbnail", "spritesheet"] = "video"
) -> Response:
    """The clip (MP4), its first look (JPEG) or a sheet of frames (JPEG)."""
    job = await door.job(VIDEO, video_id)
    clip = clip_path(door.jobs.folder(job.job_id))
    if job.state is not JobState.COMPLETED or not clip.is_file():
        raise UsageError("this clip is not finished", code="video_not_ready", hint="Poll until it is `completed`.")
    if variant == "video":
        return FileResponse(
            clip, media_type="video/mp4", filename=f"{video_id}.mp4", content_disposition_type="inline"
        )
    picture = await run_in_threadpool(_still, clip, variant)
    return FileResponse(picture, media_type="image/jpeg")


@router.get("/v1/videos/{video_id}/events")
async def video_events(video_id: str, request: Request, door: Door) -> Response:
    """Progress as server-sent events: `progress` on every change, then `completed` or `failed` with the object."""
    job = await door.job(VIDEO, video_id)
    stream: AsyncIterator[str] = job_events(door, job, video_object, request.is_disconnected)
    return StreamingResponse(stream, media_type="text/event-stream")


async def _from_media(
    request: Request, door: FrontDoor, *, clip: Literal["changed", "extended"] | None
) -> Response:
    """Receive what a clip is to be made from and submit it; whatever goes wrong, no file stays behind."""
    job_id = new_job_id(VIDEO, request)
    try:
        given = await made_here(door, job_id, await receive_given(request, door, job_id))
        fields = dict(given.fields)
        asker = take_asker(fields, door.caller(request))
        strength = take_number(fields, "strength") if clip == "changed" else None
        asked = read_generation(fields, door.services.backends, door.services.settings.backend)
        if (clip is None) == ("clip" in given.files):
            raise UsageError(
                "a clip is edited or extended, and comes with that alone",
                code="missing_file" if clip else "unexpected_file",
                hint="Send it in the field `video`, to /v1/videos/edits or /v1/videos/extensions.",
            )
        sources = sources_of(given, is_extended=clip == "extended", strength=strength)
        return await _submit(request, door, asked, asker, job_id, **({"sources": sources} if sources else {}))
    finally:
        await run_in_threadpool(_leave_no_file, door, job_id)


def _leave_no_file(door: FrontDoor, job_id: str) -> None:
    """What was uploaded for a job that was not taken, or sent again for one that is done, does not stay."""
    job = door.jobs.status(job_id)
    if job is None:
        shutil.rmtree(door.jobs.folder(job_id), ignore_errors=True)
    elif job.state.is_final:
        shutil.rmtree(upload_folder(door.jobs.folder(job_id)), ignore_errors=True)


async def _submit(
    request: Request,
    door: FrontDoor,
    asked: GenerationRequest,
    asker: Asker,
    job_id: str | None = None,
    **more: Any,
) -> Response:
    """Check that the backend can do it, queue it, and wait for policy's answer."""
    await run_in_threadpool(_require_able, door, asked, Sources.from_json(more.get("sources", {})))
    job_id = job_id or new_job_id(VIDEO, request)
    body = {"generation": request_to_json(asked), "asker": asdict(asker), **more}
    # Through JSON once, so that a repeated request compares equal to the stored one.
    job = await run_in_threadpool(door.jobs.submit, VIDEO, job_id, json.loads(json.dumps(body)))
    job = await door.settled(job, door.limits.approval_wait_s, after_step="approve")
    if job.state is JobState.HELD:
        door.meters.videos.labels("held").inc()
        return JSONResponse(video_object(job))
    if job.state is JobState.FAILED and "approve" not in job.results and job.failure is not None:
        return await _not_taken(request, door, job, job.failure)
    door.meters.videos.labels("accepted").inc()
    return JSONResponse(video_object(job))


def _require_able(door: FrontDoor, asked: GenerationRequest, sources: Sources) -> None:
    backend = door.services.backends[asked.backend]
    sources.use.require(backend.capabilities, backend.name)
    # An extension's seconds are what it adds; how much that may be, the backend says when it has the clip.
    backend.latent_spec(replace(asked, seconds=None) if sources.is_extended else asked)


async def _not_taken(request: Request, door: FrontDoor, job: Job, failure: JobFailure) -> Response:
    """Policy said no: the caller hears it now, and no job stays behind. The decision is in the log."""
    door.meters.videos.labels("refused" if failure.exit_code == 3 else "rejected").inc()
    await run_in_threadpool(door.jobs.delete, job.job_id)
    return failure_response(request.url.path, failure)


def _still(clip: Path, variant: str) -> Path:
    """A picture of a released clip, made once and kept beside it."""
    path = clip.with_name(f"{variant}.jpg")
    if not path.is_file():
        opened = open_clip(clip)
        if variant == "thumbnail":
            picture = fitted(next(iter(opened.frames())), min(opened.info.width_px, 512))
        else:
            picture = contact_sheet(sampled(opened, 12), columns=4, width_px=min(opened.info.width_px, 320))
        write_atomically(path, jpeg(picture))
    return path
