"""A real, tiny, procedural video generator for tests: milliseconds a clip, no training, no torch.

It draws a drifting disc on a gradient, coloured by the prompt, and writes each initial latent as the
amplitude of a fine zero-mean pattern in its own 16×16-pixel block. That makes it honestly invertible:
`FakeInverter` reads the amplitudes back from pixels, through a codec too. It pretends to follow no prompt
beyond the colours, and its `ModelIdentity.note` says so.
"""

import hashlib
from fractions import Fraction
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Clip
from core.errors import UsageError
from core.progress import Progress, silent
from generator.limits import Limits, Plan
from generator.port import Capabilities, GeneratedClip, GenerationRequest, Latents, LatentSpec, ModelIdentity

BLOCK_PX = 16
GROUP_FRAMES = 4
CHANNELS = 4
AMPLITUDE = 5.0
"""Grey levels a latent of 1.0 moves a pixel by; large enough that x264 at CRF 30 leaves the sign."""

_LIMITS = Limits(
    sizes=((256, 256), (128, 128), (320, 256), (256, 320), (512, 320)),
    rates=(Fraction(12), Fraction(24)),
    min_frames=1,
    max_frames=72,
    default_frames=25,
    max_steps=50,
    default_steps=4,
    max_guidance_scale=20.0,
    default_guidance_scale=1.0,
)


class FakeBackend:
    """A `GeneratorBackend` whose frames are a closed form of prompt and latents. Deterministic, thread-safe."""

    name = "fake"

    def __init__(self) -> None:
        digest = hashlib.sha256(f"fake/1 {BLOCK_PX} {GROUP_FRAMES} {CHANNELS} {AMPLITUDE}".encode()).hexdigest()
        self.model = ModelIdentity("reelproof-fake", "1", digest, note="procedural test pattern, no trained model")
        self.capabilities = Capabilities(
            latents_in=True,
            latents_out=True,
            deterministic_ode=True,
            invertible=True,
            camera="none",
            max_seconds=_LIMITS.max_frames / 12,
            sizes=_LIMITS.sizes,
        )
        self._lock = Lock()

    def latent_spec(self, request: GenerationRequest) -> LatentSpec:
        """The shape of initial latents this request needs. Raises UsageError outside the limits."""
        plan = _LIMITS.plan(request)
        request.require(self.capabilities, self.name)
        groups = 1 + -(-(plan.frame_count - 1) // GROUP_FRAMES)
        return LatentSpec((1, CHANNELS, groups, plan.height_px // BLOCK_PX, plan.width_px // BLOCK_PX))

    def generate(self, request: GenerationRequest, latents: Latents, progress: Progress = silent) -> GeneratedClip:
        """Draw the clip. Raises UsageError for latents of another shape or a request outside the limits."""
        plan = _LIMITS.plan(request)
        expected = self.latent_spec(request).shape
        if latents.shape != expected:
            message = f"initial latents have shape {latents.shape}, this request needs {expected}"
            raise UsageError(message, code="latents_shape", hint="take the shape from latent_spec(request)")
        with self._lock:
            frames = np.empty((plan.frame_count, plan.height_px, plan.width_px, 3), np.uint8)
            for step in range(plan.steps):
                progress(step / plan.steps)
                for index in range(step, plan.frame_count, plan.steps):
                    frames[index] = _frame(request.prompt, plan, latents, index)
            progress(1.0)
        settings = {
            "size": f"{plan.width_px}x{plan.height_px}",
            "fps": str(plan.fps),
            "seconds": plan.seconds,
            "steps": plan.steps,
            "guidance_scale": plan.guidance_scale,
            "seed": request.seed,
        }
        return GeneratedClip(Clip.from_array(frames, plan.fps), settings)


class FakeInverter:
    """A `LatentInverter` for `FakeBackend`: correlates each block with the patterns. Any clip gives some."""

    def invert(self, clip: Clip, progress: Progress = silent) -> Latents:
        """Estimated latents (1, 4, F', H/16, W/16); frames beyond the last whole 16×16 block are not looked at."""
        sums: list[NDArray[np.float32]] = []
        counts: list[int] = []
        for index, frame in enumerate(clip.frames()):
            group = -(-index // GROUP_FRAMES)
            amplitudes = _amplitudes(frame)
            if group == len(sums):
                sums.append(amplitudes)
                counts.append(1)
            else:
                sums[group] += amplitudes
                counts[group] += 1
        progress(1.0)
        if not sums:
            return np.empty(
                (1, CHANNELS, 0, clip.info.height_px // BLOCK_PX, clip.info.width_px // BLOCK_PX), np.float32
            )
        return np.stack([s / n for s, n in zip(sums, counts, strict=True)], axis=1)[None].astype(np.float32)


def _patterns() -> NDArray[np.float32]:
    """Four orthonormal-up-to-scale cosine patterns (C, 16, 16), zero mean and blind to linear gradients."""
    at = (np.arange(BLOCK_PX) + 0.5) * np.pi / BLOCK_PX
    wave = {k: np.cos(k * at) * np.sqrt(2) for k in (2, 4)}
    pairs = ((2, 2), (2, 4), (4, 2), (4, 4))
    return np.stack([np.outer(wave[v], wave[h]) for v, h in pairs]).astype(np.float32)


_PATTERNS = _patterns()


def _frame(prompt: str, plan: Plan, latents: Latents, index: int) -> RGB:
    seeded = np.frombuffer(hashlib.sha256(prompt.encode()).digest(), np.uint8).astype(np.float32)
    top, bottom, disc = seeded[:3] / 4 + 96, seeded[3:6] / 4 + 48, seeded[6:9] / 2 + 100
    y, x = np.mgrid[: plan.height_px, : plan.width_px].astype(np.float32)
    along = (y / plan.height_px)[..., None]
    picture = top * (1 - along) + bottom * along
    travel = index / max(plan.frame_count - 1, 1)
    centre_x, centre_y = plan.width_px * (0.3 + 0.4 * travel), plan.height_px * 0.55
    radius = plan.height_px * 0.2
    inside = np.clip((radius - np.hypot(x - centre_x, y - centre_y)) / 6 + 0.5, 0, 1)[..., None]
    picture = picture * (1 - inside) + disc * inside
    mark = np.einsum("chw,cyx->hywx", latents[0, :, -(-index // GROUP_FRAMES)], _PATTERNS)
    picture += AMPLITUDE * mark.reshape(plan.height_px, plan.width_px, 1)
    rounded: RGB = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
    return rounded


def _amplitudes(frame: RGB) -> NDArray[np.float32]:
    rows, columns = frame.shape[0] // BLOCK_PX, frame.shape[1] // BLOCK_PX
    grey = frame[: rows * BLOCK_PX, : columns * BLOCK_PX].mean(axis=2, dtype=np.float32)
    blocks = grey.reshape(rows, BLOCK_PX, columns, BLOCK_PX)
    found: NDArray[np.float32] = np.einsum("hywx,cyx->chw", blocks, _PATTERNS) / (BLOCK_PX**2 * AMPLITUDE)
    return found
