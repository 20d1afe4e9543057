"""From a request to the layout that its first part follows: what its prompt says, and its guide in numbers."""

from dataclasses import replace

import numpy as np
import torch

from core.errors import UsageError
from generator.embedded.config import ModelConfig
from generator.embedded.layout import MOST_THINGS, Layout, instants_of, layout_of
from generator.embedded.text import WordTokenizer
from generator.guide import Guide
from generator.port import GenerationRequest
from generator.scenes.spec import BACKGROUND_SHARE
from generator.scenes.worlds import world_named

_POSES = 25


def directed(
    request: GenerationRequest, config: ModelConfig, tokenizer: WordTokenizer, *, plans: bool = True
) -> Layout | None:
    """The layout (of one clip) for the request's own prompt; None where neither prompt nor guide gives any, or the
    prompt is not to be planned and there is no guide.

    Where pictures are given the prompt's places are left out: the things lie where they are seen. A clip to change
    or to go on from is followed as it is.

    Raises:
        UsageError: a stroke for a thing that the prompt does not name.
    """
    guide, use = request.guide, request.media_use
    if not config.takes_layout or (guide is None and (use.has_clip or not plans)):
        return None
    world = world_named(config.world)
    scene = world.planned(request.prompt, request.seed, request.camera)
    if scene is None and guide is None:
        return None
    is_planned = scene is not None
    scene = scene or world.nobody
    if guide is not None and guide.camera:
        scene = replace(scene, camera="path", camera_path=_even_poses(guide))
    layout = layout_of([scene], config, tokenizer)
    places_known = is_planned and not (use.has_first_frame or use.has_last_frame or use.has_clip)
    named = layout.has_thing if is_planned else torch.zeros_like(layout.has_thing)
    stroked = _follow_strokes(layout, named, guide, config) if guide is not None else torch.zeros_like(named)
    things = (named if places_known else torch.zeros_like(named)) | stroked
    camera = torch.tensor([(is_planned and not use.has_clip) or bool(guide and guide.camera)])
    return replace(layout, has_thing=things, has_camera=camera)


def _follow_strokes(layout: Layout, named: torch.Tensor, guide: Guide, config: ModelConfig) -> torch.Tensor:
    """Writes the strokes into the layout's places; which things (1, 2) have one."""
    times = instants_of(config)
    stroked = torch.zeros(1, MOST_THINGS, dtype=torch.bool)
    for stroke in guide.strokes:
        if not named[0, stroke.thing - 1]:
            count = int(named.sum())
            raise UsageError(
                f"a stroke moves thing {stroke.thing}, but the prompt names {count or 'none'}",
                code="guide",
                hint='Name what moves by its shape, for example "a red ball".',
            )
        at, *places = zip(*stroke.points, strict=True)
        for axis, values in enumerate(places):
            layout.things[0, stroke.thing - 1, ..., axis] = torch.from_numpy(np.interp(times, at, values))
        stroked[0, stroke.thing - 1] = True
    return stroked


def _even_poses(guide: Guide) -> tuple[tuple[float, float, float, float, float], ...]:
    """The camera's path as poses evenly in time."""
    behind = BACKGROUND_SHARE if guide.travels else 1.0
    times = [pose.time for pose in guide.camera]

    def between(value: str) -> list[float]:
        return [
            float(one)
            for one in np.interp(np.linspace(0, 1, _POSES), times, [getattr(pose, value) for pose in guide.camera])
        ]

    turns = [float(np.radians(turn)) for turn in between("roll_deg")]
    return tuple(zip(between("x"), between("y"), between("zoom"), turns, [behind] * _POSES, strict=True))
