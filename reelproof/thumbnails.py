"""A few small frames of a clip for report pages, decoded in the sandbox."""

from pathlib import Path

from core.errors import ReelproofError
from core.pictures import fitted, jpeg, sampled
from detector.sandbox import SandboxedVideo
from detector.sandbox.limits import SandboxLimits

_COUNT, _WIDTH_PX = 6, 240


def thumbnails_of(path: Path, limits: SandboxLimits | None = None) -> list[bytes]:
    """Up to six JPEG thumbnails, 240 pixels wide, evenly spread; none for a file that doesn't decode."""
    try:
        clip = SandboxedVideo(path, limits or SandboxLimits()).open()
        return [jpeg(fitted(frame, _WIDTH_PX)) for frame in sampled(clip, _COUNT)]
    except ReelproofError:
        return []
