"""Reading a grammar's words backwards: what both worlds' planners share."""

import re
from collections.abc import Mapping, Sequence

Words = Mapping[str, Sequence[str]]
"""A caption grammar's table: names, and the phrases that say each."""


def plain(text: str) -> str:
    """Lower-case words and commas alone."""
    return " ".join(re.findall(r"[a-z]+|,", text.lower())).replace(" ,", ",")


def named(text: str, table: Words) -> str | None:
    """The table's entry whose longest phrase stands in the text, or None."""
    found = [
        (len(phrase), name)
        for name, phrases in table.items()
        for phrase in phrases
        if phrase and re.search(rf"\b{re.escape(phrase)}\b", text)
    ]
    return max(found)[1] if found else None


def by_word(table: Words) -> dict[str, str]:
    """Which entry each phrase of the table means."""
    return {word: name for name, words in table.items() for word in words}


def moves_of(verbs: str, adverbs: str) -> re.Pattern[str]:
    """A pattern of camera moves in other words than a grammar's; "|" stands between verbs and between adverbs."""
    return re.compile(
        rf"\b(?:({verbs})(?:s|ning|ing)?|(doll)(?:y|ies|ying))\b(?: (?:{adverbs}))* (left|right|up|down|in|out)\b"
    )


def camera_move(clause: str, moves: re.Pattern[str], table: Words) -> str | None:
    """The table's camera move that the clause names in the grammar's words, or else in those of `moves`."""
    if said := named(clause, table):
        return said
    found = moves.search(clause)
    name = f"{found[1] or 'dolly'}_{found[3]}" if found else ""
    return name if name in table else None
