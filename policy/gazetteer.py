"""The list of public figures, and how it is found in a reading: exact, joined, misspelled.

Exact: a name's words in a row. Joined: a name's letters over one or more words ("taylorswift13", "tay lor swift").
Misspelled: words of a name within one edit each (two for long ones), unless the misspelled word is an English word.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from policy.fold import Token, is_unspaced, words_of

_MIN_JOINED_CHARS = 7
_MAX_JOINED_CHARS = 32
_MIN_FUZZY_CHARS = 4
_MAX_FUZZY_CHARS = 24
_TWO_EDITS_FROM_CHARS = 8
_TWO_EDITS_FROM_KEY_CHARS = 10
_MIN_MONONYM_CHARS = 7
# What people glue to a joined name: digits and these.
_AFFIXES = words_of("xx x official lora real the fan fans style model person face hq tv fc v xl flux sdxl sd wan")


@dataclass(frozen=True, slots=True)
class Figure:
    """What the list says of a spelling: public role, status (l living, d dead, h over 100 years), mode, tier.

    Tier 0: the hand lists; 1: other best-known figures, both also matched misspelled; 2: all others.
    """

    role: str
    status: str
    mode: str
    tier: int


@dataclass(frozen=True, slots=True)
class NameMatch:
    """A listed name at tokens [start, end), and how it was found.

    exact, joined, misspelled, inside; by near_names.py: gapped, turned, initials, role, sound, shifted,
    transcribed.
    """

    start: int
    end: int
    figure: Figure
    how: str
    key: str


class Gazetteer:
    """Finds listed names in tokens. Immutable after loading; thread-safe."""

    def __init__(self, lines: Iterable[str], words: frozenset[str], name_kinds: Mapping[str, str]) -> None:
        self._words = words
        self._name_kinds = name_kinds
        self._figures: dict[str, Figure] = {}
        self._unspaced: dict[str, Figure] = {}
        self._joined: dict[str, str] = {}
        self._prefixes: set[str] = set()
        self._near: dict[str, list[str]] = {}
        kinds: dict[str, Figure] = {}
        near_parts: dict[str, None] = {}
        for line in lines:
            key, _, kind = line.partition("\t")
            figure = kinds.get(kind) or kinds.setdefault(kind, _figure(kind))
            self._add(key, figure, near_parts)
        for part in near_parts:
            for deleted in _deletes(part):
                self._near.setdefault(deleted, []).append(part)

    def __len__(self) -> int:
        return len(self._figures) + len(self._unspaced)

    def _add(self, key: str, figure: Figure, near_parts: dict[str, None]) -> None:
        if not key.isascii() and is_unspaced(key):
            self._unspaced[key] = figure
            return
        self._figures[key] = figure
        parts = key.split(" ")
        is_full_name = len(parts) > 1
        if is_full_name:
            prefix = parts[0]
            self._prefixes.add(prefix)
            for part in parts[1:-1]:
                prefix = f"{prefix} {part}"
                self._prefixes.add(prefix)
        joined = key.replace(" ", "")
        if (is_full_name or figure.tier <= 1) and _MIN_JOINED_CHARS <= len(joined) <= _MAX_JOINED_CHARS:
            self._joined.setdefault(joined, key)
        if figure.tier <= 1 and figure.mode == ".":
            near_parts.update(dict.fromkeys(part for part in parts if len(part) >= _MIN_FUZZY_CHARS))

    def find(self, tokens: list[Token], text: str, *, is_cased: bool, is_exact: bool = False) -> list[NameMatch]:
        """All listed names in a reading; of overlapping ones the longest. `text` is the folded reading.

        `is_exact` leaves the misspelled ones out.
        """
        found = [*self._exact(tokens, is_cased), *self._over_words(tokens), *self._glued(tokens)]
        if not found and not is_exact:
            found += self._misspelled(tokens)
        found += self._inside(text)
        return _longest(found)

    def _exact(self, tokens: list[Token], is_cased: bool) -> Iterator[NameMatch]:
        for start in range(len(tokens)):
            key = ""
            for end in range(start + 1, len(tokens) + 1):
                key = f"{key} {tokens[end - 1].text}" if key else tokens[end - 1].text
                figure = self._figures.get(key)
                if figure and self._counts(key, figure, tokens, start, end, is_cased):
                    yield NameMatch(start, end, figure, "exact", key)
                if key not in self._prefixes:
                    break

    def _counts(self, key: str, figure: Figure, tokens: list[Token], start: int, end: int, is_cased: bool) -> bool:
        """Whether an exact spelling means the person here: ambiguous ones need a capital, `~` ones more."""
        if figure.mode == "~":
            return False
        if end - start == 1:
            # "Jessica Altman" is somebody else than the one known by the surname alone.
            before = tokens[start - 1] if start else None
            if before and "f" in self._name_kinds.get(before.text, "") and before.text not in self._words:
                return False
        if figure.mode == "." or (end - start == 1 and key not in self._words and key not in self._name_kinds):
            return True
        # At the start of a sentence a capital says nothing, unless the word is in no dictionary ("Adele sings").
        is_telling = start > 0 or end - start > 1 or (figure.tier == 0 and key not in self._words)
        return is_cased and all(token.is_capitalised for token in tokens[start:end]) and is_telling

    def _over_words(self, tokens: list[Token]) -> Iterator[NameMatch]:
        """Names whose letters run over at least two words split elsewhere than the name is."""
        for start in range(len(tokens) - 1):
            joined = tokens[start].text
            for end in range(start + 2, min(start + 9, len(tokens) + 1)):
                joined += tokens[end - 1].text
                if len(joined) > _MAX_JOINED_CHARS:
                    break
                key = self._joined.get(joined)
                if key is None or self._figures[key].mode != ".":
                    continue
                if key != " ".join(token.text for token in tokens[start:end]) and not self._are_words(
                    tokens[start:end]
                ):
                    yield NameMatch(start, end, self._figures[key], "joined", key)

    def _glued(self, tokens: list[Token]) -> Iterator[NameMatch]:
        """Names inside one word: "taylorswift13", "realdonaldtrump", "elonmusklora"."""
        for at, token in enumerate(tokens):
            if len(token.text) < _MIN_JOINED_CHARS or token.text in self._words:
                continue
            key = self._joined.get(_without_affixes(token.text)) or self._joined.get(token.text)
            if key and (key != token.text):
                yield NameMatch(at, at + 1, self._figures[key], "joined", key)

    def _are_words(self, tokens: list[Token]) -> bool:
        return all(token.text in self._words and len(token.text) > 2 for token in tokens)

    def _misspelled(self, tokens: list[Token]) -> Iterator[NameMatch]:
        is_word = [token.text in self._words for token in tokens]
        near = [
            # An English word among English words is meant as it stands; looking for its neighbours costs most.
            {token.text: 0} if all(is_word[max(0, at - 2) : at + 3]) else self._near_parts(token.text)
            for at, token in enumerate(tokens)
        ]
        for start in range(len(tokens)):
            yield from self._misspelled_mononym(tokens[start].text, near[start], start)
            for length in (2, 3):
                end = start + length
                if end <= len(tokens) and not all(is_word[start:end]):
                    yield from self._misspelled_at(tokens, near, start, end)

    def _misspelled_mononym(self, word: str, options: dict[str, int], at: int) -> Iterator[NameMatch]:
        if word in self._words or word in self._name_kinds or len(word) < _MIN_MONONYM_CHARS - 1:
            return
        for part, edits in options.items():
            figure = self._figures.get(part)
            is_long = len(part) >= _MIN_MONONYM_CHARS or not part.isascii()
            if figure and figure.tier <= 1 and figure.mode == "." and edits == 1 and is_long:
                yield NameMatch(at, at + 1, figure, "misspelled", part)
                return

    def _misspelled_at(
        self, tokens: list[Token], near: list[dict[str, int]], start: int, end: int
    ) -> Iterator[NameMatch]:
        candidates = [("", 0, False)]
        for at in range(start, end):
            word = tokens[at].text
            # A part that is spelled right and is no English word ("gaga") vouches for the one beside it.
            vouches = word not in self._words and len(word) >= _MIN_FUZZY_CHARS
            candidates = [
                (f"{key} {part}" if key else part, cost + edits, is_vouched or (vouches and edits == 0))
                for key, cost, is_vouched in candidates[:64]
                for part, edits in near[at].items()
                if not key or key in self._prefixes
            ]
        is_vouch_needed = any(self._is_ordinary(token.text) for token in tokens[start:end])
        for key, cost, is_vouched in candidates:
            figure = self._figures.get(key)
            limit = 2 if len(key) >= _TWO_EDITS_FROM_KEY_CHARS and not is_vouch_needed else 1
            if figure and figure.tier <= 1 and figure.mode == "." and 0 < cost <= limit:
                wrong = [
                    token.text
                    for token, part in zip(tokens[start:end], key.split(), strict=True)
                    if token.text != part
                ]
                if is_vouched or not any(self._is_ordinary(word) for word in wrong):
                    yield NameMatch(start, end, figure, "misspelled", key)
                    return

    def _is_ordinary(self, word: str) -> bool:
        """Whether a word may well be meant as it stands: an English word, another name, or too short to tell."""
        return word in self._words or word in self._name_kinds or len(word) < _MIN_FUZZY_CHARS

    def _near_parts(self, word: str) -> dict[str, int]:
        """Name parts within one edit of a word (two for long ones) with the edits; the word itself with none."""
        options = {word: 0}
        if not _MIN_FUZZY_CHARS - 1 <= len(word) <= _MAX_FUZZY_CHARS:
            return options
        for deleted in _deletes(word):
            for part in self._near.get(deleted, ()):
                edits = osa_distance(word, part, 2)
                if edits == 1 or (edits == 2 and min(len(word), len(part)) >= _TWO_EDITS_FROM_CHARS):
                    options.setdefault(part, edits)
        if "\u0400" <= word[0] <= "\u04ff":
            # Slavic case endings: up to three letters more than the listed form.
            for stem in (word[:-1], word[:-2], word[:-3]):
                if stem in self._near and stem in self._near[stem]:
                    options.setdefault(stem, 1)
        return options

    def _inside(self, text: str) -> Iterator[NameMatch]:
        """Names in scripts without spaces, anywhere in the text."""
        if text.isascii():
            return
        packed = text.replace(" ", "").replace("·", "").replace("・", "")
        for key, figure in self._unspaced.items():
            if key in packed:
                yield NameMatch(0, 0, figure, "inside", key)


def _figure(kind: str) -> Figure:
    role, status, mode, tier = kind.split("\t")
    return Figure(role, status, mode, int(tier))


def osa_distance(left: str, right: str, limit: int) -> int:
    """Optimal string alignment distance (insert, delete, replace, swap neighbours); `limit + 1` beyond it."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    current = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before_last, before, current = before, current, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, current[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before_last[j - 2] + 1)
            current.append(cost)
        if min(current) > limit:
            return limit + 1
    return current[-1]


def _deletes(word: str) -> set[str]:
    """The word and all words with one letter dropped: two words within one edit share one of these."""
    return {word} | {word[:at] + word[at + 1 :] for at in range(len(word))}


def _without_affixes(word: str) -> str:
    stripped = word.strip("0123456789")
    for _ in range(2):
        for affix in _AFFIXES:
            if len(stripped) - len(affix) >= _MIN_JOINED_CHARS:
                stripped = stripped.removesuffix(affix).removeprefix(affix).strip("0123456789")
    return stripped


def _longest(found: list[NameMatch]) -> list[NameMatch]:
    chosen: list[NameMatch] = []
    for match in sorted(found, key=lambda each: (each.start - each.end, each.start)):
        if match.how == "inside" or all(match.end <= other.start or match.start >= other.end for other in chosen):
            chosen.append(match)
    return chosen
