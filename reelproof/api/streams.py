"""A job's progress as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

from reelproof.api.front_door import FrontDoor
from reelproof.job_values import Job

_LOOK_S = 0.15
_KEEP_ALIVE_S = 15.0


def event(name: str, content: dict[str, Any]) -> str:
    """One event in the wire format; JSON holds no raw line break, so one `data` line is enough."""
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"


async def job_events(
    door: FrontDoor,
    job: Job,
    shown: Callable[[Job], dict[str, Any]],
    has_left: Callable[[], Awaitable[bool]],
) -> AsyncIterator[str]:
    """`progress` on every change, then `completed` or `failed`; ends when the listener or the server leaves."""
    told: tuple[Any, ...] = ()
    silent_s = 0.0
    while not job.state.is_final:
        now = (job.state, job.phase, round(100 * job.progress))
        if now != told:
            told, silent_s = now, 0.0
            yield event("progress", shown(job))
        elif silent_s >= _KEEP_ALIVE_S:
            silent_s = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(_LOOK_S)
        silent_s += _LOOK_S
        if door.closing.is_set() or await has_left():
            return
        following = door.jobs.glance(job.job_id) or await run_in_threadpool(door.jobs.status, job.job_id)
        if following is None:
            yield event("deleted", {"id": job.job_id})
            return
        job = following
    yield event("completed" if str(job.state) == "completed" else "failed", shown(job))
