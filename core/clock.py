"""The clock as an argument, so that a test can hold time still."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Thread-safe; never goes backwards by more than the system clock does."""

    def now(self) -> datetime:
        """The current time, timezone-aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is told otherwise. For tests and golden vectors."""

    def __init__(self, instant: datetime) -> None:
        if instant.tzinfo is None:
            raise ValueError("a clock needs a timezone-aware instant")
        self.instant = instant

    def now(self) -> datetime:
        """The instant this clock was set to."""
        return self.instant


def rfc3339(instant: datetime) -> str:
    """`2026-11-20T23:14:46Z`: an instant in UTC to the second (RFC 3339)."""
    return instant.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
