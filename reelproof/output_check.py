"""Looks at finished frames before release: a face where nobody was asked for is held for a person to look at.

A held clip waits, marked but unsigned, in `held/` of the home. Approved, that very file goes on; rejected, it goes.
"""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from core.clock import Clock
from core.errors import RequestRefused
from core.files import write_atomically
from core.video import open_clip
from policy.codes import Code, meaning
from policy.gate import PolicyGate
from policy.references import FRAMES_LOOKED_AT, FRAMES_NEEDED, FaceFinder
from policy.reviews import Review, ReviewKind, ReviewQueue, ReviewState
from reelproof.releases import Approval, HeldForReview, MarkedClip


@dataclass(frozen=True)
class OutputCheck:
    """The last look before signing. Thread-safe; repeating it after a crash gives the same."""

    finder: FaceFinder
    gate: PolicyGate
    reviews: ReviewQueue
    folder: Path
    clock: Clock

    def resumed(self, approval: Approval, folder: Path) -> MarkedClip | None:
        """The held clip of this request, once a person allowed it, copied into `folder`; None where none is held.

        Raises:
            HeldForReview: nobody has looked at it yet. RequestRefused: a person turned it down.
        """
        review = self.reviews.of_request(approval.request_id, ReviewKind.OUTPUT)
        if review is None or not self.clip(approval.request_id).is_file():
            return None
        if review.state is ReviewState.WAITING:
            raise _held(review)
        if review.state is not ReviewState.APPROVED:
            self.drop(approval.request_id)
            says = meaning(Code.REVIEW_REJECTED)
            codes = (int(Code.REVIEW_REJECTED),)
            raise RequestRefused(says.reason, hint=says.hint, reason_codes=codes, log_index=review.log_index)
        kept = self.clip(approval.request_id)
        marked = MarkedClip.from_json(json.loads(kept.with_name("marked.json").read_bytes()))
        if marked.content_id != review.digest:
            return None
        shutil.copyfile(kept, folder / "marked.mp4")
        return replace(marked, path=folder / "marked.mp4")

    def require_clear(self, approval: Approval, marked: MarkedClip) -> MarkedClip:
        """The clip, with what was seen among its facts, if no face is in it that needs a person's look.

        A request that rests on a consent may show a face; nothing is recognised, so not whose.

        Raises:
            HeldForReview: there is one; the clip waits and the hold is on record.
        """
        if approval.consent_id is not None:
            return marked
        seen = self.finder.frames_with_faces(open_clip(marked.path))
        if seen < FRAMES_NEEDED:
            return replace(marked, facts=marked.facts | {"output_check": {"frames_with_faces": seen}})
        index = self.gate.record(
            "output",
            approval.request_id,
            outcome="review",
            codes=[int(Code.OUTPUT_FACE)],
            content_id=marked.content_id,
            frames_with_faces=seen,
            frames_looked_at=FRAMES_LOOKED_AT,
        )
        self._keep(approval.request_id, marked)
        review = self.reviews.put(
            ReviewKind.OUTPUT,
            ReviewState.WAITING,
            request_id=approval.request_id,
            entry_id=str(self.gate.log.entry(approval.log_index)["id"]),
            log_index=index,
            codes=(int(Code.OUTPUT_FACE),),
            digest=marked.content_id,
            now=self.clock.now(),
        )
        raise _held(review)

    def clip(self, request_id: str) -> Path:
        """Where the held clip of a request lies."""
        return self.folder / request_id / "marked.mp4"

    def drop(self, request_id: str) -> None:
        """Delete the held clip of a request; nothing happens where there is none."""
        shutil.rmtree(self.folder / request_id, ignore_errors=True)

    def _keep(self, request_id: str, marked: MarkedClip) -> None:
        kept = self.clip(request_id)
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(marked.path, kept)
        write_atomically(kept.with_name("marked.json"), json.dumps(marked.to_json()).encode(), mode=0o600)


def _held(review: Review) -> HeldForReview:
    reasons = " ".join(meaning(code).reason for code in review.codes)
    return HeldForReview(reasons, review.request_id, reason_codes=review.codes, log_index=review.log_index)
