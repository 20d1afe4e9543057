"""Procedural clips with captions and truth: what the embedded model learns from and is measured against.

A scene is a value (`SceneSpec`), drawn from a seed; rendering it is a pure function. Knows nothing of models.
"""

from generator.scenes.captions import caption
from generator.scenes.render import RenderedScene, render_scene
from generator.scenes.spec import SceneSpec, draw_spec, held_out_pairs, held_out_specs, is_held_out

__all__ = [
    "RenderedScene",
    "SceneSpec",
    "caption",
    "draw_spec",
    "held_out_pairs",
    "held_out_specs",
    "is_held_out",
    "render_scene",
]
