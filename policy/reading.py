"""A view made ready for matching: tokens, and the folded text with sentence ends in which cues are sought."""

import re
from dataclasses import dataclass

from policy.fold import Token, tokens_of, without_apostrophes
from policy.views import View

_SENTENCE_END = re.compile(r"[.!?;:\n]")
# Share of capitalised words above which capitals say nothing: titles, shouted prompts.
_TITLE_CASE_SHARE = 0.7
_CONTEXT_CHARS = 90


@dataclass(frozen=True)
class Reading:
    """Tokens of one view, the folded text, and where in it each token starts.

    `is_cased` tells whether capitals mean something here: some words have one, and most do not.
    """

    view: View
    tokens: list[Token]
    text: str
    starts: list[int]
    is_cased: bool

    def before(self, token_index: int) -> str:
        """Up to 90 folded characters before a token, without the space that joins them."""
        at = self.starts[token_index]
        return self.text[max(0, at - _CONTEXT_CHARS) : at].rstrip(" ")

    def after(self, token_index: int) -> str:
        """Up to 90 folded characters after a token's end, without the space that joins them."""
        at = self.starts[token_index] + len(self.tokens[token_index].text)
        return self.text[at : at + _CONTEXT_CHARS].lstrip(" ")


def read_view(view: View) -> Reading:
    """The reading of a view. Linear in its length."""
    plain = without_apostrophes(view.text)
    tokens = [token for token in tokens_of(plain) if token.text]
    parts: list[str] = []
    starts: list[int] = []
    length = end = 0
    for token in tokens:
        mark = _mark(plain[end : token.start]) if end else ""
        parts.append(mark + token.text)
        starts.append(length + len(mark))
        length += len(parts[-1]) + 1
        end = token.end
    capitals = sum(token.is_capitalised for token in tokens)
    is_cased = capitals > 0 and (capitals <= _TITLE_CASE_SHARE * len(tokens) or len(tokens) <= 3)
    return Reading(view, tokens, " ".join(parts), starts, is_cased and not plain.isupper())


def _mark(gap: str) -> str:
    # A sign with no gap around it joins columns rather than ends a sentence ("Swift;Taylor").
    if _SENTENCE_END.search(gap) and gap not in (".", ";", ":"):
        return ". "
    return ", " if "," in gap else ""
