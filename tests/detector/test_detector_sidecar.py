"""A credential kept beside a WebM or Matroska clip, and bytes that no player shows."""

import os
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from core.clip import Clip
from core.video import write_clip
from detector.report import render_html
from detector.service import Detector
from detector.verdict import Conclusion, Verdict
from provenance.manifest import ManifestFacts
from provenance.repository import MemoryManifestRepository
from provenance.signers import LocalSigner, ephemeral_signer
from provenance.signing import sign_beside, sign_clip
from provenance.trust import TrustStore
from watermark.pixel import PixelWatermark


@pytest.fixture(scope="module")
def signer() -> LocalSigner:
    return ephemeral_signer(datetime.now(UTC), "Example Studio")


@pytest.fixture(scope="module")
def webm(tmp_path_factory: pytest.TempPathFactory, moving: Callable[[], Clip]) -> bytes:
    path = tmp_path_factory.mktemp("plain") / "clip.webm"
    write_clip(moving(), path, crf=40, codec="libvpx-vp9")
    return path.read_bytes()


def facts() -> ManifestFacts:
    return ManifestFacts("Clip", datetime.now(UTC), 128, 96, Fraction(12), 2.0, (), "model")


@pytest.fixture
def clip(webm: bytes, tmp_path: Path, signer: LocalSigner) -> Path:
    """A WebM clip with its store beside it."""
    path = tmp_path / "clip.webm"
    path.write_bytes(webm)
    sign_beside(path, path.with_suffix(".c2pa"), facts(), signer)
    return path


def judged(path: Path, signer: LocalSigner) -> Verdict:
    trust = TrustStore.default(own_root_pem=signer.root_pem)
    return Detector(trust, MemoryManifestRepository(), PixelWatermark(), {}, invert_noise="never").verify(path)


def says(verdict: Verdict, source: str) -> str:
    return next(str(one.detail["says"]) for one in verdict.evidence if one.source == source)


def test_the_store_beside_a_webm_clip_verifies_it(clip: Path, signer: LocalSigner) -> None:
    """The store goes into the confined reader together with the clip: intact, trusted, and said to lie beside."""
    verdict = judged(clip, signer)
    assert verdict.conclusion is Conclusion.VERIFIED
    assert verdict.manifest is not None
    assert verdict.manifest["is_sidecar"]
    assert "beside the clip" in says(verdict, "manifest")


def test_a_changed_clip_is_altered_by_the_store_beside_it(clip: Path, signer: LocalSigner) -> None:
    """One byte of the pictures changed: the credential beside is whole, the bytes are not those it was made for."""
    content = bytearray(clip.read_bytes())
    content[-40] ^= 1
    clip.write_bytes(content)
    assert judged(clip, signer).conclusion is Conclusion.ALTERED


@pytest.mark.parametrize("store", [b"", b"no store at all", b"\x00\x00\x00\x20jumb" + bytes(24), b"\xff" * 4096])
def test_rubbish_beside_a_clip_is_a_finding_and_no_fault(clip: Path, signer: LocalSigner, store: bytes) -> None:
    """Whatever lies beside is parsed by the child only, and ends as a credential that can't be read."""
    clip.with_suffix(".c2pa").write_bytes(store)
    verdict = judged(clip, signer)
    assert verdict.conclusion is Conclusion.NO_EVIDENCE
    assert verdict.file["width_px"] == 128


def test_a_pipe_or_folder_beside_a_clip_is_not_opened(clip: Path, signer: LocalSigner) -> None:
    """Reading a pipe would wait for ever: only regular files count."""
    beside = clip.with_suffix(".c2pa")
    beside.unlink()
    os.mkfifo(beside)
    assert judged(clip, signer).manifest is None
    beside.unlink()
    beside.mkdir()
    assert judged(clip, signer).manifest is None


def test_an_mp4_takes_no_store_from_beside(small_mp4: Path, tmp_path: Path, signer: LocalSigner) -> None:
    """A file that has a place for its credential carries it there; what lies beside is another's."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(small_mp4.read_bytes())
    path.with_suffix(".c2pa").write_bytes(b"rubbish")
    assert judged(path, signer).manifest is None


def test_bytes_that_no_player_shows_are_told(small_mp4: Path, tmp_path: Path, signer: LocalSigner) -> None:
    """Padding that is not empty: hashed and so no fault, but said, with its place, in evidence and report."""
    stuffed, signed = tmp_path / "stuffed.mp4", tmp_path / "signed.mp4"
    stuffed.write_bytes(small_mp4.read_bytes() + struct.pack(">I4s", 72, b"free") + b"<script>hidden" + b"x" * 50)
    sign_clip(stuffed, signed, facts(), signer)
    verdict = judged(signed, signer)
    assert verdict.conclusion is Conclusion.VERIFIED
    assert "shown by no player" in says(verdict, "hard_binding")
    assert verdict.manifest is not None
    assert verdict.manifest["coverage"]["hidden"]
    page = render_html(verdict)
    assert "Shown by no player" in page
    assert "free box that is not empty" in page


def test_a_file_without_such_bytes_says_so(small_mp4: Path, tmp_path: Path, signer: LocalSigner) -> None:
    """The report of an ordinary signed file has the map of its bytes and finds nothing hidden."""
    signed = tmp_path / "signed.mp4"
    sign_clip(small_mp4, signed, facts(), signer)
    verdict = judged(signed, signer)
    assert "shown by no player" not in says(verdict, "hard_binding")
    assert "nothing found" in render_html(verdict)
