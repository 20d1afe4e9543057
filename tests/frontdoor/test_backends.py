"""Rules of the table of generators: loaded when used, named when unknown, honest when they can't run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ConfigurationError, UsageError
from generator.fake import FakeBackend, FakeInverter
from reelproof.backends import Backends
from reelproof.settings import Settings
from reelproof.wiring import backends_of


def test_a_backend_is_loaded_once_and_only_when_used() -> None:
    """Nothing is loaded by naming it; the second use gets the first one's backend."""
    loaded = []
    table = Backends({"a": lambda: loaded.append("a") or FakeBackend(), "b": FakeBackend})  # type: ignore[func-returns-value]
    assert list(table) == ["a", "b"]
    assert loaded == []
    assert table["a"] is table["a"]
    assert loaded == ["a"]


def test_an_unknown_name_is_told_the_known_ones() -> None:
    """A wrong name is a usage fault that lists the right ones."""
    with pytest.raises(UsageError) as caught:
        Backends({"embedded": FakeBackend})["sora"]
    assert "embedded" in caught.value.hint


def test_what_can_not_be_run_backwards_says_so() -> None:
    """Only a backend with an inverter is inverted."""
    table = Backends({"a": FakeBackend, "b": FakeBackend}, {"a": lambda _: FakeInverter()})
    assert isinstance(table.inverter("a"), FakeInverter)
    with pytest.raises(ConfigurationError):
        table.inverter("b")


def test_wan_without_a_model_is_listed_with_the_reason(settings: Settings, tmp_path: Path) -> None:
    """The Wan backend says what it lacks: a setting first, then the folder."""
    row = backends_of(settings).describe("wan")
    assert row["state"] == "not available"
    assert "REELPROOF_WAN_MODEL" in row["hint"]
    with pytest.raises(ConfigurationError):
        backends_of(settings.model_copy(update={"wan_model": tmp_path / "none"}))["wan"]


def test_backends_are_listed(command: Callable[..., tuple[int, str, str]]) -> None:
    """`reelproof backends` names each generator with its state."""
    code, printed, _ = command("backends")
    assert code == 0
    assert "embedded   ready" in printed
