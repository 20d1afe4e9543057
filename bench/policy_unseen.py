"""Transforms that the filter's code was never developed against. They are written here once, run, and not tuned on.

Whoever writes filter code for one of these moves it to policy_once_unseen.py and writes a new one here.
"""

import unicodedata

from bench.policy_names import Transform, letters, plain
from policy.fold import words_of

_ACCENTS = ("\u0302", "\u0308", "\u0300", "\u030c")
_NEXT_VOWEL = str.maketrans("aeiou", "eioua")

_LETTER_NAMES = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        words_of(
            "ay bee see dee ee eff gee aitch eye jay kay ell em en oh pee cue ar es tee you vee doubleu ex wy zee"
        ),
        strict=True,
    )
)
_KEYS = {
    c: key * (at + 1)
    for key, group in zip("23456789", words_of("abc def ghi jkl mno pqrs tuv wxyz"), strict=True)
    for at, c in enumerate(group)
}


def _accented(name: str) -> str:
    marked = "".join(c + _ACCENTS[at % 4] if c.lower() in "aeiou" else c for at, c in enumerate(plain(name)))
    return unicodedata.normalize("NFC", marked)


def _halves_apart(name: str) -> str:
    return " ".join(f"{word[: len(word) // 2]} {word[len(word) // 2 :]}" for word in name.split())


def _squared(name: str) -> str:
    return "".join(chr(0x1F170 + ord(c) - 97) if c.isalpha() else c for c in plain(name).lower())


UNSEEN: dict[str, Transform] = {
    "filler letter after each": lambda name: " ".join("".join(f"{c}x" for c in word) for word in name.split()),
    "letter names": lambda name: "  ".join(" ".join(_LETTER_NAMES[c] for c in letters(w)) for w in name.split()),
    "hyphen inside": lambda name: " ".join(f"{w[:3]}-{w[3:]}" if len(w) > 4 else w for w in name.split()),
    "double percent": lambda name: "".join(f"%25{byte:02X}" for byte in name.encode()),
    "tags round letters": lambda name: "".join(f"<i>{c}</i>" if c != " " else c for c in name),
    "camel case with a verb": lambda name: name.title().replace(" ", "") + "Dancing",
    "digits strewn in": lambda name: " ".join(f"{w[:2]}7{w[2:4]}3{w[4:]}" for w in name.split()),
    "phone keys": lambda name: "  ".join(" ".join(_KEYS[c] for c in letters(w)) for w in name.split()),
    "accents": _accented,
    "next vowel": lambda name: plain(name).lower().translate(_NEXT_VOWEL).title(),
    "halves apart": _halves_apart,
    "negative squared": _squared,
    "Fraktur": lambda name: "".join(chr(0x1D586 + ord(c) - 97) if c.isalpha() else c for c in plain(name).lower()),
    "LaTeX": lambda name: " ".join(f"\\\\textbf{{{word}}}" for word in name.split()),
    "list": lambda name: "\n".join(f"- {word}" for word in name.split()),
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
