"""Consents over HTTP: granted once, listed without names, used, taken back, and behind the desk's key."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from starlette.datastructures import Headers

from reelproof.api.guards import Unauthorised, keys_required
from tests.policy.test_policy_references import drawn_face
from tests.service.running import RunningServer

NAME = "Marlene Oberhauser"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("desk") / "home")
    running.start()
    yield running
    running.end()


def granted(server: RunningServer, **more: Any) -> dict[str, Any]:
    answer = server.client.post("/v1/consents", json={"name": NAME, **more})
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def test_consent_is_granted_used_and_taken_back(desk: RunningServer) -> None:
    """A token lets its person be shown until it is revoked; then the very prompt is refused with the reason."""
    given = granted(desk, label="test")
    asked = {"prompt": f"{NAME} waters the plants", "consent_token": given["token"]}
    allowed = desk.client.post("/v1/policy/check", json=asked).json()
    assert (allowed["outcome"], allowed["consent"]["token_id"]) == ("allow", given["id"])
    entry = desk.client.get(f"/v1/audit/entries/{allowed['log_index']}").json()["entry"]
    assert entry["consent_use"]["scope"] == "self"
    assert desk.client.get(f"/v1/consents/{given['id']}").json()["uses"] == 1
    assert desk.client.delete(f"/v1/consents/{given['id']}").json()["state"] == "revoked"
    refused = desk.client.post("/v1/policy/check", json=asked).json()
    assert (refused["outcome"], refused["codes"][0]) == ("refuse", 125)
    stages = [item["entry"]["stage"] for item in desk.client.get("/v1/audit/entries").json()["data"]]
    assert {"consent-granted", "consent-revoked"} <= set(stages)


def test_clip_of_a_consenting_person_is_made(desk: RunningServer) -> None:
    """POST /v1/videos takes the token; without it the prompt is not made."""
    prompt = f"{NAME} waters the plants"
    body = {"prompt": prompt, "size": "256x256", "seed": 4, "consent_token": granted(desk)["token"]}
    answer = desk.client.post("/v1/videos", json=body)
    assert answer.status_code == 200, answer.text
    finished = desk.finished(answer.json()["id"])
    assert finished["status"] == "completed", finished
    assert "consent" not in finished["prompt"]


def test_listing_shows_no_name_and_no_token(desk: RunningServer) -> None:
    """Whoever reads the list learns neither who it is nor how to use it."""
    token = granted(desk)["token"]
    listed = desk.client.get("/v1/consents").text
    assert "ct_" in listed
    assert "Marlene" not in listed
    assert token not in listed


def test_reference_with_a_face_is_refused_without_the_token(desk: RunningServer) -> None:
    """A form may bring a picture; it is looked at and refused for the face, not for its words."""
    done, picture = cv2.imencode(".png", drawn_face())
    assert done
    files = {"image": ("face.png", picture.tobytes(), "image/png")}
    refused = desk.client.post("/v1/policy/check", data={"prompt": "a person waves"}, files=files).json()
    assert (refused["outcome"], refused["codes"]) == ("refuse", [130])
    token = {"prompt": "a person waves", "consent_token": granted(desk)["token"]}
    assert desk.client.post("/v1/policy/check", data=token, files=files).json()["outcome"] == "allow"
    wrong = desk.client.post("/v1/policy/check", data={"prompt": "x"}, files={"audio": ("a", b"x", "a/b")})
    assert wrong.status_code == 400


@pytest.mark.parametrize(
    "body",
    [{}, {"name": 7}, {"name": NAME, "days": "30"}, {"name": NAME, "scope": "world"}, {"name": NAME, "x": 1},
     {"name": NAME, "purposes": ["sexual"]}, {"name": NAME, "days": 9_999}, {"name": NAME, "callers": "a"}],
)  # fmt: skip
def test_what_cannot_be_granted_is_a_400_with_a_hint(desk: RunningServer, body: dict[str, Any]) -> None:
    """Wrong types, unknown fields, barred purposes and no end are refused."""
    answer = desk.client.post("/v1/consents", json=body)
    assert answer.status_code == 400
    assert answer.json()["hint"]


def test_what_the_desk_does_asks_for_the_desks_key(tmp_path: Path) -> None:
    """An API key doesn't open the desk, a desk key opens both, and with API keys alone the desk is shut."""
    api, desk_key = (hashlib.sha256(key).hexdigest() for key in (b"caller", b"desk"))
    paths = ("/v1/consents", "/v1/consents/ct_1", "/v1/audit/entries/3/text", "/v1/reviews/rev_1")

    def may(check: Any, path: str, key: str) -> bool:
        headers = Headers({"authorization": f"Bearer {key}"})
        try:
            check({"method": "GET", "path": path}, headers)
        except Unauthorised:
            return False
        return True

    both, api_only, desk_only, neither = (
        keys_required((api,), (desk_key,)), keys_required((api,)), keys_required((), (desk_key,)), keys_required(())
    )  # fmt: skip
    for path in paths:
        assert may(both, path, "desk")
        assert not may(both, path, "caller")
        assert not may(api_only, path, "caller")
        assert may(desk_only, path, "desk")
        assert not may(desk_only, path, "")
        assert may(neither, path, "")
    assert may(both, "/v1/videos", "desk")
    assert may(both, "/v1/videos", "caller")
    assert may(desk_only, "/v1/videos", "")
