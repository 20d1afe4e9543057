"""Causal 3-D VAE: clips (B, 3, F, H, W) in -1..1 to normalised latents (B, C, F', H', W') and back.

Frame 0 stands alone, then groups of `group_frames`: F' = 1 + (F - 1) / group. Group k's latents depend on
frames up to group k only, and its frames on latents up to k only. The posterior's spread is fixed (the
`noise_floor`), so the latents carry a known amount of noise which the decoder renders as faint grain: that
is what lets a clip be read back to the noise it was sampled from. No discriminator, no perceptual network.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.embedded.config import VAEConfig


class CausalBlock(nn.Module):
    """Residual block: channel norm, spatial convolution, a look at the previous group, spatial convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.spatial = nn.Conv2d(width, width, 3, padding=1)
        self.previous = nn.Conv2d(width, width, 1, bias=False)
        self.out = nn.Conv2d(width, width, 3, padding=1)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, groups: int) -> Tensor:
        """(B·F', width, h, w), the groups of a clip in a row."""
        normed = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        h = F.silu(self.spatial(normed))
        if groups > 1:
            h = h + _one_later(self.previous(h), groups)
        out: Tensor = x + self.out(F.silu(h))
        return out


class Encoder(nn.Module):
    """Pixels to latents before normalisation."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths = config.encoder_widths
        self.patch = nn.Conv2d(3 * config.group_frames * config.patch_px**2, widths[0], 1)
        self.stages = nn.ModuleList(
            nn.ModuleList(CausalBlock(width) for _ in range(count))
            for width, count in zip(widths, config.encoder_blocks, strict=True)
        )
        self.downs = nn.ModuleList(nn.Conv2d(4 * a, b, 1) for a, b in pairwise(widths))
        self.head = nn.Conv2d(widths[-1], config.channels, 1)
        self.config = config

    def forward(self, clip: Tensor) -> Tensor:
        """(B, 3, F, H, W) to (B, C, F', H', W')."""
        batch = clip.shape[0]
        x = self.patch(_fold(clip, self.config.group_frames, self.config.patch_px))
        groups = x.shape[0] // batch
        for index, blocks in enumerate(self.stages):
            if index:
                x = self.downs[index - 1](F.pixel_unshuffle(x, 2))
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, groups)
        z: Tensor = self.head(F.silu(x))
        return z.reshape(batch, groups, *z.shape[1:]).transpose(1, 2)


class Decoder(nn.Module):
    """Latents to pixels."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths = config.decoder_widths[::-1]
        self.stem = nn.Conv2d(config.channels, widths[0], 3, padding=1)
        self.stages = nn.ModuleList(
            nn.ModuleList(CausalBlock(width) for _ in range(count))
            for width, count in zip(widths, config.decoder_blocks[::-1], strict=True)
        )
        self.ups = nn.ModuleList(nn.Conv2d(a, 4 * b, 1) for a, b in pairwise(widths))
        patch = config.decoder_patch_px
        self.head = nn.Conv2d(widths[-1], 3 * config.group_frames * patch**2, 1)
        self.config = config

    def forward(self, z: Tensor) -> Tensor:
        """(B, C, F', H', W') to (B, 3, 1 + (F' - 1) · group, H, W), not clamped."""
        batch, _, groups = z.shape[:3]
        x = self.stem(z.transpose(1, 2).flatten(0, 1))
        for index, blocks in enumerate(self.stages):
            if index:
                x = F.pixel_shuffle(self.ups[index - 1](x), 2)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, groups)
        x = F.pixel_shuffle(self.head(F.silu(x)), self.config.decoder_patch_px)
        colours = x.unflatten(1, (3, self.config.group_frames))  # type: ignore[no-untyped-call]
        frames: Tensor = colours.unflatten(0, (batch, groups))
        return frames.permute(0, 2, 1, 3, 4, 5).flatten(2, 3)[:, :, self.config.group_frames - 1 :]


class CausalVAE(nn.Module):
    """Encoder, decoder and the per-channel normalisations between them.

    `mean` and `std` are slow averages of the encoder's output while it learned; `shift` and `scale` correct
    them, once it is done, so that each channel of whole clips has zero mean and unit variance.
    """

    mean: Tensor
    std: Tensor
    shift: Tensor
    scale: Tensor

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.register_buffer("mean", torch.zeros(config.channels))
        self.register_buffer("std", torch.ones(config.channels))
        self.register_buffer("shift", torch.zeros(config.channels))
        self.register_buffer("scale", torch.ones(config.channels))

    def encode(self, clip: Tensor) -> Tensor:
        """The posterior mean, (B, C, F', H', W'), each channel about zero mean and unit variance.

        `clip` is (B, 3, F, H, W) in -1..1 with F = 1 + k·group and sides that are multiples of `spatial_px`.
        """
        return self.normalised(self.encoder(clip))

    def normalised(self, raw: Tensor) -> Tensor:
        """The encoder's output on the latents' scale."""
        learned = (raw - _per_channel(self.mean)) / _per_channel(self.std)
        return (learned - _per_channel(self.shift)) / _per_channel(self.scale)

    def normalise_by(self, mean: Tensor, std: Tensor) -> None:
        """Set the correction from the encoder's output over many clips: its mean and deviation per channel."""
        self.shift.copy_((mean - self.mean) / self.std)
        self.scale.copy_(std / self.std)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """What `normalise_by` was last given: mean and deviation (C,) of the encoder's output over many clips."""
        return self.mean + self.shift * self.std, self.scale * self.std

    def decode(self, latents: Tensor) -> Tensor:
        """Frames (B, 3, F, H, W) in -1..1, clamped."""
        return self.decoded(latents, self.decoder).clamp(-1, 1)

    def decoded(self, latents: Tensor, decoder: Callable[[Tensor], Tensor]) -> Tensor:
        """Frames through `decoder` (this one's own, or it compiled), not clamped."""
        return decoder(latents * _per_channel(self.scale) + _per_channel(self.shift))


def _fold(clip: Tensor, group: int, patch: int) -> Tensor:
    """Clip to (B·F', 3·group·patch², H/patch, W/patch); the first frame is repeated to fill its group."""
    lead = clip[:, :, :1].expand(-1, -1, group - 1, -1, -1)
    padded = torch.cat([lead, clip], dim=2)
    grouped = padded.unflatten(2, (-1, group)).transpose(1, 2).flatten(0, 1)  # type: ignore[no-untyped-call]
    return F.pixel_unshuffle(grouped.flatten(1, 2).contiguous(memory_format=torch.channels_last), patch)


def _one_later(x: Tensor, groups: int) -> Tensor:
    """Each group's features moved to the group after it; zeros for the first."""
    clips = x.unflatten(0, (-1, groups))  # type: ignore[no-untyped-call]
    return torch.cat([torch.zeros_like(clips[:, :1]), clips[:, :-1]], dim=1).flatten(0, 1)


def _per_channel(values: Tensor) -> Tensor:
    return values.view(1, -1, 1, 1, 1)
