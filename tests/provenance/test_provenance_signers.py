"""One contract over every signer."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from provenance import certificates
from provenance.keys import KeyStore
from provenance.signers import ALGORITHMS, CallbackSigner, LocalSigner, Signer, ephemeral_signer, raw_ecdsa

NOW = datetime.now(UTC)


def from_key_store(folder: Path) -> Signer:
    return KeyStore.create(folder / "keys", "correct horse battery", organisation="Org").signer()


def with_key(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> LocalSigner:
    root = certificates.make_root("Org", "GB", NOW)
    issuing = certificates.make_issuing_ca(root, "Org", "GB", NOW)
    leaf = certificates.make_leaf(issuing, key, "Org", "GB", NOW)
    return LocalSigner(key, certificates.to_pem(leaf, issuing.certificate), certificates.to_pem(root.certificate))


def callback(der: bool) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    local = with_key(key)
    sign = (lambda message: key.sign(message, ec.ECDSA(hashes.SHA256()))) if der else local.sign
    return CallbackSigner(sign, "es256", local.certificate_chain_pem, local.root_pem)


SIGNERS: dict[str, Callable[[Path], Signer]] = {
    "key store": from_key_store,
    "ephemeral": lambda _: ephemeral_signer(NOW),
    "local ES384": lambda _: with_key(ec.generate_private_key(ec.SECP384R1())),
    "local Ed25519": lambda _: with_key(ed25519.Ed25519PrivateKey.generate()),
    "callback, raw": lambda _: callback(der=False),
    "callback, DER": lambda _: callback(der=True),
}


@pytest.fixture(params=SIGNERS, scope="module")
def any_signer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return SIGNERS[request.param](tmp_path_factory.mktemp("signer"))


def verify(signer: Signer, message: bytes, signature: bytes) -> None:
    key = x509.load_pem_x509_certificates(signer.certificate_chain_pem.encode())[0].public_key()
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, message)
        return
    assert isinstance(key, ec.EllipticCurvePublicKey)
    half = len(signature) // 2
    assert half == key.key_size // 8
    der = encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
    key.verify(der, message, ec.ECDSA(hashes.SHA256() if half == 32 else hashes.SHA384()))


def test_a_signature_verifies_with_the_leafs_key(any_signer: Signer) -> None:
    """`sign` gives the raw COSE signature that the first certificate's key verifies."""
    for message in (b"", b"claim", bytes(100_000)):
        verify(any_signer, message, any_signer.sign(message))


def test_a_chain_is_leaf_first_without_its_root(any_signer: Signer) -> None:
    """Leaf, issuing CA; the root is apart and is where the chain ends."""
    chain = x509.load_pem_x509_certificates(any_signer.certificate_chain_pem.encode())
    root = x509.load_pem_x509_certificate(any_signer.root_pem.encode())
    assert len(chain) == 2
    chain[0].verify_directly_issued_by(chain[1])
    chain[1].verify_directly_issued_by(root)
    assert root not in chain


def test_the_algorithm_is_one_we_know(any_signer: Signer) -> None:
    """Every signer names one of the listed algorithms."""
    assert any_signer.algorithm in ALGORITHMS


def test_a_failing_callback_raises_its_own_error(signer: LocalSigner) -> None:
    """The cause is not swallowed."""

    def broken(_: bytes) -> bytes:
        raise TimeoutError("the key service is down")

    failing = CallbackSigner(broken, "es256", signer.certificate_chain_pem, signer.root_pem)
    with pytest.raises(TimeoutError, match="key service"):
        failing.sign(b"claim")


def test_what_is_no_signature_is_refused() -> None:
    """Bytes that are neither raw nor DER don't pass as a signature."""
    with pytest.raises(ValueError):  # noqa: PT011 - the library words it
        raw_ecdsa(b"\x00" * 10, "es256")
    with pytest.raises(ValueError, match="fit es256"):
        raw_ecdsa(encode_dss_signature(1 << 300, 5), "es256")
