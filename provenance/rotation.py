"""New keys beside old ones, and certificates taken back. Nothing that an older clip needs is ever replaced.

Each change writes its new files first and the index last, so a crash leaves the store as it was, with files that
nothing names. A running server keeps the keys it opened: restart it after a rotation.
"""

import json
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from core.clock import Clock, SystemClock, rfc3339
from core.errors import ConfigurationError
from core.files import fsync_folder, write_atomically
from provenance import certificates
from provenance.certificates import Authority
from provenance.keys import CRL_FILE, WATERMARK_SECRET_BYTES, KeyFolder, KeyStore, encrypted_key, sealed_secret

REASONS: dict[str, x509.ReasonFlags] = {
    "key-compromise": x509.ReasonFlags.key_compromise,
    "superseded": x509.ReasonFlags.superseded,
    "cessation": x509.ReasonFlags.cessation_of_operation,
    "affiliation-changed": x509.ReasonFlags.affiliation_changed,
}
_CRL_LIFE = timedelta(days=366)
_MAX_WATERMARK_KEY_ID = 15  # the payload holds four bits of it


def rotate_signer(folder: Path, passphrase: str, clock: Clock | None = None) -> KeyStore:
    """The store with a new claim-signing key and certificate in use; the old certificate stays valid and listed.

    Raises:
        ConfigurationError: `keys_missing`, `wrong_passphrase`, `keys_damaged`, `keys_exist` (two at once).
    """
    store, reader, now = _opened(folder, passphrase, clock)
    number = _next_number(folder, "signer-", ".pem")
    _issue(reader, store, number, passphrase, now)
    index = dict(store.index) | {
        "signer": number,
        "earlier_signers": [*_earlier(store), {"signer": store.index["signer"], "replaced_at": rfc3339(now)}],
    }
    _write_index(folder, index)
    return KeyStore.open(folder, passphrase)


def rotate_watermark(folder: Path, passphrase: str, clock: Clock | None = None) -> KeyStore:
    """The store with a new watermark key in use; older ones are kept, since clips marked with them must be read.

    Raises:
        ConfigurationError: as `rotate_signer`; `too_many_keys`: the mark's payload numbers at most 15 keys.
    """
    store, _, now = _opened(folder, passphrase, clock)
    key_id = _next_number(folder, "watermark-", ".secret")
    if key_id > _MAX_WATERMARK_KEY_ID:
        raise ConfigurationError(
            f"there are {_MAX_WATERMARK_KEY_ID} watermark keys already; a mark's payload can number no more",
            code="too_many_keys",
            hint="keep using the newest, or start a new home with its own keys",
        )
    secret = sealed_secret(secrets.token_bytes(WATERMARK_SECRET_BYTES), passphrase.encode())
    _write_new(folder / f"watermark-{key_id}.secret", secret)
    listed = [*store.index["watermark_keys"], {"key_id": key_id, "created_at": rfc3339(now)}]
    _write_index(folder, dict(store.index) | {"watermark_key_id": key_id, "watermark_keys": listed})
    return KeyStore.open(folder, passphrase)


def revoke_signer(
    folder: Path, passphrase: str, number: int, *, reason: str = "key-compromise", clock: Clock | None = None
) -> KeyStore:
    """The store with signer `number` taken back: on the revocation list from now on, its private key destroyed.

    The signer in use is replaced first. What it signed stays trusted only where a trusted time-stamp shows that
    it was signed before. Repeating it changes nothing.

    Raises:
        ConfigurationError: as `rotate_signer`; `no_such_signer`, `unknown_reason`.
    """
    if reason not in REASONS:
        raise ConfigurationError(
            f"{reason!r} is no reason to revoke", code="unknown_reason", hint=f"one of {', '.join(REASONS)}"
        )
    store = KeyStore.open(folder, passphrase)
    if number not in {int(store.index["signer"]), *(int(one["signer"]) for one in _earlier(store))}:
        raise ConfigurationError(
            f"there is no signer {number}", code="no_such_signer", hint="`reelproof keys list` numbers them"
        )
    if number == int(store.index["signer"]):
        store = rotate_signer(folder, passphrase, clock)
    now = (clock or SystemClock()).now()
    earlier = [
        one | {"revoked_at": one.get("revoked_at", rfc3339(now)), "reason": one.get("reason", reason)}
        if int(one["signer"]) == number
        else one
        for one in _earlier(store)
    ]
    crl = _revocation_list(KeyFolder(folder, passphrase), folder, earlier, now)
    write_atomically(folder / CRL_FILE, crl, mode=0o600)
    _write_index(folder, dict(store.index) | {"earlier_signers": earlier})
    (folder / f"signer-{number}.key").unlink(missing_ok=True)
    fsync_folder(folder)
    return KeyStore.open(folder, passphrase)


def export_trust(store: KeyStore, folder: Path) -> list[Path]:
    """What others need to trust this installation, written into `folder`: its root, its revocation list, a note.

    No secret is in it. The files: `root.pem`, `revoked.crl` (only where something was revoked), `trust.json`.
    """
    root = x509.load_pem_x509_certificate(store.root_pem.encode())
    described = {
        "schema": "reelproof.trust/1",
        "organisation": store.organisation,
        "root": {
            "file": "root.pem",
            "sha256": certificates.sha256_fingerprint(root),
            "valid_until": rfc3339(root.not_valid_after_utc),
        },
        "claim_ekus": [certificates.CLAIM_SIGNING_EKU.dotted_string],
        "revocation_list": CRL_FILE if store.crl_pem else None,
    }
    folder.mkdir(parents=True, exist_ok=True)
    content = {"root.pem": store.root_pem, "trust.json": json.dumps(described, indent=2) + "\n"}
    if store.crl_pem:
        content[CRL_FILE] = store.crl_pem
    for name, text in content.items():
        write_atomically(folder / name, text.encode())
    return [folder / name for name in content]


def _opened(folder: Path, passphrase: str, clock: Clock | None) -> tuple[KeyStore, KeyFolder, datetime]:
    return KeyStore.open(folder, passphrase), KeyFolder(folder, passphrase), (clock or SystemClock()).now()


def _earlier(store: KeyStore) -> list[dict[str, Any]]:
    return list(store.index.get("earlier_signers", ()))


def _issue(reader: KeyFolder, store: KeyStore, number: int, passphrase: str, now: datetime) -> None:
    issuing = _issuing(reader)
    key = ec.generate_private_key(ec.SECP256R1())
    country = str(store.index.get("country", "ZZ"))
    leaf = certificates.make_leaf(issuing, key, store.organisation, country, now)
    _write_new(reader.folder / f"signer-{number}.key", encrypted_key(key, passphrase))
    _write_new(reader.folder / f"signer-{number}.pem", certificates.to_pem(leaf, issuing.certificate).encode())


def _issuing(reader: KeyFolder) -> Authority:
    key = reader.private_key("issuing.key")
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise reader.damaged("issuing.key", "expected an elliptic-curve key")
    return Authority(reader.certificates("issuing.pem")[0], key)


def _revocation_list(reader: KeyFolder, folder: Path, earlier: list[dict[str, Any]], now: datetime) -> bytes:
    issuing = _issuing(reader)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuing.certificate.subject)
        .last_update(now)
        .next_update(now + _CRL_LIFE)
    )
    for entry in earlier:
        if entry.get("revoked_at"):
            leaf = reader.certificates(f"signer-{entry['signer']}.pem")[0]
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(leaf.serial_number)
                .revocation_date(datetime.fromisoformat(entry["revoked_at"]))
                .add_extension(x509.CRLReason(REASONS[entry["reason"]]), critical=False)
                .build()
            )
    return builder.sign(issuing.key, hashes.SHA384()).public_bytes(Encoding.PEM)


def _next_number(folder: Path, before: str, after: str) -> int:
    """One more than the highest number a file carries, so that the rest of an interrupted rotation is not met."""
    numbers = [one.name.removeprefix(before).removesuffix(after) for one in folder.glob(f"{before}*{after}")]
    return 1 + max(int(number) for number in numbers if number.isdigit())


def _write_new(path: Path, content: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConfigurationError(
            f"{path.name} is being made by another rotation",
            code="keys_exist",
            hint="look at `reelproof keys list`, then try again",
        ) from error
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    fsync_folder(path.parent)


def _write_index(folder: Path, index: dict[str, Any]) -> None:
    write_atomically(folder / "keystore.json", json.dumps(index, indent=2).encode(), mode=0o600)
