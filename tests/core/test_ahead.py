import threading
from collections.abc import Iterator

import pytest

from core.ahead import ahead


@pytest.mark.parametrize("depth", [1, 2, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_items_come_whole_and_in_order(count: int, depth: int) -> None:
    """However far ahead they are made, items come in order, each once."""
    assert list(ahead(range(count), depth)) == list(range(count))


def test_items_are_made_elsewhere_and_not_too_far_ahead() -> None:
    """Another thread makes them, and never more than `depth` that nobody has taken."""
    made: list[int] = []
    taken = 0

    def source() -> Iterator[int]:
        for item in range(20):
            assert threading.current_thread() is not threading.main_thread()
            made.append(item)
            assert len(made) - taken <= 4
            yield item

    for _ in ahead(source(), 3):
        taken += 1
    assert taken == 20


def test_a_fault_comes_in_its_turn() -> None:
    """What was made before a fault is still given; then the fault is raised here."""

    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broken")

    items = ahead(source(), 5)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="broken"):
        next(items)


def test_a_source_left_early_is_closed() -> None:
    """A source that opened something gets to close it when the caller stops early."""
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.set()

    items = ahead(source())
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    assert closed.is_set()
