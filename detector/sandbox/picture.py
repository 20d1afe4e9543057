"""A hostile still picture (PNG, JPEG, WebP), decoded in a confined child to at most 1,280 pixels a side."""

from pathlib import Path

import numpy as np

from core.clip import RGB
from detector.sandbox import wire
from detector.sandbox.limits import GIB, MIB, SandboxLimits
from detector.sandbox.parent import ConfinedChild, opened_input, unreadable

PICTURE_LIMITS = SandboxLimits(memory_bytes=GIB, cpu_s=20, wall_s=30.0, max_input_bytes=32 * MIB)
_JOB = "detector.sandbox.picture_job:stream_picture"
_MAX_SIDE_PX = 1_280


def read_picture_sandboxed(path: Path, limits: SandboxLimits = PICTURE_LIMITS) -> RGB:
    """The picture, RGB (H, W, 3) uint8.

    Raises:
        UnreadableInput: `not_a_picture`, `too_large`, `decode_budget`, `decoder_crashed` or `decoder_timeout`.
        MissingInput: no such file, or it may not be read.
    """
    with opened_input(path, limits) as file, ConfinedChild(_JOB, file, limits, {}) as child:
        for record, reader in child.records():
            head = wire.FRAME_HEADER.size
            if record.kind != wire.FRAME or not head < record.length <= head + 3 * _MAX_SIDE_PX**2:
                break
            _, height, width = wire.FRAME_HEADER.unpack(reader.exactly(head))
            if record.length != head + 3 * height * width or height * width == 0:
                break
            return np.frombuffer(reader.exactly(record.length - head), np.uint8).reshape(height, width, 3)
    raise unreadable("the reader sent no picture", "decoder_crashed", "The file is damaged or made to do harm.")
