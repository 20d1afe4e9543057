"""Clips longer than the model's own length, and clips of several shots: what is made part after part.

Every part after the first knows the last frames of what is there and samples what comes next, by the prompt of the
shot that is due.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import UsageError
from generator.embedded.conditioning import frames_in_tokens, token_frames
from generator.embedded.config import ModelConfig
from generator.port import GenerationRequest

MAX_CHAINED_S = 20.0
"""The longest clip that is made, or added to a given one."""


@dataclass(frozen=True)
class Segment:
    """A stretch of the clip under one prompt; `frames` is how many of it are kept."""

    prompt: str
    frames: int


def fresh_frames(config: ModelConfig) -> int:
    """Frames of a later part that were not there before."""
    return config.frames - frames_in_tokens(max(1, token_frames(config) // 2), config)


def longest_frames(config: ModelConfig) -> int:
    """The most frames that one request makes."""
    return max(config.frames, round(MAX_CHAINED_S * config.fps)) if config.takes_frames else config.frames


def segments_of(request: GenerationRequest, first_frames: int, config: ModelConfig) -> tuple[Segment, ...]:
    """The prompt's own stretch of `first_frames` frames, then one for each shot.

    Raises:
        UsageError: an empty shot, one of no length, or more in all than is made at once; a last frame with more
            than the model's own length.
    """
    shots = [Segment(request.prompt, first_frames)]
    for shot in request.shots:
        if not shot.prompt.strip():
            raise UsageError("a shot has no prompt", code="shot_empty", hint="Say what each shot shows.")
        frames = fresh_frames(config) if shot.seconds is None else wanted_frames(shot.seconds, config)
        shots.append(Segment(shot.prompt, frames))
    total = sum(shot.frames for shot in shots)
    if total > longest_frames(config):
        made, most = total / config.fps, longest_frames(config) / config.fps
        message = f"the shots make {made:.1f} s together"
        raise UsageError(
            message, code="unsupported_seconds", hint=f"nearest valid value: {most:g} (at most {most:g})"
        )
    has_last = request.media is not None and request.media.last_frame is not None
    if has_last and total > config.frames:
        own = config.frames / config.fps
        message = f"a last frame is reached within {own:.2f} s, the model's own length"
        raise UsageError(message, code="unsupported_media", hint=f"Ask for {own:.2f} s and no further shot.")
    return tuple(shots)


def wanted_frames(seconds: float, config: ModelConfig) -> int:
    """Frames of a stretch of `seconds`.

    Raises:
        UsageError: seconds outside what is made at once.
    """
    frames = round(seconds * config.fps) if math.isfinite(seconds) else 0
    if not 1 <= frames <= longest_frames(config):
        lowest, most = 1 / config.fps, longest_frames(config) / config.fps
        nearest = most if seconds > most else lowest
        hint = f"nearest valid value: {nearest:.2f} (valid: {lowest:.2f} to {most:g})"
        raise UsageError(f"no part of a clip is {seconds:g} s long", code="unsupported_seconds", hint=hint)
    return frames


def parts_of(segments: Sequence[Segment], start_frames: int, config: ModelConfig) -> int:
    """How many parts are sampled in all: the first alone gives `start_frames`, if it is sampled at all."""
    parts, have = (1 if start_frames else 0), start_frames
    for segment in segments:
        missing = max(0, segment.frames - have)
        parts += -(-missing // fresh_frames(config))
        have = 0
    return parts
