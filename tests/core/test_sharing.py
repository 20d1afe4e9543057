"""One reading for two readers: both get everything, and neither can hold the other up for good."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.sharing import Shared


@settings(max_examples=40, deadline=None)
@given(count=st.integers(0, 30), read=st.integers(0, 35), depth=st.integers(1, 5))
def test_both_get_everything(count: int, read: int, depth: int) -> None:
    """However much the first reads before it is done, the second gets all of it, in order."""
    shared = Shared(iter(range(count)), depth)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(lambda: list(shared.second()))
        first = list(islice(shared.first(), read))
        shared.finish()
        assert first == list(range(min(count, read)))
        assert second.result(10) == list(range(count))


@pytest.mark.timeout(20)
def test_a_second_reader_that_fails_holds_nobody_up() -> None:
    """It leaves, even while its failure is kept by somebody."""
    shared = Shared(iter(range(50)), 1)

    def failing() -> None:
        try:
            for item in shared.second():
                if item == 3:
                    raise ValueError("no more")
        finally:
            shared.leave()

    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(failing)
        assert list(shared.first()) == list(range(50))
        shared.finish()
        with pytest.raises(ValueError, match="no more"):
            second.result(10)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("reads_on", [False, True])
def test_what_the_source_raises_ends_both(reads_on: bool) -> None:
    """The first gets the error, reading or finishing; the second's reading ends."""

    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise RuntimeError("the source broke")

    shared = Shared(source())
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(lambda: list(shared.second()))
        if reads_on:
            with pytest.raises(RuntimeError):
                list(shared.first())
            shared.abandon()
        else:
            with pytest.raises(RuntimeError):
                shared.finish()
        assert second.result(10) == [1, 2]


def test_the_first_is_at_most_the_depth_ahead() -> None:
    """Memory stays bounded: nothing is drawn that the second has no room for."""
    shared, drawn = Shared(iter(range(10)), 2), []
    thread = threading.Thread(target=lambda: drawn.extend(shared.first()))
    thread.start()
    thread.join(0.3)
    assert len(drawn) == 2
    shared.leave()
    thread.join(10)
    assert drawn == list(range(10))
