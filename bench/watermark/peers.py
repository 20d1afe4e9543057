"""The same clips and attacks through the public package `invisible-watermark`: dwtDctSvd and RivaGAN, 32 bits.

Both mark pictures one by one; a clip's bits are the majority over its frames. The package is optional (it needs
PyWavelets, and RivaGAN onnxruntime); without it this part says so and does nothing.
"""

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bench.watermark.attacks import ATTACKS, Attack, seeded
from bench.watermark.clips import bench_clips
from bench.watermark.times import stretch
from core.clip import RGB, Clip
from watermark.quality import measure as quality_of

SYSTEMS = ("dwtDctSvd", "rivaGan")
_ATTACKS: tuple[str, ...] = (
    "identity",
    "JPEG 40",
    "x264 CRF 23",
    "x264 CRF 30",
    "x264 CRF 40",
    "resize 0.55",
    "crop 0.55 resized back",
)
_ATTACKS += ("rotate 10", "mirrored", "perspective 0.5", "screen recording", "camera re-capture")
_AMOUNTS = {"dwtDctSvd": (8, 6, 12), "rivaGan": (3, 2, 8)}
"""Clips, frames of each, and attacks: RivaGAN takes some 16 s to mark and 25 s to read one 720p frame on a CPU."""

_QUICK_AMOUNTS = {"dwtDctSvd": (1, 2, 3)}
_BITS = 32
_LONGEST_PX = 1280


def installed() -> tuple[list[str], list[str]]:
    """The systems that run here, and a line about each that does not."""
    try:
        from imwatermark import WatermarkEncoder
    except ImportError as fault:
        return [], [f"invisible-watermark is not installed whole ({fault}): peers were not run."]
    try:
        WatermarkEncoder.loadModel()
    except Exception as fault:  # whatever its runtime raises: this peer is left out, and the report says why
        return ["dwtDctSvd"], [f"RivaGAN does not load here ({type(fault).__name__}: {fault}): not run."]
    return list(SYSTEMS), []


def measure(quick: bool) -> dict[str, Any]:
    """Exact bits and bit accuracy of each system after each attack on the first frames of some 720p clips."""
    systems, notes = installed()
    amounts = _QUICK_AMOUNTS if quick else _AMOUNTS
    clips = [c for c in bench_clips() if c.kind == "720p+" and c.long_side_px <= _LONGEST_PX]
    clips = clips or [c for c in bench_clips() if c.kind == "drawn"][:1]
    rows: list[dict[str, Any]] = []
    for system in systems:
        if system not in amounts:
            notes.append(f"{system}: too slow for the quick run, not run.")
            continue
        count, frames, attacks = amounts[system]
        notes.append(
            f"{system}: {frames} frames of each of {len(clips[:count])} clips, 32 random bits, majority vote."
        )
        for clip in clips[:count]:
            original = stretch(clip.load(), 0, frames)
            held = Clip.from_array(original.to_array(), Fraction(original.info.fps))
            rows += _system_rows(system, clip.name, held, [ATTACKS[name] for name in _ATTACKS[:attacks]])
    notes += _fidelity_notes(rows, systems)
    return {"rows": rows, "notes": notes}


def _fidelity_notes(rows: list[dict[str, Any]], systems: list[str]) -> list[str]:
    own = {s: [r["psnr_db"] for r in rows if r["system"] == s and r["attack"] == "identity"] for s in systems}
    return [f"{s}: median PSNR {np.median(db):.1f} dB." for s, db in own.items() if db]


def _system_rows(system: str, name: str, original: Clip, attacks: list[Attack]) -> list[dict[str, Any]]:
    from imwatermark import WatermarkDecoder, WatermarkEncoder

    bits = seeded(name, system).integers(0, 2, _BITS).tolist()
    encoder, decoder = WatermarkEncoder(), WatermarkDecoder("bits", _BITS)
    encoder.set_watermark("bits", bits)

    def mark(rgb: RGB) -> RGB:
        return np.ascontiguousarray(encoder.encode(np.ascontiguousarray(rgb[..., ::-1]), system)[..., ::-1])

    pictures = [mark(frame) for frame in original.frames()]
    marked = Clip.from_array(np.stack(pictures).astype(np.uint8), original.info.fps)
    psnr_db = quality_of(original, marked).psnr_db
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for attack in attacks:
            votes = [
                _bits_of(decoder, frame, system) for frame in attack.apply(marked, name, Path(folder)).frames()
            ]
            read = np.mean(votes, axis=0) > 0.5
            right = float(np.mean(read == np.asarray(bits, bool)))
            rows.append(
                {
                    "system": system,
                    "clip": name,
                    "attack": attack.name,
                    "exact": right == 1.0,
                    "bit_accuracy": right,
                    "psnr_db": psnr_db,
                }
            )
    return rows


def _bits_of(decoder: Any, frame: RGB, system: str) -> Any:
    bits = decoder.decode(np.ascontiguousarray(frame[..., ::-1]), system)
    return np.asarray(bits, np.float64) > 0.5
