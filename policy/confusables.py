"""Letters and signs that look like Latin letters: the skeleton of a text, and leet spellings.

A hand-written selection of what is used to dodge filters: Cyrillic, Greek, Armenian, Cherokee and phonetic
lookalikes, small capitals, enclosed letters. NFKD has by then turned full-width and mathematical letters.
"""

import re

from policy.fold import words_of

_PAIRS = words_of(
    "аa ɑa αa ⲁa аa бb вb ьb βb ƅb сc ϲc ⅽc ᴄc ԁd ⅾd дd еe єe ҽe εe ɛe ϵe ғf ƒf ɡg ցg һh нh ηn հh іi їi "
    "ιi ɩi ıi ӏl ߊi јj ʝj кk κk ⲕk ⅼl ǀl мm ⅿm ᴍm пn ոn νv оo οo σo օo ⲟo ᴏo рp ρp ⲣp ԛq զq гr ᴦr ѕs ѕs "
    "ꜱs тt τt ᴛt υu սu ᴜu цu ѵv ᴠv ԝw ѡw ωw шw щw ᴡw хx χx ⅹx уy γy үy ყy ʏy зz ᴢz ʐz ᴀa ʙb ᴅd ᴇe ꜰf ɢg "
    "ʜh ɪi ᴊj ᴋk ʟl ɴn ᴘp ʀr яr ǝe ɐa ɔc ɟf ᴉi ɯm ɹr ʇt ʌv ʍw ʎy ꭰd ꭱr ꭲt ꮪs ꮯc ꮮl ꮤw ꮃw ꮓz ꮋh ꮇm ꭺa ꮖi "
    "ꭼe ꮐg ꮶk ꮲp ꮩv ¢c €e £l ¥y ∂d ∑e ∆a πn"
)
_SKELETON = str.maketrans({pair[0]: pair[1] for pair in _PAIRS})
_ENCLOSED = str.maketrans(
    {
        chr(base + at): chr(ord("a") + at)
        for base in (0x1F110, 0x1F130, 0x1F150, 0x1F170, 0x1F1E6)
        for at in range(26)
    }
)
_LEET = str.maketrans("013456789@$!|(+", "oieasgtbgasilct")
_LEET_L = str.maketrans("013456789@$!|(+", "oleasgtbgasllct")
_LEET_WORD = re.compile(r"[A-Za-z0-9@$!|(+]+")
_HAS_LETTER = re.compile(r"[A-Za-z]")
_HAS_LEET = re.compile(r"[0-9@$!|(+]")
_ENDS_A_SENTENCE = re.compile(r"[!|(+]+$")


def skeleton(text: str) -> str:
    """The text with every lookalike replaced by its Latin letter, in lower case."""
    return text.lower().translate(_SKELETON).translate(_ENCLOSED)


def has_confusables(text: str) -> bool:
    """Whether a skeleton would differ from the text by more than its case."""
    return not text.isascii() and skeleton(text) != text.lower()


def unleet(text: str, *, one_is_l: bool = False) -> str:
    """Words that mix letters with digits and signs, spelled with letters; `one_is_l` reads 1 as l rather than i."""
    table = _LEET_L if one_is_l else _LEET

    def spell(match: re.Match[str]) -> str:
        word = match[0]
        core = _ENDS_A_SENTENCE.sub("", word)
        if not (_HAS_LEET.search(core) and _HAS_LETTER.search(core)):
            return word
        return core.translate(table) + word[len(core) :]

    return _LEET_WORD.sub(spell, text)
