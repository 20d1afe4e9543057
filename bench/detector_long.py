"""What a long file costs: when its first results come, and how much memory it ever takes.

    python -m bench.detector_long [--hours 2] [--json]

A drawn scene goes on and on (320 x 180, 12 frames a second, a key frame every ten seconds), marked by nobody. The
command judges it as a person would call it, `reelproof verify FILE`, in a new installation; its lines are timed as
they come, and the memory of it and of all its children together is looked at four times a second (Linux).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

WIDTH, HEIGHT, FPS, KEY_S = 320, 180, 12, 10


def long_file(path: Path, hours: float) -> None:
    """A textured ground that drifts under a bright disc, as long as asked."""
    rng = np.random.default_rng(3)
    ground = np.repeat(np.repeat(rng.integers(40, 200, (HEIGHT // 4, WIDTH, 3), np.uint8), 4, 0), 4, 1)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = FPS * KEY_S
        for number in range(round(hours * 3600 * FPS)):
            left = 2 * number % (3 * WIDTH)
            picture = ground[:, left : left + WIDTH].copy()
            picture[60:100, number % (WIDTH - 40) : number % (WIDTH - 40) + 40] = 240
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())


def tree_bytes(root: int) -> int:
    """The resident memory of a process and of all that it started."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    return sum(_resident(one) for one in _family(root, parents))


def _family(root: int, parents: dict[int, list[int]]) -> Iterator[int]:
    yield root
    for child in parents.get(root, ()):
        yield from _family(child, parents)


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def judged(path: Path, home: Path) -> dict[str, Any]:
    """Run the command on the file; when its lines came, and the most memory seen in each quarter of the time."""
    environment = {**os.environ, "REELPROOF_HOME": str(home)}
    began = time.monotonic()
    command = [sys.executable, "-m", "reelproof", "verify", str(path), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    seen: list[tuple[float, int]] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.25):
            seen.append((time.monotonic() - began, tree_bytes(process.pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    came: list[tuple[float, dict[str, Any]]] = []
    for line in process.stdout or ():
        came.append((time.monotonic() - began, json.loads(line)))
    process.wait()
    is_over.set()
    watcher.join()
    total_s = time.monotonic() - began
    quarters = [
        max((size for at, size in seen if number * total_s / 4 <= at < (number + 1) * total_s / 4), default=0)
        for number in range(4)
    ]
    return {
        "exit": process.returncode,
        "windows": len(came) - 1,
        "covered_s": round(max((float(one["end_s"]) for _, one in came[1:]), default=0.0), 1),
        "conclusions": sorted({str(one["conclusion"]) for _, one in came}),
        "credential_after_s": round(came[0][0], 1) if came else None,
        "first_window_after_s": round(came[1][0], 1) if len(came) > 1 else None,
        "all_after_s": round(total_s, 1),
        "most_mib_by_quarter": [round(size / 2**20) for size in quarters],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=2.0, help="how long the file is")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "long.mp4"
        long_file(path, given.hours)
        figures = {
            "schema": "reelproof.bench.detector-long/1",
            "hours": given.hours,
            "file_mib": round(path.stat().st_size / 2**20),
            **judged(path, Path(name) / "home"),
        }
    print(json.dumps(figures) if given.json else json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
