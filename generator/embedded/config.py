"""The embedded model's numbers. A preset only changes these; classes, conditioning and file format stay."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class VAEConfig:
    """Causal 3-D VAE. Spatial compression is `patch_px` times two per further encoder width.

    `noise_floor` is the fixed standard deviation of the posterior, in units of the latents' own.
    """

    patch_px: int = 8
    group_frames: int = 4
    channels: int = 32
    encoder_widths: tuple[int, ...] = (64, 128, 256)
    encoder_blocks: tuple[int, ...] = (0, 1, 1)
    decoder_widths: tuple[int, ...] = (48, 64, 128, 256)
    decoder_blocks: tuple[int, ...] = (1, 1, 1, 1)
    noise_floor: float = 0.2

    @property
    def spatial_px(self) -> int:
        """Pixels per latent along height and width."""
        return int(self.patch_px * 2 ** (len(self.encoder_widths) - 1))

    @property
    def decoder_patch_px(self) -> int:
        """Pixels per position of the decoder's finest stage."""
        return int(self.spatial_px // 2 ** (len(self.decoder_widths) - 1))


@dataclass(frozen=True)
class TextConfig:
    """Word-piece text encoder."""

    width: int = 128
    layers: int = 2
    heads: int = 4
    max_tokens: int = 24


@dataclass(frozen=True)
class DiTConfig:
    """Diffusion transformer over tokens of `patch` × `patch` latent positions and `patch_frames` latent frames."""

    width: int = 192
    layers: int = 6
    heads: int = 3
    mlp_ratio: int = 4
    patch: int = 2
    patch_frames: int = 2


@dataclass(frozen=True)
class SamplingConfig:
    """Defaults of the flow sampler. `shift` > 1 spends more steps near noise.

    `held_guidance` is the guidance that the transformer's answers to a prompt hold by training; 1.0 is none.
    """

    steps: int = 24
    guidance_scale: float = 2.0
    shift: float = 8.0
    held_guidance: float = 1.0


@dataclass(frozen=True)
class ModelConfig:
    """One preset: the networks, the clip they make, and how to sample it.

    `takes_frames` says whether it was trained with known frames beside sampled ones, `takes_layout` whether with
    places and camera paths in numbers, `world` on which scenes (`generator.scenes.worlds`).
    """

    name: str = "nano"
    size_px: int = 256
    frames: int = 25
    fps: int = 12
    vae: VAEConfig = field(default_factory=VAEConfig)
    text: TextConfig = field(default_factory=TextConfig)
    dit: DiTConfig = field(default_factory=DiTConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    takes_frames: bool = False
    takes_layout: bool = False
    world: str = "shapes"

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """(C, F, H, W) of one clip's latents: the first frame alone, then groups."""
        side = self.size_px // self.vae.spatial_px
        return (self.vae.channels, 1 + (self.frames - 1) // self.vae.group_frames, side, side)

    def to_json(self) -> dict[str, Any]:
        """The config as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ModelConfig":
        """The config from `to_json`'s values. Unknown keys raise TypeError."""
        vae: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values["vae"].items()}
        parts = {
            "vae": VAEConfig(**vae),
            "text": TextConfig(**values["text"]),
            "dit": DiTConfig(**values["dit"]),
            "sampling": SamplingConfig(**values["sampling"]),
        }
        return cls(**{**values, **parts})


NANO = ModelConfig(
    vae=VAEConfig(encoder_blocks=(1, 1, 2), decoder_blocks=(1, 2, 2, 1)),
    sampling=SamplingConfig(steps=16, held_guidance=2.0),
    takes_frames=True,
    takes_layout=True,
)
"""What is trained and shipped: some hours of two CPU cores."""

SMOKE = ModelConfig(
    name="smoke",
    size_px=64,
    frames=9,
    vae=VAEConfig(8, 4, 8, (16, 24), (0, 1), (16, 24), (1, 1)),
    text=TextConfig(width=32, layers=1, heads=2),
    dit=DiTConfig(width=48, layers=2, heads=2, patch=1, patch_frames=1),
    sampling=SamplingConfig(steps=4, held_guidance=2.0),
    takes_frames=True,
    takes_layout=True,
)
"""Two minutes of one core: shows that every part trains; its pictures are poor."""

LARGE = ModelConfig(
    name="large",
    size_px=256,
    frames=49,
    fps=24,
    vae=VAEConfig(4, 4, 32, (64, 128, 256, 384), (1, 2, 2, 2), (96, 128, 256, 384), (2, 2, 2, 2), 0.2),
    text=TextConfig(width=256, layers=4, heads=4, max_tokens=32),
    dit=DiTConfig(width=384, layers=10, heads=6, patch=1, patch_frames=1),
    sampling=SamplingConfig(steps=24, guidance_scale=3.0, shift=3.0, held_guidance=3.0),
    takes_frames=True,
    takes_layout=True,
    world="wide",
)
"""The sizes for a GPU. Untrained: no weights of it exist."""

PRESETS = {config.name: config for config in (NANO, SMOKE, LARGE)}
