"""Trust lists: which one holds a chain, when, and which never does."""

import datetime as dt
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.errors import ConfigurationError
from provenance import certificates, trust
from provenance.signers import LocalSigner
from provenance.trust import CUSTOM_LIST, LEGACY_LIST, OFFICIAL_LIST, OWN_LIST, TrustList, TrustStore


def now() -> datetime:
    """Asked when a test runs: certificates are made after this file is read."""
    return datetime.now(UTC)


def chain_of(signer: LocalSigner) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates(signer.certificate_chain_pem.encode()))


def test_the_list_that_holds_the_root_is_named(signer: LocalSigner) -> None:
    """The same chain is ours, custom or nobody's, by where its root stands."""
    chain = chain_of(signer)
    for store, name in (
        (TrustStore.default(own_root_pem=signer.root_pem), OWN_LIST),
        (TrustStore.default(custom_pem=signer.root_pem), CUSTOM_LIST),
    ):
        found = store.find(chain, now())
        assert found is not None
        assert found.name == name
    assert TrustStore.default().find(chain, now()) is None
    assert TrustStore(()).find(chain, now()) is None


def test_a_chain_counts_only_while_it_is_valid(signer: LocalSigner) -> None:
    """Before it starts and after it ends a certificate is held by no list."""
    store = TrustStore.default(own_root_pem=signer.root_pem)
    chain = chain_of(signer)
    assert store.find(chain, now() - timedelta(days=2)) is None
    assert store.find(chain, now() + timedelta(days=366)) is None


def test_a_chain_without_its_issuing_ca_is_not_held(signer: LocalSigner) -> None:
    """The file must carry the intermediates."""
    assert TrustStore.default(own_root_pem=signer.root_pem).find(chain_of(signer)[:1], now()) is None


def test_a_time_stamp_root_vouches_for_no_claims(signer: LocalSigner) -> None:
    """The library trusted a root listed for time-stamps for claims too; we don't."""
    only_time_stamps = TrustList("x", "x", "2026-01-01", "", time_stamp_anchors_pem=signer.root_pem)
    assert not only_time_stamps.holds(chain_of(signer), now())


def forged(
    issuer_is_ca: bool = False, purposes: tuple[x509.ObjectIdentifier, ...] = (certificates.CLAIM_SIGNING_EKU,),
    digital_signature: bool = True, depth: int = 1,
) -> tuple[tuple[x509.Certificate, ...], str]:  # fmt: skip
    """A chain whose issuer may be no CA, or whose leaf has other purposes; and its root."""
    root = certificates.make_root("Org", "GB", now())
    issuing = certificates.make_issuing_ca(root, "Org", "GB", now())
    middle_key = ec.generate_private_key(ec.SECP256R1())
    middle = certificates.make_leaf(issuing, middle_key, "Org", "GB", now())
    issuer, issuer_key = (issuing.certificate, issuing.key) if issuer_is_ca else (middle, middle_key)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(certificates.distinguished_name("Org", "Forged", "GB"))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(
            x509.KeyUsage(digital_signature, False, False, False, False, False, False, False, False), critical=True
        )
    )
    leaf = builder.sign(issuer_key, hashes.SHA256())
    chain = (leaf, issuing.certificate) if issuer_is_ca else (leaf, middle, issuing.certificate)
    return chain, certificates.to_pem(root.certificate)


def test_a_sound_chain_is_the_control_of_the_forged_ones() -> None:
    """The forging helper makes a chain that is held when nothing is wrong with it."""
    chain, root = forged(issuer_is_ca=True)
    assert TrustStore.default(own_root_pem=root).find(chain, now()) is not None


@pytest.mark.parametrize(
    "chain_and_root",
    [
        pytest.param(forged(), id="a leaf that issues leaves"),
        pytest.param(forged(True, (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)), id="any purpose"),
        pytest.param(
            forged(True, (certificates.CLAIM_SIGNING_EKU, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)),
            id="any purpose beside ours",
        ),
        pytest.param(forged(True, (ExtendedKeyUsageOID.SERVER_AUTH,)), id="a web server"),
        pytest.param(forged(True, digital_signature=False), id="no digital signature"),
    ],
)
def test_a_chain_that_may_not_sign_claims_is_not_held(
    chain_and_root: tuple[tuple[x509.Certificate, ...], str],
) -> None:
    """Under the right root, but not a claim signer."""
    chain, root = chain_and_root
    assert TrustStore.default(own_root_pem=root).find(chain, now()) is None


def test_another_organisations_root_of_the_same_name_is_not_ours(signer: LocalSigner) -> None:
    """Trust follows keys, not names."""
    twin = certificates.make_root("Reelproof Test", "ZZ", now())
    assert (
        TrustStore.default(own_root_pem=certificates.to_pem(twin.certificate)).find(chain_of(signer), now()) is None
    )


def test_carried_lists_tell_their_date_source_and_age() -> None:
    """What rests on a list can show how old the list is."""
    rows = {row["name"]: row for row in TrustStore.default().describe(dt.date(2026, 11, 20))}
    assert rows[OFFICIAL_LIST]["date"] == "2026-08"
    assert rows[OFFICIAL_LIST]["age_days"] == 111
    assert rows[OFFICIAL_LIST]["anchors"] == 30
    assert rows[LEGACY_LIST]["date"] == "2026-01-01"
    assert "frozen" in rows[LEGACY_LIST]["note"]
    assert all(row["source"] for row in rows.values())


def test_a_damaged_carried_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that differs from its recorded digest is not used."""
    monkeypatch.setattr(trust, "sha256_hex", lambda content: "0" * 64)
    trust._carried_lists.cache_clear()
    try:
        with pytest.raises(ConfigurationError) as caught:
            TrustStore.default()
    finally:
        monkeypatch.undo()
        trust._carried_lists.cache_clear()
    assert caught.value.code == "trust_list_damaged"


@pytest.mark.parametrize("pem", ["garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_pem_without_certificates_is_refused(pem: str) -> None:
    """The library reads a malformed PEM as "untrusted"; we say that it is malformed."""
    with pytest.raises(ConfigurationError) as caught:
        TrustStore.default(custom_pem=pem)
    assert caught.value.code == "bad_trust_pem"


def test_a_trust_store_can_be_handed_to_another_process(trust: TrustStore) -> None:
    """The sandboxed reader gets the same lists."""
    assert pickle.loads(pickle.dumps(trust)) == trust
