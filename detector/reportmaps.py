"""The drawn parts of a report: the map of differences, what was done, which part is from which clip."""

from collections.abc import Mapping, Sequence
from typing import Any

from detector.verdict import Verdict

_MAP_WIDTH = 960
_SHOWN_SHARE = 0.15
_MAX_CHANGES = 12
_KINDS = {
    "trimmed": "trimmed",
    "cut_out": "cut out here",
    "repeated": "repeated",
    "moved": "order changed",
    "inserted": "put in",
    "replaced_time": "replaced",
    "replaced": "part of the picture replaced",
    "caption": "captions or a bar",
    "overlay": "something laid over",
    "sound_replaced": "sound replaced",
    "sound_removed": "sound removed",
    "sound_added": "sound added",
    "sound_shifted": "sound shifted",
}
SOUND_STATES = {
    "same": "the released sound",
    "replaced": "other sound",
    "removed": "sound removed",
    "added": "sound added",
    "shifted": "the released sound, shifted",
    "unclear": "sound: can't tell",
}
#: What each finding cannot show, in one sentence. Shown under every finding that says something.
NOT_SAID = {
    "manifest": "Not that what it states is true: it is the signer's word.",
    "signature": "Not who sat at the keyboard: it shows which key signed.",
    "hard_binding": "Not that nothing was staged or edited before the signing.",
    "trust": "Not that the signer is honest: the list's keeper checked who they are.",
    "time": "Not when it was made or filmed: when it was signed.",
    "ingredients": "Not that all the sources are named.",
    "pixel_watermark": "Not by itself that this is the marked clip, or unchanged: a mark can be copied.",
    "noise_watermark": "Not by itself that the clip is unchanged: a mark can be copied.",
    "soft_binding": "Not that the pictures agree: that is compared separately.",
    "fingerprint": "Not which of two copies came first.",
    "tamper": "Nothing about changes too small, too short or too plain to measure.",
    "classifier": "Not where the clip comes from.",
    "disclosure_tags": "Not that it is so: anybody can write or remove a tag.",
    "policy_log": "Not that the decision was right: that it was taken and written down.",
}


def picture_map(verdict: Verdict) -> dict[str, Any] | None:
    """Cells and boxes of what differs from the released picture, in a drawing 960 wide; None where nothing does.

    The drawing has the released picture's own aspect.
    """
    changed = (verdict.regions or {}).get("changed")
    if not changed or not changed["parts"]:
        return None
    rows, columns = changed["rows"], changed["columns"]
    width = _MAP_WIDTH
    side = width / columns
    height = round(rows * side)
    cells = [
        {
            "x": round(column * side, 1),
            "y": round(row * height / rows, 1),
            "opacity": round(min(0.62, 0.12 + 0.5 * share), 2),
        }
        for row, line in enumerate(changed["share"])
        for column, share in enumerate(line)
        if share >= _SHOWN_SHARE
    ]
    boxes = [_box(number, part, width, height) for number, part in enumerate(changed["parts"][:9], 1)]
    words = "; ".join(f"{box['number']}: {box['words']}" for box in boxes)
    return {
        "width": width,
        "height": height,
        "side": round(side + 0.6, 1),
        "down": round(height / rows + 0.6, 1),
        "cells": cells,
        "boxes": boxes,
        "words": words,
    }


def _box(number: int, part: Mapping[str, Any], width: int, height: int) -> dict[str, Any]:
    left, top, right, bottom = part["box"]
    span = f"{part['start_s']:.1f}-{part['end_s']:.1f} s"
    return {
        "number": number,
        "kind": part["kind"],
        "x": round(left * width, 1),
        "y": round(top * height, 1),
        "width": round((right - left) * width, 1),
        "height": round((bottom - top) * height, 1),
        "words": f"{_KINDS[part['kind']]}, {100 * part['area']:.0f} % of the picture, {span}",
    }


def changes_lane(verdict: Verdict, end_s: float, width: int) -> list[dict[str, Any]]:
    """The changes in time as pieces of a lane under the timeline: where, how wide, and in words."""
    # Of a clip joined from several, what differs from one of them is no change: the parts tell it.
    if end_s <= 0 or verdict.parts or verdict.match is None or not verdict.match.get("content_agrees"):
        return []
    scale = width / end_s
    lane = []
    for one in (verdict.match.get("changes") or ())[:_MAX_CHANGES]:
        if one["kind"] == "trimmed":
            continue
        span = max(3.0, (one["end_s"] - one["start_s"]) * scale)
        place = min(one["start_s"] * scale, width - span)
        seconds = f"{abs(one['seconds']):.1f} s " if one.get("seconds") else ""
        at = f"{one['start_s']:.2f} s"
        until = f"-{one['end_s']:.2f} s" if one["end_s"] > one["start_s"] else ""
        words = f"{at.removesuffix(' s') if until else at}{until}: {seconds}{_KINDS[one['kind']]}"
        lane.append({"x": round(place, 1), "width": round(span, 1), "kind": one["kind"], "words": words})
    return lane


def sound_lane(verdict: Verdict, end_s: float, width: int) -> list[dict[str, Any]]:
    """How the sound compares with the release's, as pieces of a lane; empty where it was not compared, or where
    neither clip sounds."""
    sound = verdict.sound
    if sound is None or end_s <= 0:
        return []
    if not sound["release_has_sound"] and all(one["state"] == "same" for one in sound["stretches"]):
        return []
    scale = width / end_s
    lane = []
    for one in sound["stretches"]:
        start, end = min(one["start_s"], end_s), min(one["end_s"], end_s)
        words = SOUND_STATES[one["state"]]
        lane.append(
            {
                "state": one["state"],
                "x": round(start * scale, 1),
                "width": round(max(1.0, (end - start) * scale - 1.5), 1),
                "title": f"{start:.1f}-{end:.1f} s: {words}{_chance(one['p_value'])}",
                "seconds": end - start,
            }
        )
    return lane


def sound_words(lane: Sequence[Mapping[str, Any]]) -> str:
    """The lane in words: how long which state lasts."""
    told = []
    for state, words in SOUND_STATES.items():
        if found := [one["seconds"] for one in lane if one["state"] == state]:
            told.append(f"{words} for {sum(found):.1f} s")
    return "; ".join(told)


def _chance(p_value: float | None) -> str:
    return "" if p_value is None else f" (p {p_value:.1g} that an unrelated sound is so like it)"


def parts_lane(verdict: Verdict) -> list[str]:
    """Which stretch is from which clip, in words, where the clip was joined from several."""
    words = {"mark": "carries the mark of", "pictures": "shows the pictures of"}
    return [
        f"{one['start_s']:.2f}-{one['end_s']:.2f} s {words[one['found_by']]} clip {one['content_hex']}"
        for one in verdict.parts[:_MAX_CHANGES]
    ]
