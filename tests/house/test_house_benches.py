"""The benches are no part of the typed packages: what they import must still be there."""

from importlib import import_module

import pytest

from reelproof.cli.bench import ROOMS


@pytest.mark.parametrize("room", ROOMS)
def test_every_bench_loads(room: str) -> None:
    """`reelproof bench ROOM` finds its module, and that finds all it measures with."""
    package = import_module(f"bench.{room}")
    module = import_module(f"bench.{room}.__main__") if hasattr(package, "__path__") else package
    assert callable(getattr(module, "main", None))
