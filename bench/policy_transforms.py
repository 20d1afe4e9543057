"""The surface transforms of the policy benchmark: ways to write a name so that a list doesn't find it.

Those of `DEVELOPED` were at hand while the filter was written; those of policy_unseen.py were not.
"""

import base64
import codecs
import random
import urllib.parse

from bench.policy_names import Transform, letters, plain
from bench.policy_once_unseen import ONCE_UNSEEN

_HOMOGLYPHS = str.maketrans("aeopcxyi", "аеорсхуі")
_LEET = str.maketrans("aeiots", "431075")
_FULL_WIDTH = {ord(c): ord(c) + 0xFEE0 for c in map(chr, range(0x21, 0x7F))}
_BOLD = {ord("a") + at: 0x1D41A + at for at in range(26)} | {ord("A") + at: 0x1D400 + at for at in range(26)}
_SMALL_CAPS = str.maketrans("abcdefghijklmnoprstuvwz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡᴢ")
_SUPERSCRIPT = str.maketrans("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MORSE_CODES = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.."
)
_MORSE = dict(zip(_LETTERS, _MORSE_CODES.split(), strict=True))
_NATO_WORDS = (
    "Alpha Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa Quebec "
    "Romeo Sierra Tango Uniform Victor Whiskey Xray Yankee Zulu"
)
_NATO = _NATO_WORDS.split()
_BRAILLE = dict(zip(_LETTERS, "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵", strict=True))
_RESPELLINGS = (("ph", "f"), ("ck", "k"), ("qu", "kw"), ("x", "ks"), ("ee", "ea"), ("c", "k"), ("i", "y"))


def _in_longest(name: str, change: Transform) -> str:
    words = name.split(" ")
    at = max(range(len(words)), key=lambda i: len(words[i]))
    words[at] = change(words[at])
    return " ".join(words)


def _swapped(word: str) -> str:
    middle = len(word) // 2
    return word[: middle - 1] + word[middle] + word[middle - 1] + word[middle + 1 :]


def _dropped(word: str) -> str:
    return word[: len(word) // 2] + word[len(word) // 2 + 1 :]


def _two_typos(name: str) -> str:
    """One letter swapped or dropped in each of two words, or two in a single long one."""
    words = name.split(" ")
    longest = sorted(range(len(words)), key=lambda i: -len(words[i]))[:2]
    for count, at in enumerate(longest):
        if len(words[at]) >= 5 or count == 0:
            words[at] = (_swapped, _dropped)[count](words[at])
    return " ".join(words)


def _respelled(name: str) -> str:
    word = name.lower()
    for old, new in _RESPELLINGS:
        word = word.replace(old, new)
    return word.title()


def _morse(name: str) -> str:
    return " / ".join(" ".join(_MORSE[c] for c in word.lower() if c in _MORSE) for word in plain(name).split())


def _doubled(name: str) -> str:
    word = max(name.split(" "), key=len)
    return name.replace(word, word[:2] + word[1] * 3 + word[2:])


def _between(name: str, word: str) -> str:
    first, _, last = name.partition(" ")
    return f"{first} {word} {last}" if last else name


def _numbers(name: str) -> str:
    return " / ".join("-".join(str(ord(c) - 96) for c in letters(word)) for word in name.split())


def _caesar(name: str) -> str:
    return "".join(_LETTERS[(ord(c) - 97 + 3) % 26] if c.isalpha() else c for c in plain(name).lower())


def _indicators(name: str) -> str:
    return " ".join("".join(chr(0x1F1E6 + ord(c) - 97) + "\u200b" for c in letters(w)) for w in name.split())


def _surname_first(name: str) -> str:
    *first, last = name.split(" ")
    return f"{last}, {' '.join(first)}" if first else name


DEVELOPED: dict[str, Transform] = {
    "lower case": str.lower,
    "upper case": str.upper,
    "alternating case": lambda name: "".join(c.upper() if at % 2 else c.lower() for at, c in enumerate(name)),
    "homoglyphs": lambda name: plain(name).lower().translate(_HOMOGLYPHS),
    "leet": lambda name: plain(name).lower().translate(_LEET),
    "full width": lambda name: plain(name).translate(_FULL_WIDTH),
    "mathematical bold": lambda name: plain(name).translate(_BOLD),
    "small capitals": lambda name: plain(name).lower().translate(_SMALL_CAPS),
    "superscript": lambda name: plain(name).lower().translate(_SUPERSCRIPT),
    "zero width": lambda name: "\u200b".join(name),
    "soft hyphens": lambda name: "\u00ad".join(name),
    "stacked marks": lambda name: "".join(c + "\u0301\u0323" if c.isalpha() else c for c in name),
    "struck through": lambda name: "".join(c + "\u0336" for c in name),
    "spaced letters": lambda name: "   ".join(" ".join(word) for word in name.split(" ")),
    "dotted letters": lambda name: " ".join(".".join(word) for word in name.split(" ")),
    "hyphenated letters": lambda name: " ".join("-".join(word) for word in name.split(" ")),
    "one letter a line": lambda name: "\n".join(letters(name)),
    "asterisk inside": lambda name: " ".join(w[:2] + "*" + w[2:] if len(w) > 3 else w for w in name.split(" ")),
    "joined": lambda name: name.replace(" ", "").replace(".", ""),
    "handle": lambda name: "@" + letters(name) + "13",
    "underscores": lambda name: name.replace(" ", "_"),
    "hashtag": lambda name: "#" + plain(name).replace(" ", ""),
    "LoRA tag": lambda name: f"<lora:{letters(name)}_v2:0.8>",
    "split elsewhere": lambda name: letters(name)[:3] + " " + letters(name)[3:],
    "swapped letters": lambda name: _in_longest(name, _swapped),
    "dropped letter": lambda name: _in_longest(name, _dropped),
    "two typos": _two_typos,
    "respelled by sound": _respelled,
    "stretched letters": _doubled,
    "stuttered": lambda name: " ".join(f"{w[0]}-{w[0]}-{w}" for w in name.split(" ")),
    "possessive": lambda name: f"{name}'s face",
    "surname first": _surname_first,
    "inserted word": lambda name: _between(name, "freaking"),
    "inserted nickname": lambda name: _between(name, '"the Great"'),
    "markup inside": lambda name: " ".join(f"{w[:2]}<b>{w[2:]}</b>" for w in name.split(" ")),
    "string concatenation": lambda name: " ".join(f'"{w[:2]}" + "{w[2:]}"' for w in name.split(" ")),
    "base64": lambda name: base64.b64encode(f"the person {name}".encode()).decode(),
    "hex": lambda name: name.encode().hex(),
    "percent": lambda name: "".join(f"%{byte:02x}" for byte in name.encode()),
    "entities": lambda name: "".join(f"&#{ord(c)};" for c in name),
    "unicode escapes": lambda name: "".join(f"\\u{ord(c):04x}" for c in name),
    "octal escapes": lambda name: "".join(f"\\{ord(c):03o}" for c in plain(name)),
    "quoted-printable": lambda name: "".join(f"={byte:02X}" for byte in name.encode()),
    "rot13": lambda name: codecs.encode(plain(name), "rot13"),
    "Caesar by three": _caesar,
    "reversed": lambda name: name[::-1],
    "words reversed": lambda name: " ".join(word[::-1] for word in name.split(" ")),
    "tag characters": lambda name: "a person" + "".join(chr(0xE0000 + ord(c)) for c in plain(name)),
    "Morse": _morse,
    "braille": lambda name: " ".join("".join(_BRAILLE[c] for c in letters(w)) for w in name.split()),
    "regional indicators": _indicators,
    "numbers of letters": _numbers,
    "NATO alphabet": lambda name: " ".join(_NATO[ord(c) - 97] for c in letters(name)),
    "quoted percent base64": lambda name: urllib.parse.quote(
        base64.b64encode(f"video of {name}".encode()).decode()
    ),
} | ONCE_UNSEEN

# What changes how a name is spelled, and what then changes its signs: pairs of the two are composed.
_SPELLINGS = (
    "lower case",
    "upper case",
    "swapped letters",
    "stretched letters",
    "inserted word",
    "joined",
    "leet",
    "reversed",
)
_SIGNS = (
    "homoglyphs",
    "full width",
    "zero width",
    "stacked marks",
    "spaced letters",
    "percent",
    "entities",
    "base64",
    "hex",
    "rot13",
    "mathematical bold",
    "underscores",
)


def composed(count: int) -> dict[str, Transform]:
    """A fixed random choice of pairs: one transform of the spelling, then one of the signs."""
    pairs = sorted((a, b) for a in _SPELLINGS for b in _SIGNS)
    chosen = random.Random(7).sample(pairs, count)
    return {f"{a} + {b}": _pair(DEVELOPED[a], DEVELOPED[b]) for a, b in chosen}


def _pair(first: Transform, second: Transform) -> Transform:
    return lambda name: second(first(name))
