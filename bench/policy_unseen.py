"""Transforms that the filter's code was never developed against. They are written here once, run, and not tuned on.

Whoever writes filter code for one of these moves it to policy_once_unseen.py and writes a new one here.
"""

import unicodedata

from bench.policy_names import Transform, letters, plain

_RUSSIAN_LAYOUT = str.maketrans("qwertyuiopasdfghjklzxcvbnm", "йцукенгшщзфывапролдячсмить")
_GREEK = str.maketrans("abgdezhiklmnoprstuvwxy", "αβγδεζηικλμνοπρστυβωχυ")
_ACCENTS = ("\u0302", "\u0308", "\u0300", "\u030c")
_NEXT_VOWEL = str.maketrans("aeiou", "eioua")


def _initial_last(name: str) -> str:
    """The first letter of each word at its end ("aylorT wiftS")."""
    return " ".join(word[1:] + word[0] for word in name.split())


def _interleaved(name: str) -> str:
    """Two words letter by letter ("TSawyilfotr")."""
    first, _, last = plain(name).partition(" ")
    longest = max(len(first), len(last))
    return "".join(first[at : at + 1] + last[at : at + 1] for at in range(longest))


def _accented(name: str) -> str:
    marked = "".join(c + _ACCENTS[at % 4] if c.lower() in "aeiou" else c for at, c in enumerate(plain(name)))
    return unicodedata.normalize("NFC", marked)


def _halves_apart(name: str) -> str:
    return " ".join(f"{word[: len(word) // 2]} {word[len(word) // 2 :]}" for word in name.split())


def _squared(name: str) -> str:
    return "".join(chr(0x1F170 + ord(c) - 97) if c.isalpha() else c for c in plain(name).lower())


UNSEEN: dict[str, Transform] = {
    "Russian keyboard layout": lambda name: plain(name).lower().translate(_RUSSIAN_LAYOUT),
    "Greek letters": lambda name: plain(name).lower().translate(_GREEK),
    "accents": _accented,
    "next vowel": lambda name: plain(name).lower().translate(_NEXT_VOWEL).title(),
    "initial last": _initial_last,
    "interleaved": _interleaved,
    "halves apart": _halves_apart,
    "negative squared": _squared,
    "Fraktur": lambda name: "".join(chr(0x1D586 + ord(c) - 97) if c.isalpha() else c for c in plain(name).lower()),
    "LaTeX": lambda name: " ".join(f"\\\\textbf{{{word}}}" for word in name.split()),
    "list": lambda name: "\n".join(f"- {word}" for word in name.split()),
    "semicolon table": lambda name: ";".join(reversed(name.split(" ", 1))),
    "e-mail address": lambda name: f"{'.'.join(letters(word) for word in name.split())}@example.org",
    "separator spelled out": lambda name: name.replace(" ", " underscore "),
    "plus signs": lambda name: plain(name).replace(" ", "+"),
    "quoted surname": lambda name: f"{name.partition(' ')[0]} “{name.partition(' ')[2]}”",
    "surname stated": lambda name: f"{name.partition(' ')[0]}, surname {name.partition(' ')[2]},",
    "dots for gaps": lambda name: "..." + name.replace(" ", "...") + "...",
    "last letter repeated": lambda name: " ".join(word + word[-1] * 3 for word in name.split()),
    "role put in": lambda name: f"{name.partition(' ')[0]} the world famous {name.partition(' ')[2]}",
    "initials first": lambda name: f"{''.join(w[0] for w in name.split())} ({name})",
    "spaced surname": lambda name: f"{name.partition(' ')[0]} {' '.join(name.partition(' ')[2])}",
}
