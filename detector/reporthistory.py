"""The credential's history as the report draws it: a tree of files in words, each with its small picture."""

from collections.abc import Mapping
from typing import Any

from detector.verdict import Verdict

_SHOWN_NODES, _SHOWN_LEVELS = 40, 8
_RELATIONS = {
    "parentOf": "it is an edit of this",
    "inputTo": "this went into making it",
    "componentOf": "this is a part of it",
}
_ORIGINS = {"generated": "generated with AI", "captured": "captured with a camera", "edited": "edited footage"}
_TOLD_BY = {
    "file": "What the credential tells of its history",
    "release": "What the credential that was found again tells of its history",
}
_SELF = {"file": "This file", "release": "The released clip"}


def history(verdict: Verdict) -> dict[str, Any] | None:
    """The root of the tree and what stands below it; None where no credential tells a history."""
    told = verdict.history
    if told is None:
        return None
    left = [_SHOWN_NODES]
    signer, when = told["signed_by"] or "an unnamed signer", told["signed_at"] or "at an unknown time"
    return {
        "heading": _TOLD_BY[told["told_by"]],
        "holds": told["holds"],
        "node": {
            "title": _SELF[told["told_by"]],
            "lines": [
                f"signed by {signer}, {when}",
                f"made with {told['claim_generator'] or 'an unnamed program'}",
            ],
            "is_grave": False,
            "thumbnail": told["thumbnail"],
            **_below(told, left, 1),
        },
    }


def _below(node: Mapping[str, Any], left: list[int], level: int) -> dict[str, Any]:
    """The sources of a file, as far as the page has room: `more` are not drawn."""
    listed = node["ingredients"] if level <= _SHOWN_LEVELS else []
    shown = listed[: left[0]]
    left[0] -= len(shown)
    sources = [_source(one) for one in shown]
    for drawn, one in zip(sources, shown, strict=True):
        drawn.update(_below(one, left, level + 1))
    return {"sources": sources, "more": len(node["ingredients"]) - len(shown) + node["left_out"]}


def _source(one: Mapping[str, Any]) -> dict[str, Any]:
    relation = _RELATIONS.get(one["relationship"], "named as a source")
    lines = [f"{relation} · {one['format']}" if one["format"] else relation]
    return {
        "title": one["title"] or "an unnamed file",
        "lines": [*lines, *_credential_lines(one)],
        "is_grave": bool(one["failures"]),
        "thumbnail": one["thumbnail"],
    }


def _credential_lines(one: Mapping[str, Any]) -> list[str]:
    if one["manifest_id"] is None:
        return ["without a credential"]
    by = f", signed as {one['signed_by']}" if one["signed_by"] else ""
    words = _ORIGINS.get(str(one["origin"]))
    origin = f", which says {words}" if words else ""
    lines = [f"with a credential of its own{by}{origin}"]
    if one["failures"]:
        lines = [f"its own credential fails its check: {', '.join(one['failures'][:2])}"]
    if one["is_repeated"]:
        lines.append("named above already: it leads back to itself")
    return lines
