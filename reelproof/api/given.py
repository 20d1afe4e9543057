"""The files that come with a request for a clip: form parts into the job's folder, or a clip that was made here.

A file lies under its part's name and digest, so that a repeated request finds the same names.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request
from python_multipart.multipart import File
from starlette.concurrency import run_in_threadpool

from core.canonical import file_sha256
from core.errors import UsageError
from reelproof.api.bodies import cleaned_name, feed_form, field_into, form_boundary, receive_fields
from reelproof.api.front_door import FrontDoor
from reelproof.job_values import JobState
from reelproof.sources import Sources
from reelproof.work import VIDEO, clip_path, upload_folder

_PARTS = {"input_reference": "first_frame", "image": "first_frame", "last_image": "last_frame", "video": "clip"}


@dataclass(frozen=True)
class Given:
    """A body's fields, and its files by what they are for (`Sources`' names), as names in the upload folder."""

    fields: dict[str, Any]
    files: dict[str, str]


async def receive_given(request: Request, door: FrontDoor, job_id: str) -> Given:
    """A JSON object, or a form with pictures and a clip among its fields; the files lie in the job's folder.

    Raises:
        UsageError: a file in a field that takes none, two for the same purpose, or a body that can't be read.
    """
    boundary = form_boundary(request)
    if boundary is None:
        return Given(await receive_fields(request), {})
    folder = upload_folder(await run_in_threadpool(door.jobs.folder, job_id))
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    fields: dict[str, Any] = {}
    files: dict[str, str] = {}

    def on_file(file: File) -> None:
        file.flush_to_disk()
        file.close()
        part = (file.field_name or b"").decode("utf-8", "replace")
        name = cleaned_name((file.file_name or b"").decode("utf-8", "replace"))
        _keep(folder, files, part, Path(os.fsdecode(file.actual_file_name or b"")), name)

    await feed_form(request, boundary, folder, field_into(fields), on_file)
    return Given(fields, files)


async def made_here(door: FrontDoor, job_id: str, given: Given) -> Given:
    """`video` as {"id": …}: a clip that was made here, copied into the job's folder."""
    value = given.fields.get("video")
    if not isinstance(value, Mapping):
        return given
    earlier = await door.job(VIDEO, str(value.get("id", "")))
    clip = clip_path(door.jobs.folder(earlier.job_id))
    if earlier.state is not JobState.COMPLETED or not clip.is_file():
        raise UsageError("that clip is not finished", code="video_not_ready", hint="Poll until it is `completed`.")
    folder = upload_folder(await run_in_threadpool(door.jobs.folder, job_id))
    files = dict(given.files)

    def copied() -> None:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        draft = folder / "copied"
        shutil.copyfile(clip, draft)
        _keep(folder, files, "video", draft, f"{earlier.job_id}.mp4")

    await run_in_threadpool(copied)
    return Given({name: item for name, item in given.fields.items() if name != "video"}, files)


def sources_of(given: Given, **more: Any) -> dict[str, Any]:
    """The files as a job's `sources`, checked; `more` is `is_extended` and `strength`. Empty without any.

    Raises:
        UsageError: pictures and a clip together.
    """
    if not given.files:
        return {}
    return Sources.from_json({**given.files, **more}).to_json()


def _keep(folder: Path, files: dict[str, str], part: str, written: Path, name: str) -> None:
    purpose = _PARTS.get(part)
    if purpose is None or purpose in files:
        written.unlink(missing_ok=True)
        raise UsageError(
            f"a file in the field {part[:60]!r} is not taken here",
            code="unexpected_file",
            hint=f"One each, in {', '.join(_PARTS)}.",
        )
    kept = f"{file_sha256(written)[:16]}-{name}"
    written.replace(folder / kept)
    files[purpose] = kept
