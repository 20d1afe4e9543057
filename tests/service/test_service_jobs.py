import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import FixedClock
from core.errors import ConfigurationError, UnreadableInput, UsageError
from reelproof.job_values import Job, JobKind, JobRun, JobState, JobStep, QueueFull
from reelproof.jobs import MAX_RECOVERIES, DurableJobs
from reelproof.lane import Lane

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Bench:
    """A queue over two steps that tests steer, and what the steps saw."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.clock = FixedClock(NOON)
        self.ran: list[tuple[str, str]] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.fault: Exception | None = None
        self.queue = self._opened()

    def _opened(self, **settings: Any) -> DurableJobs:
        kind = JobKind(
            "video",
            (JobStep("approve", self._approve, 0.1, takes_turn=False), JobStep("render", self._render, 1.0)),
            lane="one",
            phases={"sample": (0.1, 1.0)},
            kept_s=600,
        )
        queue = DurableJobs(self.root, (kind,), self.clock, sweep_s=0.1, **settings)
        queue.start()
        return queue

    def reopen(self, **settings: Any) -> None:
        self.queue.close()
        self.queue = self._opened(**settings)

    def _approve(self, run: JobRun) -> dict[str, Any]:
        self.ran.append(("approve", run.job_id))
        return {"yes": True}

    def _render(self, run: JobRun) -> dict[str, Any]:
        self.ran.append(("render", run.job_id))
        run.watch("sample", 0.5)
        while not self.may_go.wait(0.02):
            run.watch("sample", 0.5)
        if self.fault is not None:
            raise self.fault
        return {"saw": dict(run.results["approve"])}

    def submit(self, number: int, request: dict[str, Any] | None = None) -> Job:
        return self.queue.submit("video", job_id(number), {"n": number} if request is None else request)

    def final(self, number: int) -> Job:
        return self.until(number, lambda job: job.state.is_final)

    def until(self, number: int, holds: Callable[[Job], bool]) -> Job:
        end = time.monotonic() + 20
        while True:
            job = self.queue.status(job_id(number))
            assert job is not None
            if holds(job):
                return job
            assert time.monotonic() < end, f"waited in vain: {job}"
            time.sleep(0.01)


def job_id(number: int) -> str:
    return f"video_{number:032x}"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "jobs")
    yield made
    made.may_go.set()
    made.queue.close()


def test_job_runs_its_steps_in_order_and_keeps_their_answers(bench: Bench) -> None:
    """A finished job shows every step's answer, and a later step sees the earlier ones'."""
    assert bench.submit(1).state is JobState.QUEUED
    job = bench.final(1)
    assert job.state is JobState.COMPLETED
    assert job.progress == 1.0
    assert job.results == {"approve": {"yes": True}, "render": {"saw": {"yes": True}}}


def test_same_id_and_request_is_one_job(bench: Bench) -> None:
    """Submitting twice under one id runs once; another request under it is refused."""
    bench.submit(1)
    bench.final(1)
    assert bench.submit(1).state is JobState.COMPLETED
    with pytest.raises(UsageError) as refused:
        bench.submit(1, {"n": 99})
    assert refused.value.code == "idempotency_conflict"
    assert bench.ran == [("approve", job_id(1)), ("render", job_id(1))]


def test_slow_steps_run_one_at_a_time_and_quick_ones_at_once(bench: Bench) -> None:
    """While one job renders, another is approved but waits for its turn."""
    bench.may_go.clear()
    bench.submit(1)
    bench.until(1, lambda job: job.phase == "sample")
    bench.submit(2)
    waiting = bench.until(2, lambda job: "approve" in job.results)
    time.sleep(0.1)
    assert ("render", job_id(2)) not in bench.ran
    assert waiting.state is JobState.QUEUED
    bench.may_go.set()
    assert bench.final(2).state is JobState.COMPLETED


def test_cancelling_stops_running_and_waiting_jobs(bench: Bench) -> None:
    """A running job stops at its next report, a waiting one without ever rendering."""
    bench.may_go.clear()
    bench.submit(1)
    bench.until(1, lambda job: job.phase == "sample")
    bench.submit(2)
    bench.until(2, lambda job: "approve" in job.results)
    bench.queue.cancel(job_id(2))
    assert bench.final(2).state is JobState.CANCELLED
    bench.queue.cancel(job_id(1))
    job = bench.final(1)
    assert job.state is JobState.CANCELLED
    assert job.failure is not None
    assert job.failure.code == "cancelled"
    assert ("render", job_id(2)) not in bench.ran


def test_queue_takes_only_so_many_unfinished_jobs(bench: Bench) -> None:
    """Past its bound the queue refuses, and takes jobs again once there is room."""
    bench.reopen(max_unfinished=2)
    bench.may_go.clear()
    bench.submit(1)
    bench.submit(2)
    with pytest.raises(QueueFull):
        bench.submit(3)
    assert bench.queue.status(job_id(3)) is None
    bench.may_go.set()
    bench.final(1)
    bench.final(2)
    bench.submit(3)
    assert bench.final(3).state is JobState.COMPLETED


def test_our_errors_are_kept_with_code_and_hint(bench: Bench) -> None:
    """A step that fails with one of our errors leaves a failed job that says what to do."""
    bench.fault = UnreadableInput("no video in it", code="not_a_video", hint="Send a clip.")
    bench.submit(1)
    failure = bench.final(1).failure
    assert failure is not None
    assert (failure.code, failure.message, failure.hint, failure.exit_code) == (
        "not_a_video",
        "no video in it",
        "Send a clip.",
        5,
    )


def test_unexpected_faults_tell_nothing_of_the_inside(bench: Bench) -> None:
    """A bug in a step shows neither its message nor a path to whoever asks."""
    bench.fault = RuntimeError("secret /srv/path")
    bench.submit(1)
    job = bench.final(1)
    assert job.failure is not None
    assert job.failure.code == "internal_error"
    assert "secret" not in repr(job)


def test_retry_runs_only_what_did_not_finish(bench: Bench) -> None:
    """A failed job tried again doesn't repeat its finished steps."""
    bench.fault = UnreadableInput("no", code="not_a_video", hint="")
    bench.submit(1)
    bench.final(1)
    bench.fault = None
    bench.queue.retry(job_id(1))
    assert bench.final(1).state is JobState.COMPLETED
    assert [step for step, _ in bench.ran] == ["approve", "render", "render"]


def test_closed_queue_goes_on_where_it_stopped(bench: Bench) -> None:
    """Closing amid a step loses nothing: the next start finishes the job without repeating finished steps."""
    bench.may_go.clear()
    bench.submit(1)
    bench.until(1, lambda job: job.phase == "sample")
    bench.reopen()
    bench.may_go.set()
    assert bench.final(1).state is JobState.COMPLETED
    assert [step for step, _ in bench.ran] == ["approve", "render", "render"]


def test_restarts_don_t_count_against_a_job(bench: Bench) -> None:
    """Clean stops, however many, don't make a job look like one that kills its server."""
    bench.may_go.clear()
    bench.submit(1)
    for _ in range(MAX_RECOVERIES + 2):
        bench.until(1, lambda job: job.phase == "sample")
        bench.reopen()
    bench.may_go.set()
    assert bench.final(1).state is JobState.COMPLETED


def test_job_that_keeps_killing_its_server_is_given_up(bench: Bench) -> None:
    """After so many begun and never ended attempts a step is not tried again."""
    bench.queue.folder(job_id(1))
    (bench.root / job_id(1) / "attempts-render").write_bytes(b"." * (MAX_RECOVERIES + 1))
    bench.submit(1)
    failure = bench.final(1).failure
    assert failure is not None
    assert failure.code == "poison_job"
    assert ("render", job_id(1)) not in bench.ran


def test_finished_jobs_are_read_after_a_restart(bench: Bench) -> None:
    """What a job answered is still there for the next process."""
    bench.submit(1)
    before = bench.final(1)
    bench.reopen()
    assert bench.queue.glance(job_id(1)) is None
    after = bench.queue.status(job_id(1))
    assert after is not None
    assert (after.results, after.state, after.completed_at, after.expires_at) == (
        before.results,
        before.state,
        before.completed_at,
        before.expires_at,
    )


def test_expired_jobs_vanish_with_their_files(bench: Bench) -> None:
    """When the time is over a job reads as unknown at once, and its folder goes."""
    bench.submit(1)
    bench.final(1)
    # The sweeper's edge is compared with the real clock's completion time.
    bench.clock.instant = datetime.now(UTC) + timedelta(seconds=601)
    assert bench.queue.status(job_id(1)) is None
    _gone(bench.root / job_id(1))


def test_deleted_jobs_vanish_with_their_files(bench: Bench) -> None:
    """Deleting a running job stops it and leaves no trace of it."""
    bench.may_go.clear()
    bench.submit(1)
    bench.until(1, lambda job: job.phase == "sample")
    assert bench.queue.delete(job_id(1))
    assert bench.queue.status(job_id(1)) is None
    assert bench.queue.list("video").jobs == ()
    _gone(bench.root / job_id(1))
    assert not bench.queue.delete(job_id(1))


def _gone(folder: Path) -> None:
    end = time.monotonic() + 10
    while folder.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_listing_follows_age_and_cursor(bench: Bench) -> None:
    """Pages joined give every job once, in order of age."""
    for number in range(7):
        bench.submit(number)
        bench.final(number)
        time.sleep(0.003)
    for newest_first in (True, False):
        seen: list[str] = []
        after, more = None, True
        while more:
            page = bench.queue.list("video", after=after, limit=3, newest_first=newest_first)
            seen += [job.job_id for job in page.jobs]
            after, more = seen[-1], page.has_more
        expected = [job_id(number) for number in range(7)]
        assert seen == (expected[::-1] if newest_first else expected)
    with pytest.raises(UsageError):
        bench.queue.list("video", after=job_id(99))


def test_only_one_server_works_in_a_folder(bench: Bench) -> None:
    """A second queue over the same folder is refused, with a hint."""
    second = DurableJobs(bench.root, (), bench.clock)
    with pytest.raises(ConfigurationError) as refused:
        second.start()
    assert refused.value.code == "home_in_use"


def test_folders_of_uploads_that_broke_off_are_cleared(bench: Bench) -> None:
    """A folder without a job, left by a killed server, is gone after the next start."""
    bench.queue.folder(job_id(5))
    bench.reopen()
    assert not (bench.root / job_id(5)).exists()


@pytest.mark.parametrize("name", ["", "video_", "../video_" + "0" * 32, "video_" + "0" * 33, "video_" + "G" * 32])
def test_strange_ids_are_nobody_s(bench: Bench, name: str) -> None:
    """An id that we could not have given out names no job and no folder."""
    assert bench.queue.status(name) is None
    assert not bench.queue.delete(name)
    with pytest.raises(ValueError, match="no job ID"):
        bench.queue.folder(name)


def test_jobs_never_touch_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue starts, works and stops without one connection or name look-up."""
    asked: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: asked.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **_: asked.append(address))
    bench = Bench(tmp_path / "jobs")
    bench.submit(1)
    bench.final(1)
    bench.queue.close()
    assert asked == []


def test_the_cloud_switch_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that would send jobs to DBOS's cloud is a configuration error."""
    monkeypatch.setenv("DBOS__CLOUD", "true")
    with pytest.raises(ConfigurationError):
        DurableJobs(tmp_path / "jobs", (), FixedClock(NOON)).start()


def test_a_lane_is_first_come_first_served() -> None:
    """Places are given in the order of asking, and who gives up leaves no hole."""
    lane, order, inside = Lane(1), [], threading.Event()

    def patient() -> None:
        """Waits as long as it takes."""

    def take(name: str) -> None:
        with lane.turn(patient):
            order.append(name)

    def leave() -> None:
        raise InterruptedError

    with lane.turn(patient):
        threads = []
        for name in "abc":
            threads.append(threading.Thread(target=take, args=(name,)))
            threads[-1].start()
            time.sleep(0.05)
        with pytest.raises(InterruptedError), lane.turn(leave):
            inside.set()
    for thread in threads:
        thread.join(5)
    assert order == ["a", "b", "c"]
    assert not inside.is_set()


def test_a_full_disk_folder_is_not_needed_to_read(bench: Bench) -> None:
    """A finished job reads well although its folder was removed by hand."""
    bench.submit(1)
    bench.final(1)
    shutil.rmtree(bench.root / job_id(1))
    job = bench.queue.status(job_id(1))
    assert job is not None
    assert job.state is JobState.COMPLETED
