"""What a prompt asks for, as a scene: the grammar of `captions` read backwards.

Only for prompts that name one or two things by their shape; everything that is not said is drawn from the seed.
"""

import re
from collections.abc import Sequence

import numpy as np

from generator.scenes.captions import CAMERA_WORDS, COLOUR_WORDS, MOTION_WORDS, RELATION_WORDS, SHAPE_WORDS
from generator.scenes.phrases import by_word, camera_move, moves_of, named, plain
from generator.scenes.spec import COLOURS, MOTIONS, SceneSpec, makes_sense, planned_spec

_MOST_THINGS = 2
_ADVERBS = "slowly|quickly|to|the"
_MOVES = moves_of("pan|tilt|roll|truck|pedestal|zoom", _ADVERBS)
_GOES = re.compile(
    r"\b(?:moves|moving|slides|sliding|drifts|drifting|flies|flying|rolls|rolling|goes|going|runs|running)\b"
    rf"(?:(?: (?:{_ADVERBS}))* (left|right|up|down)\b)?"
)
_WAYS = {"left": "left", "right": "right", "up": "rise", "down": "fall"}


def planned_scene(prompt: str, seed: int | None, *, camera: str | None = None) -> SceneSpec | None:
    """The scene that a prompt describes, or None where it names no shape, or more than two things.

    `camera` is a move asked for beside the prompt, in words; what neither says is drawn from `seed` (0 for None).
    """
    text = plain(prompt)
    rng = np.random.default_rng(abs(seed or 0))
    things = _things(text, rng)
    if not 1 <= len(things) <= _MOST_THINGS:
        return None
    move = _camera([*_of_camera(text), plain(camera or "")])
    if len(things) == 1:
        return planned_spec(rng, things, motion=_motion(text, things[0][1], rng), camera=move)
    relation = named(text, RELATION_WORDS) or ("left_of", "right_of")[rng.integers(2)]
    motion = "spin" if re.search(r"\b(spin|spins|spinning|rotate|rotates)\b", text) else "still"
    return planned_spec(rng, things, relation=relation, motion=motion, camera=move)


def _things(text: str, rng: np.random.Generator) -> list[tuple[str, str]]:
    """(colour, shape) of everything named, in the order of the words; a thing without a colour gets one."""
    colours, shapes = by_word(COLOUR_WORDS), by_word(SHAPE_WORDS)
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
    shapes = by_word(SHAPE_WORDS)
    clauses = [clause for clause in text.split(",") if camera_move(clause, _MOVES, CAMERA_WORDS)]
    return [
        clause
        for clause in clauses
        if "camera" in clause or " roll" not in clause or not any(word in shapes for word in clause.split())
    ]


def _camera(clauses: Sequence[str]) -> str:
    said = (camera_move(clause, _MOVES, CAMERA_WORDS) for clause in clauses)
    return next((name for name in said if name), "static")


def _motion(text: str, shape: str, rng: np.random.Generator) -> str:
    shapes, filmed = by_word(SHAPE_WORDS), _of_camera(text)
    spoken = [
        clause for clause in text.split(",") if clause not in filmed or any(w in shapes for w in clause.split())
    ]
    text = ",".join(clause.partition("camera")[0] for clause in spoken)
    said = named(text, MOTION_WORDS)
    if said is not None:
        return said
    if goes := _GOES.search(text):
        return _WAYS[goes[1]] if goes[1] else ("left", "right")[rng.integers(2)]
    able = [motion for motion in MOTIONS if makes_sense(shape, motion) and not motion.startswith("throw")]
    return able[rng.integers(len(able))]
