"""The tail of scores under wrong keys: more than 1e10 statistics of real fields against random sign planes.

A field, as the reader lays it out, is correlated with a plane of random signs at every shift of a torus. Over the
signs each value is a sum of fixed numbers with random signs over its own deviation: one statistic a shift. Those of
one plane share signs, so the count of independent statistics is smaller; their expected counts are not.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from scipy import fft, stats

from bench.watermark.clips import first_seconds, real_paths, scene, synthetic
from core.clip import Clip
from watermark.pixel import ALG
from watermark.pixel.field import lay_out
from watermark.pixel.reading import own_placement
from watermark.pixel.residual import slices
from watermark.pixel.timing import turns_of

Field = NDArray[np.float32]
THRESHOLDS = (3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0)
SIDE = 432
"""Side of the torus: a field is laid on it at its own size, or cut to it."""

_ROUND = 32
_FIELDS_PER_CLASS, _QUICK_FIELDS = 6, 2


def field_of(clip: Clip) -> Field:
    """The chip field of a clip's first turn as the reader lays it, on the torus, with unit sum of squares."""
    pieces = tuple(islice(slices(clip.timed_frames()), 8))
    turn = turns_of(pieces)[0]
    height, width = turn.turning[0].shape
    values = lay_out(turn.turning, own_placement(width, height)).chips()[:SIDE, :SIDE]
    laid = np.zeros((SIDE, SIDE), np.float32)
    laid[: values.shape[0], : values.shape[1]] = values
    norm = float(np.sqrt(np.sum(laid.astype(np.float64) ** 2)))
    return laid / np.float32(norm or 1.0)


def spectra_of(clips: Iterable[Clip]) -> list[NDArray[np.complex64]]:
    """The spectra of the clips' fields. A clip that stands still cancels out of its turn's sum: its field is 0, it
    gives no statistic under any key, and counting zeros would flatter the tail, so it is left out."""
    return [fft.rfft2(field) for field in map(field_of, clips) if field.any()]


def statistics(spectra: NDArray[np.complex64], signs: Field) -> Iterator[Field]:
    """The correlation of each field (given by its spectrum) with a sign plane at all shifts, each (SIDE, SIDE)."""
    conjugate = fft.rfft2(signs).conj()
    for spectrum in spectra:
        yield fft.irfft2(spectrum * conjugate, (SIDE, SIDE))


def classes(quick: bool) -> dict[str, list[Clip]]:
    """A few unmarked clips of each class of content."""
    count = _QUICK_FIELDS if quick else _FIELDS_PER_CLASS
    found = {"drawn": [synthetic(seed, 12, 432) for seed in range(count - 1)] + [scene(0)]}
    for kind in ("camera", "generated"):
        paths = real_paths((f"{kind}/*",))
        if paths:
            found[kind] = [first_seconds(p, 1.0) for p in paths[:: max(1, len(paths) // count)][:count]]
    return found


def measure(folder: Path, wanted: float, quick: bool) -> dict[str, Any]:
    """At least `wanted` statistics in all, counted above each threshold; goes on from what `folder` holds."""
    path = folder / "tail-counts.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    whole: dict[str, Any] = kept if kept.get("alg") == ALG else {"alg": ALG, "classes": {}}
    counts = whole["classes"]
    spectra = {kind: np.stack(fields) for kind, clips in classes(quick).items() if (fields := spectra_of(clips))}
    share = wanted / len(spectra)
    for kind, own in spectra.items():
        row = counts.setdefault(
            kind, {"statistics": 0, "largest": 0.0, "above": [0] * len(THRESHOLDS), "rounds": 0}
        )
        per_round = _ROUND * len(own) * SIDE**2
        rounds = max(0, int(np.ceil((share - row["statistics"]) / per_round)))
        for _ in track(range(rounds), f"wrong keys, {kind}", disable=rounds < 20):
            _round(own, kind, row)
            row["statistics"] += per_round
            row["rounds"] += 1
            if row["rounds"] % 20 == 0:
                _keep(path, whole)
        _keep(path, whole)
    return {
        "thresholds": list(THRESHOLDS),
        "gaussian": [float(q) for q in stats.norm.sf(THRESHOLDS)],
        "classes": {kind: counts[kind] for kind in spectra},
    }


def _keep(path: Path, counts: dict[str, Any]) -> None:
    partly = path.with_suffix(".part")
    partly.write_text(json.dumps(counts))
    partly.replace(path)


def _round(spectra: NDArray[np.complex64], kind: str, row: dict[str, Any]) -> None:
    rng = np.random.default_rng([sum(kind.encode()), row["rounds"]])
    for _ in range(_ROUND):
        bits = np.unpackbits(np.frombuffer(rng.bytes(SIDE**2 // 8), np.uint8))
        signs = (1.0 - 2.0 * bits.astype(np.float32)).reshape(SIDE, SIDE)
        for values in statistics(spectra, signs):
            high = np.sort(values[values >= THRESHOLDS[0]])
            at_least = high.size - np.searchsorted(high, THRESHOLDS)
            row["above"] = [int(a + b) for a, b in zip(row["above"], at_least, strict=True)]
            row["largest"] = max(row["largest"], float(high[-1]) if high.size else 0.0)
