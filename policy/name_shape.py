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
        "van von der den de del della di da dos das du la le lo el al bin ibn ben bint mac mc st ten ter o y e "
        "zu af abu dela delos te ni abd"
    )
)
_SYLLABLE = re.compile(
    r"(?:[bcdghjklmnprstwyxqzftv]|ch|sh|zh|th|ng|ph|kh|tr|kk|tt|pp|ss|jj)?[yw]?[aeiou]{1,3}(?:ng|nh|ch|[nmklptrc])?"
)
_GIVEN_SYLLABLES = re.compile(
    r"(?:(?:[bpmfdtnlgkhjqxrzcsyw]|zh|ch|sh|tr|th|ph|kh|ng)?[yw]?(?:[aeiou]|ai|ei|ao|ou|ia|ie|iu|ua|uo|ui|eo|eu|ae|oe|yu)"
    r"(?:ng|nh|[nkmlptr])?){2,3}"
)
# Evidence of one word; two of them make a name. Tuned on the development half of the bench's private names.
_LISTED, _LISTED_OTHERWISE, _LISTED_WORD, _NAME_LIKE, _UNKNOWN = 2.0, 1.5, 0.8, 1.0, 0.5
_MAY_BE_VERB = re.compile(r"(?:s|ing|ed)$")
_MIN_LIKENESS = 4.0
_STRONG_EVIDENCE, _WEAK_EVIDENCE = 3.5, 1.8
# Titles of fairy tales and games: what follows is hardly ever a full name.
_ROLE_TITLES = frozenset(
    words_of(
        "princess prince queen king duke duchess count countess baron baroness emperor empress "
        "general colonel sergeant "
        "commander admiral detective inspector chef aunt uncle auntie grandma grandpa granny wizard "
        "knight saint father "
        "mother brother sister little big old young baby agent pirate sheriff captain chief lieutenant major"
    )
)
_TITLES = frozenset(
    words_of("mr mrs ms miss dr prof professor sir dame lady lord madam mister judge senator officer")
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
        "byzantine nordic arctic bridge bay sands beach island islands falls avenue boulevard square "
        "harbor harbour "
        "airport station museum palace castle temple mosque cathedral canyon desert coast valley "
        "peninsula archipelago "
        "borealis whiskey beer wine chocolate sauce watch handbag perfume guitar piano"
    )
)


@dataclass(frozen=True, slots=True)
class ShapeMatch:
    """Tokens [start, end) that look like a full name, and how sure.

    Weak ones need a word about persons nearby; those that are not backed by a listed name need a clear one.
    """

    start: int
    end: int
    is_strong: bool
    is_backed: bool = True


class NameShapes:
    """The rule over name statistics. Immutable; thread-safe."""

    def __init__(self, lines: Iterable[str], trigram_lines: Iterable[str], words: frozenset[str]) -> None:
        self.kinds: Mapping[str, str] = dict(line.split("\t") for line in lines)
        self._odds = {trigram: int(odds) for trigram, odds in (line.split("\t") for line in trigram_lines)}
        self._words = words

    def likeness(self, word: str) -> float:
        """How name-like a word's letters are: the mean log-odds of its trigrams in tenths of a bit."""
        found = [self._odds.get(each, 0) for each in trigrams(word)]
        return sum(found) / len(found)

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
        is_clear = tokens[start].text not in self._words and not set(syllables) & self._words
        is_named = is_capitalised and not set(syllables) <= self._words
        return ShapeMatch(start, start + 3, is_strong=is_named or is_clear)

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
                word = last if first.is_capitalised else first
                is_name_and_word = first.is_capitalised != last.is_capitalised and word.text in self._words
                return None if is_name_and_word else self._lower(first, last, start, end)
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
        if first.text in _ROLE_TITLES:
            return None
        if first.text in _TITLES:
            return ShapeMatch(start, end, is_strong=False) if "s" in last_kinds else None
        is_known_last = "s" in last_kinds
        if "f" in first_kinds and "w" not in first_kinds and (is_known_last or self._is_foreign(last.text)):
            return ShapeMatch(start, end, is_strong=True)
        if "f" in first_kinds and is_known_last:
            return ShapeMatch(start, end, is_strong="w" not in last_kinds)
        if "e" in first_kinds and "f" in last_kinds and not ("w" in first_kinds and "w" in last_kinds):
            return ShapeMatch(start, end, is_strong=True)
        if "e" in first_kinds and (self._syllables(last.text) or not self._is_foreign(first.text)):
            return ShapeMatch(start, end, is_strong=bool(self._syllables(last.text)))
        if self._is_foreign(first.text) and (is_known_last or self._is_foreign(last.text)):
            # Neither word is English: a name or a place. What stands beside tells which.
            is_backed = bool(first_kinds) or "s" in last_kinds
            return ShapeMatch(start, end, is_strong=False, is_backed=is_backed)
        if "f" in first_kinds and self._is_foreign(last.text):
            return ShapeMatch(start, end, is_strong=False)
        return None

    def _lower(self, first: Token, last: Token, start: int, end: int) -> ShapeMatch | None:
        if not (_is_letters(first.text) and _is_letters(last.text)):
            return None
        western = (self._evidence(first.text, "f"), self._evidence(last.text, "s"))
        eastern = (self._evidence(first.text, "e"), max(self._evidence(last.text, "f"), self._syllables(last.text)))
        best = max(western, eastern, key=sum)
        if min(best) <= 0 or sum(best) < _WEAK_EVIDENCE:
            return None
        is_long = min(len(first.text), len(last.text)) > 2
        return ShapeMatch(
            start,
            end,
            is_strong=is_long and sum(best) >= _STRONG_EVIDENCE,
            is_backed=max(best) >= _LISTED,
        )

    def _evidence(self, word: str, kind: str) -> float:
        """How much a lower-case word speaks for a name in this place (f first, s last, e East Asian surname)."""
        kinds = self.kinds.get(word, "")
        if word in _NEVER_NAMES or word in _PARTICLES:
            return 0.0
        if word in self._words:
            # "maria waters the plants": what may be a verb is none the less a word.
            return _LISTED_WORD if kind in kinds and not (kind == "s" and _MAY_BE_VERB.search(word)) else 0.0
        if kind in kinds:
            return _LISTED
        if kind == "e":
            return 0.0
        if kinds:
            return _LISTED_OTHERWISE
        return _NAME_LIKE if self.likeness(word) > _MIN_LIKENESS else _UNKNOWN

    def _syllables(self, word: str) -> float:
        """Evidence of an East Asian given name: two or three romanised syllables in one unknown word."""
        return _LISTED_OTHERWISE if word not in self._words and _GIVEN_SYLLABLES.fullmatch(word) else 0.0

    def _is_foreign(self, word: str) -> bool:
        return word not in self._words and word.isalpha() and len(word) > 2


def trigrams(word: str) -> list[str]:
    """The letter trigrams of a word between two marks."""
    marked = f"^{word}$"
    return [marked[at : at + 3] for at in range(len(marked) - 2)]


def _is_letters(word: str) -> bool:
    return len(word) > 1 and word.isalpha()
