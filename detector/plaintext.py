"""Text from a stranger's file, made fit to be shown: short, one line, no control or direction characters."""

import unicodedata
from typing import Any

MAX_CHARACTERS = 200
_MAX_DEPTH, _MAX_ITEMS, _MAX_DEEP_CHARACTERS = 8, 64, 2_000


def _is_visible(character: str) -> bool:
    return not unicodedata.category(character).startswith("C")


def plain(text: object, limit: int = MAX_CHARACTERS) -> str:
    """The text on one line without invisible characters, cut to `limit` characters with an ellipsis.

    Drops Unicode categories Cc, Cf, Cs, Co, Cn (control, format and direction marks, surrogates, unassigned).
    """
    head = str(text)[: 8 * limit]
    visible = (" " if one.isspace() else one for one in head if one.isspace() or _is_visible(one))
    seen = " ".join("".join(visible).split())
    return seen if len(seen) <= limit else seen[: limit - 1].rstrip() + "…"


def plain_json(value: Any, depth: int = _MAX_DEPTH) -> Any:
    """A stranger's JSON value with every text made plain, cut to 8 levels, 64 items and 2,000 characters a text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return plain(value, _MAX_DEEP_CHARACTERS)
    if depth == 0:
        return "…"
    if isinstance(value, dict):
        kept = list(value.items())[:_MAX_ITEMS]
        return {plain(key): plain_json(one, depth - 1) for key, one in kept}
    if isinstance(value, list | tuple):
        return [plain_json(one, depth - 1) for one in list(value)[:_MAX_ITEMS]]
    return plain(value, _MAX_DEEP_CHARACTERS)
