"""The C2PA Soft Binding Resolution API (C2PA 2.5): a stripped copy's mark or looks lead back to its manifest.

Asking is open to everybody, since that is what the repository is for; what it answers names no person. Writing asks
for an API key, erasing and binding for a key of the desk.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from core.canonical import sha256_hex
from core.clock import rfc3339
from core.errors import UsageError
from detector.sandbox.credential import read_store_sandboxed
from provenance.fingerprint import ALGORITHM as FINGERPRINT_ALGORITHM
from provenance.records import Fingerprint, ManifestReport, Release, SoftBinding
from provenance.resolution import STORE_MIME, algorithm_entry, fingerprint_entry
from provenance.trust import OWN_LIST
from reelproof import __version__
from reelproof.api.bodies import Form, receive_json
from reelproof.api.errors import NotSupported, failure_response
from reelproof.api.front_door import Door, FrontDoor, NotFound
from reelproof.api.guards import require_desk
from reelproof.api.uploads import submit_fetched, submit_upload
from reelproof.api.verification import UPLOAD_BODY
from reelproof.job_values import Job
from reelproof.receipts import PROOF_ALG, checked, receipts_of
from reelproof.work import VERIFY, verdict_of

SPEC = "2.5"
BASE = "/sbr/v1"
WELL_KNOWN = "/.well-known/c2pa-soft-binding-resolution"
router = APIRouter(tags=["soft-binding resolution"])
_OPEN = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
_MAX_RESULTS, _MAX_VALUE_BYTES, _MAX_STORE_BYTES = 100, 1 << 19, 16 << 20
HOLDS = ("signature_valid", "assertions_intact", "binding_intact")
MaxResults = Annotated[int, Query(alias="maxResults", ge=1, le=_MAX_RESULTS)]


@router.get(BASE + "/matches/byBinding")
async def by_binding(
    door: Door, alg: Annotated[str, Query(max_length=200)], value: str, max_results: MaxResults = 10
) -> Response:
    """The manifests that carry a soft binding: `alg` and `value` (base64), best first."""
    return await _found_by_binding(door, alg, value, max_results)


@router.post(BASE + "/matches/byBinding")
async def by_binding_posted(request: Request, door: Door) -> Response:
    """The same with `alg`, `value` and `maxResults` in a JSON body: a fingerprint is too long for an address."""
    asked = await receive_json(request)
    alg, value, limit = asked.get("alg"), asked.get("value"), asked.get("maxResults", 10)
    if not isinstance(alg, str) or not isinstance(value, str):
        raise _wrong("`alg` and `value` are needed, both text")
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= _MAX_RESULTS:
        raise _wrong(f"`maxResults` is a number from 1 to {_MAX_RESULTS}")
    return await _found_by_binding(door, alg, value, limit)


@router.post(BASE + "/matches/byContent", openapi_extra=UPLOAD_BODY)
async def by_content(request: Request, door: Door, max_results: MaxResults = 10) -> Response:
    """The manifests whose marks or looks an uploaded clip shows."""
    return await _found_in(door, await submit_upload(request, door, VERIFY, _described), max_results, request)


@router.post(BASE + "/matches/byReference")
async def by_reference(request: Request, door: Door) -> Response:
    """The same for a clip at an address (`referenceUrl`). Off unless REELPROOF_FETCH_URLS is set; then only public
    https hosts are fetched from."""
    asked = await receive_json(request)
    settings = door.services.settings
    if not settings.fetch_urls:
        raise NotSupported(
            "this server does not fetch clips from addresses",
            code="not_supported",
            hint="Download the clip and send it to /matches/byContent.",
        )
    url, limit = asked.get("referenceUrl"), asked.get("maxResults", 10)
    if not isinstance(url, str) or not isinstance(limit, int) or not 1 <= limit <= _MAX_RESULTS:
        raise _wrong("`referenceUrl` is needed, and `maxResults` is a number")
    job = await submit_fetched(door, VERIFY, url)
    return await _found_in(door, job, limit, request)


@router.get(BASE + "/manifests/{manifest_id}")
async def manifest(manifest_id: str, door: Door) -> Response:
    """The manifest store under an ID, as `application/c2pa`; 404 where there is none, 410 where it was erased."""
    repository = door.services.repository
    release = await run_in_threadpool(repository.get, manifest_id)
    if release is not None:
        return Response(release.manifest_store, media_type=STORE_MIME, headers=_OPEN)
    erasure = await run_in_threadpool(repository.erasure, manifest_id)
    if erasure is None:
        raise _no_manifest()
    told = {"status": 410, "title": "erased", "detail": "this manifest was erased", "erased_at": erasure.erased_at}
    return JSONResponse(told, 410, _OPEN, media_type="application/problem+json")


@router.post(BASE + "/manifests", status_code=201)
async def put_manifest(
    request: Request, door: Door, returns: Annotated[bool, Query(alias="returnReceipt")] = False
) -> dict[str, Any]:
    """Keep a manifest store (`application/c2pa`) that a trusted signer made, and log that it was taken in.

    Only our own signer may claim our own algorithms: somebody else's manifest must not answer for our marks.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_STORE_BYTES:
            raise UsageError("the manifest store is too large", code="body_too_large", hint="16 MiB at most.")
    manifest_id = await run_in_threadpool(_kept, door, bytes(body))
    if not returns:
        return {"manifestId": manifest_id}
    listed = await run_in_threadpool(receipts_of, door.services.log, manifest_id, _base_url(door))
    return {"manifestId": manifest_id, "receipt": listed[0] if listed else None}


@router.post(BASE + "/bindings", status_code=201)
@router.put(BASE + "/bindings", status_code=201)
async def bind(request: Request, door: Door) -> dict[str, Any]:
    """Let a further value lead to a manifest: `manifestId`, `alg`, `value`. For a desk key.

    It helps to find; what a found manifest says of its own marks decides whether it counts.
    """
    require_desk(request, door.services.settings)
    asked = await receive_json(request)
    manifest_id, alg, value = (asked.get(name) for name in ("manifestId", "alg", "value"))
    if not isinstance(manifest_id, str) or not isinstance(alg, str) or not isinstance(value, str):
        raise _wrong("`manifestId`, `alg` and `value` are needed, all text")
    binding = SoftBinding(alg[:200], _decoded(value), name="added")
    if not await run_in_threadpool(door.services.repository.bind, manifest_id, binding):
        raise _no_manifest()
    return {"manifestId": manifest_id, "alg": binding.alg}


@router.delete(BASE + "/manifests/{manifest_id}")
async def erase(manifest_id: str, request: Request, door: Door) -> dict[str, Any]:
    """Destroy what is kept of a release, for a desk key. Its digests and the log stay."""
    require_desk(request, door.services.settings)
    services = door.services
    if not await run_in_threadpool(services.repository.erase, manifest_id, services.clock.now()):
        raise _no_manifest()
    return {"manifestId": manifest_id, "erased": True}


@router.get(BASE + "/manifests/{manifest_id}/receipts")
async def receipts(manifest_id: str, door: Door) -> Response:
    """The newest receipt of this manifest, checked: proof that the log took it in. `receipts` has all of them."""
    listed = await run_in_threadpool(receipts_of, door.services.log, manifest_id, _base_url(door))
    if not listed:
        raise _no_manifest()
    return JSONResponse({**listed[0], "receipts": listed}, headers=_OPEN)


@router.post(BASE + "/manifests/{manifest_id}/receipts")
async def check_receipt(manifest_id: str, request: Request, door: Door) -> Response:
    """Whether a receipt that somebody holds proves that this repository took the manifest in: `verified`."""
    given = await receive_json(request)
    repository = door.services.repository
    known = await run_in_threadpool(repository.get, manifest_id)
    if known is None and await run_in_threadpool(repository.erasure, manifest_id) is None:
        raise _no_manifest()
    told = await run_in_threadpool(checked, door.services.log, manifest_id, given)
    return JSONResponse(told, headers=_OPEN)


@router.get(BASE + "/services/supportedAlgorithms")
async def supported_algorithms(door: Door) -> Response:
    """The marks and the fingerprint that can be looked up here."""
    pipeline = door.services.pipeline
    marks = [{"alg": pipeline.pixel.alg}, {"alg": pipeline.noise.alg}]
    return JSONResponse({"watermarks": marks, "fingerprints": [{"alg": FINGERPRINT_ALGORITHM}]}, headers=_OPEN)


@router.get(BASE + "/services/algorithmEntries")
async def algorithm_entries(door: Door) -> Response:
    """Our algorithms in the form of entries of the C2PA soft binding algorithm list."""
    public_url, pipeline = door.services.settings.public_url or "", door.services.pipeline
    pixel = "A keyed spread-spectrum mark in the pictures, 64 or 32 bits, read without the original."
    noise = "A keyed mark in the initial noise of a diffusion model, read by running the model backwards."
    entries = [
        algorithm_entry(pipeline.pixel.alg, "watermark", pixel, public_url),
        algorithm_entry(pipeline.noise.alg, "watermark", noise, public_url),
        fingerprint_entry(public_url),
    ]
    return JSONResponse(entries, headers=_OPEN)


@router.get(BASE + "/services/status")
async def status(door: Door) -> Response:
    """Whether the repository answers, and how many manifests it keeps."""
    kept = await run_in_threadpool(door.services.repository.count)
    return JSONResponse(
        {"status": "ok", "manifests": kept, "time": rfc3339(door.services.clock.now())}, headers=_OPEN
    )


@router.get(BASE + "/services/capabilities")
async def capabilities(door: Door) -> Response:
    """Which parts of the API this server has."""
    return JSONResponse(_capabilities(door), headers=_OPEN)


@router.get(WELL_KNOWN)
async def well_known(door: Door) -> Response:
    """Where the API stands, for those who only know this host."""
    return JSONResponse({"endpoint": _base_url(door), **_capabilities(door)}, headers=_OPEN)


def _base_url(door: FrontDoor) -> str:
    return (door.services.settings.public_url or "").rstrip("/") + BASE


def _capabilities(door: FrontDoor) -> dict[str, Any]:
    return {
        "specVersion": SPEC,
        "software": f"Reelproof {__version__}",
        "matches": {"byBinding": True, "byContent": True, "byReference": door.services.settings.fetch_urls},
        "manifests": {"read": True, "write": True, "erase": True},
        "bindings": {"write": True},
        "receipts": {"read": True, "verify": True, "types": [PROOF_ALG]},
        "maxResults": _MAX_RESULTS,
        "maxUploadBytes": door.limits.upload_bytes,
    }


async def _found_by_binding(door: FrontDoor, alg: str, value: str, limit: int) -> Response:
    binding = SoftBinding(alg, _decoded(value))
    return JSONResponse(
        {"matches": (await run_in_threadpool(_looked_up, door, binding, limit))[:limit]}, headers=_OPEN
    )


def _looked_up(door: FrontDoor, binding: SoftBinding, limit: int) -> list[dict[str, Any]]:
    """Exact matches of a value, and for our fingerprint also what merely looks alike."""
    repository = door.services.repository
    found = {one.manifest_id: 100 for one in repository.find_by_binding(binding)}
    if binding.alg == FINGERPRINT_ALGORITHM:
        try:
            asked = Fingerprint.from_bytes(binding.alg, binding.value, 0.0)
        except ValueError as fault:
            raise _wrong(str(fault)) from fault
        for release, score in repository.find_by_fingerprint(asked, limit):
            found.setdefault(release.manifest_id, round(100 * score))
    return [{"manifestId": name, "similarityScore": score} for name, score in found.items()]


async def _found_in(door: FrontDoor, job: Job, limit: int, request: Request) -> Response:
    job = await door.settled(job, door.limits.verdict_wait_s)
    if job.failure is not None:
        return failure_response(request.url.path, job.failure)
    verdict = await run_in_threadpool(verdict_of, door.jobs.folder(job.job_id))
    return JSONResponse({"matches": matches_of(verdict)[:limit]}, headers=_OPEN)


def matches_of(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """The manifests a verdict leads to, that of the file's own credential and that of its mark or looks.

    A mark on foreign pictures leads nowhere: what it was taken from is not where the clip comes from.
    """
    match, own = verdict.get("match") or {}, verdict.get("manifest") or {}
    found: list[dict[str, Any]] = []
    if match.get("manifest_id") and match.get("content_agrees"):
        score = match.get("similarity")
        told = {"similarityScore": round(100 * score)} if isinstance(score, int | float) else {}
        found.append({"manifestId": match["manifest_id"], **told})
    holds = all(own.get(name) for name in HOLDS)
    if holds and own.get("manifest_id") not in {None, *(one["manifestId"] for one in found)}:
        found.append({"manifestId": own["manifest_id"], "similarityScore": 100})
    return found


def _kept(door: FrontDoor, store: bytes) -> str:
    services = door.services
    report = read_store_sandboxed(store, services.trust, now=services.clock.now())
    if not (report.signature_valid and report.assertions_intact and report.trust_list and report.manifest_id):
        raise UsageError(
            f"this manifest does not hold or its signer is on no trust list: {report.problem or report.state}",
            code="untrusted_manifest",
            hint="Only manifests of trusted signers are kept.",
        )
    bindings = tuple(one for one in report.bindings if _may_claim(report, one))
    blank = Fingerprint.from_bytes(FINGERPRINT_ALGORITHM, b"", 0.0)
    facts = {"registered": "api"}
    known = services.repository.get(report.manifest_id)
    if services.repository.erasure(report.manifest_id) is not None:
        raise UsageError("this manifest was erased here", code="release_erased", hint="What was erased stays away.")
    if known is None:
        at = rfc3339(services.clock.now())
        services.repository.put(Release(report.manifest_id, "", store, bindings, blank, at, facts))
        services.gate.record("register", "", manifest_id=report.manifest_id, store_sha256=sha256_hex(store))
    elif known.manifest_store != store:
        raise UsageError(
            "another manifest stands under this ID", code="release_conflict", hint="An ID is used once."
        )
    return report.manifest_id


def _may_claim(report: ManifestReport, binding: SoftBinding) -> bool:
    return report.trust_list == OWN_LIST or not binding.alg.startswith("org.reelproof.")


def _described(form: Form) -> dict[str, Any]:
    return {"file_name": form.file_name}


def _decoded(value: str) -> bytes:
    """Base64, of either alphabet, with or without padding."""
    try:
        text = value.strip().replace("-", "+").replace("_", "/").replace(" ", "+")
        decoded = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (Base64Error, ValueError) as fault:
        raise _wrong("`value` is no base64") from fault
    if not 0 < len(decoded) <= _MAX_VALUE_BYTES:
        raise _wrong("`value` is empty or too long")
    return decoded


def _wrong(problem: str) -> UsageError:
    return UsageError(problem, code="invalid_parameter", hint="See /docs, or the C2PA soft binding API.")


def _no_manifest() -> NotFound:
    return NotFound("there is no such manifest here", code="not_found", hint="IDs look like urn:c2pa:0123….")
