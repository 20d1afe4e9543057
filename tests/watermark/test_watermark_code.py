"""Rules of the keystream, the error-correcting code, the payload and the p-values."""

import json
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from watermark import code, keystream, significance
from watermark.payload import Payload

GOLDEN = Path(__file__).parents[1] / "golden"
KEY = bytes(range(32))


def test_golden_vectors():
    """What layout 3 gave once, it gives for ever: payload, keystream, code, pattern and noise signs."""
    spec = util.spec_from_file_location("make_watermark_vectors", GOLDEN / "make_watermark_vectors.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.vectors() == json.loads((GOLDEN / "watermark_vectors.json").read_text())


@given(st.integers(0, 2**64 - 1))
def test_payload_round_trips(number):
    """A payload survives bits, bytes and integers, whatever its version says."""
    payload = Payload.from_int(number)
    assert Payload.from_bits(payload.to_bits()) == payload == Payload.from_bytes(payload.to_bytes())
    assert f"{payload.short_id:08x}" == payload.content_hex[:8]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_code_survives_noise(number, seed):
    """A payload comes back exactly from soft values whose total strength is z = 17, 3 above the code's limit."""
    payload = np.array(Payload.from_int(number).to_bits(), np.uint8)
    sent = 1.0 - 2.0 * code.encode(payload)
    noise = np.random.default_rng(seed).standard_normal(512)
    decoded = code.decode(sent * 17 / np.sqrt(512) + noise)
    assert decoded
    assert np.array_equal(decoded[0], payload)


def test_code_refuses_noise():
    """Noise alone decodes to something only as often as a list of 32 meets a 16-bit check."""
    rng = np.random.default_rng(5)
    hits = sum(bool(code.decode(rng.standard_normal(512))) for _ in range(15))
    assert hits <= 2


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 79), st.integers(0, 2**64 - 1))
def test_crc_catches_any_flip(place, number):
    """Any one flipped bit of payload or CRC breaks the check."""
    bits = np.array(Payload.from_int(number).to_bits(), np.uint8)
    word = np.concatenate([bits, code.crc16(bits)])
    word[place] ^= 1
    assert not np.array_equal(code.crc16(word[:64]), word[64:])


@pytest.mark.parametrize("soft", [np.zeros(511), np.full(512, np.nan)])
def test_code_refuses_bad_soft_values(soft):
    """Soft values of another length or without a value are an error, not a guess."""
    with pytest.raises(ValueError, match="512 finite"):
        code.decode(soft)


def test_silence_decodes_to_nothing():
    """All-zero soft values carry no payload."""
    assert code.decode(np.zeros(512)) == []


def test_streams_differ_by_label_and_key():
    """Two labels, or two keys, share no stream; a longer stream begins with the shorter one."""
    a = keystream.key_bytes(KEY, "a", 64)
    assert keystream.key_bytes(KEY, "a", 128)[:64] == a
    assert len({a, keystream.key_bytes(KEY, "b", 64), keystream.key_bytes(KEY[::-1], "a", 64)}) == 3


def test_short_key_is_refused():
    """A key that could be guessed is refused."""
    with pytest.raises(ValueError, match="at least 16 bytes"):
        keystream.key_bits(b"short", "a", 8)


def test_keyed_normals_are_normal():
    """Keyed Gaussian values pass a Kolmogorov-Smirnov test against N(0, 1)."""
    assert stats.kstest(keystream.key_normals(KEY, "n", 20000), "norm").pvalue > 1e-3


@given(st.floats(0, 30), st.integers(1, 10**12))
def test_p_values_count_every_look(z, looks):
    """More looks never make a finding more surprising, and p never exceeds 1."""
    p = significance.p_of(z, looks)
    assert 0.0 <= p <= 1.0
    assert p >= significance.p_of(z, 1)


def test_z_needed_inverts_p():
    """The z needed for a p-value gives that p-value."""
    z = significance.z_needed(4608, 1e-9)
    assert significance.p_of(z, 4608) == pytest.approx(1e-9, rel=1e-6)
