"""What sizes, lengths and settings a backend takes, and the refusal that names the nearest valid value.

Knows nothing of models. A request is never corrected silently: what can't be had exactly is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

from core.errors import UsageError
from generator.port import GenerationRequest


@dataclass(frozen=True)
class Plan:
    """A request with every choice made: pixels, frames a second, frames, sampling steps, guidance scale."""

    width_px: int
    height_px: int
    fps: Fraction
    frame_count: int
    steps: int
    guidance_scale: float

    @property
    def seconds(self) -> float:
        """The clip's duration in seconds."""
        return float(self.frame_count / self.fps)


@dataclass(frozen=True)
class Limits:
    """The range a backend serves; the first size and rate are its defaults.

    Frame counts run from `min_frames` to `max_frames`, both included.
    """

    sizes: tuple[tuple[int, int], ...]
    rates: tuple[Fraction, ...]
    min_frames: int
    max_frames: int
    default_frames: int
    max_steps: int
    default_steps: int
    max_guidance_scale: float
    default_guidance_scale: float

    def plan(self, request: GenerationRequest) -> Plan:
        """The request's settings with defaults filled in. Raises UsageError outside the range."""
        width, height = self._size(request)
        fps = self._fps(request)
        return Plan(width, height, fps, self._frames(request, fps), self._steps(request), self._guidance(request))

    def _size(self, request: GenerationRequest) -> tuple[int, int]:
        width, height = request.width_px, request.height_px
        matches = [s for s in self.sizes if width in (None, s[0]) and height in (None, s[1])]
        if matches:
            return matches[0]
        asked = (width or height or 0, height or width or 0)
        nearest = min(self.sizes, key=lambda s: abs(s[0] - asked[0]) + abs(s[1] - asked[1]))
        raise _refusal("size", f"{asked[0]}x{asked[1]}", f"{nearest[0]}x{nearest[1]}", _listed(self.sizes))

    def _fps(self, request: GenerationRequest) -> Fraction:
        if request.fps is None:
            return self.rates[0]
        if request.fps in self.rates:
            return request.fps
        nearest = min(self.rates, key=lambda rate: abs(rate - Fraction(request.fps or 0)))
        raise _refusal("fps", str(request.fps), str(nearest), ", ".join(map(str, self.rates)))

    def _frames(self, request: GenerationRequest, fps: Fraction) -> int:
        if request.seconds is None:
            return self.default_frames
        low, high = float(self.min_frames / fps), float(self.max_frames / fps)
        # Half a frame of slack at each end: 2.08 s is what a person types for 25 frames at 12 a second.
        slack = 0.5 / float(fps)
        if not low - slack <= request.seconds <= high + slack:
            nearest = low if not request.seconds > low else high
            raise _refusal("seconds", f"{request.seconds:g}", f"{nearest:.2f}", f"{low:.2f} to {high:.2f}")
        return min(max(round(request.seconds * fps), self.min_frames), self.max_frames)

    def _steps(self, request: GenerationRequest) -> int:
        if request.steps is None:
            return self.default_steps
        if not 1 <= request.steps <= self.max_steps:
            nearest = min(max(request.steps, 1), self.max_steps)
            raise _refusal("steps", str(request.steps), str(nearest), f"1 to {self.max_steps}")
        return request.steps

    def _guidance(self, request: GenerationRequest) -> float:
        scale, top = request.guidance_scale, self.max_guidance_scale
        if scale is None:
            return self.default_guidance_scale
        if not 1.0 <= scale <= top:
            nearest = top if scale > top else 1.0
            raise _refusal("guidance scale", f"{scale:g}", f"{nearest:g}", f"1 to {top:g}")
        return scale


def _listed(sizes: Iterable[tuple[int, int]]) -> str:
    return ", ".join(f"{w}x{h} ({w // gcd(w, h)}:{h // gcd(w, h)})" for w, h in sizes)


def _refusal(what: str, got: str, nearest: str, valid: str) -> UsageError:
    message = f"this backend does not make clips with {what} {got}"
    code = "unsupported_" + what.replace(" ", "_")
    return UsageError(message, code=code, hint=f"nearest valid value: {nearest} (valid: {valid})")
