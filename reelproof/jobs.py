"""Durable jobs on DBOS and SQLite. The only module that imports DBOS.

A job is one DBOS workflow whose steps' answers are kept: a killed server takes its jobs up again and
doesn't repeat a finished step. What DBOS leaves open is settled here: cancelling between progress
reports, poison jobs counted by the attempts that really began (not by restarts a waiting job lived
through), retention, and one server a home. Nothing here talks to a network: DBOS's cloud and telemetry
stay off, and its environment switch for the cloud is refused.
"""

import fcntl
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSPortableJSONSerializer, SetWorkflowID, WorkflowStatus

from core.clock import Clock
from core.errors import ConfigurationError, ReelproofError, UsageError
from core.files import write_atomically
from reelproof.job_values import (
    Job,
    JobCancelled,
    JobFailure,
    JobKind,
    JobPage,
    JobRun,
    JobState,
    JobStep,
    QueueFull,
)
from reelproof.lane import Lane
from reelproof.releases import HELD

MAX_RECOVERIES = 3
"""A step that was begun this often again without finishing is given up: it probably kills its process."""
_JOBS_VERSION = "reelproof-jobs-1"
"""Names the meaning of stored steps: another version of the program with the same name may resume them."""
_JOB_ID = re.compile(r"[a-z]+_[0-9a-f]{32}")
_REMEMBERED = 512
_ENDING_S, _ENDING_STEP_S = 10.0, 0.02
_log = logging.getLogger(__name__)
"""The standard library's: its tracebacks show no local variables, and those may hold prompts."""
_POISON = JobFailure(
    "poison_job", "this job stopped the server each time it ran and was given up", "Report it with the job's ID."
)
_FAULT = JobFailure(
    "internal_error", "an unexpected fault stopped this job", "The server's log has the details under the job's ID."
)


class _ServerStopping(BaseException):
    """Leaves a running step without an outcome, so that DBOS keeps the job for the next start.

    Not an `Exception`: DBOS would store one as the step's answer.
    """


@dataclass
class _Live:
    """A job this process knows of, as it runs. Fields change under the queue's lock."""

    job_id: str
    kind: JobKind
    request: Mapping[str, Any]
    created_at: int
    state: JobState = JobState.QUEUED
    phase: str = ""
    progress: float = 0.0
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failure: JobFailure | None = None
    completed_at: int | None = None
    is_cancelled: bool = False

    def job(self) -> Job:
        kept = self.kind.kept_s
        expires = self.completed_at + kept if self.completed_at is not None and kept is not None else None
        return Job(
            self.job_id,
            self.kind.name,
            self.state,
            self.phase,
            self.progress,
            self.created_at,
            self.request,
            self.completed_at,
            expires,
            dict(self.results),
            self.failure,
        )


class DurableJobs:
    """A `JobQueue` on SQLite in one folder. One running instance a process and a folder."""

    def __init__(
        self,
        folder: Path,
        kinds: tuple[JobKind, ...],
        clock: Clock,
        *,
        max_unfinished: int = 64,
        sweep_s: float = 10.0,
    ) -> None:
        self._root = folder
        self._kinds = {kind.name: kind for kind in kinds}
        self._lanes = {kind.lane: Lane(1) for kind in kinds}
        self._clock = clock
        self._max_unfinished = max_unfinished
        self._sweep_s = sweep_s
        self._live: dict[str, _Live] = {}
        self._deleted: set[str] = set()
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._sweeper = threading.Thread(target=self._keep_sweeping, name="job-sweeper", daemon=True)
        self._workflows: dict[str, Any] = {}
        self._home_lock: int | None = None

    # Life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up the work, first of all what an earlier process left behind. Starting twice is starting once.

        Raises:
            ConfigurationError: another server works in this folder, or the environment asks for DBOS's cloud.
        """
        if self._home_lock is not None:
            return
        if os.environ.get("DBOS__CLOUD") == "true":
            raise ConfigurationError(
                "DBOS__CLOUD is set, and jobs never leave this machine",
                code="jobs_cloud",
                hint="Unset DBOS__CLOUD.",
            )
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._home_lock = _locked(self._root / "lock")
        DBOS(
            config={
                "name": "reelproof",
                "system_database_url": f"sqlite:///{self._root / 'jobs.db'}",
                "application_version": _JOBS_VERSION,
                "executor_id": "local",
                "enable_otlp": False,
                "log_level": "ERROR",
                "serializer": DBOSPortableJSONSerializer(),
            }
        )
        self._workflows = {name: self._registered(kind) for name, kind in self._kinds.items()}
        DBOS.launch()
        self._remember_unfinished()
        self._drop_orphans()
        self._sweeper.start()

    def close(self) -> None:
        """Stop at the next safe point; unfinished jobs wait for the next start. Closing twice is closing once."""
        if self._home_lock is None:
            return
        self._stopping.set()
        if self._sweeper.is_alive():
            self._sweeper.join(timeout=self._sweep_s)
        DBOS.destroy(destroy_registry=True)
        os.close(self._home_lock)
        self._home_lock = None

    def _registered(self, kind: JobKind) -> Any:
        def run(request: dict[str, Any]) -> dict[str, Any]:
            return self._run(kind, str(DBOS.workflow_id), request)

        return DBOS.workflow(name=kind.name)(run)

    def _remember_unfinished(self) -> None:
        for row in DBOS.list_workflows(name=[*self._kinds], status=["PENDING", "ENQUEUED"], load_output=False):
            with self._lock:
                live = self._live.setdefault(row.workflow_id, self._live_of(row))
            done = {step["function_name"] for step in DBOS.list_workflow_steps(row.workflow_id)}
            ends = [step.progress_end for step in live.kind.steps if step.name in done]
            live.progress = max([live.progress, *ends])
        self._deleted = {marker.parent.name for marker in self._root.glob("*/deleted")}

    def _live_of(self, row: WorkflowStatus) -> _Live:
        return _Live(row.workflow_id, self._kinds[row.name], _request_of(row), (row.created_at or 0) // 1000)

    def _drop_orphans(self) -> None:
        """Folders of jobs that were never submitted: an upload that broke off with the server."""
        known = {row.workflow_id for row in DBOS.list_workflows(load_input=False, load_output=False)}
        for folder in self._root.iterdir():
            if folder.is_dir() and folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    # What is asked of it ---------------------------------------------------------------------------------------

    def folder(self, job_id: str) -> Path:
        """The job's private folder, made if need be."""
        if not _JOB_ID.fullmatch(job_id):
            raise ValueError(f"{job_id!r} is no job ID")
        folder = self._root / job_id
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def submit(self, kind: str, job_id: str, request: Mapping[str, Any]) -> Job:
        """Accept a job. Raises QueueFull, or UsageError when the id already stands for another request."""
        self.folder(job_id)
        known = self.status(job_id)
        if known is not None:
            return _same_request(known, request)
        with self._lock:
            self._check_room()
            live = _Live(job_id, self._kinds[kind], dict(request), int(self._clock.now().timestamp()))
            self._live[job_id] = live
            self._forget_some()
        try:
            with SetWorkflowID(job_id):
                DBOS.start_workflow(self._workflows[kind], dict(request))
        except BaseException:
            with self._lock:
                self._live.pop(job_id, None)
            raise
        return live.job()

    def status(self, job_id: str) -> Job | None:
        """The job as it stands; None when unknown, expired or deleted."""
        if not _JOB_ID.fullmatch(job_id) or job_id in self._deleted:
            return None
        job = self.glance(job_id)
        if job is None:
            row = DBOS.get_workflow_status(job_id)
            job = self._job_of(row) if row is not None else None
        return None if job is None or self._has_expired(job) else job

    def glance(self, job_id: str) -> Job | None:
        """The job if it is unfinished or finished in this process; from memory alone."""
        with self._lock:
            live = self._live.get(job_id)
            return live.job() if live is not None and job_id not in self._deleted else None

    def list(self, kind: str, *, after: str | None = None, limit: int = 20, newest_first: bool = True) -> JobPage:
        """Jobs of a kind by age, beginning after the job `after`. Raises UsageError when there is no such job."""
        found: list[Job] = []
        seen_after, offset, chunk = after is None, 0, max(2 * limit, 50)
        bound = self._bound(after, newest_first) if after is not None else {}
        while len(found) <= limit:
            rows = DBOS.list_workflows(name=kind, limit=chunk, offset=offset, sort_desc=newest_first, **bound)
            for row in rows:
                if not seen_after:
                    seen_after = row.workflow_id == after
                elif (job := self.status(row.workflow_id)) is not None:
                    found.append(job)
            if len(rows) < chunk:
                break
            offset += chunk
        return JobPage(tuple(found[:limit]), len(found) > limit)

    def cancel(self, job_id: str) -> Job | None:
        """Ask a job to stop at its next step or progress report. A finished one stays as it is."""
        job = self.status(job_id)
        if job is None or job.state.is_final:
            return job
        write_atomically(self.folder(job_id) / "cancelled", b"")
        with self._lock:
            if live := self._live.get(job_id):
                live.is_cancelled = True
        return self.status(job_id)

    def retry(self, job_id: str) -> Job | None:
        """Run a failed, cancelled or held job again, from the step that didn't finish."""
        job = self.status(job_id)
        if job is None or job.state not in (JobState.FAILED, JobState.CANCELLED, JobState.HELD):
            return job
        _await_end(job_id)
        for marker in (self.folder(job_id) / "cancelled", *self.folder(job_id).glob("attempts-*")):
            marker.unlink(missing_ok=True)
        with self._lock:
            self._check_room()
            self._live[job_id] = _Live(job_id, self._kinds[job.kind], job.request, job.created_at)
        DBOS.rewind_workflow(job_id, start_step=len(job.results) + 1)
        return self.status(job_id)

    def delete(self, job_id: str) -> bool:
        """Forget a job and its files, cancelling it first. False when there was none."""
        if self.status(job_id) is None:
            return False
        self.cancel(job_id)
        write_atomically(self.folder(job_id) / "deleted", b"")
        with self._lock:
            self._deleted.add(job_id)
        self._sweep_deleted()
        return True

    def _check_room(self) -> None:
        unfinished = sum(not live.state.is_final for live in self._live.values())
        if unfinished >= self._max_unfinished:
            raise QueueFull(
                f"{unfinished} jobs are waiting or running, and no more are taken",
                code="queue_full",
                hint="Try again in a minute.",
            )

    def _forget_some(self) -> None:
        finished = [job_id for job_id, live in self._live.items() if live.state.is_final]
        for job_id in finished[:-_REMEMBERED]:
            del self._live[job_id]

    def _bound(self, after: str, newest_first: bool) -> dict[str, Any]:
        row = DBOS.get_workflow_status(after) if _JOB_ID.fullmatch(after) else None
        if row is None or row.created_at is None:
            raise UsageError(
                f"there is no job {after[:60]!r} to list after", code="unknown_cursor", hint="Omit `after`."
            )
        at_ms = row.created_at + (1 if newest_first else -1)
        edge = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
        return {"end_time" if newest_first else "start_time": edge}

    def _job_of(self, row: WorkflowStatus) -> Job | None:
        if row.name not in self._kinds:
            return None
        live = self._live_of(row)
        outcome = row.output if row.status == "SUCCESS" and isinstance(row.output, dict) else None
        if outcome is not None:
            _take_outcome(live, outcome)
        elif row.status not in ("PENDING", "ENQUEUED", "DELAYED"):
            _take_outcome(live, {"state": "failed", "failure": asdict(_FAULT)})
            live.completed_at = (row.updated_at or 0) // 1000
        return live.job()

    def _has_expired(self, job: Job) -> bool:
        return job.expires_at is not None and self._clock.now().timestamp() >= job.expires_at

    # The work --------------------------------------------------------------------------------------------------

    def _run(self, kind: JobKind, job_id: str, request: dict[str, Any]) -> dict[str, Any]:
        """One workflow: every step in order, then the outcome."""
        with self._lock:
            now = int(self._clock.now().timestamp())
            live = self._live.setdefault(job_id, _Live(job_id, kind, request, now))
            live.is_cancelled |= (self.folder(job_id) / "cancelled").exists()
        try:
            outcome = self._run_steps(live)
        except JobCancelled as cancelled:
            outcome = {"state": "cancelled", "failure": asdict(JobFailure.of(cancelled))}
        if outcome["state"] != JobState.HELD:  # what is held goes on from what lies there
            kind.tidy(self.folder(job_id))
        outcome |= {"results": dict(live.results), "completed_at": int(self._clock.now().timestamp())}
        with self._lock:
            _take_outcome(live, outcome)
        return outcome

    def _run_steps(self, live: _Live) -> dict[str, Any]:
        quick = tuple(step for step in live.kind.steps if not step.takes_turn)
        slow = tuple(step for step in live.kind.steps if step.takes_turn)
        failure = self._run_in_order(live, quick)
        if failure is None and slow:
            with self._lanes[live.kind.lane].turn(lambda: self._give_up(live)):
                live.state = JobState.IN_PROGRESS
                failure = self._run_in_order(live, slow)
        if failure is None:
            return {"state": "completed", "failure": None}
        return {"state": "held" if failure["code"] == HELD else "failed", "failure": failure}

    def _run_in_order(self, live: _Live, steps: tuple[JobStep, ...]) -> dict[str, Any] | None:
        for step in steps:
            answer = DBOS.run_step({"name": step.name}, self._attempt, live, step)
            if answer.get("cancelled"):
                raise JobCancelled
            if answer.get("failure"):
                return dict(answer["failure"])
            with self._lock:
                live.results[step.name] = answer["value"]
                live.progress = max(live.progress, step.progress_end)
        return None

    def _attempt(self, live: _Live, step: JobStep) -> dict[str, Any]:
        """One try of a step; answers with its value or its failure, and raises only when the server stops."""
        folder = self.folder(live.job_id)
        attempts = folder / f"attempts-{step.name}"
        if attempts.is_file() and attempts.stat().st_size > MAX_RECOVERIES:
            return {"failure": asdict(_POISON)}
        _count(attempts)
        try:
            self._give_up(live)
            run = JobRun(live.job_id, folder, live.request, live.results, lambda *at: self._watch(live, *at))
            return {"value": step.run(run)}
        except JobCancelled:
            return {"cancelled": True}
        except ReelproofError as fault:
            return {"failure": asdict(JobFailure.of(fault))}
        except _ServerStopping:
            os.truncate(attempts, max(0, attempts.stat().st_size - 1))
            raise
        except Exception:
            _log.exception("step %s of job %s failed", step.name, live.job_id)
            return {"failure": asdict(_FAULT)}

    def _watch(self, live: _Live, phase: str, fraction: float) -> None:
        self._give_up(live)
        start, end = live.kind.phases.get(phase, (0.0, 0.0))
        with self._lock:
            live.phase = phase
            live.progress = max(live.progress, start + (end - start) * min(max(fraction, 0.0), 1.0))

    def _give_up(self, live: _Live) -> None:
        if self._stopping.is_set():
            raise _ServerStopping
        if live.is_cancelled:
            raise JobCancelled

    # Retention -------------------------------------------------------------------------------------------------

    def _keep_sweeping(self) -> None:
        while not self._stopping.wait(self._sweep_s):
            try:
                self._sweep_deleted()
                self._sweep_expired()
            except Exception:
                _log.exception("sweeping old jobs failed")

    def _sweep_deleted(self) -> None:
        for job_id in tuple(self._deleted):
            row = DBOS.get_workflow_status(job_id)
            if row is None or row.status not in ("PENDING", "ENQUEUED", "DELAYED"):
                self._erase(job_id)

    def _sweep_expired(self) -> None:
        for kind in self._kinds.values():
            if kind.kept_s is None:
                continue
            edge = datetime.fromtimestamp(self._clock.now().timestamp() - kind.kept_s, UTC).isoformat()
            for row in DBOS.list_workflows(
                name=kind.name, completed_before=edge, load_input=False, load_output=False
            ):
                self._erase(row.workflow_id)

    def _erase(self, job_id: str) -> None:
        DBOS.delete_workflow(job_id)
        shutil.rmtree(self._root / job_id, ignore_errors=True)
        with self._lock:
            self._live.pop(job_id, None)
            self._deleted.discard(job_id)


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        os.close(descriptor)
        raise ConfigurationError(
            "another server already works in this home",
            code="home_in_use",
            hint="Stop it, or give this one a home of its own with REELPROOF_HOME.",
        ) from fault
    return descriptor


def _await_end(job_id: str) -> None:
    """A job's outcome is known a moment before its workflow has ended, and only an ended one can be rewound."""
    for _ in range(round(_ENDING_S / _ENDING_STEP_S)):
        row = DBOS.get_workflow_status(job_id)
        if row is None or row.status not in ("PENDING", "ENQUEUED"):
            return
        time.sleep(_ENDING_STEP_S)


def _count(attempts: Path) -> None:
    with attempts.open("ab") as opened:
        opened.write(b".")
        opened.flush()
        os.fsync(opened.fileno())


def _request_of(row: WorkflowStatus) -> Mapping[str, Any]:
    with suppress(TypeError, KeyError, IndexError):
        request = row.input["args"][0]  # type: ignore[index]
        if isinstance(request, Mapping):
            return request
    return {}


def _same_request(known: Job, request: Mapping[str, Any]) -> Job:
    if dict(known.request) != dict(request):
        raise UsageError(
            "this idempotency key was used before, with another request",
            code="idempotency_conflict",
            hint="Use a new key for a new request.",
        )
    return known


def _take_outcome(live: _Live, outcome: Mapping[str, Any]) -> None:
    failure = outcome.get("failure")
    live.results = dict(outcome.get("results") or {})
    live.failure = JobFailure.from_json(failure) if failure else None
    live.completed_at = outcome.get("completed_at")
    live.state = JobState(outcome["state"])
    if live.state is JobState.COMPLETED:
        live.progress = 1.0
