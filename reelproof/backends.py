"""The generators by name, each loaded when first used: torch is not touched until a clip is made."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from threading import Lock
from typing import Any

from core.errors import ConfigurationError, ReelproofError, UsageError
from generator.port import GeneratorBackend, LatentInverter


class Backends(Mapping[str, GeneratorBackend]):
    """An explicit table of loaders. Thread-safe; a backend is loaded once."""

    def __init__(
        self,
        loaders: Mapping[str, Callable[[], GeneratorBackend]],
        inverters: Mapping[str, Callable[[GeneratorBackend], LatentInverter]] | None = None,
    ) -> None:
        self._loaders = dict(loaders)
        self._inverters = dict(inverters or {})
        self._loaded: dict[str, GeneratorBackend] = {}
        self._lock = Lock()

    def __getitem__(self, name: str) -> GeneratorBackend:
        if name not in self._loaders:
            known = ", ".join(self._loaders)
            raise UsageError(f"no backend {name!r}", code="unknown_backend", hint=f"Choose one of {known}.")
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._loaders[name]()
            return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)

    def inverter(self, name: str) -> LatentInverter:
        """What runs a backend backwards.

        Raises:
            ConfigurationError: nothing here can.
        """
        if name not in self._inverters:
            raise ConfigurationError(
                f"nothing here runs {name} backwards",
                code="not_invertible",
                hint="Set REELPROOF_INVERT_NOISE=never.",
            )
        return self._inverters[name](self[name])

    def describe(self, name: str) -> dict[str, Any]:
        """A row for `reelproof backends`: what it can do, or why it can't run here."""
        try:
            backend = self[name]
        except ReelproofError as fault:
            return {"name": name, "state": "not available", "reason": str(fault), "hint": fault.hint}
        model = asdict(backend.model)
        return {"name": name, "state": "ready", "model": model, "capabilities": asdict(backend.capabilities)}
