"""The C2PA reader's job inside a confined child (see `detector.sandbox.jobs`)."""

import importlib
from datetime import datetime
from pathlib import Path

from detector.sandbox.child import Bench
from provenance.reading import read_beside, read_manifest, read_store
from provenance.segments import read_segments
from provenance.trust import TrustStore

# What checking a signature loads on first use (found with an audit hook over the sample credentials).
_LOADED_LATE = ("cryptography.hazmat.backends.openssl.backend",)


def rehearse() -> None:
    """Load what reading a credential loads on first use."""
    for module in _LOADED_LATE:
        importlib.import_module(module)
    read_manifest(Path(__file__).with_name("rehearsal.mp4"), TrustStore(()))


def read_credential(bench: Bench, trust: TrustStore, now: datetime, beside: bytes | None = None) -> None:
    """Send our own reading of the file's C2PA store, or of the one kept beside it."""
    if beside is not None:
        bench.reply(read_beside(bench.file, beside, trust, now=now).to_json())
    else:
        bench.reply(read_manifest(bench.file, trust, now=now).to_json())


def read_detached(bench: Bench, trust: TrustStore, now: datetime) -> None:
    """Send our own reading of a bare manifest store."""
    bench.reply(read_store(bench.file.read(), trust, now=now).to_json())


def read_stream(bench: Bench, trust: TrustStore, now: datetime, lengths: list[int]) -> None:
    """Send our own reading of the credential in a stream's initialisation, and of the segments' binding to it."""
    bench.reply(read_segments(bench.file, lengths, trust, now=now).to_json())
