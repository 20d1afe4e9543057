"""The fingerprint of a sound: the same for the same sound, another for another, and read back as written."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from bench.sounds import KINDS, Samples
from core.sound import SOUND_RATE_HZ, Sound
from provenance.sound import (
    INSTANT_S,
    SOUND_ALGORITHM,
    SoundFingerprint,
    fingerprint_sound,
    kept_sound,
    read_kept_sound,
)

ID = "urn:c2pa:one"


def sound(samples: Samples) -> Sound:
    """A made sound at the fingerprint's rate."""
    low = resample_poly(samples, 689, 6_000)
    return Sound(np.clip(np.round(low * 32_767), -32_768, 32_767).astype(np.int16))


def apart(one: SoundFingerprint, other: SoundFingerprint) -> float:
    """The share of bits apart."""
    count = min(len(one.bits), len(other.bits))
    return float(np.bitwise_count(one.bits[:count] ^ other.bits[:count]).mean()) / 32


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_sound_is_told_from_another_of_its_kind(kind: str) -> None:
    """Of another sound half of the bits differ; of the same one under noise 20 dB below it, few."""
    one, other = sound(KINDS[kind](4.0, 1)), sound(KINDS[kind](4.0, 2))
    noise = np.random.default_rng(1).normal(0, float(one.samples.std()) / 10, len(one.samples))
    noisy = Sound(np.clip(one.samples + noise, -32_768, 32_767).astype(np.int16))
    assert 0.4 < apart(fingerprint_sound(one), fingerprint_sound(other)) < 0.6
    assert apart(fingerprint_sound(one), fingerprint_sound(noisy)) < 0.2


def test_loudness_changes_no_bit_that_counts() -> None:
    """At a quarter of the loudness the bits stay, and the level says 12 dB less."""
    loud = sound(KINDS["music"](3.0, 3))
    soft = Sound(np.round(loud.samples / 4).astype(np.int16))
    one, other = fingerprint_sound(loud), fingerprint_sound(soft)
    assert apart(one, other) < 0.01
    assert np.median(one.level_db - other.level_db) == pytest.approx(12, abs=1)


def test_instants_stand_where_they_sound() -> None:
    """There are 43 a second from the first picture on, and silence has the lowest level."""
    samples = np.zeros(2 * SOUND_RATE_HZ, np.int16)
    samples[SOUND_RATE_HZ:] = (8_000 * np.sin(np.arange(SOUND_RATE_HZ))).astype(np.int16)
    taken = fingerprint_sound(Sound(samples))
    assert taken.duration_s == pytest.approx(2.0, abs=INSTANT_S)
    assert taken.level_db[round(0.5 / INSTANT_S)] == -128
    assert taken.level_db[round(1.5 / INSTANT_S)] > -20


def test_no_sound_gives_an_empty_fingerprint() -> None:
    """Nothing in, nothing out; another rate is refused."""
    assert len(fingerprint_sound(Sound(np.zeros(0, np.int16))).bits) == 0
    with pytest.raises(ValueError, match="5512"):
        fingerprint_sound(Sound(np.zeros(9, np.int16), rate_hz=8_000))


def test_what_is_kept_is_small_and_reads_back() -> None:
    """215 bytes a second, the same after reading, and no two releases share it."""
    taken = fingerprint_sound(sound(KINDS["speech"](4.0, 4)))
    content = kept_sound(taken, ID)
    read = read_kept_sound(content)
    assert len(content) < 4 * 215 + 200
    assert np.array_equal(read.bits, taken.bits)
    assert np.array_equal(read.level_db, taken.level_db)
    assert kept_sound(taken, "urn:c2pa:two") != content


def test_the_kept_form_is_this_one() -> None:
    """Formats are forever: version 1, written out by hand, is read."""
    header = b'{"alg":"org.reelproof.sfp.hk32-43hz.1","manifest_id":"urn:c2pa:one"}'
    content = (
        b"RPSND1\n" + struct.pack("<I", len(header)) + header + bytes.fromhex("0100000000000080") + b"\x00\x64"
    )
    read = read_kept_sound(content)
    assert SOUND_ALGORITHM.encode() in content
    assert read.bits.tolist() == [1, 0x80000000]
    assert read.level_db.tolist() == [-128, -28]


@settings(max_examples=60)
@given(st.binary(max_size=200), st.integers(0, 200))
def test_anything_else_is_refused(junk: bytes, cut: int) -> None:
    """Bytes that nobody wrote raise ValueError and nothing else."""
    whole = kept_sound(fingerprint_sound(Sound(np.zeros(900, np.int16))), ID)
    for content in (junk, b"RPSND1\n" + junk, whole[: min(cut, len(whole) - 1)]):
        try:
            read_kept_sound(content)
        except ValueError:
            continue
        assert content[:7] == b"RPSND1\n"
