"""One cell of the bench: one clip after one attack. Cells are lines of JSON, kept, never made twice."""

import json
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from bench.watermark.attacks import ATTACKS, IDENTITY, Attack, seeded
from bench.watermark.clips import BenchClip, bench_clips
from bench.watermark.fidelity import fidelity
from bench.watermark.times import joined, stretch
from core.clip import Clip
from core.video import open_clip, write_clip
from watermark.extraction import Extraction
from watermark.payload import Payload
from watermark.pixel import PixelWatermark
from watermark.pixel.codec import PSNR_DB

Cell = dict[str, Any]
KEY, KEY_ID = bytes(range(32)), 1
UNMARKED = "unmarked"
"""The attack that is none: the original clip, which must not be found."""

CODEC = PixelWatermark()
_SHORT_ID_BITS, _CHECK_CRF = 32, 28
_SMALL_PSNR_DB = (PSNR_DB, PSNR_DB - 1, PSNR_DB - 2)


@dataclass
class Stopwatch:
    """CPU seconds of this process and seconds by the clock that blocks took, added up."""

    cpu_s: float = 0.0
    wall_s: float = 0.0

    @contextmanager
    def running(self) -> Any:
        """Count the block."""
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            yield self
        finally:
            self.cpu_s += time.process_time() - cpu
            self.wall_s += time.perf_counter() - wall


def cell_key(cell: Cell) -> tuple[str, str, str]:
    """What makes a cell one: clip, attack, codec."""
    return cell["clip"], cell["attack"], cell["alg"]


def read_cells(path: Path) -> list[Cell]:
    """The finished cells of the present codec; a line that an interruption cut short is left out."""
    rows: dict[tuple[str, str, str], Cell] = {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            cell = json.loads(line)
        except json.JSONDecodeError:
            continue  # cut short: that cell is made again
        if cell.get("alg") == CODEC.alg:
            rows[cell_key(cell)] = cell
    return list(rows.values())


def append_cell(path: Path, cell: Cell) -> None:
    """Add one line in one write, after ending a line that was cut short."""
    line = json.dumps(cell) + "\n"
    with path.open("a+b") as file:
        if file.tell() and not _ends_whole(file):
            line = "\n" + line
        file.write(line.encode())


def _ends_whole(file: Any) -> bool:
    file.seek(-1, 2)
    return bool(file.read(1) == b"\n")


def payload_for(clip: BenchClip, second: bool = False) -> tuple[Payload, bytes]:
    """The payload a clip gets, and the eight bytes more of the 128-bit profile."""
    rng = seeded(clip.name, f"payload {clip.repeat} {second}")
    payload = Payload(KEY_ID, int(rng.integers(1 << 56)))
    return payload, rng.bytes(8) if clip.bits == 128 else b""


def marked(clip: BenchClip, original: Clip, second: bool = False, psnr_db: float = PSNR_DB) -> Clip:
    """The clip marked as the bench marks it, streamed."""
    payload, extension = payload_for(clip, second)
    return CODEC.embed(original, payload, KEY, psnr_db=psnr_db, bits=clip.bits, extension=extension)


def kept_marked(clip: BenchClip, work: Path) -> Clip:
    """The marked clip, without loss. The smallest clips are marked as releases are: at the first of three strengths
    whose mark is read after x264 CRF 28 veryfast, else at the strongest.
    """
    path, again = work / "marked.mp4", work / "checked.mp4"
    strengths = _SMALL_PSNR_DB if clip.bits == _SHORT_ID_BITS else (PSNR_DB,)
    for psnr_db in strengths:
        kept = keep_lossless(marked(clip, clip.load(), psnr_db=psnr_db), path)
        if psnr_db == strengths[-1]:
            break
        write_clip(kept, again, crf=_CHECK_CRF, preset="veryfast")
        if judged(clip, CODEC.extract(open_clip(again), {KEY_ID: KEY}, blind=False), splice=False)[0]:
            break
    return kept


def keep_lossless(clip: Clip, path: Path) -> Clip:
    """The clip written as RGB H.264 at quantiser 0: the very same frames, small enough to read again and again."""
    times = clip.info.is_variable_rate
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(
            "libx264rgb", rate=clip.info.fps, options={"qp": "0", "preset": "ultrafast"}
        )
        stream.width, stream.height, stream.pix_fmt = clip.info.width_px, clip.info.height_px, "rgb24"
        stream.codec_context.time_base = Fraction(1, 90_000) if times else 1 / clip.info.fps
        for i, frame in enumerate(clip.timed_frames()):
            picture: Any = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.rgb), format="rgb24")
            picture.time_base = stream.codec_context.time_base
            picture.pts = round(frame.time_s * 90_000) if times else i
            output.mux(stream.encode(picture))
        output.mux(stream.encode())
    return open_clip(path)


def run_clip(name: str, attacks: Iterable[str], path: Path, crops: Path) -> int:
    """Make the cells of one clip and append each as it is done; returns how many."""
    clip = next(c for c in bench_clips() if c.name == name)
    done = 0
    with tempfile.TemporaryDirectory(prefix="bench-watermark-") as folder:
        work = Path(folder)
        embedding = Stopwatch()
        with embedding.running():
            kept = kept_marked(clip, work)
        for attack in attacks:
            base = {"clip": name, "kind": clip.kind, "bits": clip.bits, "attack": attack, "alg": CODEC.alg}
            append_cell(path, base | _cell(clip, attack, kept, work) | _identity_figures(clip, attack, kept, crops))
            done += 1
    return done


def _identity_figures(clip: BenchClip, attack: str, kept: Clip, crops: Path) -> Cell:
    if attack != IDENTITY.name:
        return {}
    return {"fidelity": fidelity(clip.load(), kept, crops / f"{clip.name.replace(' ', '-')}.png")}


def _cell(clip: BenchClip, attack: str, kept: Clip, work: Path) -> Cell:
    try:
        if attack == UNMARKED:
            return _read(clip, clip.load(), Stopwatch(), splice=False) | {"group": "null"}
        chosen = ATTACKS[attack]
        encoding = Stopwatch()
        with encoding.running():
            attacked = chosen.apply(_spliced(clip, kept) if chosen.splice else kept, clip.name, work)
        return _read(clip, attacked, encoding, splice=chosen.splice) | {"group": chosen.group}
    except (ValueError, RuntimeError, OSError) as fault:  # one cell's fault is a result, not the end of the run
        group = ATTACKS[attack].group if attack in ATTACKS else "null"
        return {"group": group, "exact": False, "fault": f"{type(fault).__name__}: {fault}"}


def _spliced(clip: BenchClip, kept: Clip) -> Clip:
    """The first half under the clip's own payload, the second half marked as a clip of its own with another."""
    count = kept.info.frame_count or 1
    half = max(1, count // 2)
    second = marked(clip, stretch(clip.load(), half, count - half), second=True)
    return joined(stretch(kept, 0, half), second)


def _read(clip: BenchClip, attacked: Clip, encoding: Stopwatch, *, splice: bool) -> Cell:
    reading = Stopwatch()
    with reading.running():
        extraction = CODEC.extract(attacked, {KEY_ID: KEY})
    exact, wrong = judged(clip, extraction, splice=splice)
    return {
        "exact": exact,
        "wrong_id": wrong,
        "found": extraction.found,
        "bits_read": extraction.bits,
        "bit_accuracy": _bit_accuracy(clip, extraction),
        "z": round(extraction.z, 2),
        "p_value": extraction.p_value,
        "looks": extraction.looks,
        "geometry": {k: v for k, v in vars(extraction.geometry).items() if k != "homography"},
        "size": [attacked.info.width_px, attacked.info.height_px],
        "attack_cpu_s": round(encoding.cpu_s, 3),
        "attack_wall_s": round(encoding.wall_s, 3),
        "extract_cpu_s": round(reading.cpu_s, 3),
        "extract_wall_s": round(reading.wall_s, 3),
    }


def judged(clip: BenchClip, extraction: Extraction, *, splice: bool) -> tuple[bool, bool]:
    """Whether exactly what was marked was read, and whether anything else was."""
    payload, extension = payload_for(clip)
    if splice:
        wanted = {payload_for(clip, second)[0].short_id for second in (False, True)}
        read = {part.payload.short_id for part in extraction.parts}
        return read == wanted, bool(read - wanted)
    if not extraction.found:
        return False, False
    same = extraction.payload == payload if clip.bits != 32 else extraction.short_id == payload.short_id
    same = same and (clip.bits != 128 or extraction.extension == extension)
    return same, not same


def _bit_accuracy(clip: BenchClip, extraction: Extraction) -> float | None:
    """Known only where an ID was read: the codec shows no bits that its check refused."""
    if extraction.payload is None:
        return None
    sent, read = payload_for(clip)[0].to_bits(), extraction.payload.to_bits()
    return float(np.mean([a == b for a, b in zip(sent, read, strict=True)]))


def missing(done: Iterable[Cell], wants: Callable[[BenchClip, Attack | None], bool]) -> dict[str, list[str]]:
    """By clip, the attacks that are wanted and not made yet; `wants` is asked with None for the unmarked clip."""
    made = {(cell["clip"], cell["attack"]) for cell in done}
    left: dict[str, list[str]] = {}
    for clip in bench_clips():
        names = [a.name for a in ATTACKS.values() if wants(clip, a)] + ([UNMARKED] if wants(clip, None) else [])
        names = [name for name in names if (clip.name, name) not in made]
        if names:
            left[clip.name] = names
    return left
