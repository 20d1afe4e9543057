"""The sound of a hostile file, decoded in a confined child of its own and checked here."""

from pathlib import Path
from typing import Any

import numpy as np

from core.sound import MAX_SOUND_S, SOUND_RATE_HZ, Sound
from detector.sandbox import wire
from detector.sandbox.limits import GIB, SandboxLimits
from detector.sandbox.parent import ConfinedChild, opened_input, unreadable

#: Five minutes of AAC take a second of CPU time; demuxing 4 GiB around them some ten.
SOUND_LIMITS = SandboxLimits(memory_bytes=GIB, cpu_s=60, wall_s=60.0, max_reply_bytes=1_000)
_JOB = "detector.sandbox.sound_job:send_sound"


def read_sound_sandboxed(
    path: Path, limits: SandboxLimits = SOUND_LIMITS, max_s: float = MAX_SOUND_S
) -> Sound | None:
    """The file's first sound track, at most `max_s` of it; None where it has none.

    Raises:
        UnreadableInput: `not_a_video`, `too_large`, `decode_budget`, `decoder_crashed` or `decoder_timeout`.
        MissingInput: no such file, or it may not be read.
    """
    most_bytes = 2 * round(max_s * SOUND_RATE_HZ)
    with opened_input(path, limits) as file, ConfinedChild(_JOB, file, limits, {"max_s": max_s}) as child:
        told: Any = None
        for record, reader in child.records():
            if record.kind == wire.REPLY:
                told = child.reply_in(record)
                if told is None:
                    return None
            elif record.kind == wire.SOUND and isinstance(told, dict) and record.length <= most_bytes:
                samples = np.frombuffer(reader.exactly(record.length - record.length % 2), "<i2").astype(np.int16)
                return Sound(samples, SOUND_RATE_HZ, bool(told.get("is_damaged")), bool(told.get("is_cut")))
            else:
                break
    raise unreadable("the reader sent no sound", "decoder_crashed", "The file is damaged or made to do harm.")
