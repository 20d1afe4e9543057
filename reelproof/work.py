"""What the jobs do: a clip made in three durable steps, an upload verified, an upload sealed.

This is the bridge between the pipeline and the queue: it turns requests and approvals into JSON and back,
and says where in a job's folder things lie. It knows neither HTTP nor the queue's storage.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.files import write_atomically
from detector.report import render_fragment, render_html
from detector.reportpdf import render_pdf
from generator.guide import Guide
from generator.port import GenerationRequest, Shot
from policy.decision import Decision, Outcome
from reelproof.job_values import JobKind, JobRun, JobStep
from reelproof.releases import Approval, Asker, MarkedClip, SealFacts
from reelproof.sources import Sources
from reelproof.thumbnails import thumbnails_of

if TYPE_CHECKING:
    from reelproof.wiring import Services

VIDEO, VERIFY, SEAL = "video", "verify", "seal"
CLIP_NAME = "clip.mp4"
_VIDEO_PHASES = {
    "policy": (0.0, 0.02),
    "sample": (0.02, 0.70),
    "mark": (0.70, 0.85),
    "check": (0.85, 0.90),
    "sign": (0.90, 0.95),
    "register": (0.95, 0.98),
    "publish": (0.98, 1.0),
}
_SEAL_PHASES = _VIDEO_PHASES | {"mark": (0.02, 0.80), "check": (0.80, 0.90)}


def job_kinds(services: "Services") -> tuple[JobKind, ...]:
    """The kinds of jobs this server runs: one generation or sealing at a time, and one verification beside it."""
    made = JobKind(
        VIDEO,
        (
            JobStep("approve", partial(_approve, services), 0.02, takes_turn=False),
            JobStep("render", partial(_render, services), 0.90),
            JobStep("release", partial(_release, services), 1.0),
        ),
        lane="generation",
        phases=_VIDEO_PHASES,
        tidy=_drop_all,
    )
    sealed = JobKind(
        SEAL,
        (JobStep("seal", partial(_seal, services), 1.0),),
        lane="generation",
        phases=_SEAL_PHASES,
        tidy=_drop_uploads,
        kept_s=services.settings.verify_retention_s,
    )
    verified = JobKind(
        VERIFY,
        (JobStep("verify", partial(_verify, services), 1.0),),
        lane="verification",
        phases={"verify": (0.0, 1.0)},
        tidy=_drop_uploads,
        kept_s=services.settings.verify_retention_s,
    )
    return made, sealed, verified


def clip_path(folder: Path) -> Path:
    """Where the released clip of a job lies."""
    return folder / CLIP_NAME


def upload_folder(folder: Path) -> Path:
    """Where a job's upload lies until its outcome is known, in a file of the uploader's (cleaned) name."""
    return folder / "upload"


def verdict_of(folder: Path) -> dict[str, Any]:
    """The verdict a verification left, as `reelproof.verdict/1`."""
    verdict: dict[str, Any] = json.loads((folder / "verdict.json").read_bytes())
    return verdict


def report_path(folder: Path) -> Path:
    """The self-contained HTML report a verification left."""
    return folder / "report.html"


def pdf_path(folder: Path) -> Path:
    """The same report as a PDF."""
    return folder / "report.pdf"


def card_path(folder: Path) -> Path:
    """The verdict as a piece of HTML for our own pages, escaped by the detector."""
    return folder / "card.html"


def request_to_json(request: GenerationRequest) -> dict[str, Any]:
    """A generation request as plain JSON; the frame rate as a fraction's text."""
    plain = asdict(replace(request, media=None)) | {"fps": None if request.fps is None else str(request.fps)}
    return {name: value for name, value in plain.items() if name != "media"}


def request_from_json(value: Mapping[str, Any]) -> GenerationRequest:
    """The request that `request_to_json` described."""
    fps, shots = value.get("fps"), tuple(Shot(**shot) for shot in value.get("shots", ()))
    guide = value.get("guide")
    return GenerationRequest(
        **{
            **value,
            "fps": None if fps is None else Fraction(fps),
            "shots": shots,
            "guide": None if guide is None else Guide.from_json(guide),
        }
    )


def approval_to_json(approval: Approval) -> dict[str, Any]:
    """An approval as plain JSON. Its force comes from the log, not from this text."""
    return asdict(approval)


def approval_from_json(value: Mapping[str, Any]) -> Approval:
    """The approval that `approval_to_json` described."""
    fields: dict[str, Any] = {
        name: tuple(item) if isinstance(item, list) else item for name, item in value["decision"].items()
    }
    fields["outcome"] = Outcome(fields["outcome"])
    return Approval(value["request_id"], Decision(**fields), value["log_index"], value.get("consent_id"))


def _approve(services: "Services", run: JobRun) -> dict[str, Any]:
    request = request_from_json(run.request["generation"])
    asker = Asker(**run.request.get("asker", {}))
    approval = services.pipeline.approve(
        request, request_id=run.job_id, asker=asker, references=_sources(run).references(), watch=run.watch
    )
    return approval_to_json(approval)


def _sources(run: JobRun) -> Sources:
    """The files that came with a request: they lie in the job's folder under the names it gives."""
    given = dict(run.request.get("sources") or {})
    folder = upload_folder(run.folder)
    return Sources.from_json({name: str(folder / v) if isinstance(v, str) else v for name, v in given.items()})


def _render(services: "Services", run: JobRun) -> dict[str, Any]:
    approval = approval_from_json(run.results["approve"])
    request = request_from_json(run.request["generation"])
    folder = run.folder / "unreleased"
    folder.mkdir(exist_ok=True, mode=0o700)
    return services.pipeline.render(approval, request, folder, run.watch, _sources(run)).to_json()


def _release(services: "Services", run: JobRun) -> dict[str, Any]:
    approval = approval_from_json(run.results["approve"])
    marked = MarkedClip.from_json(dict(run.results["render"]))
    return services.pipeline.release(approval, marked, clip_path(run.folder), run.watch).to_json()


def _seal(services: "Services", run: JobRun) -> dict[str, Any]:
    facts = SealFacts(**run.request["facts"])
    out = clip_path(run.folder)
    asker = Asker(**run.request.get("asker", {}))
    report = services.pipeline.seal(_uploaded(run), out, facts, request_id=run.job_id, asker=asker, watch=run.watch)
    return report.to_json()


def _verify(services: "Services", run: JobRun) -> dict[str, Any]:
    clip = _uploaded(run)
    stream = run.request.get("stream")
    verdict = services.detector.verify(
        clip,
        progress=lambda done: run.watch("verify", done),
        is_segment=stream is not None,
        parts=tuple(stream.get("parts", ())) if stream is not None else (),
        provisos=_provisos(stream) if stream is not None else (),
    )
    answer = verdict.to_json()
    write_atomically(run.folder / "verdict.json", json.dumps(answer).encode(), mode=0o600)
    pictures, originals = thumbnails_of(clip), services.detector.kept_pictures(verdict)
    write_atomically(report_path(run.folder), render_html(verdict, pictures, originals).encode(), mode=0o600)
    write_atomically(pdf_path(run.folder), render_pdf(verdict, pictures, originals), mode=0o600)
    write_atomically(card_path(run.folder), render_fragment(verdict, pictures, originals).encode(), mode=0o600)
    return {"conclusion": answer["conclusion"], "origin": answer["origin"]}


def _provisos(stream: Mapping[str, Any]) -> tuple[str, ...]:
    """What the verdict on a fetched stream must say beside its findings."""
    count = int(stream["segments"])
    joined = (
        f"The file was put together from the {count} segment{'s' if count > 1 else ''} of a stream, of the variant "
        "with the highest rate; its hash is of them one behind the other."
    )
    live = "The stream had no end yet: what its playlist named at that moment was judged."
    return (joined, live) if stream["is_live"] else (joined,)


def _uploaded(run: JobRun) -> Path:
    return next(upload_folder(run.folder).iterdir())


def _drop_unreleased(folder: Path) -> None:
    _drop(folder / "unreleased")


def _drop_all(folder: Path) -> None:
    _drop_unreleased(folder)
    _drop_uploads(folder)


def _drop_uploads(folder: Path) -> None:
    _drop(upload_folder(folder))


def _drop(folder: Path) -> None:
    if folder.is_dir():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
