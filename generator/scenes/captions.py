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
    "throw_left": ("is thrown to the left", "flies left in an arc", "is tossed left", "leaps to the left"),
    "throw_right": ("is thrown to the right", "flies right in an arc", "is tossed right", "leaps to the right"),
}
PATH_WORDS = ("moves", "moving", "drifts", "floats", "slides")
CAMERA_PATH_WORDS = ("the camera moves", "camera moves", "")
"""For what follows a path of its own: no word says where."""
PAIR_MOTION_WORDS = {
    "still": ("", "", ", both still", ", standing still"),
    "spin": (", both spinning", ", both spin", ", both rotate"),
}
RELATION_WORDS = {
    "left_of": ("to the left of", "left of", "on the left of"),
    "right_of": ("to the right of", "right of", "on the right of"),
    "above": ("above", "over", "on top of"),
    "below": ("below", "beneath", "underneath"),
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
    "tilt_up": ("the camera tilts up", "camera tilt up", "tilting up"),
    "tilt_down": ("the camera tilts down", "camera tilt down", "tilting down"),
    "zoom_in": ("the camera zooms in", "zoom in", "slow zoom in"),
    "zoom_out": ("the camera zooms out", "zoom out", "slow zoom out"),
    "roll_left": ("the camera rolls left", "camera roll to the left", "rolling left"),
    "roll_right": ("the camera rolls right", "camera roll to the right", "rolling right"),
    "dolly_in": ("the camera dollies in", "dolly in", "slow dolly in"),
    "dolly_out": ("the camera dollies out", "dolly out", "slow dolly out"),
    "truck_left": ("the camera trucks left", "truck left", "tracking shot to the left"),
    "truck_right": ("the camera trucks right", "truck right", "tracking shot to the right"),
    "pedestal_up": ("the camera pedestals up", "pedestal up", "crane up"),
    "pedestal_down": ("the camera pedestals down", "pedestal down", "crane down"),
    "handheld": ("handheld camera", "shaky handheld shot", "handheld shot"),
}
OPENINGS = ("", "", "", "a video of ", "a clip of ", "an animation of ", "a shot of ")
SIZES = ("", "", "", "shiny ", "bright ", "glossy ", "smooth ")


def caption(spec: SceneSpec, rng: np.random.Generator) -> str:
    """A caption of the scene in lower case. One in four is short: colour and shape, perhaps the motion."""
    if spec.is_pair:
        return _pair_caption(spec, rng)
    thing = _thing(spec.colour, spec.shape, rng)
    article = _article(thing)
    motion = _pick(rng, PATH_WORDS if spec.motion == "path" else MOTION_WORDS[spec.motion])
    if rng.random() < 0.25:
        return f"{article} {thing}" if rng.random() < 0.4 else f"{article} {thing} {motion}"
    size = _pick(rng, SIZES)
    article = "a" if size else article
    words = (
        f"{_pick(rng, OPENINGS)}{article} {size}{thing} {motion} {_pick(rng, BACKGROUND_WORDS[spec.background])}"
    )
    return words + _of_camera(spec, rng)


def _pair_caption(spec: SceneSpec, rng: np.random.Generator) -> str:
    one, other = _thing(spec.colour, spec.shape, rng), _thing(spec.other_colour, spec.other_shape, rng)
    words = f"{_article(one)} {one} {_pick(rng, RELATION_WORDS[spec.relation])} {_article(other)} {other}"
    words += _pick(rng, PAIR_MOTION_WORDS[spec.motion])
    if rng.random() < 0.25:
        return words
    return f"{words} {_pick(rng, BACKGROUND_WORDS[spec.background])}{_of_camera(spec, rng)}"


def _of_camera(spec: SceneSpec, rng: np.random.Generator) -> str:
    """A still camera is seldom spoken of."""
    if spec.camera == "path":
        words = _pick(rng, CAMERA_PATH_WORDS)
        return f", {words}" if words else ""
    return f", {_pick(rng, CAMERA_WORDS[spec.camera])}" if spec.camera != "static" or rng.random() < 0.3 else ""


def _thing(colour: str, shape: str, rng: np.random.Generator) -> str:
    return f"{_pick(rng, COLOUR_WORDS[colour])} {_pick(rng, SHAPE_WORDS[shape])}"


def _article(thing: str) -> str:
    return "an" if thing[0] in "aeiou" else "a"


def vocabulary() -> list[str]:
    """Every word the grammar can say, sorted."""
    tables = (
        *(SHAPE_WORDS, COLOUR_WORDS, MOTION_WORDS, BACKGROUND_WORDS, CAMERA_WORDS),
        RELATION_WORDS,
        PAIR_MOTION_WORDS,
    )
    phrases = [phrase for table in tables for choices in table.values() for phrase in choices]
    said = " ".join((*phrases, *PATH_WORDS, *CAMERA_PATH_WORDS, *OPENINGS, *SIZES, "a an")).replace(",", " ")
    return sorted(set(said.split()))


def _pick(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[rng.integers(len(choices))]
