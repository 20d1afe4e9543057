import concurrent.futures
import json
import re
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from policy.log.note import verify_checkpoint
from policy.log.proof import verify_receipt
from tests.service.running import RunningServer

MISSING = "0" * 32


def verify(server: RunningServer, clip: Path | bytes, name: str = "clip.mp4", **more: Any) -> httpx.Response:
    content = clip.read_bytes() if isinstance(clip, Path) else clip
    return server.client.post("/v1/verify", files={"file": (name, content, "video/mp4")}, **more)


@pytest.fixture(scope="module")
def plain_answer(server: RunningServer, plain_clip: Path) -> httpx.Response:
    """The answer on a clip that nobody marked: verified once, looked at by several tests."""
    return verify(server, plain_clip)


# Verification ------------------------------------------------------------------------------------------------


def test_upload_is_answered_with_a_verdict(server: RunningServer, plain_answer: httpx.Response) -> None:
    """A clip nobody marked comes back as `reelproof.verdict/1` with nothing found, and can be read again."""
    answer, verdict = plain_answer, plain_answer.json()
    assert answer.status_code == 200
    assert verdict["schema"] == "reelproof.verdict/1"
    assert verdict["conclusion"] == "no_evidence"
    again = server.client.get(answer.headers["location"]).json()
    assert again["status"] == "completed"
    assert again["verdict"]["headline"] == verdict["headline"]
    report = server.client.get(answer.headers["location"] + "/report")
    assert report.headers["content-type"].startswith("text/html")
    assert "script-src" not in report.headers["content-security-policy"]
    assert "default-src 'none'" in report.headers["content-security-policy"]


def test_file_itself_may_be_the_body(server: RunningServer, plain_clip: Path) -> None:
    """A clip sent as the body, without a form, is read the same."""
    answer = server.client.post(
        "/v1/verify",
        content=plain_clip.read_bytes(),
        headers={"Content-Type": "video/mp4", "X-File-Name": "a%20b.mp4"},
    )
    assert answer.json()["conclusion"] == "no_evidence"
    shown = server.client.get(f"/verdicts/{answer.json()['id']}", headers={"Accept": "text/html"})
    assert "a b.mp4" in shown.text


def test_without_waiting_a_job_comes_back(server: RunningServer, plain_clip: Path) -> None:
    """`?wait=false` answers 202 at once with a job that ends in the verdict."""
    answer = verify(server, plain_clip, params={"wait": "false"})
    job = answer.json()
    assert answer.status_code == 202
    assert job["status"] in ("queued", "in_progress", "completed")
    server.wait_until(lambda: server.client.get(job["url"]).json()["status"] == "completed")
    assert server.client.get(job["url"]).json()["verdict"]["conclusion"] == "no_evidence"


def test_upload_is_gone_when_the_verdict_is_there(
    server: RunningServer, plain_clip: Path, plain_answer: httpx.Response
) -> None:
    """Of the uploaded file nothing is left on the disk; the verdict is."""
    done = plain_answer.json()
    folder = server.home / "jobs" / done["id"]
    assert sorted(file.name for file in folder.iterdir() if not file.name.startswith("attempts")) == [
        "card.html",
        "report.html",
        "report.pdf",
        "verdict.json",
    ]
    assert plain_clip.read_bytes() not in b"".join(file.read_bytes() for file in folder.iterdir())


@pytest.mark.parametrize(
    "content",
    [b"", b"not a video", b"\x00" * 5000, b"ffconcat version 1.0\nfile secret.mp4\n"],
    ids=["empty", "text", "zeros", "playlist"],
)
def test_no_video_is_a_verdict_not_a_crash(server: RunningServer, content: bytes) -> None:
    """What can't be decoded is `unreadable`, with a reason."""
    verdict = verify(server, content).json()
    assert verdict["conclusion"] == "unreadable"
    assert verdict["headline"]


def test_truncated_clip_is_answered(server: RunningServer, plain_clip: Path) -> None:
    """Half a clip gets a verdict, too."""
    assert verify(server, plain_clip.read_bytes()[:3000]).status_code == 200


def test_names_with_markup_are_inert(server: RunningServer, plain_clip: Path) -> None:
    """A file name full of HTML is shown as text on every page."""
    name = "<img src=x onerror=alert(1)>.mp4"
    done = verify(server, plain_clip, name=name).json()
    for path in (f"/verdicts/{done['id']}", f"/verdicts/{done['id']}/card", f"/v1/verify/{done['id']}/report"):
        page = server.client.get(path, headers={"Accept": "text/html"}).text
        assert "<img src=x" not in page
    assert "&lt;img src=x" in server.client.get(f"/verdicts/{done['id']}").text


def test_openai_s_provenance_check_reads_video(server: RunningServer, plain_clip: Path) -> None:
    """The provenance check has OpenAI's shape and says that no credential is there."""
    answer = server.client.post("/v1/content_provenance_checks", files={"file": ("a.mp4", plain_clip.read_bytes())})
    checked = answer.json()
    assert checked["object"] == "content_provenance_check"
    assert checked["results"][0] == {
        "type": "c2pa",
        "outcome": "not_detected",
        "validation_state": "not_present",
        "issuer": None,
        "model": None,
        "generated_at": None,
    }


def test_form_without_script_leads_to_the_verdict(server: RunningServer, plain_clip: Path) -> None:
    """The page's plain form answers with the verdict's own address."""
    answer = server.client.post("/verdicts", files={"file": ("a.mp4", plain_clip.read_bytes())})
    assert answer.status_code == 303
    server.wait_until(lambda: "no_evidence" in server.client.get(answer.headers["location"]).text)


# Making ------------------------------------------------------------------------------------------------------


def made(server: RunningServer, **fields: Any) -> dict[str, Any]:
    answer = server.client.post("/v1/videos", json={"prompt": "a red ball", **fields})
    assert answer.status_code == 200, answer.text
    return server.finished(answer.json()["id"])


def test_made_clip_proves_itself(server: RunningServer) -> None:
    """A clip made here is verified here, and its release says where it stands in the log."""
    video = made(server, size="256x256", seed=3)
    assert video["status"] == "completed", video
    clip = server.client.get(f"/v1/videos/{video['id']}/content")
    assert clip.headers["content-type"] == "video/mp4"
    verdict = verify(server, clip.content).json()
    assert (verdict["conclusion"], verdict["origin"]) == ("verified", "generated")
    release = video["reelproof"]["release"]
    assert "path" not in release
    assert server.client.get(f"/v1/audit/entries/{release['log']['index']}").json()["entry"]["outcome"] == "allow"


def test_clip_s_pictures_and_ranges(server: RunningServer) -> None:
    """Thumbnail and sheet are JPEG; a part of the clip can be asked for, as players do."""
    video = made(server)
    for variant in ("thumbnail", "spritesheet"):
        picture = server.client.get(f"/v1/videos/{video['id']}/content", params={"variant": variant})
        assert picture.content[:3] == b"\xff\xd8\xff"
    part = server.client.get(f"/v1/videos/{video['id']}/content", headers={"Range": "bytes=0-99"})
    assert (part.status_code, len(part.content)) == (206, 100)
    assert server.client.get(f"/v1/videos/{video['id']}/content", params={"variant": "gif"}).status_code == 400


def test_progress_is_told_as_it_happens(server: RunningServer) -> None:
    """The event stream only goes forward and ends with the finished object."""
    video = server.client.post("/v1/videos", json={"prompt": "a blue ball"}).json()
    told: list[tuple[str, dict[str, Any]]] = []
    with server.client.stream("GET", f"/v1/videos/{video['id']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line[7:]
            if line.startswith("data: "):
                told.append((name, json.loads(line[6:])))
    assert told[-1][0] == "completed"
    shares = [shown["progress"] for _, shown in told]
    assert shares == sorted(shares)
    assert shares[-1] == 100


def test_refused_prompt_is_blocked_without_echo(server: RunningServer) -> None:
    """A request for a real person is 400 `moderation_blocked`, logged, leaves no job and no word of the prompt."""
    before = server.client.get("/v1/videos", params={"limit": 100}).json()["data"]
    answer = server.client.post("/v1/videos", json={"prompt": "Taylor Swift kissing Elon Musk"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "moderation_blocked")
    assert not re.search("taylor|swift|elon|musk", answer.text, re.IGNORECASE)
    entry = server.client.get(f"/v1/audit/entries/{error['log_index']}")
    assert entry.json()["entry"]["outcome"] == "refuse"
    assert not re.search("taylor|swift|elon|musk", entry.text, re.IGNORECASE)
    assert server.client.get("/v1/videos", params={"limit": 100}).json()["data"] == before


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"size": "7x7"}, None),
        ({"seconds": 1e6}, None),
        ({"model": "sora-2"}, "model_not_found"),
        ({"input_reference": "x"}, "not_supported"),
        ({"prompt": ""}, "missing_prompt"),
    ],
)
def test_impossible_requests_are_refused_before_the_queue(
    server: RunningServer, fields: dict[str, Any], code: str | None
) -> None:
    """What the backend can't do is a 4xx at once, in OpenAI's form, naming a way out."""
    answer = server.client.post("/v1/videos", json={"prompt": "a ball", **fields})
    error = answer.json()["error"]
    assert answer.status_code in (400, 501)
    assert error["message"]
    assert code is None or error["code"] == code


def test_same_idempotency_key_is_one_clip(server: RunningServer) -> None:
    """The same key and request give the same clip; the same key with another request is a conflict."""
    headers = {"Idempotency-Key": "one-and-the-same"}
    first = server.client.post("/v1/videos", json={"prompt": "a green cube"}, headers=headers).json()
    again = server.client.post("/v1/videos", json={"prompt": "a green cube"}, headers=headers).json()
    other = server.client.post("/v1/videos", json={"prompt": "a red cube"}, headers=headers)
    assert first["id"] == again["id"]
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_conflict")


def test_what_is_not_served_says_so(server: RunningServer) -> None:
    """A route of OpenAI's surface that we lack answers 501 with a reason, not 404."""
    answer = server.client.post("/v1/videos/characters", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "not_supported")


@pytest.mark.parametrize(
    ("path", "fields", "files", "code"),
    [
        ("edits", {"prompt": "a ball"}, {}, "missing_file"),
        ("extensions", {"prompt": "a ball", "video": {"id": "video_" + "0" * 32}}, {}, "not_found"),
        ("edits", {"prompt": "a ball"}, {"input_reference": b"x"}, "missing_file"),
        ("edits", {"prompt": "a ball"}, {"sound": b"x"}, "unexpected_file"),
        ("edits", {"prompt": "a ball", "strength": "much"}, {"video": b"x"}, "invalid_parameter"),
        ("", {"prompt": "a ball"}, {"video": b"x"}, "unexpected_file"),
        ("", {"prompt": "a ball"}, {"input_reference": b"x", "image": b"y"}, "unexpected_file"),
        ("", {"prompt": "a ball"}, {"last_image": b"x"}, "unsupported_media"),
    ],
)
def test_media_that_can_not_be_used_are_refused(
    server: RunningServer, path: str, fields: dict[str, Any], files: dict[str, bytes], code: str
) -> None:
    """A clip that is missing, a file nobody reads, a backend that takes none: each is told, and nothing is kept."""
    before = {folder.name for folder in (server.home / "jobs").iterdir()}
    address = "/v1/videos" + (f"/{path}" if path else "")
    sent: dict[str, Any] = {"data": fields, "files": files} if files else {"json": fields}
    answer = server.client.post(address, **sent)
    assert (answer.status_code // 100, answer.json()["error"]["code"]) == (4, code)
    assert {folder.name for folder in (server.home / "jobs").iterdir()} == before


# Sealing -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_sealed_clip_is_ours_afterwards(server: RunningServer, large_clip: Path) -> None:
    """A clip of another generator, sealed here, is verified here."""
    answer = server.client.post(
        "/v1/seal", files={"file": ("theirs.mp4", large_clip.read_bytes())}, data={"system": "Other", "model": "m1"}
    )
    sealed = answer.json()
    assert answer.status_code == 200, sealed
    assert "path" not in sealed["release"]
    clip = server.client.get(sealed["content_url"])
    assert verify(server, clip.content).json()["conclusion"] == "verified"


def test_sealing_asks_the_policy(server: RunningServer, large_clip: Path) -> None:
    """A clip whose prompt names a person is not sealed: 403 problem+json, without the name."""
    answer = server.client.post(
        "/v1/seal", files={"file": ("x.mp4", large_clip.read_bytes())}, data={"prompt": "Taylor Swift dancing"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "refused_by_policy")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "taylor" not in answer.text.lower()


# Policy and log ----------------------------------------------------------------------------------------------


def test_policy_can_be_asked_alone(server: RunningServer) -> None:
    """A check decides, logs and always answers 200."""
    allowed = server.client.post("/v1/policy/check", json={"prompt": "a red ball"}).json()
    refused = server.client.post("/v1/policy/check", json={"prompt": "Taylor Swift dancing"})
    assert allowed["schema"] == "reelproof.decision/1"
    assert (allowed["outcome"], refused.json()["outcome"]) == ("allow", "refuse")
    assert refused.json()["log_index"] > allowed["log_index"]
    assert "taylor" not in refused.text.lower()


def test_entries_prove_themselves_against_the_checkpoint(server: RunningServer) -> None:
    """A receipt from the API verifies with the key from the API, over the entry from the API's own tiles."""
    index = server.client.post("/v1/policy/check", json={"prompt": "a red ball"}).json()["log_index"]
    key = server.client.get("/v1/audit/key").text.strip()
    shown = server.client.get(f"/v1/audit/entries/{index}").json()
    size = verify_checkpoint(server.client.get("/v1/audit/checkpoint").text, key).size
    bundle = server.client.get(f"/v1/audit/tile/entries/000.p/{size}")
    assert bundle.headers["cache-control"].endswith("immutable")
    entries, at = [], 0
    while at < len(bundle.content):
        length = int.from_bytes(bundle.content[at : at + 2], "big")
        entries.append(bundle.content[at + 2 : at + 2 + length])
        at += 2 + length
    assert len(entries) == size
    assert json.loads(entries[index]) == shown["entry"]
    assert verify_receipt(shown["receipt"], entries[index], key).size > index


def test_log_is_listed_both_ways(server: RunningServer) -> None:
    """Oldest first and newest first are the same entries."""
    for _ in range(3):
        server.client.post("/v1/policy/check", json={"prompt": "a ball"})
    size = server.client.get("/v1/audit/entries").json()["size"]
    forth = server.client.get("/v1/audit/entries", params={"start": size - 3, "limit": 3}).json()["data"]
    back = server.client.get("/v1/audit/entries", params={"limit": 3, "order": "desc"}).json()["data"]
    assert forth == back[::-1]
    assert [item["index"] for item in forth] == [size - 3, size - 2, size - 1]


@pytest.mark.parametrize(
    "path",
    [
        "entries/-1",
        "entries/99999999",
        "entries/x",
        "entries/1e3",
        "tile/0/999",
        "tile/%2e%2e/checkpoint",
        "tile/entries/x",
    ],
)
def test_log_has_only_what_it_has(server: RunningServer, path: str) -> None:
    """Entries and tiles that don't exist are 404, however they are spelt."""
    assert server.client.get(f"/v1/audit/{path}").status_code in (400, 404)


# Hostile -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/videos/video_{MISSING}",
        f"/v1/videos/video_{MISSING}/content",
        f"/v1/videos/video_{MISSING}/events",
        f"/v1/verify/verify_{MISSING}",
        f"/v1/verify/verify_{MISSING}/report",
        f"/v1/seal/seal_{MISSING}/content",
        "/v1/videos/..%2f..%2fpassphrase",
        "/v1/videos/%00",
        "/v1/verify/" + "a" * 3000,
        "/static/..%2f__init__.py",
        "/static/../../settings.py",
        "/nothing",
    ],
)
def test_unknown_and_twisted_names_are_not_found(server: RunningServer, path: str) -> None:
    """Ids we didn't give out, with or without path tricks, are 404 and tell nothing of the inside."""
    answer = server.client.get(path)
    assert answer.status_code in (400, 404)
    assert str(server.home) not in answer.text
    assert "Traceback" not in answer.text


def test_a_kind_s_id_opens_no_other_kind(server: RunningServer, plain_answer: httpx.Response) -> None:
    """A verification's id is no video's id."""
    assert server.client.get(f"/v1/videos/{plain_answer.json()['id']}").status_code == 404


@pytest.mark.slow
def test_a_thousand_wrong_ids_change_nothing(server: RunningServer) -> None:
    """Guessing ids finds nothing, makes no folders and keeps the server well."""
    before = sorted((server.home / "jobs").iterdir())
    for number in range(1000):
        assert server.client.get(f"/v1/verify/verify_{number:032x}").status_code == 404
    assert sorted((server.home / "jobs").iterdir()) == before
    assert server.client.get("/readyz").status_code == 200


def test_huge_prompt_is_refused(server: RunningServer) -> None:
    """A prompt of half a megabyte is refused in OpenAI's form, not sampled."""
    answer = server.client.post("/v1/videos", json={"prompt": "ball " * 100_000})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"]
    assert len(answer.text) < 2000


def test_wrong_content_types_are_named(server: RunningServer) -> None:
    """JSON where a file belongs and text where JSON belongs are 415."""
    assert server.client.post("/v1/verify", json={}).status_code == 415
    assert server.client.post("/v1/videos", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert server.client.post("/v1/policy/check", data={"prompt": "a"}).status_code == 415


def test_body_that_claims_too_much_is_refused_unread(server: RunningServer) -> None:
    """A Content-Length past the limit gets 413 without a byte being sent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        head = f"POST /v1/verify HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: video/mp4\r\n"
        raw.sendall(f"{head}Content-Length: 99999999999\r\n\r\n".encode())
        assert b" 413 " in raw.recv(4096)


def test_uploads_that_break_off_leave_nothing(server: RunningServer) -> None:
    """A connection cut in the middle of an upload leaves no folder behind."""
    before = {path.name for path in (server.home / "jobs").iterdir()}
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        head = f"POST /v1/verify HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: video/mp4\r\n"
        raw.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode() + b"x" * 5000)
        time.sleep(0.3)
    server.wait_until(lambda: {path.name for path in (server.home / "jobs").iterdir()} == before, 10)


@pytest.mark.slow
def test_uploads_at_the_same_time_are_all_answered(server: RunningServer, plain_clip: Path) -> None:
    """Eight uploads at once get eight verdicts, each its own."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        verdicts = [
            future.result().json() for future in [pool.submit(verify, server, plain_clip) for _ in range(8)]
        ]
    assert [verdict["conclusion"] for verdict in verdicts] == ["no_evidence"] * 8
    assert len({verdict["id"] for verdict in verdicts}) == 8


def test_other_sites_can_t_use_a_visitor_s_browser(server: RunningServer) -> None:
    """A foreign Origin can't post, and a foreign Host isn't served at all."""
    assert (
        server.client.post(
            "/v1/policy/check", json={"prompt": "a"}, headers={"Origin": "https://evil.example"}
        ).status_code
        == 400
    )
    assert server.client.get("/v1/videos", headers={"Host": "evil.example"}).status_code == 400


# Pages and operations ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/studio", "/audit", "/consent", "/review", "/docs"])
def test_pages_load_nothing_from_elsewhere(server: RunningServer, path: str) -> None:
    """Every page is whole by itself: no foreign address in anything that loads, no inline script or style."""
    answer = server.client.get(path)
    assert answer.status_code == 200
    assert not re.findall(r"""(?:src|srcset)=["']?(?:https?:)?//""", answer.text)
    assert not re.findall(r"""<link[^>]+href=["']?(?:https?:)?//""", answer.text)
    assert not re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", answer.text)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_missing_page_is_a_page(server: RunningServer) -> None:
    """A browser that asks for nothing gets a page, a program a problem."""
    page = server.client.get("/verdicts/verify_" + MISSING, headers={"Accept": "text/html"})
    problem = server.client.get("/verdicts/verify_" + MISSING)
    assert (page.status_code, problem.status_code) == (404, 404)
    assert "<h1>" in page.text
    assert problem.headers["content-type"] == "application/problem+json"


def test_openapi_describes_the_contract(server: RunningServer) -> None:
    """Each promised route stands in the OpenAPI description."""
    paths = server.client.get("/openapi.json").json()["paths"]
    for path in (
        "/v1/verify",
        "/v1/verify/{verification_id}",
        "/v1/verify/{verification_id}/report",
        "/v1/verify/url",
        "/v1/content_provenance_checks",
        "/v1/videos",
        "/v1/videos/{video_id}",
        "/v1/videos/{video_id}/content",
        "/v1/videos/{video_id}/remix",
        "/v1/videos/{video_id}/events",
        "/v1/seal",
        "/v1/audit/entries",
        "/v1/audit/checkpoint",
        "/v1/policy/check",
        "/healthz",
        "/readyz",
        "/metrics",
    ):
        assert path in paths


def test_meters_count_by_route_not_by_path(server: RunningServer) -> None:
    """Metrics carry templates, so that ids and prompts never become labels."""
    server.client.get(f"/v1/videos/video_{MISSING}")
    text = server.client.get("/metrics").text
    assert 'route="/v1/videos/{video_id}"' in text
    assert MISSING not in text
