"""A credential kept elsewhere: where a file says that it is, and reading it from there where that is allowed.

A file can name any address in its XMP (`dcterms:provenance`, C2PA 2.4 §11.4). `read_manifest` never follows it. Who
calls `read_remote` allows it; then only public https hosts are asked, each redirect is checked anew, and size and
time are bounded (`provenance.fetching`). What comes back must be bound to the file's bytes like any other store.
"""

import html
import re
from dataclasses import replace
from datetime import datetime
from typing import BinaryIO

from core.errors import ServiceUnreachable, UsageError
from provenance.fetching import FetchLimits, fetch
from provenance.reading import read_beside, read_manifest
from provenance.records import CredentialState, ManifestReport
from provenance.store import MAX_STORE_BYTES
from provenance.trust import TrustStore

LIMITS = FetchLimits(MAX_STORE_BYTES, 15.0)
_FOUND = 200
_SCAN_BYTES, _OVERLAP_BYTES = 1 << 20, 4096
_ADDRESS = re.compile(
    rb"dcterms:provenance(?:\s*=\s*(?:\"([^\"<>]{1,2000})\"|'([^'<>]{1,2000})')|>\s*([^<>\s]{1,2000})\s*</)"
)


def remote_address(file: BinaryIO) -> str | None:
    """The address of a credential that a file's XMP names, unchecked; None for none. Moves the file's position."""
    file.seek(0)
    tail = b""
    while chunk := file.read(_SCAN_BYTES):
        found = _ADDRESS.search(tail + chunk)
        if found is not None:
            raw = next(one for one in found.groups() if one is not None)
            return html.unescape(raw.decode("utf-8", "replace")).strip()
        tail = chunk[-_OVERLAP_BYTES:]
    return None


def read_remote(
    file: BinaryIO, trust: TrustStore, *, limits: FetchLimits = LIMITS, now: datetime | None = None
) -> ManifestReport:
    """As `read_manifest`, but a credential that the file only names is fetched: `fetched_from` tells from where.

    A file's own store goes first. What can't be fetched leaves the credential absent, with the reason in `problem`.
    """
    report = read_manifest(file, trust, now=now)
    address = remote_address(file) if report.state is CredentialState.ABSENT else None
    if address is None:
        return report
    try:
        fetched = fetch(address, limits)
    except (UsageError, ServiceUnreachable) as error:
        return replace(report, problem=f"the file names a credential kept elsewhere: {error}")
    if fetched.status != _FOUND:
        problem = f"the file names a credential kept elsewhere; status {fetched.status} came back"
        return replace(report, problem=problem)
    return replace(read_beside(file, fetched.body, trust, now=now), is_sidecar=False, fetched_from=address)
