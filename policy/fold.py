"""Folds text to the form in which names and cues are compared, and splits it into tokens.

Folded: NFKD, case folded, marks and format characters dropped, a few letters spelled out. Letters of
other scripts stay as they are. Pure; the same text always folds the same way.
"""

import re
import unicodedata
from dataclasses import dataclass

# Letters that NFKD leaves whole but that people type without their stroke or ligature.
_SPELLED = str.maketrans(
    {
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "æ": "ae",
        "œ": "oe",
        "ı": "i",
        "þ": "th",
        "ħ": "h",
        "ŧ": "t",
        "ə": "e",
    }
)
_APOSTROPHES = re.compile(r"['’‘ʼ`´＇]")
_POSSESSIVE = re.compile(r"(?<=\w)['’‘ʼ`´＇]s\b", re.IGNORECASE)
# A token is a run of letters, digits and the marks on them; everything else separates.
_TOKEN = re.compile(
    r"[^\W_](?:[^\W_]|[\u0300-\u036f\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff\u0f18-\u109f\u1780-\u17d3])*"
)
_DROPPED = frozenset({"Mn", "Cf", "Me"})
# Brahmic scripts write vowels as marks: there they are letters, not decoration.
_MARKS_KEPT = ((0x0900, 0x0DFF), (0x0E00, 0x0EFF), (0x0F00, 0x109F), (0x1780, 0x17FF))


@dataclass(frozen=True, slots=True)
class Token:
    """One word: folded, with its place in the view's text and whether it began with a capital there."""

    text: str
    start: int
    end: int
    is_capitalised: bool


def words_of(literal: str) -> tuple[str, ...]:
    """The words of a list that is written as one string."""
    return tuple(literal.split())


def fold(text: str) -> str:
    """The folded form of a text. Not length-preserving."""
    if text.isascii():
        return text.lower()
    # Compatibility forms first: a mathematical 𝑨 has no lower case of its own; case folding may decompose anew.
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    if folded.isascii():
        return folded
    kept = "".join(c for c in folded if unicodedata.category(c) not in _DROPPED or _is_letter_mark(c))
    return unicodedata.normalize("NFC", kept).translate(_SPELLED)


def without_apostrophes(text: str) -> str:
    """The text without possessive endings and apostrophes (`O'Neal's` becomes `ONeal`)."""
    return _APOSTROPHES.sub("", _POSSESSIVE.sub("", text))


def tokens_of(text: str) -> list[Token]:
    """The folded words of a text in order. Places refer to the text after `without_apostrophes`."""
    found = []
    for match in _TOKEN.finditer(text):
        word = match[0]
        found.append(Token(fold(word), match.start(), match.end(), word[0].isupper()))
    return found


def name_key(name: str) -> str:
    """The folded words of a name joined by single spaces: how lists spell it."""
    marked = unicodedata.normalize("NFC", name) if not name.isascii() else name
    return " ".join(token.text for token in tokens_of(without_apostrophes(marked)) if token.text)


def is_unspaced(text: str) -> bool:
    """Whether a text is of a script written without spaces or with endings glued on (Han, kana, hangul, Thai …)."""
    return any(
        0x0E00 <= point <= 0x0EFF
        or 0x1000 <= point <= 0x109F
        or 0x3040 <= point <= 0x9FFF
        or 0xAC00 <= point <= 0xD7A3
        for point in map(ord, text)
    )


def _is_letter_mark(character: str) -> bool:
    point = ord(character)
    return any(low <= point <= high for low, high in _MARKS_KEPT)
