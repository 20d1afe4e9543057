"""What a verdict on one of ours costs: marked, signed, registered, untouched, ten seconds of 1080p."""

import statistics
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bench.detector_files import Scene, Studio
from core.clip import RGB
from core.video import open_clip
from detector.sandbox.video import SandboxedVideo

WIDTH, HEIGHT, FPS = 1920, 1080, Fraction(24)


def moving(seconds: float) -> RGB:
    """A textured picture that drifts, (F, 1080, 1920, 3)."""
    rng = np.random.default_rng(5)
    field = np.repeat(np.repeat(rng.integers(20, 230, (HEIGHT // 8, WIDTH // 4, 3), np.uint8), 8, 0), 8, 1)
    return np.stack([field[:, 4 * i : 4 * i + WIDTH] for i in range(round(seconds * FPS))])


def released_costs(seconds: float, runs: int) -> dict[str, Any]:
    """Seconds to decode such a release, plainly and confined, and for its verdict; the ratios to both, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio.opened(Path(folder))
        clip = studio.released(Scene("release", moving(seconds), FPS)).clip
        if clip is None:
            raise SystemExit("the release was not made")
        taken: dict[str, list[float]] = {"decode": [], "decode_confined": [], "verdict": []}
        said = ""
        for _ in range(runs):
            for name, frames in (("decode", open_clip(clip)), ("decode_confined", SandboxedVideo(clip).open())):
                began = time.perf_counter()
                for _frame in frames.frames():
                    continue
                taken[name].append(time.perf_counter() - began)
            began = time.perf_counter()
            said = str(studio.detector.verify(clip).conclusion)
            taken["verdict"].append(time.perf_counter() - began)
    middle = {name: statistics.median(values) for name, values in taken.items()}
    return {
        "conclusion": said,
        "seconds": {name: round(value, 2) for name, value in middle.items()},
        "verdict_over_decode": round(middle["verdict"] / middle["decode"], 2),
        "verdict_over_decode_confined": round(middle["verdict"] / middle["decode_confined"], 2),
    }
