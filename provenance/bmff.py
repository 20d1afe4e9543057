"""The header of a box (ISO 14496-12, 4.2): its type, where its content starts and where it says that it ends."""

import struct
from typing import BinaryIO, NamedTuple


class Header(NamedTuple):
    """A box's type, where its content starts, and its end; `end` is None where the box reaches to the end of the
    file (a length of 0)."""

    kind: bytes
    body: int
    end: int | None

    def is_whole(self, limit: int) -> bool:
        """Whether the box ends behind its header and no later than at `limit`."""
        return self.body <= (limit if self.end is None else self.end) <= limit


def header_at(file: BinaryIO, position: int, limit: int) -> Header | None:
    """The header that stands at `position`; None where fewer than eight bytes are left before `limit`.

    What it says may be wrong: `Header.is_whole` tells.
    """
    if position + 8 > limit:
        return None
    file.seek(position)
    head = file.read(16)
    if len(head) < 8:
        return None
    length, kind = struct.unpack(">I4s", head[:8])
    header = 8
    if length == 1 and len(head) == 16:
        length, header = struct.unpack(">Q", head[8:])[0], 16
    return Header(kind, position + header, position + length if length else None)
