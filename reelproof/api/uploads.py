"""From an upload to a job: the file into the job's private folder, the job into the queue."""

import shutil
from collections.abc import Callable
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from reelproof.api.bodies import Form, receive_upload
from reelproof.api.front_door import FrontDoor, new_job_id
from reelproof.job_values import Job
from reelproof.work import upload_folder


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
