"""The watermark figures, made again: fidelity, recovery after attacks, the null of wrong keys, cost, noise curves.

    python -m bench.watermark [--quick] [--json]

Writes out/bench/watermark.md, watermark.json and crops of the worst frames (original, marked, difference x 20).
Real clips come from $REELPROOF_SHARED or ../shared; without them only the synthetic ones are measured.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy import stats

from core.clip import RGB, Clip
from core.video import open_clip, write_clip
from watermark.keystream import key_bytes
from watermark.noise import NoiseWatermark
from watermark.payload import Payload
from watermark.pixel import PixelWatermark
from watermark.pixel.residual import slices
from watermark.quality import measure

KEY = bytes(range(32))
PAYLOAD = Payload(1, 0x2468ACE13579BD)
CODEC = PixelWatermark()
OUT = Path("out/bench")
REAL = {
    "camera 720p": ("camera/sam2-05_default_juggle-271985.mp4", 40),
    "camera 480p": ("camera/cotracker-bear-8ceaa3.mp4", 40),
    "generated 512": ("generated/lumiere-panda_popcorn-c3495d.mp4", 40),
    "camera 720p, near still": ("camera/sam2-04_coffee-339ebf.mp4", 40),
}


@dataclass(frozen=True)
class Attack:
    """What happens to a marked clip: a change of its frames, then x264 at a rate factor."""

    name: str
    crf: int
    change: Callable[[RGB], RGB] = lambda frame: frame
    keep_every: int = 1
    blind: bool = False


def _scaled(share: float) -> Callable[[RGB], RGB]:
    def change(frame: RGB) -> RGB:
        size = (round(frame.shape[1] * share), round(frame.shape[0] * share))
        return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)

    return change


def _cut(share: float) -> Callable[[RGB], RGB]:
    def change(frame: RGB) -> RGB:
        height, width = (round(n * share) // 2 * 2 for n in frame.shape[:2])
        top, left = (frame.shape[0] - height) // 3, (frame.shape[1] - width) // 2
        return frame[top : top + height, left : left + width]

    return change


ATTACKS = (
    *(Attack(f"x264 CRF {crf}", crf) for crf in (23, 28, 30, 36, 40)),
    Attack("half size, CRF 28", 28, _scaled(0.5)),
    Attack("0.71 size, CRF 28", 28, _scaled(0.71), blind=True),
    Attack("cut to 0.71, CRF 28", 28, _cut(0.71), blind=True),
    Attack("mirrored, CRF 28", 28, lambda frame: frame[:, ::-1]),
    Attack("every 2nd frame, CRF 28", 28, keep_every=2),
    Attack("brightness 0.7, CRF 28", 28, lambda frame: cv2.convertScaleAbs(frame, alpha=0.7)),
)


def synthetic(seed: int, frames: int = 28, side: int = 256) -> Clip:
    """A smooth clip like the embedded model's: coloured discs moving over a gradient, 12 fps."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    top, bottom = rng.uniform(40, 200, (2, 3))
    discs = [
        (rng.uniform(0.2, 0.8, 2), rng.uniform(-3, 3, 2), rng.uniform(0.08, 0.2), rng.uniform(20, 240, 3))
        for _ in "ab"
    ]
    pictures = []
    for t in range(frames):
        picture = top + (bottom - top) * (rows / side)[..., None]
        for centre, speed, radius, colour in discs:
            down, across = centre * side + speed * t
            inside = np.clip(radius * side - np.hypot(rows - down, columns - across) + 0.5, 0, 1)[..., None]
            picture = picture * (1 - inside) + colour * inside
        pictures.append(np.rint(picture).clip(0, 255).astype(np.uint8))
    return Clip.from_array(np.stack(pictures), 12)


def clips(quick: bool) -> Iterator[tuple[str, Clip]]:
    """Synthetic clips, then the real ones that are there."""
    for seed in range(1 if quick else 3):
        yield f"synthetic 256, no. {seed + 1}", synthetic(seed)
    shared = Path(os.environ.get("REELPROOF_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "clips"
    for name, (path, count) in list(REAL.items())[: 1 if quick else None]:
        if (shared / path).exists():
            clip = open_clip(shared / path)
            yield name, Clip.from_array(np.stack(list(islice(clip.frames(), count))), clip.info.fps)


def attacked(clip: Clip, attack: Attack, folder: Path) -> tuple[Clip, float]:
    """The clip after an attack, and the seconds the encoder took."""
    frames = np.stack(
        [np.ascontiguousarray(attack.change(f)) for f in islice(clip.frames(), 0, None, attack.keep_every)]
    )
    path = folder / "attacked.mp4"
    began = time.process_time()
    write_clip(Clip.from_array(frames, clip.info.fps / attack.keep_every), path, crf=attack.crf)
    return open_clip(path), time.process_time() - began


def bench_clip(name: str, original: Clip, folder: Path) -> dict[str, Any]:
    """Fidelity, cost and every attack on one clip."""
    began = time.process_time()
    marked = Clip.from_array(CODEC.embed(original, PAYLOAD, KEY).to_array(), original.info.fps)
    embed_s = time.process_time() - began
    quality = measure(original, marked)
    count = marked.info.frame_count or 1
    began = time.process_time()
    list(slices(marked.timed_frames()))
    residual_s = time.process_time() - began
    rows = []
    encode_s = 0.0
    for attack in ATTACKS:
        clip, seconds = attacked(marked, attack, folder)
        encode_s = seconds if attack.crf == 23 else encode_s
        began = time.process_time()
        extraction = CODEC.extract(clip, {PAYLOAD.key_id: KEY}, blind=attack.blind)
        rows.append(
            {
                "attack": attack.name,
                "exact": extraction.payload == PAYLOAD,
                "z": round(extraction.z, 1),
                "p_value": extraction.p_value,
                "extract_cpu_s": round(time.process_time() - began, 2),
            }
        )
        print(f"{name}: {attack.name}: {rows[-1]['exact']} z {rows[-1]['z']}", file=sys.stderr, flush=True)
    _picture(name, original, marked)
    return {
        "clip": name,
        "size": f"{original.info.width_px} x {original.info.height_px} x {count}",
        "psnr_db": round(quality.psnr_db, 2),
        "ssim": round(quality.ssim, 4),
        "embed_ms_per_frame": round(1e3 * embed_s / count, 1),
        "residual_ms_per_frame": round(1e3 * residual_s / count, 1),
        "embed_share_of_x264": round(embed_s / encode_s, 2),
        "attacks": rows,
    }


def _picture(name: str, original: Clip, marked: Clip) -> None:
    """The frame with the largest error: crops of original, marked and difference x 20 + 128, twice enlarged."""
    pairs = zip(original.frames(), marked.frames(), strict=True)
    before, after = max(pairs, key=lambda pair: cv2.norm(*pair, cv2.NORM_L2SQR))
    window = np.s_[: min(240, before.shape[0]), : min(320, before.shape[1])]
    difference = np.clip(128 + 20 * (after[window].astype(int) - before[window]), 0, 255).astype(np.uint8)
    row = np.concatenate([before[window], after[window], difference], 1)
    enlarged = cv2.resize(row, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(OUT / f"watermark-{name.replace(' ', '-').replace(',', '')}.png"), enlarged[..., ::-1])


def bench_null(quick: bool) -> dict[str, Any]:
    """Single-look scores of wrong keys on a marked clip: uniform p-values, and the largest score seen."""
    marked = CODEC.embed(synthetic(1, frames=6), PAYLOAD, KEY)
    count = 200 if quick else 1000
    scores = CODEC.single_look_z(marked, [key_bytes(KEY, f"bench/wrong/{i}", 32) for i in range(count)])
    p_values = stats.norm.sf(scores)
    return {
        "wrong_keys": count,
        "ks_p_value": float(stats.kstest(p_values, "uniform").pvalue),
        "z_max": float(scores.max()),
    }


def bench_noise(quick: bool) -> list[dict[str, Any]]:
    """Detection, reading and confirmation of the noise mark against the agreement of inverted signs."""
    codec, rows, tries = NoiseWatermark(), [], 4 if quick else 10
    for shape in ((1, 32, 9, 8, 8), (1, 16, 9, 16, 16)):
        for agreement in (0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.58, 0.62, 0.71):
            correlation = np.sin(np.pi * (agreement - 0.5))
            read, seen, confirmed, scores = 0, 0, 0, []
            for seed in range(tries):
                rng = np.random.default_rng(seed)
                sent = codec.initial_latents(shape, PAYLOAD, KEY, rng)
                got = correlation * sent + np.sqrt(1 - correlation**2) * rng.standard_normal(shape)
                extraction = codec.extract(got.astype(np.float32), {1: KEY})
                read += extraction.found and extraction.short_id == PAYLOAD.short_id
                seen += extraction.p_value <= extraction.false_positive_rate
                confirmed += codec.confirm(got.astype(np.float32), PAYLOAD, KEY).found
                scores.append(extraction.z)
            rows.append(
                {
                    "shape": "x".join(map(str, shape)),
                    "agreement": agreement,
                    "pilot_seen": seen / tries,
                    "id_read": read / tries,
                    "confirmed": confirmed / tries,
                    "z": round(statistics.median(scores), 1),
                }
            )
    return rows


def report(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "# Watermark bench",
        "",
        "Times are CPU seconds of the whole process, so that a busy machine does not change them.",
        "",
    ]
    lines += [
        "| clip | size | PSNR dB | SSIM | embed ms | read ms | embed / x264 |",
        "|---|---|---|---|---|---|---|",
    ]
    for c in results["clips"]:
        cells = (
            c[k]
            for k in (
                "clip",
                "size",
                "psnr_db",
                "ssim",
                "embed_ms_per_frame",
                "residual_ms_per_frame",
                "embed_share_of_x264",
            )
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    names = [c["clip"] for c in results["clips"]]
    lines += [
        "",
        "Exact payload (pilot z, log10 p) after each attack:",
        "",
        "| attack | " + " | ".join(names) + " |",
    ]
    lines.append("|---" * (len(names) + 1) + "|")
    for i, attack in enumerate(ATTACKS):
        rows = [c["attacks"][i] for c in results["clips"]]
        cells = [f"{'yes' if r['exact'] else 'NO'} ({r['z']}, {_log10(r['p_value'])})" for r in rows]
        lines.append(f"| {attack.name} | " + " | ".join(cells) + " |")
    null = results["null"]
    lines += [
        "",
        f"Wrong keys: {null['wrong_keys']}; Kolmogorov-Smirnov p of their p-values {null['ks_p_value']:.2f}, "
        f"largest z {null['z_max']:.2f}.",
        "",
    ]
    lines += [
        "| latents | sign agreement | pilot seen | ID read | confirmed | pilot z |",
        "|---|---|---|---|---|---|",
    ]
    lines += ["| " + " | ".join(map(str, row.values())) + " |" for row in results["noise"]]
    return "\n".join(lines) + "\n"


def _log10(p_value: float) -> str:
    return f"{np.log10(p_value):.0f}" if p_value > 0 else "< -300"


def main() -> None:
    """Run the bench and write its report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one synthetic and one real clip, fewer tries")
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of Markdown")
    arguments = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        measured = [bench_clip(name, clip, Path(folder)) for name, clip in clips(arguments.quick)]
    results = {"clips": measured, "null": bench_null(arguments.quick), "noise": bench_noise(arguments.quick)}
    (OUT / "watermark.json").write_text(json.dumps(results, indent=1))
    (OUT / "watermark.md").write_text(report(results))
    print(json.dumps(results) if arguments.json else report(results))


if __name__ == "__main__":
    main()
