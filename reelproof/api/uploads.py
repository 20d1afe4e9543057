"""From an upload or an address to a job: the file into the job's private folder, the job into the queue."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from core.errors import UsageError
from detector.fetchedstreams import StreamLimits, is_playlist, stream_behind
from provenance.fetching import Fetched, FetchLimits, fetch
from reelproof.api.bodies import Form, cleaned_name, receive_upload
from reelproof.api.front_door import FrontDoor, new_job_id
from reelproof.job_values import Job, QueueFull
from reelproof.work import upload_folder

_FOUND = 200


async def submit_upload(
    request: Request, door: FrontDoor, kind: str, described: Callable[[Form], dict[str, Any]]
) -> Job:
    """Receive one file and submit the job that reads it; whatever goes wrong, no file stays behind.

    `described` turns what came into the job's request.
    """
    job_id = new_job_id(kind)
    folder = await run_in_threadpool(door.jobs.folder, job_id)
    try:
        form = await receive_upload(request, upload_folder(folder))
        return await run_in_threadpool(door.jobs.submit, kind, job_id, described(form))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


async def submit_fetched(door: FrontDoor, kind: str, url: str) -> Job:
    """Fetch a clip, or a stream in segments as one clip, from a public https address and submit the job that reads
    it.

    Raises:
        UsageError: `bad_url`, `private_address`, `url_refused` (it answers with another status than 200).
        UnreadableInput: a playlist that can't be followed (`detector.fetchedstreams`, `SegmentedStream.whole`).
        ServiceUnreachable: as `provenance.fetching.fetch`. QueueFull: `fetches_busy`.
    """
    job_id = new_job_id(kind)
    with _place_for(door, job_id):
        return await run_in_threadpool(_fetched, door, kind, job_id, url)


@contextmanager
def _place_for(door: FrontDoor, job_id: str) -> Iterator[None]:
    with door.fetching:
        if len(door.fetches) >= door.limits.fetches_at_once:
            raise QueueFull("other clips are being fetched", code="fetches_busy", hint="Try again in a minute.")
        door.fetches.append(job_id)
    try:
        yield
    finally:
        with door.fetching:
            door.fetches.remove(job_id)


def _fetched(door: FrontDoor, kind: str, job_id: str, url: str) -> Job:
    limits = replace(door.limits.fetch, max_bytes=min(door.limits.fetch.max_bytes, door.limits.upload_bytes))
    began_s = time.monotonic()
    fetched = fetch(url, limits)
    if fetched.status != _FOUND:
        raise UsageError(
            f"the address answers with status {fetched.status}",
            code="url_refused",
            hint="Give the address of the clip itself; what needs a login can't be fetched.",
        )
    name = cleaned_name(unquote(urlsplit(url).path))
    folder = door.jobs.folder(job_id)
    try:
        upload_folder(folder).mkdir(parents=True, mode=0o700, exist_ok=True)
        request: dict[str, Any] = {"file_name": name}
        if is_playlist(fetched):
            left_s = limits.wall_s - (time.monotonic() - began_s)
            request["stream"] = _joined(door, fetched, replace(limits, wall_s=left_s), upload_folder(folder) / name)
        else:
            (upload_folder(folder) / name).write_bytes(fetched.body)
        return door.jobs.submit(kind, job_id, request)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _joined(door: FrontDoor, playlist: Fetched, limits: FetchLimits, path: Path) -> dict[str, Any]:
    """Fetch a stream's segments into one file, within what a clip may cost; what the job is told of it."""
    costs = StreamLimits(limits, limits.max_bytes, door.limits.stream_segments, limits.wall_s)
    stream = stream_behind(playlist, costs)
    parts = stream.whole().write_to(path)
    return {"segments": len(stream.segments), "is_live": stream.is_live, "parts": list(parts)}


def job_object(job: Job, kind: str, address: str, **more: Any) -> dict[str, Any]:
    """A verification or sealing job as JSON; `address` is where it can be asked for again."""
    failure = job.failure
    return {
        "id": job.job_id,
        "object": kind,
        "status": str(job.state),
        "progress": round(100 * job.progress),
        "created_at": job.created_at,
        "completed_at": job.completed_at,
        "expires_at": job.expires_at,
        "url": address,
        "error": None
        if failure is None
        else {"code": failure.code, "message": failure.message, "hint": failure.hint},
        **more,
    }
