"""The application put together: guards outside, routes inside, the job queue living as long as it does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from reelproof import __version__, webhooks
from reelproof.api import (
    audit,
    consents,
    errors,
    feedback,
    operations,
    pages,
    policy_checks,
    resolution,
    reviews,
    sealing,
    verification,
    videos,
)
from reelproof.api.front_door import FrontDoor, ServiceLimits
from reelproof.api.guards import BodyLimit, Doorkeeper, SecurityHeaders, keys_required, same_origin, sane_host
from reelproof.api.meters import CountRequests, Meters
from reelproof.job_values import JobQueue
from reelproof.jobs import DurableJobs
from reelproof.log_desk import sweep
from reelproof.rounds import Rounds
from reelproof.work import job_kinds

if TYPE_CHECKING:
    from reelproof.wiring import Services

_SWEEP_S = 3_600.0


def create_app(
    services: "Services",
    *,
    jobs: JobQueue | None = None,
    limits: ServiceLimits | None = None,
    is_open_to_network: bool = False,
) -> FastAPI:
    """The whole service over these services. Its lifespan starts and stops the job queue.

    `is_open_to_network` says that it will be bound to more than loopback, and other host names are expected.
    """
    settings = services.settings
    limits = limits or ServiceLimits(upload_bytes=settings.max_upload_bytes)
    jobs = jobs or DurableJobs(settings.home / "jobs", job_kinds(services), services.clock)
    meters = Meters()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(jobs.start)
        rounds = _rounds(services, jobs)
        for one in rounds:
            one.start()
        try:
            yield
        finally:
            for one in rounds:
                await run_in_threadpool(one.close)
            await run_in_threadpool(jobs.close)

    app = FastAPI(
        title="Reelproof",
        version=__version__,
        summary="Video that can prove where it came from, and a detector that tells anyone where a clip came from.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.front_door = FrontDoor(services, jobs, limits, meters)
    for part in (
        verification, feedback, videos, sealing, audit, policy_checks, consents, reviews, operations, pages,
    ):  # fmt: skip
        app.include_router(part.router)
    app.include_router(resolution.router)
    pages.mount_static(app)
    errors.install(app)
    checks = (sane_host(is_open_to_network), same_origin, keys_required(settings.api_keys, settings.desk_keys))
    # The last one added stands outermost.
    app.add_middleware(BodyLimit, limits=limits)
    app.add_middleware(Doorkeeper, checks=checks)
    app.add_middleware(CountRequests, meters=meters)
    app.add_middleware(SecurityHeaders)
    return app


def _rounds(services: "Services", jobs: JobQueue) -> list[Rounds]:
    """What the server does now and then: keep the retention, ask the witnesses, tell callers' servers."""
    found = [Rounds("retention", _SWEEP_S, partial(sweep, services))]
    if services.witnesses.clients:
        every_s = services.settings.witness_every_s
        found.append(Rounds("witnesses", every_s, services.witnesses.ask_and_tell))
    if services.settings.webhooks:
        found.append(Rounds("webhooks", webhooks.EVERY_S, partial(services.webhooks.tell_due, jobs.status)))
    return found
