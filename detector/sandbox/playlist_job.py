"""The reader of HLS and DASH playlists inside a confined child (see `detector.sandbox.jobs`).

Says which pieces of which files make up the best picture stream, in order. Names stay names: nothing here opens
anything, and the parent decides which names it follows. RFC 8216 (HLS), ISO/IEC 23009-1 (DASH): the parts in use.
"""

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urljoin
from xml.etree import ElementTree

from core.errors import UnreadableInput
from detector.sandbox.child import Bench

MAX_PLAYLIST_BYTES = 4 << 20
MAX_SEGMENTS = 20_000
_MAX_NAME = 1_000
_MAX_NAMES_IN_ALL = 4 << 20  # characters: the reply has to fit through the pipe
_MAX_LINE = 16_384
_MAX_SECONDS = 1e8
_DURATION = re.compile(r"P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')

Piece = dict[str, Any]


def rehearse() -> None:
    """Parse a playlist of each kind, so that everything that loads on first use is loaded."""
    _hls("#EXTM3U\n#EXTINF:1.0,\na.ts\n")
    _dash("<MPD><Period/></MPD>", 0.0)


def read_playlist(bench: Bench, now_s: float) -> None:
    """Send what the playlist names: variants of it, or its segments; of a live one those there at `now_s` (s since
    1970)."""
    content = bench.file.read(MAX_PLAYLIST_BYTES + 1)
    if len(content) > MAX_PLAYLIST_BYTES:
        raise _unreadable(f"the playlist has more than {MAX_PLAYLIST_BYTES} bytes", "too_large")
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    if text.startswith("#EXTM3U"):
        bench.reply(_hls(text))
    elif "<MPD" in text[:4_096]:
        bench.reply(_dash(text, now_s))
    else:
        raise _unreadable("this is no HLS or DASH playlist", "not_a_video")


def _unreadable(message: str, code: str) -> UnreadableInput:
    return UnreadableInput(message, code=code, hint="Give an HLS (.m3u8) or DASH (.mpd) playlist with its files.")


def _piece(name: str, offset: int = 0, length: int | None = None) -> Piece:
    if not name or len(name) > _MAX_NAME:
        raise _unreadable("the playlist names a file by no name, or by a very long one", "not_a_video")
    return {"name": name, "offset": offset, "length": length}


def _hls(text: str) -> dict[str, Any]:
    reader = _HlsReader()
    for line in text.split("\n")[1:]:
        reader.read(line.strip())
    return reader.told()


class _HlsReader:
    """A playlist read line by line (RFC 8216, 4.1: a line ends at a line feed and nowhere else)."""

    def __init__(self) -> None:
        self._variants: list[dict[str, Any]] = []
        self._segments: list[dict[str, Any]] = []
        self._init: Piece | None = None
        self._ends: dict[str, int] = {}
        self._bandwidth: int | None = None
        self._is_live, self._has_gap, self._begins_anew = True, False, False
        self._seconds, self._span, self._number, self._target_s = 0.0, "", 0, 0.0

    def read(self, line: str) -> None:
        """One line: a tag, a name, or nothing."""
        if len(line) > _MAX_LINE:
            raise _unreadable(f"a line of the playlist has more than {_MAX_LINE} characters", "not_a_video")
        if line.startswith("#"):
            tag, _, rest = line.partition(":")
            self._read_tag(tag, rest)
        elif line:
            self._read_name(line)

    def told(self) -> dict[str, Any]:
        """All that was read."""
        is_live = self._is_live and not self._variants
        return _told("hls", is_live, self._variants, self._segments, self._number, self._target_s)

    def _read_tag(self, tag: str, rest: str) -> None:
        if tag == "#EXT-X-STREAM-INF":
            self._bandwidth = _whole(_attributes(rest).get("BANDWIDTH", "0"))
        elif tag == "#EXTINF":
            self._seconds = _seconds(rest.split(",")[0])
        elif tag == "#EXT-X-BYTERANGE":
            self._span = rest
        elif tag == "#EXT-X-MAP":
            listed = _attributes(rest)
            self._init = _ranged(listed.get("URI", ""), listed.get("BYTERANGE", ""), {})
        elif tag in ("#EXT-X-KEY", "#EXT-X-SESSION-KEY") and _attributes(rest).get("METHOD") != "NONE":
            raise _unreadable("the stream is encrypted", "encrypted_stream")
        elif tag == "#EXT-X-MEDIA-SEQUENCE":
            self._number = _whole(rest)
        elif tag == "#EXT-X-TARGETDURATION":
            self._target_s = _seconds(rest)
        self._read_flag(tag)

    def _read_flag(self, tag: str) -> None:
        if tag == "#EXT-X-ENDLIST":
            self._is_live = False
        elif tag == "#EXT-X-GAP":
            self._has_gap = True
        elif tag == "#EXT-X-DISCONTINUITY":
            self._begins_anew = True

    def _read_name(self, line: str) -> None:
        if self._bandwidth is not None:
            self._variants.append({"name": _piece(line)["name"], "bandwidth": self._bandwidth})
            self._bandwidth = None
        else:
            told = {**_ranged(line, self._span, self._ends), "seconds": self._seconds, "init": self._init}
            flags = {"begins_anew": self._begins_anew, "is_gap": self._has_gap}
            self._segments.append(told | {name: True for name, holds in flags.items() if holds})
            self._span, self._has_gap, self._begins_anew = "", False, False
        if len(self._segments) > MAX_SEGMENTS or len(self._variants) > MAX_SEGMENTS:
            raise _unreadable(f"the playlist names more than {MAX_SEGMENTS} segments", "too_large")


def _told(
    kind: str,
    is_live: bool,
    variants: list[dict[str, Any]],
    segments: list[dict[str, Any]],
    number: int = 0,
    target_s: float = 0.0,
) -> dict[str, Any]:
    """What a playlist says: `number` is that of its first segment, `target_s` when it is worth another look.

    Initialisations, named by many segments, stand once in `inits`; a segment's `init` is a place in it.
    """
    places: dict[str, int] = {}
    inits: list[Piece] = []
    for one in segments:
        if one["init"] is not None:
            key = repr(one["init"])
            if key not in places:
                places[key] = len(inits)
                inits.append(one["init"])
            one["init"] = places[key]
    if sum(len(one["name"]) for one in (*variants, *segments, *inits)) > _MAX_NAMES_IN_ALL:
        raise _unreadable("the names in the playlist are too long to be told", "too_large")
    told = {"kind": kind, "is_live": is_live, "variants": variants, "segments": segments, "inits": inits}
    return told | {"number": number, "is_numbered": kind == "hls", "target_s": target_s}


def _ranged(name: str, span: str, ends: dict[str, int]) -> Piece:
    """A piece by its byte range `length@offset`; without an offset it follows the piece before it of that file."""
    if not span:
        return _piece(name)
    length, _, offset = span.partition("@")
    start = _whole(offset) if offset else ends.get(name, 0)
    ends[name] = start + _whole(length)
    return _part(name, start, _whole(length))


def _part(name: str, start: int, length: int) -> Piece:
    if length < 1:
        raise _unreadable("the playlist names a part of a file that has no bytes", "not_a_video")
    return _piece(name, start, length)


def _attributes(rest: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(rest)}


def _whole(text: str) -> int:
    if not re.fullmatch(r"\s*\d{1,15}\s*", text, re.ASCII):
        raise _unreadable("the playlist has a number that is none", "not_a_video")
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\s*\d{1,9}(\.\d{1,12})?\s*", text, re.ASCII):
        raise _unreadable("the playlist has a duration that is none", "not_a_video")
    return float(text)


def _dash(text: str, now_s: float) -> dict[str, Any]:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise _unreadable("the playlist defines entities", "not_a_video")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise _unreadable("the playlist is no well-formed XML", "not_a_video") from error
    for element in root.iter():
        element.tag = str(element.tag).rpartition("}")[2]
    if root.find(".//ContentProtection") is not None:
        raise _unreadable("the stream is encrypted", "encrypted_stream")
    segments: list[dict[str, Any]] = []
    for period in root.findall("Period"):
        chosen = _best(period)
        if chosen is None:
            continue
        folder = ""
        for one in (root, period, chosen[0]):
            folder = _under(folder, one.findtext("BaseURL"))
        for segment in _dash_segments(period, *chosen, folder, _span_of(root, period, now_s)):
            segments.append(segment)
            if len(segments) > MAX_SEGMENTS:
                raise _unreadable(f"the playlist names more than {MAX_SEGMENTS} segments", "too_large")
    target_s = _duration(root.get("minimumUpdatePeriod")) or 0.0
    return _told("dash", root.get("type") == "dynamic", [], segments, target_s=target_s)


class _Span(NamedTuple):
    """How long a period is, as far as anybody can know, and what of it is still kept (s; None: all)."""

    seconds: float | None
    kept_s: float | None = None
    is_growing: bool = False


def _span_of(root: ElementTree.Element, period: ElementTree.Element, now_s: float) -> _Span:
    told = _duration(period.get("duration")) or _duration(root.get("mediaPresentationDuration"))
    began_s = _instant(root.get("availabilityStartTime"))
    if told is not None or root.get("type") != "dynamic" or began_s is None:
        return _Span(told)
    gone_s = now_s - began_s - (_duration(period.get("start")) or 0.0)
    return _Span(max(0.0, gone_s), _duration(root.get("timeShiftBufferDepth")), is_growing=True)


def _instant(text: str | None) -> float | None:
    """An XML instant in seconds since 1970; without a zone it is UTC."""
    try:
        instant = datetime.fromisoformat(text or "")
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _best(period: ElementTree.Element) -> tuple[ElementTree.Element, ElementTree.Element] | None:
    """The adaptation set and representation of the pictures with the highest rate."""
    found = []
    for group in period.findall("AdaptationSet"):
        for one in group.findall("Representation"):
            kind = one.get("mimeType") or group.get("mimeType") or group.get("contentType") or "video"
            if kind.startswith("video"):
                found.append((_whole(one.get("bandwidth", "0")), group, one))
    best = max(found, key=lambda one: one[0], default=None)
    return best[1:] if best is not None else None


def _dash_segments(
    period: ElementTree.Element,
    group: ElementTree.Element,
    chosen: ElementTree.Element,
    folder: str,
    span: _Span,
) -> Iterator[dict[str, Any]]:
    own = _under(folder, chosen.findtext("BaseURL"))
    for level in (chosen, group, period):
        template, listed = level.find("SegmentTemplate"), level.find("SegmentList")
        if template is not None:
            yield from _from_template(template, chosen, own, span)
            return
        if listed is not None:
            yield from _from_list(listed, own)
            return
    if own:
        yield {**_piece(own), "seconds": span.seconds or 0.0, "init": None}


def _from_template(
    template: ElementTree.Element, chosen: ElementTree.Element, folder: str, span: _Span
) -> Iterator[dict[str, Any]]:
    scale = max(1, _whole(template.get("timescale", "1")))
    number = _whole(template.get("startNumber", "1"))
    first = template.get("initialization")
    init = _piece(_under(folder, _filled(first, chosen, number, 0))) if first else None
    media = template.get("media", "")
    for place, time, length in _times(template, scale, span):
        name = _under(folder, _filled(media, chosen, number + place, time))
        yield {**_piece(name), "seconds": length / scale, "init": init}


def _times(template: ElementTree.Element, scale: int, span: _Span) -> Iterator[tuple[int, int, int]]:
    """Place, start and length of every segment, the last two in the template's time units."""
    line = template.find("SegmentTimeline")
    if line is None:
        length = _whole(template.get("duration", "0"))
        for place in _counted(length, scale, span):
            yield place, place * length, length
        return
    entries = line.findall("S")
    time = place = 0
    first = _whole(template.get("presentationTimeOffset", "0"))
    whole = None if span.seconds is None else first + int(span.seconds * scale)
    for number, one in enumerate(entries):
        time, length = _whole(one.get("t", str(time))), _whole(one.get("d", "0"))
        following = entries[number + 1].get("t") if number + 1 < len(entries) else None
        end = _whole(following) if following is not None else whole
        for _ in range(min(MAX_SEGMENTS + 1, _repeats(one.get("r", "0"), time, length, end))):
            yield place, time, length
            time, place = time + length, place + 1


def _counted(length: int, scale: int, span: _Span) -> range:
    """The numbers, from 0, of segments of one length; of a growing period those that are whole and still kept."""
    if not length or span.seconds is None:
        raise _unreadable("the playlist does not say how many segments there are", "not_a_video")
    each_s = length / scale
    count = int(span.seconds / each_s) if span.is_growing else math.ceil(span.seconds / each_s - 1e-6)
    first = 0 if span.kept_s is None else max(0, count - math.ceil(span.kept_s / each_s))
    return range(first, min(count, first + MAX_SEGMENTS + 1))


def _repeats(text: str, time: int, length: int, end: int | None) -> int:
    """How many segments an entry of a timeline stands for; `-1` goes on to where the next begins."""
    if text.strip() != "-1":
        return _whole(text) + 1
    if end is None or not length:
        raise _unreadable("the playlist does not say how many segments there are", "not_a_video")
    return max(1, -(-(end - time) // length))


def _filled(pattern: str, chosen: ElementTree.Element, number: int, time: int) -> str:
    values = {"Number": number, "Time": time, "Bandwidth": _whole(chosen.get("bandwidth", "0"))}

    def value(found: re.Match[str]) -> str:
        name, width = found[1], int(found[2] or 1)
        return chosen.get("id", "") if name == "RepresentationID" else f"{values[name]:0{min(width, 20)}d}"

    return re.sub(r"\$(RepresentationID|Number|Time|Bandwidth)(?:%0(\d{1,2})d)?\$", value, pattern)


def _from_list(listed: ElementTree.Element, folder: str) -> Iterator[dict[str, Any]]:
    scale = max(1, _whole(listed.get("timescale", "1")))
    seconds = _whole(listed.get("duration", "0")) / scale
    first = listed.find("Initialization")
    init = _spanned(folder, first.get("sourceURL"), first.get("range")) if first is not None else None
    for one in listed.findall("SegmentURL"):
        yield {**_spanned(folder, one.get("media"), one.get("mediaRange")), "seconds": seconds, "init": init}


def _spanned(folder: str, name: str | None, span: str | None) -> Piece:
    """A piece by DASH's byte range `first-last`; without a name it lies in the base file."""
    first, _, last = (span or "").partition("-")
    if not last:
        return _piece(_under(folder, name))
    return _part(_under(folder, name), _whole(first), _whole(last) - _whole(first) + 1)


def _under(folder: str, name: str | None) -> str:
    """A name as it reads from a base address (RFC 3986, section 5): a folder's, or an address of its own."""
    name = (name or "").strip()
    if not folder or not name:
        return name or folder
    try:
        return urljoin(folder, name)
    except ValueError as error:
        raise _unreadable("the playlist names a file by an address that is none", "not_a_video") from error


def _duration(text: str | None) -> float | None:
    found = _DURATION.fullmatch(text or "")
    if found is None or not text:
        return None
    days, hours, minutes, seconds = (float(one or 0) for one in found.groups())
    whole_s = 86_400 * days + 3_600 * hours + 60 * minutes + seconds
    if not whole_s <= _MAX_SECONDS:
        raise _unreadable("the playlist has a duration that is none", "not_a_video")
    return whole_s
