"""Key stores: whole or absent, closed to a wrong passphrase, silent about secrets."""

import os
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.clock import FixedClock
from core.errors import ConfigurationError
from provenance import certificates
from provenance.keys import KeyStore

PASSPHRASE = "correct horse battery"
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    folder = tmp_path_factory.mktemp("home") / "keys"
    return KeyStore.create(folder, PASSPHRASE, organisation="Test Newsroom", clock=FixedClock(NOW))


def copied(store: KeyStore, to: Path) -> Path:
    to.mkdir()
    for path in store.folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    return to


def test_a_store_opens_again_with_the_same_keys(store: KeyStore) -> None:
    """What was created is what is opened."""
    again = KeyStore.open(store.folder, PASSPHRASE)
    assert again.watermark_keys == store.watermark_keys
    assert again.root_pem == store.root_pem
    assert again.signer().certificate_chain_pem == store.signer().certificate_chain_pem
    assert again.log_key.private_bytes_raw() == store.log_key.private_bytes_raw()
    assert len(store.watermark_keys[store.watermark_key_id]) == 32


def test_certificates_follow_the_claim_signing_profile(store: KeyStore) -> None:
    """Root and issuing CA are P-384; the leaf is P-256, lasts 366 days at most, and may only sign claims."""
    chain = x509.load_pem_x509_certificates(store.signer().certificate_chain_pem.encode())
    root = x509.load_pem_x509_certificate(store.root_pem.encode())
    assert [one.public_key().key_size for one in (*chain, root)] == [256, 384, 384]  # type: ignore[union-attr]
    leaf, issuing = chain
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=366)
    assert leaf.not_valid_before_utc <= NOW <= leaf.not_valid_after_utc
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.content_commitment, usage.value.key_cert_sign) == (
        True, True, False,
    )  # fmt: skip
    purposes = set(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert purposes == {certificates.CLAIM_SIGNING_EKU, ExtendedKeyUsageOID.EMAIL_PROTECTION}
    policies = leaf.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert [one.policy_identifier for one in policies] == [certificates.CLAIM_SIGNING_POLICY]
    constraints = issuing.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    leaf.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)


def test_a_leaf_over_366_days_is_refused() -> None:
    """The profile's bound is kept."""
    root = certificates.make_root("Org", "GB", NOW)
    issuing = certificates.make_issuing_ca(root, "Org", "GB", NOW)
    with pytest.raises(ValueError, match="366 days"):
        certificates.make_leaf(issuing, root.key, "Org", "GB", NOW, validity=timedelta(days=367))


def test_nobody_else_may_read_the_files(store: KeyStore) -> None:
    """The folder is 0700, every file 0600."""
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in store.folder.iterdir()} == {0o600}


def test_no_private_key_or_secret_lies_in_the_clear(store: KeyStore) -> None:
    """Every key file is encrypted, and no file holds a secret's bytes."""
    content = b"".join(path.read_bytes() for path in store.folder.iterdir())
    keys = [path for path in store.folder.iterdir() if path.suffix == ".key"]
    assert len(keys) == 4
    assert all(b"BEGIN ENCRYPTED PRIVATE KEY" in path.read_bytes() for path in keys)
    for secret in (*store.watermark_keys.values(), store.log_key.private_bytes_raw(), PASSPHRASE.encode()):
        assert secret not in content
        assert secret.hex().encode() not in content


def test_describe_names_every_key_and_no_secret(store: KeyStore) -> None:
    """`keys list` has one row a key, with the date a certificate ends, and never a secret."""
    rows = store.describe(NOW)
    assert [row["purpose"] for row in rows] == [
        "root CA", "issuing CA", "claim signing", "decision log", "watermark",
    ]  # fmt: skip
    assert rows[2]["valid_until"] == "2027-11-19T23:55:00Z"
    assert {row["status"] for row in rows} == {"in use"}
    assert all(secret.hex() not in str(rows) for secret in store.watermark_keys.values())
    assert str(store.watermark_keys) not in repr(store)
    assert store.describe(NOW + timedelta(days=400))[2]["status"] == "expired"


@pytest.mark.parametrize("passphrase", ["wrong horse battery", "", "correct horse batterY"])
def test_a_wrong_passphrase_opens_nothing(store: KeyStore, passphrase: str) -> None:
    """The error says so and names the next step."""
    with pytest.raises(ConfigurationError) as caught:
        KeyStore.open(store.folder, passphrase)
    assert caught.value.code == "wrong_passphrase"
    assert caught.value.hint


def test_a_missing_folder_says_how_to_make_keys(tmp_path: Path) -> None:
    """Nothing there: the hint names the command."""
    with pytest.raises(ConfigurationError, match=r"keystore\.json") as caught:
        KeyStore.open(tmp_path / "none", PASSPHRASE)
    assert caught.value.code == "keys_missing"
    assert "keys init" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("keystore.json", lambda content: b"{", "keys_damaged"),
        ("keystore.json", lambda content: b"[" * 100_000, "keys_damaged"),
        ("keystore.json", lambda content: b"[]", "keys_damaged"),
        ("keystore.json", lambda content: b"\xff\xfe", "keys_damaged"),
        ("keystore.json", lambda content: content.replace(b'"signer": 1', b'"signer": "x"'), "keys_damaged"),
        ("keystore.json", lambda content: content.replace(b'key_id": 1', b'key_id": 2', 1), "keys_damaged"),
        ("root.pem", lambda content: b"", "keys_damaged"),
        ("signer-1.pem", lambda content: content[:200], "keys_damaged"),
        ("signer-1.key", lambda content: content[:100], "keys_damaged"),
        ("log.key", lambda content: b"", "keys_damaged"),
        ("watermark-1.secret", lambda content: content[:-1] + bytes([content[-1] ^ 1]), "keys_damaged"),
        ("watermark-1.secret", lambda content: content[:40], "keys_damaged"),
        ("watermark-1.secret", lambda content: b"x" * 95, "keys_damaged"),
    ],
)
def test_a_garbled_file_is_named(
    store: KeyStore, tmp_path: Path, name: str, change: Callable[[bytes], bytes], code: str
) -> None:
    """Every fault in a file is a configuration error that names the file, never a traceback."""
    folder = copied(store, tmp_path / "keys")
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    with pytest.raises(ConfigurationError) as caught:
        KeyStore.open(folder, PASSPHRASE)
    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.parametrize("name", ["root.pem", "signer-1.pem", "signer-1.key", "log.key", "watermark-1.secret"])
def test_a_missing_file_is_named(store: KeyStore, tmp_path: Path, name: str) -> None:
    """A store that lost a file says which."""
    folder = copied(store, tmp_path / "keys")
    (folder / name).unlink()
    with pytest.raises(ConfigurationError, match=name.replace(".", r"\.")) as caught:
        KeyStore.open(folder, PASSPHRASE)
    assert caught.value.code == "keys_missing"


def test_another_stores_certificate_is_noticed(store: KeyStore, tmp_path: Path) -> None:
    """A chain that doesn't belong to the key, or doesn't end at the root, is not used."""
    other = KeyStore.create(tmp_path / "other", PASSPHRASE, organisation="Other")
    for name in ("signer-1.pem", "root.pem"):
        folder = copied(store, tmp_path / f"mixed-{name}")
        (folder / name).write_bytes((other.folder / name).read_bytes())
        with pytest.raises(ConfigurationError) as caught:
            KeyStore.open(folder, PASSPHRASE)
        assert caught.value.code == "keys_damaged"


def test_keys_are_never_overwritten(store: KeyStore, tmp_path: Path) -> None:
    """A folder with anything in it is left alone."""
    (tmp_path / "note.txt").write_text("mine")
    for folder in (store.folder, tmp_path):
        with pytest.raises(ConfigurationError) as caught:
            KeyStore.create(folder, PASSPHRASE, organisation="Org")
        assert caught.value.code == "keys_exist"
    assert KeyStore.open(store.folder, PASSPHRASE).root_pem == store.root_pem


@pytest.mark.parametrize(
    ("passphrase", "organisation", "country", "code"),
    [
        ("short", "Org", "GB", "weak_passphrase"),
        (PASSPHRASE, "", "GB", "bad_name"),
        (PASSPHRASE, "Org" * 40, "GB", "bad_name"),
        (PASSPHRASE, "Org", "GBR", "bad_name"),
    ],
)
def test_unusable_requests_leave_nothing(
    tmp_path: Path, passphrase: str, organisation: str, country: str, code: str
) -> None:
    """A refused creation makes no folder and leaves no staging behind."""
    with pytest.raises(ConfigurationError) as caught:
        KeyStore.create(tmp_path / "keys", passphrase, organisation=organisation, country=country)
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """A file where the parent folder should be: an error, not a traceback."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError) as caught:
        KeyStore.create(tmp_path / "file" / "keys", PASSPHRASE, organisation="Org")
    assert caught.value.code in ("folder_not_writable", "keys_exist")


def test_of_two_creations_at_once_one_wins(tmp_path: Path) -> None:
    """Two threads create the same store: one store, one clear error, and the store opens."""
    outcomes: list[str] = []

    def create() -> None:
        try:
            KeyStore.create(tmp_path / "keys", PASSPHRASE, organisation="Org")
            outcomes.append("made")
        except ConfigurationError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["keys_exist", "made"]
    KeyStore.open(tmp_path / "keys", PASSPHRASE)
    assert os.listdir(tmp_path) == ["keys"]
