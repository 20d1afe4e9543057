"""The C2PA reader's job inside a confined child (see `detector.sandbox.jobs`)."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from detector.sandbox.child import Bench
from provenance.reading import read_manifest
from provenance.records import ManifestReport

if TYPE_CHECKING:
    from provenance.trust import TrustStore


def report_to_json(report: ManifestReport) -> dict[str, Any]:
    """A report as JSON values; binding values as hex."""
    tree = asdict(report)
    for binding in tree["bindings"]:
        binding["value"] = binding["value"].hex()
    return tree


def read_credential(bench: Bench, trust: "TrustStore") -> None:
    """Send our reading of the file's C2PA store."""
    bench.reply(report_to_json(read_manifest(bench.file, trust)))
