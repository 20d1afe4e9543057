"""The plug point for video generators: what is asked, what a backend can do, what comes back.

This module has no torch in it, so that wiring and help pages stay quick; latents cross the port as
numpy arrays.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Clip
from core.errors import UsageError
from core.progress import Progress, silent
from generator.guide import Guide

Latents = NDArray[np.float32]


@dataclass(frozen=True)
class GivenMedia:
    """Pictures and a clip to work from, already decoded. Any size: a backend fits them to its own.

    `clip` is changed as far as `strength` says (0 to 1: its share of the sampler's steps) or, with `is_extended`,
    gone on from at its end.

    Raises:
        UsageError: as `MediaUse`.
    """

    first_frame: RGB | None = None
    last_frame: RGB | None = None
    clip: Clip | None = None
    is_extended: bool = False
    strength: float | None = None

    def __post_init__(self) -> None:
        self.use  # noqa: B018  refuses what contradicts

    @property
    def use(self) -> "MediaUse":
        """Which of them there are."""
        pictures = self.first_frame is not None, self.last_frame is not None
        return MediaUse(*pictures, self.clip is not None, self.is_extended, self.strength)


@dataclass(frozen=True)
class Shot:
    """What follows in a clip of several shots; `seconds` None leaves the length to the backend."""

    prompt: str
    seconds: float | None = None


@dataclass(frozen=True)
class GenerationRequest:
    """What to generate. Sizes in pixels; `None` leaves a choice to the backend's default.

    `seconds` is the length of the prompt's own part; `shots` come after it, in turn. The `guide` holds for the
    prompt's first part.
    """

    prompt: str
    negative_prompt: str = ""
    width_px: int | None = None
    height_px: int | None = None
    seconds: float | None = None
    fps: Fraction | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    seed: int | None = None
    camera: str | None = None
    backend: str = "embedded"
    shots: tuple[Shot, ...] = ()
    guide: Guide | None = None
    media: GivenMedia | None = field(default=None, compare=False, repr=False)

    @property
    def media_use(self) -> "MediaUse":
        """Which media it brings."""
        return MediaUse() if self.media is None else self.media.use

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompt and those of the shots, in the order in which they are shown."""
        return (self.prompt, *(shot.prompt for shot in self.shots))

    def require(self, capabilities: "Capabilities", backend: str) -> None:
        """Raises UsageError for media, shots and a guide that a backend can't follow; nothing is left out."""
        self.media_use.require(capabilities, backend)
        if self.shots and not capabilities.shots:
            raise _unable(backend, "make clips of several shots", "unsupported_shots")
        if self.guide is not None and not capabilities.guide:
            raise _unable(backend, "follow a camera path or strokes", "unsupported_guide")


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do. `deterministic_ode` is false for samplers that re-noise: those erase a noise mark."""

    latents_in: bool
    latents_out: bool
    deterministic_ode: bool
    invertible: bool
    image: bool = False
    last_frame: bool = False
    extend: bool = False
    video: bool = False
    shots: bool = False
    guide: bool = False
    camera: str = "prompt"
    audio: bool = False
    max_seconds: float = 0.0
    sizes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class MediaUse:
    """Which media come with a request, decoded or not, and what is asked of the clip among them.

    Raises:
        UsageError: pictures beside a clip, an extension or a strength without one, both of them, or a strength
            outside 0 to 1.
    """

    has_first_frame: bool = False
    has_last_frame: bool = False
    has_clip: bool = False
    is_extended: bool = False
    strength: float | None = None

    def __post_init__(self) -> None:
        if self.has_clip and (self.has_first_frame or self.has_last_frame):
            raise _conflict("a clip and pictures can't both be given", "Give the clip, or the pictures.")
        if not self.has_clip and (self.is_extended or self.strength is not None):
            raise _conflict("there is no clip to extend or to change", "Give the clip as well.")
        if self.is_extended and self.strength is not None:
            raise _conflict("a clip is extended or changed, not both", "Leave out the strength, or the extension.")
        if self.strength is not None and not 0.0 < self.strength <= 1.0:
            message = f"strength {self.strength:g} is outside 0 to 1"
            raise UsageError(message, code="strength", hint="above 0, up to 1")

    def require(self, capabilities: Capabilities, backend: str) -> None:
        """Raises UsageError for what a backend can't work from."""
        wanted = {
            "a first frame": (self.has_first_frame, capabilities.image),
            "a last frame": (self.has_last_frame, capabilities.last_frame),
            "a clip to go on from": (self.is_extended, capabilities.extend),
            "a clip to change": (self.has_clip and not self.is_extended, capabilities.video),
        }
        for what, (is_asked, is_able) in wanted.items():
            if is_asked and not is_able:
                raise _unable(backend, f"take {what}", "unsupported_media")


def _unable(backend: str, what: str, code: str) -> UsageError:
    return UsageError(
        f"{backend} does not {what}", code=code, hint="`reelproof backends` shows what each backend takes."
    )


def _conflict(message: str, hint: str) -> UsageError:
    return UsageError(message, code="media_conflict", hint=hint)


@dataclass(frozen=True)
class ModelIdentity:
    """Which model made a clip: stands in the manifest and the log. `digest` is the weights' SHA-256."""

    name: str
    version: str
    digest: str
    note: str = ""


@dataclass(frozen=True)
class LatentSpec:
    """The shape (B, C, F, H, W) of the N(0, 1) initial latents a request starts from."""

    shape: tuple[int, int, int, int, int]


@dataclass(frozen=True)
class GeneratedClip:
    """The finished frames and what a release should say of how they were made.

    `coverage` is the share of the prompt's words the model was trained on, 0.0 to 1.0, with a warning
    per thing it has never seen. `settings` are the values really used (seed, steps, guidance, size …).
    """

    clip: Clip
    settings: dict[str, Any]
    coverage: float = 1.0
    warnings: tuple[str, ...] = field(default=())


class GeneratorBackend(Protocol):
    """One video generator.

    Contract: `latent_spec` and `generate` are pure in (request, latents): the same arguments give the same
    frames on the same machine. Thread-safe, but not parallel: calls may queue on a lock. `generate` raises
    `core.errors.UsageError` for a request outside `capabilities` (naming the nearest valid value) and lets
    through whatever `progress` raises, so that a caller can cancel between steps. Nothing is written.
    """

    @property
    def name(self) -> str:
        """The name by which it is chosen, e.g. `embedded`."""
        ...

    @property
    def model(self) -> ModelIdentity:
        """The model behind it."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; never changes while it lives."""
        ...

    def latent_spec(self, request: GenerationRequest) -> LatentSpec:
        """The shape of initial latents this request needs."""
        ...

    def generate(self, request: GenerationRequest, latents: Latents, progress: Progress = silent) -> GeneratedClip:
        """Sample a clip from `latents`, float32 of `latent_spec(request).shape`, N(0, 1)."""
        ...


class LatentInverter(Protocol):
    """Reads a clip back to the initial latents it may have been sampled from, blind: no prompt, no seed."""

    def invert(self, clip: Clip, progress: Progress = silent) -> Latents:
        """Estimated initial latents (1, C, F, H, W), float32. Any clip gives some; only a mark's p-value tells."""
        ...
