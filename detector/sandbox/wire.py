"""The one-way pipe from a confined child to its parent: records of a kind, a length and a body.

The child is not trusted: the parent checks every kind, length and size before it reads or keeps a byte.
A picture's body is 16 bytes of header (time in s, height, width) and then height × width × 3 bytes of RGB. Frames
of a video have five more bytes before the pixels: how the frame is coded, and what share of it without motion.
A sound's body is its samples, 16 bits each.
"""

import json
import os
import select
import struct
import time
from typing import Any, NamedTuple

REPLY, FRAME, SOUND, BYTES, END, FAULT = b"J", b"F", b"S", b"B", b"Z", b"E"
RECORD = struct.Struct("<cQ")
FRAME_HEADER = struct.Struct("<dII")
#: The kind is I, P, B or ?, or a zero byte where none is known; a share below zero stands for none.
CODING = struct.Struct("<cf")


class BrokenPipe(Exception):
    """The child ended in the middle of a record, or sent something that is no record."""


class WaitedTooLong(Exception):
    """The parent has waited for the child as long as it may."""


class Record(NamedTuple):
    """One record's kind and the number of bytes that follow it."""

    kind: bytes
    length: int


def send(descriptor: int, kind: bytes, *parts: bytes | memoryview) -> None:
    """Write one record whole; blocks while the pipe is full, which is how the reader slows the child down."""
    views = [memoryview(part).cast("B") for part in parts]
    for view in (memoryview(RECORD.pack(kind, sum(map(len, views)))), *views):
        sent = 0
        while sent < len(view):
            sent += os.write(descriptor, view[sent:])


def send_json(descriptor: int, kind: bytes, value: Any) -> None:
    """Write one record whose body is JSON."""
    send(descriptor, kind, json.dumps(value, allow_nan=False).encode())


class Reader:
    """The parent's end: reads exact amounts, and counts the seconds spent waiting for the child."""

    def __init__(self, descriptor: int, wall_s: float) -> None:
        self._descriptor = descriptor
        self._left_s = wall_s
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def into(self, buffer: memoryview) -> int:
        """Fill `buffer`; returns how much was read, less than its length only at the end of the stream.

        Raises:
            WaitedTooLong: the waiting, summed over this reader's life, passed `wall_s`.
        """
        filled = 0
        while filled < len(buffer):
            self._await_bytes()
            count = os.readv(self._descriptor, [buffer[filled:]])
            if count == 0:
                break
            filled += count
        return filled

    def exactly(self, length: int) -> bytearray:
        """The next `length` bytes.

        Raises:
            BrokenPipe: the stream ended first. WaitedTooLong: see `into`.
        """
        body = bytearray(length)
        if self.into(memoryview(body)) < length:
            raise BrokenPipe("the child ended in the middle of a record")
        return body

    def record(self) -> Record | None:
        """The next record's kind and length, or None at a clean end of the stream."""
        head = bytearray(RECORD.size)
        got = self.into(memoryview(head))
        if got == 0:
            return None
        if got < RECORD.size:
            raise BrokenPipe("the child ended in the middle of a record")
        return Record(*RECORD.unpack(head))

    def _await_bytes(self) -> None:
        began = time.monotonic()
        ready = self._poll.poll(max(0.0, self._left_s) * 1000)
        self._left_s -= time.monotonic() - began
        if not ready:
            raise WaitedTooLong
