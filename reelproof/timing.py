"""How long each step of a story took."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Stopwatch:
    """Seconds by step, summed when a step runs again; starts from what earlier steps took."""

    def __init__(self, earlier: Mapping[str, float] | None = None) -> None:
        self._seconds = dict(earlier or {})

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a block under a name."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - began

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds so far by step, in the order the steps first ran, to the millisecond."""
        return {name: round(seconds, 3) for name, seconds in self._seconds.items()}
