"""A reader written by others (encypher-c2pa, its own Rust code, offline) says of our clips what we say."""

from pathlib import Path
from typing import Any

import pytest

from provenance.reading import read_manifest
from provenance.records import SignedClip
from provenance.signers import LocalSigner
from provenance.trust import TrustStore

encypher_c2pa = pytest.importorskip("encypher_c2pa", reason="the independent reader is not installed")


def independently(path: Path, signer: LocalSigner) -> dict[str, Any]:
    report: dict[str, Any] = encypher_c2pa.verify(
        path, "video/mp4", trust_pem=signer.root_pem, no_default_trust=True, telemetry=False, online=False
    )
    return report


def test_it_trusts_a_clip_signed_by_us(signed: SignedClip, signer: LocalSigner) -> None:
    """With our root it finds the clip valid and trusted."""
    report = independently(signed.path, signer)
    assert (report["integrity"], report["signature"], report["hard_binding"]) == ("valid", "valid", "match")
    assert report["trust"]["status"] == "valid_for_supplied_material"
    assert report["validation_results"]["failure"] == []
    evaluated = {
        one["version"]: one["structure_conformant"]
        for one in report["manifest_report"]["version_verdict"]["evaluations"]
    }
    assert evaluated["2.4"]


def test_it_finds_a_tampered_copy_invalid(
    signed: SignedClip, signer: LocalSigner, trust: TrustStore, tmp_path: Path
) -> None:
    """One flipped byte of the pictures: both readers say that the bytes don't match."""
    content = bytearray(signed.path.read_bytes())
    content[content.index(b"mdat") + 100] ^= 1
    path = tmp_path / "tampered.mp4"
    path.write_bytes(content)
    assert not read_manifest(path, trust).binding_intact
    report = independently(path, signer)
    assert (report["integrity"], report["hard_binding"]) == ("invalid", "mismatch")
    assert [one["code"] for one in report["validation_results"]["failure"]] == ["assertion.bmffHash.mismatch"]


def test_it_reads_the_same_store(signed: SignedClip, signer: LocalSigner) -> None:
    """Both readers find the same manifest store in the file, and the same manifest."""
    report = independently(signed.path, signer)
    assert report["manifest_report"]["version_verdict"]["declared_spec_version"] == "2.4.0"
    manifests = report["manifest_report"]
    assert manifests["active_manifest"] == signed.manifest_id
    assert manifests["manifests"][signed.manifest_id]["title"] == "clip.mp4"


def test_it_does_not_trust_another_root(signed: SignedClip) -> None:
    """Without our root in hand it does not trust the signer: trust comes from the list, not from the file."""
    report = encypher_c2pa.verify(signed.path, "video/mp4", no_default_trust=True, telemetry=False, online=False)
    assert report["integrity"] == "valid"
    assert report["validation_state"] != "Trusted"
