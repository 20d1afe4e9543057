"""Rules of clips, canonical JSON, files that appear whole, errors and the clock."""

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import errors
from core.canonical import canonical_json, digest_of, file_sha256, sha256_hex
from core.clip import Clip
from core.clock import FixedClock, SystemClock, rfc3339
from core.files import staging_folder, write_atomically
from core.pictures import contact_sheet, fitted, jpeg, png, reduced, sampled

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


@given(JSON)
def test_canonical_json_says_the_same_and_is_stable(value: object) -> None:
    """Canonical bytes parse to the value they came from, and canonising again changes nothing."""
    once = canonical_json(value)
    assert json.loads(once) == value
    assert canonical_json(json.loads(once)) == once


def test_canonical_json_follows_the_rfc_example() -> None:
    """RFC 8785, section 3.2.3: keys sorted by UTF-16 code units."""
    value = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    keys = list(json.loads(canonical_json(value)))
    assert keys == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_digests_are_sha256_of_the_bytes_named(tmp_path: Path) -> None:
    """A value's digest is that of its canonical bytes, a file's that of its content."""
    (tmp_path / "f").write_bytes(b"abc")
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_hex(b"abc") == file_sha256(tmp_path / "f") == abc
    assert digest_of({"b": 1, "a": 2}) == sha256_hex(b'{"a":2,"b":1}')


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """When writing fails, what stood there stays, and no stray file is left."""
    final = tmp_path / "out" / "a.bin"
    write_atomically(final, b"first", mode=0o600)
    assert final.stat().st_mode & 0o777 == 0o600

    class Fails(bytes):
        pass

    with pytest.raises(TypeError):
        write_atomically(final, "not bytes")  # type: ignore[arg-type]
    assert final.read_bytes() == b"first"
    assert os.listdir(final.parent) == ["a.bin"]


def test_a_staging_folder_goes_with_all_it_holds(tmp_path: Path) -> None:
    """A failure inside the block leaves nothing behind."""

    def failing_work() -> None:
        with staging_folder(tmp_path / "x.mp4") as folder:
            (folder / "half").write_bytes(b"half")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        failing_work()
    assert os.listdir(tmp_path) == []


def test_every_error_says_what_to_do_next() -> None:
    """Each error type has a code, a hint and the exit code the contract promises."""
    promised = {
        "UsageError": 2,
        "RequirementNotMet": 4,
        "UnreadableInput": 5,
        "ConfigurationError": 6,
        "ServiceUnreachable": 7,
    }
    for name, exit_code in promised.items():
        fault = getattr(errors, name)("what", code="some_code", hint="next step")
        assert (fault.exit_code, fault.code, fault.hint) == (exit_code, "some_code", "next step")
    refused = errors.RequestRefused("no", hint="h", reason_codes=(101,), log_index=7)
    assert (refused.exit_code, refused.reason_codes, refused.log_index) == (3, (101,), 7)


def test_a_clip_streams_the_frames_of_its_array() -> None:
    """A clip over an array gives its frames in order, evenly timed, as often as asked."""
    frames = np.arange(4 * 2 * 2 * 3, dtype=np.uint8).reshape(4, 2, 2, 3)
    clip = Clip.from_array(frames, 8)
    assert np.array_equal(clip.to_array(), frames)
    assert [frame.time_s for frame in clip.timed_frames()] == [0, 0.125, 0.25, 0.375]
    assert clip.info.duration_s == 0.5
    with pytest.raises(ValueError, match="uint8"):
        Clip.from_array(frames.astype(np.float32), 8)


def test_pictures_keep_their_aspect_and_order() -> None:
    """A contact sheet holds each sampled frame once, scaled alike; PNG is lossless, JPEG is a JPEG."""
    frames = np.zeros((10, 20, 40, 3), np.uint8)
    frames[:] = (np.arange(10) * 20)[:, None, None, None]
    picked = sampled(Clip.from_array(frames, 10), 4)
    assert [int(picture[0, 0, 0]) for picture in picked] == [0, 60, 120, 180]
    assert fitted(picked[0], 20).shape == (10, 20, 3)
    assert contact_sheet(picked, columns=2, width_px=40, gap_px=2).shape == (2 * 22 + 2, 2 * 42 + 2, 3)
    assert png(picked[0])[:4] == b"\x89PNG"
    assert jpeg(picked[0])[:2] == b"\xff\xd8"
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], columns=2)


def test_clocks_speak_utc() -> None:
    """Times are timezone-aware UTC; a fixed clock stands still and refuses a naive instant."""
    assert SystemClock().now().tzinfo == UTC
    instant = datetime(2026, 11, 20, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert FixedClock(instant).now() == instant
    assert rfc3339(instant) == "2026-11-20T10:00:00Z"
    with pytest.raises(ValueError, match="timezone"):
        FixedClock(datetime(2026, 11, 20))


@pytest.mark.parametrize("shape", [(1080, 1920, 3), (720, 1280), (333, 517, 3), (256, 256), (100, 200, 3)])
def test_a_reduced_picture_is_its_area_means(shape: tuple[int, ...]) -> None:
    """Of a picture without detail finer than the result: a level off on average, no brighter nor darker."""
    noise = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    picture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), max(shape) / 24), None, 0, 255, cv2.NORM_MINMAX)
    exact = cv2.resize(picture.astype(np.float32), (64, 48), interpolation=cv2.INTER_AREA)
    found = reduced(picture, (64, 48)).astype(np.float32)
    assert found.shape[:2] == (48, 64)
    assert np.abs(found - exact).mean() < 1
    assert np.abs(found - exact).max() <= 5
    assert abs(float((found - exact).mean())) < 0.3
