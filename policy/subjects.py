"""Who is meant: turns the names found in a reading into subjects of the context table, by what stands beside."""

import re
from dataclasses import dataclass

from policy.gazetteer import Gazetteer, NameMatch
from policy.name_shape import NameShapes, ShapeMatch
from policy.near_names import NearNames, is_mostly
from policy.reading import Reading
from policy.rulebook import Rulebook

_STATUS = {"l": "living", "d": "dead", "h": "historical"}
_SCORES = {"exact": 1.0, "inside": 1.0, "joined": 0.95, "misspelled": 0.85}
_NEAR_SCORE = 0.8
_MIN_MONONYM_CHARS = 6
_NAMED_THING = re.compile(
    r"\b(?:cat|kitten|dog|puppy|horse|pony|parrot|rabbit|hamster|hedgehog|goat|sheep|cow|donkey|duck|duckling|bear|fox|owl|"
    r"penguin|otter|turtle|frog|mouse|pig|bird|lion|tiger|elephant|monkey|robot|doll|boat|"
    r"ship)s?(?:,)? (?:is )?(?:named|called)$"
)
_STRONG_SHAPE_SCORE, _WEAK_SHAPE_SCORE = 0.8, 0.6


@dataclass(frozen=True)
class Subject:
    """One person, character or thing meant. `rule` names how it was found; never the name itself."""

    kind: str
    rule: str
    score: float


class SubjectFinder:
    """Finds subjects in readings. Immutable; thread-safe."""

    def __init__(
        self,
        gazetteer: Gazetteer,
        near: NearNames,
        shapes: NameShapes,
        cleared_names: dict[str, str],
        rulebook: Rulebook,
        words: frozenset[str],
    ) -> None:
        self._words = words
        self._gazetteer = gazetteer
        self._near = near
        self._shapes = shapes
        self._cleared = cleared_names
        self._longest_cleared = max((name.count(" ") + 1 for name in cleared_names), default=1)
        self._first_words = frozenset(name.partition(" ")[0] for name in cleared_names)
        self._rulebook = rulebook

    def find(self, reading: Reading, *, is_strict: bool = False) -> list[Subject]:
        """All subjects of a reading; prose rules apply only where the view reads as prose.

        `is_strict` (beside harm or children) takes for a person whatever is only perhaps a name.
        """
        cleared = self._cleared_spans(reading)
        names = [
            match
            for match in self._names(reading)
            if not _overlaps((match.start, match.end), cleared) or match.how == "inside"
        ]
        if not reading.view.is_reading:
            # Turned-around text throws up short words by chance: only whole listed names count there.
            return [self._listed(reading, each) for each in names if _is_telling(each)]
        names = [match for match in names if not self._is_pets(reading, match)]
        found = [self._listed(reading, match) for match in names]
        taken = [(match.start, match.end) for match in names] + cleared
        is_plain = reading.view.name == "plain"
        # In another language any two words may look like a name; there only capitals tell.
        is_english = is_mostly(reading.tokens, self._words)
        for shape in self._shapes.find(reading):
            if not is_english and not _is_capitalised(reading, shape):
                continue
            # Views change letters: what is only perhaps a name counts in the plain text alone.
            is_person = shape.is_strong or (
                is_plain and ((is_strict and shape.is_backed) or self._is_person_nearby(reading, shape))
            )
            if is_person and not _overlaps((shape.start, shape.end), taken):
                found.append(self._unlisted(reading, shape))
        return found + [
            Subject("fiction", "clearing-fiction", 0.0)
            for start, end in cleared
            if self._cleared[_key(reading, start, end)] == "f"
        ]

    def _names(self, reading: Reading) -> list[NameMatch]:
        """Listed names, plainly or nearly written; only plain ones where two disguises were taken off."""
        view = reading.view
        found = self._gazetteer.find(
            reading.tokens, reading.text, is_cased=reading.is_cased, is_exact=view.is_composed
        )
        if view.is_reading:
            taken = [(match.start, match.end) for match in found if match.how != "inside"]
            found += [each for each in self._near.find(reading) if not _overlaps((each.start, each.end), taken)]
        elif not view.is_composed:
            found += self._near.with_gap(reading)
        return found

    def _is_pets(self, reading: Reading, match: NameMatch) -> bool:
        """Whether a single ambiguous name is given to an animal or thing ("a kitten called …")."""
        is_single = match.end - match.start == 1 and match.figure.mode in "^~"
        return is_single and bool(_NAMED_THING.search(reading.before(match.start)))

    def _cleared_spans(self, reading: Reading) -> list[tuple[int, int]]:
        """Spans of listed fictional characters, places and brands, longest first."""
        spans: list[tuple[int, int]] = []
        starts = [at for at, token in enumerate(reading.tokens) if token.text in self._first_words]
        for length in range(self._longest_cleared, 0, -1):
            for start in starts:
                if _key(reading, start, start + length) in self._cleared and not _overlaps(
                    (start, start + length), spans
                ):
                    spans.append((start, start + length))
        return spans

    def _listed(self, reading: Reading, match: NameMatch) -> Subject:
        base = _STATUS[match.figure.status]
        rule, score = f"gazetteer-{match.how}", _SCORES.get(match.how, _NEAR_SCORE)
        if match.how == "inside":
            return Subject(base, rule, score)
        before, after = reading.before(match.start), reading.after(match.end - 1)
        clearings = self._rulebook.clearings
        if self._rulebook.likeness_before.search(before):
            return Subject(base, rule, score)
        if match.figure.role in self._rulebook.style_roles and clearings["style"].fits(before, after):
            return Subject("style", rule, score)
        if clearings["artwork"].fits(before, after):
            return Subject(base if self._comes_alive(reading) else "artwork", rule, score)
        return Subject("place" if clearings["place"].fits(before, after) else base, rule, score)

    def _unlisted(self, reading: Reading, shape: ShapeMatch) -> Subject:
        rule = "name-shape" if shape.is_strong else "name-shape-weak"
        score = _STRONG_SHAPE_SCORE if shape.is_strong else _WEAK_SHAPE_SCORE
        before, after = reading.before(shape.start), reading.after(shape.end - 1)
        if self._rulebook.likeness_before.search(before):
            return Subject("private", rule, score)
        for kind in ("style", "artwork", "place", "fiction"):
            if self._rulebook.clearings[kind].fits(before, after):
                is_alive = kind == "artwork" and self._comes_alive(reading)
                return Subject("private" if is_alive else kind, rule, score)
        return Subject("private", rule, score)

    def _is_person_nearby(self, reading: Reading, shape: ShapeMatch) -> bool:
        before, after = reading.before(shape.start), reading.after(shape.end - 1)
        nearby = self._rulebook.person_nearby if shape.is_backed else self._rulebook.person_clearly
        return nearby.fits(before, after)

    def _comes_alive(self, reading: Reading) -> bool:
        return bool(self._rulebook.comes_alive.search(reading.text))


def _is_capitalised(reading: Reading, shape: ShapeMatch) -> bool:
    tokens = reading.tokens[shape.start : shape.end]
    return reading.is_cased and tokens[0].is_capitalised and tokens[-1].is_capitalised


def _is_telling(match: NameMatch) -> bool:
    """Whether a match in turned-around text can't well be chance: a full name, or a long mononym."""
    is_long = len(match.key) >= _MIN_MONONYM_CHARS and match.figure.mode == "." and match.how == "exact"
    return " " in match.key or is_long or match.how in ("inside", "gapped")


def _key(reading: Reading, start: int, end: int) -> str:
    return " ".join(token.text for token in reading.tokens[start:end])


def _overlaps(span: tuple[int, int], others: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and span[1] > start for start, end in others)
