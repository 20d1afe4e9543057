"""Signed notes and checkpoints: the text a log signs to say how long it is and what its root is.

C2SP signed-note with Ed25519 keys (algorithm byte 0x01) and C2SP tlog-checkpoint. Signature lines of
other keys (witnesses) are kept and skipped, as the note format asks. Pure: no files, no clock.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.errors import ConfigurationError

_ED25519 = b"\x01"
_NAME = re.compile(r"[^\s+]+")
_DASH = "\u2014 "
# A checkpoint with many cosignatures stays far below this; more is an attempt to exhaust the reader.
_MAX_NOTE_CHARS = 100_000


class ProofInvalid(ConfigurationError):
    """A checkpoint, proof or receipt is malformed or does not verify. Never returned as a mere False."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(
            message,
            code="log_proof_invalid",
            hint=hint
            or "compare the verifier key and fetch the proof again; if it still fails, keep the file as evidence",
        )


def parsed_key(text: str, kind: bytes, what: str) -> tuple[str, Ed25519PublicKey]:
    """Name and key of `name+hash+base64`, where the first byte of what is encoded tells the `kind`.

    Raises `ProofInvalid` where it is malformed, of another kind, or its hash is not that of name and key.
    """
    parts = text.strip().split("+", 2)
    if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
        raise ProofInvalid(f"the {what} is not of the form name+hash+base64")
    key = decode_base64(parts[2], what)
    if len(key) != 33 or key[:1] != kind:
        raise ProofInvalid(f"the {what} is not an Ed25519 key of type {kind[0]}")
    if key_id_of(parts[0], key).hex() != parts[1]:
        raise ProofInvalid(f"the {what}'s hash does not fit its name and key")
    return parts[0], Ed25519PublicKey.from_public_bytes(key[1:])


def key_id_of(name: str, typed_key: bytes) -> bytes:
    """SHA-256(name || newline || type byte || public key), first four bytes."""
    return hashlib.sha256(name.encode() + b"\n" + typed_key).digest()[:4]


@dataclass(frozen=True)
class VerifierKey:
    """An Ed25519 note key: the name it signs under and its public key."""

    name: str
    public_key: Ed25519PublicKey

    @property
    def key_id(self) -> bytes:
        """The 4-byte key hash: SHA-256(name || newline || 0x01 || public key), first four bytes."""
        return key_id_of(self.name, _ED25519 + _raw(self.public_key))

    def __str__(self) -> str:
        encoded = base64.b64encode(_ED25519 + _raw(self.public_key)).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read `name+hash+base64`. Raises `ProofInvalid` where it is malformed or not an Ed25519 log key."""
        return cls(*parsed_key(text, _ED25519, "verifier key"))


@dataclass(frozen=True)
class Checkpoint:
    """What a log signed: its origin, its size in entries, its root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        """The three signed lines, each ended by a newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def verifier_key(origin: str, signing_key: Ed25519PrivateKey) -> VerifierKey:
    """The public half of a log's key. Raises `ConfigurationError` for an origin that no note can carry."""
    if not _NAME.fullmatch(origin):
        raise ConfigurationError(
            "a log origin is one word without spaces and without a plus sign",
            code="log_origin_invalid",
            hint="use a name such as example.org/reelproof/log",
        )
    return VerifierKey(origin, signing_key.public_key())


def sign_checkpoint(checkpoint: Checkpoint, signing_key: Ed25519PrivateKey) -> str:
    """The checkpoint as a signed note. Ed25519 is deterministic: the same tree always gives the same text."""
    key_id = verifier_key(checkpoint.origin, signing_key).key_id
    signature = base64.b64encode(key_id + signing_key.sign(checkpoint.body().encode())).decode()
    return f"{checkpoint.body()}\n{_DASH}{checkpoint.origin} {signature}\n"


def verify_checkpoint(note: str, key: VerifierKey | str) -> Checkpoint:
    """The checkpoint inside a signed note, once its log's signature holds.

    Raises:
        ProofInvalid: malformed, another origin, or no valid signature by this key.
    """
    known = VerifierKey.parse(key) if isinstance(key, str) else key
    body, lines = split_note(note)
    for line in lines:
        if not _is_signed_by(line, known, body):
            continue
        checkpoint = _parse_body(body)
        if checkpoint.origin != known.name:
            raise ProofInvalid("the checkpoint is of another log than the verifier key")
        return checkpoint
    raise ProofInvalid("the checkpoint carries no valid signature by this verifier key")


def decode_base64(text: str, what: str) -> bytes:
    """The bytes of strict, padded, canonical standard base64. Raises `ProofInvalid` otherwise."""
    try:
        decoded = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        decoded = b""
    if not decoded or base64.b64encode(decoded).decode() != text:
        raise ProofInvalid(f"the {what} is not canonical base64")
    return decoded


def decode_decimal(text: str, what: str) -> int:
    """A number below 2**63 in ASCII digits without leading zeros. Raises `ProofInvalid` otherwise."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", text) or int(text) >= 1 << 63:
        raise ProofInvalid(f"the {what} is not a plain decimal number")
    return int(text)


def split_note(note: str) -> tuple[str, list[str]]:
    """A note's signed text and its signature lines. Raises `ProofInvalid` where it is no signed note."""
    if len(note) > _MAX_NOTE_CHARS or any(ord(c) < 0x20 and c != "\n" for c in note):
        raise ProofInvalid("the checkpoint is too long or holds control characters")
    body, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise ProofInvalid("the checkpoint is no signed note: no blank line before its signatures")
    lines = signatures[:-1].split("\n")
    if not all(line.startswith(_DASH) for line in lines):
        raise ProofInvalid("the checkpoint is no signed note: a signature line is malformed")
    return body + "\n", lines


def _is_signed_by(line: str, key: VerifierKey, body: str) -> bool:
    """Whether a signature line is this key's. A line of this key that fails is an error, not a foreign line."""
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    signature = decode_base64(encoded, "signature")
    if name != key.name or signature[:4] != key.key_id:
        return False
    try:
        key.public_key.verify(signature[4:], body.encode())
    except (InvalidSignature, UnicodeEncodeError) as error:
        raise ProofInvalid("the checkpoint's signature does not fit its text") from error
    return True


def _parse_body(body: str) -> Checkpoint:
    lines = body.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise ProofInvalid("the checkpoint has fewer than three lines, or an empty one")
    root = decode_base64(lines[2], "root hash")
    if len(root) != 32:
        raise ProofInvalid("the root hash is not 32 bytes long")
    return Checkpoint(lines[0], decode_decimal(lines[1], "tree size"), root)


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
