"""Streams at addresses: the same pieces in the same order, every address behind the guards, one budget for all."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import ServiceUnreachable, UnreadableInput
from core.video import open_clip
from detector.fetchedstreams import StreamLimits, is_playlist, stream_behind
from detector.streams import SegmentedStream
from provenance.fetching import Fetched, FetchLimits, fetch
from tests.detector.segmenting import KINDS, Site, segmented, served

NEAR = FetchLimits(max_bytes=1 << 20, wall_s=5.0, allows_private=True)
LIMITS = StreamLimits(NEAR, max_bytes=4 << 20, max_requests=40)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with served(tmp_path) as found:
        yield found


def stream_at(url: str, limits: StreamLimits = LIMITS) -> SegmentedStream:
    answer = fetch(url, limits.fetch)
    assert is_playlist(answer)
    return stream_behind(answer, limits)


def playlist(site: Site, *lines: str, name: str = "stream.m3u8") -> str:
    (site.folder / name).write_text("\n".join(("#EXTM3U", *lines, "#EXT-X-ENDLIST", "")))
    return f"{site.url}/{name}"


def joined(stream: SegmentedStream, path: Path) -> bytes:
    stream.whole().write_to(path)
    return path.read_bytes()


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("takes_ranges", [True, False])
def test_a_stream_at_an_address_is_the_stream_on_the_disk(
    whole: Path, site: Site, tmp_path: Path, kind: str, takes_ranges: bool
) -> None:
    """Window by window the same bytes as from the folder, whether or not the server gives parts of files; and they
    decode to the clip's frames."""
    muxer, name, options = KINDS[kind]
    site.takes_ranges = takes_ranges
    folder = segmented(whole, tmp_path / name, muxer, **options)
    far = stream_at(f"{site.url}/{name}", replace(LIMITS, max_bytes=16 << 20))
    frames = []
    for ours, theirs in zip(far.windows(2.0), SegmentedStream.opened(folder).windows(2.0), strict=True):
        with ours.joined() as fetched, theirs.joined() as copied:
            assert fetched.read_bytes() == copied.read_bytes()
            frames += list(open_clip(fetched).frames())
    expected = open_clip(whole).to_array()
    assert len(frames) == len(expected)
    assert np.abs(np.stack(frames).astype(int) - expected).mean() < 6


def test_an_initialisation_is_fetched_once(whole: Path, site: Site, tmp_path: Path) -> None:
    """Every window begins with it, and no window asks for it again."""
    muxer, name, options = KINDS["HLS, fragmented MP4"]
    segmented(whole, tmp_path / name, muxer, **options)
    stream = stream_at(f"{site.url}/{name}")
    for window in stream.windows(1.0):
        with window.joined() as path:
            assert path.stat().st_size > 0
    assert sum("init" in one for one in site.asked) == 1


def test_names_are_followed_from_where_the_playlist_was_found(site: Site, tmp_path: Path) -> None:
    """After a redirect, through a master playlist, with tokens, upwards and on another host's port: as a player
    does."""
    (tmp_path / "far" / "high").mkdir(parents=True)
    (tmp_path / "far" / "a b.ts").write_bytes(b"one")
    (tmp_path / "c.ts").write_bytes(b"three")
    best = "#EXT-X-STREAM-INF:BANDWIDTH=9000\nhigh/stream.m3u8?token=1\n"
    playlist(site, "#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8", best, name="far/master.m3u8")
    named = "#EXTINF:1,\n../a b.ts?x=%2f\n#EXTINF:1,\n/c.ts"
    with served(tmp_path / "far") as other:
        (tmp_path / "far" / "d.ts").write_bytes(b"four")
        playlist(site, named, f"#EXTINF:1,\n{other.url}/d.ts#t=1", name="far/high/stream.m3u8")
        site.moved["/go"] = "/far/master.m3u8"
        assert joined(stream_at(f"{site.url}/go"), tmp_path / "out") == b"onethreefour"
        assert other.asked == ["/d.ts"]
    assert "/far/high/stream.m3u8?token=1" in site.asked


def test_dash_addresses_are_followed_by_their_base(site: Site, tmp_path: Path) -> None:
    """`BaseURL` at every level, absolute ones too: names are read from them as RFC 3986 says."""
    (tmp_path / "low").mkdir()
    (tmp_path / "low" / "1.m4s").write_bytes(b"one")
    (tmp_path / "stream.mpd").write_text(
        f'<MPD mediaPresentationDuration="PT1S"><BaseURL>{site.url}/nowhere/x</BaseURL>'
        '<Period><BaseURL>../</BaseURL><AdaptationSet><Representation id="1"><BaseURL>low/</BaseURL>'
        '<SegmentTemplate media="$Number$.m4s" duration="1"/></Representation></AdaptationSet></Period></MPD>'
    )
    assert joined(stream_at(f"{site.url}/stream.mpd"), tmp_path / "out") == b"one"


@pytest.mark.parametrize(
    "name",
    ["http://example.org/a.ts", "file:///etc/hostname", "ftp://example.org/a.ts", "data:video/mp4,xx",
     "https://user:word@example.org/a.ts", "https://127.0.0.1/a.ts", "https://[::1]/a.ts", "https://10.0.0.1/a.ts",
     "https://169.254.169.254/latest", "//localhost/a.ts", "https://[::1/a.ts"],
)  # fmt: skip
@pytest.mark.parametrize("place", ["segment", "variant", "init"])
def test_a_playlist_leads_into_no_house(tmp_path: Path, name: str, place: str) -> None:
    """Whatever a public playlist names, a private or a strange address is refused before anything is asked."""
    lines = {
        "segment": f"#EXTINF:1,\n{name}",
        "variant": f"#EXT-X-STREAM-INF:BANDWIDTH=1\n{name}",
        "init": f'#EXT-X-MAP:URI="{name}"\n#EXTINF:1,\na.ts',
    }[place]
    content = f"#EXTM3U\n{lines}\n#EXT-X-ENDLIST\n".encode()
    public = Fetched(200, "", content, "https://public.example/stream.m3u8")
    limits = replace(LIMITS, fetch=replace(NEAR, allows_private=False))
    with pytest.raises(UnreadableInput) as refused:
        joined(stream_behind(public, limits), tmp_path / "out")
    assert refused.value.code == "segment_elsewhere"


def test_a_segment_that_leads_elsewhere_by_redirect_is_checked(site: Site, tmp_path: Path) -> None:
    """A redirect of a segment to what is no web address is refused like the address itself."""
    site.moved["/a.ts"] = "file:///etc/hostname"
    with pytest.raises(UnreadableInput) as refused:
        joined(stream_at(playlist(site, "#EXTINF:1,", "a.ts")), tmp_path / "out")
    assert refused.value.code == "segment_elsewhere"


def test_one_budget_holds_for_the_whole_stream(site: Site, tmp_path: Path) -> None:
    """Too many segments are refused before one is asked for, too many bytes and too long a time while they come."""
    (tmp_path / "a.ts").write_bytes(b"x" * 1000)
    url = playlist(site, *["#EXTINF:1,\na.ts"] * 30)
    with pytest.raises(UnreadableInput) as many:
        stream_at(url, replace(LIMITS, max_requests=30))
    assert (many.value.code, site.asked.count("/a.ts")) == ("too_large", 0)
    with pytest.raises(UnreadableInput) as large:
        joined(stream_at(url, replace(LIMITS, max_bytes=10_500)), tmp_path / "out")
    assert large.value.code == "too_large"
    assert site.asked.count("/a.ts") <= 11
    with pytest.raises(ServiceUnreachable) as slow:
        joined(stream_at(url, replace(LIMITS, wall_s=0.0)), tmp_path / "out")
    assert slow.value.code == "fetch_too_slow"
    (tmp_path / "a.ts").write_bytes(b"x" * (NEAR.max_bytes + 1))
    with pytest.raises(UnreadableInput) as single:
        joined(stream_at(url), tmp_path / "out")
    assert single.value.code == "too_large"


def test_playlists_without_end_are_given_up(site: Site) -> None:
    """A playlist that names itself, or ever another one, ends in a refusal."""
    url = playlist(site, "#EXT-X-STREAM-INF:BANDWIDTH=1", "stream.m3u8")
    with pytest.raises(UnreadableInput) as refused:
        stream_at(url)
    assert refused.value.code == "not_a_video"


@pytest.mark.parametrize(
    "tag", ['#EXT-X-KEY:METHOD=AES-128,URI="key"', '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x"',
            '#EXT-X-SESSION-KEY:METHOD=AES-128,URI="key"']
)  # fmt: skip
def test_keys_are_never_fetched(site: Site, tag: str) -> None:
    """An encrypted stream is refused with its reason, and its key is not asked for."""
    with pytest.raises(UnreadableInput) as refused:
        stream_at(playlist(site, tag, "#EXTINF:1,", "a.ts"))
    assert refused.value.code == "encrypted_stream"
    assert site.asked == ["/stream.m3u8"]


def test_what_is_missing_or_short_is_named(site: Site, tmp_path: Path) -> None:
    """A segment that is gone, and a range that its file does not have: a clear error with the segment's name."""
    with pytest.raises(UnreadableInput, match=r"gone\.ts of the stream answers with status 404") as gone:
        joined(stream_at(playlist(site, "#EXTINF:1,", "gone.ts?secret=1")), tmp_path / "out")
    assert gone.value.code == "segment_missing"
    (tmp_path / "short.ts").write_bytes(b"x" * 10)
    for takes_ranges in (True, False):
        site.takes_ranges = takes_ranges
        url = playlist(site, "#EXTINF:1,", "#EXT-X-BYTERANGE:99@5", "short.ts")
        with pytest.raises(UnreadableInput, match="shorter"):
            joined(stream_at(url), tmp_path / "out")


@pytest.mark.parametrize("name", ["a.%00ts", "a.t%1b[31ms", "a." + "x" * 400, "..", "a.%2e%2e%2fb"])
def test_a_window_s_file_has_a_name_of_our_own(site: Site, name: str) -> None:
    """What a segment is called, its ending too, is never made a file's name here."""
    site.moved[f"/{name}"] = "/whole.ts"
    (site.folder / "whole.ts").write_bytes(b"bytes")
    window = stream_at(playlist(site, "#EXTINF:1,", name)).whole()
    if name == "..":
        with pytest.raises(UnreadableInput), window.joined():
            pytest.fail("the folder above is no segment")
        return
    with window.joined() as path:
        assert (path.name, path.read_bytes()) == ("window.ts", b"bytes")


def test_a_stream_that_begins_anew_is_no_single_clip(site: Site) -> None:
    """Two initialisations: window by window it can be judged, as one file it can't."""
    lines = ('#EXT-X-MAP:URI="a"', "#EXTINF:1,", "1.m4s", '#EXT-X-MAP:URI="b"', "#EXTINF:1,", "2.m4s")
    stream = stream_at(playlist(site, *lines))
    assert len(list(stream.windows())) == 2
    with pytest.raises(UnreadableInput) as refused:
        stream.whole()
    assert refused.value.code == "stream_in_parts"


def test_a_playlist_is_known_by_what_it_is() -> None:
    """By its first bytes, its media type or its address; a clip is none."""
    assert is_playlist(Fetched(200, "text/plain", b"#EXTM3U\n", "https://a/x?y=1"))
    assert is_playlist(Fetched(200, "application/dash+xml", b"<MPD/>", "https://a/x"))
    assert is_playlist(Fetched(200, "", b"", "https://a/x.MPD?token=1"))
    assert not is_playlist(Fetched(200, "video/mp4", b"\0\0\0\x18ftyp", "https://a/x.mp4?of=stream.m3u8"))
