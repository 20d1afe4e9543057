"""Who is trusted to sign claims: several lists, each with a name, a date and its own roots.

The signer's chain is checked here with `cryptography` against each list's claim anchors on its own. The C2PA
library's word on trust is not used: it does not keep claim, time-stamp and identity roots apart, and it may name
the wrong list. Lists lie in `provenance/data/` as published, with date, source and SHA-256 in `trust-lists.json`.
"""

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from importlib import resources
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from core.canonical import sha256_hex
from core.errors import ConfigurationError
from provenance.certificates import CLAIM_SIGNING_EKU, sha256_fingerprint
from provenance.settings import Anchors

OWN_LIST = "reelproof"
OFFICIAL_LIST = "c2pa"
LEGACY_LIST = "c2pa-interim"
CUSTOM_LIST = "custom"

_C2PA_EKUS = (CLAIM_SIGNING_EKU.dotted_string,)
_MAX_CHAIN_DEPTH = 5


@dataclass(frozen=True)
class TrustList:
    """One list of trusted signers.

    `claim_anchors_pem` are roots or issuing CAs; `allowed_leaves_pem` are single signer certificates trusted as
    they are; `claim_ekus` are the key purposes (OIDs) of which a signer needs at least one; `date` is when the list
    was published (ISO 8601, a year and month or a day). `crl_pem` names certificates that their issuer took back.
    """

    name: str
    title: str
    date: str
    claim_anchors_pem: str
    claim_ekus: tuple[str, ...] = _C2PA_EKUS
    allowed_leaves_pem: str = ""
    time_stamp_anchors_pem: str = ""
    source: str = ""
    note: str = ""
    crl_pem: str = ""

    def age_days(self, today: dt.date) -> int:
        """Days since the list was published, counted from the first day it names."""
        first = self.date if len(self.date) == 10 else f"{self.date}-01"
        return (today - dt.date.fromisoformat(first)).days

    def holds(self, chain: tuple[x509.Certificate, ...], at: datetime) -> bool:
        """Whether a signer's chain (leaf first) ends at this list and was valid at the instant `at`."""
        leaf = chain[0]
        if sha256_fingerprint(leaf) in _fingerprints(self.allowed_leaves_pem):
            return leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc
        if self.revokes(chain, at):
            return False
        return _may_sign_claims(leaf, self.claim_ekus) and _chain_ends_at(self.claim_anchors_pem, chain, at)

    def revokes(self, chain: tuple[x509.Certificate, ...], at: datetime) -> bool:
        """Whether the leaf's issuer had taken it back by the instant `at` (a trusted time-stamp, or now).

        What was time-stamped before stays good: an attacker with the key cannot make an earlier stamp.
        """
        return any(_is_revoked(crl, chain, at) for crl in _parsed_crls(self.crl_pem))


@dataclass(frozen=True)
class TrustStore:
    """The lists in the order they are asked. Picklable, so that a sandboxed reader can be handed one."""

    lists: tuple[TrustList, ...]

    @classmethod
    def default(cls, own_root_pem: str = "", custom_pem: str = "", own_crl_pem: str = "") -> "TrustStore":
        """Our own root, the official C2PA list, the frozen interim list, and roots a person added.

        `own_crl_pem` names our own certificates that were revoked.

        Raises:
            ConfigurationError: `trust_list_damaged`: a carried list differs from its recorded digest;
                `bad_trust_pem`: a given PEM holds no certificate, or no revocation list.
        """
        _parsed_crls(own_crl_pem)
        own = _own_lists(own_root_pem, OWN_LIST, "This installation's own root")
        lists = [replace(one, crl_pem=own_crl_pem) for one in own]
        lists += _carried_lists()
        lists += _own_lists(custom_pem, CUSTOM_LIST, "Roots added by the operator")
        return cls(tuple(lists))

    def find(self, chain: tuple[x509.Certificate, ...], at: datetime) -> TrustList | None:
        """The first list that holds the chain at the instant `at`, or None."""
        return next((one for one in self.lists if one.holds(chain, at)), None)

    def revoker(self, chain: tuple[x509.Certificate, ...], at: datetime) -> TrustList | None:
        """The list whose issuer had revoked the leaf by the instant `at`, or None."""
        return next((one for one in self.lists if one.revokes(chain, at)), None)

    def claim_anchors(self) -> tuple[Anchors, ...]:
        """Roots for claims, under each list's name. Only for what the library notes of ingredients when signing."""
        return tuple(
            Anchors(f"urn:reelproof:claim:{one.name}", one.claim_anchors_pem)
            for one in self.lists
            if one.claim_anchors_pem
        )

    def time_stamp_anchors(self) -> tuple[Anchors, ...]:
        """Roots for time-stamps, under each list's name, as the C2PA library takes them."""
        return tuple(
            Anchors(f"urn:reelproof:tsa:{one.name}", one.time_stamp_anchors_pem, is_time_stamping=True)
            for one in self.lists
            if one.time_stamp_anchors_pem
        )

    def describe(self, today: dt.date) -> list[dict[str, Any]]:
        """One row a list for `doctor` and reports: name, title, date, age in days, source, number of anchors."""
        return [
            {
                "name": one.name,
                "title": one.title,
                "date": one.date,
                "age_days": one.age_days(today),
                "source": one.source,
                "anchors": len(_parsed(one.claim_anchors_pem)),
                "note": one.note,
            }
            for one in self.lists
        ]


def _own_lists(pem: str, name: str, title: str) -> list[TrustList]:
    if not pem.strip():
        return []
    try:
        anchors = _parsed(pem)
    except ValueError as error:
        raise ConfigurationError(
            f"the PEM given for the trust list {name!r} holds no readable certificate: {error}",
            code="bad_trust_pem",
            hint="give CA certificates in PEM form",
        ) from error
    dated = min(one.not_valid_before_utc for one in anchors).date().isoformat()
    return [
        TrustList(
            name, title, dated, pem, claim_ekus=(*_C2PA_EKUS, ExtendedKeyUsageOID.EMAIL_PROTECTION.dotted_string)
        )
    ]


@lru_cache(maxsize=1)
def _carried_lists() -> tuple[TrustList, ...]:
    folder = resources.files("provenance") / "data"
    return tuple(
        TrustList(
            name=entry["name"],
            title=entry["title"],
            date=entry["date"],
            claim_anchors_pem=_carried(entry["claim_anchors"]),
            claim_ekus=tuple(entry["claim_ekus"]),
            allowed_leaves_pem=_carried(entry["allowed_leaves"]) if "allowed_leaves" in entry else "",
            time_stamp_anchors_pem=_carried(entry["time_stamp_anchors"]),
            source=entry["source"],
            note=entry.get("note", ""),
        )
        for entry in json.loads((folder / "trust-lists.json").read_text())["lists"]
    )


def _carried(entry: dict[str, str]) -> str:
    content = (resources.files("provenance") / "data" / entry["file"]).read_bytes()
    if sha256_hex(content) != entry["sha256"]:
        raise ConfigurationError(
            f"the carried trust list {entry['file']} differs from its recorded SHA-256",
            code="trust_list_damaged",
            hint="install Reelproof again; a trust list must not be edited in place",
        )
    return "".join(_certificates_only(content.decode("utf-8")))


def _certificates_only(text: str) -> Iterable[str]:
    """The PEM certificates of a list, without the comments published between them."""
    for part in text.split("-----BEGIN CERTIFICATE-----")[1:]:
        yield (
            "-----BEGIN CERTIFICATE-----"
            + part.split("-----END CERTIFICATE-----")[0]
            + "-----END CERTIFICATE-----\n"
        )


@lru_cache(maxsize=32)
def _parsed(pem: str) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates(pem.encode())) if pem else ()


@lru_cache(maxsize=32)
def _fingerprints(pem: str) -> frozenset[str]:
    return frozenset(sha256_fingerprint(one) for one in _parsed(pem))


@lru_cache(maxsize=32)
def _parsed_crls(pem: str) -> tuple[x509.CertificateRevocationList, ...]:
    marker = "-----BEGIN X509 CRL-----"
    try:
        return tuple(x509.load_pem_x509_crl((marker + part).encode()) for part in pem.split(marker)[1:])
    except ValueError as error:
        raise ConfigurationError(
            f"a revocation list cannot be read: {error}",
            code="bad_trust_pem",
            hint="give revocation lists in PEM form; an own one is made anew by `reelproof keys revoke`",
        ) from error


def _is_revoked(crl: x509.CertificateRevocationList, chain: tuple[x509.Certificate, ...], at: datetime) -> bool:
    if len(chain) < 2 or crl.issuer != chain[0].issuer or not crl.is_signature_valid(_issuer_key(chain[1])):
        return False
    entry = crl.get_revoked_certificate_by_serial_number(chain[0].serial_number)
    return entry is not None and entry.revocation_date_utc <= at


def _issuer_key(issuer: x509.Certificate) -> CertificateIssuerPublicKeyTypes:
    key = issuer.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        raise ConfigurationError(
            "a revocation list is signed with a kind of key that is not used for claims",
            code="bad_trust_pem",
            hint="use lists of issuers with EC, RSA or Ed25519 keys",
        )
    return key


def _may_sign_claims(leaf: x509.Certificate, ekus: tuple[str, ...]) -> bool:
    try:
        purposes = {
            one.dotted_string for one in leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        }
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    # "any purpose" is refused outright by the C2PA profile (§14.5.1.1).
    if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string in purposes:
        return False
    return usage.digital_signature and bool(purposes & set(ekus))


def _chain_ends_at(anchors_pem: str, chain: tuple[x509.Certificate, ...], at: datetime) -> bool:
    anchors = _parsed(anchors_pem)
    if not anchors:
        return False
    verifier = (
        PolicyBuilder()
        .store(Store(list(anchors)))
        .time(at)
        .max_chain_depth(_MAX_CHAIN_DEPTH)
        .extension_policies(ca_policy=_CA_POLICY, ee_policy=_LEAF_POLICY)
        .build_client_verifier()
    )
    try:
        verifier.verify(chain[0], list(chain[1:]))
    except (VerificationError, ValueError):
        return False
    return True


def _require_ca(_: Policy, __: x509.Certificate, extension: x509.BasicConstraints) -> None:
    if not extension.ca:
        raise ValueError("an issuer is no CA")


def _require_certificate_signing(_: Policy, __: x509.Certificate, extension: x509.KeyUsage | None) -> None:
    if extension is not None and not extension.key_cert_sign:
        raise ValueError("an issuer may not sign certificates")


# The library's defaults are those of the web: names and purposes of servers. Claim signers carry neither, so the
# extensions that matter are named here; path length, validity, signatures and names stay the library's.
_CA_POLICY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _require_ca)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _require_certificate_signing)
)
_LEAF_POLICY = ExtensionPolicy.permit_all()
