"""A fingerprint of what a clip sounds like, to lay a copy's sound along the release's.

Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002): 32 bits for each instant, the signs
of how the difference of neighbouring bands' energies (33 bands, 300 to 2,000 Hz, spaced logarithmically) changes
from the instant before. Windows of .37 s; theirs step by 11.6 ms, ours by twice that. Each instant also keeps its
level: where nothing sounds, bits say nothing. The name stands for all of it.

It tells which sound it is, not what is said: 215 bytes a second.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.headed import headed, read_headed
from core.sound import SOUND_RATE_HZ, Sound

SOUND_ALGORITHM = "org.reelproof.sfp.hk32-43hz.1"
_WINDOW, _STEP, _BANDS = 2_048, 128, 33
_LOW_HZ, _HIGH_HZ = 300.0, 2_000.0
#: Seconds from one instant to the next.
INSTANT_S = _STEP / SOUND_RATE_HZ
_FULL_SCALE = 32_768.0
_LOWEST_DB = -128
_MAGIC = b"RPSND1\n"
_MAX_HEADER_BYTES = 4_096
_AT_ONCE = 1_024


@dataclass(frozen=True)
class SoundFingerprint:
    """Bits, uint32 (N,), and level in dB of full scale between 300 and 2,000 Hz, int16 (N,), every `INSTANT_S`.

    An instant stands for the .37 s around it; the first for the time of the first picture.
    """

    bits: NDArray[np.uint32]
    level_db: NDArray[np.int16]

    @property
    def duration_s(self) -> float:
        """How long the instants last."""
        return len(self.bits) * INSTANT_S


def fingerprint_sound(sound: Sound) -> SoundFingerprint:
    """The fingerprint of a sound at `SOUND_RATE_HZ`, in bounded memory. Deterministic.

    Raises:
        ValueError: another rate.
    """
    if sound.rate_hz != SOUND_RATE_HZ:
        raise ValueError(f"sound fingerprints are taken at {SOUND_RATE_HZ} Hz, got {sound.rate_hz}")
    padded = np.pad(sound.samples, _WINDOW // 2)
    count = len(sound.samples) // _STEP
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_STEP][:count]
    taken = [_band_energies(windows[at : at + _AT_ONCE]) for at in range(0, count, _AT_ONCE)]
    energies = np.concatenate(taken) if taken else np.zeros((0, _BANDS))
    slope = energies[:, :-1] - energies[:, 1:]
    change = np.diff(slope, axis=0, prepend=slope[:1])
    packed = np.ascontiguousarray(np.packbits(change > 0, axis=1))
    bits = packed.view(">u4").astype(np.uint32).reshape(-1)
    level = np.round(10 * np.log10(energies.sum(axis=1) + 1e-13))
    return SoundFingerprint(bits, np.clip(level, _LOWEST_DB, 0).astype(np.int16))


def _band_energies(windows: NDArray[np.int16]) -> NDArray[np.float64]:
    """Mean square in each band, full scale being 1: (N, 33)."""
    shape = np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(windows / _FULL_SCALE * shape, axis=1)) ** 2
    summed = np.pad(np.cumsum(power, axis=1), ((0, 0), (1, 0)))
    edges = np.round(np.geomspace(_LOW_HZ, _HIGH_HZ, _BANDS + 1) * _WINDOW / SOUND_RATE_HZ).astype(int)
    scale = 2 / (_WINDOW * float((shape**2).sum()))
    return np.asarray(np.diff(summed[:, edges], axis=1) * scale)


def kept_sound(fingerprint: SoundFingerprint, manifest_id: str) -> bytes:
    """The kept form of a release's sound. It names its release, so that no two releases share one."""
    level = (fingerprint.level_db - _LOWEST_DB).astype(np.uint8)
    body = fingerprint.bits.astype("<u4").tobytes() + level.tobytes()
    return headed(_MAGIC, {"alg": SOUND_ALGORITHM, "manifest_id": manifest_id}, body)


def read_kept_sound(content: bytes) -> SoundFingerprint:
    """The fingerprint that `kept_sound` wrote.

    Raises:
        ValueError: not such a value, or of another algorithm.
    """
    header, body = read_headed(_MAGIC, content, _MAX_HEADER_BYTES, "sound of a release")
    if header.get("alg") != SOUND_ALGORITHM or len(body) % 5:
        raise ValueError("the sound of a release is of another kind, or cut off")
    count = len(body) // 5
    bits = np.frombuffer(body, "<u4", count).astype(np.uint32)
    level = np.frombuffer(body, np.uint8, count, 4 * count).astype(np.int16) + _LOWEST_DB
    return SoundFingerprint(bits, level.astype(np.int16))
