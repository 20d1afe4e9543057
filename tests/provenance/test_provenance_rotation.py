"""Rotation and revocation: new keys beside old ones, and what was signed by a key that was taken back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from core.clock import FixedClock
from core.errors import ConfigurationError
from provenance.keys import KeyStore
from provenance.manifest import ManifestFacts
from provenance.reading import read_manifest
from provenance.records import ManifestReport
from provenance.rotation import export_trust, revoke_signer, rotate_signer, rotate_watermark
from provenance.signing import sign_clip
from provenance.trust import OWN_LIST, TrustStore

Facts = Callable[..., ManifestFacts]
PASSPHRASE = "correct horse battery"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore.create(tmp_path / "keys", PASSPHRASE, organisation="Test", clock=FixedClock(NOW))


def read_by(store: KeyStore, path: Path, now: datetime | None = None) -> ManifestReport:
    return read_manifest(path, TrustStore.default(store.root_pem, own_crl_pem=store.crl_pem), now=now)


def test_a_rotated_signer_signs_and_the_old_signature_stays_trusted(
    store: KeyStore, plain_mp4: Path, tmp_path: Path, some_facts: Facts
) -> None:
    """Both certificates end at the same root, and `describe` tells which is in use."""
    sign_clip(plain_mp4, tmp_path / "old.mp4", some_facts(), store.signer())
    rotated = rotate_signer(store.folder, PASSPHRASE)
    sign_clip(plain_mp4, tmp_path / "new.mp4", some_facts(), rotated.signer())
    assert rotated.signer().certificate_chain_pem != store.signer().certificate_chain_pem
    assert [read_by(rotated, tmp_path / name).trust_list for name in ("old.mp4", "new.mp4")] == [OWN_LIST] * 2
    signers = [row for row in rotated.describe() if row["purpose"] == "claim signing"]
    assert [(row["number"], row["status"]) for row in signers] == [(2, "in use"), (1, "replaced")]


def test_a_revoked_signers_clips_are_trusted_no_more(
    store: KeyStore, plain_mp4: Path, tmp_path: Path, some_facts: Facts
) -> None:
    """Without a time-stamp nobody can tell that it was signed before; the new signer is trusted."""
    sign_clip(plain_mp4, tmp_path / "old.mp4", some_facts(), store.signer())
    revoked = revoke_signer(store.folder, PASSPHRASE, 1)
    report = read_by(revoked, tmp_path / "old.mp4")
    assert report.is_intact
    assert (report.trust_list, report.lapsed_trust_list, report.revoked_by) == (None, None, OWN_LIST)
    sign_clip(plain_mp4, tmp_path / "new.mp4", some_facts(), revoked.signer())
    assert read_by(revoked, tmp_path / "new.mp4").trust_list == OWN_LIST
    assert not (store.folder / "signer-1.key").exists()


def test_what_was_stamped_before_the_revocation_stays_trusted(store: KeyStore) -> None:
    """The instant that counts is the trusted time-stamp's."""
    chain = tuple(x509.load_pem_x509_certificates(store.signer().certificate_chain_pem.encode()))
    later = revoke_signer(store.folder, PASSPHRASE, 1, clock=FixedClock(NOW + timedelta(days=2)))
    own = TrustStore.default(later.root_pem, own_crl_pem=later.crl_pem)
    assert own.find(chain, NOW + timedelta(days=1)) is not None
    assert own.find(chain, NOW + timedelta(days=2)) is None


def test_revoking_twice_changes_nothing(store: KeyStore) -> None:
    """The same date and the same signer in use."""
    first = revoke_signer(store.folder, PASSPHRASE, 1)
    again = revoke_signer(store.folder, PASSPHRASE, 1)
    assert again.index == first.index


@pytest.mark.parametrize(
    ("number", "reason", "code"), [(7, "superseded", "no_such_signer"), (1, "boredom", "unknown_reason")]
)
def test_a_revocation_that_makes_no_sense_is_refused(store: KeyStore, number: int, reason: str, code: str) -> None:
    """An unknown signer, an unknown reason: nothing is changed."""
    with pytest.raises(ConfigurationError) as caught:
        revoke_signer(store.folder, PASSPHRASE, number, reason=reason)
    assert caught.value.code == code
    assert KeyStore.open(store.folder, PASSPHRASE).index == store.index


def test_somebody_elses_revocation_list_revokes_nothing(store: KeyStore, tmp_path: Path) -> None:
    """A list counts only where the certificate's own issuer signed it."""
    other = KeyStore.create(tmp_path / "other", PASSPHRASE, organisation="Test", clock=FixedClock(NOW))
    revoked = revoke_signer(other.folder, PASSPHRASE, 1)
    chain = tuple(x509.load_pem_x509_certificates(store.signer().certificate_chain_pem.encode()))
    assert TrustStore.default(store.root_pem, own_crl_pem=revoked.crl_pem).find(chain, NOW) is not None


def test_a_new_watermark_key_leaves_the_old_one_readable(store: KeyStore) -> None:
    """Old clips carry the old key's mark; the payload numbers at most fifteen."""
    rotated = rotate_watermark(store.folder, PASSPHRASE)
    assert rotated.watermark_key_id == 2
    assert rotated.watermark_keys[1] == store.watermark_keys[1]
    assert rotated.watermark_keys[2] != store.watermark_keys[1]
    (store.folder / "watermark-15.secret").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="15"):
        rotate_watermark(store.folder, PASSPHRASE)


def test_an_interrupted_rotation_is_not_in_the_way(store: KeyStore) -> None:
    """Files that the index doesn't name are passed over; nothing is overwritten."""
    (store.folder / "signer-2.key").write_bytes(b"rest")
    (store.folder / "signer-2.pem").write_bytes(b"rest")
    assert rotate_signer(store.folder, PASSPHRASE).index["signer"] == 3


def test_what_is_exported_holds_no_secret_and_is_enough_to_trust(
    store: KeyStore, plain_mp4: Path, tmp_path: Path, some_facts: Facts
) -> None:
    """Root, revocation list, description: a stranger trusts the new signer and not the revoked one."""
    sign_clip(plain_mp4, tmp_path / "old.mp4", some_facts(), store.signer())
    revoked = revoke_signer(store.folder, PASSPHRASE, 1)
    written = export_trust(revoked, tmp_path / "trust")
    assert [one.name for one in written] == ["root.pem", "trust.json", "revoked.crl"]
    content = b"".join(one.read_bytes() for one in written)
    assert b"PRIVATE" not in content
    root, crl = (tmp_path / "trust" / name for name in ("root.pem", "revoked.crl"))
    stranger = TrustStore.default(root.read_text(), own_crl_pem=crl.read_text())
    assert read_manifest(tmp_path / "old.mp4", stranger).revoked_by == OWN_LIST


@pytest.mark.parametrize("pem", ["-----BEGIN X509 CRL-----\nnonsense\n-----END X509 CRL-----\n"])
def test_a_garbled_revocation_list_is_a_clear_error(store: KeyStore, pem: str) -> None:
    """Failing closed: a list that can't be read is not passed over."""
    with pytest.raises(ConfigurationError) as caught:
        TrustStore.default(store.root_pem, own_crl_pem=pem)
    assert caught.value.code == "bad_trust_pem"
