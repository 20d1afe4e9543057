"""What runs inside a confined child to decode one still picture. Imported there before the fences go up."""

import os
from typing import Any

from core.errors import UnreadableInput
from detector.sandbox import wire
from detector.sandbox.child import Bench

# Read by OpenCV when it is loaded: no picture larger than a video frame may be.
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(36_000_000)

import cv2
import numpy as np

_MAX_SIDE_PX = 1_280
_KINDS = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"RIFF": "WebP"}
"""The first bytes of the kinds taken. OpenCV knows twenty more, some of them rarely looked after."""


def rehearse() -> None:
    """Decode one small picture of each kind, so that everything that loads on first use is loaded."""
    cv2.setNumThreads(1)
    for suffix in (".png", ".jpg", ".webp"):
        cv2.imdecode(cv2.imencode(suffix, np.zeros((16, 16, 3), np.uint8))[1], cv2.IMREAD_COLOR)


def stream_picture(bench: Bench) -> None:
    """Send the picture as one RGB frame, turned as its EXIF says and at most 1,280 pixels a side."""
    rgb = picture_in(bench.file.read(), _MAX_SIDE_PX)
    if rgb is None:
        raise UnreadableInput(
            "no readable picture in this file", code="not_a_picture", hint="Send a PNG, JPEG or WebP picture."
        )
    send_picture(bench, 0, rgb)


def picture_in(content: bytes, most_px: int) -> Any:
    """The RGB picture in some bytes, at most so many pixels a side; None where there is none of a kind taken."""
    kind = next((kind for start, kind in _KINDS.items() if content.startswith(start)), None)
    picture = _decoded(content) if kind else None
    if picture is None:
        return None
    height, width = picture.shape[:2]
    share = min(1.0, most_px / max(height, width))
    if share < 1.0:
        size = (max(1, round(width * share)), max(1, round(height * share)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture[:, :, ::-1])


def send_picture(bench: Bench, number: int, rgb: Any) -> None:
    """Send an RGB picture; its number stands where a frame has its time."""
    wire.send(bench.output, wire.FRAME, wire.FRAME_HEADER.pack(float(number), *rgb.shape[:2]), rgb.data)


def _decoded(content: bytes) -> Any:
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
