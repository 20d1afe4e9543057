"""What a prompt asks for, as a scene: the grammar of `captions` read backwards.

Only for prompts that name one or two things by their shape; everything that is not said is drawn from the seed.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from generator.scenes.captions import CAMERA_WORDS, COLOUR_WORDS, MOTION_WORDS, RELATION_WORDS, SHAPE_WORDS
from generator.scenes.spec import COLOURS, MOTIONS, SceneSpec, makes_sense, planned_spec

_MOST_THINGS = 2
_SLOWLY = r"(?: (?:slowly|quickly|to|the))* "
_MOVE = re.compile(
    r"\b(?:(pan|tilt|roll|truck|pedestal|zoom)(?:s|ning|ing)?|(doll)(?:y|ies|ying))\b"
    rf"{_SLOWLY}(left|right|up|down|in|out)\b"
)
_GOES = re.compile(
    r"\b(?:moves|moving|slides|sliding|drifts|drifting|flies|flying|rolls|rolling|goes|going|runs|running)\b"
    rf"(?:{_SLOWLY}(left|right|up|down)\b)?"
)
_WAYS = {"left": "left", "right": "right", "up": "rise", "down": "fall"}


def planned_scene(prompt: str, seed: int | None, *, camera: str | None = None) -> SceneSpec | None:
    """The scene that a prompt describes, or None where it names no shape, or more than two things.

    `camera` is a move asked for beside the prompt, in words; what neither says is drawn from `seed` (0 for None).
    """
    text = _plain(prompt)
    rng = np.random.default_rng(abs(seed or 0))
    things = _things(text, rng)
    if not 1 <= len(things) <= _MOST_THINGS:
        return None
    move = _camera([*_of_camera(text), _plain(camera or "")])
    if len(things) == 1:
        return planned_spec(rng, things, motion=_motion(text, things[0][1], rng), camera=move)
    relation = _named(text, RELATION_WORDS) or ("left_of", "right_of")[rng.integers(2)]
    motion = "spin" if re.search(r"\b(spin|spins|spinning|rotate|rotates)\b", text) else "still"
    return planned_spec(rng, things, relation=relation, motion=motion, camera=move)


def _things(text: str, rng: np.random.Generator) -> list[tuple[str, str]]:
    """(colour, shape) of everything named, in the order of the words; a thing without a colour gets one."""
    colours, shapes = _by_word(COLOUR_WORDS), _by_word(SHAPE_WORDS)
    found: list[tuple[str, str]] = []
    colour: str | None = None
    for word in re.findall("[a-z]+", text):
        if word in colours:
            colour = colours[word]
        elif (shape := shapes.get(word) or shapes.get(word.removesuffix("s"))) is not None:
            found.append((colour or tuple(COLOURS)[rng.integers(len(COLOURS))], shape))
            colour = None
    return found


def _of_camera(text: str) -> list[str]:
    """The clauses that speak of the camera. What rolls is a thing where one is named and no camera is."""
    shapes = _by_word(SHAPE_WORDS)
    clauses = [clause for clause in text.split(",") if _named(clause, CAMERA_WORDS) or _move(clause)]
    return [
        clause
        for clause in clauses
        if "camera" in clause or " roll" not in clause or not any(word in shapes for word in clause.split())
    ]


def _camera(clauses: Sequence[str]) -> str:
    named = (_named(clause, CAMERA_WORDS) or _move(clause) for clause in clauses)
    return next((name for name in named if name), "static")


def _move(clause: str) -> str | None:
    """A camera move in other words than the grammar's; None where it is none that is known."""
    found = _MOVE.search(clause)
    name = f"{found[1] or 'dolly'}_{found[3]}" if found else ""
    return name if name in CAMERA_WORDS else None


def _motion(text: str, shape: str, rng: np.random.Generator) -> str:
    shapes, filmed = _by_word(SHAPE_WORDS), _of_camera(text)
    spoken = [
        clause for clause in text.split(",") if clause not in filmed or any(w in shapes for w in clause.split())
    ]
    text = ",".join(clause.partition("camera")[0] for clause in spoken)
    named = _named(text, MOTION_WORDS)
    if named is not None:
        return named
    if goes := _GOES.search(text):
        return _WAYS[goes[1]] if goes[1] else ("left", "right")[rng.integers(2)]
    able = [motion for motion in MOTIONS if makes_sense(shape, motion) and not motion.startswith("throw")]
    return able[rng.integers(len(able))]


def _named(text: str, table: Mapping[str, Sequence[str]]) -> str | None:
    """The table's entry whose longest phrase stands in the text, or None."""
    found = [
        (len(phrase), name)
        for name, phrases in table.items()
        for phrase in phrases
        if phrase and re.search(rf"\b{re.escape(phrase)}\b", text)
    ]
    return max(found)[1] if found else None


def _by_word(table: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {word: name for name, words in table.items() for word in words}


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z]+|,", text.lower())).replace(" ,", ",")
