"""A file's C2PA credential, read in a confined child: a crash or a spent limit is a finding, not an error."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter, ValidationError

from core.errors import UnreadableInput
from detector.sandbox.limits import GIB, SandboxLimits
from detector.sandbox.parent import ConfinedChild, opened_input
from provenance.reading import store_beside
from provenance.records import CredentialState, ManifestReport
from provenance.trust import TrustStore

_JOBS = "detector.sandbox.credential_job"

# One flipped length byte made the C2PA reader want 1.28 GB and ten seconds; under this it gives up at once.
CREDENTIAL_LIMITS = SandboxLimits(memory_bytes=GIB, cpu_s=30, wall_s=45.0)


def report_from_json(tree: Any) -> ManifestReport:
    """The report in a child's JSON, every field's type checked.

    Raises:
        ValueError: something in it is not what a `ManifestReport` holds.
    """
    try:
        bindings = [{**binding, "value": bytes.fromhex(binding["value"])} for binding in tree["bindings"]]
        report: ManifestReport = TypeAdapter(ManifestReport).validate_python({**tree, "bindings": bindings})
    except (ValidationError, KeyError, TypeError) as error:
        raise ValueError("the reader's report has an impossible shape") from error
    return report


def _broken(problem: str) -> ManifestReport:
    return ManifestReport(CredentialState.BROKEN, problem=problem)


def read_manifest_sandboxed(
    path: Path,
    trust: TrustStore,
    limits: SandboxLimits = CREDENTIAL_LIMITS,
    *,
    now: datetime | None = None,
) -> ManifestReport:
    """What the credential in a file says, and whether it holds at the instant `now` (the present by default).

    Never raises for what stands in the file: a reader that dies, hangs or runs out of memory on it gives
    state `broken` with the reason in `problem`. A WebM or Matroska file has no place for a store; one that lies
    beside it as `NAME.c2pa` goes into the child unread.

    Raises:
        MissingInput: no such file, or it may not be read. UnreadableInput: empty, too large, no regular file.
    """
    with opened_input(path, limits) as file:
        return _read(f"{_JOBS}:read_credential", file, trust, limits, now, beside=store_beside_or_none(path))


def read_segments_sandboxed(
    path: Path,
    lengths: Sequence[int],
    trust: TrustStore,
    limits: SandboxLimits = CREDENTIAL_LIMITS,
    *,
    now: datetime | None = None,
) -> ManifestReport:
    """What the credential in a stream's initialisation says, and whether the segments behind it are bound to it.

    The file holds both, `lengths` (bytes) says where they part. Raises as `read_manifest_sandboxed`.
    """
    with opened_input(path, limits) as file:
        return _read(f"{_JOBS}:read_stream", file, trust, limits, now, lengths=list(lengths))


def store_beside_or_none(path: Path) -> bytes | None:
    """The store kept beside a WebM or Matroska file, unread; None where there is none that may be read."""
    try:
        return store_beside(path)
    except OSError:
        # What lies beside the clip may not be read: the clip itself still may.
        return None


def read_store_sandboxed(
    store: bytes,
    trust: TrustStore,
    limits: SandboxLimits = CREDENTIAL_LIMITS,
    *,
    now: datetime | None = None,
) -> ManifestReport:
    """What a manifest store from a repository says, without the file it was made for (`is_detached`)."""
    with tempfile.TemporaryFile() as file:
        file.write(store)
        file.flush()
        file.seek(0)
        return _read(f"{_JOBS}:read_detached", file, trust, limits, now)


def _read(
    job: str, file: IO[bytes], trust: TrustStore, limits: SandboxLimits, now: datetime | None, **more: Any
) -> ManifestReport:
    arguments = {"trust": trust, "now": now or datetime.now(UTC), **more}
    try:
        with ConfinedChild(job, file, limits, arguments) as child:
            return report_from_json(next(child.replies(), None))
    except UnreadableInput as error:
        return _broken(f"reading the credential failed: {error} ({error.code})")
    except ValueError as error:
        return _broken(str(error))
