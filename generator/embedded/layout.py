"""Where things and the camera are meant to be: what stands beside the words and says in numbers what they can't.

A layout is sampled at a few instants of each token. Every token learns where the things lie from its own place,
which words each of them goes by, and how the camera stands (boxes with phrases as in GLIGEN, arXiv:2301.07093,
moved along time; the camera path as in MotionCtrl, arXiv:2312.03641). It comes from a person's own numbers, or is
read off the prompt (`generator.scenes.planning`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.embedded.conditioning import latent_frames_of, token_frames
from generator.embedded.config import ModelConfig
from generator.embedded.text import PAD, WordTokenizer
from generator.scenes.worlds import world_named

INSTANTS = 4
"""Samples of each token's stretch of time."""
MOST_THINGS, PHRASE_WORDS = 2, 2
_OF_THING, _OF_CAMERA = 4 * INSTANTS + 1, 4 * INSTANTS + 2
FEATURES = MOST_THINGS * _OF_THING + _OF_CAMERA
_FURTHEST = 2.0

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Layout:
    """Layouts of a batch; what is not given is zero and counts for nothing.

    `things` (B, 2, T, `INSTANTS`, 3): x, y and radius in half frame heights from the picture's middle, y down, as
    seen; `has_thing` (B, 2); `phrases` (B, 2, 2) word ids; `camera` (B, T, `INSTANTS`, 4): shift x, y, log
    magnification, turn in radians, clockwise; `behind` (B,): the background's share of them; `has_camera` (B,).
    """

    things: Tensor
    has_thing: Tensor
    phrases: Tensor
    camera: Tensor
    behind: Tensor
    has_camera: Tensor

    def to(self, device: str) -> "Layout":
        """The same on a device."""
        return Layout(**{name: value.to(device) for name, value in vars(self).items()})

    def rows(self, chosen: Sequence[int]) -> "Layout":
        """Some of the batch."""
        return Layout(**{name: value[list(chosen)] for name, value in vars(self).items()})

    def beside_none(self, times: int = 1) -> "Layout":
        """The batch, and `times` more with nothing given: for guidance."""
        bare = self.without(torch.zeros_like(self.has_thing), torch.zeros_like(self.has_camera))
        sides = {name: [value, *[vars(bare)[name]] * times] for name, value in vars(self).items()}
        return Layout(**{name: torch.cat(side) for name, side in sides.items()})

    def without(self, things: Tensor, camera: Tensor) -> "Layout":
        """Only those things (B, 2) and cameras (B,), bool, that are kept."""
        return replace(self, has_thing=self.has_thing & things, has_camera=self.has_camera & camera)


def instants_of(config: ModelConfig) -> NDArray[np.float64]:
    """The times (T, `INSTANTS`), 0 to 1 over the model's clip, at which each token along time is sampled."""
    tokens = token_frames(config)
    of_latents = latent_frames_of(torch.arange(tokens)[None], config)[0].numpy()
    group = config.vae.group_frames
    owners = np.concatenate([of_latents[:1], np.repeat(of_latents[1:], group)])
    spans = [np.flatnonzero(owners == token) for token in range(tokens)]
    return np.stack([np.linspace(span[0], span[-1], INSTANTS) for span in spans]) / max(config.frames - 1, 1)


def layout_of(specs: Sequence[Any], config: ModelConfig, tokenizer: WordTokenizer) -> Layout:
    """The layouts of scenes of the model's world: everything given."""
    world = world_named(config.world)
    times = instants_of(config)
    count = len(specs)
    things = np.zeros((count, MOST_THINGS, *times.shape, 3), np.float32)
    camera = np.zeros((count, *times.shape, 4), np.float32)
    behind = np.ones(count, np.float32)
    phrases = torch.full((count, MOST_THINGS, PHRASE_WORDS), PAD)
    for row, spec in enumerate(specs):
        placed = world.placed(spec, times)
        camera[row], behind[row] = placed.camera, placed.behind
        things[row, : len(placed.things)] = placed.things
        for index, names in enumerate(placed.names):
            phrases[row, index] = phrase_ids(names, tokenizer)
    has_thing = torch.tensor([[True, spec.is_pair] for spec in specs])
    return Layout(
        torch.from_numpy(things), has_thing, phrases, torch.from_numpy(camera), torch.from_numpy(behind),
        torch.ones(count, dtype=torch.bool),
    )  # fmt: skip


def phrase_ids(words: Sequence[str], tokenizer: WordTokenizer) -> Tensor:
    """Ids (2,) of the words that a thing goes by."""
    ids = [tokenizer.index(word) for word in words[:PHRASE_WORDS]]
    known = [index for index in ids if index is not None]
    return torch.tensor(known + [PAD] * (PHRASE_WORDS - len(known)))


def drawn_from(layout: Layout, draw: torch.Generator) -> Layout:
    """Training's choice of what is given: nothing in three of ten, else mostly things and camera, apart."""
    count = len(layout.has_camera)
    any_given = torch.rand(count, generator=draw) < 0.7
    things = (torch.rand(count, generator=draw) < 0.85) & any_given
    camera = (torch.rand(count, generator=draw) < 0.85) & any_given
    return layout.without(things[:, None].expand(-1, MOST_THINGS), camera)


class LayoutEmbedder(nn.Module):
    """A layout to what it adds to each token (B, N, width): nothing where nothing is given."""

    def __init__(self, width: int, text_width: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(FEATURES, width), nn.Linear(width, width)
        self.phrase = nn.Linear(text_width, width, bias=False)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)
        nn.init.normal_(self.phrase.weight, std=0.01)

    def forward(self, layout: Layout, words: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """`words` (B, 2, text width) is the mean vector of each thing's phrase; `grid` (T, rows, columns)."""
        features, presence = token_features(layout, grid)
        is_given = (layout.has_thing.any(1) | layout.has_camera)[:, None, None]
        told = torch.nn.functional.silu(self.up(features))
        named = torch.einsum("bkn,bkw->bnw", presence, self.phrase(words))
        out: Tensor = (self.down(told) + named) * is_given
        return out


def token_features(layout: Layout, grid: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """What each token (row-major over frame, row, column) sees: (B, N, `FEATURES`), and each thing's presence
    (B, 2, N), 0.0 to 1.0."""
    frames, rows, columns = grid
    device = layout.things.device
    y, x = torch.meshgrid(
        *((torch.arange(side, device=device) + 0.5) * 2 / side - 1 for side in (rows, columns)), indexing="ij"
    )
    # (B, 2, T, 1, 1, S): every thing at every instant, from every token's own place
    at = layout.things[:, :, :frames, None, None]
    away_x = (at[..., 0] - x[:, :, None]).clamp(-_FURTHEST, _FURTHEST)
    away_y = (at[..., 1] - y[:, :, None]).clamp(-_FURTHEST, _FURTHEST)
    radius = at[..., 2].expand_as(away_x)
    near = torch.exp(-(away_x**2 + away_y**2) / (radius + 1 / rows) ** 2)
    given = layout.has_thing[:, :, None, None, None, None].to(near.dtype)
    seen = torch.cat([away_x, away_y, radius, near, torch.ones_like(near[..., :1])], dim=-1) * given
    presence = (near * given).mean(-1)
    of_things = seen.permute(0, 2, 3, 4, 1, 5).flatten(4)
    camera = torch.cat([layout.camera[:, :frames].flatten(2), *_flags(layout, frames)], dim=-1)
    camera = camera * layout.has_camera[:, None, None]
    of_camera = camera[:, :, None, None].expand(-1, -1, rows, columns, -1)
    return torch.cat([of_things, of_camera], dim=-1).flatten(1, 3), presence.flatten(2)


def _flags(layout: Layout, frames: int) -> tuple[Tensor, Tensor]:
    behind = layout.behind[:, None, None].expand(-1, frames, 1)
    return behind, torch.ones_like(behind)
