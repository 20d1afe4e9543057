"""What was done to a copy since its release: as sentences for people, and as values with times and places."""

from collections.abc import Mapping, Sequence
from typing import Any

from detector.differences import ChangedRegion
from detector.inspection import MIN_CHANGE_S, Inspection
from detector.matching import Stretch
from detector.sounds import SoundComparison
from provenance.fingerprint import Similarity
from watermark.extraction import Geometry

_SAME = 0.015  # sizes within 1.5 % count as the same: codecs pad odd sides
_MIN_TRIM_S = 0.3  # fingerprints are aligned to an eighth of a second; less can't be told from rounding
_MIN_TURN_DEG = 0.5
_SHOWN_CHANGES = 6
_SOUND_STATES = ("removed", "replaced", "added", "shifted")
_SOUND_WORDS = {
    "sound_replaced": "sound replaced",
    "sound_removed": "sound removed",
    "sound_added": "sound added where the release is quiet",
    "sound_shifted": "sound shifted",
}


def edits_of(
    file: Mapping[str, Any],
    released: Mapping[str, Any],
    geometry: Geometry | None,
    similarity: Similarity | None,
    *,
    keeps_credential: bool = False,
    inspection: Inspection | None = None,
) -> tuple[str, ...]:
    """The edits in words, most visible first; empty where nothing differs that we can measure.

    `file` is the clip (`width_px`, `height_px`, `duration_s`, `fps`), `released` the same facts of the release,
    whose missing entries are skipped. `geometry` is the mark's, None where no mark was found; how the pictures were
    placed in the `inspection` counts before it. A file that still `keeps_credential` was changed in place; encoding
    it anew would have dropped that.
    """
    placed = inspection.placed if inspection is not None and inspection.placed is not None else geometry
    is_mirrored = similarity is not None and similarity.is_mirrored
    # The pictures are mirrored back before they are placed: what was turned is told as seen on the release.
    changes = changes_of(inspection, released)
    found = [
        *_cut_and_scaled(file, released, placed),
        *_turned(placed, is_mirrored=is_mirrored),
        *(_said(one) for one in changes[:_SHOWN_CHANGES]),
        *([] if _is_followed(inspection) else _trimmed(file, released, similarity)),
    ]
    if len(changes) > _SHOWN_CHANGES:
        found.append(f"{len(changes) - _SHOWN_CHANGES} more changes along the clip")
    return (*found, "bytes changed in place" if keeps_credential else "re-encoded or put into another file")


def changes_of(inspection: Inspection | None, released: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The changes in time and place as values, in order of time. Kinds:

    `trimmed` (`reference_start_s`, `reference_end_s`: what is left of the release), `cut_out` and `repeated`
    (`seconds`), `moved` (order changed), `inserted` and `replaced_time` (foreign pictures), and per region
    `replaced`, `caption`, `overlay` (`box`, `area`).
    """
    if inspection is None:
        return ()
    found = [*_in_time(inspection, released), *(_region(one) for one in inspection.regions)]
    return tuple(sorted(found, key=lambda one: (one["start_s"], one["kind"])))


def sound_changes_of(sound: SoundComparison) -> tuple[dict[str, Any], ...]:
    """What was done to the sound, as values: `sound_removed`, `sound_replaced`, `sound_added` and `sound_shifted`
    (`seconds`: how much later it sounds than in the release), each with its `p_value` where bits were compared."""
    # Where the release is quiet nothing can be told: the rest being all one, it happened to the whole sound.
    is_whole = len({one.state for one in sound.stretches} - {"unclear"}) == 1
    found = []
    for one in sound.stretches:
        if one.state in _SOUND_STATES:
            more = {"seconds": round(one.shift_s, 2)} if one.state == "shifted" else {}
            change = _change(f"sound_{one.state}", one.start_s, one.end_s, **more)
            found.append(
                change | {"p_value": one.p_value, "is_whole": is_whole, "had_sound": sound.release_has_sound}
            )
    return tuple(found)


def sound_edits_of(changes: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The same in words, one line for each kind."""
    said = []
    for kind, words in _SOUND_WORDS.items():
        found = [one for one in changes if one["kind"] == kind]
        if not found:
            continue
        spans = ", ".join(f"{one['start_s']:.1f}-{one['end_s']:.1f} s" for one in found[:_SHOWN_CHANGES])
        where = "" if found[0]["is_whole"] else f" at {spans}"
        if kind == "sound_shifted":
            late = found[0]["seconds"]
            words = f"sound {abs(late):.1f} s {'late' if late > 0 else 'early'}"
        if kind == "sound_added" and not found[0]["had_sound"]:
            words = "sound added, where the release had none,"
            where = where or " throughout"
        said.append((words + where).removesuffix(","))
    return tuple(said)


def _is_followed(inspection: Inspection | None) -> bool:
    return inspection is not None and any(one.release == 0 for one in inspection.stretches)


def _in_time(inspection: Inspection, released: Mapping[str, Any]) -> list[dict[str, Any]]:
    stretches = inspection.stretches
    shown = [one for one in stretches if one.release == 0]
    if not shown:
        return []
    found = _trimmed_ends(stretches, shown, released)
    for number, one in enumerate(stretches):
        before = stretches[number - 1] if number else None
        if one.release is None:
            found += _foreign(stretches, number)
        elif before is not None and before.release == 0:
            found += _jump(before, one)
    return found


def _trimmed_ends(
    stretches: Sequence[Stretch], shown: Sequence[Stretch], released: Mapping[str, Any]
) -> list[dict[str, Any]]:
    whole = released.get("duration_s")
    first = min(one.reference_s for one in shown)
    last = max(one.reference_end_s for one in shown)
    # A replaced beginning or end takes the place of what is missing there: that is told as replaced.
    if stretches[0].release is None:
        first = max(0.0, first - stretches[0].length_s)
    if stretches[-1].release is None:
        last += stretches[-1].length_s
    is_cut = first > _MIN_TRIM_S or (whole is not None and last < whole - _MIN_TRIM_S)
    if not is_cut:
        return []
    end = last if whole is None else min(last, whole)
    return [
        _change("trimmed", 0.0, stretches[-1].end_s, reference_start_s=first, reference_end_s=end, whole_s=whole)
    ]


def _foreign(stretches: Sequence[Stretch], number: int) -> list[dict[str, Any]]:
    one = stretches[number]
    if one.length_s < MIN_CHANGE_S:
        return []
    before = stretches[number - 1] if number else None
    after = stretches[number + 1] if number + 1 < len(stretches) else None
    gap = one.length_s
    if before is not None and after is not None:
        gap = after.reference_s - before.reference_end_s
    elif after is not None:
        gap = min(one.length_s, after.reference_s)
    kind = "inserted" if gap < one.length_s / 2 else "replaced_time"
    return [_change(kind, one.start_s, one.end_s)]


def _jump(before: Stretch, after: Stretch) -> list[dict[str, Any]]:
    """Two stretches of the release that meet in the copy but not in the release."""
    gap = after.reference_s - before.reference_end_s
    if gap > MIN_CHANGE_S / 2:
        return [_change("cut_out", after.start_s, after.start_s, seconds=gap)]
    if gap >= -MIN_CHANGE_S / 2:
        return []
    overlaps = after.reference_end_s > before.reference_s and after.reference_s >= before.reference_s
    if overlaps:
        return [_change("repeated", after.start_s, after.start_s - gap, seconds=-gap)]
    return [_change("moved", after.start_s, after.end_s, reference_start_s=after.reference_s)]


def _region(one: ChangedRegion) -> dict[str, Any]:
    return _change(one.kind, one.start_s, one.end_s, box=[round(v, 3) for v in one.box], area=one.area)


def _change(kind: str, start_s: float, end_s: float, **more: Any) -> dict[str, Any]:
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in more.items()}
    return {"kind": kind, "start_s": round(start_s, 3), "end_s": round(end_s, 3), **rounded}


def _said(change: Mapping[str, Any]) -> str:
    """One change in words."""
    start, end = change["start_s"], change["end_s"]
    span = f"{start:.1f}-{end:.1f} s"
    area = f"{100 * change.get('area', 0.0):.0f} % of it"
    if change["kind"] == "trimmed":
        of = f" of {change['whole_s']:.1f} s" if change["whole_s"] else ""
        return f"trimmed: {change['reference_start_s']:.1f}-{change['reference_end_s']:.1f} s{of}"
    return {
        "cut_out": f"{change.get('seconds', 0.0):.1f} s cut out at {start:.1f} s",
        "repeated": f"{change.get('seconds', 0.0):.1f} s repeated from {start:.1f} s on",
        "moved": f"order changed: {span} stood elsewhere",
        "inserted": f"other pictures put in at {span}",
        "replaced_time": f"replaced by other pictures at {span}",
        "replaced": f"a part of the picture replaced ({area}) at {span}",
        "caption": f"captions or a bar laid over the picture at {span}",
        "overlay": f"something small laid over the picture ({area}) at {span}",
    }[change["kind"]]


def _cut_and_scaled(file: Mapping[str, Any], released: Mapping[str, Any], geometry: Geometry | None) -> list[str]:
    width, height = released.get("width_px"), released.get("height_px")
    if not (width and height and file.get("width_px") and file.get("height_px")):
        return []
    now = (file["width_px"], file["height_px"])
    if geometry is None:
        return _resized(now, (width, height))
    # How much of the released picture is inside the copy, each side by itself; bars around it add nothing.
    shown = (now[0] * geometry.scale, now[1] * geometry.scale_y)
    inside = _inside(geometry, shown, (width, height))
    found = []
    if min(inside) < 1 - 2 * _SAME:
        found.append(f"cropped to about {round(100 * inside[0] * inside[1])} % of the picture")
    if max(shown[0] / width, shown[1] / height) > 1 + 2 * _SAME and abs(geometry.rotation_deg) <= _MIN_TURN_DEG:
        found.append("bars or a frame put around it")
    if abs(geometry.scale - 1) > _SAME or abs(geometry.scale_y - 1) > _SAME:
        found.append(f"scaled to {round(100 / geometry.scale)} % ({now[0]}×{now[1]})")
    return found


def _inside(geometry: Geometry, shown: tuple[float, float], size: tuple[int, int]) -> tuple[float, float]:
    if abs(geometry.rotation_deg) > _MIN_TURN_DEG:
        return min(1.0, shown[0] / size[0]), min(1.0, shown[1] / size[1])
    starts = (geometry.shift_x_px, geometry.shift_y_px)
    spans = [
        max(0.0, min(start + length, whole) - max(start, 0.0)) / whole
        for start, length, whole in zip(starts, shown, size, strict=True)
    ]
    return min(1.0, spans[0]), min(1.0, spans[1])


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


def _turned(geometry: Geometry | None, *, is_mirrored: bool) -> list[str]:
    mirrored = is_mirrored or (geometry is not None and geometry.flipped)
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
