"""Which bytes of a file its credential vouches for, and where bytes lie that nobody is shown.

The map follows the active manifest's hard binding: a BMFF hash leaves out boxes by their path (C2PA 2.4 §18.7), a
data hash leaves out stretches (§18.5). It tells what the hash reaches and not whether it matches. Only box headers,
sample tables and padding are read, so that a file of any size costs little.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

from provenance.boxes import Box, children, media_gaps, top_boxes
from provenance.records import ByteCoverage, ByteRange
from provenance.store import C2PA_UUID, StoreFault, hard_binding

HASHED, CREDENTIAL, UNHASHED = "hashed", "credential", "unhashed"
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_KNOWN = frozenset(
    (b"ftyp", b"styp", b"pdin", b"moov", b"moof", b"mfra", b"mdat", b"meta", b"sidx", b"ssix", b"prft", b"emsg")
)
_PADDING = frozenset((b"free", b"skip", b"wide", b"JUNK"))
_RIFF_KNOWN = frozenset((b"LIST", b"idx1", b"JUNK", b"C2PA", b"RIFF"))
_MAX_PIECES, _MAX_KINDS, _MAX_HIDDEN = 256, 6, 64
_SCAN_BYTES = 1 << 20

_Span = tuple[int, int, str]


@dataclass(frozen=True)
class _Subject:
    file: BinaryIO
    size: int
    store_at: tuple[int, int]


def coverage_of(file: BinaryIO, store: bytes, *, is_beside: bool = False) -> ByteCoverage | None:
    """The map of a file that holds `store`, or has it beside it; None for a hard binding of a kind that has no map.

    Moves the file's position. Whatever the bytes are, it raises nothing but StoreFault, and OSError from the file.
    """
    found = hard_binding(store)
    if found is None:
        return None
    label, binding = found
    file.seek(0, 2)
    size = file.tell()
    whole = Box(b"file", 0, 0, size)  # what holds no boxes that can be read
    if is_beside:
        subject = _Subject(file, size, (size, size))
        boxes = top_boxes(file, size) or [whole]
    else:
        subject, boxes = _Subject(file, size, _store_place(file, store)), top_boxes(file, size)
    if label.startswith("c2pa.hash.data"):
        left_out = list(_left_out_stretches(binding, subject.size))
    else:
        left_out = [*_left_out_boxes(subject, boxes, binding), *_behind(boxes, subject.size)]
    pieces, is_complete = _merged(_pieces(subject, boxes, left_out))
    counts = {kind: sum(one.end - one.start for one in pieces if one.cover == kind) for kind in _KINDS}
    hidden = () if boxes == [whole] else tuple(_hidden(subject, boxes))[:_MAX_HIDDEN]
    return ByteCoverage(
        subject.size,
        counts[HASHED],
        counts[CREDENTIAL],
        counts[UNHASHED],
        tuple(pieces),
        hidden,
        is_complete,
    )


_KINDS = (HASHED, CREDENTIAL, UNHASHED)


def _store_place(file: BinaryIO, store: bytes) -> tuple[int, int]:
    """Where the embedded store lies: found by the box that holds it, never by searching."""
    file.seek(0, 2)
    for box in top_boxes(file, file.tell()):
        if box.kind in (b"uuid", b"C2PA"):
            file.seek(box.body)
            head = file.read(min(box.end - box.body, 128))
            offset = head.find(store[:32])
            if offset >= 0:
                return box.body + offset, box.body + offset + len(store)
    raise StoreFault("the manifest store lies in no box of its own")


def _left_out_stretches(binding: Mapping[str, Any], size: int) -> Iterator[_Span]:
    for one in _listed(binding.get("exclusions")):
        start, length = one.get("start"), one.get("length")
        if isinstance(start, int) and isinstance(length, int) and start >= 0 and length > 0:
            yield min(start, size), min(start + length, size), "left out by the hash"


def _left_out_boxes(subject: _Subject, boxes: Sequence[Box], binding: Mapping[str, Any]) -> Iterator[_Span]:
    for rule in _listed(binding.get("exclusions")):
        names = str(rule.get("xpath") or "").strip("/").split("/")
        for box in _at(subject.file, boxes, names):
            if _fits(subject.file, box, rule):
                yield from _left_out_of(box, rule)


def _at(file: BinaryIO, boxes: Sequence[Box], names: Sequence[str]) -> Iterator[Box]:
    """The boxes that a path names: `/moov/trak[2]/mdia`; without a number every one of that name."""
    name, _, number = names[0].partition("[")
    named = [one for one in boxes if one.kind == name.encode("latin-1", "replace")]
    if number.rstrip("]").isdigit():
        named = named[int(number.rstrip("]")) - 1 :][:1]
    for box in named:
        if len(names) == 1:
            yield box
        else:
            yield from _at(file, children(file, box), names[1:])


def _fits(file: BinaryIO, box: Box, rule: Mapping[str, Any]) -> bool:
    """Whether a box has the length, version, flags and bytes that an exclusion asks for."""
    length, version, flags = rule.get("length"), rule.get("version"), rule.get("flags")
    if isinstance(length, int) and box.end - box.start != length:
        return False
    if version is not None or flags is not None:
        file.seek(box.body)
        head = file.read(4)
        if isinstance(version, int) and head[:1] != bytes([version & 0xFF]):
            return False
        if isinstance(flags, bytes) and head[1:4] != flags:
            return False
    return all(_has(file, box, one) for one in _listed(rule.get("data")))


def _has(file: BinaryIO, box: Box, wanted: Mapping[str, Any]) -> bool:
    offset, value = wanted.get("offset"), wanted.get("value")
    if not isinstance(offset, int) or not isinstance(value, bytes) or not 0 <= offset <= box.end - box.start:
        return False
    file.seek(box.start + offset)
    return file.read(len(value)) == value


def _left_out_of(box: Box, rule: Mapping[str, Any]) -> Iterator[_Span]:
    what = f"{box.kind.decode('latin-1')} box, left out by the hash"
    subset = list(_listed(rule.get("subset")))
    for one in subset:
        offset, length = one.get("offset"), one.get("length")
        if isinstance(offset, int) and isinstance(length, int) and offset >= 0 and length >= 0:
            start = min(box.start + offset, box.end)
            yield start, min(start + length, box.end) if length else box.end, f"part of the {what}"
    if not subset:
        yield box.start, box.end, what


def _behind(boxes: Sequence[Box], size: int) -> Iterator[_Span]:
    end = boxes[-1].end if boxes else 0
    if end < size:
        yield end, size, "behind the last box"


def _pieces(subject: _Subject, boxes: Sequence[Box], left_out: Sequence[_Span]) -> Iterator[ByteRange]:
    """Every byte once: cut wherever a box, the store or something left out begins or ends."""
    start, end = subject.store_at
    cuts = {0, subject.size, start, end}
    for one in boxes:
        cuts |= {one.start, one.end}
    for first, last, _ in left_out:
        cuts |= {first, last}
    spans, nearest = sorted(left_out), sorted(boxes, key=lambda one: one.start)
    box_at = span_at = 0
    for first, last in pairwise(sorted(cuts)):
        while box_at < len(nearest) and nearest[box_at].end <= first:
            box_at += 1
        while span_at < len(spans) and max(one[1] for one in spans[span_at : span_at + 1]) <= first:
            span_at += 1
        name = nearest[box_at].kind.decode("latin-1") if box_at < len(nearest) else ""
        covering = next((one for one in spans[span_at:] if one[0] <= first < one[1]), None)
        if start <= first < end:
            yield ByteRange(first, last, CREDENTIAL, "manifest store")
        elif covering is not None:
            yield ByteRange(first, last, UNHASHED, covering[2])
        else:
            yield ByteRange(first, last, HASHED, name)


def _merged(pieces: Iterator[ByteRange]) -> tuple[list[ByteRange], bool]:
    """Neighbours of one kind as one piece that names the boxes in it, and whether the map is whole."""
    merged: list[ByteRange] = []
    for one in pieces:
        last = merged[-1] if merged else None
        if last is not None and last.cover == one.cover and (one.cover == HASHED or last.what == one.what):
            merged[-1] = ByteRange(last.start, one.end, one.cover, _named(last.what, one.what))
        elif len(merged) == _MAX_PIECES:
            return merged, False
        else:
            merged.append(one)
    return merged, True


def _named(known: str, further: str) -> str:
    names = known.split(", ")
    if further in names or names[-1] == "…":
        return known
    return f"{known}, {further}" if len(names) < _MAX_KINDS else f"{known}, …"


def _hidden(subject: _Subject, boxes: Sequence[Box]) -> Iterator[ByteRange]:
    """Places that hold bytes which no player shows."""
    is_riff = bool(boxes) and boxes[0].kind == b"RIFF"
    known = _RIFF_KNOWN if is_riff else _KNOWN
    for box in boxes:
        name = box.kind.decode("latin-1")
        if box.kind in _PADDING:
            if _is_filled(subject.file, box.body, box.end):
                yield ByteRange(box.body, box.end, "", f"{name} box that is not empty")
        elif box.kind == b"uuid":
            yield from _in_uuid(subject, box)
        elif box.kind not in known:
            yield ByteRange(box.body, box.end, "", f"box of unknown kind {name!r}")
    for first, last, what in _behind(boxes, subject.size):
        yield ByteRange(first, last, "", f"bytes {what}")
    if not is_riff:
        for first, last in media_gaps(subject.file, boxes):
            if _is_filled(subject.file, first, last):
                yield ByteRange(first, last, "", "media data that no track points to")


def _in_uuid(subject: _Subject, box: Box) -> Iterator[ByteRange]:
    subject.file.seek(box.body)
    user_type = subject.file.read(16)
    end = subject.store_at[1]
    if user_type == C2PA_UUID:
        if box.body <= end < box.end and _is_filled(subject.file, end, box.end):
            yield ByteRange(end, box.end, "", "bytes behind the manifest store in its box")
    elif user_type != _XMP_UUID:
        yield ByteRange(box.body, box.end, "", "uuid box of unknown use")


def _is_filled(file: BinaryIO, start: int, end: int) -> bool:
    """Whether a stretch holds anything but noughts."""
    file.seek(start)
    left = end - start
    while left > 0:
        chunk = file.read(min(left, _SCAN_BYTES))
        if not chunk:
            return False
        if any(chunk):
            return True
        left -= len(chunk)
    return False


def _listed(value: Any) -> Iterator[Mapping[str, Any]]:
    """The mappings of a list; nothing for anything else."""
    return (one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else iter(())
