"""Request bodies read piece by piece: one file into a private folder, fields into a dict, JSON into an object."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header
from starlette.requests import ClientDisconnect

from core.errors import UsageError

_MAX_FIELDS = 200
_MAX_FIELD_BYTES = 256 * 1024
_NAME_CHARACTERS = 100
_NAME_BYTES = 200


@dataclass(frozen=True)
class Form:
    """What a body held: its fields by name, and the one file with the (cleaned) name its sender gave it.

    `file_field` is the form field that the file came in.
    """

    fields: dict[str, str]
    file: Path | None = None
    file_name: str = ""
    file_field: str = ""


def cleaned_name(name: str) -> str:
    """A sender's file name without folders, control characters or leading dots, at most 100 characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(character for character in last if character.isprintable())
    short = printable.strip().lstrip(".")[:_NAME_CHARACTERS]
    while len(short.encode("utf-8", "replace")) > _NAME_BYTES:
        short = short[:-1]
    return short.encode("utf-8", "replace").decode() or "clip"


def _media_type(request: Request) -> tuple[str, bytes | None]:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    return kind.decode("latin-1").lower(), options.get(b"boundary")


def _wrong_type(kind: str, expected: str) -> UsageError:
    return UsageError(
        f"a body of type {kind[:60]!r} can't be read here",
        code="unsupported_media_type",
        hint=f"Send {expected}.",
    )


def _malformed(what: str) -> UsageError:
    return UsageError(
        f"the body is no readable {what}", code="malformed_body", hint="Check how it is put together."
    )


async def receive_upload(request: Request, folder: Path, file_fields: tuple[str, ...] = ("file", "video")) -> Form:
    """One uploaded file in `folder`, under its cleaned name, and the fields beside it.

    A multipart form with a `file` part, or the file itself as the body (its name then in `X-File-Name`,
    percent-encoded). The folder is made here and belongs to the caller, who removes it.

    Raises:
        UsageError: no file, several files, or a body that is no form.
    """
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    kind, boundary = _media_type(request)
    if kind == "multipart/form-data":
        return await _receive_form(request, folder, boundary, file_fields=file_fields)
    if kind in ("application/json", "application/x-www-form-urlencoded"):
        raise _wrong_type(kind, "the clip as multipart/form-data in the field `file`, or as the body itself")
    name = cleaned_name(unquote(request.headers.get("x-file-name", "clip")))
    received = 0
    with _private_file(folder / name) as opened:
        async for piece in request.stream():
            received += len(piece)
            opened.write(piece)
    if not received and "content-type" not in request.headers:
        raise _no_file()
    return Form({}, folder / name, name)


def _private_file(path: Path) -> Any:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _no_file() -> UsageError:
    return UsageError("no file came with the request", code="missing_file", hint="Send it in the field `file`.")


async def _receive_form(
    request: Request, folder: Path, boundary: bytes | None, *, file_fields: Iterable[str]
) -> Form:
    fields: dict[str, str] = {}
    files: list[tuple[Path, str, str]] = []

    def on_field(field: Field) -> None:
        name = (field.field_name or b"").decode("utf-8", "replace")
        fields[name] = (field.value or b"").decode("utf-8", "replace")

    def on_file(file: File) -> None:
        file.flush_to_disk()
        file.close()
        part = (file.field_name or b"").decode("utf-8", "replace")
        written = Path(os.fsdecode(file.actual_file_name or b""))
        if files or part not in file_fields:
            raise UsageError(
                f"one file, in the field {' or '.join(file_fields)}, is read here",
                code="unexpected_file",
                hint="Send one.",
            )
        name = cleaned_name((file.file_name or b"").decode("utf-8", "replace"))
        files.append((written.rename(folder / name), name, part))

    await feed_form(request, boundary, folder, on_field, on_file)
    if not files:
        raise _no_file()
    return Form(fields, *files[0])


def _form_parser(boundary: bytes | None, folder: Path | None, on_field: Any, on_file: Any) -> FormParser:
    if not boundary:
        raise _malformed("multipart form: it names no boundary")
    config = {
        "UPLOAD_DIR": None if folder is None else str(folder),
        "UPLOAD_DELETE_TMP": False,
        "MAX_FIELDS": _MAX_FIELDS,
        "MAX_FIELD_SIZE": _MAX_FIELD_BYTES,
    }
    return FormParser("multipart/form-data", on_field, on_file, boundary=boundary, config=config)


def form_boundary(request: Request) -> bytes | None:
    """The boundary of a multipart form, empty if it names none; None for another kind of body."""
    kind, boundary = _media_type(request)
    return (boundary or b"") if kind == "multipart/form-data" else None


async def feed_form(
    request: Request, boundary: bytes | None, folder: Path | None, on_field: Any, on_file: Any
) -> None:
    """Read a form piece by piece; its files are written into `folder`, or held where there is none.

    Raises:
        UsageError: the body is no form, or it ends in the middle.
    """
    parser = _form_parser(boundary, folder, on_field, on_file)
    try:
        async for piece in request.stream():
            parser.write(piece)
        parser.finalize()
    except (FormParserError, ClientDisconnect) as fault:
        raise _malformed("multipart form") from fault


async def receive_fields(request: Request) -> dict[str, Any]:
    """A small body's values: a JSON object, or a multipart form, whose bracketed keys (`a[b]`) become objects.

    Raises:
        UsageError: neither of them, or a file among the fields (its value is then named as not taken).
    """
    kind, boundary = _media_type(request)
    if kind == "application/json":
        return await receive_json(request)
    if kind != "multipart/form-data":
        raise _wrong_type(kind, "application/json or multipart/form-data")
    fields: dict[str, Any] = {}

    def on_file(file: File) -> None:
        file.close()
        _put(fields, (file.field_name or b"").decode("utf-8", "replace"), {"file": True})

    await feed_form(request, boundary, None, field_into(fields), on_file)
    return fields


async def receive_json(request: Request) -> dict[str, Any]:
    """A JSON object. Raises UsageError for anything else."""
    kind, _ = _media_type(request)
    if kind != "application/json":
        raise _wrong_type(kind, "application/json")
    pieces = bytearray()
    async for piece in request.stream():
        pieces += piece
        if len(pieces) > 4 * _MAX_FIELD_BYTES:
            raise UsageError("the JSON body is too long", code="body_too_large", hint="Send at most 1 MiB.")
    try:
        value = json.loads(bytes(pieces))
    except (ValueError, RecursionError) as fault:
        raise _malformed("JSON") from fault
    if not isinstance(value, dict):
        raise _malformed("JSON object")
    return value


def field_into(fields: dict[str, Any]) -> Callable[[Field], None]:
    """What takes a form's fields into a dict, bracketed keys as objects."""

    def on_field(field: Field) -> None:
        name = (field.field_name or b"").decode("utf-8", "replace")
        _put(fields, name, (field.value or b"").decode("utf-8", "replace"))

    return on_field


def _put(fields: dict[str, Any], name: str, value: Any) -> None:
    """`input_reference[image_url]` → {"input_reference": {"image_url": …}}, one level deep."""
    outer, bracket, inner = name.partition("[")
    if not bracket:
        fields[name] = value
        return
    nested = fields.setdefault(outer, {})
    if isinstance(nested, dict):
        nested[inner.removesuffix("]")] = value
