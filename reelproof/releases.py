"""The values of the pipeline's story: what was approved, what was made, what was released."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core.errors import RequestRefused
from policy.decision import Decision

HELD = "held_for_review"
"""The code of a request that waits for a person."""


class Watch(Protocol):
    """Told which step runs and how far it is (0.0 to 1.0); may raise to cancel between steps."""

    def __call__(self, step: str, fraction: float, /) -> None:
        """Take note of a step's progress. Steps: policy, sample, mark, check, sign, register, publish."""
        ...


def unwatched(step: str, fraction: float, /) -> None:
    """A `Watch` that shows nothing."""


class HeldForReview(RequestRefused):
    """Nothing was released: a person has to look first. Once it is allowed, the same request goes on."""

    def __init__(
        self, reasons: str, request_id: str, *, reason_codes: tuple[int, ...], log_index: int | None
    ) -> None:
        hint = (
            f"Once it is approved (`reelproof review list`), the request {request_id} goes on; "
            "on the command line, run the same command with --request and this ID."
        )
        super().__init__(
            f"held for a person's review: {reasons}", hint=hint, reason_codes=reason_codes, log_index=log_index
        )
        self.code = HELD
        self.request_id = request_id


@dataclass(frozen=True)
class Approval:
    """Policy's yes, durably logged. Only `Pipeline.approve` makes one, and `release` checks it against the log.

    `consent_id` names the consent it rests on, which is checked again at release.
    """

    request_id: str
    decision: Decision
    log_index: int
    consent_id: str | None = None


@dataclass(frozen=True)
class Asker:
    """Who asks, what for, and by whose consent. `caller` is never a person's name."""

    caller: str = "local"
    purpose: str = "personal"
    consent_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SealFacts:
    """What is known of a clip that another generator made.

    `label` and `card_s` say whether people see a label, and for how many seconds an opening card; None: as set.
    """

    system: str = "unnamed generator"
    model: str = "unnamed model"
    prompt: str = ""
    label: bool | None = None
    card_s: float | None = None


@dataclass(frozen=True)
class MarkedClip:
    """An encoded, marked, not yet signed file, with all that its manifest will say.

    JSON-able, so that a durable job can resume from it.
    """

    path: Path
    content_id: str
    key_id: int
    facts: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The clip as plain JSON."""
        return {**vars(self), "path": str(self.path)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "MarkedClip":
        """The clip `to_json` described."""
        return cls(**{**value, "path": Path(value["path"])})


@dataclass(frozen=True)
class ReleaseReport:
    """What `generate` and `seal` answer: `reelproof.release/1`."""

    path: Path
    sha256: str
    manifest_id: str
    content_id: str
    decision: dict[str, Any]
    watermark: dict[str, Any]
    log: dict[str, Any]
    timings_s: dict[str, float]
    coverage: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The report as `reelproof.release/1`."""
        return {"schema": "reelproof.release/1", **vars(self), "path": str(self.path)}
