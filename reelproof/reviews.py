"""The review desk: a person looks at what was held or appealed, and decides. Every step is an entry of the log."""

import json
from typing import TYPE_CHECKING, Any

from core.errors import UsageError
from core.pictures import contact_sheet, jpeg, sampled
from core.video import open_clip
from policy.reviews import Review, ReviewKind, ReviewState

if TYPE_CHECKING:
    from reelproof.wiring import Services

MAX_STATEMENT_CHARS = 2_000
_SHEET_FRAMES, _SHEET_COLUMNS, _SHEET_WIDTH_PX = 8, 4, 320


def show_review(services: "Services", review_id: str, by: str) -> dict[str, Any]:
    """A review with what was asked (None once erased) and a person's statement. Reading it is on record."""
    review = services.reviews.get(review_id)
    shown = review.to_json() | {"texts": _texts(services, review.entry_id, review, by)}
    entry_id = services.reviews.statement_of(review_id)
    statement = _texts(services, entry_id, review, by) if entry_id else None
    has_clip = review.kind is ReviewKind.OUTPUT and services.pipeline.output.clip(review.request_id).is_file()
    return shown | {"statement": (statement or {}).get("statement"), "has_clip": has_clip}


def sheet_of(services: "Services", review_id: str, by: str) -> bytes:
    """A JPEG sheet of the frames of a held clip. Looking at it is on record.

    Raises:
        UsageError: no such review, or no clip is held for it.
    """
    review = services.reviews.get(review_id)
    clip = services.pipeline.output.clip(review.request_id)
    if review.kind is not ReviewKind.OUTPUT or not clip.is_file():
        raise UsageError("no clip is held here", code="no_held_clip", hint="Only held frames can be looked at.")
    services.gate.record("access", review.request_id, review_id=review_id, by=by, why="review of held frames")
    pictures = sampled(open_clip(clip), _SHEET_FRAMES)
    return jpeg(contact_sheet(pictures, columns=_SHEET_COLUMNS, width_px=_SHEET_WIDTH_PX))


def decide_review(services: "Services", review_id: str, *, approve: bool, by: str) -> Review:
    """A person's decision, on record before it counts. Approved, that very request goes on when it is asked again.

    Raises:
        UsageError: no such review, decided before, or never to be lifted.
    """
    state = ReviewState.APPROVED if approve else ReviewState.REJECTED
    review = services.reviews.check(review_id, state)
    verdict = "allow" if approve else "refuse"
    facts = {"review_id": review_id, "verdict": verdict, "kind": str(review.kind), "codes": list(review.codes)}
    services.gate.record("review", review.request_id, **facts, of=review.log_index, by=by)
    decided = services.reviews.move(review_id, state, now=services.clock.now(), by=by)
    if not approve and review.kind is ReviewKind.OUTPUT:
        services.pipeline.output.drop(review.request_id)
    return decided


def appeal(services: "Services", log_index: int, statement: str) -> Review:
    """Ask a person to look at a refusal. The statement goes into the vault; that it was made goes into the log.

    Raises:
        UsageError: no such refusal, nothing to appeal, or reasons that nobody may lift.
    """
    review = services.reviews.of_entry(log_index)
    if review is None:
        raise UsageError(
            "this entry is no refusal that can be appealed", code="no_appeal", hint="Name the refusal's log index."
        )
    if not statement.strip() or len(statement) > MAX_STATEMENT_CHARS:
        raise UsageError(
            "an appeal says why", code="appeal_statement", hint=f"Use 1 to {MAX_STATEMENT_CHARS} characters."
        )
    services.reviews.check(review.review_id, ReviewState.WAITING)
    entry_id = services.gate.record_texts(
        "appeal", review.request_id, {"statement": statement}, review_id=review.review_id, of=log_index
    )
    services.reviews.keep_statement(review.review_id, entry_id)
    return services.reviews.move(review.review_id, ReviewState.WAITING, now=services.clock.now())


def _texts(services: "Services", entry_id: str, review: Review, by: str) -> dict[str, str] | None:
    kept = services.gate.read_texts(entry_id, by=by, why="review", request_id=review.request_id)
    return None if kept is None else dict(json.loads(kept))
