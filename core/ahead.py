"""Making items in a thread of their own while the last ones are used."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

T = TypeVar("T")

_END = object()


def ahead(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """The same items in the same order, up to `depth` of them made ahead of need.

    Pays where both sides leave the interpreter (decoders, encoders, OpenCV, numpy). What `items` raises is raised
    here, in its turn; when the caller stops early, the source is closed in the thread that ran it.
    """
    source = iter(items)
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[object]] = deque(pool.submit(next, source, _END) for _ in range(max(1, depth)))
        try:
            while (item := waiting.popleft().result()) is not _END:
                waiting.append(pool.submit(next, source, _END))
                yield cast(T, item)
        finally:
            for future in waiting:
                future.cancel()
            pool.submit(getattr(source, "close", lambda: None))
