"""WebM and Matroska have no place for a credential: it lies beside them."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from core.clip import Clip
from core.errors import UnreadableInput
from core.video import write_clip
from provenance.manifest import ManifestFacts
from provenance.reading import read_beside, read_manifest
from provenance.records import CredentialState
from provenance.signers import CallbackSigner, LocalSigner
from provenance.signing import SigningFailed, sign_beside, sign_clip
from provenance.trust import OWN_LIST, TrustStore

Facts = Callable[..., ManifestFacts]


@pytest.fixture(params=["webm", "mkv"])
def clip(request: pytest.FixtureRequest, tmp_path: Path, moving_shapes: Callable[..., Clip]) -> Path:
    path = tmp_path / f"clip.{request.param}"
    frames = moving_shapes(2, frames=8).to_array()
    write_clip(Clip.from_array(frames, Fraction(12)), path, crf=40, codec="libvpx-vp9")
    return path


def test_the_store_beside_is_found_by_path(
    clip: Path, signer: LocalSigner, trust: TrustStore, some_facts: Facts
) -> None:
    """Signed beside, read by the clip's path: intact, ours, and every byte of the clip hashed."""
    before = clip.read_bytes()
    signed = sign_beside(clip, clip.with_suffix(".c2pa"), some_facts(), signer)
    report = read_manifest(clip, trust)
    assert clip.read_bytes() == before
    assert clip.with_suffix(".c2pa").read_bytes() == signed.manifest_store
    assert report.is_intact
    assert report.is_sidecar
    assert (report.trust_list, report.manifest_id) == (OWN_LIST, signed.manifest_id)
    assert report.failure_codes == ()
    assert report.coverage is not None
    assert report.coverage.hashed_bytes == len(before)
    assert [one.cover for one in report.coverage.ranges] == ["hashed"]


@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_a_changed_byte_is_noticed(
    place: float, clip: Path, signer: LocalSigner, trust: TrustStore, some_facts: Facts
) -> None:
    """At the start, in the middle, at the end: signed by us, and bound to other bytes."""
    store = sign_beside(clip, clip.with_suffix(".c2pa"), some_facts(), signer).manifest_store
    content = bytearray(clip.read_bytes())
    content[int(place * len(content))] ^= 1
    clip.write_bytes(content)
    with clip.open("rb") as opened:
        report = read_beside(opened, store, trust)
    assert report.signature_valid
    assert not report.binding_intact
    assert "assertion.dataHash.mismatch" in report.failure_codes


def test_without_its_store_it_has_no_credential(
    clip: Path, signer: LocalSigner, trust: TrustStore, some_facts: Facts
) -> None:
    """Moved away or garbled: absent, and broken."""
    sidecar = clip.with_suffix(".c2pa")
    sign_beside(clip, sidecar, some_facts(), signer)
    sidecar.write_bytes(b"no store")
    assert read_manifest(clip, trust).state is CredentialState.BROKEN
    sidecar.unlink()
    assert read_manifest(clip, trust).state is CredentialState.ABSENT


def test_a_neighbours_store_is_not_taken_for_an_mp4s(
    plain_mp4: Path, tmp_path: Path, clip: Path, signer: LocalSigner, trust: TrustStore, some_facts: Facts
) -> None:
    """Files that could carry their own are not given one from beside them."""
    store = sign_beside(clip, clip.with_suffix(".c2pa"), some_facts(), signer).manifest_store
    other = tmp_path / "other.mp4"
    other.write_bytes(plain_mp4.read_bytes())
    other.with_suffix(".c2pa").write_bytes(store)
    assert read_manifest(other, trust).state is CredentialState.ABSENT


def test_each_way_of_signing_names_the_other(
    clip: Path, plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts
) -> None:
    """WebM is not signed inside, MP4 not beside; the error says where it goes."""
    with pytest.raises(UnreadableInput) as inside:
        sign_clip(clip, tmp_path / "out.webm", some_facts(), signer)
    with pytest.raises(UnreadableInput) as beside:
        sign_beside(plain_mp4, tmp_path / "out.c2pa", some_facts(), signer)
    assert inside.value.code == beside.value.code == "unsignable_container"
    assert "beside" in inside.value.hint
    assert "inside" in beside.value.hint
    assert not list(tmp_path.glob("out*"))


def test_a_failing_signer_publishes_no_store(clip: Path, signer: LocalSigner, some_facts: Facts) -> None:
    """Nothing appears beside the clip."""

    def fail(_: bytes) -> bytes:
        raise RuntimeError("no key")

    broken = CallbackSigner(fail, signer.algorithm, signer.certificate_chain_pem, signer.root_pem)
    with pytest.raises(SigningFailed):
        sign_beside(clip, clip.with_suffix(".c2pa"), some_facts(), broken)
    assert [one.name for one in clip.parent.iterdir()] == [clip.name]
