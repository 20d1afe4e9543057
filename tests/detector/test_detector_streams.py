"""Streams in segments: the right pieces in the right order, and nothing outside their own folder."""

import json
import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UnreadableInput
from core.video import open_clip
from detector.sandbox import playlist_job
from detector.sandbox.parent import ConfinedChild
from detector.service import Detector
from detector.streams import SegmentedStream
from detector.verdict import Conclusion
from provenance.repository import MemoryManifestRepository
from provenance.trust import TrustStore
from tests.detector.segmenting import KINDS, segmented
from watermark.pixel import PixelWatermark

SECONDS = 6


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_windows_of_a_stream_are_the_clip_in_order(whole: Path, tmp_path: Path, kind: str) -> None:
    """However the segments are kept, their windows decode to the clip's frames, every one once, in order."""
    muxer, name, options = KINDS[kind]
    stream = SegmentedStream.opened(segmented(whole, tmp_path / name, muxer, **options))
    windows = list(stream.windows(2.0))
    assert not stream.is_live
    assert windows[-1].end_s == pytest.approx(SECONDS, abs=0.3)
    frames = []
    for window in windows:
        with window.joined() as path:
            clip = open_clip(path)
            frames += list(clip.frames())
        assert not path.exists()
    expected = open_clip(whole).to_array()
    assert len(frames) == len(expected)
    assert np.abs(np.stack(frames).astype(int) - expected).mean() < 6


def test_the_best_variant_is_taken(whole: Path, tmp_path: Path) -> None:
    """Of a master playlist the variant with the highest rate; it may lie in a folder below."""
    (tmp_path / "high").mkdir()
    segmented(whole, tmp_path / "high" / "stream.m3u8", "hls")
    variants = "#EXT-X-STREAM-INF:BANDWIDTH=1000\nlow.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=9000\nhigh/stream.m3u8\n"
    (tmp_path / "master.m3u8").write_text(f"#EXTM3U\n{variants}")
    assert SegmentedStream.opened(tmp_path / "master.m3u8").path.parent.name == "high"


def test_a_window_is_judged_by_its_pictures_and_never_called_cut_off(whole: Path, tmp_path: Path) -> None:
    """Each window gives a verdict of its own; that the stream is longer, or carries a credential, is no finding."""
    stream = SegmentedStream.opened(segmented(whole, tmp_path / "stream.mpd", "dash", use_timeline="0"))
    judge = Detector(TrustStore(()), MemoryManifestRepository(), PixelWatermark(), {}, invert_noise="never")
    window = list(stream.windows(2.0))[1]
    with window.joined_parts() as (path, parts):
        verdict, unknown = judge.verify(path, is_segment=True, parts=parts), judge.verify(path, is_segment=True)
        assert (len(parts), sum(parts)) == (1 + len(window.segments), path.stat().st_size)
    assert verdict.conclusion is unknown.conclusion is Conclusion.NO_EVIDENCE
    assert not any("could be decoded" in line for line in verdict.limits)
    says = [{one.source: str(one.detail["says"]) for one in told.evidence} for told in (verdict, unknown)]
    assert "the stream's initialisation carries none" in says[0]["manifest"]
    assert "without an initialisation" in says[1]["manifest"]


@pytest.mark.parametrize(
    "name",
    ["/etc/hostname", "../secret.ts", "a/../../secret.ts", "file:///etc/hostname", "https://example.org/a.ts",
     "//example.org/a.ts", "%2e%2e/secret.ts", "data:video/mp4,xx", "concat:a.ts|b.ts", "link.ts", "a\\..\\b\0.ts"],
)  # fmt: skip
@pytest.mark.parametrize("place", ["segment", "variant", "init", "dash"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str, place: str) -> None:
    """Absolute, upwards, by address, by a link: nothing outside the playlist's own folder is opened."""
    folder = tmp_path / "stream"
    folder.mkdir()
    (tmp_path / "secret.ts").write_bytes(b"secret")
    (folder / "link.ts").symlink_to(tmp_path / "secret.ts")
    written = {
        "segment": f"#EXTM3U\n#EXTINF:1,\n{name}\n#EXT-X-ENDLIST\n",
        "variant": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{name}\n",
        "init": f'#EXTM3U\n#EXT-X-MAP:URI="{name}"\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n',
        "dash": f'<MPD mediaPresentationDuration="PT1S"><Period><AdaptationSet><Representation><SegmentList>'
        f'<SegmentURL media="{name}"/></SegmentList></Representation></AdaptationSet></Period></MPD>',
    }[place]
    playlist = folder / ("stream.mpd" if place == "dash" else "stream.m3u8")
    playlist.write_text(written)
    with pytest.raises(UnreadableInput) as refused:
        SegmentedStream.opened(playlist)
    assert refused.value.code in ("segment_elsewhere", "not_a_video")


def test_links_in_a_circle_are_an_error_and_no_fault(tmp_path: Path) -> None:
    """A link that leads to itself is refused like any other name that can't be followed."""
    (tmp_path / "a.ts").symlink_to("a.ts")
    (tmp_path / "stream.m3u8").write_text("#EXTM3U\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(UnreadableInput) as refused:
        SegmentedStream.opened(tmp_path / "stream.m3u8")
    assert refused.value.code == "segment_elsewhere"


@pytest.mark.parametrize("name", ["a\x1b[31m.ts", "a%1b%5b31m.ts", "a\u202e.ts", "x" * 900 + ".ts"])
def test_names_in_a_playlist_are_told_plainly(tmp_path: Path, name: str) -> None:
    """What a message says of a segment holds no control or direction characters, and no endless name."""
    (tmp_path / "stream.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{name}\n#EXT-X-ENDLIST\n")
    window = next(SegmentedStream.opened(tmp_path / "stream.m3u8").windows())
    with pytest.raises(UnreadableInput) as missing, window.joined():
        pytest.fail("there is nothing to judge")
    assert str(missing.value).isprintable()
    assert len(str(missing.value)) < 300


@pytest.mark.parametrize(
    "told",
    [
        {"segments": [{}]}, {"segments": [{"name": "a.ts", "offset": -1, "length": None, "seconds": 1.0}]},
        {"segments": [{"name": "a.ts", "offset": 0, "length": None, "seconds": float("nan"), "init": None}]},
        {"segments": [{"name": "a.ts", "offset": 0, "length": -5, "seconds": 1.0, "init": None}]},
        {"segments": [{"name": "a.ts", "offset": 0, "length": None, "seconds": 1.0, "init": 3}]},
        {"variants": [{"name": 1, "bandwidth": "x"}]}, {"variants": {}, "segments": 5}, {"is_live": None},
    ],
)  # fmt: skip
def test_a_reader_that_was_taken_over_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any]
) -> None:
    """What the confined child reports is checked field by field: an impossible report is an error with a code."""
    (tmp_path / "stream.m3u8").write_text("#EXTM3U\n")
    reply = {"variants": [], "segments": [], "is_live": False} | told
    monkeypatch.setattr(ConfinedChild, "replies", lambda self: iter([reply]))
    with pytest.raises(UnreadableInput) as refused:
        SegmentedStream.opened(tmp_path / "stream.m3u8")
    assert refused.value.code == "decoder_crashed"


def test_a_new_beginning_and_a_gap_are_kept_apart(tmp_path: Path) -> None:
    """After `EXT-X-DISCONTINUITY` another clip may begin, so another window does; a gap has nothing to be read."""
    lines = ("#EXTINF:2,", "a.ts", "#EXT-X-DISCONTINUITY", "#EXTINF:2,", "b.ts", "#EXT-X-GAP", "#EXTINF:2,", "c.ts")
    (tmp_path / "stream.m3u8").write_text("\n".join(("#EXTM3U", *lines, "#EXTINF:2,", "d.ts", "#EXT-X-ENDLIST")))
    windows = list(SegmentedStream.opened(tmp_path / "stream.m3u8").windows())
    assert [[one.piece.path.name for one in window.segments] for window in windows] == [["a.ts"], ["b.ts", "d.ts"]]
    assert [(one.start_s, one.end_s) for one in windows] == [(0.0, 2.0), (2.0, 8.0)]


def test_lines_end_where_players_end_them() -> None:
    """Only at a line feed (RFC 8216, section 4.1): a comment can hide no segment that a player doesn't see."""
    told = playlist_job._hls("#EXTM3U\n#a\u2028hidden.ts\n#EXTINF:1,\r\na.ts\r\n#\x0chidden.ts\n")
    assert [one["name"] for one in told["segments"]] == ["a.ts"]


def test_a_timeline_that_repeats_to_the_end_is_followed(tmp_path: Path) -> None:
    """`r="-1"` goes on to the next entry's start, the last one to the end of the period (ISO 23009-1, 5.3.9.6)."""
    line = '<S t="0" d="2" r="-1"/><S t="6" d="3" r="-1"/>'
    (tmp_path / "stream.mpd").write_text(
        '<MPD mediaPresentationDuration="PT12S"><Period><AdaptationSet><Representation><SegmentTemplate '
        f'media="$Time$.m4s" timescale="1"><SegmentTimeline>{line}</SegmentTimeline></SegmentTemplate>'
        "</Representation></AdaptationSet></Period></MPD>"
    )
    names = [one.piece.path.name for one in SegmentedStream.opened(tmp_path / "stream.mpd").segments]
    assert names == ["0.m4s", "2.m4s", "4.m4s", "6.m4s", "9.m4s"]


def test_a_missing_pipe_or_short_segment_is_a_clear_error(tmp_path: Path) -> None:
    """A window that can't be put together says which file is to blame."""
    os.mkfifo(tmp_path / "pipe.ts")
    (tmp_path / "short.ts").write_bytes(b"x" * 10)
    for named in ("gone.ts", "pipe.ts", "#EXT-X-BYTERANGE:99@0\nshort.ts"):
        (tmp_path / "stream.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{named}\n#EXT-X-ENDLIST\n")
        window = next(SegmentedStream.opened(tmp_path / "stream.m3u8").windows())
        with pytest.raises(UnreadableInput), window.joined():
            pytest.fail("there is nothing to judge")


@pytest.mark.parametrize(
    "content",
    ["", "#EXTM3U\n", "#EXTM3U\n#EXTINF:nan,\na.ts\n",
     "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:1,\na.ts\n",
     "<MPD>", "<MPD/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><MPD>&b;</MPD>", "#EXTM3U\n" + "#EXTINF:1,\na.ts\n" * 20_001,
     '<MPD mediaPresentationDuration="PT9S"><Period><AdaptationSet><Representation>'
     '<SegmentTemplate media="$Number$" duration="0"/></Representation></AdaptationSet></Period></MPD>',
     "#EXTM3U\n#EXTINF:1,\n#EXT-X-BYTERANGE:0@0\na.ts\n", "#EXTM3U\n#EXT-X-MAP:" + "A" * 2_000_000,
     f'<MPD mediaPresentationDuration="P{"9" * 400}D"><Period><AdaptationSet><Representation>'
     '<SegmentTemplate media="$Number$" duration="1"/></Representation></AdaptationSet></Period></MPD>',
     '<MPD><Period><AdaptationSet><Representation><SegmentList><SegmentURL media="a" mediaRange="9-3"/>'
     "</SegmentList></Representation></AdaptationSet></Period></MPD>",
     f'<MPD mediaPresentationDuration="PT19000S"><Period><AdaptationSet><Representation><SegmentTemplate media="'
     f'{"x" * 900}$Number$" duration="1"/></Representation></AdaptationSet></Period></MPD>',
     "just text"],
)  # fmt: skip
def test_rubbish_is_refused_and_never_a_fault(tmp_path: Path, content: str) -> None:
    """What is no playlist, an endless or an encrypted one: an `UnreadableInput` with a code."""
    (tmp_path / "stream.m3u8").write_text(content)
    with pytest.raises(UnreadableInput) as refused:
        SegmentedStream.opened(tmp_path / "stream.m3u8")
    assert refused.value.code in ("not_a_video", "encrypted_stream", "too_large")


LINES = (
    *(
        "#EXTM3U",
        "#EXTINF:2.0,",
        "a.ts",
        "#EXT-X-BYTERANGE:5",
        "#EXT-X-MAP:URI=",
        "\0",
        "é",
        "99999999999999999999",
    ),
    *("#EXT-X-STREAM-INF:BANDWIDTH=x", "#EXT-X-KEY:METHOD=NONE"),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(LINES)))
def test_any_lines_give_segments_or_a_refusal(lines: list[str]) -> None:
    """The parser itself: whatever stands in the lines, a list of segments or an `UnreadableInput`."""
    try:
        told = playlist_job._hls("#EXTM3U\n" + "\n".join(lines))
    except UnreadableInput:
        return
    assert json.loads(json.dumps(told)) == told
    assert all(one["name"] for one in told["segments"])


def test_a_fragmented_mp4_is_read_like_any_clip(whole: Path, tmp_path: Path) -> None:
    """One file of fragments, as recorders leave it: all its frames."""
    path = tmp_path / "fragments.mp4"
    flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(str(whole)) as source, av.open(str(path), "w", options=flags) as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    judge = Detector(TrustStore(()), MemoryManifestRepository(), PixelWatermark(), {}, invert_noise="never")
    verdict = judge.verify(path)
    assert verdict.file["duration_s"] == pytest.approx(SECONDS, abs=0.2)
    assert verdict.conclusion is Conclusion.NO_EVIDENCE
    assert not any("could be decoded" in line for line in verdict.limits)


def test_a_window_lasts_as_long_as_its_pictures(whole: Path, tmp_path: Path) -> None:
    """What the initialisation announces is the whole stream's length, not the window's."""
    stream = SegmentedStream.opened(segmented(whole, tmp_path / "stream.m3u8", "hls", hls_segment_type="fmp4"))
    judge = Detector(TrustStore(()), MemoryManifestRepository(), PixelWatermark(), {}, invert_noise="never")
    for window in stream.windows(2.0):
        with window.joined_parts() as (path, parts):
            facts = judge.verify(path, is_segment=True, parts=parts).file
        assert facts["duration_s"] == pytest.approx(window.end_s - window.start_s, abs=0.15)
