"""The prompts that the harm heads are trained on: the seeds of `harm_seeds.toml` and `harmless_seeds.toml`, filled.

Words around a seed (looks, cameras, a neighbouring scene) are drawn alike for harmful and harmless seeds, so that
they tell a head nothing. The same seeds give the same prompts.
"""

import hashlib
import random
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from policy.harm_heads import words_in
from policy.lists import Lists

CLASSES = ("sexual", "minors", "violence", "hate", "self_harm", "scam", "political")
SEEDED_BENIGN = ("near", "benign", "everyday", "people", "labels", "scenes", "doings", "public")
WORD = "word"
BENIGN = (*SEEDED_BENIGN, WORD)
# Every so many words of the word list are put into these frames: no ordinary word may sound harmful by itself.
_WORD_STEP = 12
_WORD_FRAMES = ("{w}", "{w} {v}", "a {w}", "the {w} {where}", "{w} and {v}", "a video of {w}", "{w} {v} {w}")
_FILLINGS = 12
_SEED = 20261121
# How many entries of the lists fill the slots that are drawn from them.
_LISTED_FILLINGS = 300
# How often something is put before a seed, after it, and a harmless scene beside it; and how long that may get.
_BEFORE, _AFTER, _BESIDE = 0.3, 0.55, 0.25
_NEIGHBOURS, _MAX_WORDS = 3000, 16
_TEXT = "{t}"


class Seeded(NamedTuple):
    """One training text: its class, the number of the template it came from, whether that is held out."""

    text: str
    label: str
    template: int
    is_held_out: bool


def load_seeds(folder: Path, lists: Lists) -> dict[str, Any]:
    """All sections of both seed files, with the slots of both and those drawn from the lists."""
    seeds, harmless = (
        tomllib.loads((folder / name).read_text(encoding="utf-8"))
        for name in ("harm_seeds.toml", "harmless_seeds.toml")
    )
    cleared = [line.split("\t") for line in lists.clearing]
    names = [line.split("\t") for line in lists.name_statistics]
    drawn = {
        "fictional": [name for name, kind in cleared if kind == "f"],
        "landmark": [name for name, kind in cleared if kind == "p"],
        "forename": [name for name, kinds in names if kinds == "f" and name.isascii()],
    }
    draw = random.Random(_SEED)
    listed = {
        slot: [each.title() for each in draw.sample(each_of, min(_LISTED_FILLINGS, len(each_of)))]
        for slot, each_of in drawn.items()
    }
    return {**seeds, **harmless, "slots": {**seeds["slots"], **harmless["slots"], **listed}}


def training_texts(seeds: dict[str, Any], words: frozenset[str]) -> Iterator[Seeded]:
    """Every seed filled some times and put between words that say nothing; then mere words."""
    draw = random.Random(_SEED)
    neighbours = [_chosen(seeds["scenes"]["templates"], seeds["slots"], draw) for _ in range(_NEIGHBOURS)]
    for each in seeded(seeds):
        yield each._replace(text=_carried(each.text, seeds, neighbours, draw))
    yield from worded(seeds, words)


def seeded(seeds: dict[str, Any]) -> Iterator[Seeded]:
    """Every template filled some times."""
    draw = random.Random(_SEED)
    number = 0
    for label in (*CLASSES, *SEEDED_BENIGN):
        for seed, frames in _seeds_of(seeds[label]):
            number += 1
            fillings = seeds[label].get("fillings", _FILLINGS)
            texts = {_chosen(frames, seeds["slots"], draw) for _ in range(fillings)}
            for text in sorted(texts):
                yield Seeded(text, label, number, _is_held_out(seed))


def worded(seeds: dict[str, Any], words: frozenset[str]) -> Iterator[Seeded]:
    """Words of a dictionary in short frames, but for those that only harmful seeds use."""
    draw = random.Random(_SEED)
    harmful, harmless = (_vocabulary(seeds, labels) for labels in (CLASSES, SEEDED_BENIGN))
    chosen = [word for word in sorted(words)[::_WORD_STEP] if len(word) > 2 and word not in harmful - harmless]
    for number, word in enumerate(chosen):
        text = draw.choice(_WORD_FRAMES).replace("{w}", word).replace("{v}", draw.choice(chosen))
        yield Seeded(filled(text, seeds["slots"], draw), WORD, -1 - number, _is_held_out(word))


def filled(template: str, slots: dict[str, list[str]], draw: random.Random) -> str:
    """A template with each slot filled at random."""
    return re.sub(r"\{(\w+)\}", lambda match: draw.choice(slots[match[1]]), template)


def _chosen(templates: list[str], slots: dict[str, list[str]], draw: random.Random) -> str:
    return filled(draw.choice(templates), slots, draw)


def _carried(text: str, seeds: dict[str, Any], neighbours: list[str], draw: random.Random) -> str:
    """A text with carriers around it and, at times, as much of a harmless scene as one window holds."""
    for place, share in (("before", _BEFORE), ("after", _AFTER)):
        if draw.random() < share:
            start, _, end = draw.choice(seeds["carriers"][place]).partition(_TEXT)
            text = f"{filled(start, seeds['slots'], draw)}{text}{filled(end, seeds['slots'], draw)}"
    if draw.random() < _BESIDE:
        scene = " ".join(draw.choice(neighbours).split(" ")[: max(1, _MAX_WORDS - len(text.split()))])
        return f"{scene} {text}" if draw.random() < 0.5 else f"{text} {scene}"
    return text


def _vocabulary(seeds: dict[str, Any], labels: Iterable[str]) -> set[str]:
    texts = [text for label in labels for key in ("templates", "phrases") for text in seeds[label].get(key, ())]
    return {word for text in texts for word in words_in(text)}


def _is_held_out(seed: str) -> bool:
    return hashlib.sha256(seed.encode()).digest()[0] % 4 == 0


def _seeds_of(section: dict[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    """Each template, and each phrase with the frames it is put into: what is held out together."""
    for template in section["templates"]:
        yield template, [template]
    for phrase in section.get("phrases", ()):
        yield phrase, [frame.replace("{p}", phrase) for frame in section["frames"]]
