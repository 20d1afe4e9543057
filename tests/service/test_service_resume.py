"""Servers killed at their work, and started again."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reelproof.jobs import MAX_RECOVERIES
from tests.service.running import SERVING, RunningServer

pytestmark = pytest.mark.slow


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RunningServer]:
    """A server that this test may kill; it samples slowly."""
    running = RunningServer(tmp_path / "home", SERVING_STEP_S="0.5")
    running.start()
    yield running
    running.end(signal.SIGKILL)


def asked(server: RunningServer, prompt: str = "a red ball") -> str:
    answer = server.client.post("/v1/videos", json={"prompt": prompt, "size": "256x256"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def releases(server: RunningServer, video_id: str) -> int:
    """How many release entries the log holds for one clip."""
    listed = server.client.get("/v1/audit/entries", params={"limit": 256}).json()["data"]
    stages = [item["entry"]["stage"] for item in listed if item["entry"].get("request_id") == video_id]
    return stages.count("release")


def samplings(server: RunningServer) -> int:
    return len((server.home / "samplings").read_text().splitlines())


def phase(server: RunningServer, video_id: str) -> str:
    return str(server.client.get(f"/v1/videos/{video_id}").json()["reelproof"]["phase"])


def test_server_killed_while_sampling_finishes_the_clip_later(own: RunningServer) -> None:
    """Killed in the middle of a render, the next start renders again and releases once."""
    video_id = asked(own)
    own.wait_until(lambda: (own.home / "samplings").exists())
    own.end(signal.SIGKILL)
    own.start()
    video = own.finished(video_id)
    assert video["status"] == "completed", video
    assert releases(own, video_id) == 1
    assert samplings(own) == 2
    assert own.client.get(f"/v1/videos/{video_id}/content").status_code == 200


def test_server_killed_after_rendering_does_not_sample_again(own: RunningServer) -> None:
    """Killed once the render is stored, the next start goes on to the release with the clip it has."""
    video_id = asked(own)
    own.wait_until(lambda: phase(own, video_id) in ("sign", "register"))
    own.end(signal.SIGKILL)
    own.start()
    video = own.finished(video_id)
    assert video["status"] == "completed", video
    assert releases(own, video_id) == 1
    assert samplings(own) == 1
    assert len(list((own.home / "jobs" / video_id).glob("*.mp4"))) == 1


def test_prompt_that_kills_the_server_is_given_up(own: RunningServer) -> None:
    """A job that takes the server down every time is marked failed after so many recoveries; others go on."""
    with contextlib.suppress(httpx.TransportError):
        asked(own, "poison ball")
    own.wait_until(lambda: own.process is not None and own.process.poll() is not None)
    for _ in range(MAX_RECOVERIES):
        own.end(signal.SIGKILL)
        own.start()
        own.wait_until(lambda: own.process is not None and own.process.poll() is not None)
    own.start()
    own.wait_until(lambda: own.client.get("/v1/videos").json()["data"][0]["status"] == "failed")
    assert own.client.get("/v1/videos").json()["data"][0]["error"]["code"] == "poison_job"
    assert samplings(own) == MAX_RECOVERIES + 1
    assert own.finished(asked(own))["status"] == "completed"


def test_stop_signal_ends_the_server_cleanly(own: RunningServer) -> None:
    """SIGTERM ends with status 0 while a clip is being made and followed; the job waits for the next start."""
    video_id = asked(own)
    with own.client.stream("GET", f"/v1/videos/{video_id}/events") as stream:
        lines = stream.iter_lines()
        next(lines)
        began = time.monotonic()
        assert own.process is not None
        own.process.send_signal(signal.SIGTERM)
        assert "event: completed" not in list(lines)
    assert own.process.wait(timeout=30) == 0
    assert time.monotonic() - began < 15
    assert "Traceback" not in own.said
    own.start()
    assert own.finished(video_id)["status"] == "completed"


def test_taken_port_is_a_configuration_error(own: RunningServer, tmp_path: Path) -> None:
    """A second server on the same port ends with a reason and a hint."""
    again = subprocess.run(
        [sys.executable, str(SERVING), str(tmp_path / "other"), str(own.port)], capture_output=True, timeout=120
    )
    assert again.returncode != 0
    assert b"ConfigurationError" in again.stderr
    assert str(own.port).encode() in again.stderr


def test_home_in_use_is_a_configuration_error(own: RunningServer) -> None:
    """A second server over the same home ends with a reason, and the first one goes on."""
    again = subprocess.run([sys.executable, str(SERVING), str(own.home), "0"], capture_output=True, timeout=120)
    assert again.returncode != 0
    assert b"another server already works in this home" in again.stderr
    assert own.client.get("/readyz").status_code == 200
