"""The wide world, which the large preset learns from: solid things in true perspective, what flows and pours,
twelve materials, eight places, ten styles, a moving camera.

A scene is a value (`WorldSpec`), drawn from a seed; rendering it is a pure function, batched on any device.
"""

from generator.scenes.world.captions import caption, vocabulary
from generator.scenes.world.drawing import draw_spec, held_out_pairs, held_out_specs
from generator.scenes.world.planning import planned_scene
from generator.scenes.world.render import RenderedWorld, WorldTruth, render_at, render_batch, render_world, truth_of
from generator.scenes.world.spec import WorldSpec, is_held_out

__all__ = [
    "RenderedWorld",
    "WorldSpec",
    "WorldTruth",
    "caption",
    "draw_spec",
    "held_out_pairs",
    "held_out_specs",
    "is_held_out",
    "planned_scene",
    "render_at",
    "render_batch",
    "render_world",
    "truth_of",
    "vocabulary",
]
