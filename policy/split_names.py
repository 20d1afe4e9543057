"""Puts names together that a request split: over fields, shots, sentences, or turns of one session.

"Taylor walks on stage" and "Swift waves" mean one person. A word counts as part of a name where it is no everyday
word, or stands with a capital where a name stands.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from policy.fold import Token, tokens_of, without_apostrophes
from policy.near_names import NearNames

_MAX_PARTS = 40
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_LABELLED_FIRST = re.compile(r"\b(?:first|given|fore)(?:[ _-]?name)?\"?\s*[:=]\s*\"?(\w+)", re.IGNORECASE)
_LABELLED_LAST = re.compile(r"\b(?:last|sur|family)(?:[ _-]?name)?\"?\s*[:=]\s*\"?(\w+)", re.IGNORECASE)
_STATED_FIRST = re.compile(
    r"\b(?:first|given|fore|christian) ?names?\W+(?:(?:is|was|being|of|as)\W+)?(\w+)", re.IGNORECASE
)
_STATED_LAST = re.compile(
    r"\b(?:(?:last|sur|family|second) ?names?|surnamed)\W+(?:(?:is|was|being|of|as|to)\W+)?(\w+)", re.IGNORECASE
)
_ACTS_AFTER = re.compile(r"^[^\W_]+(?:\s+(?:then|now|also|slowly))?\s+[a-z]+(?:s|ing|ed)\b|^[^\W_]+\s*$|^[^\W_]+,")


class SplitNames:
    """Finds split names of listed figures. Immutable; thread-safe."""

    def __init__(self, near: NearNames, words: frozenset[str]) -> None:
        self._near = near
        self._words = words

    def find(self, texts: Sequence[str], earlier: Sequence[str]) -> Iterator[tuple[str, str]]:
        """(status, rule) of each listed person whose name is split over these texts and earlier ones."""
        now = [part for text in texts for part in _parts(text)][:_MAX_PARTS]
        before = [part for text in earlier for part in _parts(text)][-_MAX_PARTS:]
        if len(now) + len(before) > 1:
            yield from self._over_parts(now, before)
        yield from self._stated(texts, earlier)

    def _over_parts(self, now: list[str], before: list[str]) -> Iterator[tuple[str, str]]:
        parts = [*before, *now]
        firsts = [self._named(part, self._near.firsts) for part in parts]
        lasts = [self._named(part, self._near.lasts) for part in parts]
        for at, first_words in enumerate(firsts):
            for to, last_words in enumerate(lasts):
                # A name that stands in earlier turns alone was decided then.
                if at == to or max(at, to) < len(before):
                    continue
                for first in first_words:
                    for last in last_words:
                        figure = self._near.pair(first, last)
                        if figure:
                            yield figure.status, "split"

    def _named(self, part: str, names: frozenset[str]) -> list[str]:
        """The words of a part that may be a piece of a name."""
        found = []
        for at, token in enumerate(tokens_of(without_apostrophes(part))):
            if token.text in names and self._stands_for_name(part, token, at):
                found.append(token.text)
        return found

    def _stands_for_name(self, part: str, token: Token, at: int) -> bool:
        if token.text not in self._words:
            return True
        return token.is_capitalised and (at > 0 or bool(_ACTS_AFTER.match(part.lstrip()[:80])))

    def _stated(self, texts: Iterable[str], earlier: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Names of which a request says "the first name is …", "the surname …"."""
        now, whole = " . ".join(texts), " . ".join([*earlier, *texts])
        lasts = _words(_STATED_LAST, now)
        firsts = _words(_STATED_FIRST, now)
        if not lasts and not firsts:
            return
        all_words = {token.text for token in tokens_of(without_apostrophes(whole))}
        for last in lasts:
            for first in _words(_STATED_FIRST, whole) or (all_words & self._near.firsts):
                if figure := self._near.pair(first, last):
                    yield figure.status, "split-stated"
        for first in firsts:
            for last in all_words & self._near.lasts if not lasts else ():
                if (figure := self._near.pair(first, last)) and last not in self._words:
                    yield figure.status, "split-stated"

    def stated_pairs(self, text: str) -> list[str]:
        """ "First Last" for each stated name of a text, to be read like any other text."""
        firsts = _STATED_FIRST.findall(text) or _LABELLED_FIRST.findall(text)
        lasts = _STATED_LAST.findall(text) or _LABELLED_LAST.findall(text)
        return [f"{first} {last}" for first, last in zip(firsts, lasts, strict=False)]


def _parts(text: str) -> list[str]:
    return [part for part in _SENTENCE.split(text) if part.strip()]


def _words(pattern: re.Pattern[str], text: str) -> list[str]:
    return [token.text for match in pattern.finditer(text) for token in tokens_of(match[1])[:1]]
