"""The pages: drop a clip, read a verdict, make a clip, look into the log."""

import hashlib
import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from core.clock import rfc3339
from core.errors import ReelproofError
from detector.report import style
from generator.port import Capabilities
from policy.consent import PURPOSES
from policy.consent_desk import MAX_DAYS, MAX_USES
from reelproof import __version__
from reelproof.api.audit import list_entries
from reelproof.api.bodies import Form
from reelproof.api.errors import sentences
from reelproof.api.front_door import Door, FrontDoor
from reelproof.api.guards import CONTENT_POLICY
from reelproof.api.uploads import submit_upload
from reelproof.api.verification import c2pa_result
from reelproof.job_values import Job, JobFailure, JobState
from reelproof.pages import STATIC, TEMPLATES
from reelproof.work import VERIFY, card_path, verdict_of

router = APIRouter(include_in_schema=False)
EXAMPLES = (
    "a red ball moves to the right in a studio",
    "a golden star spins at night",
    "a cyan cube bounces on a checkered floor, the camera pans left",
)
PHASES = (
    ("policy", "Policy"),
    ("sample", "Sampling"),
    ("mark", "Marking"),
    ("check", "Reading back"),
    ("sign", "Signing"),
    ("register", "Registering"),
    ("publish", "Released"),
)
STAGES = (
    "input",
    "output",
    "sign-intent",
    "release",
    "consent-granted",
    "consent-revoked",
    "consent",
    "review",
    "appeal",
    "access",
    "erasure",
    "retention",
    "lists",
)
_LATEST = 25
#: On the pages that read credentials in the browser WebAssembly may run; no text may be run as script there either.
_READER_POLICY = CONTENT_POLICY.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")
_READING_PAGES, _READER_FOLDER = ("check.html", "verdict.html"), "c2pa/"
_SHORT = "public, max-age=300"
_FOREVER = "public, max-age=31536000, immutable"


class _Static(StaticFiles):
    """Static files; an address with the version in it may be kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Serve one file; the WebAssembly module lies compressed and goes out as it lies."""
        packed = path.endswith(".wasm")
        answer = await super().get_response(f"{path}.gz" if packed else path, scope)
        if path.startswith(_READER_FOLDER):
            answer.headers["Content-Security-Policy"] = _READER_POLICY
        if packed:
            answer.headers["Content-Encoding"] = "gzip"
            answer.headers["Content-Type"] = "application/wasm"
        answer.headers["Cache-Control"] = _FOREVER if scope["query_string"].startswith(b"v=") else _SHORT
        return answer


def mount_static(app: FastAPI) -> None:
    """Serve the stylesheet, the script and the icon under /static."""
    app.mount("/static", _Static(directory=STATIC), name="static")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.globals |= {"version": __version__, "asset_version": _asset_version(STATIC)}
    return environment


def _asset_version(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.*")):
        digest.update(file.read_bytes())
    digest.update(style().encode())
    return digest.hexdigest()[:12]


def _page(name: str, page: str, http_status: int = 200, **values: Any) -> HTMLResponse:
    headers = {"Content-Security-Policy": _READER_POLICY} if name in _READING_PAGES else None
    return HTMLResponse(_environment().get_template(name).render(page=page, **values), http_status, headers)


def error_page(request: Request, failure: JobFailure, status: int) -> Response:
    """A failure as a page for a browser."""
    return _page("error.html", "error", status, status=status, message=failure.message, hint=failure.hint)


@router.get("/static/verdict.css")
async def verdict_style() -> Response:
    """The rules of the detector's verdict card."""
    return Response(style(), media_type="text/css", headers={"Cache-Control": _FOREVER})


@router.get("/")
async def check_page(door: Door) -> Response:
    """Drop a clip."""
    settings = door.services.settings
    kept = _in_words(settings.verify_retention_s)
    return _page("check.html", "check", max_upload=_size_in_words(settings.max_upload_bytes), kept=kept)


@router.post("/verdicts")
async def check_without_script(request: Request, door: Door) -> Response:
    """The form's own way, for browsers without script: upload, then the verdict's page."""
    job = await submit_upload(request, door, VERIFY, _described)
    return RedirectResponse(f"/verdicts/{job.job_id}", 303)


@router.get("/verdicts/{verification_id}")
async def verdict_page(verification_id: str, door: Door) -> Response:
    """A verdict by its link, while it is kept."""
    job = await door.job(VERIFY, verification_id)
    values: dict[str, Any] = {"job": job, "headline": ""} | await _answer(door, job)
    return _page("verdict.html", "check", **values)


@router.get("/verdicts/{verification_id}/card")
async def verdict_card(verification_id: str, door: Door) -> Response:
    """The verdict alone, for the page that asked for it."""
    job = await door.job(VERIFY, verification_id)
    if job.state is not JobState.COMPLETED:
        return JSONResponse({"status": str(job.state)}, 202)
    return _page("_answer.html", "check", job=job, **await _answer(door, job))


@router.get("/studio")
async def studio_page(door: Door) -> Response:
    """Make a clip. The first visit loads the generator: whoever comes here is about to need it."""
    services = door.services
    abilities = await run_in_threadpool(_abilities, door)
    return _page(
        "studio.html",
        "studio",
        examples=EXAMPLES,
        phases=PHASES,
        models=list(services.backends),
        purposes=PURPOSES,
        default_model=services.settings.backend,
        gallery=_gallery(abilities["model"]),
        **abilities,
    )


@lru_cache(maxsize=8)
def _gallery(model: str) -> list[dict[str, Any]]:
    """What a model made of some prompts, where the gallery is that model's (`bench.generator --parts gallery`)."""
    told = json.loads((STATIC / "gallery" / "gallery.json").read_text())
    if told["model"] != model:
        return []
    return [one | {"later": json.dumps(one["shots"])} for one in told["clips"]]


@router.get("/audit")
async def audit_page(door: Door) -> Response:
    """Look into the log."""
    log = door.services.log
    shown = await run_in_threadpool(list_entries, door, 0, _LATEST, newest_first=True)
    checkpoint = await run_in_threadpool(log.checkpoint)
    reports = await run_in_threadpool(door.services.witnesses.check_kept)
    return _page(
        "audit.html",
        "audit",
        log=shown,
        key=log.verifier_key,
        checkpoint=checkpoint,
        stages=STAGES,
        witnesses=reports,
    )


@router.get("/consent")
async def consent_page() -> Response:
    """Grant a consent, take one back. The page holds nothing: what it shows it asks for with the desk's key."""
    return _page("consent.html", "consent", purposes=PURPOSES, max_days=MAX_DAYS, max_uses=MAX_USES)


@router.get("/review")
async def review_page() -> Response:
    """What waits for a person. The page holds nothing: what it shows it asks for with the desk's key."""
    return _page("review.html", "review")


@router.get("/docs")
async def docs_page(request: Request) -> Response:
    """The API described, without anything from elsewhere."""
    return _page("docs.html", "docs", groups=_operations(request.app.openapi()))


def _described(form: Form) -> dict[str, Any]:
    return {"file_name": form.file_name}


async def _answer(door: FrontDoor, job: Job) -> dict[str, Any]:
    if job.state is not JobState.COMPLETED:
        return {}
    folder = door.jobs.folder(job.job_id)
    verdict = await run_in_threadpool(verdict_of, folder)
    expires = rfc3339(datetime.fromtimestamp(job.expires_at or 0, UTC)).replace("T", " ").replace("Z", " UTC")
    return {
        "verdict": verdict,
        "credential_holds": c2pa_result(verdict)["validation_state"] in ("valid", "trusted"),
        "headline": verdict["headline"],
        "card": Markup(await run_in_threadpool(card_path(folder).read_text)),
        "expires": expires,
    }


def _abilities(door: FrontDoor) -> dict[str, Any]:
    """What the default generator can do and says of itself, or why it can't be used."""
    try:
        backend = door.services.backends[door.services.settings.backend]
    except ReelproofError as fault:
        nothing = Capabilities(latents_in=False, latents_out=False, deterministic_ode=False, invertible=False)
        problem = sentences(JobFailure.of(fault))
        return {"able": nothing, "model": "", "sizes": [], "max_seconds": 10.0, "note": "", "problem": problem}
    able = backend.capabilities
    sizes = [f"{width}x{height}" for width, height in able.sizes]
    longest = able.max_seconds or 10.0
    return {
        "able": able,
        "model": backend.model.name,
        "sizes": sizes,
        "max_seconds": longest,
        "note": backend.model.note,
        "problem": "",
    }


def _in_words(seconds: int) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if seconds >= length:
            count = round(seconds / length)
            return f"for {count} {unit}s" if count != 1 else f"for one {unit}"
    return "for no time at all"


def _size_in_words(size_bytes: int) -> str:
    for unit, length in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size_bytes >= length:
            return (
                f"{size_bytes / length:g} {unit}"
                if size_bytes % length == 0
                else f"{size_bytes / length:.1f} {unit}"
            )
    return f"{size_bytes} bytes"


def _operations(description: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, verbs in description["paths"].items():
        for verb, operation in verbs.items():
            groups.setdefault(operation.get("tags", ["other"])[0], []).append(
                {
                    "verb": verb.upper(),
                    "path": path,
                    "says": operation.get("description") or operation.get("summary", ""),
                    "parameters": [
                        {"name": given["name"], "place": given["in"], "kind": _kind_of(given.get("schema", {}))}
                        for given in operation.get("parameters", [])
                    ],
                    "bodies": list(operation.get("requestBody", {}).get("content", {})),
                }
            )
    return list(groups.items())


def _kind_of(schema: dict[str, Any]) -> str:
    options = schema.get("enum") or [option.get("type", "") for option in schema.get("anyOf", [])]
    kind = " | ".join(str(option) for option in options) if options else str(schema.get("type", ""))
    return f"{kind}, default {schema['default']}" if "default" in schema and schema["default"] is not None else kind
