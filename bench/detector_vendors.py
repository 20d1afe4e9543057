"""Whether credentials of other makers are read rightly: Google's and OpenAI's public clips, as they came.

    python -m bench.detector_vendors [--json]

What is right stands in `bench/vendor_credentials.json`. Each file goes through the whole detector (no key, no
release of ours): signature, statements, bytes and time-stamp must hold, issuer, source type, trust list and day be
those written down, and the conclusion `verified`. With one byte of its media changed it must be `altered` and still
name the maker; without its credential nothing may be said against it. Clips beside them without one are counted.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.packets import remux
from detector.sandbox.credential import read_manifest_sandboxed
from detector.service import Detector
from detector.verdict import Conclusion, Verdict
from provenance.records import CredentialState, ManifestReport
from provenance.repository import MemoryManifestRepository
from provenance.trust import TrustStore
from watermark.pixel import PixelWatermark

EXPECTED = Path(__file__).with_name("vendor_credentials.json")
_NEVER = {Conclusion.ALTERED, Conclusion.CONFLICT, Conclusion.LIKELY_GENERATED, Conclusion.UNREADABLE}


def shared_folder() -> Path:
    """The folder of shared material. Ends with a message where there is none."""
    root = Path(os.environ.get("REELPROOF_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not (root / "c2pa" / "vendor").is_dir():
        raise SystemExit("the makers' clips are not beside the repository (REELPROOF_SHARED)")
    return root


def detector() -> Detector:
    """A detector without keys and releases: credentials are all that it can read."""
    return Detector(TrustStore.default(), MemoryManifestRepository(), PixelWatermark(), {}, invert_noise="never")


def wrong_in(report: ManifestReport, verdict: Verdict, wanted: dict[str, Any], source_type: str) -> list[str]:
    """What of a reading is not as it stands in the expectations; empty where all is."""
    actions = [
        action
        for label, content in report.assertions.items()
        if label.startswith("c2pa.actions")
        for action in content.get("actions", ())
    ]
    checks = {
        "intact": report.is_intact,
        "issuer": report.issuer == wanted["issuer"],
        "list": report.trust_list == wanted["list"],
        "list_date": report.trust_list_date is not None,
        "time_stamp": report.time_stamped and str(report.signed_at).startswith(wanted["signed_on"]),
        "source_type": [one.get("digitalSourceType") for one in actions if "digitalSourceType" in one]
        == [source_type],
        "failures": report.failure_codes == (),
        "conclusion": verdict.conclusion is Conclusion.VERIFIED,
        "origin": verdict.origin == "generated",
        "named": verdict.issuer == wanted["issuer"] and wanted["issuer"] in verdict.headline,
    }
    return [name for name, holds in checks.items() if not holds]


def measure(root: Path) -> Iterator[dict[str, Any]]:
    """A row for each file of the expectations: as it came, with a byte changed, without its credential."""
    told = json.loads(EXPECTED.read_text())
    judge, trust = detector(), TrustStore.default()
    for wanted in told["credentials"]:
        path = root / wanted["file"]
        report = read_manifest_sandboxed(path, trust)
        wrong = wrong_in(report, judge.verify(path), wanted, told["source_type"])
        with tempfile.TemporaryDirectory() as name:
            changed, bare = Path(name) / "changed.mp4", Path(name) / "bare.mp4"
            content = bytearray(path.read_bytes())
            content[content.rfind(b"mdat") + 5_000] ^= 1
            changed.write_bytes(content)
            remux(path, bare)
            after, without = judge.verify(changed), judge.verify(bare)
        if after.conclusion is not Conclusion.ALTERED or after.issuer != wanted["issuer"]:
            wrong.append("changed")
        if without.conclusion in _NEVER:
            wrong.append("called_fake")
        yield {"file": path.name, "made_by": wanted["made_by"], "list": report.trust_list, "wrong": wrong}


def unlisted(root: Path) -> dict[str, Any]:
    """The clips that nobody wrote an expectation for, and how many of them carry a credential all the same."""
    named = {one["file"] for one in json.loads(EXPECTED.read_text())["credentials"]}
    trust = TrustStore.default()
    rest = [one for one in sorted((root / "clips").rglob("*.mp4")) if str(one.relative_to(root)) not in named]
    present = [one.name for one in rest if read_manifest_sandboxed(one, trust).state is not CredentialState.ABSENT]
    return {"clips": len(rest), "with_a_credential": present}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    root = shared_folder()
    rows = list(measure(root))
    figures = {
        "schema": "reelproof.bench.detector-vendors/1",
        "credentials": len(rows),
        "right": sum(not row["wrong"] for row in rows),
        "rows": rows,
        "others": unlisted(root),
    }
    if given.json:
        print(json.dumps(figures))
        return
    for row in rows:
        print(f"{row['made_by']:<20} {row['list']:<14} {', '.join(row['wrong']) or 'right'}  {row['file']}")
    print(f"{figures['right']} of {figures['credentials']} right; beside them {figures['others']}")


if __name__ == "__main__":
    main()
