"""Finds best-known figures whose names are not written plainly: with a word put in, surname first, by initials, by
a surname or mononym beside their role, by sound, in another script, under a shifted alphabet.

Works on the figures of the hand lists (tier 0) and, for spellings that can hardly be chance, on tier 1.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from policy.fold import Token, is_unspaced, words_of
from policy.gazetteer import Figure, NameMatch, osa_distance
from policy.hidden_names import HiddenNames
from policy.reading import Reading
from policy.skeletons import consonants, distance, romanised, rough_key

_MAX_GAP = 3
_JOINERS = frozenset(words_of("and or nor versus vs with meets against then but near beside like plus between"))
_MIN_SURNAME_CHARS = 4
# Of all shifts of a few thousand names hardly one is a word of seven letters by chance.
_MIN_SHIFTED_CHARS, _MIN_SHIFTED_MONONYM_CHARS = 7, 6
# Words put into a name that say nothing by themselves.
_FILLERS = frozenset(
    words_of("freaking frickin fricking fucking damn goddamn bloody flipping the great big bad real actual famous")
)
_MIN_ROUGH_CHARS = 4
# Sum of consonant distances that two spellings of a name may have, by how the name is written (tuned on the
# development halves of the bench's languages).
_MAX_CAPITALISED_DISTANCE, _MAX_SCRIPT_DISTANCE, _MAX_SOUND_DISTANCE = 0.26, 0.12, 0.2
_MIN_BARE_CHARS = 6
_MIN_JOINED_SIGNS, _MIN_UNICASE_SIGNS = 7, 5
_ROLE_CONTEXT_TOKENS = 6
_MIN_LANGUAGE_TOKENS, _MIN_ENGLISH_SHARE = 6, 0.5
# Small words of other languages that are no part of names: they tell the language of a short text.
_FOREIGN_WORDS = frozenset(
    words_of(
        "una uno une un unas unos les ein eine einen einer und mit auf im avec dans sur pour con por para sobre "
        "nel nella sulla sul per uma com na num numa em och pa een het op met jest na w dla ve bir yang dengan"
    )
)
_ROLE_NOUNS = {
    "singer": "singer rapper popstar star musician diva songwriter vocalist legend icon idol artist "
    "pop frontman guitarist "
    "composer dj performer crooner",
    "actor": "actor actress star hollywood comedian comic legend icon celebrity movie film bollywood comedienne",
    "politician": "president senator congressman congresswoman governor minister chancellor premier "
    "candidate politician "
    "secretary justice leader mayor judge dictator prime lady representative speaker potus general",
    "athlete": "footballer striker quarterback player tennis golfer boxer sprinter goalkeeper coach "
    "driver champion star "
    "legend basketball football soccer athlete midfielder swimmer gymnast cricketer pitcher skater "
    "icon racer wrestler",
    "director": "director filmmaker legend auteur",
    "author": "author writer novelist poet",
    "business": "billionaire ceo founder tycoon mogul entrepreneur magnate investor boss executive",
    "scientist": "scientist physicist astronaut professor inventor",
    "creator": "youtuber streamer influencer podcaster vlogger tiktoker star",
    "royal": "king queen prince princess duke duchess royal",
    "tv": "host presenter chef anchor star comedian",
    "model": "model supermodel star",
    "artist": "artist painter photographer",
    "religious": "pope cardinal bishop",
    "criminal": "killer murderer criminal gangster",
    "activist": "activist",
}
_ACTIVITY = {
    "singer": "sing sings singing sang concert stage song songs album rap raps rapping guitar "
    "microphone mic tour grammy "
    "grammys performing performs performance singer band bass hit hits chorus encore backstage piano rapper music",
    "athlete": "goal goals stadium match ball dunk dunks dunking racket court pitch penalty trophy "
    "race ring boxing scoring",
    "actor": "oscar oscars movie film premiere hollywood carpet gym wrestling eyebrow",
    "director": "film camera set movie oscar",
}
# "Queen Anne", "Pope Leo": the second word is a forename, and the list holds it with its title.
_TITLED = frozenset({"royal", "religious", "historical"})
_GENERIC_NOUNS = frozenset(words_of("famous celebrity superstar mr mrs ms megastar billionaire legendary"))


class NearNames:
    """Indexes over the figures' full names. Immutable; thread-safe."""

    def __init__(self, lines: Iterable[str], words: frozenset[str], name_kinds: Mapping[str, str]) -> None:
        self._words = words
        self._kinds = name_kinds
        self._pairs: dict[tuple[str, str], Figure] = {}
        self._surnames: dict[str, list[tuple[str, Figure]]] = {}
        self._mononyms: dict[str, Figure] = {}
        self._shifted: dict[str, Figure] = {}
        self._bare: dict[tuple[str, str], Figure] = {}
        self._shuffled: dict[tuple[str, str], Figure] = {}
        self._rough: dict[str, list[tuple[str, str, Figure]]] = {}
        self._hidden = HiddenNames(words, name_kinds)
        for line in lines:
            key, role, status, mode, tier = line.split("\t")
            if tier != "2":
                self._add(key, Figure(role, status, mode, int(tier)))
        self.firsts = frozenset(first for first, _ in self._pairs)
        self.lasts = frozenset(last for _, last in self._pairs)

    def _add(self, key: str, figure: Figure) -> None:
        if not key.isascii():
            return
        self._hidden.add(key, figure)
        parts = key.split(" ")
        if len(parts) == 1:
            if figure.mode == "~":
                self._mononyms[key] = figure
            elif len(key) >= _MIN_SHIFTED_MONONYM_CHARS and figure.mode == "." and figure.tier == 0:
                self._shifted.setdefault(_unshifted(key), figure)
            return
        joined = "".join(parts)
        if len(joined) >= _MIN_SHIFTED_CHARS and figure.mode == ".":
            self._shifted.setdefault(_unshifted(joined), figure)
        if figure.tier != 0:
            return
        if figure.mode == "." and len(parts) <= 4 and len(parts[0]) > 1 and len(parts[-1]) > 2:
            self._pairs.setdefault((parts[0], parts[-1]), figure)
            self._surnames.setdefault(parts[-1], []).append((parts[0][0], figure))
            bare = (_bare(parts[0]), _bare(parts[-1]))
            if len(bare[0] + bare[1]) >= _MIN_BARE_CHARS:
                self._bare.setdefault(bare, figure)
            self._shuffled.setdefault((_shuffled(parts[0]), _shuffled(parts[-1])), figure)
        signs = [consonants(part) for part in parts]
        for variant in {"".join(signs), "".join(signs).replace("w", "v")}:
            rough = rough_key(variant)
            if len(rough) >= 3:
                self._rough.setdefault(rough, []).append((" ".join(signs), key, figure))

    def pair(self, first: str, last: str) -> Figure | None:
        """The figure with this first and last word of its name."""
        return self._pairs.get((first, last))

    def find(self, reading: Reading) -> list[NameMatch]:
        """All matches in a reading that reads as prose."""
        tokens = reading.tokens
        found = [*self.with_gap(reading), *self._surname_first(reading), *self._initials(reading)]
        found += [*self._by_role(reading), *self._under_shift(tokens)]
        if is_mostly(tokens, self._words):
            found += [*self._by_sound(tokens), *self._by_letters(tokens), *self._hidden.moved(tokens)]
        found += self._hidden.covered(reading)
        if not reading.text.isascii():
            found += self._other_script(tokens)
        return found

    def _is_word(self, token: Token) -> bool:
        return token.text in self._words

    def _is_named(self, reading: Reading, at: int) -> bool:
        """Whether the token is no everyday word here: in no dictionary, or capitalised within a sentence."""
        token = reading.tokens[at]
        return not self._is_word(token) or (reading.is_cased and token.is_capitalised)

    def with_gap(self, reading: Reading) -> Iterator[NameMatch]:
        """Full names with up to three words put in between."""
        tokens = reading.tokens
        for start, token in enumerate(tokens):
            if token.text not in self.firsts:
                continue
            for end in range(start + 2, min(start + _MAX_GAP + 2, len(tokens))):
                if _JOINERS & {each.text for each in tokens[start + 1 : end]} or _is_sentence_end(reading, end):
                    break
                figure = self._pairs.get((token.text, tokens[end].text))
                is_filled = all(each.text in _FILLERS for each in tokens[start + 1 : end])
                if figure and (is_filled or (self._is_named(reading, start) and self._is_named(reading, end))):
                    yield NameMatch(start, end + 1, figure, "gapped", "")

    def _surname_first(self, reading: Reading) -> Iterator[NameMatch]:
        tokens = reading.tokens
        for at in range(len(tokens) - 1):
            figure = self._pairs.get((tokens[at + 1].text, tokens[at].text))
            if figure is None or _is_sentence_end(reading, at + 1):
                continue
            if self._is_named(reading, at) and self._is_named(reading, at + 1):
                yield NameMatch(at, at + 2, figure, "turned", "")

    def _initials(self, reading: Reading) -> Iterator[NameMatch]:
        tokens = reading.tokens
        for at in range(len(tokens) - 1):
            letter, word = tokens[at], tokens[at + 1]
            if len(letter.text) == 1 and letter.text.isalpha() and len(word.text) >= _MIN_SURNAME_CHARS:
                options = [f for initial, f in self._surnames.get(word.text, ()) if initial == letter.text]
                is_plain = self._is_word(word) or "f" in self._kinds.get(word.text, "")
                if options and ((letter.is_capitalised and word.is_capitalised) or not is_plain):
                    yield NameMatch(at, at + 2, options[0], "initials", "")
            if len(word.text) == 1 and word.is_capitalised and letter.text in self.firsts and letter.is_capitalised:
                figure = self._by_last_initial(reading, at, letter.text, word.text)
                if figure:
                    yield NameMatch(at, at + 2, figure, "initials", "")

    def _by_last_initial(self, reading: Reading, at: int, first: str, initial: str) -> Figure | None:
        around = {token.text for token in reading.tokens[at + 2 : at + 2 + _ROLE_CONTEXT_TOKENS]}
        around |= {token.text for token in reading.tokens[max(0, at - 3) : at]}
        for (given, last), figure in self._pairs.items():
            if given == first and last.startswith(initial) and around & _role_words(figure.role):
                return figure
        return None

    def _by_role(self, reading: Reading) -> Iterator[NameMatch]:
        tokens = reading.tokens
        for at, token in enumerate(tokens):
            around = {each.text for each in tokens[max(0, at - 2) : at]}
            if at and token.text in self._surnames and len(token.text) >= _MIN_SURNAME_CHARS:
                if not self._is_named(reading, at) or self._is_first_name_before(tokens, at):
                    continue
                for _, figure in self._surnames[token.text]:
                    if figure.role not in _TITLED and around & (_nouns(figure.role) | _GENERIC_NOUNS):
                        yield NameMatch(at, at + 1, figure, "role", "")
                        break
            mononym = self._mononyms.get(token.text)
            if mononym and self._is_named(reading, at) and self._acts(reading, at, mononym.role):
                yield NameMatch(at, at + 1, mononym, "role", "")

    def _is_first_name_before(self, tokens: list[Token], at: int) -> bool:
        before = tokens[at - 1]
        return "f" in self._kinds.get(before.text, "") and not self._is_word(before)

    @staticmethod
    def _acts(reading: Reading, at: int, role: str) -> bool:
        near = reading.tokens[max(0, at - 3) : at + 1 + _ROLE_CONTEXT_TOKENS]
        return bool({token.text for token in near} & _role_words(role))

    def _by_sound(self, tokens: list[Token]) -> Iterator[NameMatch]:
        """Two Latin words that sound like a full name, at least one of which is no word and no known name."""
        for at in range(len(tokens) - 1):
            pair = tokens[at : at + 2]
            if all(self._is_word(token) for token in pair) or not all(token.text.isascii() for token in pair):
                continue
            if not any(token.text not in self._words and token.text not in self._kinds for token in pair):
                continue
            left, right = (consonants(token.text) for token in pair)
            if len(left) + len(right) < _MIN_ROUGH_CHARS:
                continue
            for signs, key, figure in self._rough.get(rough_key(left + right), ()):
                if self._sounds_alike(pair, left, right, signs, key):
                    yield NameMatch(at, at + 2, figure, "sound", key)
                    break

    def _by_letters(self, tokens: list[Token]) -> Iterator[NameMatch]:
        """Full names without their vowels, or with the letters inside each word shuffled."""
        for at in range(len(tokens) - 1):
            left, right = tokens[at].text, tokens[at + 1].text
            if left in self._words or right in self._words or (left in self._kinds and right in self._kinds):
                continue
            is_bare = _bare(left) == left and _bare(right) == right
            figure = (
                self._bare.get((left, right))
                if is_bare
                else self._shuffled.get((_shuffled(left), _shuffled(right)))
            )
            if figure:
                yield NameMatch(at, at + 2, figure, "letters", "")

    @staticmethod
    def _sounds_alike(pair: list[Token], left: str, right: str, signs: str, key: str) -> bool:
        parts, sounds = key.split(" "), signs.split(" ")
        if len(parts) != 2 or len(sounds) != 2:
            return False
        total = distance(left, sounds[0]) + distance(right, sounds[1])
        if total > _MAX_SOUND_DISTANCE * (len(left) + len(right)):
            return False
        edits = [osa_distance(token.text, part, 4) for token, part in zip(pair, parts, strict=True)]
        return all(edit <= max(1, len(part) // 2) for edit, part in zip(edits, parts, strict=True))

    def _under_shift(self, tokens: list[Token]) -> Iterator[NameMatch]:
        """Names under any shift of the alphabet: the steps between letters stay the same."""
        for at, token in enumerate(tokens):
            if self._is_word(token) or token.text in self._kinds or not token.text.isascii():
                continue
            joined = token.text
            for end in range(at + 1, min(at + 4, len(tokens) + 1)):
                if end > at + 1:
                    joined += tokens[end - 1].text
                least = _MIN_SHIFTED_CHARS if end > at + 1 else _MIN_SHIFTED_MONONYM_CHARS
                figure = self._shifted.get(_unshifted(joined)) if len(joined) >= least else None
                if figure and joined.isalpha():
                    yield NameMatch(at, end, figure, "shifted", "")

    def _other_script(self, tokens: list[Token]) -> Iterator[NameMatch]:
        """Transcribed full names in any script that skeletons.py can romanise."""
        spelled = [_spelled(token.text) for token in tokens]
        for at, signs in enumerate(spelled):
            for end in range(at + 1, min(at + 4, len(tokens) + 1)) if signs else ():
                parts = spelled[at:end]
                if not all(parts):
                    break
                if end - at == 1 and not is_unspaced(tokens[at].text):
                    continue
                figure = self._transcribed(parts, tokens[at:end])
                if figure:
                    yield NameMatch(at, end, figure, "transcribed", "")
                    break

    def _transcribed(self, parts: list[str], tokens: list[Token]) -> Figure | None:
        has_capitals = any(token.text.upper() != token.text.lower() for token in tokens)
        if has_capitals and not all(token.is_capitalised for token in tokens):
            return None
        limit = _MAX_CAPITALISED_DISTANCE if has_capitals else _MAX_SCRIPT_DISTANCE
        sounds = [romanised(token.text) for token in tokens]
        # Case endings glue a consonant to the end in many languages: try without it as well.
        for last in (parts[-1], parts[-1][:-1], parts[-1][:-2]):
            written = [*parts[:-1], last]
            rough = rough_key("".join(written))
            is_shortened = last != parts[-1]
            least = _MIN_ROUGH_CHARS if has_capitals else _MIN_UNICASE_SIGNS
            if not last or sum(map(len, written)) < least or (is_shortened and len(rough) < _MIN_ROUGH_CHARS):
                continue
            for signs, key, figure in self._rough.get(rough, ()):
                if _is_transcription(written, sounds, signs.split(" "), key.split(" "), limit):
                    return figure
        return None


def _spelled(word: str) -> str:
    return "" if word.isascii() else consonants(romanised(word))


def _is_transcription(
    written: list[str], sounds: list[str], signs: list[str], names: list[str], limit: float
) -> bool:
    """Whether the consonants agree part by part, and so do the vowels that begin a part."""
    if len(written) == 1:
        plain = "".join(signs)
        return len(plain) >= _MIN_JOINED_SIGNS and distance(written[0], plain) <= limit * max(
            len(plain), len(written[0])
        )
    if len(written) != len(signs):
        return False
    pairs = list(zip(written, signs, sounds, names, strict=True))
    if any(distance(mine, theirs) > 2 * limit * max(len(mine), len(theirs), 1) for mine, theirs, _, _ in pairs):
        return False
    if any(_begins_with_vowel(sound) != _begins_with_vowel(name) for _, _, sound, name in pairs):
        return False
    total = sum(distance(mine, theirs) for mine, theirs, _, _ in pairs)
    return total <= limit * sum(max(len(mine), len(theirs)) for mine, theirs, _, _ in pairs)


def _begins_with_vowel(word: str) -> bool:
    return word[:1] in "aeiouyhw"


def is_mostly(tokens: list[Token], words: frozenset[str]) -> bool:
    """Whether a text is English enough for rules that lean on the English dictionary.

    Short ones are, unless a small word of another language stands in them.
    """
    known = sum(token.text in words or not token.text.isalpha() for token in tokens)
    if len(tokens) < _MIN_LANGUAGE_TOKENS and not any(token.text in _FOREIGN_WORDS for token in tokens):
        return True
    return known >= _MIN_ENGLISH_SHARE * len(tokens)


def _bare(word: str) -> str:
    """A word without its vowels."""
    return "".join(c for c in word if c not in "aeiou")


def _shuffled(word: str) -> str:
    """A word with its inner letters in the order of the alphabet."""
    return word[:1] + "".join(sorted(word[1:-1])) + word[-1:]


def _unshifted(letters: str) -> str:
    """The letters turned so that the first is an a; other signs stay."""
    if not letters.isascii() or not letters.isalpha():
        return letters
    first = ord(letters[0])
    return "".join(chr((ord(c) - first) % 26 + 97) for c in letters)


def _is_sentence_end(reading: Reading, at: int) -> bool:
    return bool(re.search(r"[.]\s*$", reading.text[max(0, reading.starts[at] - 2) : reading.starts[at]]))


def _nouns(role: str) -> frozenset[str]:
    return _NOUN_SETS.get(role, frozenset())


def _role_words(role: str) -> frozenset[str]:
    return _ACTIVITY_SETS.get(role, frozenset()) | _nouns(role)


_NOUN_SETS = {role: frozenset(nouns.split()) for role, nouns in _ROLE_NOUNS.items()}
_ACTIVITY_SETS = {role: frozenset(nouns.split()) for role, nouns in _ACTIVITY.items()}
