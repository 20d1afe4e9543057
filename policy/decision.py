"""What the policy says of a request: an outcome, numeric reasons, and what fired. Never a name."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What may be done with the request."""

    ALLOW = "allow"
    REVIEW = "review"
    REFUSE = "refuse"


@dataclass(frozen=True)
class ReferenceFacts:
    """What was found in one reference: its kind ("image", "video"), faces seen, and whether it could be read.

    `is_camera_origin` says that its own credential attests a camera. `sha256` is the file's, in hex. `is_sure` says
    whether a face is there beyond doubt.
    """

    kind: str
    sha256: str = ""
    faces: int = 0
    is_readable: bool = True
    is_camera_origin: bool = False
    is_sure: bool = True

    def subjects(self) -> tuple[str, ...]:
        """The subjects of the context table that this reference brings in."""
        if not self.is_readable:
            return ("unreadable_reference",)
        if self.faces:
            return ("face",) if self.is_sure else ("maybe_face",)
        return ("camera_capture",) if self.is_camera_origin and self.kind == "video" else ()


@dataclass(frozen=True)
class PolicyInput:
    """Everything of a request that a person or a machine wrote, as the policy reads it.

    `texts` maps a field's name (prompt, negative_prompt, shots, file_name …) to its text, in the order
    they were given. `reference_kinds` lists the media handed along ("image", "video", "audio"), `references`
    what was seen in them. `caller` names who asks (never a person's name), `purpose` what for; both matter
    to a consent token only. `earlier_turns` are texts of earlier requests of the same session, oldest first: a
    name split over turns is found; what stood in an earlier turn alone does not decide again.
    """

    texts: dict[str, str]
    reference_kinds: tuple[str, ...] = ()
    consent_token: str | None = None
    stage: str = "input"
    earlier_turns: tuple[str, ...] = ()
    references: tuple[ReferenceFacts, ...] = ()
    caller: str = "local"
    purpose: str = "personal"


@dataclass(frozen=True)
class Decision:
    """One decision. `reasons` are for the person who asked and never echo a name from the request.

    `codes` are stable numbers (see `policy/codes.py`), `ruleset` is the digest of every list, rule and
    model that took part, `views` names the normalised views in which something fired.
    """

    outcome: Outcome
    codes: tuple[int, ...]
    categories: tuple[str, ...]
    reasons: tuple[str, ...]
    ruleset: str
    views: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    spans: tuple[str, ...] = field(default=())
    score: float = 0.0
    threshold: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """The decision as `reelproof.decision/1` shows it, without the log index."""
        return {
            "schema": "reelproof.decision/1",
            "outcome": str(self.outcome),
            "codes": list(self.codes),
            "categories": list(self.categories),
            "reasons": list(self.reasons),
            "ruleset": self.ruleset,
            "views": list(self.views),
        }
