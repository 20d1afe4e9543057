"""The decision log for anybody to check: entries with proofs, the signed checkpoint, and the C2SP tlog-tiles."""

import base64
import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from core.errors import ReelproofError
from reelproof.api.front_door import Door, FrontDoor, NotFound
from reelproof.log_desk import EntryFilter, erase, exported, find_entries, read_text, story_of

router = APIRouter(prefix="/v1/audit", tags=["audit"])
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_BRIEFLY = {"Cache-Control": "public, max-age=5"}


@router.get("/entries")
async def entries(
    door: Door,
    start: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=256)] = 50,
    order: Literal["asc", "desc"] = "asc",
) -> dict[str, Any]:
    """Entries of the log, oldest first from `start`; with `order=desc` newest first, skipping `start`."""
    return await run_in_threadpool(list_entries, door, start, limit, newest_first=order == "desc")


@router.get("/find")
async def find(
    door: Door,
    stage: Annotated[str, Query(max_length=40)] = "",
    outcome: Annotated[str, Query(max_length=20)] = "",
    code: Annotated[int | None, Query(ge=0, le=9_999)] = None,
    named: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=256)] = 50,
) -> dict[str, Any]:
    """Entries that fit, newest first; `named`: an ID of a request, clip, manifest or consent. Goes on at `next`."""
    wanted, reader = EntryFilter(stage, outcome, code, named), door.services.log.reader
    found, end = await run_in_threadpool(lambda: find_entries(reader, wanted, before=before, limit=limit))
    return {
        "object": "list",
        "data": [{"index": index, "entry": entry} for index, entry in found],
        "next": end or None,
    }


@router.get("/export")
async def export(
    door: Door,
    form: Annotated[Literal["csv", "json"], Query(alias="format")] = "csv",
    stage: Annotated[str, Query(max_length=40)] = "",
    outcome: Annotated[str, Query(max_length=20)] = "",
    code: Annotated[int | None, Query(ge=0, le=9_999)] = None,
    named: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """The log as CSV or as JSON lines, oldest first; commitments, no texts."""
    lines = exported(door.services.log.reader, form, EntryFilter(stage, outcome, code, named))
    kind = "text/csv; charset=utf-8" if form == "csv" else "application/jsonl"
    disposition = {"Content-Disposition": f'attachment; filename="decisions.{"csv" if form == "csv" else "jsonl"}"'}
    return StreamingResponse(lines, media_type=kind, headers=disposition)


@router.get("/entries/{index}/story")
async def story(index: str, door: Door) -> dict[str, Any]:
    """Every entry of the same request, from the decision to the release, oldest first."""
    found = await run_in_threadpool(story_of, door.services.log.reader, _checked(door, index))
    return {"object": "list", "data": [{"index": place, "entry": each} for place, each in found]}


@router.get("/entries/{index}/text")
async def text(index: str, request: Request, door: Door) -> dict[str, Any]:
    """What was asked, as the vault keeps it, for a desk key. That you read it is logged."""
    _checked(door, index)
    _, kept = await run_in_threadpool(lambda: read_text(door.services, index, by=door.caller(request)))
    return {"index": int(index), "texts": None if kept is None else json.loads(kept)}


@router.delete("/entries/{index}/text")
async def erase_text(index: str, request: Request, door: Door) -> dict[str, Any]:
    """Destroy the text of an entry and its key, for a desk key. The entry stays, and the log still verifies."""
    _checked(door, index)
    _, was_there = await run_in_threadpool(lambda: erase(door.services, index, by=door.caller(request)))
    return {"index": int(index), "erased": was_there}


@router.get("/witnessed")
async def witnessed(door: Door) -> dict[str, Any]:
    """The latest checkpoint that each configured witness cosigned (C2SP tlog-cosignature), and how it stands."""
    witnesses = door.services.witnesses
    reports = await run_in_threadpool(witnesses.check_kept)
    notes = await run_in_threadpool(witnesses.cosigned)
    return {"object": "list", "data": [report.to_json() for report in reports], "checkpoints": notes}


@router.get("/entries/{index}")
async def entry(index: str, door: Door) -> dict[str, Any]:
    """One entry, its exact bytes (base64), and its receipt: a C2SP tlog-proof that it stands in the log."""
    log, number = door.services.log, _checked(door, index)
    content = await run_in_threadpool(log.entry_bytes, number)
    return {
        "index": number,
        "entry": json.loads(content),
        "entry_bytes": base64.b64encode(content).decode(),
        "receipt": await run_in_threadpool(log.receipt, number),
    }


@router.get("/checkpoint")
async def checkpoint(door: Door) -> Response:
    """The signed checkpoint: origin, size, root hash (C2SP tlog-checkpoint)."""
    text = await run_in_threadpool(door.services.log.checkpoint)
    return Response(text, media_type="text/plain; charset=utf-8", headers=_BRIEFLY)


@router.get("/key")
async def verifier_key(door: Door) -> Response:
    """The public key that checkpoints are checked with (C2SP signed-note verifier key)."""
    return Response(door.services.log.verifier_key + "\n", media_type="text/plain; charset=utf-8", headers=_BRIEFLY)


@router.get("/tile/{path:path}")
async def tile(path: str, door: Door) -> Response:
    """A tile of hashes or a bundle of entries, as static as the log itself (C2SP tlog-tiles)."""
    try:
        content = await run_in_threadpool(door.services.log.tile, f"tile/{path}")
    except ReelproofError as fault:
        raise _no_such("tile") from fault
    return Response(content, media_type="application/octet-stream", headers=_FOREVER)


def list_entries(door: FrontDoor, start: int, limit: int, *, newest_first: bool) -> dict[str, Any]:
    """A page of the log as JSON."""
    log = door.services.log
    size = log.size
    first = max(0, size - start - limit) if newest_first else min(start, size)
    last = max(0, size - start) if newest_first else min(start + limit, size)
    found = log.entries(first, last - first) if last > first else []
    numbered = [{"index": first + place, "entry": entry} for place, entry in enumerate(found)]
    return {
        "object": "list",
        "size": size,
        "root": log.root_hex,
        "data": numbered[::-1] if newest_first else numbered,
        "has_more": first > 0 if newest_first else last < size,
    }


def _checked(door: FrontDoor, index: str) -> int:
    if not (index.isascii() and index.isdigit() and len(index) < 16) or int(index) >= door.services.log.size:
        raise _no_such("entry")
    return int(index)


def _no_such(what: str) -> NotFound:
    return NotFound(
        f"the log has no such {what}", code="not_found", hint="GET /v1/audit/checkpoint tells its size."
    )
