"""How slow work tells how far it is, without knowing who shows it."""

from typing import Protocol


class Progress(Protocol):
    """Called from the working thread with the share done, 0.0 to 1.0, never decreasing.

    An implementation may raise to cancel the work; whoever works lets that exception through.
    """

    def __call__(self, fraction: float, /) -> None:
        """Take note that `fraction` of the work is done."""
        ...


def silent(fraction: float, /) -> None:
    """A `Progress` that shows nothing."""
