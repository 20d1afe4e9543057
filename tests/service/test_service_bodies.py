import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from reelproof.api.bodies import cleaned_name, receive_fields, receive_json, receive_upload

BOUNDARY = "----edge"


def request_of(body: bytes, content_type: str | None, piece: int = 7, **headers: str) -> Request:
    """A request whose body arrives a few bytes at a time."""
    pieces = [body[i : i + piece] for i in range(0, len(body), piece)] or [b""]

    async def receive() -> dict[str, Any]:
        part = pieces.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(pieces)}

    listed = [(name.replace("_", "-").encode(), text.encode("latin-1")) for name, text in headers.items()]
    if content_type is not None:
        listed.append((b"content-type", content_type.encode()))
    return Request({"type": "http", "method": "POST", "path": "/", "headers": listed, "query_string": b""}, receive)


def form(*parts: tuple[str, str | None, bytes]) -> bytes:
    """A multipart body of (name, file name or None, content)."""
    body = b""
    for name, file_name, content in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{file_name}"' if file_name is not None else "")
        body += f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


@given(st.text(max_size=400))
def test_cleaned_names_are_one_harmless_file_name(name: str) -> None:
    """Whatever a sender calls a file, what is left is one short, visible, plain name."""
    cleaned = cleaned_name(name)
    assert cleaned
    assert "/" not in cleaned
    assert cleaned not in (".", "..")
    assert not cleaned.startswith(".")
    assert len(cleaned) <= 100
    assert len(cleaned.encode()) <= 200
    assert all(character.isprintable() for character in cleaned)


@given(st.binary(max_size=500), st.integers(1, 600))
def test_uploads_arrive_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, content: bytes, piece: int) -> None:
    """A file sent as a form part or as the body itself is stored exactly, however the pieces fall."""
    for body, kind in (
        (form(("file", "a.mp4", content), ("model", None, b"m")), FORM_TYPE),
        (content, "video/mp4"),
    ):
        folder = tmp_path_factory.mktemp("upload")
        received = asyncio.run(receive_upload(request_of(body, kind, piece), folder))
        assert received.file is not None
        assert received.file.read_bytes() == content
        assert received.file.parent == folder
        assert len(list(folder.iterdir())) == 1


def test_names_of_the_sender_never_leave_the_folder(tmp_path: Path) -> None:
    """A part called `../../etc/passwd` lands in the private folder under its last part."""
    body = form(("file", "../../etc/passwd", b"x"))
    received = asyncio.run(receive_upload(request_of(body, FORM_TYPE), tmp_path / "own"))
    assert received.file == tmp_path / "own" / "passwd"


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (form(("model", None, b"m")), FORM_TYPE, "missing_file"),
        (form(("file", "a", b"1"), ("file", "b", b"2")), FORM_TYPE, "unexpected_file"),
        (form(("other", "a", b"1")), FORM_TYPE, "unexpected_file"),
        (b"no form at all", FORM_TYPE, "malformed_body"),
        (b"", "multipart/form-data", "malformed_body"),
        (b"{}", "application/json", "unsupported_media_type"),
        (b"a=b", "application/x-www-form-urlencoded", "unsupported_media_type"),
        (b"", None, "missing_file"),
    ],
)
def test_bodies_that_are_no_upload_are_named(tmp_path: Path, body: bytes, kind: str | None, code: str) -> None:
    """Each way of not sending a file has its own code."""
    with pytest.raises(UsageError) as refused:
        asyncio.run(receive_upload(request_of(body, kind), tmp_path / "own"))
    assert refused.value.code == code


def test_form_cut_off_in_the_middle_is_malformed(tmp_path: Path) -> None:
    """A form without its closing boundary is refused, not taken for a shorter clip."""
    body = form(("file", "a.mp4", b"x" * 500))[:-60]
    with pytest.raises(UsageError) as refused:
        asyncio.run(receive_upload(request_of(body, FORM_TYPE), tmp_path / "own"))
    assert refused.value.code in ("malformed_body", "missing_file")


def test_bracketed_keys_become_objects() -> None:
    """`input_reference[image_url]` in a form reads like nested JSON, the way OpenAI's clients send it."""
    body = form(("prompt", None, b"a"), ("input_reference[image_url]", None, b"http://x"), ("s[", None, b"t"))
    fields = asyncio.run(receive_fields(request_of(body, FORM_TYPE)))
    assert fields == {"prompt": "a", "input_reference": {"image_url": "http://x"}, "s": {"": "t"}}


def test_clash_of_plain_and_bracketed_keys_is_no_crash() -> None:
    """A key that is a text and an object at once keeps the text."""
    body = form(("a", None, b"1"), ("a[b]", None, b"2"))
    assert asyncio.run(receive_fields(request_of(body, FORM_TYPE))) == {"a": "1"}


@pytest.mark.parametrize("read", [receive_json, receive_fields])
@pytest.mark.parametrize("body", [b"", b"[1]", b"nul", b'{"a":', b"[" * 100_000, b"\xff\xfe{}", b'"text"'])
def test_json_that_is_no_object_is_malformed(read: Callable[[Request], Any], body: bytes) -> None:
    """Empty, cut off, too deep or not an object: refused with a code."""
    with pytest.raises(UsageError) as refused:
        asyncio.run(read(request_of(body, "application/json", piece=4096)))
    assert refused.value.code == "malformed_body"


def test_endless_json_is_cut_off() -> None:
    """A JSON body past its bound is refused before it is all in memory."""
    asked = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield b"x" * 65_536

    request = request_of(b"", "application/json")
    request.stream = pieces  # type: ignore[method-assign]
    with pytest.raises(UsageError) as refused:
        asyncio.run(receive_json(request))
    assert refused.value.code == "body_too_large"
    assert asked < 40
