"""Between OpenAI's video wire format and our values: a body to a request, a job to a video object."""

import json
import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from core.errors import UsageError
from generator.guide import Guide
from generator.port import GenerationRequest, Shot
from reelproof.api.errors import sentences
from reelproof.job_values import Job, JobState
from reelproof.releases import Asker
from reelproof.work import request_from_json

_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")
_STATES = {JobState.CANCELLED: "failed", JobState.HELD: "failed"}
_MOST_SHOTS = 32
_REFERENCES = ("input_reference", "image", "last_image", "video", "characters")


def _wrong(name: str, expected: str) -> UsageError:
    return UsageError(f"{name} can't be read", code="invalid_parameter", hint=f"Give {name} as {expected}.")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(name, "text")
    return value


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as fault:
        raise _wrong(name, "a number") from fault
    if not math.isfinite(number) or isinstance(value, bool):
        raise _wrong(name, "a number")
    return number


def _integer(name: str, value: Any) -> int:
    number = _number(name, value)
    if number != int(number) or abs(number) > 2**53:
        raise _wrong(name, "a whole number")
    return int(number)


def _rate(name: str, value: Any) -> Fraction:
    try:
        rate = Fraction(str(value)).limit_denominator(1001)
    except (ValueError, ZeroDivisionError, OverflowError) as fault:
        raise _wrong(name, "frames a second, like 24 or 24000/1001") from fault
    if not 0 < rate <= 240:
        raise _wrong(name, "frames a second between 1 and 240")
    return rate


def _shots(name: str, value: Any) -> tuple[Shot, ...]:
    """A list of shots; in a form, the same as JSON text."""
    expected = 'a list like [{"prompt": "a red ball bounces", "seconds": 2}], in a form as JSON text'
    try:
        rows = json.loads(value) if isinstance(value, str) else value
    except ValueError as fault:
        raise _wrong(name, expected) from fault
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or len(rows) > _MOST_SHOTS:
        raise _wrong(name, expected)
    shots: list[Shot] = []
    for index, row in enumerate(rows):
        if set(row) - {"prompt", "seconds"} or not isinstance(row.get("prompt"), str):
            raise _wrong(f"{name}[{index}]", "an object with a prompt, and seconds if you like")
        seconds = row.get("seconds")
        shots.append(Shot(row["prompt"], None if seconds is None else _number(f"{name}[{index}].seconds", seconds)))
    return tuple(shots)


def _guide(name: str, value: Any) -> Guide:
    """A camera path and strokes; in a form, the same as JSON text."""
    try:
        return Guide.from_json(json.loads(value) if isinstance(value, str) else value)
    except ValueError as fault:
        raise _wrong(name, "an object with camera and strokes, in a form as JSON text") from fault


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "prompt": _text,
    "negative_prompt": _text,
    "camera": _text,
    "seconds": _number,
    "fps": _rate,
    "steps": _integer,
    "guidance_scale": _number,
    "seed": _integer,
    "shots": _shots,
    "guide": _guide,
}


def take_asker(fields: dict[str, Any], caller: str) -> Asker:
    """Who asks, what for and by whose consent; takes `consent_token` and `purpose` out of the fields."""
    token, purpose = fields.pop("consent_token", None), fields.pop("purpose", None)
    return Asker(
        caller,
        "personal" if purpose is None else _text("purpose", purpose),
        None if token is None else _text("consent_token", token),
    )


def take_number(fields: dict[str, Any], name: str) -> float | None:
    """A number taken out of the fields, or None where it is not among them."""
    value = fields.pop(name, None)
    return None if value is None else _number(name, value)


def read_generation(fields: Mapping[str, Any], backends: Mapping[str, Any], default: str) -> GenerationRequest:
    """What a body asks for.

    Raises:
        UsageError: a missing prompt, a value that can't be, or a parameter this server doesn't know. Nothing
            is dropped silently.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    _refuse_unread_references(given)
    unknown = set(given) - {*_READERS, "model", "size"}
    if unknown:
        raise UsageError(
            f"unknown parameter {sorted(unknown)[0][:60]!r}",
            code="unknown_parameter",
            hint=f"Known: model, size, consent_token, purpose, {', '.join(_READERS)}.",
        )
    values = {name: read(name, given[name]) for name, read in _READERS.items() if name in given}
    if not values.get("prompt", "").strip():
        raise UsageError("a prompt is needed", code="missing_prompt", hint="Say what the clip should show.")
    width, height = _size(given.get("size"))
    backend = _backend(given.get("model"), backends, default)
    return GenerationRequest(**values, width_px=width, height_px=height, backend=backend)


def _refuse_unread_references(given: Mapping[str, Any]) -> None:
    """Files come as parts of a form and are taken out before: what is left is an address, an ID or a name."""
    for name in _REFERENCES:
        if name in given:
            raise UsageError(
                f"{name} is taken as a file alone",
                code="not_supported",
                hint="Send the picture or clip itself, as a part of a multipart form; characters are not served.",
            )


def _size(value: Any) -> tuple[int | None, int | None]:
    if value is None:
        return None, None
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _wrong("size", "WIDTHxHEIGHT in pixels, like 256x256")
    return int(match[1]), int(match[2])


def _backend(model: Any, backends: Mapping[str, Any], default: str) -> str:
    if model is None:
        return default
    if not isinstance(model, str) or model not in list(backends):
        raise UsageError(
            f"there is no model {str(model)[:60]!r} here",
            code="model_not_found",
            hint=f"Choose one of {', '.join(backends)}, or leave `model` out.",
        )
    return model


def video_object(job: Job) -> dict[str, Any]:
    """A job as OpenAI's video object; what we know beyond that stands under `reelproof`."""
    request = request_from_json(job.request["generation"])
    used = job.results.get("render", {}).get("facts", {}).get("settings", {})
    size = f"{request.width_px}x{request.height_px}" if request.width_px else used.get("size", "auto")
    seconds = used.get("seconds", request.seconds)
    return {
        "id": job.job_id,
        "object": "video",
        "model": request.backend,
        "status": _STATES.get(job.state, str(job.state)),
        "progress": round(100 * job.progress),
        "created_at": job.created_at,
        "completed_at": job.completed_at,
        "expires_at": None,
        "size": str(size),
        "seconds": "auto" if seconds is None else f"{float(seconds):g}",
        "prompt": request.prompt,
        "remixed_from_video_id": job.request.get("remixed_from"),
        "error": _error(job),
        "reelproof": _beyond(job, used),
    }


def _error(job: Job) -> dict[str, Any] | None:
    if job.failure is None:
        return None
    return {"code": job.failure.code, "message": sentences(job.failure)}


def _beyond(job: Job, used: Mapping[str, Any]) -> dict[str, Any]:
    release = job.results.get("release")
    public = {name: value for name, value in release.items() if name != "path"} if release else None
    return {
        "state": str(job.state),
        "phase": job.phase,
        "log_index": job.results.get("approve", {}).get("log_index"),
        "settings": dict(used),
        "release": public,
        "note": job.request.get("note"),
    }
