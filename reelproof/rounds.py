"""Something done every so often in a thread of its own, while a server runs."""

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Rounds:
    """Calls `act` at once and then every `every_s` seconds; a failure is logged and the next round comes."""

    def __init__(self, name: str, every_s: float, act: Callable[[], object]) -> None:
        self._act = act
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._rounds, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, patience_s: float = 10.0) -> None:
        """End after the round that is under way, waited for as long as `patience_s`."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=patience_s)

    def _rounds(self) -> None:
        while not self._stopping.is_set():
            try:
                self._act()
            except Exception:
                _log.exception("a round of %s failed", self._thread.name)
            self._stopping.wait(self._every_s)
