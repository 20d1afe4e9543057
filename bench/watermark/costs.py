"""What marking and reading cost beside x264 and a decoder, in one run; memory at 4K in processes of their own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.watermark.cells import CODEC, KEY, KEY_ID, Stopwatch
from bench.watermark.clips import first_seconds, real_paths, synthetic
from core.clip import Clip
from core.video import open_clip, write_clip
from watermark.payload import Payload

_PAYLOAD = Payload(KEY_ID, 0x2468ACE13579BD)

_AT_4K = """
import resource, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from core.clip import Clip, ClipInfo, Frame
from core.video import open_clip, write_clip
from watermark.payload import Payload
from watermark.pixel import PixelWatermark

frames, path = int(sys.argv[2]), Path(sys.argv[3])
base = (np.indices((2160, 3840)).sum(0) // 9 % 200).astype(np.uint8)[..., None].repeat(3, 2)
def source():
    return (Frame(i / 24, np.roll(base, 8 * i, 1)) for i in range(frames))
clip = Clip(ClipInfo(3840, 2160, Fraction(24), frames, frames / 24), source)
codec = PixelWatermark()
if sys.argv[1] == "embed":
    for _ in codec.embed(clip, Payload(1, 0x2468ACE13579BD), bytes(range(32))).frames():
        pass
elif sys.argv[1] == "write":
    write_clip(codec.embed(clip, Payload(1, 0x2468ACE13579BD), bytes(range(32))), path, preset="ultrafast")
else:
    codec.extract(open_clip(path), {1: bytes(range(32))})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def measure(quick: bool) -> dict[str, Any]:
    """Ratios on one 720p clip (a drawn one where there is no real one), and peak memory at 4K."""
    paths = real_paths(("camera/sam2-05_default_juggle-*",))
    clip = first_seconds(paths[0], 1.0 if quick else 3.0) if paths else synthetic(1, 24, 720)
    held = Clip.from_array(clip.to_array(), clip.info.fps)
    with tempfile.TemporaryDirectory() as folder:
        found = _ratios(held, Path(folder)) | _memory(6 if quick else 24, Path(folder))
    return {"clip": paths[0].stem if paths else "drawn 720 x 720", "frames": held.info.frame_count, **found}


def _timed(action: Callable[[], object], repeats: int = 2) -> Stopwatch:
    """The fastest of a few runs."""
    runs = []
    for _ in range(repeats):
        watch = Stopwatch()
        with watch.running():
            action()
        runs.append(watch)
    return min(runs, key=lambda watch: watch.wall_s)


def _ratios(held: Clip, folder: Path) -> dict[str, float]:
    marked, plain = folder / "marked.mp4", folder / "plain.mp4"
    embed = _timed(lambda: sum(1 for _ in CODEC.embed(held, _PAYLOAD, KEY).frames()))
    encode = _timed(lambda: write_clip(held, plain, crf=23))
    both = _timed(lambda: write_clip(CODEC.embed(held, _PAYLOAD, KEY), marked, crf=23))
    decode = _timed(lambda: sum(1 for _ in open_clip(marked).frames()))
    read = _timed(lambda: CODEC.extract(open_clip(marked), {KEY_ID: KEY}))
    blind = _timed(lambda: CODEC.extract(open_clip(plain), {KEY_ID: KEY}), 1)
    return {
        "embed_cpu_over_x264_medium": embed.cpu_s / encode.cpu_s,
        "embed_and_encode_wall_over_x264_medium": both.wall_s / encode.wall_s,
        "extract_cpu_over_decode": read.cpu_s / decode.cpu_s,
        "extract_wall_over_decode": read.wall_s / decode.wall_s,
        "blind_search_wall_s_unmarked": blind.wall_s,
        "blind_search_cpu_s_unmarked": blind.cpu_s,
        "x264_medium_wall_s": encode.wall_s,
        "decode_wall_s": decode.wall_s,
    }


def _memory(frames: int, folder: Path) -> dict[str, float | str]:
    path = folder / "4k.mp4"
    found: dict[str, float | str] = {"memory_4k": f"peak resident MB of a process, {frames} frames of 3840 x 2160"}
    for step in ("embed", "write", "extract"):
        told = subprocess.run(
            [sys.executable, "-c", _AT_4K, step, str(frames), str(path)],
            capture_output=True,
            text=True,
            timeout=600,
        )
        if told.returncode:
            found[f"peak_mb_4k_{step}"] = f"failed: {told.stderr.strip().splitlines()[-1:]}"
        else:
            found[f"peak_mb_4k_{step}"] = float(np.round(json.loads(told.stdout), 1))
    return found
