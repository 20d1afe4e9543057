"""Kept values as bytes: a few that name the kind, the length of a JSON header, the header, and the body."""

import json
import struct
from typing import Any

_LENGTH = struct.Struct("<I")


def headed(magic: bytes, header: dict[str, Any], body: bytes) -> bytes:
    """The bytes of a value; the same header gives the same bytes if its keys come in the same order."""
    said = json.dumps(header).encode()
    return magic + _LENGTH.pack(len(said)) + said + body


def read_headed(magic: bytes, content: bytes, most_bytes: int, what: str) -> tuple[dict[str, Any], bytes]:
    """The header and the body of what `headed` wrote; `what` names the value in errors.

    Raises:
        ValueError: another kind of value, cut off, or a header of over `most_bytes` or that is no JSON object.
    """
    start = len(magic) + _LENGTH.size
    if content[: len(magic)] != magic or len(content) < start:
        raise ValueError(f"this is no {what}")
    (length,) = _LENGTH.unpack(content[len(magic) : start])
    if length > most_bytes:
        raise ValueError(f"the header of a {what} has {length} bytes, over {most_bytes}")
    try:
        header = json.loads(content[start : start + length])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the header of a {what} can't be read") from error
    if not isinstance(header, dict):
        raise ValueError(f"the header of a {what} is no object")
    return header, content[start + length :]
