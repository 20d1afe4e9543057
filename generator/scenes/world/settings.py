"""The eight places a scene is set in: sky, floor and two rows of things far off, each at its own true depth."""

from dataclasses import dataclass

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Layer:
    """A row of things on the plane z = `depth`: silhouettes of a kind, up to `height` world units, in sRGB colours
    of foot and top, repeating about every `width` units, faded by `haze` (0 to 1)."""

    kind: str
    depth: float
    height: float
    width: float
    foot: Colour
    top: Colour
    haze: float


@dataclass(frozen=True)
class Setting:
    """One place. Colours are sRGB but for `ambient` (light from above), `bounce` (from below), both linear, and
    `light`, the lamp's strength; `pattern` is the floor's, in `floor` and `other_floor`."""

    sky_high: Colour
    sky_low: Colour
    floor: Colour
    other_floor: Colour
    pattern: str
    far: Layer
    near: Layer
    clouds: float = 0.0
    stars: float = 0.0
    disc: tuple[float, float, float] | None = None
    disc_colour: Colour = (1.0, 1.0, 1.0)
    ambient: Colour = (0.34, 0.36, 0.40)
    bounce: Colour = (0.20, 0.19, 0.18)
    light: float = 0.95


SETTINGS = {
    "studio": Setting(
        (0.52, 0.53, 0.56), (0.66, 0.67, 0.69), (0.74, 0.73, 0.72), (0.69, 0.68, 0.67), "concrete",
        Layer("panels", 9.0, 9.0, 2.6, (0.60, 0.60, 0.62), (0.50, 0.51, 0.54), 0.15),
        Layer("pillars", 5.0, 4.6, 4.2, (0.80, 0.79, 0.78), (0.86, 0.85, 0.84), 0.0),
        ambient=(0.40, 0.40, 0.42), bounce=(0.24, 0.23, 0.22),
    ),
    "meadow": Setting(
        (0.36, 0.60, 0.88), (0.80, 0.90, 0.95), (0.42, 0.56, 0.24), (0.52, 0.64, 0.28), "grass",
        Layer("hills", 22.0, 3.8, 13.0, (0.40, 0.55, 0.42), (0.52, 0.65, 0.56), 0.35),
        Layer("trees", 9.0, 2.1, 2.9, (0.20, 0.34, 0.17), (0.30, 0.47, 0.22), 0.05),
        clouds=0.8, ambient=(0.32, 0.38, 0.44), bounce=(0.16, 0.20, 0.10),
    ),
    "desert": Setting(
        (0.42, 0.60, 0.80), (0.95, 0.86, 0.72), (0.84, 0.69, 0.46), (0.75, 0.59, 0.37), "sand",
        Layer("mesas", 24.0, 5.0, 15.0, (0.66, 0.42, 0.30), (0.78, 0.54, 0.38), 0.30),
        Layer("dunes", 10.0, 1.5, 8.0, (0.80, 0.62, 0.40), (0.90, 0.74, 0.50), 0.05),
        disc=(0.62, 0.62, 0.10), disc_colour=(1.0, 0.97, 0.86),
        ambient=(0.38, 0.36, 0.34), bounce=(0.26, 0.20, 0.13),
    ),
    "night": Setting(
        (0.04, 0.06, 0.15), (0.17, 0.20, 0.34), (0.20, 0.23, 0.30), (0.15, 0.17, 0.24), "grass",
        Layer("mountains", 22.0, 4.4, 9.0, (0.12, 0.14, 0.24), (0.20, 0.23, 0.35), 0.15),
        Layer("trees", 9.0, 2.2, 2.7, (0.05, 0.08, 0.10), (0.09, 0.13, 0.16), 0.0),
        stars=1.0, disc=(-0.55, 0.60, 0.11), disc_colour=(0.96, 0.95, 0.84),
        ambient=(0.17, 0.19, 0.27), bounce=(0.07, 0.07, 0.10), light=0.72,
    ),
    "tiles": Setting(
        (0.60, 0.50, 0.42), (0.74, 0.64, 0.54), (0.86, 0.83, 0.77), (0.30, 0.28, 0.30), "checker",
        Layer("panels", 8.0, 9.0, 1.7, (0.66, 0.53, 0.42), (0.74, 0.62, 0.50), 0.05),
        Layer("pillars", 5.0, 5.2, 5.2, (0.88, 0.84, 0.78), (0.94, 0.91, 0.86), 0.0),
        ambient=(0.37, 0.35, 0.33), bounce=(0.22, 0.20, 0.18),
    ),
    "city": Setting(
        (0.50, 0.52, 0.68), (0.97, 0.78, 0.64), (0.42, 0.42, 0.45), (0.36, 0.36, 0.39), "road",
        Layer("towers", 20.0, 7.5, 3.1, (0.46, 0.45, 0.55), (0.58, 0.54, 0.62), 0.38),
        Layer("towers", 11.0, 3.6, 2.3, (0.26, 0.27, 0.34), (0.34, 0.34, 0.42), 0.06),
        clouds=0.45, ambient=(0.36, 0.34, 0.36), bounce=(0.17, 0.16, 0.16),
    ),
    "snow": Setting(
        (0.55, 0.70, 0.86), (0.88, 0.92, 0.96), (0.93, 0.95, 0.98), (0.84, 0.89, 0.95), "snow",
        Layer("mountains", 22.0, 5.6, 10.0, (0.55, 0.62, 0.72), (0.98, 0.98, 1.0), 0.22),
        Layer("firs", 9.0, 2.6, 1.9, (0.14, 0.27, 0.26), (0.78, 0.86, 0.88), 0.08),
        clouds=0.4, ambient=(0.40, 0.43, 0.48), bounce=(0.30, 0.32, 0.35),
    ),
    "sea": Setting(
        (0.28, 0.54, 0.84), (0.80, 0.92, 0.96), (0.93, 0.87, 0.72), (0.88, 0.81, 0.65), "beach",
        Layer("hills", 26.0, 2.6, 17.0, (0.34, 0.52, 0.50), (0.44, 0.60, 0.54), 0.42),
        Layer("sails", 13.0, 1.9, 6.4, (0.96, 0.95, 0.92), (0.99, 0.98, 0.95), 0.10),
        clouds=0.7, disc=(0.60, 0.66, 0.09), disc_colour=(1.0, 0.98, 0.88), ambient=(0.36, 0.40, 0.44),
        bounce=(0.25, 0.22, 0.16),
    ),
}  # fmt: skip
"""Light enough of saturation that a thing's colour stands alone; every one has a texture to track near and far."""
