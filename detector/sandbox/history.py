"""The small pictures that a credential keeps of its history, decoded in a confined child and encoded anew.

They are a stranger's bytes twice over, in a store and as a picture. Whatever fails leaves a picture out.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from core.clip import RGB
from core.errors import UnreadableInput
from core.pictures import jpeg
from detector.sandbox import wire
from detector.sandbox.credential import store_beside_or_none
from detector.sandbox.limits import GIB, SandboxLimits
from detector.sandbox.parent import ConfinedChild, opened_input
from provenance.history import MAX_DEPTH, MAX_NODES
from provenance.records import CredentialState, ManifestReport

MAX_PICTURES, SIDE_PX = 24, 160
_LIMITS = SandboxLimits(memory_bytes=GIB, cpu_s=20, wall_s=30.0)
_JOB = "detector.sandbox.history_job:send_pictures"
_QUALITY = 75


def pictures_of_file(path: Path, report: ManifestReport) -> dict[str, bytes]:
    """JPEG pictures, at most 160 pixels a side, by their names in the file's own credential. Never raises for what
    the file holds, or if it is gone by now; nothing is started where the report names no picture."""
    wanted = pictures_named(report)
    if not wanted:
        return {}
    beside = store_beside_or_none(path) if report.is_sidecar else None
    try:
        with opened_input(path, SandboxLimits()) as file:
            return _read(file, wanted, is_store=False, beside=beside)
    except UnreadableInput:
        return {}


def pictures_of_store(store: bytes, report: ManifestReport) -> dict[str, bytes]:
    """The same of a manifest store from a repository."""
    wanted = pictures_named(report)
    if not wanted:
        return {}
    with tempfile.TemporaryFile() as file:
        file.write(store)
        file.flush()
        file.seek(0)
        return _read(file, wanted, is_store=True, beside=None)


def pictures_named(report: ManifestReport) -> list[str]:
    """The names of the pictures that a report tells of, nearest first, at most 24."""
    if report.state is not CredentialState.PRESENT:
        return []
    told = islice(_nearest_first(report.ingredients), MAX_NODES)
    named = [report.thumbnail, *(one.get("thumbnail") for one in told)]
    return list(dict.fromkeys(name for name in named if isinstance(name, str)))[:MAX_PICTURES]


def _nearest_first(ingredients: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    level: list[Any] = list(ingredients)
    for _ in range(MAX_DEPTH):
        named = [one for one in level if isinstance(one, Mapping)]
        yield from named
        level = [deeper for one in named for deeper in one.get("ingredients") or ()]


def _read(file: IO[bytes], wanted: list[str], **how: Any) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    arguments = {"wanted": wanted, "most_px": SIDE_PX, **how}
    try:
        with ConfinedChild(_JOB, file, _LIMITS, arguments) as child:
            for number, picture in islice(_pictures(child), len(wanted)):
                if number < len(wanted):
                    found[wanted[number]] = jpeg(picture, _QUALITY)
    except UnreadableInput:
        # A child that a picture killed has sent those before it; the history is told without the others.
        return found
    return found


def _pictures(child: ConfinedChild) -> Iterator[tuple[int, RGB]]:
    head = wire.FRAME_HEADER.size
    for record, reader in child.records():
        if record.kind != wire.FRAME or not head < record.length <= head + 3 * SIDE_PX**2:
            return
        number, height, width = wire.FRAME_HEADER.unpack(reader.exactly(head))
        if record.length != head + 3 * height * width or height * width == 0 or not 0 <= number < MAX_PICTURES:
            return
        pixels = np.frombuffer(reader.exactly(record.length - head), np.uint8)
        yield int(number), pixels.reshape(height, width, 3)
