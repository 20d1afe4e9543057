"""Credentials of streams: read from the initialisation, and each segment's hash checked against them."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from detector.sandbox.credential import read_segments_sandboxed
from detector.service import Detector
from detector.streams import SegmentedStream
from detector.verdict import Conclusion, Verdict
from provenance.records import CredentialState, ManifestReport
from provenance.repository import MemoryManifestRepository
from provenance.segments import NOT_CHECKED
from provenance.trust import TrustStore
from watermark.pixel import PixelWatermark

pytestmark = pytest.mark.clips


@dataclass(frozen=True)
class Signed:
    """A signed DASH stream's initialisation and its first segment of eleven, made by others."""

    init: bytes
    segment: bytes
    folder: Path

    def read(self, *segments: bytes, init: bytes | None = None) -> ManifestReport:
        start = self.init if init is None else init
        path = self.folder / "window.mp4"
        path.write_bytes(start + b"".join(segments))
        return read_segments_sandboxed(path, [len(start), *map(len, segments)], TrustStore(()))


@pytest.fixture
def signed(shared_folder: Path, tmp_path: Path) -> Signed:
    folder = shared_folder / "c2pa"
    return Signed((folder / "dashinit.mp4").read_bytes(), (folder / "dash1.m4s").read_bytes(), tmp_path)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_a_segment_is_bound_to_the_credential_before_it(signed: Signed) -> None:
    """Signature, statements and the segment's hash hold, and its number in the stream is told."""
    report = signed.read(signed.segment)
    assert report.is_intact
    assert report.segments is not None
    assert (report.segments.bound, report.segments.first, report.segments.total) == ((1,), 1, 11)
    assert ManifestReport.from_json(report.to_json()) == report


@pytest.mark.parametrize("place", [30, 150, 300, 760, 40_000, -1])
def test_any_flipped_bit_of_a_segment_unbinds_it(signed: Signed, place: int) -> None:
    """In its index, its path to the root, its tables or its media: it is named as the one that was not signed."""
    report = signed.read(signed.segment, flipped(signed.segment, place % len(signed.segment)))
    assert not report.binding_intact
    assert report.segments is not None
    assert report.segments.bound == (1,)
    assert "number 2 is not" in str(report.problem)
    assert report.signature_valid


@pytest.mark.parametrize("place", [420, 4_100, 4_300, 4_700])
def test_any_flipped_bit_of_the_initialisation_unbinds_all(signed: Signed, place: int) -> None:
    """Of the credential itself, or of what a player reads before every segment."""
    assert not signed.read(signed.segment, init=flipped(signed.init, place)).is_intact


def test_segments_out_of_their_order_are_no_signed_stream(signed: Signed) -> None:
    """Each is bound, and one shown twice is still not what was signed."""
    report = signed.read(signed.segment, signed.segment)
    assert report.segments is not None
    assert report.segments.bound == (1, 2)
    assert not report.binding_intact
    assert "follow each other" in str(report.problem)


def test_what_is_no_segment_is_not_bound(signed: Signed) -> None:
    """Nothing, rubbish, the initialisation again, or a cut-off segment: a report, and never `verified`."""
    for strange in (b"", b"rubbish" * 20, signed.init, signed.segment[:-10], signed.segment + b"\0" * 64):
        assert not signed.read(strange).is_intact
    for init in (b"", b"rubbish" * 20, signed.init[:600], signed.segment):
        report = signed.read(signed.segment, init=init)
        assert not report.is_intact
        assert report.state in (CredentialState.ABSENT, CredentialState.BROKEN)


def test_a_credential_made_for_a_whole_file_is_shown_and_proves_nothing(
    signed: Signed, shared_folder: Path
) -> None:
    """The initialisation of a file that was signed whole: its signer is named, and that nothing was checked."""
    report = signed.read(signed.segment, init=(shared_folder / "c2pa" / "video1.mp4").read_bytes())
    assert report.state is CredentialState.ABSENT
    assert NOT_CHECKED in str(report.problem)
    assert "C2PA Test Signing Cert" in str(report.problem)


def judged(signed: Signed, segment: bytes) -> Verdict:
    (signed.folder / "init.mp4").write_bytes(signed.init)
    (signed.folder / "1.m4s").write_bytes(segment)
    lines = ("#EXTM3U", '#EXT-X-MAP:URI="init.mp4"', "#EXTINF:2,", "1.m4s", "#EXT-X-ENDLIST")
    (signed.folder / "stream.m3u8").write_text("\n".join(lines))
    judge = Detector(TrustStore(()), MemoryManifestRepository(), PixelWatermark(), {}, invert_noise="never")
    (window,) = SegmentedStream.opened(signed.folder / "stream.m3u8").windows()
    with window.joined_parts() as (path, parts):
        return judge.verify(path, is_segment=True, parts=parts)


def test_a_window_of_a_signed_stream_is_judged_by_its_credential(signed: Signed) -> None:
    """Bound: signed, by somebody on no list. One bit changed: altered, and the evidence names the segment."""
    whole, changed = judged(signed, signed.segment), judged(signed, flipped(signed.segment, 40_000))
    assert whole.conclusion is Conclusion.SIGNED_UNTRUSTED
    says = {one.source: str(one.detail["says"]) for one in whole.evidence}
    assert "number 1 of 11" in says["hard_binding"]
    assert changed.conclusion is Conclusion.ALTERED
    says = {one.source: str(one.detail["says"]) for one in changed.evidence}
    assert "number 1 is not one that was signed" in says["hard_binding"]
