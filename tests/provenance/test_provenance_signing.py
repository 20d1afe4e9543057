"""Signing: last of all, read back, whole or not at all."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from core.canonical import file_sha256
from core.clip import Clip
from core.errors import ConfigurationError, UnreadableInput
from core.packets import remux
from core.video import open_clip, write_clip
from provenance import certificates
from provenance.manifest import ClipOrigin, Ingredient, ManifestFacts, Relationship
from provenance.reading import read_manifest
from provenance.records import CredentialState, SignedClip
from provenance.signers import CallbackSigner, LocalSigner
from provenance.signing import SigningFailed, SigningOptions, container_mime, require_whole, sign_clip
from provenance.store import find_store
from provenance.trust import OWN_LIST, TrustStore

Facts = Callable[..., ManifestFacts]
NOW = datetime.now(UTC)


def chained(key: certificates.CertificateKey, now: datetime = NOW) -> LocalSigner:
    root = certificates.make_root("Org", "GB", now)
    issuing = certificates.make_issuing_ca(root, "Org", "GB", now)
    leaf = certificates.make_leaf(issuing, key, "Org", "GB", now)
    return LocalSigner(key, certificates.to_pem(leaf, issuing.certificate), certificates.to_pem(root.certificate))


def test_a_signed_clip_reads_back_whole(signed: SignedClip, trust: TrustStore) -> None:
    """Signature, assertions and bytes hold, and the signer's chain ends at our own root."""
    report = read_manifest(signed.path, trust)
    assert report.is_intact
    assert report.trust_list == OWN_LIST
    assert report.manifest_id == signed.manifest_id
    assert signed.manifest_id.startswith("urn:c2pa:")
    assert signed.sha256 == file_sha256(signed.path)
    assert report.failure_codes == report.ingredient_failures == ()


def test_the_kept_store_is_the_embedded_one(signed: SignedClip) -> None:
    """What the repository keeps is byte for byte what the file holds."""
    with signed.path.open("rb") as opened:
        assert find_store(opened) == signed.manifest_store


def test_signing_leaves_every_frame_as_it_was(signed: SignedClip, plain_mp4: Path) -> None:
    """Only the credential is added: the decoded pictures are the same."""
    before, after = open_clip(plain_mp4).to_array(), open_clip(signed.path).to_array()
    assert (before == after).all()


def test_a_manifest_id_can_be_chosen(
    plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts
) -> None:
    """The ID that a disclosure tag already names is the ID of the manifest."""
    chosen = "urn:c2pa:3fad1ead-8ed5-44d0-873b-ea5f58adea82"
    assert sign_clip(plain_mp4, tmp_path / "a.mp4", some_facts(manifest_id=chosen), signer).manifest_id == chosen


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_each_container_signs_and_reads(
    moving_shapes: Callable[..., Clip], tmp_path: Path, signer: LocalSigner, trust: TrustStore, some_facts: Facts,
    suffix: str,
) -> None:  # fmt: skip
    """MP4 and MOV carry the credential."""
    write_clip(moving_shapes(3), tmp_path / f"in{suffix}", preset="ultrafast")
    made = sign_clip(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", some_facts(), signer)
    assert read_manifest(made.path, trust).is_intact


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()],
    ids=["es384", "ed25519"],
)
def test_each_algorithm_signs(
    plain_mp4: Path, tmp_path: Path, some_facts: Facts, key: certificates.CertificateKey
) -> None:
    """ES384 and Ed25519 sign as ES256 does, and our own check of the signature agrees."""
    local = chained(key)
    sign_clip(plain_mp4, tmp_path / "a.mp4", some_facts(), local)
    assert read_manifest(tmp_path / "a.mp4", TrustStore.default(own_root_pem=local.root_pem)).is_intact


def test_a_sealed_clip_keeps_the_credential_it_came_with(
    signed: SignedClip, plain_mp4: Path, tmp_path: Path, signer: LocalSigner, trust: TrustStore, some_facts: Facts
) -> None:
    """Sealing opens the clip as a parent; the parent's manifest stays in the store."""
    facts = some_facts(
        origin=ClipOrigin.SEALED, ingredients=(Ingredient(signed.path, "received.mp4", Relationship.PARENT),)
    )
    report = read_manifest(sign_clip(plain_mp4, tmp_path / "sealed.mp4", facts, signer).path, trust)
    assert report.is_intact
    assert report.origin == "generated"
    assert report.ingredients[0]["active_manifest"] == signed.manifest_id
    actions = [one["action"] for one in report.assertions["c2pa.actions.v2"]["actions"]]
    assert actions == ["c2pa.opened", "c2pa.watermarked.bound", "c2pa.watermarked.bound"]


def test_an_ingredient_of_a_strange_container_is_named(
    moving_shapes: Callable[..., Clip], plain_mp4: Path, tmp_path: Path, signer: LocalSigner, trust: TrustStore,
    some_facts: Facts,
) -> None:  # fmt: skip
    """Matroska can't carry a credential; as an ingredient it is named all the same."""
    write_clip(moving_shapes(3), tmp_path / "in.mkv", preset="ultrafast")
    facts = some_facts(
        origin=ClipOrigin.SEALED, ingredients=(Ingredient(tmp_path / "in.mkv", "in.mkv", Relationship.PARENT),)
    )
    report = read_manifest(sign_clip(plain_mp4, tmp_path / "sealed.mp4", facts, signer).path, trust)
    assert report.is_intact
    (told,) = report.ingredients
    named = {"title": "in.mkv", "format": "video/*", "relationship": "parentOf", "has_thumbnail": False}
    assert {field: told[field] for field in named} == named
    assert told["thumbnail"] is None
    assert told["failures"] == []


def test_a_remux_drops_the_credential(signed: SignedClip, trust: TrustStore, tmp_path: Path) -> None:
    """Why signing comes last."""
    remux(signed.path, tmp_path / "remuxed.mp4")
    assert read_manifest(tmp_path / "remuxed.mp4", trust).state is CredentialState.ABSENT


def test_the_signers_own_failure_is_the_cause(
    plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts
) -> None:
    """The library says only "COSE signature invalid"; we say what the key service said, and publish nothing."""

    def down(_: bytes) -> bytes:
        raise TimeoutError("the key service is down")

    failing = CallbackSigner(down, "es256", signer.certificate_chain_pem, signer.root_pem)
    with pytest.raises(SigningFailed, match="key service is down") as caught:
        sign_clip(plain_mp4, tmp_path / "a.mp4", some_facts(), failing)
    assert caught.value.code == "signer_failed"
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer", [b"", b"\0" * 10, b"\0" * 64], ids=["nothing", "short", "zeros"])
def test_a_false_signature_is_never_published(
    plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts, answer: bytes
) -> None:
    """A key service that answers with rubbish fails the signing."""
    lying = CallbackSigner(lambda _: answer, "es256", signer.certificate_chain_pem, signer.root_pem)
    with pytest.raises(SigningFailed):
        sign_clip(plain_mp4, tmp_path / "a.mp4", some_facts(), lying)
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_does_not_match_its_certificate_is_never_published(
    plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts
) -> None:
    """Another key under our chain: nothing appears, and an older file under the name stays."""
    wrong = replace(signer, key=ec.generate_private_key(ec.SECP256R1()))
    target = tmp_path / "a.mp4"
    target.write_bytes(b"older")
    with pytest.raises(SigningFailed):
        sign_clip(plain_mp4, target, some_facts(), wrong)
    assert target.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [target]


def test_a_chain_to_another_root_is_never_published(
    plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts
) -> None:
    """A signer whose chain doesn't end at its own root fails the read-back."""
    other = certificates.make_root("Other", "GB", NOW)
    wrong = replace(signer, root_pem=certificates.to_pem(other.certificate))
    with pytest.raises(SigningFailed):
        sign_clip(plain_mp4, tmp_path / "a.mp4", some_facts(), wrong)
    assert list(tmp_path.iterdir()) == []


def test_an_expired_certificate_signs_nothing(plain_mp4: Path, tmp_path: Path, some_facts: Facts) -> None:
    """A lapsed leaf fails instead of making a credential that nobody will trust."""
    lapsed = chained(ec.generate_private_key(ec.SECP256R1()), NOW - timedelta(days=400))
    with pytest.raises(SigningFailed):
        sign_clip(plain_mp4, tmp_path / "a.mp4", some_facts(), lapsed)
    assert list(tmp_path.iterdir()) == []


def test_a_silent_time_stamp_server_publishes_nothing(
    plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts
) -> None:
    """No answer from the time-stamp server: an error, never a half-signed clip."""
    options = SigningOptions(tsa_url="http://127.0.0.1:9/")
    with pytest.raises(SigningFailed):
        sign_clip(plain_mp4, tmp_path / "a.mp4", some_facts(), signer, options=options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not a video at all", b"\x1aE\xdf\xa3" + bytes(60)])
def test_what_cannot_carry_a_credential_is_refused(
    tmp_path: Path, signer: LocalSigner, some_facts: Facts, content: bytes
) -> None:
    """An empty file, text, Matroska: a clear error."""
    (tmp_path / "in.mkv").write_bytes(content)
    with pytest.raises(UnreadableInput) as caught:
        sign_clip(tmp_path / "in.mkv", tmp_path / "out.mp4", some_facts(), signer)
    assert caught.value.code == "unsignable_container"
    assert not (tmp_path / "out.mp4").exists()


def test_a_missing_source_is_a_clear_error(tmp_path: Path, signer: LocalSigner, some_facts: Facts) -> None:
    """No such file: the error says so."""
    with pytest.raises(UnreadableInput) as caught:
        sign_clip(tmp_path / "none.mp4", tmp_path / "out.mp4", some_facts(), signer)
    assert caught.value.code == "no_such_file"


def test_a_truncated_mp4_is_an_error_and_not_a_clip(
    plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts
) -> None:
    """Half an MP4 gets no credential."""
    (tmp_path / "half.mp4").write_bytes(plain_mp4.read_bytes()[: plain_mp4.stat().st_size // 2])
    with pytest.raises(UnreadableInput) as caught:
        sign_clip(tmp_path / "half.mp4", tmp_path / "out.mp4", some_facts(), signer)
    assert caught.value.code == "truncated_input"
    assert not (tmp_path / "out.mp4").exists()


def test_an_unknown_algorithm_is_a_configuration_error(
    plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts
) -> None:
    """The hint lists what is known."""
    odd = CallbackSigner(signer.sign, "rot13", signer.certificate_chain_pem, signer.root_pem)
    with pytest.raises(ConfigurationError, match="rot13"):
        sign_clip(plain_mp4, tmp_path / "a.mp4", some_facts(), odd)


def test_a_clip_can_be_signed_onto_itself(
    plain_mp4: Path, tmp_path: Path, signer: LocalSigner, trust: TrustStore, some_facts: Facts
) -> None:
    """Source and target may be the same name."""
    path = tmp_path / "a.mp4"
    shutil.copyfile(plain_mp4, path)
    sign_clip(path, path, some_facts(), signer)
    assert read_manifest(path, trust).is_intact


def test_read_back_notices_every_missing_part(signed: SignedClip, trust: TrustStore, some_facts: Facts) -> None:
    """Each claim of a report that doesn't hold stops the release."""
    report = read_manifest(signed.path, trust)
    facts = some_facts()
    require_whole(report, facts)
    fewer = {label: content for label, content in report.assertions.items() if "policy" not in label}
    for broken in (
        replace(report, state=CredentialState.BROKEN),
        replace(report, signature_valid=False),
        replace(report, assertions_intact=False),
        replace(report, binding_intact=False),
        replace(report, trust_list="c2pa"),
        replace(report, assertions=fewer),
    ):
        with pytest.raises(SigningFailed):
            require_whole(broken, facts)
    with pytest.raises(SigningFailed, match="soft bindings"):
        require_whole(report, some_facts(bindings=facts.bindings[:2]))
    with pytest.raises(SigningFailed, match="another ID"):
        require_whole(report, some_facts(manifest_id="urn:c2pa:other"))


def test_the_container_is_told_by_its_bytes(plain_mp4: Path, tmp_path: Path) -> None:
    """A name says nothing: MP4 bytes under .avi are MP4."""
    shutil.copyfile(plain_mp4, tmp_path / "x.avi")
    assert container_mime(tmp_path / "x.avi") == "video/mp4"


def test_every_container_signs_reads_and_notices_a_byte(
    other_container: Path, tmp_path: Path, signer: LocalSigner, trust: TrustStore, some_facts: Facts
) -> None:
    """QuickTime, AVI and fragmented MP4: ours and intact, the pictures as they were, a changed byte seen."""
    target = tmp_path / other_container.name
    sign_clip(other_container, target, some_facts(), signer)
    report = read_manifest(target, trust)
    assert report.is_intact
    assert report.trust_list == OWN_LIST
    assert [one.tobytes() for one in open_clip(target).frames()] == [
        one.tobytes() for one in open_clip(other_container).frames()
    ]
    content = bytearray(target.read_bytes())
    content[content.rindex(b"movi" if content[:4] == b"RIFF" else b"mdat") + 40] ^= 1
    target.write_bytes(content)
    assert not read_manifest(target, trust).binding_intact
