"""Diffusion transformer: noisy latents, times and text to the predicted clean latents.

Tokens are `patch` × `patch` latent positions of `patch_frames` latent frames; zeros before the first frame
fill its token, so that one frame alone looks like the start of a clip. 3-D rotary positions, adaLN-single
(arXiv 2310.00426), QK-norm, cross-attention to the text and the pooled text in the modulation. Times may be
one per clip or one per token, so that clean tokens (t = 0) can stand beside noisy ones.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.embedded.config import DiTConfig
from generator.embedded.layout import Layout, LayoutEmbedder

_ROTARY_BASE = 100.0
_TIME_FEATURES = 128

Placed = tuple[Layout, Tensor]
Turns = tuple[Tensor, Tensor]
"""Cosines and sines (N, head width / 2) of the rotary positions."""


class DiT(nn.Module):
    """Predicts m, the clean latents, from x_t. See `generator.embedded.flow`."""

    def __init__(self, config: DiTConfig, channels: int, text_width: int, *, takes_layout: bool = False) -> None:
        super().__init__()
        self.layout = LayoutEmbedder(config.width, text_width) if takes_layout else None
        self.config, width = config, config.width
        token = channels * config.patch**2 * config.patch_frames
        self.embed = nn.Linear(token, width)
        self.place = nn.Linear(6 * 4, width, bias=False)
        self.time = nn.Sequential(nn.Linear(_TIME_FEATURES, width), nn.SiLU(), nn.Linear(width, width))
        self.pooled = nn.Linear(text_width, width)
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(config, text_width) for _ in range(config.layers))
        self.final_modulation = nn.Linear(width, 2 * width)
        self.head = nn.Linear(width, token)
        for module in (self.modulation, self.final_modulation, self.head):
            nn.init.zeros_(module.weight)

    def forward(
        self, x: Tensor, t: Tensor, text: Tensor, pooled: Tensor, real: Tensor, placed: Placed | None = None
    ) -> Tensor:
        """m (B, C, F, H, W) from x of the same shape.

        `t` is (B,) or (B, tokens), row-major over the tokens' (frame, row, column); `text` is
        (B, L, text width), `pooled` (B, text width), `real` (B, L) true where `text` has a token. `placed` is a
        layout with the vectors (B, 2, text width) of its phrases.
        """
        patches = (self.config.patch_frames, self.config.patch, self.config.patch)
        tokens, grid = patchify(x, patches)
        places = grid_places(grid).to(x)
        h = self.embed(tokens) + self.place(_waves(places))
        if placed is not None and self.layout is not None:
            h = h + self.layout(*placed, grid)
        t = t[:, None] if t.ndim == 1 else t
        condition = F.silu(self.time(time_features(t)) + self.pooled(pooled)[:, None])
        shifts = self.modulation(condition).unflatten(-1, (6, -1))
        turns = rotary_turns(places, self.config.width // self.config.heads)
        for block in self.blocks:
            h = block(h, shifts, turns, text, real)
        shift, scale = self.final_modulation(condition).chunk(2, dim=-1)
        out = self.head(_normed(h) * (1 + scale) + shift)
        return unpatchify(out, patches, grid)[:, :, -x.shape[2] :]


class Block(nn.Module):
    """Self-attention, cross-attention to the text, MLP; the modulation is shared, plus a table per block."""

    def __init__(self, config: DiTConfig, text_width: int) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.table = nn.Parameter(torch.zeros(6, width))
        with torch.no_grad():
            # Gates start open: the token counts are small, and a closed gate costs the first minutes.
            self.table[2], self.table[5] = 0.5, 0.5
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.query, self.text_out = nn.Linear(width, width), nn.Linear(width, width)
        self.key_value = nn.Linear(text_width, 2 * width)
        self.up, self.down = nn.Linear(width, config.mlp_ratio * width), nn.Linear(config.mlp_ratio * width, width)
        self.q_norm = nn.Parameter(torch.ones(width // config.heads))
        self.k_norm = nn.Parameter(torch.ones(width // config.heads))

    def forward(
        self, x: Tensor, shifts: Tensor, turns: tuple[Tensor, Tensor], text: Tensor, real: Tensor
    ) -> Tensor:
        """(B, N, width); `shifts` (B, 1 or N, 6, width)."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = (shifts + self.table).unbind(-2)
        x = x + gate_a * self._self_attention(_normed(x) * (1 + scale_a) + shift_a, turns)
        x = x + self._cross_attention(_normed(x), text, real)
        hidden = F.gelu(self.up(_normed(x) * (1 + scale_m) + shift_m), approximate="tanh")
        out: Tensor = x + gate_m * self.down(hidden)
        return out

    def _self_attention(self, x: Tensor, turns: Turns) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = rotate(_normed(q) * self.q_norm, turns), rotate(_normed(k) * self.k_norm, turns)
        mixed = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out

    def _cross_attention(self, x: Tensor, text: Tensor, real: Tensor) -> Tensor:
        q = _normed(self.query(x).unflatten(-1, (self.heads, -1))).transpose(1, 2)
        k, v = self.key_value(text).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, _normed(k), v, attn_mask=real[:, None, None, :])
        out: Tensor = self.text_out(mixed.transpose(1, 2).flatten(2))
        return out


def grid_places(grid: tuple[int, int, int]) -> Tensor:
    """(N, 3) coordinates (frame, row, column) of a token grid, row-major."""
    axes = [torch.arange(count, dtype=torch.float32) for count in grid]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, 2)


def rotary_turns(places: Tensor, head_width: int) -> Turns:
    """Turns for (N, 3) places: a quarter of the pairs turn with time, the rest with row and column."""
    pairs = head_width // 2
    per_space = 3 * pairs // 8
    counts = (pairs - 2 * per_space, per_space, per_space)
    angles = [
        places[:, axis, None] * _ROTARY_BASE ** (-torch.arange(count, device=places.device) / count)
        for axis, count in enumerate(counts)
    ]
    turned = torch.cat(angles, dim=-1)
    return turned.cos(), turned.sin()


def rotate(x: Tensor, turns: Turns) -> Tensor:
    """Turn each pair (i, i + half) of the last axis of (…, N, head_width) by its token's angles."""
    cos, sin = turns
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def time_features(t: Tensor) -> Tensor:
    """(…, 128) cosines and sines of times in 0..1."""
    half = _TIME_FEATURES // 2
    rates = torch.exp(torch.arange(half, device=t.device) * (-math.log(1000.0) / half))
    angles = t[..., None] * 100 * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def _waves(places: Tensor) -> Tensor:
    """(N, 24) slow sines of the coordinates: where a token stands, which rotary positions alone can't tell."""
    rates = torch.tensor([0.2, 0.4, 0.8, 1.6], device=places.device)
    angles = (places[..., None] * rates).flatten(-2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _normed(x: Tensor) -> Tensor:
    return F.rms_norm(x, (x.shape[-1],), eps=1e-6)


def patchify(x: Tensor, patches: tuple[int, int, int]) -> tuple[Tensor, tuple[int, int, int]]:
    """(B, C, F, H, W) to tokens (B, N, C·patch volume) and their grid; zeros are put before the first frame."""
    by_frame, by_row, by_column = patches
    x = F.pad(x, (0, 0, 0, 0, -x.shape[2] % by_frame, 0))
    cells = x.unflatten(4, (-1, by_column))  # type: ignore[no-untyped-call]
    cells = cells.unflatten(3, (-1, by_row)).unflatten(2, (-1, by_frame))
    grid = (cells.shape[2], cells.shape[4], cells.shape[6])
    return cells.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4).flatten(1, 3), grid


def unpatchify(tokens: Tensor, patches: tuple[int, int, int], grid: tuple[int, int, int]) -> Tensor:
    """The inverse of `patchify`, the zeros before the first frame included."""
    cells: Tensor = tokens.unflatten(-1, (-1, *patches)).unflatten(1, grid)  # type: ignore[no-untyped-call]
    return cells.permute(0, 4, 1, 5, 2, 6, 3, 7).flatten(6, 7).flatten(4, 5).flatten(2, 3)
