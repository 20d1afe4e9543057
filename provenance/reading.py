"""Reads the C2PA credential of a file and says what holds, each thing by itself.

`read_manifest`, step by step:

1. Find the manifest store in the container ourselves. None: ABSENT. Two, or a garbled one: BROKEN.
2. Hand file and store to the C2PA library, which checks hashes, signature and time-stamp. Any exception: BROKEN.
3. Sort its status codes into families ourselves; never read `validation_state`. Recurse into every ingredient.
4. Check the claim signature once more with `cryptography`, and the signer's chain against each trust list.
5. Read what the actions attest, and the soft bindings.

Nothing is fetched. The caller runs this in a child process with a memory limit: one flipped byte made the C2PA
library take 1.3 GB. What it still owes: deciding what the findings mean.
"""

import io
import json
import struct
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import c2pa

from core.clock import rfc3339
from provenance import codes
from provenance.certificates import common_name, organisation_name
from provenance.codes import Family
from provenance.coverage import coverage_of
from provenance.history import (
    actions_of,
    assertions_of,
    codes_in,
    generator_of,
    is_about_trust,
    origin_in,
    picture_of,
    recorded_failures,
    told_ingredients,
)
from provenance.records import ByteCoverage, CredentialState, ManifestReport, SoftBinding
from provenance.settings import context_with
from provenance.store import (
    EBML_HEAD,
    MAX_STORE_BYTES,
    ClaimSignature,
    StoreFault,
    active_signature,
    find_store,
    traces_of_store,
)
from provenance.trust import TrustStore

SIDECAR_SUFFIX = ".c2pa"
_MAX_PROBLEM_CHARACTERS = 300
_STORE_MIME = "application/c2pa"
_UNKNOWN_MIME = "application/octet-stream"  # the library then checks the store it is handed, and looks for none
_AVI_MIME = "video/avi"

_Json = Mapping[str, Any]


def read_manifest(file: Path | BinaryIO, trust: TrustStore, *, now: datetime | None = None) -> ManifestReport:
    """What a file's own credential says and whether it holds. Never raises for what the bytes are.

    `now` is the instant at which a certificate without a time-stamp must be valid; the machine's clock by default.
    A WebM or Matroska file that is given by its path may have its store beside it, under its own name with the
    ending `.c2pa` (C2PA 2.4 §11.4); then `is_sidecar` is True.
    """
    if isinstance(file, Path):
        beside = store_beside(file)
        with file.open("rb") as opened:
            if beside is not None:
                return read_beside(opened, beside, trust, now=now)
            return read_manifest(opened, trust, now=now)
    try:
        store = find_store(file)
        if store is None:
            return _without_store(file)
    except StoreFault as error:
        return ManifestReport(CredentialState.BROKEN, problem=str(error))
    file.seek(0)
    # The library knows a BMFF file by itself, but not an AVI whose store it is handed: its exclusion would not fit.
    mime = _AVI_MIME if file.read(4) == b"RIFF" else None
    file.seek(0)
    report = _read(mime, file, store, trust, now or datetime.now(UTC))
    return replace(report, coverage=_coverage(file, store))


def read_beside(file: BinaryIO, store: bytes, trust: TrustStore, *, now: datetime | None = None) -> ManifestReport:
    """What a manifest store kept beside a file says of it, and whether it is bound to that file's bytes.

    For containers without a place for a store. Never raises for what the bytes are. `is_sidecar` is True.
    """
    file.seek(0)
    report = _read(_UNKNOWN_MIME, file, store, trust, now or datetime.now(UTC))
    return replace(report, is_sidecar=True, coverage=_coverage(file, store, is_beside=True))


def store_beside(path: Path) -> bytes | None:
    """The manifest store kept beside a WebM or Matroska file, unread; None where there is none, for any other
    file, and for one over 64 MiB.

    Raises:
        OSError: the file can't be read.
    """
    beside = path.with_suffix(SIDECAR_SUFFIX)
    with path.open("rb") as opened:
        is_matroska = opened.read(4) == EBML_HEAD
    if not is_matroska or not beside.is_file() or beside.stat().st_size > MAX_STORE_BYTES:
        return None
    return beside.read_bytes()


def read_store(store: bytes, trust: TrustStore, *, now: datetime | None = None) -> ManifestReport:
    """What a manifest store from a repository says, without the file it was bound to. `is_detached` is True."""
    return _read(_STORE_MIME, io.BytesIO(store), store, trust, now or datetime.now(UTC))


def report_of(content: _Json, claim: ClaimSignature, trust: TrustStore, now: datetime) -> ManifestReport:
    """The report on what the C2PA library says of a store that was read already, whose active claim is `claim`.

    Raises whatever parsers raise for content of a strange shape: the caller reports that as broken.
    """
    return _report(content, claim, trust, now, detached=False)


def broken_report(error: Exception) -> ManifestReport:
    """The report on a store that a parser failed on."""
    return ManifestReport(CredentialState.BROKEN, problem=_shortened(error))


def _coverage(file: BinaryIO, store: bytes, *, is_beside: bool = False) -> ByteCoverage | None:
    """The map of the file's bytes; None where the store can't be followed so far."""
    try:
        return coverage_of(file, store, is_beside=is_beside)
    except (ValueError, struct.error, MemoryError, OverflowError, RecursionError):
        # The report already says what is wrong with such a store; a map of it would be a guess.
        return None


def _without_store(file: BinaryIO) -> ManifestReport:
    trace = traces_of_store(file)
    if trace is None:
        return ManifestReport(CredentialState.ABSENT)
    state = CredentialState.BROKEN if trace.is_embedded else CredentialState.ABSENT
    return ManifestReport(state, problem=trace.description)


def _read(mime: str | None, file: BinaryIO, store: bytes, trust: TrustStore, now: datetime) -> ManifestReport:
    is_detached = mime == _STORE_MIME
    try:
        # The store that we parsed is the store that the library checks: two parsers can't be led to two stores.
        given = None if is_detached else store
        with c2pa.Reader(
            mime, file, manifest_data=given, context=context_with(trust.time_stamp_anchors())
        ) as reader:
            content = json.loads(reader.json())
        claim = active_signature(store)
        if content.get("active_manifest") != claim.manifest_id:
            raise StoreFault("the library and our own reading disagree on which manifest is active")
        return _report(content, claim, trust, now, is_detached)
    except Exception as error:
        # Three parsers (C2PA, CBOR, X.509) meet bytes made to break them, and each has errors of its own
        # that share no base: a version byte of a certificate raises one that is no ValueError. All mean the same.
        return ManifestReport(CredentialState.BROKEN, problem=_shortened(error), is_detached=is_detached)


def _report(
    content: _Json, claim: ClaimSignature, trust: TrustStore, now: datetime, detached: bool
) -> ManifestReport:
    manifest = content["manifests"][claim.manifest_id]
    active = content["validation_results"]["activeManifest"]
    succeeded, failed = codes_in(active, "success"), codes_in(active, "failure")
    if not claim.is_tight:
        failed.append(codes.HIDDEN_IN_SIGNATURE)
    families = codes.split_by_family(failed)
    assertions = assertions_of(manifest)
    is_bound = bool(codes.BINDING_MATCHES & set(succeeded)) and not families[Family.BINDING]
    uncovered = codes.uncovered_boxes(assertions)
    left_out = sorted(uncovered - codes.OFFSET_EXCLUSIONS)
    signature_valid = codes.SIGNATURE_VALID in succeeded and not families[Family.SIGNATURE] and claim.verifies
    recorded = list(_ingredient_codes(content))
    ingredients, left_out_ingredients = told_ingredients(content, claim.manifest_id)
    return ManifestReport(
        state=CredentialState.PRESENT,
        manifest_id=claim.manifest_id,
        signature_valid=signature_valid,
        binding_intact=is_bound and not left_out and not detached,
        assertions_intact=not families[Family.ASSERTION],
        origin=origin_in(content["manifests"], claim.manifest_id),
        claim_generator=generator_of(manifest),
        success_codes=_unique(succeeded),
        failure_codes=_unique(code for code in failed if not _is_expected(code, detached)),
        informational_codes=_unique(
            [*codes_in(active, "informational"), *([codes.UNCOVERED_OFFSETS] if uncovered else [])]
        ),
        ingredient_failures=_unique(
            [*families[Family.INGREDIENT], *(code for code in recorded if not is_about_trust(code))]
        ),
        ingredient_trust_codes=_unique(code for code in recorded if is_about_trust(code)),
        ingredients=ingredients,
        ingredients_left_out=left_out_ingredients,
        has_thumbnail=isinstance(manifest.get("thumbnail"), Mapping),
        thumbnail=picture_of(manifest),
        bindings=_bindings(manifest),
        assertions=assertions,
        problem=f"the hash leaves out {', '.join(left_out)}"[:_MAX_PROBLEM_CHARACTERS] if left_out else None,
        is_detached=detached,
        **_signer_facts(manifest, claim, trust, now, succeeded, families),
    )


def _signer_facts(
    manifest: _Json,
    claim: ClaimSignature,
    trust: TrustStore,
    now: datetime,
    succeeded: list[str],
    families: Mapping[Family, tuple[str, ...]],
) -> dict[str, Any]:
    leaf = claim.chain[0]
    stamped = {codes.TIME_STAMP_VALID, codes.TIME_STAMP_TRUSTED} <= set(succeeded) and not families[Family.TIME]
    stamp = _instant(manifest.get("signature_info", {}).get("time")) if stamped else None
    at = stamp or now
    is_expired = not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc
    is_barred = bool(set(families[Family.TRUST]) - codes.MERELY_UNTRUSTED)
    revoker = trust.revoker(claim.chain, at)
    found = None if is_barred else trust.find(claim.chain, at)
    lapses = is_expired and not is_barred and revoker is None
    lapsed = trust.find(claim.chain, leaf.not_valid_after_utc) if lapses else None
    return {
        "trust_list": found.name if found else None,
        "trust_list_date": found.date if found else lapsed.date if lapsed else None,
        "lapsed_trust_list": lapsed.name if lapsed else None,
        "signer": common_name(leaf.subject),
        "issuer": organisation_name(leaf.subject) or common_name(leaf.subject),
        "signed_at": rfc3339(stamp) if stamp else _claimed_time(manifest),
        "time_stamped": stamp is not None,
        "certificate_expired": is_expired,
        "revoked_by": revoker.name if revoker else None,
    }


def _ingredient_codes(content: _Json) -> Iterator[str]:
    """Failure codes of every ingredient of every manifest in the store: as noted when it was signed, and as
    they came out now."""
    for delta in content["validation_results"].get("ingredientDeltas") or ():
        yield from codes_in(delta.get("validationDeltas"), "failure")
    for manifest in content["manifests"].values():
        for ingredient in manifest.get("ingredients") or ():
            yield from recorded_failures(ingredient)


def _is_expected(code: str, is_detached: bool) -> bool:
    """Failures that say nothing: the library was given no claim roots; a detached store has no bytes to match."""
    return code in codes.MERELY_UNTRUSTED or (is_detached and codes.family_of(code) is Family.BINDING)


def _bindings(manifest: _Json) -> tuple[SoftBinding, ...]:
    found = []
    for one in manifest.get("assertions") or ():
        content = one.get("data")
        if one.get("label") == "c2pa.soft-binding" and isinstance(content, Mapping):
            found += [_binding(content, block) for block in content.get("blocks") or ()]
    return tuple(found)


def _binding(content: _Json, block: _Json) -> SoftBinding:
    span = (block.get("scope") or {}).get("timespan") or {}
    end = span.get("end")
    return SoftBinding(
        alg=str(content.get("alg")),
        value=_bytes(block.get("value")),
        start_ms=int(span.get("start") or 0),
        end_ms=int(end) if end is not None else None,
        name=str(content.get("name") or ""),
    )


def _bytes(value: Any) -> bytes:
    """A CBOR byte string as the library shows it: base64 text."""
    if isinstance(value, list):
        return bytes(value)
    return b64decode(str(value), validate=True)


def _claimed_time(manifest: _Json) -> str | None:
    return next(
        (str(one["when"]) for one in actions_of(manifest) if isinstance(one, Mapping) and one.get("when")), None
    )


def _instant(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _unique(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _shortened(error: Exception) -> str:
    return f"{type(error).__name__.lstrip('_')}: {error}"[:_MAX_PROBLEM_CHARACTERS]
