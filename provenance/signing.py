"""Signs a finished clip, last of all, and lets nobody see it before it has been read back.

stage → sign into a private folder → read the staged file with our own reader → check all of it → publish by rename.
Any failure leaves nothing under the final name. A remux or an encode after this drops the credential.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import c2pa

from core.canonical import file_sha256
from core.errors import ConfigurationError, ReelproofError, UnreadableInput
from core.files import publish, staging_folder
from provenance import codes
from provenance.manifest import (
    CLAIM_THUMBNAIL,
    Ingredient,
    ManifestFacts,
    definition_of,
    described_ingredient,
    expected_labels,
    ingredient_thumbnail,
)
from provenance.reading import read_beside, read_manifest
from provenance.records import CredentialState, ManifestReport, SignedClip
from provenance.settings import context_with
from provenance.signers import Signer
from provenance.store import EBML_HEAD, StoreFault, find_store, is_cut_off
from provenance.timestamps import TimeStamping
from provenance.trust import OWN_LIST, TrustStore

_ALGORITHMS = {
    "es256": c2pa.C2paSigningAlg.ES256,
    "es384": c2pa.C2paSigningAlg.ES384,
    "ed25519": c2pa.C2paSigningAlg.ED25519,
}


class SigningFailed(ReelproofError):
    """The clip could not be signed, or what was signed did not read back whole. Nothing was published.

    `__cause__` is what the signer itself raised, where it raised.
    """


@dataclass(frozen=True)
class SigningOptions:
    """How to sign. `time_stamps` is a time-stamp server behind its breaker; `tsa_url` names one that is used
    without; with neither the clip carries no time-stamp.

    `trust` is what ingredients' own credentials are judged by while signing; the carried lists by default.
    """

    tsa_url: str | None = None
    trust: TrustStore | None = None
    time_stamps: TimeStamping | None = None


DEFAULT_OPTIONS = SigningOptions()


def sign_clip(
    source: Path,
    target: Path,
    facts: ManifestFacts,
    signer: Signer,
    *,
    options: SigningOptions = DEFAULT_OPTIONS,
) -> SignedClip:
    """Sign `source` with a manifest of `facts` and publish it as `target`, whole or not at all.

    Replaces what stood under `target`. The audio and every other track stay as they are. The source may carry a
    credential of its own; it is replaced, so name the source as an ingredient to keep it.

    Raises:
        UnreadableInput: `no_such_file`, `truncated_input`, `unsignable_container`: not MP4, MOV or AVI.
        SigningFailed: `signer_failed`, `signing_failed`, `read_back_failed`.
        ServiceUnreachable: `time_stamp_unavailable`: no time-stamp to be had, and it may not be left out.
        ConfigurationError: the C2PA library or a trust list is not as expected.
    """
    mime = container_mime(source)
    require_complete(source, mime)
    return _stamped(options, lambda tsa_url: _signed(target, _work(source, mime, facts, signer, options, tsa_url)))


def sign_beside(
    source: Path,
    sidecar: Path,
    facts: ManifestFacts,
    signer: Signer,
    *,
    options: SigningOptions = DEFAULT_OPTIONS,
) -> SignedClip:
    """Sign a WebM or Matroska file, which has no place for a credential, into a manifest store beside it.

    The store is published as `sidecar`, whole or not at all; `source` stays as it is, and every byte of it is
    hashed. Named like the clip with the ending `.c2pa` and kept in its folder, `read_manifest` finds it again.

    Raises:
        UnreadableInput: `no_such_file`; `unsignable_container`: MP4, MOV and AVI carry theirs inside (`sign_clip`),
            and anything else is no video.
        SigningFailed, ServiceUnreachable, ConfigurationError: as `sign_clip`.
    """
    mime = _beside_mime(source)
    return _stamped(
        options, lambda tsa_url: _signed_beside(sidecar, _work(source, mime, facts, signer, options, tsa_url))
    )


def _stamped(options: SigningOptions, sign: Callable[[str | None], SignedClip]) -> SignedClip:
    """What signing with the time-stamp server gives, or without it where it has gone and may be left out."""
    stamps = options.time_stamps
    tsa_url = stamps.url_to_sign_with() if stamps else options.tsa_url
    try:
        return sign(tsa_url)
    except SigningFailed as failure:
        if stamps is None or tsa_url is None or failure.code == "signer_failed":
            raise
        # The server may have gone between our question and the signing; what it was not, fails again below.
        stamps.note(is_well=False)
        return sign(stamps.url_to_sign_with())


def _work(
    source: Path,
    mime: str,
    facts: ManifestFacts,
    signer: Signer,
    options: SigningOptions,
    tsa_url: str | None,
) -> "_Work":
    trust = options.trust or TrustStore.default(own_root_pem=signer.root_pem)
    return _Work(source, mime, facts, signer, context_of(trust), tsa_url)


def _signed_beside(sidecar: Path, work: "_Work") -> SignedClip:
    """Sign, read back, publish the store alone."""
    with staging_folder(sidecar) as folder:
        store = _sign_into(folder / "copy", work, embeds=False)
        (folder / "copy").unlink()
        with work.source.open("rb") as opened:
            report = read_beside(opened, store, TrustStore.default(own_root_pem=work.signer.root_pem))
        require_whole(report, work.facts)
        require_stamp(report, work.tsa_url)
        (folder / sidecar.name).write_bytes(store)
        signed = SignedClip(work.source, file_sha256(work.source), str(report.manifest_id), store)
        publish(folder / sidecar.name, sidecar)
    return signed


def _signed(target: Path, work: "_Work") -> SignedClip:
    """Sign, read back, publish."""
    with staging_folder(target) as folder:
        staged = folder / target.name
        store = _sign_into(staged, work)
        report = read_manifest(staged, TrustStore.default(own_root_pem=work.signer.root_pem))
        require_whole(report, work.facts)
        require_stamp(report, work.tsa_url)
        signed = SignedClip(target, file_sha256(staged), str(report.manifest_id), store)
        _require_same_store(staged, store)
        publish(staged, target)
    return signed


def container_mime(file: Path) -> str:
    """The MIME type to sign a file as, by its first bytes.

    Raises:
        UnreadableInput: `no_such_file`, `unsignable_container`.
    """
    head = _head(file)
    mime = _sniffed(head)
    if mime is None:
        hint = "convert it to MP4 first"
        if head.startswith(EBML_HEAD):
            hint = "WebM and Matroska have no place for a C2PA manifest: convert it to MP4, or sign beside it"
        raise UnreadableInput(
            f"{file.name} is neither MP4, MOV nor AVI, so it cannot carry a credential",
            code="unsignable_container",
            hint=hint,
        )
    return mime


def _beside_mime(file: Path) -> str:
    if not _head(file).startswith(EBML_HEAD):
        raise UnreadableInput(
            f"{file.name} is neither WebM nor Matroska; only these get their credential beside them",
            code="unsignable_container",
            hint="MP4, MOV and AVI carry their credential inside",
        )
    return "video/webm"


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(12)
    except OSError as error:
        raise UnreadableInput(
            f"cannot read {file.name}: {error.strerror}",
            code="no_such_file",
            hint="check the path and its permissions",
        ) from error


def require_complete(file: Path, mime: str) -> None:
    """Check that a file does not end in the middle of a box: half a clip must not get a credential.

    Raises:
        UnreadableInput: `truncated_input`.
    """
    with file.open("rb") as opened:
        if mime in ("video/mp4", "video/quicktime") and is_cut_off(opened):
            raise UnreadableInput(
                f"{file.name} ends in the middle of a box",
                code="truncated_input",
                hint="get the whole file; this one was cut off",
            )


def require_whole(report: ManifestReport, facts: ManifestFacts) -> None:
    """Check that a freshly signed file reads back as everything it should be.

    Raises:
        SigningFailed: `read_back_failed`, naming the first thing that does not hold.
    """
    labels = [label.split("__")[0] for label in report.assertions]
    missing = [label for label in expected_labels(facts) if label not in labels]
    count_of_bindings = labels.count("c2pa.soft-binding")
    checks = (
        (report.state is CredentialState.PRESENT, f"the credential is {report.state}: {report.problem}"),
        (report.signature_valid, "the signature does not verify"),
        (report.assertions_intact, f"assertions are not intact: {', '.join(report.failure_codes)}"),
        (report.binding_intact, "the credential is not bound to the file's bytes"),
        (report.trust_list == OWN_LIST, "the signer's chain does not end at its own root"),
        (not missing, f"assertions are missing: {', '.join(missing)}"),
        (count_of_bindings == len(facts.bindings), f"{count_of_bindings} soft bindings, not {len(facts.bindings)}"),
        (facts.manifest_id in (None, report.manifest_id), "the manifest has another ID than was asked for"),
        (report.has_thumbnail or not facts.thumbnail, "its thumbnail is missing"),
    )
    for holds, problem in checks:
        if not holds:
            raise SigningFailed(
                f"the signed clip did not read back whole: {problem}",
                code="read_back_failed",
                hint="run `reelproof doctor`; nothing was published",
            )


class _CauseKeeper:
    """Calls a signer from the library's callback, which would lose what it raises, and keeps that."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self.cause: Exception | None = None

    def __call__(self, message: bytes) -> bytes:
        try:
            return self.signer.sign(message)
        except Exception as error:
            self.cause = error
            raise


def require_stamp(report: ManifestReport, tsa_url: str | None) -> None:
    """Check that a time-stamp that was asked for stands in the credential and fits the signature.

    Whether its server is on a list is not asked: an own server is on none.

    Raises:
        SigningFailed: `read_back_failed`.
    """
    told = {*report.success_codes, *report.informational_codes}
    if tsa_url is not None and codes.TIME_STAMP_VALID not in told:
        raise SigningFailed(
            "the signed clip did not read back whole: its time-stamp is missing or does not fit",
            code="read_back_failed",
            hint="check the time-stamp server; nothing was published",
        )


def context_of(trust: TrustStore) -> c2pa.Context:
    """The library's context that judges ingredients by `trust` while signing."""
    return context_with((*trust.claim_anchors(), *trust.time_stamp_anchors()))


@dataclass(frozen=True)
class _Work:
    """One signing: what, as which type, with what said of it, by whom."""

    source: Path
    mime: str
    facts: ManifestFacts
    signer: Signer
    context: c2pa.Context
    tsa_url: str | None


def _sign_into(staged: Path, work: _Work, *, embeds: bool = True) -> bytes:
    """Sign into a staged file; the manifest store. Without `embeds` the staged file is a plain copy."""
    callback, chain = _CauseKeeper(work.signer), work.signer.certificate_chain_pem
    try:
        with (
            c2pa.Signer.from_callback(callback, _algorithm(work.signer), chain, work.tsa_url) as c2pa_signer,
            c2pa.Builder(_definition(work.facts), context=work.context) as builder,
            work.source.open("rb") as unsigned,
            staged.open("w+b") as signed,
        ):
            if not embeds:
                builder.set_no_embed()
            if work.facts.thumbnail:
                builder.add_resource(CLAIM_THUMBNAIL, io.BytesIO(work.facts.thumbnail))
            for position, ingredient in enumerate(work.facts.ingredients):
                _add_ingredient(builder, position, ingredient)
            return bytes(builder.sign(c2pa_signer, work.mime, unsigned, signed))
    except c2pa.C2paError as error:
        raise _failure(error, callback.cause) from (callback.cause or error)


def _definition(facts: ManifestFacts) -> dict[str, object]:
    definition = definition_of(facts)
    plain = [
        described_ingredient(i, one) | {"format": "video/*"}
        for i, one in enumerate(facts.ingredients)
        if _ingredient_mime(one) is None
    ]
    return definition | ({"ingredients": plain} if plain else {})


def _add_ingredient(builder: c2pa.Builder, position: int, ingredient: Ingredient) -> None:
    if ingredient.thumbnail:
        builder.add_resource(ingredient_thumbnail(position), io.BytesIO(ingredient.thumbnail))
    mime = _ingredient_mime(ingredient)
    if mime is None:
        return
    with ingredient.path.open("rb") as opened:
        builder.add_ingredient(json.dumps(described_ingredient(position, ingredient)), mime, opened)


def _ingredient_mime(ingredient: Ingredient) -> str | None:
    """The MIME type of an ingredient, or None for a container the library can't read: it is named, not hashed."""
    try:
        with ingredient.path.open("rb") as opened:
            return _sniffed(opened.read(12))
    except OSError as error:
        raise UnreadableInput(
            f"cannot read the ingredient {ingredient.title}: {error.strerror}",
            code="no_such_file",
            hint="keep every input in place until the clip is signed",
        ) from error


_RASTER_HEADS = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


def _sniffed(head: bytes) -> str | None:
    if head[:4] == b"RIFF":
        return {b"AVI ": "video/x-msvideo", b"WEBP": "image/webp"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    return next((mime for start, mime in _RASTER_HEADS if head.startswith(start)), None)


def _algorithm(signer: Signer) -> c2pa.C2paSigningAlg:
    try:
        return _ALGORITHMS[signer.algorithm]
    except KeyError as error:
        raise ConfigurationError(
            f"the signer's algorithm {signer.algorithm!r} is unknown",
            code="unknown_algorithm",
            hint=f"use one of {', '.join(_ALGORITHMS)}",
        ) from error


def _failure(error: c2pa.C2paError, cause: Exception | None) -> SigningFailed:
    if cause is not None:
        return SigningFailed(
            f"the signer failed: {type(cause).__name__}: {cause}",
            code="signer_failed",
            hint="check that the signing key can be reached and used; nothing was published",
        )
    return SigningFailed(
        f"the C2PA library could not sign: {error}",
        code="signing_failed",
        hint="check that key and certificate belong together, and run `reelproof doctor`; nothing was published",
    )


def _require_same_store(staged: Path, store: bytes) -> None:
    with staged.open("rb") as opened:
        if _embedded(opened) != store:
            raise SigningFailed(
                "the embedded manifest store differs from the one that was returned",
                code="read_back_failed",
                hint="report this; nothing was published",
            )


def _embedded(file: BinaryIO) -> bytes | None:
    try:
        return find_store(file)
    except StoreFault:
        return None
