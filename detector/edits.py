"""What was done to a copy since its release, as far as sizes, times and the mark's geometry tell."""

from collections.abc import Mapping
from typing import Any

from provenance.fingerprint import Similarity
from watermark.extraction import Geometry

_SAME = 0.015  # sizes within 1.5 % count as the same: codecs pad odd sides
_MIN_TRIM_S = 0.3  # fingerprints are aligned to an eighth of a second; less can't be told from rounding
_MIN_TURN_DEG = 0.5


def edits_of(
    file: Mapping[str, Any],
    released: Mapping[str, Any],
    geometry: Geometry | None,
    similarity: Similarity | None,
    *,
    keeps_credential: bool = False,
) -> tuple[str, ...]:
    """The edits in words, most visible first; empty where nothing differs that we can measure.

    `file` is the clip (`width_px`, `height_px`, `duration_s`, `fps`), `released` the same facts of the release,
    whose missing entries are skipped. `geometry` is the mark's, None where no mark was found. A file that still
    `keeps_credential` was changed in place; encoding it anew would have dropped that.
    """
    found = [
        *_cut_and_scaled(file, released, geometry),
        *_turned(geometry, similarity),
        *_trimmed(file, released, similarity),
    ]
    return (*found, "bytes changed in place" if keeps_credential else "re-encoded or put into another file")


def _cut_and_scaled(file: Mapping[str, Any], released: Mapping[str, Any], geometry: Geometry | None) -> list[str]:
    width, height = released.get("width_px"), released.get("height_px")
    if not (width and height and file.get("width_px") and file.get("height_px")):
        return []
    now = (file["width_px"], file["height_px"])
    if geometry is None:
        return _resized(now, (width, height))
    shown = (now[0] * geometry.scale, now[1] * geometry.scale_y)
    share = min(shown[0] / width, shown[1] / height)
    found = []
    if share < 1 - 2 * _SAME:
        area = round(100 * min(1.0, shown[0] / width) * min(1.0, shown[1] / height))
        found.append(f"cropped to about {area} % of the picture")
    if abs(geometry.scale - 1) > _SAME or abs(geometry.scale_y - 1) > _SAME:
        found.append(f"scaled to {round(100 / geometry.scale)} % ({now[0]}×{now[1]})")
    return found


def _resized(now: tuple[int, int], before: tuple[int, int]) -> list[str]:
    """What sizes alone tell: the same shape at another size was scaled; another shape was cropped or stretched."""
    if _alike(now, before):
        return []
    across, down = now[0] / before[0], now[1] / before[1]
    if abs(across / down - 1) <= 2 * _SAME:
        return [f"scaled to {round(100 * across)} % ({now[0]}×{now[1]})"]
    return [f"size changed from {before[0]}×{before[1]} to {now[0]}×{now[1]}"]


def _alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return all(abs(a - b) <= _SAME * b for a, b in zip(one, other, strict=True))


def _turned(geometry: Geometry | None, similarity: Similarity | None) -> list[str]:
    mirrored = (geometry is not None and geometry.flipped) or (similarity is not None and similarity.is_mirrored)
    found = ["mirrored left to right"] if mirrored else []
    if geometry is not None and abs(geometry.rotation_deg) > _MIN_TURN_DEG:
        found.append(f"turned by {geometry.rotation_deg:.0f}°")
    return found


def _trimmed(file: Mapping[str, Any], released: Mapping[str, Any], similarity: Similarity | None) -> list[str]:
    whole, left = released.get("duration_s"), file.get("duration_s")
    if not whole or not left:
        return []
    if left < whole - _MIN_TRIM_S:
        start = max(0.0, similarity.offset_s) if similarity is not None and similarity.is_conclusive else None
        span = f": {start:.1f}-{min(whole, start + left):.1f} s of {whole:.1f} s" if start is not None else ""
        return [f"trimmed{span or f' from {whole:.1f} s to {left:.1f} s'}"]
    return [f"lengthened from {whole:.1f} s to {left:.1f} s"] if left > whole + _MIN_TRIM_S else []
