"""Captions for scenes of the wide world from a grammar with synonyms; a quarter short, a tenth empty."""

import numpy as np

from generator.scenes.world.spec import STUFFS, TEXTS, WorldSpec

SHAPE_WORDS = {
    "ball": ("ball", "ball", "sphere", "orb", "globe"),
    "cube": ("cube", "cube", "box", "block", "square"),
    "cylinder": ("cylinder", "cylinder", "can", "drum", "barrel"),
    "cone": ("cone", "cone", "pyramid"),
    "ring": ("ring", "ring", "hoop", "donut", "torus"),
    "word": ("word", "word", "text", "letters"),
    "water": ("water", "water", "pool", "waves"),
    "cloth": ("flag", "flag", "cloth", "banner"),
    "beads": ("beads", "beads", "pearls", "marbles"),
    "smoke": ("smoke", "smoke", "fog", "mist"),
}
COLOUR_WORDS = {
    "red": ("red", "red", "crimson", "scarlet"),
    "orange": ("orange", "orange", "tangerine"),
    "yellow": ("yellow", "yellow", "golden", "lemon"),
    "lime": ("lime", "lime", "chartreuse"),
    "green": ("green", "green", "emerald"),
    "teal": ("teal", "teal", "petrol"),
    "cyan": ("cyan", "cyan", "turquoise", "aqua"),
    "blue": ("blue", "blue", "cobalt", "azure"),
    "navy": ("navy", "navy", "indigo"),
    "purple": ("purple", "purple", "violet"),
    "magenta": ("magenta", "magenta", "fuchsia"),
    "pink": ("pink", "pink", "rose"),
    "brown": ("brown", "brown", "chocolate"),
    "white": ("white", "white", "ivory"),
    "grey": ("grey", "grey", "gray", "silver"),
    "black": ("black", "black", "ebony"),
}
MATERIAL_WORDS = {
    "matte": ("matte", "dull"),
    "plastic": ("plastic", "shiny", "glossy"),
    "metal": ("metal", "metallic", "steel"),
    "glass": ("glass", "transparent", "crystal"),
    "rubber": ("rubber",),
    "wood": ("wooden", "wood"),
    "marble": ("marble", "veined"),
    "stone": ("stone", "rough"),
    "velvet": ("velvet", "fuzzy"),
    "striped": ("striped",),
    "dotted": ("dotted", "spotted"),
    "glowing": ("glowing", "luminous"),
}
MOTION_WORDS = {
    "still": ("stands still", "rests", "stays still", "does not move"),
    "left": ("slides left", "moves to the left", "slides to the left", "drifts left", "moving left"),
    "right": ("slides right", "moves to the right", "slides to the right", "drifts right", "moving right"),
    "rise": ("rises", "rises up", "floats up", "moves up", "floating upward"),
    "circle": ("circles around", "moves in a circle", "goes around in circles"),
    "spin": ("spins", "rotates", "is spinning", "turns around itself", "spinning"),
    "grow": ("grows", "gets bigger", "grows larger", "is growing", "expands"),
    "bounce": ("bounces", "bounces up and down", "is bouncing", "bouncing", "hops up and down"),
    "throw_left": ("is thrown to the left", "flies left in an arc", "is tossed left", "leaps to the left"),
    "throw_right": ("is thrown to the right", "flies right in an arc", "is tossed right", "leaps to the right"),
    "swing": ("swings on a string", "swings like a pendulum", "is a pendulum", "hangs from a string and swings"),
    "roll_left": ("rolls left", "rolls to the left", "rolling left"),
    "roll_right": ("rolls right", "rolls to the right", "rolling right"),
    "roll_down": ("rolls down a ramp", "rolls downhill", "rolls down a slope", "rolling down a ramp"),
    "sweep": ("while the light sweeps over", "as the light moves around", "under a moving light"),
    "collide": ("collides with", "bumps into", "hits"),
    "ripple": ("ripples", "makes waves", "rippling"),
    "flutter": ("flutters in the wind", "waves in the wind", "fluttering"),
    "pour": ("pour down", "fall into a heap", "pouring down"),
    "drift": ("rises and drifts", "drifts up", "billows"),
}
PATH_WORDS = ("moves", "moving", "drifts", "floats", "travels")
CAMERA_PATH_WORDS = ("the camera moves", "camera moves", "")
PAIR_MOTION_WORDS = {
    "still": ("", "", ", both still", ", standing still"),
    "spin": (", both spinning", ", both spin", ", both rotate"),
    "sweep": (", the light sweeps over", ", as the light moves around", ", under a moving light"),
}
RELATION_WORDS = {
    "left_of": ("to the left of", "left of", "on the left of"),
    "right_of": ("to the right of", "right of", "on the right of"),
    "above": ("on top of", "above", "stacked on"),
    "below": ("below", "beneath", "underneath"),
    "in_front_of": ("in front of", "before"),
    "behind": ("behind", "in the back of"),
}
BACKGROUND_WORDS = {
    "studio": ("in a studio", "in a grey studio", "in a concrete hall"),
    "meadow": ("in a meadow", "on the grass", "in a green field", "among hills and trees"),
    "desert": ("in the desert", "among dunes", "on the sand of a desert"),
    "night": ("at night", "under the moon", "in the dark at night", "under the stars"),
    "tiles": ("on a checkered floor", "on a tiled floor", "in a room with tiles", "on a chessboard floor"),
    "city": ("in a city", "on a street", "with a skyline", "downtown"),
    "snow": ("in the snow", "in winter", "among snowy mountains"),
    "sea": ("on a beach", "by the sea", "at the seaside", "on the shore"),
}
STYLE_WORDS = {
    "plain": ("", "", "", "realistic", "a plain render"),
    "toon": ("cartoon style", "as a cartoon", "toon style"),
    "pencil": ("pencil drawing", "drawn in pencil", "as a pencil sketch"),
    "watercolour": ("watercolour", "as a watercolour painting", "watercolor style"),
    "pixel": ("pixel art", "as pixel art", "retro pixels"),
    "noir": ("black and white", "film noir", "noir style"),
    "clay": ("clay animation", "made of clay", "claymation"),
    "neon": ("neon style", "in neon lines", "neon"),
    "risograph": ("risograph print", "as a risograph", "halftone print"),
    "thermal": ("thermal camera", "seen in infrared", "as a heat image"),
}
LIGHT_WORDS = {
    "left": ("light from the left", "light on the left side"),
    "right": ("light from the right", "light on the right side"),
    "above": ("light from above", "light overhead"),
    "front": ("light from the front", "light from ahead"),
}
WARMTH_WORDS = {"neutral": ("", ""), "warm": ("warm", "evening"), "cold": ("cold", "cool")}
CAMERA_WORDS = {
    "static": ("static camera", "the camera is still", "fixed shot"),
    "pan_left": ("the camera pans left", "pan to the left", "pan left"),
    "pan_right": ("the camera pans right", "pan to the right", "pan right"),
    "tilt_up": ("the camera tilts up", "camera tilt up", "tilt up"),
    "tilt_down": ("the camera tilts down", "camera tilt down", "tilt down"),
    "roll": ("the camera rolls", "camera roll", "dutch roll"),
    "dolly_in": ("the camera dollies in", "dolly in", "the camera moves closer"),
    "dolly_out": ("the camera dollies out", "dolly out", "the camera backs away"),
    "truck_left": ("the camera trucks left", "truck left", "tracking shot to the left"),
    "truck_right": ("the camera trucks right", "truck right", "tracking shot to the right"),
    "pedestal_up": ("the camera pedestals up", "pedestal up", "crane up"),
    "pedestal_down": ("the camera pedestals down", "pedestal down", "crane down"),
    "orbit_left": ("the camera orbits left", "orbit left", "camera circles to the left"),
    "orbit_right": ("the camera orbits right", "orbit right", "camera circles to the right"),
    "zoom_in": ("the camera zooms in", "zoom in"),
    "zoom_out": ("the camera zooms out", "zoom out"),
    "dolly_zoom": ("dolly zoom", "vertigo shot"),
    "handheld": ("handheld camera", "shaky handheld shot", "handheld shot"),
}
SPEED_WORDS = {"slow": ("slowly", "slow"), "normal": ("",), "fast": ("fast", "quickly")}
OPENINGS = ("", "", "", "a video of ", "a clip of ", "an animation of ", "a shot of ")
_UNCOUNTABLE = ("water", "smoke", "beads")
MOST_WORDS = 28
"""In a caption, so that the text encoder of the large preset reads it whole."""
_EMPTY_SHARE, _SHORT_SHARE = 0.10, 0.25


def caption(spec: WorldSpec, rng: np.random.Generator) -> str:
    """A caption of the scene in lower case, of 28 words at most. One in ten is empty; one in four names the things,
    perhaps with their motion, and nothing else."""
    chance = rng.random()
    if chance < _EMPTY_SHARE:
        return ""
    is_short = chance < _EMPTY_SHARE + _SHORT_SHARE
    things = _pair(spec, rng, is_short) if spec.is_pair else _alone(spec, rng, is_short)
    if is_short:
        return things
    opening, words = _pick(rng, OPENINGS), f"{things} {_pick(rng, BACKGROUND_WORDS[spec.background])}"
    light, rest = _of_light(spec, rng), _of_camera(spec, rng) + _of_style(spec, rng)
    choices = (opening + words + light + rest, opening + words + rest, words + rest)
    return next((text for text in choices if len(text.split()) <= MOST_WORDS), words)


def _alone(spec: WorldSpec, rng: np.random.Generator, is_short: bool) -> str:
    thing = _thing(spec, rng, is_short)
    if is_short and rng.random() < 0.4:
        return thing
    return f"{thing} {_pick(rng, PATH_WORDS if spec.motion == 'path' else MOTION_WORDS[spec.motion])}"


def _pair(spec: WorldSpec, rng: np.random.Generator, is_short: bool) -> str:
    one, other = _thing(spec, rng, is_short), _thing(spec.other(), rng, is_short)
    if spec.motion != "collide":
        between = _pick(rng, RELATION_WORDS[spec.relation])
        return f"{one} {between} {other}{_pick(rng, PAIR_MOTION_WORDS[spec.motion])}"
    if spec.relation == "left_of":
        return f"{one} {_pick(rng, MOTION_WORDS['collide'])} {other}"
    return f"{one} is hit by {other}"


def _thing(spec: WorldSpec, rng: np.random.Generator, is_short: bool) -> str:
    """Article, colour, material, shape; what shows no colour is named without one."""
    if spec.shape == "word":
        return _writing(spec, rng)
    words = [_pick(rng, COLOUR_WORDS[spec.colour])] if spec.shows_colour else []
    if spec.shape not in STUFFS and rng.random() < (0.25 if is_short else 0.6):
        words.append(_pick(rng, MATERIAL_WORDS[spec.material]))
    words.append(_pick(rng, SHAPE_WORDS[spec.shape]))
    if spec.shape in _UNCOUNTABLE and words[-1] not in ("pool",):
        return " ".join(words)
    return f"{'an' if words[0][0] in 'aeiou' else 'a'} {' '.join(words)}"


def _writing(spec: WorldSpec, rng: np.random.Generator) -> str:
    colour = _pick(rng, COLOUR_WORDS[spec.colour]) if spec.shows_colour else ""
    name = _pick(rng, SHAPE_WORDS["word"])
    return " ".join(f"the {colour} {name} {spec.text}".split())


def _of_light(spec: WorldSpec, rng: np.random.Generator) -> str:
    if spec.motion == "sweep" or rng.random() < 0.6:
        return ""
    return f", {_pick(rng, WARMTH_WORDS[spec.warmth])} {_pick(rng, LIGHT_WORDS[spec.light])}".replace("  ", " ")


def _of_camera(spec: WorldSpec, rng: np.random.Generator) -> str:
    """A still camera is seldom spoken of."""
    if spec.camera == "path":
        words = _pick(rng, CAMERA_PATH_WORDS)
        return f", {words}" if words else ""
    if spec.camera == "static":
        return f", {_pick(rng, CAMERA_WORDS['static'])}" if rng.random() < 0.3 else ""
    return f", {_pick(rng, CAMERA_WORDS[spec.camera])} {_pick(rng, SPEED_WORDS[spec.camera_speed])}".rstrip()


def _of_style(spec: WorldSpec, rng: np.random.Generator) -> str:
    words = _pick(rng, STYLE_WORDS[spec.style])
    return f", {words}" if words else ""


def vocabulary() -> list[str]:
    """Every word the grammar can say, sorted, and the names that things go by."""
    tables = (
        *(SHAPE_WORDS, COLOUR_WORDS, MATERIAL_WORDS, MOTION_WORDS, PAIR_MOTION_WORDS, RELATION_WORDS),
        *(BACKGROUND_WORDS, STYLE_WORDS, LIGHT_WORDS, WARMTH_WORDS, CAMERA_WORDS, SPEED_WORDS),
    )
    phrases = [phrase for table in tables for choices in table.values() for phrase in choices]
    named = (*SHAPE_WORDS, *PATH_WORDS, *CAMERA_PATH_WORDS, *OPENINGS, *TEXTS, "a an the is hit by")
    return sorted(set(" ".join((*phrases, *named)).replace(",", " ").split()))


def _pick(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[rng.integers(len(choices))]
