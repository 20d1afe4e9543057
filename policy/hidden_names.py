"""Finds best-known figures whose letters are all there but out of order, or partly covered.

Out of order: the letters of one to four words, whatever moved them (initials last, words woven into each other,
syllables turned, spelled backwards), are those of a listed name and of no everyday words. Covered: "R*h*nn*",
"T_yl_r Sw#ft". Works on the hand lists, covered letters also on tier 1. Work is bounded by the text's length.
"""

import itertools
import re
from collections.abc import Iterator, Mapping

from policy.fold import Token, without_apostrophes
from policy.gazetteer import Figure, NameMatch
from policy.reading import Reading

# Hardly ever are the letters of eight-letter names the same by chance; a mononym needs seven.
_MIN_MOVED_CHARS, _MIN_MOVED_MONONYM_CHARS = 8, 7
_MAX_MOVED_CHARS, _MAX_MOVED_WORDS = 32, 4
_COVER = "*#?_%•●■×✱~^$+"
_WORD = re.compile(rf"[A-Za-z{re.escape(_COVER)}]+")
_IS_COVERED = re.compile(rf"[{re.escape(_COVER)}]")
# Of a name with covered letters so many must be left, and so large a share.
_MIN_LEFT_CHARS, _MIN_LEFT_SHARE = 4, 0.4
_MAX_COVERED_WORDS = 40
_MAX_PARTS = 3


class HiddenNames:
    """Indexes over full names and mononyms by their letters. Immutable; thread-safe."""

    def __init__(self, words: frozenset[str], name_kinds: Mapping[str, str]) -> None:
        self._words = words
        self._kinds = name_kinds
        self._by_letters: dict[str, Figure] = {}
        self._by_lengths: dict[tuple[int, ...], list[tuple[str, Figure]]] = {}

    def add(self, key: str, figure: Figure) -> None:
        """Take a folded ASCII name into the indexes."""
        parts = key.split(" ")
        joined = "".join(parts)
        if not joined.isalpha() or figure.mode == "~":
            return
        is_single = len(parts) == 1
        least = _MIN_MOVED_MONONYM_CHARS if is_single else _MIN_MOVED_CHARS
        if figure.tier == 0 and figure.mode == "." and least <= len(joined) <= _MAX_MOVED_CHARS:
            self._by_letters.setdefault(_in_order(joined), figure)
        if len(parts) <= _MAX_PARTS and not (is_single and (figure.tier or figure.mode != ".")):
            self._by_lengths.setdefault(tuple(map(len, parts)), []).append((key, figure))

    def moved(self, tokens: list[Token]) -> Iterator[NameMatch]:
        """Names whose letters stand in another order, in words of which at least one is no word and no name."""
        strange = [self._is_strange(token.text) for token in tokens]
        for at in range(len(tokens)):
            joined = ""
            for end in range(at + 1, min(at + 1 + _MAX_MOVED_WORDS, len(tokens) + 1)):
                joined += tokens[end - 1].text
                if len(joined) > _MAX_MOVED_CHARS:
                    break
                least = _MIN_MOVED_CHARS if end - at > 1 else _MIN_MOVED_MONONYM_CHARS
                if len(joined) >= least and any(strange[at:end]):
                    figure = self._by_letters.get(_in_order(joined))
                    if figure:
                        yield NameMatch(at, end, figure, "letters", "")

    def covered(self, reading: Reading) -> Iterator[NameMatch]:
        """Names of which some letters are covered by signs, one sign a letter."""
        plain = without_apostrophes(reading.view.text)
        if not _IS_COVERED.search(plain):
            return
        words = list(_WORD.finditer(plain))
        covered = [at for at, word in enumerate(words) if _is_partly_covered(word[0])]
        for at in covered[:_MAX_COVERED_WORDS]:
            for start, end in _spans_around(at, len(words)):
                span = words[start:end]
                figure = self._under([word[0].lower() for word in span])
                if figure and _are_beside(plain, span):
                    yield _placed(reading.tokens, span, figure)

    def _under(self, parts: list[str]) -> Figure | None:
        left = sum(c.isalpha() for part in parts for c in part)
        if left < max(_MIN_LEFT_CHARS, _MIN_LEFT_SHARE * sum(map(len, parts))):
            return None
        pattern = re.compile(" ".join("".join(c if c.isalpha() else "." for c in part) for part in parts))
        options = self._by_lengths.get(tuple(map(len, parts)), ())
        return next((figure for key, figure in options if pattern.fullmatch(key)), None)

    def _is_strange(self, word: str) -> bool:
        return len(word) > 1 and word not in self._words and word not in self._kinds and word.isalpha()


def _in_order(letters: str) -> str:
    return "".join(sorted(letters))


def _is_partly_covered(word: str) -> bool:
    return bool(_IS_COVERED.search(word)) and word[0].isalpha() and len(word) >= 2


def _spans_around(at: int, count: int) -> Iterator[tuple[int, int]]:
    """Spans of three, two, one words that hold the word at a place."""
    for length in range(_MAX_PARTS, 0, -1):
        for start in range(max(0, at - length + 1), min(at, count - length) + 1):
            yield start, start + length


def _are_beside(text: str, span: list[re.Match[str]]) -> bool:
    """Whether nothing but gaps stands between the words."""
    return all(not text[left.end() : right.start()].strip(" \t-.") for left, right in itertools.pairwise(span))


def _placed(tokens: list[Token], span: list[re.Match[str]], figure: Figure) -> NameMatch:
    first, last = span[0].start(), span[-1].end()
    inside = [at for at, token in enumerate(tokens) if token.start < last and token.end > first]
    return NameMatch(inside[0], inside[-1] + 1, figure, "covered", "")
