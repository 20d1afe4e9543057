"""Captions for scenes from a small grammar with synonyms; a quarter of them short."""

import numpy as np

from generator.scenes.spec import SceneSpec

SHAPE_WORDS = {
    "ball": ("ball", "ball", "sphere", "orb"),
    "cube": ("cube", "cube", "square", "box", "block"),
    "triangle": ("triangle", "triangle", "pyramid", "cone"),
    "star": ("star",),
    "ring": ("ring", "ring", "hoop", "donut", "torus"),
    "heart": ("heart",),
}
COLOUR_WORDS = {
    "red": ("red", "red", "crimson", "scarlet"),
    "orange": ("orange", "orange", "tangerine"),
    "yellow": ("yellow", "yellow", "golden", "lemon"),
    "green": ("green", "green", "emerald"),
    "cyan": ("cyan", "cyan", "turquoise", "teal"),
    "blue": ("blue", "blue", "navy", "cobalt"),
    "purple": ("purple", "purple", "violet"),
    "pink": ("pink", "pink", "magenta", "rose"),
}
MOTION_WORDS = {
    "left": ("slides left", "moves to the left", "slides to the left", "drifts left", "moving left"),
    "right": ("slides right", "moves to the right", "slides to the right", "drifts right", "moving right"),
    "rise": ("rises", "rises up", "floats up", "moves up", "floating upward"),
    "fall": ("falls", "falls down", "drops", "sinks down", "falling down"),
    "bounce": ("bounces", "bounces up and down", "is bouncing", "bouncing", "hops up and down"),
    "circle": ("circles around", "moves in a circle", "orbits", "going around in circles"),
    "spin": ("spins", "rotates", "is spinning", "turns around itself", "spinning"),
    "grow": ("grows", "gets bigger", "grows larger", "is growing", "expands"),
    "still": ("stands still", "rests", "stays still", "hovers", "does not move"),
}
BACKGROUND_WORDS = {
    "studio": ("in a studio", "in a grey studio", "against a plain backdrop", "under a soft lamp"),
    "sky": ("under a pale sky", "in front of hills", "outdoors in daylight", "on a sandy plain by day"),
    "night": ("at night", "under the moon", "in the dark at night", "on a moonlit plain"),
    "checker": ("on a checkered floor", "on a tiled floor", "in a room with tiles", "above a chessboard floor"),
}
CAMERA_WORDS = {
    "static": ("static camera", "the camera is still", "fixed shot"),
    "pan_left": ("the camera pans left", "camera pan to the left", "panning left"),
    "pan_right": ("the camera pans right", "camera pan to the right", "panning right"),
    "zoom_in": ("the camera zooms in", "zoom in", "slow zoom in"),
    "zoom_out": ("the camera zooms out", "zoom out", "slow zoom out"),
}
OPENINGS = ("", "", "", "a video of ", "a clip of ", "an animation of ", "a shot of ")
SIZES = ("", "", "", "shiny ", "bright ", "glossy ", "smooth ")


def caption(spec: SceneSpec, rng: np.random.Generator) -> str:
    """A caption of the scene in lower case. One in four is short: colour and shape, perhaps the motion."""
    thing = f"{_pick(rng, COLOUR_WORDS[spec.colour])} {_pick(rng, SHAPE_WORDS[spec.shape])}"
    article = "an" if thing[0] in "aeiou" else "a"
    motion = _pick(rng, MOTION_WORDS[spec.motion])
    if rng.random() < 0.25:
        return f"{article} {thing}" if rng.random() < 0.4 else f"{article} {thing} {motion}"
    size = _pick(rng, SIZES)
    article = "a" if size else article
    words = (
        f"{_pick(rng, OPENINGS)}{article} {size}{thing} {motion} {_pick(rng, BACKGROUND_WORDS[spec.background])}"
    )
    # A still camera is seldom spoken of.
    if spec.camera != "static" or rng.random() < 0.3:
        words += f", {_pick(rng, CAMERA_WORDS[spec.camera])}"
    return words


def vocabulary() -> list[str]:
    """Every word the grammar can say, sorted."""
    tables = (SHAPE_WORDS, COLOUR_WORDS, MOTION_WORDS, BACKGROUND_WORDS, CAMERA_WORDS)
    phrases = [phrase for table in tables for choices in table.values() for phrase in choices]
    return sorted({word for phrase in (*phrases, *OPENINGS, *SIZES, "a an") for word in phrase.split()})


def _pick(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[rng.integers(len(choices))]
