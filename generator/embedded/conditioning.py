"""What of a clip is given: known latent frames stand clean (t = 0) beside those that are sampled.

One mechanism serves a first frame, a first and a last one, the end of an earlier clip, and a gap to fill: the
transformer takes a time per token. Known frames are whole tokens: `patch_frames` latent frames each, the first
token holding the first latent frame alone where zeros fill it up.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from generator.embedded.config import ModelConfig


@dataclass(frozen=True)
class Known:
    """Clean latents (1, C, F, H, W) and which of their frames are known, bool (F,)."""

    latents: Tensor
    frames: Tensor

    def put_into(self, x: Tensor) -> Tensor:
        """`x` (1, C, F, H, W) with the known frames in their places."""
        return torch.where(self.frames.view(1, 1, -1, 1, 1), self.latents, x)


def token_frames(config: ModelConfig) -> int:
    """Tokens along time."""
    return -(-config.latent_shape[1] // config.dit.patch_frames)


def latent_frames_of(tokens: Tensor, config: ModelConfig) -> Tensor:
    """Which latent frames (B, F) belong to tokens along time (B, T)."""
    return tokens.repeat_interleave(config.dit.patch_frames, dim=1)[:, -config.latent_shape[1] :]


def frames_in_tokens(tokens: int, config: ModelConfig) -> int:
    """How many frames of a clip its first tokens along time hold."""
    held = latent_frames_of(torch.arange(token_frames(config))[None] < tokens, config)
    return max(0, 1 + (int(held.sum()) - 1) * config.vae.group_frames)


def token_times(t: Tensor, known: Tensor, config: ModelConfig) -> Tensor:
    """Times (B, tokens), row-major: `t` (B,) where a token is sampled, 0 where it is `known` (B, T)."""
    times = torch.where(known, 0.0, t[:, None])
    rows, columns = (side // config.dit.patch for side in config.latent_shape[2:])
    return times.repeat_interleave(rows * columns, dim=1)


def tokens_of(frames: Tensor, config: ModelConfig) -> Tensor:
    """Which tokens along time (B, T) are known for known latent frames (B, F): those whose frames all are."""
    lead = -frames.shape[1] % config.dit.patch_frames
    filled = torch.cat([frames[:, :1].expand(-1, lead), frames], dim=1)
    return filled.view(len(frames), -1, config.dit.patch_frames).all(2)


def draw_known(batch: int, tokens: int, draw: torch.Generator) -> Tensor:
    """Training's choice of known tokens along time, bool (B, T): half the clips none, then a first frame, a first
    half, both ends, the end, or any. Never all."""
    known = torch.zeros(batch, tokens, dtype=torch.bool)
    kinds = torch.rand(batch, generator=draw).tolist()
    for row, kind in enumerate(kinds):
        if kind < 0.18:
            known[row, 0] = True
        elif kind < 0.33:
            known[row, : max(1, tokens // 2)] = True
        elif kind < 0.42:
            known[row, 0] = known[row, -1] = True
        elif kind < 0.45:
            known[row, -1] = True
        elif kind < 0.5:
            known[row] = torch.rand(tokens, generator=draw) < 0.5
    known[known.all(1), -1] = False
    return known
