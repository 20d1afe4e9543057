"""Short SQLite transactions of consents and reviews: durable, one at a time, safe across threads and forks."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ConfigurationError

_BUSY_S = 20.0


@contextmanager
def transaction(path: Path, schema: str, what: str) -> Iterator[sqlite3.Connection]:
    """A connection of its own for one writing transaction: committed at the end, rolled back by any exception.

    `what` names the rows in an error ("consents"). Raises `ConfigurationError` where the file can't be used.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
        try:
            connection.executescript("PRAGMA synchronous = FULL;" + schema)
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()  # an open transaction is rolled back by this
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"the {what} can't be read or written: {error}",
            code=f"{what}_unavailable",
            hint=f"check the data folder's permissions and free space, or restore {path.name} from a copy",
        ) from error
