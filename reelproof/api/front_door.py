"""What every route works with: the services, the job queue, the limits and the meters."""

import asyncio
import hashlib
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from core.errors import ReelproofError
from policy.reviews import ReviewKind, ReviewState
from provenance.fetching import FetchLimits
from reelproof.api.meters import Meters
from reelproof.job_values import Job, JobQueue, JobState

if TYPE_CHECKING:
    from reelproof.wiring import Services

_MIB = 1 << 20
_FETCH = FetchLimits(max_bytes=128 * _MIB, wall_s=60.0)


class NotFound(ReelproofError):
    """Nothing of that name here: never was, expired, or deleted."""


@dataclass(frozen=True)
class ServiceLimits:
    """What one request may cost. Bytes, seconds, bytes a second.

    A body may take `body_grace_s` plus its size over `body_min_rate`: slow phones get through, a connection
    held open with a byte now and then does not. `fetch` bounds a clip that is fetched from an address, or all of a
    stream (at most `stream_segments` files of it); it lies in memory until it is whole, so few are fetched at once.
    """

    upload_bytes: int = 512 * _MIB
    fetch: FetchLimits = _FETCH
    fetches_at_once: int = 2
    stream_segments: int = 600
    small_body_bytes: int = _MIB
    body_grace_s: float = 20.0
    body_min_rate: int = 16 * 1024
    approval_wait_s: float = 60.0
    verdict_wait_s: float = 900.0


@dataclass(frozen=True)
class FrontDoor:
    """One application's services."""

    services: "Services"
    jobs: JobQueue
    limits: ServiceLimits
    meters: Meters
    fetching: threading.Lock = field(default_factory=threading.Lock)
    fetches: list[str] = field(default_factory=list)
    """IDs of the jobs whose clips are being fetched now; changed under `fetching`."""
    closing: threading.Event = field(default_factory=threading.Event)
    """Set when the server is about to stop: whoever waits for a job answers with what is known."""

    def caller(self, request: Request) -> str:
        """Who asks: the first 16 hex digits of their key's SHA-256, or `local` without one of our keys."""
        settings, digest = self.services.settings, key_digest(request.headers)
        known = {one.lower() for one in (*settings.api_keys, *settings.desk_keys)}
        return digest[:16] if digest in known else "local"

    async def job(self, kind: str, job_id: str) -> Job:
        """A job of a kind. Raises NotFound for anything else."""
        job = await run_in_threadpool(self._job, job_id)
        if job is None or job.kind != kind:
            raise NotFound(
                f"there is no {kind} with this ID",
                code="not_found",
                hint="It may have expired or been deleted; IDs look like " + f"{kind}_0123….",
            )
        return job

    def _job(self, job_id: str) -> Job | None:
        """The job as it stands; a held one goes on when somebody asks for it after a person has decided."""
        job = self.jobs.status(job_id)
        if job is None or job.state is not JobState.HELD:
            return job
        kinds = (self.services.reviews.of_request(job_id, kind) for kind in ReviewKind)
        states = {review.state for review in kinds if review is not None}
        return job if ReviewState.WAITING in states else self.jobs.retry(job_id)

    async def settled(self, job: Job, timeout_s: float, *, after_step: str | None = None) -> Job:
        """The job once it is final, or past a step; as it stands when the time is over."""
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + timeout_s, 0.01
        while not job.state.is_final and (after_step is None or after_step not in job.results):
            if loop.time() > deadline or self.closing.is_set():
                break
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 0.25)
            job = self.jobs.glance(job.job_id) or job
        return job


def key_digest(headers: Headers) -> str:
    """The SHA-256, in hex, of the key that came with a request, or of nothing."""
    given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ").strip()
    return hashlib.sha256(given.encode("utf-8", "surrogateescape")).hexdigest()


def front_door(request: Request) -> FrontDoor:
    """The application's services, as a route's dependency."""
    door: FrontDoor = request.app.state.front_door
    return door


Door = Annotated[FrontDoor, Depends(front_door)]


def new_job_id(kind: str, request: Request | None = None) -> str:
    """An unguessable ID, or the one an `Idempotency-Key` header of this caller stands for."""
    key = request.headers.get("idempotency-key") if request else None
    if request is None or not key:
        return f"{kind}_{secrets.token_hex(16)}"
    caller = request.headers.get("authorization", "")
    digest = hashlib.sha256("\0".join((kind, caller, key)).encode("utf-8", "surrogateescape"))
    return f"{kind}_{digest.hexdigest()[:32]}"
