"""What somebody without the key can do, measured: self-period, averaging, copying, marking again, crop and stretch.

Every removal is scaled to 45 dB of damage against the marked clip, before rounding; z is the reader's own score.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from bench.watermark.cells import CODEC, KEY, KEY_ID
from bench.watermark.clips import real_paths, synthetic
from bench.watermark.frames import rounded
from core.clip import Clip
from core.video import open_clip, scaled
from watermark.keystream import key_bytes
from watermark.payload import Payload
from watermark.pixel.layout import CANONICAL_LONG_PX
from watermark.pixel.pattern import WIDE_SIGMA_PX
from watermark.quality import measure as quality_of

Plane = NDArray[np.float32]
DAMAGE_DB = 45.0
COUNTS, QUICK_COUNTS = (10, 50, 200), (4, 8)
_SIZE, _FRAMES, _FPS = (640, 360), 24, 24
_FAR_PX = 32
_OVER_TIME = ("camera/sam2-05_*", "camera/sam2-03_*", "generated/kling1.6-kling16-52*", "generated/veo2-G1*")
_OVER_TIME_FRAMES, _MARK_LEVELS = 96, 5.0


def measure(quick: bool) -> dict[str, Any]:
    """A row per attack: z and reading before and after, and the damage done."""
    target, other = _target()
    marked = _marked(target, _payload(0))
    counts = QUICK_COUNTS if quick else COUNTS
    rows = [*_self_period(marked, target), *_averaging(marked, counts, target), *_over_time(quick)]
    rows += [_copied(marked, other), _marked_again(marked), _stretched(marked)]
    return {"rows": rows, "size": list(_SIZE), "frames": _FRAMES, "payloads": "another for each donor clip"}


def _payload(number: int) -> Payload:
    return Payload(KEY_ID, int.from_bytes(key_bytes(KEY, f"bench/security/{number}", 7), "big"))


def _marked(clip: Clip, payload: Payload) -> Clip:
    return Clip.from_array(CODEC.embed(clip, payload, KEY).to_array(), clip.info.fps)


def _target() -> tuple[Clip, Clip]:
    donors = _donors(2)
    return next(donors), next(donors)


def _donors(count: int) -> Iterator[Clip]:
    """Unmarked clips of one size: one-second pieces of the real clips in turn, else drawn ones."""
    paths = real_paths()
    made = 0
    for piece in range(1 + count // max(1, len(paths))):
        for path in paths:
            if made < count and (clip := _piece(path, piece)) is not None:
                made += 1
                yield clip
    for seed in range(count - made):
        yield Clip.from_array(scaled(synthetic(100 + seed, _FRAMES), *_SIZE).to_array(), _FPS)


def _piece(path: Any, number: int) -> Clip | None:
    frames = []
    for i, rgb in enumerate(open_clip(path).frames()):
        if i >= number * _FRAMES:
            frames.append(cv2.resize(rgb, _SIZE, interpolation=cv2.INTER_AREA))
        if len(frames) == _FRAMES:
            return Clip.from_array(np.stack(frames).astype(np.uint8), _FPS)
    return None


def _residual(clip: Clip) -> Plane:
    """What an attacker sees of a mark: mean luma less its blur, over the clip."""
    total = np.zeros((clip.info.height_px, clip.info.width_px), np.float32)
    for frame in clip.frames():
        luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
        detail = luma - cv2.GaussianBlur(luma, (0, 0), 3.0)
        total += np.clip(detail, -6.0, 6.0)
    return np.asarray(total / max(1, clip.info.frame_count or 1), np.float32)


def _less(clip: Clip, estimate: Plane, damage_db: float = DAMAGE_DB) -> Clip:
    """The clip less an estimate of its mark, scaled to a damage."""
    level = 255.0 / 10.0 ** (damage_db / 20.0)
    change = estimate * np.float32(level / (float(np.sqrt(np.mean(estimate**2))) or 1.0))
    frames = [rounded(frame - change[..., None]) for frame in clip.frames()]
    return Clip.from_array(np.stack(frames), clip.info.fps)


def _row(attack: str, before: Clip, after: Clip, payload: Payload, note: str = "") -> dict[str, Any]:
    first, then = (CODEC.extract(clip, {KEY_ID: KEY}) for clip in (before, after))
    same_size = before.info.width_px == after.info.width_px and before.info.height_px == after.info.height_px
    return {
        "attack": attack,
        "z_before": round(first.z, 1),
        "z_after": round(then.z, 1),
        "exact_before": first.payload == payload,
        "exact_after": then.payload == payload,
        "psnr_db": round(quality_of(before, after).psnr_db, 1) if same_size else None,
        "note": note,
    }


def autocorrelation_peak(plane: Plane) -> tuple[float, tuple[int, int]]:
    """The largest autocorrelation of a residual further than 32 px from 0, in deviations, and its lag."""
    spectrum = fft.rfft2(plane - plane.mean())
    values = fft.irfft2(np.abs(spectrum) ** 2 / (np.abs(spectrum) ** 2 + 1e-9) ** 0.5, plane.shape)
    values[:_FAR_PX, :_FAR_PX] = values[-_FAR_PX:, :_FAR_PX] = 0.0
    values[:_FAR_PX, -_FAR_PX:] = values[-_FAR_PX:, -_FAR_PX:] = 0.0
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    return float(values[row, column] / values.std()), (int(row), int(column))


def _self_period(marked: Clip, original: Clip) -> list[dict[str, Any]]:
    """Fold the residual at the lag where it is most like itself, and take that off."""
    residual = _residual(marked)
    z, (row, column) = autocorrelation_peak(residual)
    plain_z, _ = autocorrelation_peak(_residual(original))
    folded = np.mean([np.roll(residual, (k * row, k * column), (0, 1)) for k in range(1, 9)], axis=0)
    note = f"lag {row}, {column}: {z:.1f} deviations (unmarked original: {plain_z:.1f})"
    return [_row("self-period", marked, _less(marked, folded.astype(np.float32)), _payload(0), note)]


def _averaging(marked: Clip, counts: tuple[int, ...], original: Clip) -> list[dict[str, Any]]:
    """The mean residual of N marked clips of one key, taken off another; and how like the true mark it is."""
    truth = _residual(marked) - _residual(original)
    total = np.zeros_like(truth)
    rows = []
    donors = iter(enumerate(_donors(max(counts) + 2)))
    next(donors), next(donors)  # the first two are the target and the copy's victim
    for seen, (number, clip) in enumerate(donors, 1):
        total += _residual(_marked(clip, _payload(number)))
        if seen in counts:
            like = float(np.corrcoef(total.ravel(), truth.ravel())[0, 1])
            note = f"correlation of the mean with the target's own mark {like:+.3f}"
            rows.append(
                _row(
                    f"averaging {seen} clips",
                    marked,
                    _less(marked, np.asarray(total / seen, np.float32)),
                    _payload(0),
                    note,
                )
            )
    return rows


def _over_time(quick: bool) -> list[dict[str, Any]]:
    """Somebody who knows the layout, with one clip: the turning layer from differences of half seconds, the
    standing one from their mean, taken off again half second by half second."""
    chosen = real_paths(_OVER_TIME[:1] if quick else _OVER_TIME)
    clips = [(p.stem, _start_of(open_clip(p), _OVER_TIME_FRAMES)) for p in chosen]
    drawn = Clip.from_array(scaled(synthetic(3, _OVER_TIME_FRAMES), *_SIZE).to_array(), _FPS)
    rows = []
    for name, clip in clips or [("drawn", drawn)]:
        marked = _marked(clip, _payload(0))
        for layers, with_standing in (("turning layer", False), ("both layers", True)):
            after = _taken_off(marked, _FPS // 2, with_standing=with_standing)
            rows.append(_row(f"own average, {layers}: {name[:20]}", marked, after, _payload(0)))
    return rows


def _start_of(clip: Clip, count: int) -> Clip:
    frames = [cv2.resize(f, _SIZE, interpolation=cv2.INTER_AREA) for f in islice(clip.frames(), count)]
    return Clip.from_array(np.stack(frames).astype(np.uint8), _FPS)


def _taken_off(marked: Clip, per_slot: int, *, with_standing: bool) -> Clip:
    """Each half second less its estimates: as they are, or lowered to 45 dB where they would do more damage."""
    pictures = marked.to_array()
    slots = [pictures[i : i + per_slot] for i in range(0, len(pictures), per_slot)]
    seen = [_fine_part(np.mean([cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in slot], axis=0)) for slot in slots]
    standing = np.mean(seen, axis=0) if with_standing else np.zeros_like(seen[0])
    frames = []
    for at, slot in enumerate(slots):
        beside = seen[at ^ 1] if (at ^ 1) < len(seen) else seen[at]
        estimate = np.asarray(standing + (seen[at] - beside) / 2.0, np.float32)
        own_db = 10.0 * np.log10(255.0**2 / max(float(np.mean(estimate**2)), 1e-9))
        frames.append(_less(Clip.from_array(slot, _FPS), estimate, max(DAMAGE_DB, own_db)).to_array())
    return Clip.from_array(np.concatenate(frames), _FPS)


def _fine_part(luma: NDArray[np.float64]) -> Plane:
    """A picture less what is coarser than the mark, within the levels that a mark can have."""
    share = max(_SIZE) / CANONICAL_LONG_PX
    fine = luma - cv2.GaussianBlur(luma, (0, 0), 2.0 * WIDE_SIGMA_PX * share)
    return np.asarray(np.clip(fine, -_MARK_LEVELS, _MARK_LEVELS), np.float32)


def _copied(marked: Clip, other: Clip) -> dict[str, Any]:
    """The mark of A, estimated frame by frame by a denoiser, added to B. Expected to work."""
    estimates = []
    for frame in marked.frames():
        smooth = cv2.bilateralFilter(frame, 7, 12.0, 3.0)
        estimates.append(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
                         - cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY))  # fmt: skip
    level = 255.0 / 10.0 ** (44.0 / 20.0)
    share = np.float32(level / (float(np.sqrt(np.mean(np.square(estimates)))) or 1.0))
    frames = [rounded(b + share * e[..., None]) for b, e in zip(other.frames(), estimates, strict=False)]
    pasted = Clip.from_array(np.stack(frames), other.info.fps)
    return _row("copy onto another clip", other, pasted, _payload(0), "a read ID here is the expected forgery")


def _marked_again(marked: Clip) -> dict[str, Any]:
    """Another key's mark over ours: both must be read."""
    second_key, payload = key_bytes(KEY, "bench/security/second", 32), Payload(KEY_ID + 1, 0x13579BDF2468AC)
    again = Clip.from_array(CODEC.embed(marked, payload, second_key).to_array(), marked.info.fps)
    theirs = CODEC.extract(again, {payload.key_id: second_key})
    note = f"the other key's mark: read {theirs.payload == payload}, z {theirs.z:.1f}"
    return _row("marked again with another key", marked, again, _payload(0), note)


def _stretched(marked: Clip) -> dict[str, Any]:
    """Cut by 5 % a side and stretched back, a little more across than down."""
    width, height = marked.info.width_px, marked.info.height_px
    x, y = width // 20, height // 20
    cut = Clip.from_array(marked.to_array()[:, y : height - y, x : width - x].copy(), marked.info.fps)
    wide = scaled(cut, round(width * 1.04) // 2 * 2, height)
    return _row("cut 5 % a side, stretched unevenly", marked, wide, _payload(0))
