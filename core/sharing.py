"""One reading of a source for two readers at once, each in a thread of its own."""

import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar, cast

T = TypeVar("T")

_END = object()
_LOOK_AGAIN_S = 0.2


class Shared(Generic[T]):
    """Items that a first reader draws from the source and a second one gets in step, at most `depth` behind.

    The first reads `first()`, and calls `finish()` when it is done, whether it read to the end or not: the second
    then gets what is left. After a failure it calls `abandon()`, which ends the second's reading. The second
    calls `leave()` when it is done, or it holds the first up.
    """

    def __init__(self, items: Iterator[T], depth: int = 2) -> None:
        self._items = items
        self._waiting: queue.Queue[object] = queue.Queue(depth)
        self._has_left = threading.Event()

    def first(self) -> Iterator[T]:
        """The items, each handed over as it is drawn. What the source raises is raised here."""
        for item in self._items:
            self._hand_over(item)
            yield item

    def second(self) -> Iterator[T]:
        """The same items in the same order."""
        while (item := self._waiting.get()) is not _END:
            yield cast(T, item)

    def leave(self) -> None:
        """The second reader wants no more, whatever is left."""
        self._has_left.set()

    def finish(self) -> None:
        """Hand over what the first reader left. What the source raises is raised here, after the end was told."""
        try:
            for item in self._items:
                self._hand_over(item)
        finally:
            self._hand_over(_END)

    def abandon(self) -> None:
        """End the second reader's reading where it stands."""
        self._hand_over(_END)

    def _hand_over(self, item: object) -> None:
        while not self._has_left.is_set():
            try:
                self._waiting.put(item, timeout=_LOOK_AGAIN_S)
            except queue.Full:
                continue
            return
