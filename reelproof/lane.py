"""Turns at a scarce thing: first come, first served, and whoever waits may give up."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_AGAIN_S = 0.2


class Lane:
    """Lets `places` holders in at a time, in the order they came. Thread-safe."""

    def __init__(self, places: int) -> None:
        if places < 1:
            raise ValueError(f"a lane needs at least one place, got {places}")
        self._free = places
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, give_up: Callable[[], None]) -> Iterator[None]:
        """Wait for a place and hold it for the block. `give_up` is called while waiting and may raise to leave."""
        self._enter(give_up)
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _enter(self, give_up: Callable[[], None]) -> None:
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._free == 0 or self._waiting[0] is not ticket:
                    give_up()
                    self._changed.wait(_LOOK_AGAIN_S)
                self._free -= 1
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
