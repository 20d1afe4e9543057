"""What the lists of transforms share."""

import unicodedata
from collections.abc import Callable

Transform = Callable[[str], str]


def plain(name: str) -> str:
    """The name in ASCII letters."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if ord(c) < 128)


def letters(name: str) -> str:
    """Only the ASCII letters of a name, in lower case."""
    return "".join(c for c in plain(name).lower() if c.isalpha())
