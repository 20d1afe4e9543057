"""Streams in segments for tests, and a site on loopback that gives them."""

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import av

KINDS = {
    "HLS, MPEG-TS": ("hls", "stream.m3u8", {}),
    "HLS, fragmented MP4": ("hls", "stream.m3u8", {"hls_segment_type": "fmp4"}),
    "HLS, one file in ranges": ("hls", "stream.m3u8", {"hls_flags": "single_file"}),
    "DASH, numbered": ("dash", "stream.mpd", {"use_timeline": "0"}),
    "DASH, with a timeline": ("dash", "stream.mpd", {"use_timeline": "1"}),
    "DASH, one file": ("dash", "stream.mpd", {"single_file": "1"}),
}


def segmented(whole: Path, target: Path, kind: str, **options: str) -> Path:
    """The clip as a stream of segments of a second, written by ffmpeg's own muxer."""
    settled = {"hls_time": "1", "hls_playlist_type": "vod", "seg_duration": "1", **options}
    known = {name: value for name, value in settled.items() if name.startswith("hls") == (kind == "hls")}
    with av.open(str(whole)) as source, av.open(str(target), "w", format=kind, options=known) as output:
        given = source.streams.video[0]
        rate = given.average_rate
        keys = {"g": str(rate), "crf": "20", "sc_threshold": "0"}
        video = output.add_stream("libx264", rate=rate, options=keys)
        video.width, video.height, video.pix_fmt = given.width, given.height, "yuv420p"
        for frame in source.decode(video=0):
            frame.pict_type = av.video.frame.PictureType.NONE
            output.mux(video.encode(frame))
        output.mux(video.encode())
    return target


@dataclass
class Site:
    """A folder on the web. `asked` lists the paths that were asked for, `takes_ranges` whether parts are given."""

    url: str
    folder: Path
    asked: list[str] = field(default_factory=list)
    takes_ranges: bool = True
    moved: dict[str, str] = field(default_factory=dict)


def _part(content: bytes, wanted: str | None) -> tuple[int, bytes]:
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted or "")
    return (206, content[int(found[1]) : int(found[2]) + 1]) if found else (200, content)


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """A real site on loopback over a folder, with redirects (`moved`) and byte ranges."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            path = site.folder / unquote(self.path.partition("?")[0]).lstrip("/")
            if self.path in site.moved:
                self.send_response(302)
                self.send_header("Location", site.moved[self.path])
                self.end_headers()
                return
            if not path.is_file():
                self.send_error(404)
                return
            status, body = _part(path.read_bytes(), self.headers.get("Range") if site.takes_ranges else None)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    site = Site(f"http://127.0.0.1:{server.server_address[1]}", folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
