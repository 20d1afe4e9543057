"""What a released clip costs, prompt to signed file: a whole `reelproof generate` in a process of its own."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

SECONDS = 3.0
_PROMPT = "a red ball bounces on a checkered floor, the camera pans left"
_RUNS = 3


def pipeline_costs(runs: int = _RUNS, seconds: float = SECONDS) -> dict[str, Any]:
    """Medians over `runs`: seconds of the command, seconds its report names, and the largest resident size in MB.

    The command starts its own process in a new home, so start-up, marks, credential, label and log are in it.
    Raises SystemExit where the command fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = os.environ | {"REELPROOF_HOME": str(home / "home")}
        measured = [_measured(home / f"{run}.mp4", seconds, environment) for run in range(runs)]
    walls, told, peaks = (sorted(one[index] for one in measured) for index in range(3))
    return {
        "pipeline_clip_s": seconds,
        "pipeline_command_s": round(statistics.median(walls), 1),
        "pipeline_steps_s": round(statistics.median(told), 1),
        "pipeline_peak_mb": round(statistics.median(peaks)),
    }


def _measured(path: Path, seconds: float, environment: dict[str, str]) -> tuple[float, float, float]:
    command = [sys.executable, "-m", "reelproof", "generate", _PROMPT, "-o", str(path), "--seed", "3", "--json"]
    began = time.perf_counter()
    with subprocess.Popen(
        [*command, "--seconds", str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        peak = _Peak(process.pid)
        peak.start()
        said, complaint = process.communicate()
        peak.stop()
    wall = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(complaint.decode(errors="replace"))
    return wall, sum(json.loads(said)["timings_s"].values()), peak.mb


class _Peak(threading.Thread):
    """Watches the resident size of a process and its children, twenty times a second."""

    def __init__(self, process_id: int) -> None:
        super().__init__(daemon=True)
        self.mb = 0.0
        self._process_id, self._over = process_id, threading.Event()

    def run(self) -> None:
        """Until it is stopped."""
        while not self._over.wait(0.05):
            self.mb = max(self.mb, sum(_resident_mb(one) for one in _family(self._process_id)))

    def stop(self) -> None:
        """Ends the watch."""
        self._over.set()
        self.join()


def _family(process_id: int) -> list[int]:
    found = [process_id]
    for task in Path(f"/proc/{process_id}/task").glob("*/children"):
        try:
            for child in task.read_text().split():
                found += _family(int(child))
        except OSError:  # gone since
            continue
    return found


def _resident_mb(process_id: int) -> float:
    try:
        lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    except OSError:  # gone since
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
