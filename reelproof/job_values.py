"""What a job is: its kind and steps, the state anybody may ask for, and the plug point of job queues."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from core.errors import ReelproofError, RequestRefused
from reelproof.releases import Watch


class JobState(StrEnum):
    """Where a job stands. The last four are final; a held one goes on once a person allowed it."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    HELD = "held"

    @property
    def is_final(self) -> bool:
        """True when nothing more will happen, unless somebody retries it."""
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED, JobState.HELD)


class JobCancelled(ReelproofError):
    """Raised out of a job's watch when somebody cancelled it."""

    def __init__(self) -> None:
        super().__init__("the job was cancelled", code="cancelled", hint="Submit it again if it is still wanted.")


class QueueFull(ReelproofError):
    """More unfinished jobs than the queue takes. Nothing was accepted."""

    exit_code = 7


@dataclass(frozen=True)
class JobFailure:
    """Why a job ended without a result. `code` is stable; the message names no person, path or secret."""

    code: str
    message: str
    hint: str
    exit_code: int = 1
    reason_codes: tuple[int, ...] = ()
    log_index: int | None = None

    @classmethod
    def of(cls, fault: ReelproofError) -> "JobFailure":
        """The failure an error stands for."""
        refused = fault if isinstance(fault, RequestRefused) else None
        return cls(
            fault.code,
            str(fault),
            fault.hint,
            fault.exit_code,
            refused.reason_codes if refused else (),
            refused.log_index if refused else None,
        )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "JobFailure":
        """The failure whose fields `value` holds."""
        return cls(**{**value, "reason_codes": tuple(value.get("reason_codes", ()))})


@dataclass(frozen=True)
class JobRun:
    """What a step is given: the job's own folder, its request, what earlier steps answered, and whom to tell.

    `watch` raises when the job is cancelled or the server stops: let that through.
    """

    job_id: str
    folder: Path
    request: Mapping[str, Any]
    results: Mapping[str, Mapping[str, Any]]
    watch: Watch


@dataclass(frozen=True)
class JobStep:
    """One durable step: its JSON answer is kept, and a resumed job doesn't run it again.

    It must be idempotent: a kill after its work and before its answer is stored runs it once more.
    `progress_end` is the job's overall progress (0.0 to 1.0) when the step is done.
    """

    name: str
    run: Callable[[JobRun], dict[str, Any]]
    progress_end: float
    takes_turn: bool = True


def _nothing_left(folder: Path) -> None:
    """The default for kinds that leave nothing to clear away."""


@dataclass(frozen=True)
class JobKind:
    """A kind of job. Steps that take no turn come first; the rest run while holding a place in `lane`.

    `phases` gives the stretch of overall progress of each phase a step's watch reports. `tidy` runs once the
    outcome is known and before it is stored. `kept_s` is how long a finished job is kept, seconds; None keeps
    it until it is deleted.
    """

    name: str
    steps: tuple[JobStep, ...]
    lane: str
    phases: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    tidy: Callable[[Path], None] = _nothing_left
    kept_s: int | None = None


@dataclass(frozen=True)
class Job:
    """A job as anybody may see it. Times are Unix seconds; `progress` is 0.0 to 1.0 and never decreases."""

    job_id: str
    kind: str
    state: JobState
    phase: str
    progress: float
    created_at: int
    request: Mapping[str, Any]
    completed_at: int | None = None
    expires_at: int | None = None
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    failure: JobFailure | None = None


@dataclass(frozen=True)
class JobPage:
    """Some jobs in order, and whether more follow."""

    jobs: tuple[Job, ...]
    has_more: bool


class JobQueue(Protocol):
    """Durable jobs.

    Contract: a job is durable when `submit` returns; the same id and request give the same job, once. Every
    method is thread-safe and quick enough for a request, but may touch a disk: not for an event loop. Only
    `glance` never does. Unknown, expired and deleted ids read as None.
    """

    def start(self) -> None:
        """Take up the work, first of all the jobs an earlier process left behind."""
        ...

    def close(self) -> None:
        """Stop at the next safe point; unfinished jobs wait for the next start."""
        ...

    def folder(self, job_id: str) -> Path:
        """The job's private folder, made if need be. Goes when the job is deleted or expires."""
        ...

    def submit(self, kind: str, job_id: str, request: Mapping[str, Any]) -> Job:
        """Accept a job. Raises QueueFull, or UsageError when the id already stands for another request."""
        ...

    def status(self, job_id: str) -> Job | None:
        """The job as it stands."""
        ...

    def glance(self, job_id: str) -> Job | None:
        """The job if it is unfinished or finished in this process; from memory alone."""
        ...

    def list(self, kind: str, *, after: str | None = None, limit: int = 20, newest_first: bool = True) -> JobPage:
        """Jobs of a kind by age, beginning after the job `after`. Raises UsageError when there is no such job."""
        ...

    def cancel(self, job_id: str) -> Job | None:
        """Ask a job to stop at its next step or progress report. A finished one stays as it is."""
        ...

    def retry(self, job_id: str) -> Job | None:
        """Run a failed or cancelled job again, from the step that didn't finish."""
        ...

    def delete(self, job_id: str) -> bool:
        """Forget a job and its files, cancelling it first. False when there was none."""
        ...
