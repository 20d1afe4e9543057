"""Encodings that a person can hide a word in, each undone by a pure function.

Every function takes a text and gives the decoded text, or None where there is nothing to decode. Output is
never longer than a small multiple of the input, and nothing is decompressed, so that nesting stays bounded.
"""

import base64
import binascii
import codecs
import html
import itertools
import re
import unicodedata
import urllib.parse
from collections.abc import Callable

from policy.fold import words_of

_BASE64 = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{8,}={0,2}(?![\w+/=-])")
_HEX = re.compile(
    r"(?<![0-9a-zA-Z])(?:0x|\\x)?[0-9a-fA-F]{2}(?:[\s,:-]?(?:0x|\\x)?[0-9a-fA-F]{2}){4,}(?![0-9a-zA-Z])"
)
_BINARY = re.compile(r"(?<!\d)(?:[01]{8}[\s,]?){4,}(?!\d)")
_DECIMAL = re.compile(r"(?<!\d)(?:\d{2,3}[\s,]+){4,}\d{2,3}(?!\d)")
_MORSE = re.compile(r"(?:[.\-·−–]{1,5}(?:\s+|\s*/\s*)){4,}[.\-·−–]{1,5}")
_ESCAPE = re.compile(
    r"\\u\{([0-9a-fA-F]{1,6})\}|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\x([0-9a-fA-F]{2})|U\+([0-9a-fA-F]{4,6})\b\s?"
)
_CALLS = re.compile(r"(?:\b(?:chr|char|fromCharCode|u?nichr)\s*\(\s*\d{2,3}\s*\)[\s+.,&]*){3,}")
_BASE32 = re.compile(r"(?<![A-Za-z0-9])[A-Z2-7]{16,}={0,6}(?![A-Za-z0-9])")
_ASCII85 = re.compile(r"(?<!\S)[!-u]{15,}(?!\S)")
_UPSIDE_DOWN = str.maketrans("ɐqɔpǝɟƃɥᴉıɾʞlɯuodbɹsʇnʌʍxʎz", "abcdefghiijklmnopqrstuvwxyz")
_ONLY_UPSIDE_DOWN = frozenset("ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ")
_DOUBLED = re.compile(r"(?<![^\W\d_])(?:([^\W\d_])\1){3,}(?![^\W\d_])", re.IGNORECASE)
_SIGNS_IN_WORD = re.compile(
    r"(?<!\S)(?=\S*\w)(?:\S*[^\w\s.,'’;:!?()\"-]\S{2,}|[!-/:-@]\w\S+|\S*[A-Za-z]\d\S*|\S*\w[!:?(@=]\S*\w\S*)"
)
_QUOTED = re.compile(r"(?:=[0-9A-Fa-f]{2}){3,}")
_OCTAL = re.compile(r"(?:\\[0-3]?[0-7]{2}){3,}")
_LETTER_NUMBERS = re.compile(r"(?<![\d.:])(?:\d{1,2}\s?[-,./| ]\s?){4,}\s?\d{1,2}(?![\d.:%])")
_BRAILLE = {
    ord(dots): letter
    for dots, letter in zip("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵⠀", "abcdefghijklmnopqrstuvwxyz ", strict=True)
}
_SEAMS = re.compile(
    r"<[/!]?[a-zA-Z][^<>]{0,60}>|</[a-zA-Z]+>|/\*.{0,40}?\*/|\[/?[a-z]{1,6}\]|(?<=\w)[\"'`]\s*[+.&]?\s*[\"'`](?=\w)"
)
_STUTTER = re.compile(r"\b(\w{1,2})-(?:\1-)*(?=\1)(\w{3,})", re.IGNORECASE)
_TAG_FIRST, _TAG_LAST = 0xE0020, 0xE007E
_VARIATION_SUPPLEMENT = 0xE0100

_MORSE_LETTERS = dict(
    zip(
        words_of(
            ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- "
            "-.-- --.."
        ),
        "abcdefghijklmnopqrstuvwxyz",
        strict=True,
    )
)
_NATO = {
    word: word[0]
    for word in words_of(
        "alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike november "
        "oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu"
    )
}
_MIN_NATO_RUN = 5
_PIG_LATIN_WORD = re.compile(r"\b[A-Za-z-]{4,24}ay\b")
# What stands in front of "ay" is how the word began: the longest of these that ends its last run of consonants.
_ONSETS = words_of(
    "sch scr shr spl spr squ str thr bl br ch cl cr dr fl fr gl gr kh kn ph pl pr qu sc sh sk sl sm sn sp st sw th "
    "tr tw wh wr zh b c d f g h j k l m n p q r s t v w x y z"
)


def decode_base64_runs(text: str) -> str | None:
    """Base64 words (standard or URL alphabet) that decode to readable text, in place."""
    return _replaced(_BASE64, text, lambda match: _from_base64(match[0]))


def decode_hex_runs(text: str) -> str | None:
    """Runs of at least five hex bytes that decode to readable text, in place."""
    return _replaced(
        _HEX, text, lambda match: _from_bytes(bytes.fromhex(re.sub(r"0x|\\x|[^0-9a-fA-F]", "", match[0])))
    )


def decode_binary_runs(text: str) -> str | None:
    """Runs of eight-digit binary numbers, in place."""

    def change(match: re.Match[str]) -> str | None:
        bits = re.sub(r"[^01]", "", match[0])
        return _from_bytes(bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) // 8 * 8, 8)))

    return _replaced(_BINARY, text, change)


def decode_character_numbers(text: str) -> str | None:
    """Runs of decimal character numbers ("84 97 121 …"), in place."""

    def change(match: re.Match[str]) -> str | None:
        numbers = [int(each) for each in re.findall(r"\d+", match[0])]
        return _from_bytes(bytes(numbers)) if max(numbers) < 256 else None

    return _replaced(_DECIMAL, text, change)


def decode_percent(text: str) -> str | None:
    """Percent-encoding undone."""
    return urllib.parse.unquote(text, errors="replace") if re.search(r"%[0-9a-fA-F]{2}", text) else None


def decode_quoted_printable(text: str) -> str | None:
    """Runs of quoted-printable bytes ("=54=61"), in place."""
    return _replaced(_QUOTED, text, lambda match: _from_bytes(bytes.fromhex(match[0].replace("=", "")), least=1))


def decode_octal(text: str) -> str | None:
    """Runs of octal escapes (\\124\\141), in place."""

    def change(match: re.Match[str]) -> str | None:
        numbers = [int(each, 8) for each in match[0].split("\\")[1:]]
        return _from_bytes(bytes(numbers), least=1) if max(numbers) < 256 else None

    return _replaced(_OCTAL, text, change)


def decode_letter_numbers(text: str) -> str | None:
    """Runs of numbers from 1 to 26 that stand for letters ("20-1-25 / 19"), in place; a slash separates words."""

    def change(match: re.Match[str]) -> str | None:
        words = re.split(r"\s*[/|]\s*|\s{2,}", match[0].strip())
        numbers = [[int(each) for each in re.findall(r"\d+", word)] for word in words]
        if not all(1 <= number <= 26 for word in numbers for number in word):
            return None
        return " ".join("".join(chr(96 + number) for number in word) for word in numbers) + " "

    return _replaced(_LETTER_NUMBERS, text, change)


def decode_braille(text: str) -> str | None:
    """Braille letters read as Latin ones."""
    decoded = text.translate(_BRAILLE)
    return decoded if decoded != text else None


def decode_concatenation(text: str) -> str | None:
    """Markup, comments and the seams of joined string literals taken out of words."""
    decoded = _SEAMS.sub("", text)
    return decoded if decoded != text else None


def decode_stutter(text: str) -> str | None:
    """ "T-T-Taylor" without what is said twice."""
    decoded = _STUTTER.sub(r"\2", text)
    return decoded if decoded != text else None


def decode_character_calls(text: str) -> str | None:
    """Runs of `chr(84)+chr(97)…`, in place."""

    def change(match: re.Match[str]) -> str | None:
        points = [int(each) for each in re.findall(r"\d+", match[0])]
        return "".join(map(chr, points)) + " " if min(points) >= 32 else None

    return _replaced(_CALLS, text, change)


def decode_base32_runs(text: str) -> str | None:
    """Base32 words that decode to readable text, in place."""

    def change(match: re.Match[str]) -> str | None:
        plain = match[0].rstrip("=")
        try:
            return _from_bytes(base64.b32decode(plain + "=" * (-len(plain) % 8)))
        except (binascii.Error, ValueError):
            return None

    return _replaced(_BASE32, text, change)


def decode_ascii85_runs(text: str) -> str | None:
    """Ascii85 words that decode to readable text, in place."""

    def change(match: re.Match[str]) -> str | None:
        if match[0].isalnum():
            return None
        try:
            return _from_bytes(base64.a85decode(match[0]))
        except ValueError:
            return None

    return _replaced(_ASCII85, text, change)


def decode_upside_down(text: str) -> str | None:
    """Letters turned upside down, read from the end."""
    if sum(c in _ONLY_UPSIDE_DOWN for c in text) < 2:
        return None
    return text.lower().translate(_UPSIDE_DOWN)[::-1]


def decode_doubled(text: str) -> str | None:
    """Words in which every letter is written twice, with each once."""
    return _replaced(_DOUBLED, text, lambda match: match[0][::2])


def decode_rot47(text: str) -> str | None:
    """Printable ASCII moved by 47, where words hold signs among letters."""
    if not _SIGNS_IN_WORD.search(text):
        return None
    return "".join(chr(33 + (ord(c) - 33 + 47) % 94) if 33 <= ord(c) <= 126 else c for c in text)


def decode_turned_halves(text: str) -> str | None:
    """Every word with its second half put first again ("lorTay")."""
    return re.sub(r"[^\W\d_]{4,}", lambda m: m[0][(len(m[0]) + 1) // 2 :] + m[0][: (len(m[0]) + 1) // 2], text)


def decode_entities(text: str) -> str | None:
    """HTML character references undone."""
    return html.unescape(text) if re.search(r"&#?\w{2,10};?", text) else None


def decode_escapes(text: str) -> str | None:
    """Backslash-u, backslash-x and U+ escapes undone."""

    def change(match: re.Match[str]) -> str | None:
        point = int(next(group for group in match.groups() if group), 16)
        return chr(point) if point < 0x110000 and not 0xD800 <= point < 0xE000 else None

    return _replaced(_ESCAPE, text, change)


def decode_morse(text: str) -> str | None:
    """Runs of Morse code, in place; a slash separates words."""

    def change(match: re.Match[str]) -> str | None:
        plain = match[0].translate(str.maketrans("·−–", ".--"))
        words = [[_MORSE_LETTERS.get(each, "") for each in word.split()] for word in plain.split("/")]
        return " ".join("".join(letters) for letters in words)

    return _replaced(_MORSE, text, change)


def decode_tag_characters(text: str) -> str | None:
    """Invisible tag characters (U+E0020 …) and variation selectors read as the ASCII they stand for, at the end."""
    hidden = [chr(ord(c) - 0xE0000) for c in text if _TAG_FIRST <= ord(c) <= _TAG_LAST]
    hidden += [chr(ord(c) - _VARIATION_SUPPLEMENT + 16) for c in text if 0xE0110 <= ord(c) <= 0xE016E]
    if not hidden:
        return None
    visible = "".join(c for c in text if not 0xE0000 <= ord(c) <= 0xE01EF)
    return f"{visible} {''.join(hidden)}"


def decode_nato(text: str) -> str | None:
    """Spelling alphabets ("Tango Alpha Yankee …") read as letters."""
    words = re.findall(r"[A-Za-z]+", text)
    letters: list[str] = []
    run = 0
    for word in words:
        if letter := _NATO.get(word.lower()):
            letters.append(letter)
            run += 1
        else:
            letters.append(f" {word} ")
    return "".join(letters) if run >= _MIN_NATO_RUN else None


def decode_rot13(text: str) -> str | None:
    """The text with each Latin letter moved by 13."""
    turned = codecs.decode(text, "rot13")
    return turned if turned != text else None


def decode_atbash(text: str) -> str | None:
    """The text with the Latin alphabet turned around."""
    turned = text.translate(_ATBASH)
    return turned if turned != text else None


def decode_reversed(text: str) -> str | None:
    """The text read backwards."""
    return text[::-1]


def decode_reversed_words(text: str) -> str | None:
    """Every word read backwards, in its place."""
    return re.sub(r"\w+", lambda match: match[0][::-1], text)


def decode_pig_latin(text: str) -> str | None:
    """Pig Latin undone, where at least two words look like it ("aylortay iftsway")."""
    if len(_PIG_LATIN_WORD.findall(text)) < 2:
        return None
    return _PIG_LATIN_WORD.sub(_from_pig_latin, text)


def _from_pig_latin(match: re.Match[str]) -> str:
    word = match[0]
    if re.search(r"[aeiou]-?[wyh]ay$", word, re.IGNORECASE):
        return word[:-3].rstrip("-")
    stem = word[:-2]
    for onset in _ONSETS:
        if stem.lower().endswith(onset):
            return stem[-len(onset) :] + stem[: -len(onset)].rstrip("-")
    return word


# What comes out when a Latin name is typed with another keyboard switched on (standard layouts of each country).
_KEYS = "qwertyuiopasdfghjklzxcvbnm[];',."
_LAYOUTS = {
    "йцукенгшщзфывапролдячсмитьхъжэбю": _KEYS,
    ";ςερτυθιοπασδφγηξκλζχψωβνμ": _KEYS[:26],
    "/'קראטוןםפשדגכעיחלךזסבהנמצ": _KEYS[:26],
    "ضصثقفغعهخحشسيبلاتنمئءؤرىة": _KEYS[:26].replace("b", ""),
}
_TYPED = str.maketrans(
    {
        letter: key
        for layout, keys in _LAYOUTS.items()
        for letter, key in zip(layout, keys, strict=True)
        if ord(letter) > 127
    }
)
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ONE_KEY_LEFT = str.maketrans(
    {right: left for row in ("qwertyuiop[", "asdfghjkl;", "zxcvbnm") for left, right in itertools.pairwise(row)}
)
_ONE_KEY_RIGHT = str.maketrans({left: right for row in _ROWS for left, right in itertools.pairwise(row)})
# Greek letters for the Latin ones that they transcribe or look like; Latin letters without a Greek one stay.
_GREEK = str.maketrans("αβγδεζηθικλμνξοπρσςτυφχψω", "abgdezhtiklmnxoprsstufxyw")
_GREEK_BLOCK = re.compile("[α-ω]")


def decode_keyboard(text: str) -> str | None:
    """Letters of another country's keyboard as the Latin keys they lie on ("Ефндщк" is "Taylor")."""
    typed = text.lower().translate(_TYPED)
    return typed if typed != text.lower() else None


def decode_keys_left(text: str) -> str | None:
    """Every letter as the key on its left: hands that lay one key too far right."""
    return text.lower().translate(_ONE_KEY_LEFT)


def decode_keys_right(text: str) -> str | None:
    """Every letter as the key on its right."""
    return text.lower().translate(_ONE_KEY_RIGHT)


def decode_greek(text: str) -> str | None:
    """Greek letters as the Latin ones they stand for."""
    lowered = unicodedata.normalize("NFC", text.lower())
    return lowered.translate(_GREEK) if _GREEK_BLOCK.search(lowered) else None


_LOWER = "abcdefghijklmnopqrstuvwxyz"
_ATBASH = str.maketrans(_LOWER + _LOWER.upper(), _LOWER[::-1] + _LOWER[::-1].upper())

Decoding = Callable[[str], str | None]

# Tried again on what they give, up to the depth that views.py allows.
NESTED: dict[str, Decoding] = {
    "tag-characters": decode_tag_characters,
    "entities": decode_entities,
    "percent": decode_percent,
    "escapes": decode_escapes,
    "base64": decode_base64_runs,
    "hex": decode_hex_runs,
    "binary": decode_binary_runs,
    "character-numbers": decode_character_numbers,
    "quoted-printable": decode_quoted_printable,
    "octal": decode_octal,
    "letter-numbers": decode_letter_numbers,
    "braille": decode_braille,
    "seams": decode_concatenation,
    "stutter": decode_stutter,
    "character-calls": decode_character_calls,
    "base32": decode_base32_runs,
    "ascii85": decode_ascii85_runs,
    "upside-down": decode_upside_down,
    "doubled": decode_doubled,
}
# Tried once, on the plain text and on what was decoded from it.
SPELLED: dict[str, Decoding] = {"morse": decode_morse, "nato": decode_nato}
# These turn every word into another, and are left out where all words are everyday ones.
ONCE: dict[str, Decoding] = {
    "pig-latin": decode_pig_latin,
    "rot13": decode_rot13,
    "atbash": decode_atbash,
    "reversed": decode_reversed,
    "reversed-words": decode_reversed_words,
    "rot47": decode_rot47,
    "keys-left": decode_keys_left,
    "keys-right": decode_keys_right,
    "turned-halves": decode_turned_halves,
}


def _replaced(pattern: re.Pattern[str], text: str, change: Callable[[re.Match[str]], str | None]) -> str | None:
    is_changed = False

    def replacement(match: re.Match[str]) -> str:
        nonlocal is_changed
        decoded = change(match)
        if decoded is None:
            return match[0]
        is_changed = True
        return decoded

    decoded = pattern.sub(replacement, text)
    return decoded if is_changed else None


def _from_base64(run: str) -> str | None:
    # Plain words and numbers are base64 too; what they decode to is hardly ever readable at any length.
    if len(run) < 16 and (run.isdigit() or run.islower() or run.isupper()):
        return None
    plain = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return _from_bytes(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except (binascii.Error, ValueError):
        return None


def _from_bytes(content: bytes, least: int = 4) -> str | None:
    """The bytes as text where they are readable UTF-8, else None."""
    try:
        decoded = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    readable = sum(c.isalnum() or c in " .,'-_=+/%&;#!?\n" for c in decoded)
    return decoded if len(decoded) >= least and readable >= 0.9 * len(decoded) else None
