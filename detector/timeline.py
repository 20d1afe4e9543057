"""The clip second by second: where the mark stands, where the pictures are the released ones, where neither."""

from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from detector.findings import FOREIGN_SCORE, ReleasedPart, ReleaseMatch
from detector.inspection import MIN_CHANGE_S, Inspection
from detector.matching import Stretch
from watermark.extraction import Extraction, SegmentPresence

_PRESENT_P, _ABSENT_P = 1e-3, 0.05
#: Only where the mark stands this clearly elsewhere does its absence mean anything (z; a miss below 1.64 is then
#: six deviations away).
_TELLING_Z = 8.0
_MAX_REGION_SEGMENTS = 240
#: A stretch of foreign pictures counts as marked all the same from this share of its half seconds on.
_MARKED_SHARE = 0.5


def timeline_of(extraction: Extraction | None, match: ReleaseMatch | None) -> tuple[dict[str, Any], ...]:
    """Stretches in order, each `{"start_s", "end_s", "state", "p_value"}`; empty where there is nothing to compare.

    States: `marked`, `unmarked` (the mark should be there and is not), `alike` (no mark, and the pictures are the
    released ones), `foreign` (no mark, and the pictures are others), `unclear`. `p_value` is the mark's, None where
    none was measured.
    """
    stretches = _compared_stretches(match)
    measured = _measured(extraction, match)
    if not stretches:
        return measured
    if not measured:
        return tuple(_block(one.start_s, one.end_s, _shown(one)) for one in stretches)
    blocks: list[dict[str, Any]] = []
    for one in stretches:
        blocks += _within(one, measured)
    return tuple(blocks)


def timeline_of_joined(
    parts: Sequence[ReleasedPart], of_one: Sequence[dict[str, Any]], content_hex: str | None
) -> tuple[dict[str, Any], ...]:
    """The timeline of a clip joined from several, `of_one` being that of the release which `content_hex` names.

    Parts known by their pictures stand as `alike`: no single release could be compared with them. Where another
    mark of ours was read nothing is missing or foreign: it stands as `marked`, without a p-value of its own.
    """
    if by_pictures := [one for one in parts if one.found_by == "pictures"]:
        return tuple(_block(one.start_s, one.end_s, "alike") for one in by_pictures)
    others = [one for one in parts if one.content_hex != content_hex]
    return tuple(_under(block, others) for block in of_one)


def _under(block: dict[str, Any], others: Sequence[ReleasedPart]) -> dict[str, Any]:
    middle = (block["start_s"] + block["end_s"]) / 2
    is_other = any(one.start_s <= middle < one.end_s for one in others)
    if not is_other or block["state"] not in ("foreign", "unmarked"):
        return block
    return _block(block["start_s"], block["end_s"], "marked")


def _block(start_s: float, end_s: float, state: str, p_value: float | None = None) -> dict[str, Any]:
    return {"start_s": round(start_s, 3), "end_s": round(end_s, 3), "state": state, "p_value": p_value}


def _shown(stretch: Stretch) -> str:
    if stretch.release is not None:
        return "alike"
    return "foreign" if stretch.length_s >= MIN_CHANGE_S else "unclear"


def _compared_stretches(match: ReleaseMatch | None) -> Sequence[Stretch]:
    """The stretches of a copy of which a fair part was recognised: else its pictures tell nothing."""
    inspection = match.inspection if match is not None else None
    if match is None or inspection is None or not match.content_agrees or inspection.shown_share < 0.2:
        return ()
    return inspection.stretches


def _within(stretch: Stretch, measured: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mark's blocks inside one stretch, cut at its ends."""
    inside = []
    for one in measured:
        start, end = max(one["start_s"], stretch.start_s), min(one["end_s"], stretch.end_s)
        if end - start > 0.01:
            inside.append(_block(start, end, one["state"], one["p_value"]))
    if stretch.release is not None or stretch.length_s < MIN_CHANGE_S:
        return inside or [_block(stretch.start_s, stretch.end_s, _shown(stretch))]
    # At the ends a half second holds both kinds of pictures: a mark there says nothing of the foreign ones.
    clear = [one for one in inside if one["end_s"] - one["start_s"] >= 0.3] or inside
    marked = [one for one in clear if one["state"] == "marked"]
    p_value = max((one["p_value"] for one in clear if one["p_value"] is not None), default=None)
    state = "unclear" if len(marked) > _MARKED_SHARE * len(clear) else "foreign"
    return [_block(stretch.start_s, stretch.end_s, state, p_value)]


def _measured(extraction: Extraction | None, match: ReleaseMatch | None) -> tuple[dict[str, Any], ...]:
    if extraction is None or not extraction.found:
        return ()
    clear = median(one.z for one in extraction.segments) >= _TELLING_Z if extraction.segments else False
    return tuple(
        _block(one.start_s, one.end_s, _state(one, clear, match), one.p_value) for one in extraction.segments
    )


def _state(segment: SegmentPresence, is_clear_elsewhere: bool, match: ReleaseMatch | None) -> str:
    if segment.p_value <= _PRESENT_P:
        return "marked"
    if segment.p_value <= _ABSENT_P or not is_clear_elsewhere:
        return "unclear"
    similarity = match.similarity if match is not None else None
    scores = [] if similarity is None else similarity.per_second[int(segment.start_s) : int(segment.end_s) + 1]
    known = [score for score in scores if score is not None]
    return "foreign" if known and max(known) < FOREIGN_SCORE else "unmarked"


def regions_of(extraction: Extraction | None, match: ReleaseMatch | None = None) -> dict[str, Any] | None:
    """Where on the picture: the mark's z-scores and the differences from the release; None where neither is known.

    `{"rows", "columns", "segments": [{"start_s", "end_s", "z": [[…], …]}], "changed": {…} | None}`; `changed` is
    `{"rows", "columns", "share": [[0..1]], "parts": [{"kind", "start_s", "end_s", "box", "area"}]}`: in what share
    of the compared pictures a place differs, laid out on the *released* picture. At most 240 stretches.
    """
    measured = []
    if extraction is not None and extraction.found:
        segments = extraction.segments[:_MAX_REGION_SEGMENTS]
        measured = [(one, one.z_grid) for one in segments if one.z_grid is not None]
    changed = changed_json(match.inspection if match is not None and match.content_agrees else None)
    if not measured and changed is None:
        return None
    rows, columns = measured[0][1].shape if measured else (0, 0)
    return {
        "rows": rows,
        "columns": columns,
        "segments": [
            {
                "start_s": round(one.start_s, 3),
                "end_s": round(one.end_s, 3),
                "z": [[round(float(z), 1) for z in row] for row in grid],
            }
            for one, grid in measured
        ],
        "changed": changed,
    }


def changed_json(inspection: Inspection | None) -> dict[str, Any] | None:
    """The differences from the release as JSON; None where the pictures were not compared place by place."""
    if inspection is None or inspection.differences is None:
        return None
    heat = inspection.differences.heat
    return {
        "rows": heat.shape[0],
        "columns": heat.shape[1],
        "share": [[float(np.round(value, 2)) for value in row] for row in heat],
        "pictures": inspection.pairs,
        "parts": [
            {
                "kind": one.kind,
                "start_s": round(one.start_s, 3),
                "end_s": round(one.end_s, 3),
                "box": [round(value, 3) for value in one.box],
                "area": round(one.area, 4),
            }
            for one in inspection.regions
        ],
    }
