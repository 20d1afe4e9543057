"""Canonical JSON (RFC 8785) and the digests taken over it.

One spelling for every value, so that a digest of a decision, a rule set or a model config is the
same on every machine. The canonicaliser itself is the `rfc8785` library.
"""

import hashlib
from pathlib import Path
from typing import Any, BinaryIO

import rfc8785

_CHUNK_BYTES = 1 << 20


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value.

    Raises:
        ValueError: the value holds something JSON cannot carry exactly (a NaN, an integer past 2**53).
    """
    return rfc8785.dumps(value)


def sha256_hex(content: bytes) -> str:
    """The SHA-256 of some bytes, as 64 lower-case hex digits."""
    return hashlib.sha256(content).hexdigest()


def digest_of(value: Any) -> str:
    """The SHA-256 of a value's canonical JSON, as 64 lower-case hex digits."""
    return sha256_hex(canonical_json(value))


def file_sha256(file: Path | BinaryIO) -> str:
    """The SHA-256 of a whole file, read in pieces, as 64 lower-case hex digits."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return file_sha256(opened)
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
