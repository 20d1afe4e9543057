"""What the detector costs: starting a confined child, decoding behind the fences, reading a credential, a verdict.

    python -m bench.detector [--quick] [--json]

`released_1080p` is a release of our own as it left: marked, signed, registered.

Times are medians of a few runs on this machine, in seconds; the clip is synthetic, 1280x720, 24 fps. The fences
that hold are printed beside them, since a time without its confinement says nothing.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.detector_released import released_costs
from core.clip import Clip
from core.video import open_clip, write_clip
from detector.sandbox.credential import read_manifest_sandboxed
from detector.sandbox.selftest import sandbox_report
from detector.sandbox.video import SandboxedVideo
from detector.service import Detector
from provenance.repository import MemoryManifestRepository
from provenance.trust import TrustStore
from watermark.pixel import PixelWatermark

HEIGHT, WIDTH, FPS = 720, 1280, 24


def synthetic_clip(path: Path, seconds: float) -> None:
    """A textured picture that drifts, H.264 at CRF 23."""
    rng = np.random.default_rng(5)
    field = np.repeat(np.repeat(rng.integers(20, 230, (HEIGHT // 8, WIDTH // 4, 3), np.uint8), 8, 0), 8, 1)
    frames = np.stack([field[:, 4 * i : 4 * i + WIDTH] for i in range(int(seconds * FPS))])
    write_clip(Clip.from_array(frames, FPS), path, crf=23, preset="veryfast")


def timed(work: Callable[[], object], runs: int) -> float:
    """The median seconds of some runs."""
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return round(statistics.median(seconds), 3)


def measure(quick: bool) -> dict[str, Any]:
    """All figures as one JSON object."""
    runs = 3 if quick else 9
    trust = TrustStore.default()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        synthetic_clip(path, 1.0 if quick else 4.0)
        count = sum(1 for _ in open_clip(path).frames())
        detector = Detector(
            trust, MemoryManifestRepository(), PixelWatermark(), {1: b"k" * 32}, invert_noise="never"
        )
        return {
            "schema": "reelproof.bench.detector/1",
            "released_1080p": released_costs(2.0 if quick else 10.0, 3),
            "fences": sandbox_report()["granted"],
            "load_average": round(os.getloadavg()[0], 1),
            "frames": count,
            "size": f"{WIDTH}x{HEIGHT}",
            "seconds": {
                "child_start_and_self_test": timed(sandbox_report, runs),
                "decode_direct": timed(lambda: [None for _ in open_clip(path).frames()], runs),
                "decode_confined": timed(lambda: [None for _ in SandboxedVideo(path).open().frames()], runs),
                "credential_confined": timed(lambda: read_manifest_sandboxed(path, trust), runs),
                "verdict_unmarked": timed(lambda: detector.verify(path), 1),
            },
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a shorter clip and fewer runs")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    figures = measure(arguments.quick)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures["seconds"].items():
        print(f"{name:<28} {value:>8.3f} s")
    print("released_1080p", json.dumps(figures["released_1080p"]))
    print(f"{figures['frames']} frames of {figures['size']}, load {figures['load_average']}")
    print(f"fences: {figures['fences']}")


if __name__ == "__main__":
    main()
