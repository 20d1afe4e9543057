"""Small pictures of a release, kept so that a copy can be compared with it place by place, and shown beside it.

Two pictures a second of 256 px on the long side, as JPEG: about 15 KB a second. A clip of over two minutes gets
fewer, evenly spread: never more than 256. They are what the operator keeps of its own releases; nothing of them
stands in the released file.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from core.clip import RGB, Clip
from core.headed import headed, read_headed
from core.pictures import jpeg

_MAGIC = b"RPREF1\n"
_LONG_SIDE_PX, _QUALITY = 256, 88
_INTERVAL_S = 0.5
MAX_PICTURES = 256
_MAX_HEADER_BYTES = 65_536


@dataclass(frozen=True)
class Reference:
    """Pictures of a release in order, uint8 (N, H, W, 3), and the time of each, in seconds."""

    times_s: tuple[float, ...]
    pictures: RGB


def reference_of(clip: Clip) -> bytes:
    """The kept form of a clip's reference, in one pass and bounded memory. Deterministic for one JPEG encoder."""
    interval_s, wanted_s = _INTERVAL_S, 0.0
    kept: list[tuple[float, bytes]] = []
    for frame in clip.timed_frames():
        if frame.time_s + 1e-6 < wanted_s:
            continue
        kept.append((round(frame.time_s, 4), jpeg(reduced(frame.rgb), _QUALITY)))
        if len(kept) > MAX_PICTURES:
            kept, interval_s = kept[::2], 2 * interval_s
        wanted_s = kept[-1][0] + interval_s
    header = {"times_s": [time_s for time_s, _ in kept], "bytes": [len(one) for _, one in kept]}
    return headed(_MAGIC, header, b"".join(one for _, one in kept))


def read_reference(content: bytes) -> Reference:
    """The reference that `reference_of` wrote.

    Raises:
        ValueError: not such a value.
    """
    header, body = read_headed(_MAGIC, content, _MAX_HEADER_BYTES, "reference of a release")
    try:
        times, sizes = [float(one) for one in header["times_s"]], [int(one) for one in header["bytes"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("the reference's header can't be read") from error
    if len(times) != len(sizes) or len(times) > MAX_PICTURES or min(sizes, default=1) < 1:
        raise ValueError("the reference's header contradicts itself")
    pictures, place = [], 0
    for size in sizes:
        picture = cv2.imdecode(np.frombuffer(body[place : place + size], np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise ValueError("a picture of the reference can't be read")
        pictures.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        place += size
    return Reference(tuple(times), np.array(pictures, np.uint8))


def reduced(picture: RGB) -> RGB:
    """A picture shrunk to 256 px on its long side; smaller ones stay as they are."""
    height, width, _ = picture.shape
    scale = min(1.0, _LONG_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
