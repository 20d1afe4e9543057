"""Picture and speed of the wide world: `python -m bench.wide_world --sheet docs/images/wide-world.webp --speed`.

The sheet is 24 scenes, one frame each, drawn at twice their size. Speed is that of scenes as training draws
them: in seconds of processor time on a CPU, on the clock elsewhere.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from generator.scenes.world import WorldSpec, draw_spec, render_at, render_batch

TILE_PX, COLUMNS = 192, 6


def _one(
    shape: str, colour: str, motion: str, place: str, time: float = 0.5, **more: Any
) -> tuple[WorldSpec, float]:
    given = {"material": "plastic", "radius": 0.74, "variant": 0.4, "yaw": 0.45 if shape == "cube" else 0.1, **more}
    return WorldSpec(shape, colour, motion, given.pop("camera", "static"), place, **given), time


def _two(
    colours: str, shapes: str, relation: str, place: str, time: float = 0.5, **more: Any
) -> tuple[WorldSpec, float]:
    (colour, other_colour), (shape, other_shape) = colours.split(), shapes.split()
    given = {"motion": "still", "radius": 0.55, "variant": 0.3, "yaw": 0.4, **more}
    camera, motion = given.pop("camera", "static"), given.pop("motion")
    spec = WorldSpec(
        shape, colour, motion, camera, place,
        other_shape=other_shape, other_colour=other_colour, relation=relation, **given,
    )  # fmt: skip
    return spec, time


SHEET = (
    _one("ball", "red", "bounce", "tiles", 0.55, material="rubber", radius=0.6),
    _one("ring", "cyan", "roll_right", "meadow", 0.6, material="striped"),
    _two("purple yellow", "ball cube", "above", "sea", material="glass", other_material="wood"),
    _one("water", "teal", "ripple", "snow", radius=1.0, light="right"),
    _one("cloth", "magenta", "flutter", "sea", 0.3, radius=1.0, material="matte"),
    _one("beads", "orange", "pour", "studio", 0.85, radius=1.0, material="matte"),
    _one("cube", "green", "still", "city", style="toon"),
    _one("cone", "orange", "throw_left", "desert", 0.35, style="pencil", radius=0.5, material="striped"),
    _two("pink blue", "cylinder ball", "left_of", "meadow", style="watercolour", other_material="dotted"),
    _one("ring", "lime", "spin", "night", 0.1, style="neon"),
    _one("word", "blue", "still", "snow", text="hello", radius=0.8, yaw=-0.2),
    _one("smoke", "purple", "drift", "desert", 0.7, radius=1.0, material="matte"),
    _one("ball", "yellow", "swing", "night", 0.2, material="glowing", radius=0.55),
    _one("ball", "blue", "roll_down", "studio", 0.45, material="marble", radius=0.5),
    _one("cylinder", "red", "spin", "tiles", style="pixel", material="striped"),
    _one("cube", "brown", "still", "meadow", style="clay", material="matte"),
    _one("ball", "red", "left", "sea", style="risograph"),
    _one("cone", "white", "still", "city", style="noir", light="right"),
    _two("orange teal", "ball cube", "left_of", "snow", 0.3, motion="collide", radius=0.5, other_material="metal"),
    _one("cube", "navy", "still", "desert", 0.85, camera="orbit_left", material="metal"),
    _one("ball", "green", "still", "snow", style="thermal"),
    _one("word", "red", "path", "meadow", text="play", path=((-0.3, -0.3), (0.2, -0.1)), material="wood"),
    _two("red white", "ring cone", "behind", "night", 0.7, material="velvet", other_material="stone"),
    _one("cylinder", "cyan", "grow", "sea", 0.75, material="glass", camera="roll"),
)


def sheet() -> np.ndarray:
    """The scenes of `SHEET` side by side, uint8 (H, W, 3)."""
    drawn = [render_at([spec], np.array([[time]]), 2 * TILE_PX)[0, 0].numpy() for spec, time in SHEET]
    small = [cv2.resize(frame, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA) for frame in drawn]
    rows = [np.concatenate(small[start : start + COLUMNS], 1) for start in range(0, len(small), COLUMNS)]
    return np.concatenate(rows, 0)


def frames_per_second(count: int, frames: int, size_px: int, device: str) -> float:
    """Of `count` training scenes of `frames` frames; the first textures are made before the clock starts."""
    specs = [draw_spec(np.random.default_rng(seed)) for seed in range(count)]
    render_batch(specs[:2], 2, size_px, device).sum().item()
    clock = time.process_time if device == "cpu" else time.perf_counter
    begun = clock()
    render_batch(specs, frames, size_px, device).sum().item()
    return count * frames / (clock() - begun)


def main() -> None:
    """Parse the command line, draw and measure."""
    parser = argparse.ArgumentParser(prog="bench.wide_world", description=__doc__)
    parser.add_argument("--sheet", type=Path, help="write the contact sheet there")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--scenes", type=int, default=16)
    parser.add_argument("--frames", type=int, default=49)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    asked = parser.parse_args()
    if asked.device == "cpu":
        torch.set_num_threads(1)
    if asked.sheet:
        cv2.imwrite(str(asked.sheet), sheet()[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 86])
    if asked.speed:
        found = frames_per_second(asked.scenes, asked.frames, asked.size, asked.device)
        print(f"{found:.1f} frames of {asked.size} pixels a second on {asked.device}")


if __name__ == "__main__":
    main()
