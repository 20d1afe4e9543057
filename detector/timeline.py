"""The clip second by second: where the mark stands, and where the pictures are not the released ones."""

from statistics import median
from typing import Any

from detector.findings import FOREIGN_SCORE
from provenance.fingerprint import Similarity
from watermark.extraction import Extraction, SegmentPresence

_PRESENT_P, _ABSENT_P = 1e-3, 0.05
#: Only where the mark stands this clearly elsewhere does its absence mean anything (z; a miss below 1.64 is then
#: six deviations away).
_TELLING_Z = 8.0
_MAX_REGION_SEGMENTS = 240


def timeline_of(extraction: Extraction | None, similarity: Similarity | None) -> tuple[dict[str, Any], ...]:
    """Stretches in order, each `{"start_s", "end_s", "state", "p_value"}`; empty where there is nothing to compare.

    States: `marked`, `unmarked` (the mark should be there and is not), `foreign` (unmarked, and the pictures are
    not the released ones), `unclear`.
    """
    if extraction is None or not extraction.found:
        return ()
    clear = median(one.z for one in extraction.segments) >= _TELLING_Z if extraction.segments else False
    return tuple(
        {
            "start_s": round(one.start_s, 3),
            "end_s": round(one.end_s, 3),
            "state": _state(one, clear, similarity),
            "p_value": one.p_value,
        }
        for one in extraction.segments
    )


def _state(segment: SegmentPresence, is_clear_elsewhere: bool, similarity: Similarity | None) -> str:
    if segment.p_value <= _PRESENT_P:
        return "marked"
    if segment.p_value <= _ABSENT_P or not is_clear_elsewhere:
        return "unclear"
    scores = [] if similarity is None else similarity.per_second[int(segment.start_s) : int(segment.end_s) + 1]
    known = [score for score in scores if score is not None]
    return "foreign" if known and max(known) < FOREIGN_SCORE else "unmarked"


def regions_of(extraction: Extraction | None) -> dict[str, Any] | None:
    """The mark's z-scores per block of the picture and stretch of time, or None where blocks were not measured.

    `{"rows", "columns", "segments": [{"start_s", "end_s", "z": [[…], …]}]}`, at most 240 stretches.
    """
    if extraction is None or not extraction.found:
        return None
    measured = [(one, one.z_grid) for one in extraction.segments[:_MAX_REGION_SEGMENTS] if one.z_grid is not None]
    if not measured:
        return None
    rows, columns = measured[0][1].shape
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
    }
