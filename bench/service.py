"""What the service takes, as a visitor meets it: pages, the first sign of life, the verdict, memory.

    python -m bench.service [--quick] [--json]

Starts a server of its own over an empty home on a free port of this machine, and sends it synthetic clips. Times
are seconds of this machine under the load that is printed beside them. `peak_child_mib` is the largest resident
size that any process the server started reached while a clip was judged, read twenty times a second.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np

from core.clip import Clip
from core.video import open_clip, write_clip

PAGES = ("/", "/studio", "/audit", "/docs")
_START_S = 300.0


@contextmanager
def running(home: Path) -> Iterator[tuple[str, int]]:
    """A server over a home: its address and process ID."""
    environment = os.environ | {"REELPROOF_HOME": str(home)}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "reelproof", "serve", "--port", str(port)]
    silent = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=silent, stderr=silent, env=environment) as process:
        try:
            server = f"http://127.0.0.1:{port}"
            _await(server, process)
            yield server, process.pid
        finally:
            process.terminate()
            process.wait(30)


def _await(server: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            fetch(f"{server}/healthz")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the server was not ready in time")


def synthetic(path: Path, width: int, height: int, seconds: float) -> None:
    """A textured picture that drifts, H.264 at CRF 20."""
    rng = np.random.default_rng(5)
    field = np.repeat(np.repeat(rng.integers(20, 230, (height // 8, width // 4, 3), np.uint8), 8, 0), 8, 1)
    frames = np.stack([field[:, 4 * i : 4 * i + width] for i in range(int(seconds * 24))])
    write_clip(Clip.from_array(frames, 24), path, crf=20, preset="veryfast")


def fetch(address: str, body: bytes | None = None) -> bytes:
    """The answer to a GET, or to a POST of a clip."""
    headers = {"Content-Type": "video/mp4"} if body is not None else {}
    with urlopen(Request(address, body, headers), timeout=600) as answer:
        content: bytes = answer.read()
    return content


def page_seconds(server: str, runs: int) -> dict[str, float]:
    """The median seconds until a page and everything it links to from here has come."""
    found = {}
    for page in PAGES:
        taken = []
        for _ in range(runs):
            began = time.perf_counter()
            for linked in re.findall(rb'(?:href|src)="(/static/[^"]+)"', fetch(server + page)):
                fetch(server + linked.decode())
            taken.append(time.perf_counter() - began)
        found[page] = round(statistics.median(taken), 3)
    return found


class PeakMemory:
    """Watches the resident size of a process and all it starts."""

    def __init__(self, process_id: int) -> None:
        self._root, self._over, self.peak_mib = process_id, threading.Event(), 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            for process_id in self._family():
                self.peak_mib = max(self.peak_mib, _resident_mib(process_id))

    def _family(self) -> list[int]:
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (line := _read(entry / "stat")):
                parents[int(entry.name)] = int(line.rsplit(")", 1)[1].split()[1])
        family, grown = {self._root}, True
        while grown:
            more = {child for child, parent in parents.items() if parent in family} - family
            family, grown = family | more, bool(more)
        return sorted(family - {self._root})


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _resident_mib(process_id: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", _read(Path("/proc") / str(process_id) / "status"))
    return int(found[1]) / 1024 if found else 0.0


def verification(server: str, process_id: int, clip: Path) -> dict[str, Any]:
    """One clip's upload: first sign of life, first progress, verdict, against its plain decoding."""
    began = time.perf_counter()
    count = sum(1 for _ in open_clip(clip).frames())
    decoding = time.perf_counter() - began
    with PeakMemory(process_id) as memory:
        began = time.perf_counter()
        job = json.loads(fetch(f"{server}/v1/verify?wait=false", clip.read_bytes()))
        accepted = time.perf_counter() - began
        first = None
        while job["status"] not in ("completed", "failed"):
            time.sleep(0.05)
            job = json.loads(fetch(f"{server}/v1/verify/{job['id']}"))
            if first is None and job["progress"] > 0:
                first = time.perf_counter() - began
        finished = time.perf_counter() - began
    return {
        "bytes": clip.stat().st_size,
        "frames": count,
        "decoding_s": round(decoding, 2),
        "accepted_s": round(accepted, 2),
        "first_progress_s": round(first or finished, 2),
        "verdict_s": round(finished, 2),
        "conclusion": (job.get("verdict") or {}).get("conclusion"),
        "peak_child_mib": round(memory.peak_mib),
    }


def measure(quick: bool) -> dict[str, Any]:
    """All figures as one JSON object."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = {"small": (320, 240, 2.0)} if quick else {"small": (320, 240, 2.0), "1080p": (1920, 1080, 10.0)}
        for label, (width, height, seconds) in sizes.items():
            synthetic(folder / f"{label}.mp4", width, height, seconds)
        began = time.perf_counter()
        with running(folder / "home") as (server, process_id):
            started = time.perf_counter() - began
            return {
                "schema": "reelproof.bench.service/1",
                "load_average": round(os.getloadavg()[0], 1),
                "ready_s": round(started, 2),
                "pages_s": page_seconds(server, 3 if quick else 7),
                "verify": {one: verification(server, process_id, folder / f"{one}.mp4") for one in sizes},
            }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small clip and fewer runs")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    figures = measure(arguments.quick)
    if arguments.json:
        print(json.dumps(figures))
        return
    print(f"load {figures['load_average']}, server ready after {figures['ready_s']} s")
    for page, seconds in figures["pages_s"].items():
        print(f"page {page:<10} {seconds:.3f} s")
    for label, found in figures["verify"].items():
        print(f"{label:<8} " + ", ".join(f"{name} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
