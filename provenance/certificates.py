"""X.509 certificates of the C2PA claim-signing profile: a root, an issuing CA, and short-lived leaves.

Profile: C2PA 2.4 §14.5 and the C2PA Certificate Policy 0.2 (claim-signing EKU and policy OIDs below).
Pure: keys, names, serial numbers and instants are arguments or come from `cryptography`; nothing is stored here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

CLAIM_SIGNING_EKU = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
CLAIM_SIGNING_POLICY = ObjectIdentifier("1.3.6.1.4.1.62558.1.1")

ROOT_VALIDITY = timedelta(days=3650)
ISSUING_VALIDITY = timedelta(days=1825)
LEAF_VALIDITY = timedelta(days=365)  # the profile allows 366 at most
_CLOCK_SKEW = timedelta(minutes=5)  # a verifier whose clock is a little slow must not reject a new certificate

_X520_MAX_CHARACTERS = 64

CertificateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Authority:
    """A certificate that issues others, with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def distinguished_name(organisation: str, common_name: str, country: str) -> x509.Name:
    """C, O and CN, in that order.

    Raises:
        ValueError: a part is empty or too long for X.520 (64 characters; two for the country).
    """
    if not organisation.strip() or len(organisation) > _X520_MAX_CHARACTERS:
        raise ValueError(f"an organisation has 1 to {_X520_MAX_CHARACTERS} characters, got {len(organisation)}")
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, country),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def make_root(organisation: str, country: str, now: datetime) -> Authority:
    """A new self-signed P-384 root, valid ten years. Its key is generated here."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = distinguished_name(organisation, f"{organisation} Root CA"[:_X520_MAX_CHARACTERS], country)
    builder = _builder(name, key, name, key.public_key(), now, ROOT_VALIDITY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
    builder = builder.add_extension(_key_usage(certificates=True), critical=True)
    return Authority(builder.sign(key, hashes.SHA384()), key)


def make_issuing_ca(root: Authority, organisation: str, country: str, now: datetime) -> Authority:
    """A new P-384 CA under the root that may only issue claim-signing leaves (path length 0), valid five years."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = distinguished_name(organisation, f"{organisation} Claim Signing CA"[:_X520_MAX_CHARACTERS], country)
    builder = _builder(name, key, root.certificate.subject, root.key.public_key(), now, ISSUING_VALIDITY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(certificates=True), critical=True)
    return Authority(_with_claim_signing(builder).sign(root.key, hashes.SHA384()), key)


def make_leaf(
    issuing: Authority,
    key: CertificateKey,
    organisation: str,
    country: str,
    now: datetime,
    *,
    validity: timedelta = LEAF_VALIDITY,
) -> x509.Certificate:
    """A claim-signing certificate for `key`, issued by `issuing`.

    Raises:
        ValueError: a validity over 366 days, which the profile forbids.
    """
    if validity > timedelta(days=366):
        raise ValueError(f"a claim-signing certificate lasts 366 days at most, got {validity.days}")
    name = distinguished_name(organisation, f"{organisation} Claim Signer"[:_X520_MAX_CHARACTERS], country)
    builder = _builder(name, key, issuing.certificate.subject, issuing.key.public_key(), now, validity)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(certificates=False), critical=True)
    return _with_claim_signing(builder).sign(issuing.key, hashes.SHA384())


def to_pem(*certificates: x509.Certificate) -> str:
    """The certificates as PEM, in the order given. A signer's chain is leaf first, without the root."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode("ascii") for certificate in certificates)


def sha256_fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 over the certificate's DER, as 64 lower-case hex digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def subject_text(name: x509.Name) -> str:
    """A name as RFC 4514 text, such as `CN=Newsroom Claim Signer,O=Newsroom,C=GB`."""
    return name.rfc4514_string()


def common_name(name: x509.Name) -> str | None:
    """The CN of a name, or None where it has none."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else None


def organisation_name(name: x509.Name) -> str | None:
    """The O of a name, or None where it has none."""
    found = name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(found[0].value) if found else None


def _builder(
    subject: x509.Name,
    key: CertificateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePublicKey,
    now: datetime,
    validity: timedelta,
) -> x509.CertificateBuilder:
    start = now.replace(microsecond=0) - _CLOCK_SKEW
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + validity)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _with_claim_signing(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    # emailProtection stands beside the C2PA purpose because verifiers from before 2025 know only that one.
    usages = x509.ExtendedKeyUsage([CLAIM_SIGNING_EKU, ExtendedKeyUsageOID.EMAIL_PROTECTION])
    policies = x509.CertificatePolicies([x509.PolicyInformation(CLAIM_SIGNING_POLICY, None)])
    return builder.add_extension(usages, critical=False).add_extension(policies, critical=False)


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=not certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
