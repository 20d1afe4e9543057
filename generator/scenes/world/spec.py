"""What stands in a scene of the wide world: its tables, its spec, and which combinations training never sees."""

from dataclasses import dataclass, replace

from generator.scenes.holding import is_held_out_at

SOLIDS = ("ball", "cube", "cylinder", "cone", "ring", "word")
STUFFS = {"water": "ripple", "cloth": "flutter", "beads": "pour", "smoke": "drift"}
"""What has a motion of its own, and only that one."""
SHAPES = (*SOLIDS, *STUFFS)
FLAT_TOPPED = ("cube", "cylinder")
"""What another thing can stand on."""
COLOURS = {
    "red": (0.85, 0.09, 0.10),
    "orange": (0.98, 0.46, 0.04),
    "yellow": (0.98, 0.85, 0.10),
    "lime": (0.62, 0.90, 0.10),
    "green": (0.08, 0.58, 0.18),
    "teal": (0.03, 0.50, 0.47),
    "cyan": (0.15, 0.82, 0.90),
    "blue": (0.12, 0.34, 0.93),
    "navy": (0.07, 0.11, 0.42),
    "purple": (0.46, 0.14, 0.78),
    "magenta": (0.88, 0.08, 0.68),
    "pink": (1.00, 0.58, 0.72),
    "brown": (0.42, 0.23, 0.11),
    "white": (0.93, 0.93, 0.91),
    "grey": (0.48, 0.48, 0.49),
    "black": (0.07, 0.07, 0.08),
}
"""sRGB albedos, 0.0 to 1.0."""
MATERIALS = (
    *("matte", "plastic", "metal", "glass", "rubber", "wood"),
    *("marble", "stone", "velvet", "striped", "dotted", "glowing"),
)
PATTERNED = ("wood", "marble", "stone", "striped", "dotted")
"""Materials on which a round body is seen to turn."""
RESTITUTIONS = dict(
    zip(MATERIALS, (0.6, 0.72, 0.55, 0.65, 0.88, 0.5, 0.6, 0.45, 0.4, 0.7, 0.75, 0.65), strict=True)
)
"""Share of its speed that a thing of the material keeps when it lands or collides."""
MOTIONS = (
    *("still", "left", "right", "rise", "circle", "spin", "grow", "bounce", "throw_left", "throw_right"),
    *("swing", "roll_left", "roll_right", "roll_down", "sweep", "collide", *STUFFS.values()),
)
FALLING = ("bounce", "throw_left", "throw_right")
"""Motions in free flight under the scene's gravity."""
ROLLING = ("roll_left", "roll_right", "roll_down")
ROLLERS = ("ball", "cylinder", "ring")
PAIR_MOTIONS = ("still", "spin", "sweep", "collide")
CAMERAS = (
    *("static", "pan_left", "pan_right", "tilt_up", "tilt_down", "roll", "dolly_in", "dolly_out", "truck_left"),
    *("truck_right", "pedestal_up", "pedestal_down", "orbit_left", "orbit_right", "zoom_in", "zoom_out"),
    *("dolly_zoom", "handheld"),
)
CAMERA_SPEEDS = {"slow": 0.6, "normal": 1.0, "fast": 1.5}
BACKGROUNDS = ("studio", "meadow", "desert", "night", "tiles", "city", "snow", "sea")
STYLES = (*("plain", "toon", "pencil", "watercolour", "pixel", "noir", "clay", "neon", "risograph", "thermal"),)
COLOURLESS = ("noir", "thermal")
"""Styles that do not show a thing's colour; their captions leave it out."""
LIGHTS = ("left", "right", "above", "front")
"""Where the light comes from, seen from the camera."""
WARMTHS = ("neutral", "warm", "cold")
TEXTS = ("hello", "love", "play", "sun", "joy", "zen", "yes", "wow", "cat", "go", "sky", "fun")
RELATIONS = ("left_of", "right_of", "above", "below", "in_front_of", "behind")
"""Where the main thing stands, seen from the other one."""

PLAIN_MATERIAL = "matte"
"""Of water, cloth, beads and smoke, of which no caption names a material."""


@dataclass(frozen=True)
class WorldSpec:
    """One scene. Lengths in world units (the main thing's middle is some 5 from the camera, which sees 4 of them
    from top to bottom there), y up from the floor, angles in radians.

    `x`, `z` is where the main thing stands (z away from the camera), `radius` its unit length, `yaw` its turn about
    the vertical, `speed` scales the motion around 1.0, `phase` moves it in time, `tint` (-1 to 1) shifts the
    background's brightness, `variant` (0 to 1) places hills, clouds and grain. `text` is what a "word" reads. With
    a second thing, `relation` says where the main one is from it. The motion "path" goes through `path`'s places in
    the picture (half frame heights, y down), the camera "path" through `camera_path`'s poses (shift x, y,
    magnification, turn, 1 where it turns or less where it travels), evenly in time and straight between them.
    """

    shape: str
    colour: str
    motion: str
    camera: str
    background: str
    material: str = "matte"
    style: str = "plain"
    camera_speed: str = "normal"
    light: str = "left"
    warmth: str = "neutral"
    text: str = ""
    x: float = 0.0
    z: float = 0.0
    radius: float = 0.7
    yaw: float = 0.0
    speed: float = 1.0
    phase: float = 0.0
    tint: float = 0.0
    variant: float = 0.5
    other_shape: str = ""
    other_colour: str = ""
    other_material: str = ""
    other_text: str = ""
    relation: str = ""
    path: tuple[tuple[float, float], ...] = ()
    camera_path: tuple[tuple[float, float, float, float, float], ...] = ()

    @property
    def is_pair(self) -> bool:
        """Whether there is a second thing."""
        return bool(self.other_shape)

    @property
    def shows_colour(self) -> bool:
        """Whether the style shows what colour things have."""
        return self.style not in COLOURLESS

    def other(self) -> "WorldSpec":
        """The second thing as a main one, at the same place; where it really stands `motion` works out."""
        return replace(
            self,
            shape=self.other_shape,
            colour=self.other_colour,
            material=self.other_material,
            text=self.other_text,
        )


def makes_sense(shape: str, motion: str, material: str) -> bool:
    """Whether the motion can be made by the shape and is seen on it."""
    if shape in STUFFS or motion in STUFFS.values():
        return STUFFS.get(shape) == motion
    if motion in ROLLING:
        return shape in ROLLERS and material in PATTERNED
    if motion == "spin":
        return shape != "ball" or material in PATTERNED
    if motion == "collide":
        return shape in ("ball", "cube", "cylinder")
    return True


def is_held_out(colour: str, shape: str, motion: str) -> bool:
    """Whether training never sees this combination. One in eight, spread so that every pair is seen."""
    if motion not in MOTIONS:
        return False
    return is_held_out_at((colour, tuple(COLOURS)), (shape, SHAPES), (motion, MOTIONS))


def is_held_out_pair(colour: str, shape: str, other_colour: str, other_shape: str) -> bool:
    """Whether training never sees these two things together, in this order. One in eight."""
    colours = tuple(COLOURS)
    return is_held_out_at((colour, colours), (shape, SHAPES), (other_colour, colours), (other_shape, SHAPES))
