"""Text from a stranger's file, made fit to be shown: short, one line, no control or direction characters."""

import unicodedata
from typing import Any

MAX_CHARACTERS = 200
_MAX_DEPTH, _MAX_ITEMS, _MAX_DEEP_CHARACTERS = 8, 64, 2_000
_MAX_VALUES, _MAX_CHARACTERS_IN_ALL = 4_000, 1_000_000


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


def plain_json(value: Any) -> Any:
    """A stranger's JSON value with every text made plain: cut to 8 levels, 64 items each and 2,000 characters a
    text, and to 4,000 values and a million characters in all; what is cut reads as an ellipsis."""
    return _Cutting().plain(value, _MAX_DEPTH)


class _Cutting:
    """One value being made plain, with what is left of its room."""

    def __init__(self) -> None:
        self._values, self._characters = _MAX_VALUES, _MAX_CHARACTERS_IN_ALL

    def plain(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        self._values -= 1
        if self._values < 0 or self._characters < 0:
            return "…"
        if isinstance(value, dict | list | tuple) and depth == 0:
            return "…"
        if isinstance(value, dict):
            kept = list(value.items())[:_MAX_ITEMS]
            return {plain(key): self.plain(one, depth - 1) for key, one in kept}
        if isinstance(value, list | tuple):
            return [self.plain(one, depth - 1) for one in list(value)[:_MAX_ITEMS]]
        self._characters -= min(len(str(value)), 8 * _MAX_DEEP_CHARACTERS)
        return plain(value, _MAX_DEEP_CHARACTERS)
