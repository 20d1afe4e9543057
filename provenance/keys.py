"""The key store: a folder that holds every secret of one installation, encrypted under one passphrase.

    keystore.json         schema, organisation, which signer and watermark key are in use; no secret
    root.pem, root.key    P-384 root; its key is only read to issue another issuing CA
    issuing.pem, .key     P-384 CA that issues claim-signing leaves
    signer-1.pem, .key    chain (leaf, issuing CA) and ES256 key
    log.key               Ed25519 key of the decision log
    watermark-1.secret    32 random bytes under scrypt + AES-256-GCM; one file per watermark key ID
    revoked.crl           certificates taken back, signed by the issuing CA; only once there is one

`provenance.rotation` adds signers and watermark keys and revokes certificates.

Knows nothing of where the passphrase comes from. The folder appears whole or not at all.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from core.canonical import sha256_hex
from core.clock import Clock, SystemClock, rfc3339
from core.errors import ConfigurationError
from core.files import fsync_folder, staging_folder
from provenance import certificates
from provenance.signers import LocalSigner

SCHEMA = "reelproof.keystore/1"
CRL_FILE = "revoked.crl"
MINIMUM_PASSPHRASE_CHARACTERS = 8
WATERMARK_SECRET_BYTES = 32
# scrypt at 2^15 · 8 · 1 takes about 0.1 s and 32 MiB (RFC 7914 §2; twice the interactive setting named there).
_SCRYPT_COST = 2**15
_SECRET_PREFIX = b"reelproof-secret-1\0"

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class KeyStore:
    """An opened key store. Holds the claim-signing key, the log key and the watermark secrets in memory;
    the root's and the issuing CA's private keys stay encrypted on disk."""

    folder: Path
    index: Mapping[str, Any]
    log_key: ed25519.Ed25519PrivateKey
    watermark_keys: dict[int, bytes]
    root_pem: str
    _signer: LocalSigner
    crl_pem: str = ""

    @classmethod
    def create(
        cls,
        folder: Path,
        passphrase: str,
        *,
        organisation: str,
        clock: Clock | None = None,
        country: str = "ZZ",
    ) -> "KeyStore":
        """Make every key and certificate anew and open the store.

        Atomic and safe against a race: of two concurrent calls one wins, the other raises. `country` is ISO
        3166 alpha-2; the default is the code for "unknown".

        Raises:
            ConfigurationError: `keys_exist`, `weak_passphrase`, `bad_name`, `folder_not_writable`.
        """
        _require_usable_passphrase(passphrase)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise _keys_exist(folder)
        now = (clock or SystemClock()).now()
        try:
            content = _new_content(passphrase, organisation, country, now)
        except ValueError as error:
            raise ConfigurationError(
                f"the organisation or country cannot stand in a certificate: {error}",
                code="bad_name",
                hint="use 1-64 characters for the organisation and two capital letters for the country",
            ) from error
        _publish_folder(folder, content)
        return cls.open(folder, passphrase)

    @classmethod
    def open(cls, folder: Path, passphrase: str) -> "KeyStore":
        """Decrypt and check an existing store: every file there, every key matching its certificate.

        Raises:
            ConfigurationError: `keys_missing`, `wrong_passphrase`, `keys_damaged`.
        """
        reader = KeyFolder(folder, passphrase)
        index = reader.index()
        try:
            signer_name = f"signer-{int(index['signer'])}"
            key_ids = [int(entry["key_id"]) for entry in index["watermark_keys"]]
            if int(index["watermark_key_id"]) not in key_ids:
                raise ValueError("the current watermark key is not listed")
        except (KeyError, TypeError, ValueError) as error:
            raise reader.damaged("keystore.json", error) from error
        signer = reader.signer(signer_name)
        return cls(
            folder=folder,
            index=index,
            log_key=reader.log_key(),
            watermark_keys={key_id: reader.secret(f"watermark-{key_id}.secret") for key_id in key_ids},
            root_pem=signer.root_pem,
            _signer=signer,
            crl_pem=reader.read(CRL_FILE).decode("ascii", "replace") if (folder / CRL_FILE).exists() else "",
        )

    @property
    def watermark_key_id(self) -> int:
        """The key ID that new clips are marked with; the others are kept to read older clips."""
        return int(self.index["watermark_key_id"])

    @property
    def organisation(self) -> str:
        """The organisation the certificates name."""
        return str(self.index["organisation"])

    def signer(self) -> LocalSigner:
        """The signer in use. Thread-safe."""
        return self._signer

    def describe(self, now: datetime | None = None) -> list[dict[str, Any]]:
        """One row a key for `keys list`: purpose, subject, fingerprint, valid_until, status. Never a secret.

        A watermark key is shown by the first 16 hex digits of the SHA-256 of its secret, which can be compared but
        not turned back: the secret has 256 bits.
        """
        instant = now or SystemClock().now()
        chain = x509.load_pem_x509_certificates(self._signer.certificate_chain_pem.encode())
        root = x509.load_pem_x509_certificate(self.root_pem.encode())
        rows = [
            _certificate_row("root CA", root, instant),
            _certificate_row("issuing CA", chain[1], instant),
            _certificate_row("claim signing", chain[0], instant) | {"number": self.index["signer"]},
            *self._earlier_signers(instant),
            _row("decision log", "Ed25519", sha256_hex(_public_bytes(self.log_key)), None, "in use"),
        ]
        for key_id, secret in sorted(self.watermark_keys.items()):
            status = "in use" if key_id == self.watermark_key_id else "kept for reading"
            rows.append(_row("watermark", f"key ID {key_id}", sha256_hex(secret)[:16], None, status))
        return rows

    def _earlier_signers(self, now: datetime) -> list[dict[str, Any]]:
        """Rows of signers that are no longer used: replaced, or revoked."""
        rows = []
        for entry in self.index.get("earlier_signers", ()):
            leaf = x509.load_pem_x509_certificates((self.folder / f"signer-{entry['signer']}.pem").read_bytes())[0]
            status = "revoked" if entry.get("revoked_at") else "replaced"
            row = _certificate_row("claim signing", leaf, now)
            rows.append(row | {"number": entry["signer"], "status": status})
        return rows

    def __repr__(self) -> str:
        """Where the store lies; never what it holds."""
        return f"KeyStore({str(self.folder)!r})"


class KeyFolder:
    """Reads the files of a key store and turns every fault into a `ConfigurationError`. For this room only."""

    def __init__(self, folder: Path, passphrase: str) -> None:
        self.folder = folder
        self.passphrase = passphrase.encode()

    def index(self) -> dict[str, Any]:
        """The index file, its schema checked."""
        try:
            index = json.loads(self.read("keystore.json"))
        except (ValueError, RecursionError) as error:
            raise self.damaged("keystore.json", error) from error
        if not isinstance(index, dict) or index.get("schema") != SCHEMA:
            raise self.damaged("keystore.json", f"expected schema {SCHEMA}")
        return index

    def read(self, name: str) -> bytes:
        """The bytes of one file."""
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"the key store has no readable {name} ({self.folder}: {error.strerror})",
                code="keys_missing",
                hint="make keys with `reelproof keys init`, or restore the folder from its backup",
            ) from error

    def private_key(self, name: str) -> PrivateKeyTypes:
        """A private key, decrypted."""
        content = self.read(name)
        try:
            return load_pem_private_key(content, self.passphrase)
        except (ValueError, TypeError) as error:
            # OpenSSL tells a wrong passphrase and a garbled key apart only sometimes; the PEM frame decides.
            if b"BEGIN ENCRYPTED PRIVATE KEY" in content and content.rstrip().endswith(b"KEY-----"):
                raise self.wrong_passphrase() from error
            raise self.damaged(name, error) from error

    def log_key(self) -> ed25519.Ed25519PrivateKey:
        """The key of the decision log."""
        key = self.private_key("log.key")
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise self.damaged("log.key", "expected an Ed25519 key")
        return key

    def signer(self, name: str) -> LocalSigner:
        """A claim signer, its chain checked up to the root."""
        root = self.certificates("root.pem")[0]
        chain = self.certificates(f"{name}.pem")
        key = self.private_key(f"{name}.key")
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise self.damaged(f"{name}.key", "expected an elliptic-curve key")
        if len(chain) != 2 or chain[0].public_key() != key.public_key():
            raise self.damaged(f"{name}.pem", "the certificate does not belong to the key")
        try:
            chain[0].verify_directly_issued_by(chain[1])
            chain[1].verify_directly_issued_by(root)
        except Exception as error:  # the library raises InvalidSignature, ValueError or TypeError here
            raise self.damaged(f"{name}.pem", "the chain does not end at root.pem") from error
        return LocalSigner(key, certificates.to_pem(*chain), certificates.to_pem(root))

    def certificates(self, name: str) -> list[x509.Certificate]:
        """The certificates of a PEM file."""
        try:
            return x509.load_pem_x509_certificates(self.read(name))
        except ValueError as error:
            raise self.damaged(name, error) from error

    def secret(self, name: str) -> bytes:
        """A watermark secret, decrypted."""
        sealed = self.read(name)
        if not sealed.startswith(_SECRET_PREFIX):
            raise self.damaged(name, "unknown form")
        try:
            return _open_secret(sealed, self.passphrase)
        except InvalidTag as error:
            # The private keys have opened with this passphrase before, so the file itself is at fault.
            raise self.damaged(name, "its check value does not fit") from error

    def wrong_passphrase(self) -> ConfigurationError:
        """The error for a passphrase that opens nothing."""
        return ConfigurationError(
            f"the passphrase does not open the key store in {self.folder}",
            code="wrong_passphrase",
            hint="check the passphrase setting; if it was right, restore the folder from its backup",
        )

    def damaged(self, name: str, reason: object) -> ConfigurationError:
        """The error for a file that is not what it should be."""
        return ConfigurationError(
            f"{name} in the key store {self.folder} is damaged: {reason}",
            code="keys_damaged",
            hint="restore the key store folder from its backup",
        )


def _new_content(passphrase: str, organisation: str, country: str, now: datetime) -> dict[str, bytes]:
    """Every file of a new store, by name."""
    root = certificates.make_root(organisation, country, now)
    issuing = certificates.make_issuing_ca(root, organisation, country, now)
    signing_key = ec.generate_private_key(ec.SECP256R1())
    leaf = certificates.make_leaf(issuing, signing_key, organisation, country, now)
    index = {
        "schema": SCHEMA,
        "organisation": organisation,
        "country": country,
        "created_at": rfc3339(now),
        "signer": 1,
        "watermark_key_id": 1,
        "watermark_keys": [{"key_id": 1, "created_at": rfc3339(now)}],
    }
    secret = secrets.token_bytes(WATERMARK_SECRET_BYTES)
    return {
        "root.pem": certificates.to_pem(root.certificate).encode(),
        "root.key": encrypted_key(root.key, passphrase),
        "issuing.pem": certificates.to_pem(issuing.certificate).encode(),
        "issuing.key": encrypted_key(issuing.key, passphrase),
        "signer-1.pem": certificates.to_pem(leaf, issuing.certificate).encode(),
        "signer-1.key": encrypted_key(signing_key, passphrase),
        "log.key": encrypted_key(ed25519.Ed25519PrivateKey.generate(), passphrase),
        "watermark-1.secret": sealed_secret(secret, passphrase.encode()),
        "keystore.json": json.dumps(index, indent=2).encode(),
    }


def _publish_folder(folder: Path, content: Mapping[str, bytes]) -> None:
    try:
        with staging_folder(folder) as staging:
            made = staging / "keys"
            made.mkdir(mode=0o700)
            for name, value in content.items():
                descriptor = os.open(made / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as opened:
                    opened.write(value)
                    opened.flush()
                    os.fsync(opened.fileno())
            fsync_folder(made)
            # rename(2) replaces an empty folder and fails on any other: the loser of a race ends here.
            made.rename(folder)
            fsync_folder(folder.parent)
    except OSError as error:
        if folder.is_dir() and any(folder.iterdir()):
            raise _keys_exist(folder) from error
        raise ConfigurationError(
            f"cannot write the key store to {folder}: {error.strerror}",
            code="folder_not_writable",
            hint="choose a folder you may write to, on a disk with free space",
        ) from error


def encrypted_key(key: PrivateKey, passphrase: str) -> bytes:
    """A private key as encrypted PKCS#8, PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode()))


def sealed_secret(secret: bytes, passphrase: bytes) -> bytes:
    """A watermark secret as it is stored: prefix | salt (16) | nonce (12) | AES-256-GCM ciphertext and tag."""
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    return (
        _SECRET_PREFIX + salt + nonce + AESGCM(_stretched(passphrase, salt)).encrypt(nonce, secret, _SECRET_PREFIX)
    )


def _open_secret(sealed: bytes, passphrase: bytes) -> bytes:
    body = sealed[len(_SECRET_PREFIX) :]
    if len(body) != 16 + 12 + WATERMARK_SECRET_BYTES + 16:
        raise InvalidTag
    salt, nonce, ciphertext = body[:16], body[16:28], body[28:]
    return AESGCM(_stretched(passphrase, salt)).decrypt(nonce, ciphertext, _SECRET_PREFIX)


def _stretched(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_SCRYPT_COST, r=8, p=1).derive(passphrase)


def _require_usable_passphrase(passphrase: str) -> None:
    if len(passphrase) < MINIMUM_PASSPHRASE_CHARACTERS:
        raise ConfigurationError(
            f"the passphrase has {len(passphrase)} characters, expected at least {MINIMUM_PASSPHRASE_CHARACTERS}",
            code="weak_passphrase",
            hint="use a longer passphrase; it protects every key of this installation",
        )


def _keys_exist(folder: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{folder} already holds files",
        code="keys_exist",
        hint="open the existing key store, or name an empty folder; keys are never overwritten",
    )


def _public_bytes(key: ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _certificate_row(purpose: str, certificate: x509.Certificate, now: datetime) -> dict[str, Any]:
    valid_until = certificate.not_valid_after_utc
    is_current = certificate.not_valid_before_utc <= now <= valid_until
    status = "in use" if is_current else "expired" if now > valid_until else "not yet valid"
    fingerprint = certificates.sha256_fingerprint(certificate)
    return _row(purpose, certificates.subject_text(certificate.subject), fingerprint, rfc3339(valid_until), status)


def _row(purpose: str, subject: str, fingerprint: str, valid_until: str | None, status: str) -> dict[str, Any]:
    return {
        "purpose": purpose,
        "subject": subject,
        "fingerprint": fingerprint,
        "valid_until": valid_until,
        "status": status,
    }
