"""For whoever runs the server: is it alive, is it ready, what has it done."""

import os
from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from core.errors import ReelproofError
from reelproof import __version__
from reelproof.api.front_door import Door, FrontDoor
from reelproof.work import VIDEO

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok", "version": __version__}


@router.get("/readyz")
async def readyz(door: Door) -> Response:
    """Whether log, jobs and disk can be used now; 503 naming what can't."""
    problems = await run_in_threadpool(_problems, door)
    content: dict[str, Any] = {"status": "ready" if not problems else "not ready", "problems": problems}
    return JSONResponse(content, 200 if not problems else 503)


@router.get("/metrics")
async def metrics(door: Door) -> Response:
    """Counters in Prometheus' text format."""
    door.meters.log_size.set(await run_in_threadpool(lambda: door.services.log.size))
    return Response(door.meters.exposition(), media_type=CONTENT_TYPE_LATEST)


def _problems(door: FrontDoor) -> list[str]:
    found = []
    try:
        door.services.log.checkpoint()
    except (ReelproofError, OSError):
        found.append("the decision log can't be read")
    try:
        door.jobs.list(VIDEO, limit=1)
    except Exception:
        found.append("the job queue doesn't answer")
    if not os.access(door.services.settings.home, os.W_OK):
        found.append("the data folder can't be written")
    return found
