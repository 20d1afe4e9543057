"""What the noise mark does where it should do nothing: wrong keys, unmarked clips, normality, clips averaged."""

import os
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.generator_reading import read_clip
from core.clip import Clip
from core.errors import ReelproofError
from core.video import open_clip
from generator.embedded.backend import EmbeddedBackend, EmbeddedInverter
from generator.port import GenerationRequest, Latents
from generator.scenes import caption, held_out_specs
from watermark.noise import NoiseWatermark
from watermark.noise.layout import STREAMS, layout_of
from watermark.noise.search import SHIFTS, moved
from watermark.noise.whitening import whitened
from watermark.payload import Payload
from watermark.significance import tail

SHAPE = (1, 32, 7, 8, 8)
THRESHOLDS = (3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0)
_STREAMS_TOGETHER = 64
_WORTH_EXACT = 2.7
"""A pilot's own deviation is within a few percent of half the norm: only scores near 3 and above need it."""


def wrong_keys(latents: list[Latents], key_count: int) -> dict[str, Any]:
    """Pilot statistics of marked, attacked and inverted latents under keys that never marked them."""
    rng = np.random.default_rng(31)
    laid = np.concatenate([_all_shifts(found) for found in latents], axis=1)
    deviation = np.linalg.norm(laid, axis=0) / 2
    above, count, largest = np.zeros(len(THRESHOLDS), np.int64), 0, 0.0
    for _ in range(key_count):
        key = rng.bytes(32)
        for first in range(0, STREAMS, _STREAMS_TOGETHER):
            layouts = (layout_of(key, first + i, SHAPE) for i in range(_STREAMS_TOGETHER))
            pilots = np.stack([layout.pilot_signs for layout in layouts]).astype(np.float32)
            sums = pilots @ laid
            rows, columns = np.nonzero(sums > _WORTH_EXACT * deviation)
            exact = np.abs(pilots[rows]) * laid.T[columns]
            scores = sums[rows, columns] / np.linalg.norm(exact, axis=1)
            above += [int((scores > z).sum()) for z in THRESHOLDS]
            count, largest = count + sums.size, max(largest, float(scores.max(initial=0.0)))
    expected = [count * tail(z) for z in THRESHOLDS]
    full = [NoiseWatermark().extract(found, {1: rng.bytes(32)}) for found in latents]
    return {
        "statistics": count,
        "thresholds": list(THRESHOLDS),
        "above": above.tolist(),
        "expected": expected,
        "largest": largest,
        "keys": key_count,
        "full_readings": len(full),
        "full_hits": sum(e.p_value <= e.false_positive_rate for e in full),
        "least_p": min(e.p_value for e in full),
    }


def _all_shifts(latents: Latents) -> NDArray[np.float32]:
    values = whitened(latents)
    return np.stack([moved(values, shift).ravel() for shift in SHIFTS[::4]], axis=1)


def unmarked(count: int) -> dict[str, Any]:
    """Clips without a mark, read under four keys: the model's own from plain noise, and camera clips."""
    backend = EmbeddedBackend.load()
    keys = {i: np.random.default_rng(70 + i).bytes(32) for i in range(4)}
    found: dict[str, list[float]] = {"own model": [], "camera": []}
    for seed in range(count):
        request = GenerationRequest("a red ball bounces", seed=seed)
        shape = backend.latent_spec(request).shape
        plain = np.random.default_rng(900 + seed).standard_normal(shape).astype(np.float32)
        found["own model"].append(_least_p(backend, backend.generate(request, plain).clip, keys))
    for clip in islice(_camera_clips(), count):
        found["camera"].append(_least_p(backend, clip, keys))
    return {
        kind: {"clips": len(p), "keys": len(keys), "hits": sum(value <= 1e-6 for value in p), "p_values": p}
        for kind, p in found.items()
    }


def _least_p(backend: EmbeddedBackend, clip: Clip, keys: dict[int, bytes]) -> float:
    return NoiseWatermark().extract(EmbeddedInverter(backend).invert(clip), keys).p_value


def _camera_clips() -> Any:
    shared = Path(os.environ.get("REELPROOF_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    for path in sorted((shared / "clips" / "camera").glob("*.mp4")):
        try:
            clip = open_clip(path)
        except ReelproofError:
            continue
        frames = np.stack(list(islice(clip.frames(), 60)))
        yield Clip.from_array(frames, clip.info.fps)


def normality(clips: int) -> dict[str, Any]:
    """Marked latents of one key, a payload each, against N(0, 1) and plain noise. p-values before correction.

    Random keys give the same law exactly; one key with many payloads is the harder case.
    """
    rng, key = np.random.default_rng(41), bytes(range(32))
    mark = NoiseWatermark()
    drawn = np.concatenate([mark.initial_latents(SHAPE, _payload(rng), key, rng) for _ in range(clips)])
    plain = rng.standard_normal(drawn.shape).astype(np.float32)
    channels = range(SHAPE[1])
    return {
        "clips": clips,
        "ks_per_channel": [float(stats.kstest(drawn[:, c].ravel(), "norm").pvalue) for c in channels],
        "ks_two_sample_per_channel": [_two_sample(drawn[:, c], plain[:, c]) for c in channels],
        "ks_two_sample_per_clip": [_two_sample(a, b) for a, b in zip(drawn, plain, strict=True)],
        "anderson_darling_per_channel": [anderson_darling(drawn[:, c].ravel()) for c in channels],
        "runs_per_clip": [runs_p(clip.ravel()) for clip in drawn],
        "neighbours": {axis: neighbour_p(drawn, i) for i, axis in enumerate("CFHW", 1)},
        "between_clips_z": {"marked": between_clips(drawn), "plain": between_clips(plain)},
    }


def quality(prompts: int) -> dict[str, Any]:
    """Prompt-following of samples from marked and from plain latents, same held-out prompts and seeds.

    Colour and shape are read off the pixels by the generator bench's reader. `only_marked` and `only_plain` count
    readings that are right for one of the two alone; `p_value` is McNemar's exact test of them.
    """
    backend, rng, captions = EmbeddedBackend.load(), np.random.default_rng(61), np.random.default_rng(11)
    right: dict[str, list[bool]] = {"marked": [], "plain": []}
    for seed, spec in enumerate(held_out_specs(prompts)):
        request = GenerationRequest(caption(spec, captions), seed=seed)
        plain = rng.standard_normal(SHAPE).astype(np.float32)
        marked = NoiseWatermark().initial_latents(SHAPE, _payload(rng), bytes(range(32)), rng)
        for kind, latents in (("plain", plain), ("marked", marked)):
            reading = read_clip(backend.generate(request, latents).clip.to_array())
            right[kind] += [reading.colour == spec.colour, reading.shape == spec.shape]
    pairs = list(zip(right["marked"], right["plain"], strict=True))
    only_marked, only_plain = sum(m and not p for m, p in pairs), sum(p and not m for m, p in pairs)
    differing = only_marked + only_plain
    return {
        "prompts": prompts,
        **{f"{kind}_colour": sum(hits[::2]) for kind, hits in right.items()},
        **{f"{kind}_shape": sum(hits[1::2]) for kind, hits in right.items()},
        "only_marked": only_marked,
        "only_plain": only_plain,
        "p_value": float(stats.binomtest(only_marked, differing).pvalue) if differing else 1.0,
    }


def _payload(rng: np.random.Generator) -> Payload:
    return Payload(1, int(rng.integers(0, 1 << 56)))


def _two_sample(a: Latents, b: Latents) -> float:
    return float(stats.ks_2samp(a.ravel(), b.ravel()).pvalue)


def anderson_darling(values: NDArray[np.float32]) -> float:
    """A squared against the fully given N(0, 1): 3.86 is exceeded by 1 % of samples, 6.0 by 0.1 %."""
    ordered = np.sort(values.astype(np.float64))
    n = ordered.size
    weights = 2 * np.arange(1, n + 1) - 1
    logs = stats.norm.logcdf(ordered) + stats.norm.logsf(ordered[::-1])
    return float(-n - np.mean(weights * logs))


def runs_p(values: NDArray[np.float32]) -> float:
    """Two-sided p of the number of sign runs of a sequence (Wald and Wolfowitz), signs fair."""
    changes = int((np.diff(np.signbit(values)) != 0).sum())
    n = values.size - 1
    return float(2 * stats.norm.sf(abs(changes - n / 2) / np.sqrt(n / 4)))


def neighbour_p(drawn: Latents, axis: int) -> float:
    """Two-sided p of the correlation between neighbours along an axis, all clips together."""
    count = drawn.shape[axis]
    first = drawn.take(range(count - 1), axis).astype(np.float64)
    product = first * drawn.take(range(1, count), axis)
    return float(2 * stats.norm.sf(abs(product.sum()) / np.sqrt(product.size)))


def between_clips(drawn: Latents) -> dict[str, float]:
    """Sign correlations of all pairs of clips, in units of their deviation under independence."""
    signs = np.where(np.signbit(drawn), -1.0, 1.0).reshape(len(drawn), -1)
    z = (signs @ signs.T)[np.triu_indices(len(drawn), 1)] / np.sqrt(signs.shape[1])
    return {
        "pairs": z.size,
        "deviation": float(z.std()),
        "largest": float(np.abs(z).max()),
        "beyond_5": int((np.abs(z) > 5).sum()),
    }


def averaging(quick: bool) -> dict[str, Any]:
    """What clips of one key tell somebody without it who can invert the model, at several sign agreements.

    The attacker holds the signs of n clips' latents, each right with the given probability, and asks whether any
    pair correlates more than the highest of independent pairs would in 1 of 100 such sets.
    """
    agreements, counts = (1.0, 0.72, 0.66, 0.62), (50, 200) if quick else (10, 20, 50, 100, 200, 500, 1000)
    tries = 2 if quick else 3
    seen = np.zeros((tries, len(agreements), len(counts)))
    for seed in range(tries):
        rng = np.random.default_rng([51, seed])
        signs = _signs_of_one_key(max(counts), rng)
        for row, agreement in enumerate(agreements):
            right = rng.random(signs.shape, dtype=np.float32) < agreement
            z = _pair_z(np.where(right, signs, -signs).astype(np.float32))
            for column, count in enumerate(counts):
                level = stats.norm.isf(0.01 / (count * (count - 1) / 2))
                seen[seed, row, column] = z[:count, :count].max() > level
    shares = seen.mean(axis=0)
    rows = [
        {"agreement": agreement, "clips": count, "seen": float(shares[row, column])}
        for row, agreement in enumerate(agreements)
        for column, count in enumerate(counts)
    ]
    return {"streams": STREAMS, "tries": tries, "rows": rows}


def _signs_of_one_key(count: int, rng: np.random.Generator) -> NDArray[np.int8]:
    key, mark = rng.bytes(32), NoiseWatermark()
    clips = (mark.initial_latents(SHAPE, _payload(rng), key, rng).ravel() for _ in range(count))
    return np.stack([np.where(np.signbit(clip), -1, 1).astype(np.int8) for clip in clips])


def _pair_z(signs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlation of each pair in units of its deviation under independence; 0 for a clip with itself."""
    z = signs @ signs.T / np.float32(np.sqrt(signs.shape[1]))
    np.fill_diagonal(z, 0.0)
    return np.asarray(z, np.float32)
