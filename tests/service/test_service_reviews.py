"""Reviews over HTTP: a held clip waits, a person decides, and the very job goes on."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.service.running import RunningServer

HELD = "Marlene Oberhauser waters the plants"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("reviews") / "home")
    running.start()
    yield running
    running.end()


def held(server: RunningServer) -> tuple[dict[str, Any], dict[str, Any]]:
    """A held clip and its review."""
    answer = server.client.post("/v1/videos", json={"prompt": HELD, "size": "256x256", "seed": 4})
    assert answer.status_code == 200, answer.text
    video = answer.json()
    waiting = server.client.get("/v1/reviews").json()["data"]
    return video, next(review for review in waiting if review["request_id"] == video["id"])


def test_held_clip_is_made_once_a_person_allows_it(desk: RunningServer) -> None:
    """It says that it is held, keeps its ID, outlives a restart, and is made after the approval."""
    video, review = held(desk)
    assert (video["status"], video["error"]["code"], video["reelproof"]["state"]) == (
        "failed", "held_for_review", "held",
    )  # fmt: skip
    assert desk.client.get(f"/v1/videos/{video['id']}").json()["reelproof"]["state"] == "held"
    desk.end()
    desk.start()
    assert desk.client.get(f"/v1/videos/{video['id']}").json()["reelproof"]["state"] == "held"
    shown = desk.client.get(f"/v1/reviews/{review['id']}").json()
    assert shown["texts"] == {"prompt": HELD}
    decided = desk.client.post(f"/v1/reviews/{review['id']}/approve")
    assert decided.json()["state"] == "approved"
    finished: dict[str, Any] = {}

    def is_made() -> bool:
        finished.update(desk.client.get(f"/v1/videos/{video['id']}").json())
        return bool(finished["status"] == "completed")

    desk.wait_until(is_made)
    assert desk.client.get(f"/v1/videos/{video['id']}/content").status_code == 200
    stages = {item["entry"]["stage"] for item in desk.client.get("/v1/audit/entries").json()["data"]}
    assert {"access", "review", "release"} <= stages


def test_rejected_clip_fails_for_good(desk: RunningServer) -> None:
    """Turned down, the job fails with the refusal and stays so."""
    video, review = held(desk)
    assert desk.client.post(f"/v1/reviews/{review['id']}/reject").status_code == 200
    finished = desk.finished(video["id"])
    desk.wait_until(
        lambda: desk.client.get(f"/v1/videos/{video['id']}").json()["error"]["code"] == "refused_by_policy"
    )
    assert finished["status"] == "failed"
    assert desk.client.post(f"/v1/reviews/{review['id']}/approve").status_code == 400


def test_refusal_is_appealed(desk: RunningServer) -> None:
    """The log index of a refusal is enough to ask for a person; nonsense is told so."""
    refused = desk.client.post("/v1/videos", json={"prompt": "Taylor Swift sings"}).json()["error"]
    answer = desk.client.post("/v1/appeals", json={"log_index": refused["log_index"], "statement": "my neighbour"})
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    for body in ({}, {"log_index": "x", "statement": "y"}, {"log_index": 10_000, "statement": "y"}):
        assert desk.client.post("/v1/appeals", json=body).status_code == 400


def test_unknown_reviews_are_told_so(desk: RunningServer) -> None:
    """No such review is a 400 with a hint, for every verb."""
    for call in (desk.client.get, desk.client.post):
        suffix = "" if call == desk.client.get else "/approve"
        answer = call(f"/v1/reviews/rev_none{suffix}")
        assert answer.status_code == 400
        assert answer.json()["hint"]
