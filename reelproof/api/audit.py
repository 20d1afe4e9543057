"""The decision log for anybody to check: entries with proofs, the signed checkpoint, and the C2SP tlog-tiles."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from starlette.concurrency import run_in_threadpool

from core.errors import ReelproofError
from reelproof.api.front_door import Door, FrontDoor, NotFound

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


@router.get("/entries/{index}")
async def entry(index: str, door: Door) -> dict[str, Any]:
    """One entry with its receipt: a C2SP tlog-proof that it stands in the log."""
    log = door.services.log
    if not (index.isascii() and index.isdigit() and len(index) < 16) or int(index) >= log.size:
        raise _no_such("entry")
    number = int(index)
    found = await run_in_threadpool(log.entry, number)
    return {"index": number, "entry": found, "receipt": await run_in_threadpool(log.receipt, number)}


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


def _no_such(what: str) -> NotFound:
    return NotFound(
        f"the log has no such {what}", code="not_found", hint="GET /v1/audit/checkpoint tells its size."
    )
