"""The boxes of a video file, by their headers alone: BMFF (ISO 14496-12) and RIFF, and which media data is used."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from provenance.bmff import header_at
from provenance.store import bmff_boxes

_CONTAINERS = frozenset(
    (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"moof", b"traf", b"mfra", b"mvex", b"udta")
)
_FULL_CONTAINERS = frozenset((b"meta",))  # a version and flags stand before the first child
_MAX_BOXES = 100_000
_MAX_TABLE_BYTES = 64 << 20
_MAX_GAPS = 64

_Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Box:
    """One box: its type, and where its header, its content and its end lie."""

    kind: bytes
    start: int
    body: int
    end: int


def top_boxes(file: BinaryIO, size: int) -> list[Box]:
    """The boxes at the top of a file, of RIFF chunks too; those before the first that can't be right."""
    file.seek(0)
    if file.read(4) == b"RIFF":
        return list(_riff_chunks(file, size))
    found: list[Box] = []
    for kind, body, end in bmff_boxes(file, size):
        found.append(Box(kind, found[-1].end if found else 0, body, end))
    return found


def children(file: BinaryIO, box: Box) -> list[Box]:
    """The boxes in a container; none for a box of another kind."""
    if box.kind not in _CONTAINERS | _FULL_CONTAINERS:
        return []
    position = box.body + (4 if box.kind in _FULL_CONTAINERS else 0)
    found: list[Box] = []
    while len(found) < _MAX_BOXES and (header := header_at(file, position, box.end)) is not None:
        if header.end is None or not header.is_whole(box.end):
            break
        found.append(Box(header.kind, position, header.body, header.end))
        position = header.end
    return found


def media_gaps(file: BinaryIO, boxes: Sequence[Box]) -> Iterator[tuple[int, int]]:
    """Stretches of media data that no track's sample table points to, of a file that is not fragmented. Nothing
    for a file whose tables can't be followed: what can't be told is not told."""
    movie = next((one for one in boxes if one.kind == b"moov"), None)
    if movie is None or any(one.kind == b"moof" for one in boxes):
        return
    used: list[_Numbers] = []
    for track in (one for one in children(file, movie) if one.kind == b"trak"):
        spans = _chunks_of(file, track)
        if spans is None:
            return
        used.append(spans)
    spans = np.concatenate(used) if used else np.empty((0, 2), np.int64)
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    count = 0
    for box in (one for one in boxes if one.kind == b"mdat"):
        inside = spans[(spans[:, 1] > box.body) & (spans[:, 0] < box.end)]
        position = box.body
        for first, last in inside.tolist():
            if first > position:
                yield position, first
                count += 1
            position = max(position, last)
            if count == _MAX_GAPS:
                return
        if position < box.end:
            yield position, box.end


def _chunks_of(file: BinaryIO, track: Box) -> _Numbers | None:
    """First byte and end of each chunk of a track, int64 (N, 2); None where the tables can't be followed."""
    table = track
    for kind in (b"mdia", b"minf", b"stbl"):
        found = next((one for one in children(file, table) if one.kind == kind), None)
        if found is None:
            return None
        table = found
    parts = {one.kind: one for one in children(file, table)}
    if not {b"stsc", b"stsz"} <= set(parts) or not {b"stco", b"co64"} & set(parts):
        return None
    try:
        offsets = _offsets(file, parts)
        per_chunk = _samples_a_chunk(file, parts[b"stsc"], len(offsets))
        sizes = _chunk_sizes(file, parts[b"stsz"], per_chunk)
    except (ValueError, IndexError, struct.error):
        return None
    return np.stack([offsets, offsets + sizes], axis=1)


def _offsets(file: BinaryIO, parts: dict[bytes, Box]) -> _Numbers:
    box = parts.get(b"stco") or parts[b"co64"]
    content = _content(file, box)
    return _table(content, 8, ">u4" if box.kind == b"stco" else ">u8", struct.unpack(">I", content[4:8])[0])


def _samples_a_chunk(file: BinaryIO, box: Box, chunks: int) -> _Numbers:
    content = _content(file, box)
    runs = _table(content, 8, ">u4", 3 * struct.unpack(">I", content[4:8])[0]).reshape(-1, 3)
    firsts = runs[:, 0] - 1
    if len(runs) == 0 or firsts[0] != 0 or (np.diff(firsts) <= 0).any() or firsts[-1] > chunks:
        raise ValueError("no run of chunks")
    lengths = np.diff(np.append(firsts, chunks))
    samples: _Numbers = np.repeat(runs[:, 1], lengths)
    return samples


def _chunk_sizes(file: BinaryIO, box: Box, per_chunk: _Numbers) -> _Numbers:
    content = _content(file, box)
    size, count = struct.unpack(">II", content[4:12])
    if size:
        fixed: _Numbers = per_chunk * size
        return fixed
    ends = np.cumsum(per_chunk)
    if len(ends) and ends[-1] > count:
        raise ValueError("more samples in chunks than there are")
    total = np.concatenate([[0], np.cumsum(_table(content, 12, ">u4", count))]).astype(np.int64)
    sizes: _Numbers = total[ends] - total[ends - per_chunk]
    return sizes


def _table(content: bytes, start: int, form: str, count: int) -> _Numbers:
    if count * np.dtype(form).itemsize > len(content) - start:
        raise ValueError("a table is longer than its box")
    numbers: _Numbers = np.frombuffer(content, form, count, start).astype(np.int64)
    return numbers


def _content(file: BinaryIO, box: Box) -> bytes:
    if box.end - box.body > _MAX_TABLE_BYTES:
        raise ValueError("a table of that size is not read")
    file.seek(box.body)
    return file.read(box.end - box.body)


def _riff_chunks(file: BinaryIO, size: int) -> Iterator[Box]:
    yield Box(b"RIFF", 0, 12, min(12, size))
    position = 12
    for _ in range(_MAX_BOXES):
        if position + 8 > size:
            return
        file.seek(position)
        kind, length = struct.unpack("<4sI", file.read(8))
        end = position + 8 + length + (length & 1)
        if end > size:
            return
        yield Box(kind, position, position + 8, end)
        position = end
