"""The reader of HLS and DASH playlists inside a confined child (see `detector.sandbox.jobs`).

Says which pieces of which files make up the best picture stream, in order. Names stay names: nothing here opens
anything, and the parent decides which names it follows. RFC 8216 (HLS), ISO/IEC 23009-1 (DASH): the parts in use.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin
from xml.etree import ElementTree

from core.errors import UnreadableInput
from detector.sandbox.child import Bench

MAX_PLAYLIST_BYTES = 4 << 20
MAX_SEGMENTS = 20_000
_MAX_NAME = 1_000
_DURATION = re.compile(r"P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')

Piece = dict[str, Any]


def rehearse() -> None:
    """Parse a playlist of each kind, so that everything that loads on first use is loaded."""
    _hls("#EXTM3U\n#EXTINF:1.0,\na.ts\n")
    _dash("<MPD><Period/></MPD>")


def read_playlist(bench: Bench) -> None:
    """Send what the playlist names: variants of it, or its segments."""
    content = bench.file.read(MAX_PLAYLIST_BYTES + 1)
    if len(content) > MAX_PLAYLIST_BYTES:
        raise _unreadable(f"the playlist has more than {MAX_PLAYLIST_BYTES} bytes", "too_large")
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    if text.startswith("#EXTM3U"):
        bench.reply(_hls(text))
    elif "<MPD" in text[:4_096]:
        bench.reply(_dash(text))
    else:
        raise _unreadable("this is no HLS or DASH playlist", "not_a_video")


def _unreadable(message: str, code: str) -> UnreadableInput:
    return UnreadableInput(message, code=code, hint="Give an HLS (.m3u8) or DASH (.mpd) playlist with its files.")


def _piece(name: str, offset: int = 0, length: int | None = None) -> Piece:
    if not name or len(name) > _MAX_NAME:
        raise _unreadable("the playlist names a file by no name, or by a very long one", "not_a_video")
    return {"name": name, "offset": offset, "length": length}


def _hls(text: str) -> dict[str, Any]:
    variants: list[dict[str, Any]] = []
    segments: list[dict[str, Any]] = []
    init: Piece | None = None
    seconds, span, ends = 0.0, "", {"": 0}
    bandwidth: int | None = None
    is_live = True
    for line in (one.strip() for one in text.splitlines()[1:]):
        tag, _, rest = line.partition(":")
        if tag == "#EXT-X-STREAM-INF":
            bandwidth = _whole(_attributes(rest).get("BANDWIDTH", "0"))
        elif tag == "#EXTINF":
            seconds = _seconds(rest.split(",")[0])
        elif tag == "#EXT-X-BYTERANGE":
            span = rest
        elif tag == "#EXT-X-MAP":
            listed = _attributes(rest)
            init = _ranged(listed.get("URI", ""), listed.get("BYTERANGE", ""), {})
        elif tag in ("#EXT-X-KEY", "#EXT-X-SESSION-KEY") and _attributes(rest).get("METHOD") != "NONE":
            raise _unreadable("the stream is encrypted", "encrypted_stream")
        elif tag == "#EXT-X-ENDLIST":
            is_live = False
        elif line and not line.startswith("#"):
            if bandwidth is not None:
                variants.append({"name": _piece(line)["name"], "bandwidth": bandwidth})
                bandwidth = None
            else:
                segments.append({**_ranged(line, span, ends), "seconds": seconds, "init": init})
                span = ""
        if len(segments) > MAX_SEGMENTS or len(variants) > MAX_SEGMENTS:
            raise _unreadable(f"the playlist names more than {MAX_SEGMENTS} segments", "too_large")
    return {"kind": "hls", "is_live": is_live and not variants, "variants": variants, "segments": segments}


def _ranged(name: str, span: str, ends: dict[str, int]) -> Piece:
    """A piece by its byte range `length@offset`; without an offset it follows the piece before it of that file."""
    if not span:
        return _piece(name)
    length, _, offset = span.partition("@")
    start = _whole(offset) if offset else ends.get(name, 0)
    ends[name] = start + _whole(length)
    return _piece(name, start, _whole(length))


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


def _dash(text: str) -> dict[str, Any]:
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
    whole = _duration(root.get("mediaPresentationDuration"))
    segments: list[dict[str, Any]] = []
    for period in root.findall("Period"):
        chosen = _best(period)
        if chosen is None:
            continue
        folder = ""
        for one in (root, period, chosen[0]):
            folder = _under(folder, one.findtext("BaseURL"))
        for segment in _dash_segments(period, *chosen, folder, _duration(period.get("duration")) or whole):
            segments.append(segment)
            if len(segments) > MAX_SEGMENTS:
                raise _unreadable(f"the playlist names more than {MAX_SEGMENTS} segments", "too_large")
    return {"kind": "dash", "is_live": root.get("type") == "dynamic", "variants": [], "segments": segments}


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
    whole_s: float | None,
) -> Iterator[dict[str, Any]]:
    own = _under(folder, chosen.findtext("BaseURL"))
    for level in (chosen, group, period):
        template, listed = level.find("SegmentTemplate"), level.find("SegmentList")
        if template is not None:
            yield from _from_template(template, chosen, own, whole_s)
            return
        if listed is not None:
            yield from _from_list(listed, own)
            return
    if own:
        yield {**_piece(own), "seconds": whole_s or 0.0, "init": None}


def _from_template(
    template: ElementTree.Element, chosen: ElementTree.Element, folder: str, whole_s: float | None
) -> Iterator[dict[str, Any]]:
    scale = max(1, _whole(template.get("timescale", "1")))
    number = _whole(template.get("startNumber", "1"))
    first = template.get("initialization")
    init = _piece(_under(folder, _filled(first, chosen, number, 0))) if first else None
    media = template.get("media", "")
    for time, length in _times(template, scale, whole_s):
        name = _under(folder, _filled(media, chosen, number, time))
        yield {**_piece(name), "seconds": length / scale, "init": init}
        number += 1


def _times(template: ElementTree.Element, scale: int, whole_s: float | None) -> Iterator[tuple[int, int]]:
    """Start and length of every segment, in the template's time units."""
    line = template.find("SegmentTimeline")
    if line is None:
        length = _whole(template.get("duration", "0"))
        if not length or whole_s is None:
            raise _unreadable("the playlist does not say how many segments there are", "not_a_video")
        count = min(MAX_SEGMENTS + 1, int(-(-whole_s * scale // length)))
        yield from ((i * length, length) for i in range(count))
        return
    time = 0
    for one in line.findall("S"):
        time = _whole(one.get("t", str(time)))
        for _ in range(min(MAX_SEGMENTS, _whole(one.get("r", "0"))) + 1):
            yield time, _whole(one.get("d", "0"))
            time += _whole(one.get("d", "0"))


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
    return _piece(_under(folder, name), _whole(first), _whole(last) - _whole(first) + 1)


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
    return 86_400 * days + 3_600 * hours + 60 * minutes + seconds
