"""Kept values with a header: what was written comes back, and anything else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.headed import headed, read_headed

MAGIC = b"RPTEST\n"


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8)), st.binary(max_size=64))
def test_a_headed_value_comes_back(header: dict[str, int | str], body: bytes) -> None:
    """Header and body, byte for byte."""
    assert read_headed(MAGIC, headed(MAGIC, header, body), 65_536, "value") == (header, body)


@given(st.binary(max_size=64))
def test_other_bytes_are_refused_and_never_crash(content: bytes) -> None:
    """Whatever follows the name of the kind: a value, or ValueError."""
    for given_bytes in (content, MAGIC + content):
        try:
            header, _ = read_headed(MAGIC, given_bytes, 4_096, "value")
        except ValueError:
            continue
        assert isinstance(header, dict)


def test_a_header_over_its_limit_is_refused() -> None:
    """By the length that is told, before it is read; a value of another kind too."""
    content = headed(MAGIC, {"a": "b" * 100}, b"")
    with pytest.raises(ValueError, match="over 50"):
        read_headed(MAGIC, content, 50, "value")
    with pytest.raises(ValueError, match="no value"):
        read_headed(b"RPOTHER\n", content, 4_096, "value")
