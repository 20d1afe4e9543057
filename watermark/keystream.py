"""Keyed deterministic streams: bits, signs and Gaussian values that nobody without the key can predict.

Each stream is AES-256 in counter mode under a key that HKDF-SHA256 (RFC 5869) derives from the mark's key and a
label, so two labels never share a stream. Labels carry a version and are forever: a changed layout gets a new one.
"""

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray
from scipy.special import ndtri

KEY_BYTES_MIN = 16
_SALT = b"reelproof.watermark.keystream/1"


def key_bytes(key: bytes, label: str, count: int) -> bytes:
    """The first `count` bytes of the stream `label` under `key`.

    Raises:
        ValueError: the key is shorter than 16 bytes: a mark under a guessable key proves nothing.
    """
    if len(key) < KEY_BYTES_MIN:
        raise ValueError(f"a watermark key has at least {KEY_BYTES_MIN} bytes, got {len(key)}")
    derived = HKDF(SHA256(), 32, _SALT, label.encode()).derive(key)
    return Cipher(algorithms.AES(derived), modes.CTR(bytes(16))).encryptor().update(bytes(count))


def key_bits(key: bytes, label: str, count: int) -> NDArray[np.uint8]:
    """`count` fair bits, uint8 0 or 1; bit 0 is the most significant of the first byte."""
    stream = np.frombuffer(key_bytes(key, label, -(-count // 8)), np.uint8)
    return np.unpackbits(stream, count=count)


def key_signs(key: bytes, label: str, count: int) -> NDArray[np.int8]:
    """`count` fair signs, int8: +1 for a bit 0, -1 for a bit 1."""
    return (1 - 2 * key_bits(key, label, count).astype(np.int8)).astype(np.int8)


def key_words(key: bytes, label: str, count: int) -> NDArray[np.uint32]:
    """`count` uniform 32-bit words, big-endian in the stream."""
    return np.frombuffer(key_bytes(key, label, 4 * count), ">u4").astype(np.uint32)


def key_normals(key: bytes, label: str, count: int) -> NDArray[np.float64]:
    """`count` N(0, 1) values: the normal quantile of each 32-bit word's midpoint, so tails end at 6.3 sigma."""
    uniform = (key_words(key, label, count).astype(np.float64) + 0.5) / 2.0**32
    values: NDArray[np.float64] = ndtri(uniform)
    return values
