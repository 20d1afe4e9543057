"""The reviewer's side: what waits for a person, what was asked, and the decision. And the asker's: an appeal."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from core.errors import UsageError
from policy.reviews import Review, ReviewState
from reelproof.api.bodies import receive_json
from reelproof.api.front_door import Door, FrontDoor
from reelproof.job_values import JobState
from reelproof.reviews import appeal, decide_review, sheet_of, show_review

router = APIRouter(tags=["reviews"])
_APPEAL = {
    "requestBody": {
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["log_index", "statement"]}},
        }
    }
}


@router.get("/v1/reviews")
async def list_reviews(
    door: Door,
    state: Literal["waiting", "approved", "rejected", "all"] = "waiting",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """Requests that wait for a person, oldest first; no texts."""
    wanted = None if state == "all" else ReviewState(state)
    found = await run_in_threadpool(door.services.reviews.all, wanted, limit)
    return {"object": "list", "data": [review.to_json() for review in found]}


@router.get("/v1/reviews/{review_id}")
async def show(review_id: str, request: Request, door: Door) -> dict[str, Any]:
    """One review with what was asked, as the vault keeps it. That you read it is logged."""
    return await run_in_threadpool(show_review, door.services, review_id, door.caller(request))


@router.get("/v1/reviews/{review_id}/sheet")
async def sheet(review_id: str, request: Request, door: Door) -> Response:
    """Frames of a held clip on one sheet (JPEG). That you looked is logged."""
    picture = await run_in_threadpool(sheet_of, door.services, review_id, door.caller(request))
    return Response(picture, media_type="image/jpeg")


@router.post("/v1/reviews/{review_id}/approve")
async def approve(review_id: str, request: Request, door: Door) -> dict[str, Any]:
    """Let this very request go on; a held job is taken up again at once."""
    return await _decide(door, review_id, approve=True, by=door.caller(request))


@router.post("/v1/reviews/{review_id}/reject")
async def reject(review_id: str, request: Request, door: Door) -> dict[str, Any]:
    """Turn the request down for good; held frames are deleted."""
    return await _decide(door, review_id, approve=False, by=door.caller(request))


@router.post("/v1/appeals", openapi_extra=_APPEAL, status_code=202)
async def make_appeal(request: Request, door: Door) -> dict[str, Any]:
    """Ask a person to look at a refusal, named by its `log_index`, and say why in `statement`."""
    fields = await receive_json(request)
    index, statement = fields.get("log_index"), fields.get("statement")
    if not isinstance(index, int) or isinstance(index, bool) or not isinstance(statement, str):
        raise UsageError(
            "an appeal names a log entry and says why",
            code="invalid_parameter",
            hint="Send log_index (a number) and statement (text).",
        )
    review = await run_in_threadpool(appeal, door.services, index, statement)
    return {"object": "appeal", "request_id": review.request_id, "state": str(review.state)}


async def _decide(door: FrontDoor, review_id: str, *, approve: bool, by: str) -> dict[str, Any]:
    def decided() -> Review:
        review = decide_review(door.services, review_id, approve=approve, by=by)
        job = door.jobs.status(review.request_id)
        if job is not None and job.state is JobState.HELD:
            door.jobs.retry(review.request_id)
        return review

    return (await run_in_threadpool(decided)).to_json()
