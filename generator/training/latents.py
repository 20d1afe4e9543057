"""The latent pool: scenes rendered and encoded once, so that the transformer's steps cost no pixels."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from generator.embedded.config import ModelConfig
from generator.embedded.devices import exactly
from generator.embedded.layout import Layout, layout_of
from generator.embedded.text import WordTokenizer
from generator.embedded.vae import CausalVAE
from generator.scenes.worlds import SHAPES, World, world_named
from generator.training.pool import rendered_batches
from generator.training.run import Run

_CLIP_SEEDS, _STILL_SEEDS = 1_000_000, 2_000_000


@dataclass
class LatentPool:
    """Normalised clean latents (N, C, F, H, W) float16 and the scene each came from."""

    latents: Tensor
    specs: list[Any]
    world: World[Any] = SHAPES
    _layouts: Layout | None = field(default=None, init=False, repr=False)

    def layouts(self, rows: list[int], config: ModelConfig, tokenizer: WordTokenizer) -> Layout:
        """Where things and the camera are in those rows. All rows' are worked out once, which takes seconds."""
        if self._layouts is None:
            self._layouts = layout_of(self.specs, config, tokenizer)
        return self._layouts.rows(rows)

    def captions(self, rows: list[int], rng: np.random.Generator) -> list[str]:
        """A fresh caption for each row: the grammar has many for one scene."""
        return [self.world.caption(self.specs[row], rng) for row in rows]


def make_pools(
    config: ModelConfig, vae: CausalVAE, run: Run, clips: int, stills: int, *, has_scale: bool = False
) -> tuple[LatentPool, LatentPool]:
    """`stills` encoded first frames and `clips` encoded clips; kept in the run.

    Normalises the VAE by the clips' own statistics: from here on each channel has unit variance. A VAE that
    `has_scale` keeps its own.
    """
    state = run.load("latents")
    if state is None:
        moving, moving_specs = _encoded(config, vae, run, _CLIP_SEEDS, clips, config.frames)
        still, still_specs = _encoded(config, vae, run, _STILL_SEEDS, stills, 1)
        mean, std = moving.mean((0, 2, 3, 4), keepdim=True), moving.std((0, 2, 3, 4), keepdim=True)
        if has_scale:
            mean, std = (value.view(1, -1, 1, 1, 1) for value in vae.statistics())
        state = {
            "mean": mean.flatten(),
            "std": std.flatten(),
            "clip_specs": moving_specs,
            "still_specs": still_specs,
        }
        state |= {"clips": ((moving - mean) / std).half(), "stills": ((still - mean) / std).half()}
        run.save("latents", state)
    vae.normalise_by(state["mean"], state["std"])
    world = world_named(config.world)
    return tuple(  # type: ignore[return-value]
        LatentPool(state[kind + "s"], [world.from_fields(**spec) for spec in state[kind + "_specs"]], world)
        for kind in ("still", "clip")
    )


def _encoded(
    config: ModelConfig, vae: CausalVAE, run: Run, offset: int, count: int, frames: int
) -> tuple[Tensor, list[dict[str, Any]]]:
    first = run.seed * 10_000_000 + offset
    batch = 4 if frames > 1 else 32
    batches = rendered_batches(config, range(first, first + count), frames, batch, run.device)
    vae.to(run.device)
    raw: list[Tensor] = []
    specs: list[dict[str, Any]] = []
    total = -(-count // batch)
    for scenes, clips in track(batches, f"encode {frames}-frame scenes", total=total, disable=run.quiet):
        specs += [asdict(scene) for scene in scenes]
        raw.append(_encode(vae.encoder, clips.to(run.device).permute(0, 4, 1, 2, 3).contiguous()).cpu())
    vae.to("cpu")
    return torch.cat(raw), specs


@torch.no_grad()
def _encode(encoder: Callable[[Tensor], Tensor], frames: Tensor) -> Tensor:
    with exactly():
        return encoder(frames.float() / 127.5 - 1)
