"""“Was this right?”: what people say of a verdict, kept for whoever runs the server, never beside the clip."""

import json
import os
from pathlib import Path
from threading import Lock
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from core.clock import rfc3339
from core.errors import UsageError
from detector.plaintext import plain
from reelproof.api.bodies import receive_json
from reelproof.api.front_door import Door, FrontDoor, NotFound
from reelproof.job_values import JobState
from reelproof.work import VERIFY, verdict_of

router = APIRouter(tags=["verify"])
FEEDBACK_NAME = "feedback.jsonl"
MAX_COMMENT_CHARACTERS = 2_000
_FIELDS = {"id", "right", "comment"}
_MAX_FILE_BYTES = 64 << 20
_writing = Lock()


@router.post(
    "/v1/feedback",
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["id", "right"],
                        "properties": {
                            "id": {"type": "string"},
                            "right": {"type": "boolean"},
                            "comment": {"type": "string", "maxLength": MAX_COMMENT_CHARACTERS},
                        },
                    }
                }
            },
        }
    },
)
async def feedback(request: Request, door: Door) -> dict[str, Any]:
    """Say whether a verdict was right. Kept with its conclusion and the clip's SHA-256; no address, no name."""
    given = _checked(await receive_json(request))
    job = await door.job(VERIFY, given["id"])
    if job.state is not JobState.COMPLETED:
        raise NotFound("there is no verdict yet", code="not_found", hint="Say it once the verdict is there.")
    await run_in_threadpool(_keep, door, given)
    return {"object": "feedback", "id": given["id"], "right": given["right"]}


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    comment = given.get("comment", "")
    is_sane = isinstance(given.get("id"), str) and isinstance(given.get("right"), bool) and isinstance(comment, str)
    if set(given) - _FIELDS or not is_sane or len(comment) > MAX_COMMENT_CHARACTERS:
        raise UsageError(
            "feedback is an id, right (true or false), and perhaps a comment",
            code="invalid_parameter",
            hint=f"A comment has at most {MAX_COMMENT_CHARACTERS} characters; other fields are not read.",
        )
    return {"id": given["id"], "right": given["right"], "comment": plain(comment, MAX_COMMENT_CHARACTERS)}


def _keep(door: FrontDoor, given: dict[str, Any]) -> None:
    verdict = verdict_of(door.jobs.folder(given["id"]))
    line = {
        "at": rfc3339(door.services.clock.now()),
        **given,
        "conclusion": verdict["conclusion"],
        "sha256": verdict["file"]["sha256"],
    }
    append_feedback(door.services.settings.home / FEEDBACK_NAME, line)


def append_feedback(path: Path, line: dict[str, Any]) -> None:
    """One more line, readable by the owner alone, on the disk when this returns.

    Raises:
        UsageError: `feedback_full`: the file has reached 64 MiB.
    """
    with _writing:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            if file.tell() > _MAX_FILE_BYTES:
                raise UsageError(
                    "no more feedback is kept here", code="feedback_full", hint="Tell whoever runs this server."
                )
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
