"""The history that stands behind a clip: the credential's own account of it, as a tree with small pictures.

It is the file's own credential where it has one, else the one that was found again. Everything in it is the word of
whoever signed; texts are made plain and short. `provenance.history` bounds the tree; it comes out of a confined
child all the same, so it is bounded here again.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from detector.plaintext import plain
from provenance.history import MAX_DEPTH, MAX_NODES
from provenance.records import CredentialState, ManifestReport

_MAX_CODES = 8
_RELATIONS = ("parentOf", "inputTo", "componentOf")


@dataclass(frozen=True)
class History:
    """Whose account it is (`file`: the file's own credential; `release`: the one found again), the credential that
    gives it, and its pictures (JPEG) by their names in it."""

    told_by: Literal["file", "release"]
    report: ManifestReport
    pictures: Mapping[str, bytes] = field(default_factory=dict)


def history_json(history: History | None) -> dict[str, Any] | None:
    """The account as `reelproof.verdict/1` shows it; None where no credential tells one.

    `holds` says whether signature and statements are intact; where they are not, anybody may have written it.
    """
    if history is None or history.report.state is not CredentialState.PRESENT:
        return None
    report, left = history.report, [MAX_NODES]
    return {
        "told_by": history.told_by,
        "holds": report.signature_valid and report.assertions_intact,
        "signed_by": _text(report.issuer or report.signer),
        "signed_at": _text(report.signed_at),
        "claim_generator": _text(report.claim_generator),
        "origin": plain(report.origin),
        "thumbnail": _picture(report.thumbnail, history.pictures),
        **_below(report.ingredients, report.ingredients_left_out, history.pictures, left, 1),
    }


def _below(
    listed: Sequence[Any], left_out: int, pictures: Mapping[str, bytes], left: list[int], level: int
) -> dict[str, Any]:
    """The ingredients of a file, and how many more it has; `left` counts down over the whole tree."""
    named = [one for one in listed if isinstance(one, Mapping)]
    shown = named[: left[0]] if level <= MAX_DEPTH else []
    left[0] -= len(shown)
    told = [_told(one, pictures) for one in shown]
    for node, one in zip(told, shown, strict=True):
        deeper, more = one.get("ingredients"), one.get("left_out")
        node.update(_below(_listed(deeper), more if isinstance(more, int) else 0, pictures, left, level + 1))
    return {"ingredients": told, "left_out": left_out + len(listed) - len(shown)}


def _told(one: Mapping[str, Any], pictures: Mapping[str, bytes]) -> dict[str, Any]:
    relation = str(one.get("relationship"))
    return {
        "title": _text(one.get("title")),
        "format": _text(one.get("format")),
        "relationship": relation if relation in _RELATIONS else None,
        "manifest_id": _text(one.get("active_manifest")),
        "origin": _text(one.get("origin")),
        "claim_generator": _text(one.get("claim_generator")),
        "signed_by": _text(one.get("signed_by")),
        "failures": [plain(code) for code in _listed(one.get("failures"))[:_MAX_CODES]],
        "thumbnail": _picture(one.get("thumbnail"), pictures),
        "is_repeated": bool(one.get("is_repeated")),
    }


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _text(value: Any) -> str | None:
    return plain(value) or None if isinstance(value, str) else None


def _picture(name: Any, pictures: Mapping[str, bytes]) -> str | None:
    """The picture as a data URI: it is our own encoding, whatever the store held."""
    content = pictures.get(name) if isinstance(name, str) else None
    return "data:image/jpeg;base64," + base64.b64encode(content).decode() if content else None
