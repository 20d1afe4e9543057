"""Finds names of people on no list by their shape: a forename and a surname in a row, by name statistics.

Every country's common names count alike: the lists hold the common names of over 100 countries, US census names and
the names of professional footballers of all continents. First names alone never match.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policy.fold import Token, words_of
from policy.reading import Reading

_PARTICLES = frozenset(
    words_of(
        "van von der den de del della di da dos das du la le el al bin ibn ben bint mac mc st ten ter o y e "
        "zu af abu"
    )
)
_SYLLABLE = re.compile(
    r"(?:[bcdghjklmnprstwyxqzftv]|ch|sh|zh|th|ng|ph|kh|tr|kk|tt|pp|ss|jj)?[yw]?[aeiou]{1,3}(?:ng|nh|ch|[nmklptrc])?"
)
_TITLES = frozenset(
    words_of("mr mrs ms miss dr prof professor sir dame lady lord madam mister judge senator captain officer")
)
# Capitalised words that stand beside a name-like word without being part of a person's name.
_NEVER_NAMES = frozenset(
    words_of(
        "the a an and or in on at with of for from to by street city town park river lake sea ocean "
        "mountain christmas easter monday tuesday wednesday thursday friday saturday sunday january "
        "february march april may june july august september october november december american british "
        "french german italian spanish chinese japanese indian african european asian renaissance baroque "
        "gothic victorian art nouveau deco cinematic camera shot scene style video hd 4k 8k uhd unreal "
        "engine octane render blender pixar disney ghibli netflix imax arri canon nikon sony kodak fuji "
        "fujifilm germany france italy spain portugal greece turkey russia ukraine poland hungary austria "
        "switzerland belgium holland netherlands denmark sweden norway finland iceland ireland scotland "
        "wales england britain europe asia africa america canada mexico brazil argentina chile peru "
        "colombia cuba china japan korea india pakistan nepal tibet thailand vietnam cambodia laos "
        "indonesia malaysia singapore philippines taiwan australia zealand egypt morocco tunisia algeria "
        "libya kenya nigeria ghana ethiopia tanzania uganda israel palestine lebanon syria jordan iraq iran "
        "arabia qatar dubai london paris berlin rome madrid moscow tokyo kyoto beijing shanghai delhi "
        "mumbai nazi roman greek egyptian viking aztec mayan inca celtic slavic persian ottoman mughal "
        "byzantine nordic arctic"
    )
)


@dataclass(frozen=True, slots=True)
class ShapeMatch:
    """Tokens [start, end) that look like a full name, how sure (weak: needs a word about persons nearby)."""

    start: int
    end: int
    is_strong: bool


class NameShapes:
    """The rule over name statistics. Immutable; thread-safe."""

    def __init__(self, lines: Iterable[str], words: frozenset[str]) -> None:
        self.kinds: Mapping[str, str] = dict(line.split("\t") for line in lines)
        self._words = words

    def find(self, reading: Reading) -> list[ShapeMatch]:
        """All name-like runs in a reading, left to right, not overlapping."""
        found: list[ShapeMatch] = []
        at, tokens = 0, reading.tokens
        while at < len(tokens) - 1:
            match = self._given_pair(reading, at) or self._at(reading, at)
            if match:
                found.append(match)
                at = match.end
            else:
                at += 1
        return found

    def _given_pair(self, reading: Reading, start: int) -> ShapeMatch | None:
        """An East Asian surname before a given name of two syllables ("Kim Min-jun", "Nguyen Thi Lan")."""
        tokens = reading.tokens
        if start + 3 > len(tokens) or "e" not in self.kinds.get(tokens[start].text, ""):
            return None
        if self._is_broken(reading, start + 1) or self._is_broken(reading, start + 2):
            return None
        syllables = [token.text for token in tokens[start + 1 : start + 3]]
        if not all(_SYLLABLE.fullmatch(syllable) for syllable in syllables):
            return None
        is_capitalised = tokens[start].is_capitalised and tokens[start + 1].is_capitalised and reading.is_cased
        return ShapeMatch(start, start + 3, is_strong=is_capitalised and not set(syllables) <= self._words)

    def _at(self, reading: Reading, start: int) -> ShapeMatch | None:
        tokens = reading.tokens
        end = self._surname_end(tokens, start, reading)
        if end is None:
            return None
        first, last = tokens[start], tokens[end - 1]
        if {first.text, last.text} & _NEVER_NAMES:
            return None
        if reading.is_cased:
            if not (first.is_capitalised and last.is_capitalised):
                return self._lower(first, last, start, end)
            return self._cased(first, last, start, end)
        return self._lower(first, last, start, end)

    def _surname_end(self, tokens: list[Token], start: int, reading: Reading) -> int | None:
        """Where a name begun at `start` would end: over particles and initials; None at a break."""
        at = start + 1
        for _ in range(3):
            if at >= len(tokens) or self._is_broken(reading, at):
                return None
            word = tokens[at].text
            is_middle = word in _PARTICLES or (len(word) == 1 and tokens[at].is_capitalised)
            if not is_middle:
                return at + 1
            at += 1
        return None

    @staticmethod
    def _is_broken(reading: Reading, at: int) -> bool:
        """Whether a comma or sentence end stands before token `at`."""
        start = reading.starts[at]
        return start >= 2 and reading.text[start - 2] in ".,"

    def _cased(self, first: Token, last: Token, start: int, end: int) -> ShapeMatch | None:
        first_kinds, last_kinds = self.kinds.get(first.text, ""), self.kinds.get(last.text, "")
        if first.text in _TITLES:
            return ShapeMatch(start, end, is_strong=False) if "s" in last_kinds else None
        is_known_last = "s" in last_kinds
        if "f" in first_kinds and "w" not in first_kinds and (is_known_last or self._is_foreign(last.text)):
            return ShapeMatch(start, end, is_strong=True)
        if "f" in first_kinds and is_known_last:
            return ShapeMatch(start, end, is_strong="w" not in last_kinds)
        if "e" in first_kinds and "f" in last_kinds and not ("w" in first_kinds and "w" in last_kinds):
            return ShapeMatch(start, end, is_strong=True)
        if self._is_foreign(first.text) and (is_known_last or self._is_foreign(last.text)):
            # Neither word is English: a name or a place. What stands beside tells which.
            return ShapeMatch(start, end, is_strong=False)
        return None

    def _lower(self, first: Token, last: Token, start: int, end: int) -> ShapeMatch | None:
        first_kinds, last_kinds = self.kinds.get(first.text, ""), self.kinds.get(last.text, "")
        if len(first.text) < 2 or len(last.text) < 2:
            return None
        is_western = "f" in first_kinds and "s" in last_kinds
        is_eastern = "e" in first_kinds and "f" in last_kinds
        dictionary_words = ("w" in first_kinds) + ("w" in last_kinds)
        if not (is_western or is_eastern) or dictionary_words == 2:
            return None
        is_long = min(len(first.text), len(last.text)) > 2
        return ShapeMatch(start, end, is_strong=is_western and is_long and dictionary_words == 0)

    def _is_foreign(self, word: str) -> bool:
        return word not in self._words and word.isalpha() and len(word) > 2
