"""Keeps what was asked, apart from the log and erasable: one fresh key an entry.

The log holds only commitments, HMAC-SHA256(k, text). Here lie `keys/<id>` (k) and `texts/<id>` (AES-256-GCM
ciphertext). Deleting a key makes text and commitment meaningless while the log still verifies.
Not synced to disk: a power cut may lose the newest texts, never an entry of the log.
"""

import hmac
import os
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import ConfigurationError, UsageError

_ID_CHARS = frozenset("0123456789abcdef")
_NONCE_BYTES = 12


@dataclass(frozen=True)
class EntryKey:
    """The 32-byte key of one entry, and what follows from it: commitments and ciphertexts."""

    secret: bytes

    @classmethod
    def fresh(cls) -> "EntryKey":
        """A new random key."""
        return cls(secrets.token_bytes(32))

    def commitment(self, field: str, text: bytes) -> str:
        """HMAC-SHA256 over field name and text under this key, 64 hex digits. Tells nothing without the key."""
        return hmac.new(self._derived(b"commit"), field.encode() + b"\x00" + text, sha256).hexdigest()

    def sealed(self, entry_id: str, text: bytes) -> bytes:
        """Nonce and AES-256-GCM ciphertext of a text, bound to the entry's id."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self._derived(b"seal")).encrypt(nonce, text, entry_id.encode())

    def opened(self, entry_id: str, sealed: bytes) -> bytes:
        """The text of `sealed`. Raises `InvalidTag` where key, id or content do not fit."""
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return AESGCM(self._derived(b"seal")).decrypt(nonce, ciphertext, entry_id.encode())

    def _derived(self, purpose: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt=None, info=b"reelproof/vault/1/" + purpose).derive(self.secret)


class Vault:
    """A folder of sealed texts and their keys. Thread-safe; ids are never used twice."""

    def __init__(self, folder: Path) -> None:
        self._keys = folder / "keys"
        self._texts = folder / "texts"

    def keep(self, entry_id: str, key: EntryKey, text: bytes) -> None:
        """Store a text sealed under its entry's key. Raises `OSError` where the disk refuses."""
        for folder in (self._keys, self._texts):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_private(self._texts / _checked(entry_id), key.sealed(entry_id, text))
        _write_private(self._keys / entry_id, key.secret)

    def read(self, entry_id: str) -> bytes | None:
        """The text of an entry, None once its key is erased. Raises `ConfigurationError` where damaged."""
        try:
            key = EntryKey((self._keys / _checked(entry_id)).read_bytes())
            sealed = (self._texts / entry_id).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return key.opened(entry_id, sealed)
        except (InvalidTag, ValueError) as error:
            raise ConfigurationError(
                "a text in the vault does not fit its key",
                code="vault_damaged",
                hint="restore the vault from a copy",
            ) from error

    def key(self, entry_id: str) -> EntryKey | None:
        """An entry's key, to check a commitment; None once erased."""
        try:
            return EntryKey((self._keys / _checked(entry_id)).read_bytes())
        except FileNotFoundError:
            return None

    def erase(self, entry_id: str) -> bool:
        """Delete an entry's key and text; says whether there was a key. The log still verifies."""
        key = self._keys / _checked(entry_id)
        existed = key.exists()
        key.unlink(missing_ok=True)
        (self._texts / entry_id).unlink(missing_ok=True)
        return existed


def _checked(entry_id: str) -> str:
    if not entry_id or len(entry_id) > 64 or not _ID_CHARS.issuperset(entry_id):
        raise UsageError("an entry id is a hex number", code="entry_id_invalid", hint="copy it from the log entry")
    return entry_id


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
