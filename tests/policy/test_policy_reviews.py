"""Rules of review: a person's decision lets exactly one request go on, and some things nobody can allow."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.clock import FixedClock
from core.errors import ConfigurationError, UsageError
from policy.codes import Code
from policy.decision import Outcome, PolicyInput
from policy.filter import PolicyFilter
from policy.gate import PolicyGate
from policy.log import DecisionLog
from policy.reviews import ReviewKind, ReviewQueue, ReviewState

OpenLog = Callable[[], DecisionLog]
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HELD = "Marlene Oberhauser waters the plants"


@pytest.fixture
def queue(tmp_path: Path) -> ReviewQueue:
    return ReviewQueue(tmp_path / "reviews.db", b"\x01" * 32)


@pytest.fixture
def gate(policy_filter: PolicyFilter, open_log: OpenLog, tmp_path: Path, queue: ReviewQueue) -> PolicyGate:
    return PolicyGate(policy_filter, open_log(), tmp_path / "vault", FixedClock(NOON), reviews=queue)


def ask(gate: PolicyGate, prompt: str, request_id: str = "req_1") -> Outcome:
    return gate.decide(PolicyInput({"prompt": prompt}), request_id=request_id).decision.outcome


def test_an_approved_request_goes_on_and_no_other_does(gate: PolicyGate, queue: ReviewQueue) -> None:
    """The very request is allowed; the same words under another ID, or other words under its ID, are not."""
    assert ask(gate, HELD) is Outcome.REVIEW
    (waiting,) = queue.all()
    queue.move(waiting.review_id, ReviewState.APPROVED, now=NOON, by="local")
    logged = gate.decide(PolicyInput({"prompt": HELD}), request_id="req_1")
    assert (logged.decision.outcome, logged.decision.codes) == (Outcome.ALLOW, (int(Code.REVIEW_APPROVED),))
    assert gate.log.entry(logged.log_index)["outcome"] == "allow"
    assert ask(gate, HELD, "req_2") is Outcome.REVIEW
    assert ask(gate, HELD + " twice") is Outcome.REVIEW
    assert ask(gate, "Marlene Oberhauser nude") is Outcome.REFUSE


def test_a_rejected_request_stays_refused(gate: PolicyGate, queue: ReviewQueue) -> None:
    """Asked again it is refused with the reason that a person said no, and does not wait again."""
    ask(gate, HELD)
    queue.move(queue.all()[0].review_id, ReviewState.REJECTED, now=NOON, by="local")
    logged = gate.decide(PolicyInput({"prompt": HELD}), request_id="req_1")
    assert logged.decision.codes == (int(Code.REVIEW_REJECTED),)
    assert queue.all() == []


def test_asking_twice_waits_once(gate: PolicyGate, queue: ReviewQueue) -> None:
    """A repeated request is the same review; a check that is queued nowhere is none."""
    for _ in range(3):
        ask(gate, HELD)
    gate.decide(PolicyInput({"prompt": HELD}), request_id="req_9", is_queued=False)
    assert len(queue.all()) == 1


def test_the_queue_holds_no_words(gate: PolicyGate, queue: ReviewQueue, tmp_path: Path) -> None:
    """What was asked lies in the vault alone."""
    ask(gate, HELD)
    assert b"Oberhauser" not in (tmp_path / "reviews.db").read_bytes()
    assert "Oberhauser" in str(gate.read_texts(queue.all()[0].entry_id, by="local", why="review"))


def test_reading_and_erasing_are_on_record_first(gate: PolicyGate, queue: ReviewQueue) -> None:
    """Each look into the vault is an entry naming who and why; so is an erasure, and the log still verifies."""
    ask(gate, HELD)
    entry_id = queue.all()[0].entry_id
    gate.read_texts(entry_id, by="anna", why="review")
    seen = gate.log.entry(gate.log.size - 1)
    assert (seen["stage"], seen["facts"]["by"], seen["facts"]["entry_id"]) == ("access", "anna", entry_id)
    assert gate.erase_texts(entry_id, by="anna", why="asked for")
    assert gate.log.entry(gate.log.size - 1)["stage"] == "erasure"
    assert gate.read_texts(entry_id, by="anna", why="again") is None
    assert gate.log.verify().ok


@pytest.mark.parametrize("prompt", ["Taylor Swift nude", "Taylor Swift as a little child of six years"])
def test_what_is_never_lifted_can_be_neither_appealed_nor_approved(
    gate: PolicyGate, queue: ReviewQueue, prompt: str
) -> None:
    """A likeness with sexual content or as a minor stays refused, whoever looks."""
    logged = gate.decide(PolicyInput({"prompt": prompt}), request_id="req_1")
    review = queue.of_entry(logged.log_index)
    assert review is not None
    assert review.state is ReviewState.REFUSED
    for state in (ReviewState.WAITING, ReviewState.APPROVED):
        with pytest.raises(UsageError):
            queue.move(review.review_id, state, now=NOON, by="local")


def test_an_appealed_refusal_waits_and_may_be_overturned(gate: PolicyGate, queue: ReviewQueue) -> None:
    """A refusal shows up only once it is appealed; approved, that very request is allowed."""
    logged = gate.decide(PolicyInput({"prompt": "Taylor Swift sings"}), request_id="req_1")
    assert queue.all() == []
    review = queue.of_entry(logged.log_index)
    assert review is not None
    queue.move(review.review_id, ReviewState.WAITING, now=NOON)
    with pytest.raises(UsageError):
        queue.move(review.review_id, ReviewState.WAITING, now=NOON)
    queue.move(review.review_id, ReviewState.APPROVED, now=NOON, by="local")
    assert ask(gate, "Taylor Swift sings") is Outcome.ALLOW


def test_a_decision_stands(gate: PolicyGate, queue: ReviewQueue) -> None:
    """What was decided can't be decided again, and an unknown review can't at all."""
    ask(gate, HELD)
    review_id = queue.all()[0].review_id
    queue.move(review_id, ReviewState.REJECTED, now=NOON, by="local")
    with pytest.raises(UsageError):
        queue.move(review_id, ReviewState.APPROVED, now=NOON, by="local")
    with pytest.raises(UsageError):
        queue.get("rev_none")


def test_old_reviews_are_forgotten(gate: PolicyGate, queue: ReviewQueue) -> None:
    """The sweep drops what began before its edge, and nothing younger."""
    ask(gate, HELD)
    assert queue.forget_before(NOON) == 0
    assert queue.forget_before(NOON + timedelta(seconds=1)) == 1
    assert queue.of_request("req_1", ReviewKind.INPUT) is None


def test_a_damaged_queue_lets_nothing_through(gate: PolicyGate, queue: ReviewQueue, tmp_path: Path) -> None:
    """If reviews can't be read, what would be held is refused, and that is on record."""
    (tmp_path / "reviews.db").write_bytes(b"no database at all, but long enough to be looked at as one" * 20)
    with pytest.raises(ConfigurationError):
        queue.all()
    with pytest.raises(ConfigurationError):
        ask(gate, HELD)
    assert gate.log.entry(0)["codes"] == [int(Code.FILTER_FAILED)]
