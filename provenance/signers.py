"""Who signs claims: the `Signer` plug point, a signer over a local key, and one over any callback.

A `Signer` never shows its key. It hands out its certificate chain (leaf first, without the root), the root that
the chain must end at, and signatures over the bytes it is given.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from provenance import certificates

#: COSE algorithm names this project signs with: hash and bytes per coordinate of an ECDSA signature.
_ECDSA: dict[str, tuple[hashes.HashAlgorithm, int]] = {
    "es256": (hashes.SHA256(), 32),
    "es384": (hashes.SHA384(), 48),
}
ALGORITHMS = (*_ECDSA, "ed25519")


class Signer(Protocol):
    """Signs claims. The contract (`tests/provenance/test_provenance_signers.py` runs it over every implementation):

    - Thread-safe. `sign` may take seconds (a hardware or cloud key) and is called once per attempt.
    - `sign` returns the raw COSE signature: r‖s of fixed length for ES256 and ES384, 64 bytes for Ed25519.
    - Two calls on the same bytes both verify, but need not be equal.
    - A failure raises; the caller keeps the cause and does not retry by itself.
    """

    @property
    def algorithm(self) -> str:
        """One of `ALGORITHMS`."""
        ...

    @property
    def certificate_chain_pem(self) -> str:
        """The leaf and every intermediate, leaf first, **without** the root."""
        ...

    @property
    def root_pem(self) -> str:
        """The root that the chain ends at, used to check our own output."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The raw COSE signature over `message`."""
        ...


@dataclass(frozen=True)
class LocalSigner:
    """A signer whose private key is in this process."""

    key: certificates.CertificateKey = field(repr=False)
    certificate_chain_pem: str
    root_pem: str

    @property
    def algorithm(self) -> str:
        """es256, es384 or ed25519, by the key's kind."""
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return "ed25519"
        return f"es{self.key.curve.key_size}"

    def sign(self, message: bytes) -> bytes:
        """The raw COSE signature over `message`."""
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        digest, _ = _ECDSA[self.algorithm]
        return raw_ecdsa(self.key.sign(message, ec.ECDSA(digest)), self.algorithm)


@dataclass(frozen=True)
class CallbackSigner:
    """A signer whose key is elsewhere (a hardware module, a cloud key service), reached through `callback`.

    `callback` gets the bytes to sign and returns a raw COSE signature, or for ECDSA a DER one.
    """

    callback: Callable[[bytes], bytes]
    algorithm: str
    certificate_chain_pem: str
    root_pem: str

    def sign(self, message: bytes) -> bytes:
        """The callback's signature as raw COSE bytes."""
        signature = self.callback(message)
        if self.algorithm not in _ECDSA or len(signature) == 2 * _ECDSA[self.algorithm][1]:
            return signature
        return raw_ecdsa(signature, self.algorithm)


def ephemeral_signer(now: datetime, organisation: str = "Reelproof Test", country: str = "ZZ") -> LocalSigner:
    """The shipped fake: a real signer with a new chain that lives in memory only. For tests and self-tests."""
    root = certificates.make_root(organisation, country, now)
    issuing = certificates.make_issuing_ca(root, organisation, country, now)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = certificates.make_leaf(issuing, key, organisation, country, now)
    chain = certificates.to_pem(leaf, issuing.certificate)
    return LocalSigner(key, chain, certificates.to_pem(root.certificate))


def raw_ecdsa(der: bytes, algorithm: str) -> bytes:
    """A DER ECDSA signature as r‖s, each of the curve's fixed length (RFC 9053 §2.1).

    Raises:
        ValueError: not a DER signature, or its numbers don't fit the curve.
    """
    _, length = _ECDSA[algorithm]
    r, s = decode_dss_signature(der)
    try:
        return r.to_bytes(length, "big") + s.to_bytes(length, "big")
    except OverflowError as error:
        raise ValueError(f"the signature does not fit {algorithm}") from error
