"""What a prompt asks for, as a scene of the wide world: the grammar of `captions` read backwards.

Only for prompts that name one or two things by their shape; everything that is not said is drawn from the seed.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from generator.scenes.phrases import by_word, camera_move, moves_of, named, plain
from generator.scenes.world import captions
from generator.scenes.world.drawing import drawn_material, planned_spec
from generator.scenes.world.spec import COLOURS, MOTIONS, PAIR_MOTIONS, STUFFS, TEXTS, WorldSpec, makes_sense

_MOST_THINGS = 2
_MOVES = moves_of("pan|tilt|truck|pedestal|zoom|orbit", "slowly|quickly|fast|to|the")
_GOES = re.compile(
    r"\b(moves|moving|slides|sliding|drifts|drifting|flies|flying|goes|going|rolls|rolling)\b"
    r"(?: (?:slowly|quickly|to|the))* (left|right|up)\b"
)
_WAYS = {"left": "left", "right": "right", "up": "rise"}
_MADE_UP = ("throw_left", "throw_right", "collide")
"""Motions that are not drawn for a prompt that says none."""


def planned_scene(prompt: str, seed: int | None, *, camera: str | None = None) -> WorldSpec | None:
    """The scene that a prompt describes, or None where it names no shape, or more than two things.

    `camera` is a move asked for beside the prompt, in words; what neither says is drawn from `seed` (0 for None).
    """
    text = plain(prompt)
    rng = np.random.default_rng(abs(seed or 0))
    things = _things(text, rng)
    if not 1 <= len(things) <= _MOST_THINGS:
        return None
    clauses = [*text.split(","), plain(camera or "")]
    move, speed = _camera(clauses)
    relation, motion = _pair_of(text, rng) if len(things) == 2 else ("", _motion(text, things[0][1], rng))
    spec = planned_spec(rng, things, relation=relation, motion=motion, camera=move, camera_speed=speed)
    return _told(spec, text, rng)


def _told(spec: WorldSpec, text: str, rng: np.random.Generator) -> WorldSpec:
    """The place, style, light and material that the words name."""
    told: dict[str, Any] = {
        "background": named(text, captions.BACKGROUND_WORDS) or spec.background,
        "style": named(text, captions.STYLE_WORDS) or "plain",
        "light": named(text, captions.LIGHT_WORDS) or spec.light,
    }
    material = named(text, captions.MATERIAL_WORDS)
    if material is None or not makes_sense(spec.shape, spec.motion, material):
        material = drawn_material(rng, spec.shape, spec.motion)
    written = [word for word in text.replace(",", " ").split() if word in TEXTS]
    if written and spec.shape == "word":
        told["text"] = written[0]
    return replace(spec, **told, material=material)


def _things(text: str, rng: np.random.Generator) -> list[tuple[str, str]]:
    """(colour, shape) of everything named, in the order of the words; a thing without a colour gets one."""
    colours, shapes = by_word(captions.COLOUR_WORDS), by_word(captions.SHAPE_WORDS)
    found: list[tuple[str, str]] = []
    colour: str | None = None
    for clause in text.split(","):
        for word in _without_phrases(clause).split():
            if word in colours:
                colour = colours[word]
            elif (shape := shapes.get(word) or shapes.get(word.removesuffix("s"))) is not None:
                found.append((colour or tuple(COLOURS)[rng.integers(len(COLOURS))], shape))
                colour = None
        colour = None
    return found


def _without_phrases(clause: str) -> str:
    """A clause without what the grammar says in the words of things: "waves in the wind" is no water."""
    for table in (captions.BACKGROUND_WORDS, captions.STYLE_WORDS, captions.MOTION_WORDS, captions.LIGHT_WORDS):
        for phrase in sorted((one for ones in table.values() for one in ones if one), key=len, reverse=True):
            clause = re.sub(rf"\b{re.escape(phrase)}\b", " ", clause)
    return clause


def _camera(clauses: Sequence[str]) -> tuple[str, str]:
    """Move and speed."""
    for clause in clauses:
        move = _move(clause)
        if move:
            speeds = {word: name for name, words in captions.SPEED_WORDS.items() for word in words if word}
            said = [speeds[word] for word in clause.split() if word in speeds]
            return move, said[-1] if said else "normal"
    return "static", "normal"


def _move(clause: str) -> str | None:
    return camera_move(clause, _MOVES, captions.CAMERA_WORDS)


def _pair_of(text: str, rng: np.random.Generator) -> tuple[str, str]:
    """Relation and motion of two things."""
    if re.search(r"\b(is hit by)\b", text):
        return "right_of", "collide"
    if named(text, {"collide": captions.MOTION_WORDS["collide"]}):
        return "left_of", "collide"
    relation = named(text, captions.RELATION_WORDS) or ("left_of", "right_of")[rng.integers(2)]
    if re.search(r"\b(spin|spins|spinning|rotate|rotates)\b", text):
        return relation, PAIR_MOTIONS[1]
    is_lit = named(text, {"sweep": captions.MOTION_WORDS["sweep"]}) or "light sweeps" in text
    return relation, "sweep" if is_lit else "still"


def _motion(text: str, shape: str, rng: np.random.Generator) -> str:
    if shape in STUFFS:
        return STUFFS[shape]
    spoken = ",".join(clause for clause in text.split(",") if _move(clause) is None)
    said = named(spoken, captions.MOTION_WORDS)
    if said is not None and makes_sense(shape, said, "striped") and said != "collide":
        return said
    if goes := _GOES.search(spoken):
        if goes[1].startswith("roll") and goes[2] != "up" and makes_sense(shape, f"roll_{goes[2]}", "striped"):
            return f"roll_{goes[2]}"
        return _WAYS[goes[2]]
    able = [motion for motion in MOTIONS if makes_sense(shape, motion, "striped") and motion not in _MADE_UP]
    return able[rng.integers(len(able))]
