"""Small pictures of a clip: for report pages, decoded in the sandbox, and for its manifest."""

from pathlib import Path

from core.clip import RGB, Clip
from core.errors import ReelproofError, UnreadableInput
from core.pictures import fitted, jpeg, sampled
from detector.sandbox import SandboxedVideo
from detector.sandbox.limits import SandboxLimits

_COUNT, _WIDTH_PX = 6, 240
_POSTER_PX, _POSTER_AT_S, _POSTER_QUALITY = 320, 4.0, 80


def poster(clip: Clip) -> bytes:
    """A small JPEG of the clip, 320 pixels wide at most: what is shown at its middle, or at four seconds.

    Raises:
        UnreadableInput: no frame can be decoded.
    """
    at_s = min(_POSTER_AT_S, clip.info.duration_s / 2)
    shown: RGB | None = None
    for frame in clip.timed_frames():
        shown = frame.rgb
        if frame.time_s >= at_s:
            break
    if shown is None:
        raise UnreadableInput("the clip has no frame", code="not_a_video", hint="give a video file")
    return jpeg(fitted(shown, min(_POSTER_PX, shown.shape[1])), _POSTER_QUALITY)


def thumbnails_of(path: Path, limits: SandboxLimits | None = None) -> list[bytes]:
    """Up to six JPEG thumbnails, 240 pixels wide, evenly spread; none for a file that doesn't decode."""
    try:
        clip = SandboxedVideo(path, limits or SandboxLimits()).open()
        return [jpeg(fitted(frame, _WIDTH_PX)) for frame in sampled(clip, _COUNT)]
    except ReelproofError:
        return []
