"""An evidence bundle: one zip with a verdict and all it rests on, which anybody can check again without a network.

Inside lie `verdict.json`, `report.html`, the credential kept for the release (`kept.c2pa`), its fingerprint and
bindings (`release.json`) and `bundle.json`, which names every other file with its SHA-256, the versions that
judged, and the clip's own SHA-256. The clip itself is not inside. The bundle is not signed: it repeats what can be
checked, and `check_bundle` checks that instead of believing it.
"""

import io
import json
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.canonical import canonical_json, file_sha256, sha256_hex
from core.clock import rfc3339
from core.errors import UnreadableInput
from core.files import write_atomically
from detector.report import versions
from detector.sandbox.credential import read_manifest_sandboxed, read_store_sandboxed
from detector.verdict import SCHEMA as VERDICT_SCHEMA
from detector.verdict import Verdict
from provenance.records import CredentialState, Release
from provenance.trust import TrustStore

SCHEMA = "reelproof.bundle/1"
_INDEX = "bundle.json"
_NAMES = {"verdict.json", "report.html", "kept.c2pa", "release.json"}
_MAX_FILE_BYTES, _MAX_BUNDLE_BYTES = 64 << 20, 128 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class BundleCheck:
    """One thing looked at again. `holds` is None where it can't be told here, and `says` why."""

    name: str
    holds: bool | None
    says: str


def write_bundle(path: Path, verdict: Verdict, report_html: str, release: Release | None, now: datetime) -> None:
    """Write the bundle of one verdict, whole or not at all. `release` is the one the clip was recognised as."""
    files = {
        "verdict.json": canonical_json(verdict.to_json()),
        "report.html": report_html.encode(),
    }
    if release is not None:
        files["kept.c2pa"] = release.manifest_store
        files["release.json"] = canonical_json(_release_json(release))
    index = {
        "schema": SCHEMA,
        "made_at": rfc3339(now),
        "clip_sha256": verdict.file.get("sha256"),
        "versions": dict(versions()),
        "files": {name: sha256_hex(content) for name, content in files.items()},
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {_INDEX: canonical_json(index), **files}.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    write_atomically(path, packed.getvalue())


def check_bundle(path: Path, trust: TrustStore, now: datetime, clip: Path | None = None) -> list[BundleCheck]:
    """Everything in a bundle that can be checked again here, each with its outcome. Believes nothing in it.

    Raises:
        UnreadableInput: `bundle_unreadable`: no zip, no bundle, or larger than a bundle is.
    """
    files = _read(path)
    index, verdict = _json(files, _INDEX), _json(files, "verdict.json")
    if index.get("schema") != SCHEMA or verdict.get("schema") != VERDICT_SCHEMA:
        raise _unreadable("it is of a kind that this release does not know")
    checks = [_digests(index, files), _same_clip(index, verdict)]
    checks += _clip_checks(verdict, clip, trust, now)
    if "kept.c2pa" in files and "release.json" in files:
        checks += _kept_checks(verdict, files["kept.c2pa"], _json(files, "release.json"), trust, now)
    return checks


def verdict_in(path: Path) -> dict[str, Any]:
    """The verdict that a bundle holds, unchecked. Raises as `check_bundle` does."""
    return _json(_read(path), "verdict.json")


def _release_json(release: Release) -> dict[str, Any]:
    return {
        "manifest_id": release.manifest_id,
        "sha256": release.sha256,
        "created_at": release.created_at,
        "fingerprint": {
            "alg": release.fingerprint.alg,
            "duration_ms": round(1000 * release.fingerprint.duration_s),
            "value": b64encode(release.fingerprint.to_bytes()).decode(),
        },
        "bindings": [{"alg": one.alg, "value": one.value.hex()} for one in release.bindings],
    }


def _unreadable(why: str) -> UnreadableInput:
    return UnreadableInput(
        f"this is no evidence bundle: {why}",
        code="bundle_unreadable",
        hint="Ask for it again; `reelproof verify CLIP --bundle-out FILE.zip` makes one.",
    )


def _read(path: Path) -> dict[str, bytes]:
    try:
        if path.stat().st_size > _MAX_BUNDLE_BYTES:
            raise _unreadable("it is larger than any bundle")
        with zipfile.ZipFile(path) as archive:
            infos = [one for one in archive.infolist() if one.filename in _NAMES | {_INDEX}]
            if len({one.filename for one in infos}) != len(infos):
                raise _unreadable("it names a file twice")
            return {one.filename: _bounded(archive, one) for one in infos}
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise _unreadable("it can't be opened as a zip") from error


def _bounded(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """One file's bytes; what it claims of its size is not believed."""
    with archive.open(info) as file:
        content = file.read(_MAX_FILE_BYTES + 1)
    if len(content) > _MAX_FILE_BYTES:
        raise _unreadable(f"{info.filename} is larger than it may be")
    return content


def _json(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        content = json.loads(files[name])
    except (KeyError, ValueError, RecursionError) as error:
        raise _unreadable(f"{name} is missing or can't be read") from error
    if not isinstance(content, dict):
        raise _unreadable(f"{name} holds something else")
    return content


def _digests(index: Mapping[str, Any], files: Mapping[str, bytes]) -> BundleCheck:
    named = index.get("files")
    actual = {name: sha256_hex(content) for name, content in files.items() if name != _INDEX}
    holds = named == actual
    says = "Every file in the bundle has the digest it is named with."
    return BundleCheck("digests", holds, says if holds else "Files of the bundle were changed, added or removed.")


def _same_clip(index: Mapping[str, Any], verdict: Mapping[str, Any]) -> BundleCheck:
    holds = index.get("clip_sha256") == (verdict.get("file") or {}).get("sha256")
    says = "Bundle and verdict speak of the same clip." if holds else "Bundle and verdict name different clips."
    return BundleCheck("clip_named", holds, says)


def _clip_checks(
    verdict: Mapping[str, Any], clip: Path | None, trust: TrustStore, now: datetime
) -> list[BundleCheck]:
    if clip is None:
        says = "The clip was not given: give it as well to check its bytes and its own credential again."
        return [BundleCheck("clip_bytes", None, says)]
    holds = file_sha256(clip) == (verdict.get("file") or {}).get("sha256")
    says = "The clip given is the one that was judged." if holds else "The clip given is another file."
    report = read_manifest_sandboxed(clip, trust, now=now)
    told = verdict.get("manifest") or {}
    before = (told.get("manifest_id"), bool(told.get("signature_valid")), bool(told.get("binding_intact")))
    again = (report.manifest_id, report.signature_valid, report.binding_intact)
    if report.state is CredentialState.ABSENT and not told:
        found = BundleCheck("own_credential", True, "The clip carries no credential, as the verdict says.")
    elif before == again:
        found = BundleCheck("own_credential", True, "The clip's own credential reads as the verdict says.")
    else:
        found = BundleCheck("own_credential", False, "The clip's own credential reads otherwise than the verdict.")
    return [BundleCheck("clip_bytes", holds, says), found]


def _kept_checks(
    verdict: Mapping[str, Any], store: bytes, release: Mapping[str, Any], trust: TrustStore, now: datetime
) -> list[BundleCheck]:
    report = read_store_sandboxed(store, trust, now=now)
    match = verdict.get("match") or {}
    is_named = report.manifest_id is not None and report.manifest_id == match.get("manifest_id")
    holds = report.signature_valid and report.assertions_intact and is_named
    listed = f", on the list {report.trust_list}" if report.trust_list else ", on none of the lists here"
    says = f"The kept credential is rightly signed by {report.issuer or report.signer}{listed}."
    broken = "The kept credential does not hold, or is not the one that the verdict names."
    bound = {one.alg: sha256_hex(one.value) for one in report.bindings}
    fingerprint = release.get("fingerprint") or {}
    try:
        value = b64decode(str(fingerprint.get("value")), validate=True)
    except ValueError:
        value = b""
    signed = bound.get(str(fingerprint.get("alg")))
    is_bound = signed is not None and signed == sha256_hex(value)
    return [
        BundleCheck("kept_credential", holds, says if holds else broken),
        BundleCheck("kept_trust", report.trust_list is not None if holds else False, "A trust list vouches for it."
                    if report.trust_list else "No trust list here vouches for its signer."),
        BundleCheck("fingerprint", is_bound, "The fingerprint compared with is the signed one."
                    if is_bound else "The fingerprint compared with is not the one that was signed."),
    ]  # fmt: skip
