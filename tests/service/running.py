"""A server process that tests start, ask, kill and start again."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

SERVING = Path(__file__).with_name("serving.py")
START_S = 90.0


class RunningServer:
    """One server process over one home; it may be killed and started again on the same port."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self._environment = environment
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=120)
        self._log = home.with_suffix(".log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        own = {name: text for name, text in os.environ.items() if not name.startswith("REELPROOF_")}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(SERVING), str(self.home), str(self.port)],
                env=own | self._environment | {"REELPROOF_HOME": str(self.home), "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=log,
            )
        self.wait_until(self._answers, START_S)

    def _answers(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"the server ended: {self.said[-2000:]}")
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    @property
    def said(self) -> str:
        return self._log.read_text()

    def wait_until(self, holds: Callable[[], bool], limit_s: float = 60.0) -> None:
        end = time.monotonic() + limit_s
        while not holds():
            assert time.monotonic() < end, f"waited {limit_s} s in vain; the server said: {self.said[-2000:]}"
            time.sleep(0.05)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def finished(self, video_id: str) -> dict[str, Any]:
        """A video object once it is final."""
        shown: dict[str, Any] = {}

        def is_final() -> bool:
            shown.update(self.client.get(f"/v1/videos/{video_id}").json())
            return shown["status"] in ("completed", "failed")

        self.wait_until(is_final)
        return shown
