"""The map of a file's bytes: what the credential vouches for, and where bytes lie that nobody is shown."""

import io
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.boxes import children, media_gaps, top_boxes
from provenance.coverage import coverage_of
from provenance.manifest import ManifestFacts
from provenance.reading import read_manifest, read_store
from provenance.records import ByteCoverage, ManifestReport, SignedClip
from provenance.signers import LocalSigner
from provenance.signing import sign_clip
from provenance.store import StoreFault, find_store
from provenance.trust import TrustStore

Facts = Callable[..., ManifestFacts]


def mapped(content: bytes, trust: TrustStore) -> ByteCoverage:
    found = read_manifest(io.BytesIO(content), trust).coverage
    assert found is not None
    return found


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def whats(found: ByteCoverage) -> list[str]:
    return [one.what for one in found.hidden]


def test_every_byte_stands_in_the_map_once(signed: SignedClip, trust: TrustStore) -> None:
    """From the first byte to the last, without a gap, and the sums are those of the pieces."""
    found = mapped(signed.path.read_bytes(), trust)
    assert found.ranges[0].start == 0
    assert found.ranges[-1].end == found.size_bytes == signed.path.stat().st_size
    assert all(first.end == second.start for first, second in pairwise(found.ranges))
    assert found.hashed_bytes + found.credential_bytes + found.unhashed_bytes == found.size_bytes
    assert found.is_complete
    assert found.hidden == ()


def test_the_store_is_where_the_map_says(signed: SignedClip, trust: TrustStore) -> None:
    """The piece called credential is the manifest store, byte for byte."""
    content = signed.path.read_bytes()
    (piece,) = (one for one in mapped(content, trust).ranges if one.cover == "credential")
    assert content[piece.start : piece.end] == signed.manifest_store


def test_only_ftyp_and_the_boxs_own_header_are_unhashed(signed: SignedClip, trust: TrustStore) -> None:
    """In a file that we signed: nothing that holds pictures, sound or their places."""
    found = mapped(signed.path.read_bytes(), trust)
    assert found.unhashed_bytes < 100
    assert {one.what for one in found.ranges if one.cover == "unhashed"} == {
        "ftyp box, left out by the hash",
        "uuid box, left out by the hash",
    }


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_changed_byte_that_the_map_calls_hashed_is_noticed(
    signed: SignedClip, trust: TrustStore, data: st.DataObject
) -> None:
    """The law of the map: hashed means that no bit can change unseen."""
    content = bytearray(signed.path.read_bytes())
    hashed = [one for one in mapped(bytes(content), trust).ranges if one.cover == "hashed"]
    piece = data.draw(st.sampled_from(hashed))
    place = data.draw(st.integers(piece.start, piece.end - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    assert not read_manifest(io.BytesIO(bytes(content)), trust).is_intact


def test_what_is_appended_is_found(signed: SignedClip, trust: TrustStore) -> None:
    """A filled free box, a box of unknown kind, a foreign uuid box and bytes behind the last box."""
    content = signed.path.read_bytes()
    assert whats(mapped(content + box(b"free", b"hello"), trust)) == ["free box that is not empty"]
    assert whats(mapped(content + box(b"free", bytes(64)), trust)) == []
    assert whats(mapped(content + box(b"abcd", b"x"), trust)) == ["box of unknown kind 'abcd'"]
    assert whats(mapped(content + box(b"uuid", bytes(range(32))), trust)) == ["uuid box of unknown use"]
    assert whats(mapped(content + b"tail", trust)) == ["bytes behind the last box"]
    last = mapped(content + b"tail", trust).ranges[-1]
    assert (last.cover, last.what, last.end - last.start) == ("unhashed", "behind the last box", 4)


def test_media_data_that_no_track_points_to_is_found(
    plain_mp4: Path, tmp_path: Path, signer: LocalSigner, trust: TrustStore, some_facts: Facts
) -> None:
    """Bytes put into a further media box before signing are hashed, and named all the same."""
    stuffed = tmp_path / "stuffed.mp4"
    stuffed.write_bytes(plain_mp4.read_bytes() + box(b"mdat", b"nobody plays this"))
    target = tmp_path / "signed.mp4"
    sign_clip(stuffed, target, some_facts(), signer)
    report = read_manifest(target, trust)
    assert report.is_intact
    assert report.coverage is not None
    (found,) = report.coverage.hidden
    assert found.what == "media data that no track points to"
    assert target.read_bytes()[found.start : found.end] == b"nobody plays this"
    assert any(one.start <= found.start and found.end <= one.end for one in report.coverage.ranges)


def test_a_whole_file_leaves_no_gap_in_its_media(plain_mp4: Path, other_container: Path) -> None:
    """Every byte of media of an ordinary file belongs to a sample; a fragmented file is not followed."""
    for path in (plain_mp4, other_container):
        with path.open("rb") as opened:
            assert list(media_gaps(opened, top_boxes(opened, path.stat().st_size))) == []


def test_every_container_has_a_map(
    other_container: Path, tmp_path: Path, signer: LocalSigner, trust: TrustStore, some_facts: Facts
) -> None:
    """QuickTime, AVI and fragmented MP4: all but a hundred bytes are hashed or the credential itself."""
    target = tmp_path / other_container.name
    sign_clip(other_container, target, some_facts(), signer)
    found = mapped(target.read_bytes(), trust)
    assert found.size_bytes == target.stat().st_size
    assert found.unhashed_bytes < 2048 if target.suffix == ".mp4" else found.unhashed_bytes < 150
    assert found.hidden == ()


def test_the_map_survives_json(signed: SignedClip, trust: TrustStore) -> None:
    """The sandboxed reader sends it; nothing is lost."""
    report = read_manifest(io.BytesIO(signed.path.read_bytes() + b"tail"), trust)
    assert report.coverage is not None
    assert ManifestReport.from_json(report.to_json()) == report


def test_no_file_no_map(signed: SignedClip, plain_mp4: Path, trust: TrustStore) -> None:
    """A detached store has no bytes to map, nor has a file without credential."""
    assert read_store(signed.manifest_store, trust).coverage is None
    assert read_manifest(plain_mp4, trust).coverage is None


@given(content=st.binary(max_size=300), kind=st.sampled_from([b"moov", b"stco", b"stsz", b"trak", b"meta"]))
@settings(max_examples=60, deadline=None)
def test_no_bytes_break_the_walk(content: bytes, kind: bytes) -> None:
    """Any bytes as a box: children and gaps give what can be told, and raise nothing."""
    file = io.BytesIO(box(b"moov", box(b"trak", box(kind, content))) + box(b"mdat", content) + content)
    boxes = top_boxes(file, len(file.getvalue())) if content[4:8] != b"uuid" else []
    for one in boxes:
        children(file, one)
    assert all(first < last for first, last in media_gaps(file, boxes))


def test_a_store_in_no_box_has_no_map(signed: SignedClip, plain_mp4: Path) -> None:
    """A map is made of the file that holds the store."""
    with plain_mp4.open("rb") as opened, pytest.raises(StoreFault):
        coverage_of(opened, signed.manifest_store)


@pytest.mark.clips
def test_third_parties_padding_is_shown_as_unhashed(sample: Callable[[str], Path], trust: TrustStore) -> None:
    """Google's hash leaves every free box out; version 2 hashes leave chunk offsets out."""
    vendor = read_manifest(sample("c2pa/vendor/G1_EarthFall_Veo3.mp4"), trust).coverage
    older = read_manifest(sample("c2pa/video1.mp4"), trust).coverage
    assert vendor is not None
    assert older is not None
    assert "free box, left out by the hash" in {one.what for one in vendor.ranges}
    assert "part of the stco box, left out by the hash" in {one.what for one in older.ranges}
    assert "free box that is not empty" in whats(older)


def test_the_store_lies_in_a_file_that_was_read(signed: SignedClip) -> None:
    """`coverage_of` agrees with the finder on which bytes are the store."""
    with signed.path.open("rb") as opened:
        store = find_store(opened)
        assert store == signed.manifest_store
        found = coverage_of(opened, store)
    assert found is not None
    assert found.credential_bytes == len(signed.manifest_store)
