"""Romanises other scripts letter by letter, and reduces a name to the consonants that survive transcription.

"Тейлор", "テイラー", "테일러" and "Taylor" have the same rough skeleton; what a vowel became says little. Tables
are simplified from the usual transcriptions (BGN/PCGN, Hepburn, Revised Romanization, ISO 15919): good enough to
compare by, not to print.
"""

import re
import unicodedata

from policy.fold import words_of


def _table(literal: str) -> dict[str, str]:
    """Pairs "letter:latin" as a mapping; nothing after the colon drops the letter."""
    return {pair[0]: pair[2:] for pair in literal.split()}


_LETTERS = _table(
    # Cyrillic
    "а:a б:b в:v г:g ґ:g ѓ:g д:d е:e ё:yo є:ye ж:zh з:z и:i і:i ї:yi й:y ј:y к:k ќ:k л:l љ:l м:m н:n њ:n о:o п:p "
    "р:r с:s т:t у:u ў:w ф:f х:kh ц:ts ч:ch џ:j ш:sh щ:shch ъ: ы:y ь: э:e ю:yu я:ya ғ:g қ:k ң:n ө:o "
    "ұ:u ү:u һ:h ә:a "
    # Greek
    "α:a ά:a β:v γ:g δ:d ε:e έ:e ζ:z η:i ή:i θ:th ι:i ί:i ϊ:i κ:k λ:l μ:m ν:n ξ:x ο:o ό:o π:p ρ:r "
    "σ:s ς:s τ:t υ:y ύ:y "
    "φ:f χ:ch ψ:ps ω:o ώ:o "
    # Georgian
    "ა:a ბ:b გ:g დ:d ე:e ვ:v ზ:z თ:t ი:i კ:k ლ:l მ:m ნ:n ო:o პ:p ჟ:zh რ:r ს:s ტ:t უ:u ფ:p ქ:k ღ:g "
    "ყ:k შ:sh ჩ:ch ც:ts "
    "ძ:dz წ:ts ჭ:ch ხ:kh ჯ:j ჰ:h "
    # Armenian
    "ա:a բ:b գ:g դ:d ե:e զ:z է:e ը: թ:t ժ:zh ի:i լ:l խ:kh ծ:ts կ:k հ:h ձ:dz ղ:g ճ:ch մ:m յ:y ն:n շ:sh ո:o չ:ch պ:p "
    "ջ:j ռ:r ս:s վ:v տ:t ր:r ց:ts ւ:v փ:p ք:k օ:o ֆ:f և:ev "
    # Hebrew
    "א:a ב:v ג:g ד:d ה:h ו:o ז:z ח:kh ט:t י:i כ:k ך:k ל:l מ:m ם:m נ:n ן:n ס:s ע:a פ:p ף:f צ:ts ץ:ts "
    "ק:k ר:r ש:sh ת:t "
    # Arabic, Persian, Urdu
    "ا:a أ:a إ:i آ:a ٱ:a ب:b پ:p ت:t ٹ:t ة:a ث:th ج:j چ:ch ح:h خ:kh د:d ڈ:d ذ:z ر:r ڑ:r ز:z ژ:zh س:s "
    "ش:sh ص:s ض:d ط:t "
    "ظ:z ع: غ:g ف:f ڤ:v ق:k ک:k ك:k گ:g ل:l م:m ن:n ں:n ه:h ہ:h ھ: و:o ؤ:o ي:i ی:i ئ:i ى:a ے:e ء: ـ: "
    # Thai, without vowels
    "ก:k ข:k ค:k ฆ:k ง:ng จ:j ฉ:ch ช:ch ซ:s ฌ:ch ญ:y ฎ:d ฏ:t ฐ:t ฑ:t ฒ:t ณ:n ด:d ต:t ถ:t ท:t ธ:t น:n "
    "บ:b ป:p ผ:p ฝ:f พ:p "
    "ฟ:f ภ:p ม:m ย:y ร:r ฤ:r ล:l ว:w ศ:s ษ:s ส:s ห:h ฬ:l อ:o ฮ:h ะ:a า:a ำ:am เ:e แ:ae โ:o ไ:ai ใ:ai"
)
# The Brahmic scripts of India share one layout: the offset within each block names the sound.
_INDIC_FIRST, _INDIC_LAST, _INDIC_BLOCK = 0x0900, 0x0D7F, 0x80
_INDIC = {
    **dict.fromkeys(range(0x05, 0x07), "a"),
    **dict.fromkeys(range(0x07, 0x09), "i"),
    **dict.fromkeys(range(0x09, 0x0B), "u"),
    **dict.fromkeys(range(0x0D, 0x11), "e"),
    **dict.fromkeys(range(0x11, 0x15), "o"),
    **dict(
        enumerate(words_of("k k g g n ch ch j j n t t d d n t t d d n n p p b b m y r r l l l v sh sh s h"), 0x15)
    ),
    **dict(zip(range(0x3E, 0x4D), words_of("a i i u u r r e e e e o o o o"), strict=False)),
    0x02: "n",
    **dict(enumerate(words_of("k kh g z r rh f y"), 0x58)),
}
_VIRAMA, _BENGALI, _NUKTA_DROPPED = 0x4D, 0x0980, 0x3C
_KANA_ROWS = {
    "a": "アイウエオ",
    "k": "カキクケコ",
    "g": "ガギグゲゴ",
    "s": "サシスセソ",
    "z": "ザジズゼゾ",
    "t": "タチツテト",
    "d": "ダヂヅデド",
    "n": "ナニヌネノ",
    "h": "ハヒフヘホ",
    "b": "バビブベボ",
    "p": "パピプペポ",
    "m": "マミムメモ",
    "y": "ヤ_ユ_ヨ",
    "r": "ラリルレロ",
    "w": "ワヰ_ヱヲ",
}
_KANA = {
    letter: ("" if row == "a" else row) + vowel
    for row, letters in _KANA_ROWS.items()
    for letter, vowel in zip(letters, "aiueo", strict=True)
    if letter != "_"
} | _table("シ:shi ジ:ji チ:chi ツ:tsu フ:fu ヴ:vu ン:n ァ:a ィ:i ゥ:u ェ:e ォ:o ャ:ya ュ:yu ョ:yo ッ: ー: ヂ:ji")
_HIRAGANA_TO_KATAKANA = {point: point + 0x60 for point in range(0x3041, 0x3097)}
_INITIALS = words_of("g kk n d tt r m b pp s ss . j jj ch k t p h")
_VOWELS = words_of("a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i")
_FINALS = words_of(". k kk ks n nj nh t l lk lm lb ls lt lp lh m b bs s ss ng j ch k t p h")
_GREEK_PAIRS = (("μπ", "b"), ("ντ", "d"), ("γκ", "g"), ("γγ", "g"), ("τζ", "j"), ("τσ", "ts"), ("ου", "u"))


def romanised(text: str) -> str:
    """The text in Latin letters, in lower case; letters of unknown scripts stay as they are."""
    lowered = unicodedata.normalize("NFC", text.lower()).translate(_HIRAGANA_TO_KATAKANA)
    for pair, latin in _GREEK_PAIRS:
        lowered = lowered.replace(pair, latin)
    return "".join(map(_latin, lowered))


def _latin(letter: str) -> str:
    point = ord(letter)
    if point < 0x250:
        return letter
    if _INDIC_FIRST <= point <= _INDIC_LAST:
        # Bengali ব stands for v as well as b; the skeleton treats both alike.
        return _INDIC.get((point - _INDIC_FIRST) % _INDIC_BLOCK, "")
    if 0xAC00 <= point <= 0xD7A3:
        at = point - 0xAC00
        return (_INITIALS[at // 588] + _VOWELS[at % 588 // 28] + _FINALS[at % 28]).replace(".", "")
    if letter in _KANA:
        return _KANA[letter]
    known = _LETTERS.get(letter)
    if known is not None:
        return known
    return "" if unicodedata.category(letter) in ("Mn", "Mc", "Cf", "Lm") else letter


# How spellings of the Latin script sound, longest first; one sign a consonant: S sh, C ch, J j.
_SPELLINGS = tuple(
    (re.compile(pattern), sign)
    for pattern, sign in (
        (r"shch|sch|sh", "S"),
        (r"tch|ch|cz|tsch", "C"),
        (r"dzh|dz|dg(?=e)|zh|dj", "J"),
        (r"ph", "f"),
        (r"^kn", "n"),
        (r"^wr", "r"),
        (r"ck|cc(?![eiy])", "k"),
        (r"kh", "h"),
        (r"ough|augh|igh", ""),
        (r"gh", "g"),
        (r"th", "t"),
        (r"rh", "r"),
        (r"ts|tz|zz", "C"),
        (r"x", "ks"),
        (r"qu", "k"),
        (r"c(?=[eiy])", "s"),
        (r"c|q", "k"),
        (r"j", "J"),
        (r"g(?=[eiy])", "J"),
        (r"ng(?=$|[^aeiou])", "n"),
    )
)
_NOT_CONSONANTS = re.compile(r"[^a-zSCJ]|[aeiouy]")
_CLASSES = str.maketrans("bpfvtdszSCJkgqnm", "PPPPTTSSSSSKKKNM")
# English r, h, w come and go in other scripts, l and r merge: the rough key leaves them out, the distance
# counts them.
_WEAK = str.maketrans("", "", "lrhw")


def consonants(latin: str) -> str:
    """The consonants of a Latin spelling as signs, without doubles."""
    word = latin
    for pattern, sign in _SPELLINGS:
        word = pattern.sub(sign, word)
    return re.sub(r"(.)\1+", r"\1", _NOT_CONSONANTS.sub("", word))


def rough_key(signs: str) -> str:
    """The classes of strong consonants (labial, dental, sibilant, velar, n, m), without doubles."""
    return re.sub(r"(.)\1+", r"\1", signs.translate(_WEAK).translate(_CLASSES))


_SAME_CLASS, _WEAK_LOST, _LIQUID_LOST, _OTHER = 0.3, 0.25, 0.5, 1.0
_CLASS_OF = {sign: cls for cls in ("bpfvw", "td", "szSCJ", "kgqhJ", "lr", "nm") for sign in cls}


def distance(left: str, right: str) -> float:
    """Weighted edit distance of two consonant strings: related sounds cost 0.3, lost weak ones less than 1."""
    before = [0.0]
    for b in right:
        before.append(before[-1] + _lost(b))
    for a in left:
        current = [before[0] + _lost(a)]
        for j, b in enumerate(right, 1):
            current.append(
                min(before[j] + _lost(a), current[j - 1] + _lost(b), before[j - 1] + _replaced(a, b)),
            )
        before = current
    return before[-1]


def _lost(sign: str) -> float:
    if sign in "hw":
        return _WEAK_LOST
    return _LIQUID_LOST if sign in "lr" else _OTHER


def _replaced(a: str, b: str) -> float:
    if a == b:
        return 0.0
    return _SAME_CLASS if _CLASS_OF.get(a, a) == _CLASS_OF.get(b, b) else _OTHER
