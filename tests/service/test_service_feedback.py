"""“Was this right?”: kept in one line, bounded, without anything of the sender."""

import json
from pathlib import Path

import pytest

from reelproof.api.feedback import append_feedback
from tests.service.running import RunningServer


def test_feedback_is_kept_beside_the_conclusion(server: RunningServer, plain_clip: Path) -> None:
    """Right or wrong and a comment made plain; the file is the owner's alone."""
    verdict = server.client.post(
        "/v1/verify", files={"file": ("a.mp4", plain_clip.read_bytes(), "video/mp4")}
    ).json()
    said = {"id": verdict["id"], "right": False, "comment": "I made it\x00 <b>myself</b>"}
    assert server.client.post("/v1/feedback", json=said).status_code == 201
    kept = server.home / "feedback.jsonl"
    line = json.loads(kept.read_text().splitlines()[-1])
    assert (line["right"], line["conclusion"]) == (False, verdict["conclusion"])
    assert line["sha256"] == verdict["file"]["sha256"]
    assert line["comment"] == "I made it <b>myself</b>"
    assert set(line) == {"at", "id", "right", "comment", "conclusion", "sha256"}
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "said",
    [{}, {"id": 1, "right": True}, {"id": "x", "right": "yes"}, {"id": "x", "right": True, "more": 1},
     {"id": "x", "right": True, "comment": "a" * 2_001}],
)  # fmt: skip
def test_other_fields_are_refused(server: RunningServer, said: dict[str, object]) -> None:
    """Wrong types, unknown fields and long comments: 400 and nothing kept."""
    assert server.client.post("/v1/feedback", json=said).status_code == 400


def test_feedback_on_nothing_is_not_found(server: RunningServer) -> None:
    """An ID that leads nowhere is 404."""
    answer = server.client.post("/v1/feedback", json={"id": "verify_" + "0" * 32, "right": True})
    assert answer.status_code == 404


def test_lines_are_whole(tmp_path: Path) -> None:
    """Every line stands by itself."""
    for number in range(3):
        append_feedback(tmp_path / "f.jsonl", {"number": number, "comment": "ä"})
    assert [json.loads(one)["number"] for one in (tmp_path / "f.jsonl").read_text().splitlines()] == [0, 1, 2]
