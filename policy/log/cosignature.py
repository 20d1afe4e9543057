"""Witness cosignatures (C2SP tlog-cosignature, Ed25519): made, appended to a checkpoint, and checked.

A cosignature says: as of this time, the largest tree that this witness saw of the log is this one, and every tree
it signed before is a prefix of it. Pure: no files, no clock.
"""

import base64
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.errors import ConfigurationError
from policy.log.note import ProofInvalid, decode_base64, key_id_of, parsed_key, split_note

_COSIGNATURE = b"\x04"
_NAME = re.compile(r"[^\s+]+")
_DASH = "\u2014 "
_SIGNATURE_BYTES = 4 + 8 + 64


@dataclass(frozen=True)
class WitnessKey:
    """A witness's name and public key, as a note verifier key of type 0x04."""

    name: str
    public_key: Ed25519PublicKey

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || newline || 0x04 || public key), first four bytes."""
        return key_id_of(self.name, _COSIGNATURE + self.public_key.public_bytes_raw())

    def __str__(self) -> str:
        encoded = base64.b64encode(_COSIGNATURE + self.public_key.public_bytes_raw()).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> "WitnessKey":
        """Read `name+hash+base64`. Raises `ProofInvalid` where it is malformed or no Ed25519 witness key."""
        return cls(*parsed_key(text, _COSIGNATURE, "witness key"))


def witness_key(name: str, signing_key: Ed25519PrivateKey) -> WitnessKey:
    """The public half of a witness's key. Raises `ConfigurationError` for a name that no note can carry."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            "a witness name is one word without spaces and without a plus sign",
            code="witness_name_invalid",
            hint="use a name such as witness.example.org/w1",
        )
    return WitnessKey(name, signing_key.public_key())


def cosign(note: str, name: str, signing_key: Ed25519PrivateKey, time_s: int) -> str:
    """The cosignature line, ended by a newline, for a checkpoint at a POSIX time in seconds."""
    body, _ = split_note(note)
    signature = signing_key.sign(_message(body, time_s))
    key_id = witness_key(name, signing_key).key_id
    return f"{_DASH}{name} {base64.b64encode(key_id + time_s.to_bytes(8, 'big') + signature).decode()}\n"


def verify_cosignature(note: str, key: WitnessKey) -> int:
    """The POSIX time, in seconds, at which a witness cosigned a checkpoint.

    Raises:
        ProofInvalid: the note carries no cosignature by this key, or one that does not hold.
    """
    body, lines = split_note(note)
    for line in lines:
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        content = decode_base64(encoded, "signature")
        if name != key.name or content[:4] != key.key_id:
            continue
        time_s = int.from_bytes(content[4:12], "big")
        if len(content) != _SIGNATURE_BYTES or time_s >= 1 << 63:
            raise ProofInvalid("the cosignature is of another length than Ed25519 gives")
        try:
            key.public_key.verify(content[12:], _message(body, time_s))
        except InvalidSignature as error:
            raise ProofInvalid("the cosignature does not fit the checkpoint") from error
        return time_s
    raise ProofInvalid("the checkpoint carries no cosignature by this witness")


def _message(body: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{body}".encode()
