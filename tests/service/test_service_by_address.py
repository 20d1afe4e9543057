"""Clips fetched from addresses, and callers' servers told of verdicts: real sites on loopback."""

import base64
import hmac
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from starlette.testclient import TestClient

from core.clock import FixedClock
from core.errors import ConfigurationError, UsageError
from provenance.fetching import FetchLimits
from reelproof.api.application import create_app
from reelproof.api.front_door import ServiceLimits
from reelproof.job_values import Job, JobState
from reelproof.settings import Settings
from reelproof.webhooks import RETRY_AFTER_S, Signing, Webhooks, secret_bytes
from reelproof.wiring import build
from tests.detector.segmenting import segmented, served

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET = b"s" * 32


@dataclass
class Site:
    """What a site on loopback gives, and what it was told."""

    url: str = ""
    clip: bytes = b""
    answers: list[int] = field(default_factory=list)
    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture(scope="module")
def site(plain_clip: Path) -> Iterator[Site]:
    """A site with a clip, a redirect to it, one into nothing, and a place that takes messages."""
    found = Site(clip=plain_clip.read_bytes())

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response({"/moved": 302, "/none": 404}.get(self.path, 200))
            if self.path == "/moved":
                self.send_header("Location", "/holiday%20film.mp4")
            self.end_headers()
            self.wfile.write(b"<p>no clip</p>" if self.path == "/page" else found.clip)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.told.append(({name.lower(): text for name, text in self.headers.items()}, body))
            self.send_response(found.answers.pop(0) if found.answers else 204)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield found
    server.shutdown()
    server.server_close()


@dataclass
class Open:
    """An application that fetches and tells, over one home. `public` keeps the guards that a real one has."""

    client: TestClient
    guarded: TestClient
    key: str


class _Uncut:
    """The real pixel mark, looked for in uncut copies only: the long search has tests of its own."""

    def __init__(self, pixel: Any) -> None:
        self._pixel = pixel

    def extract(self, clip: Any, keys: Any, *, blind: bool = False, **more: Any) -> Any:
        """The mark's reading, never blind."""
        return self._pixel.extract(clip, keys, blind=False, **more)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """One application that may reach loopback, for the tests' sites, and one that may not."""
    home = tmp_path_factory.mktemp("addresses") / "home"
    secret = "whsec_" + base64.b64encode(SECRET).decode()
    settings = Settings(home=home, fetch_urls=True, webhooks=True, webhook_secret=secret, invert_noise="never")
    services = build(settings)
    services = replace(services, detector=replace(services.detector, pixel=_Uncut(services.detector.pixel)))
    near = replace(services, webhooks=_near(services.webhooks, home))
    limits = ServiceLimits(fetch=FetchLimits(max_bytes=1 << 20, wall_s=5.0, allows_private=True))
    with TestClient(create_app(near, limits=limits), base_url="http://localhost") as client:
        jobs = client.app.state.front_door.jobs  # type: ignore[attr-defined]
        guarded = TestClient(create_app(services, jobs=jobs), base_url="http://localhost")
        yield Open(client, guarded, near.webhooks.public_key)


def _near(webhooks: Webhooks, home: Path) -> Webhooks:
    return Webhooks(home / "near", webhooks._signing, webhooks._clock, allows_private=True)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_clip_is_fetched_and_judged(opened: Open, site: Site) -> None:
    """An address gives the verdict that the upload gives, under the name that stands in it, redirects followed."""
    answer = opened.client.post("/v1/verify/url", json={"url": f"{site.url}/moved"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["file"]["sha256"] == sha256(site.clip).hexdigest()
    job = opened.client.post("/v1/verify/url?wait=false", json={"url": f"{site.url}/holiday%20film.mp4"})
    assert job.status_code in (200, 202)
    page = opened.client.get(f"/verdicts/{job.json()['id']}", headers={"Accept": "text/html"})
    assert "holiday film.mp4" in page.text


def test_a_stream_is_fetched_and_judged_as_one_clip(opened: Open, plain_clip: Path, tmp_path: Path) -> None:
    """A playlist's segments make one clip with one verdict, which says that it was put together; another variant's
    master playlist too, and the page and report are there like any clip's."""
    segmented(plain_clip, tmp_path / "stream.m3u8", "hls", hls_segment_type="fmp4")
    (tmp_path / "master.m3u8").write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9\nstream.m3u8\n")
    with served(tmp_path) as site:
        for name in ("stream.m3u8", "master.m3u8?token=1"):
            answer = opened.client.post("/v1/verify/url", json={"url": f"{site.url}/{name}"})
            assert answer.status_code == 200, answer.text
            verdict = answer.json()
            assert verdict["conclusion"] == "no_evidence"
            assert verdict["file"]["duration_s"] == pytest.approx(25 / 12, abs=0.1)
            assert any("segments of a stream" in line for line in verdict["limits"])
    report = opened.client.get(f"/v1/verify/{verdict['id']}/report")
    assert "segments of a stream" in report.text


def test_a_stream_that_may_not_be_followed_is_the_callers_fault(opened: Open, tmp_path: Path) -> None:
    """Encrypted, too many segments, one missing: 422 with the reason, nothing is kept, no place is taken."""
    lines = {
        "encrypted_stream": '#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXTINF:1,\na.ts',
        "too_large": "#EXTINF:1,\na.ts\n" * 601,
        "segment_missing": "#EXTINF:1,\ngone.ts",
        "segment_elsewhere": "#EXTINF:1,\nfile:///etc/hostname",
        "stream_in_parts": '#EXT-X-MAP:URI="a"\n#EXTINF:1,\na.ts\n#EXT-X-MAP:URI="b"\n#EXTINF:1,\na.ts',
    }
    (tmp_path / "a.ts").write_bytes(b"x")
    with served(tmp_path) as site:
        for code, written in lines.items():
            (tmp_path / "stream.m3u8").write_text(f"#EXTM3U\n{written}\n#EXT-X-ENDLIST\n")
            refused = opened.client.post("/v1/verify/url", json={"url": f"{site.url}/stream.m3u8"})
            assert (refused.status_code, refused.json()["code"]) == (422, code)
    door = opened.client.app.state.front_door  # type: ignore[attr-defined]
    assert door.fetches == []
    assert list(Path(door.jobs._root).glob("*/upload/*")) == []


def test_what_is_no_clip_is_said_to_be_none(opened: Open, site: Site) -> None:
    """A web page behind the address is `unreadable`; a 404 and a wrong body are the caller's fault; all goes."""
    page = opened.client.post("/v1/verify/url", json={"url": f"{site.url}/page"})
    assert (page.status_code, page.json()["conclusion"]) == (200, "unreadable")
    gone = opened.client.post("/v1/verify/url", json={"url": f"{site.url}/none"})
    assert (gone.status_code, gone.json()["code"]) == (400, "url_refused")
    for body in ({}, {"url": 7}, {"url": "ftp://a/b"}, {"url": "http://user:word@127.0.0.1/"}):
        wrong = opened.client.post("/v1/verify/url", json=body)
        assert wrong.status_code == 400
    jobs = opened.client.app.state.front_door.jobs  # type: ignore[attr-defined]
    left = list(Path(jobs._root).glob("*/upload/*"))
    assert left == []


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://[::1]/",
        "https://169.254.169.254/latest",
        "file:///etc",
    ],
)
def test_a_real_server_asks_nobody_in_its_own_house(opened: Open, url: str) -> None:
    """Private, loopback and metadata addresses are refused before anything is connected to."""
    refused = opened.guarded.post("/v1/verify/url", json={"url": url})
    assert (refused.status_code, refused.json()["code"]) in {(400, "private_address"), (400, "bad_url")}
    plain = opened.guarded.post("/v1/verify/url", json={"url": "http://example.org/clip.mp4"})
    assert (plain.status_code, plain.json()["code"]) == (400, "bad_url")


def test_few_clips_are_fetched_at_once(opened: Open, site: Site) -> None:
    """A fetched clip lies in memory until it is whole: past the limit callers are asked to come back."""
    door = opened.client.app.state.front_door  # type: ignore[attr-defined]
    door.fetches.extend(("one", "two"))
    try:
        busy = opened.client.post("/v1/verify/url", json={"url": f"{site.url}/a.mp4"})
        assert (busy.status_code, busy.json()["code"]) == (429, "fetches_busy")
    finally:
        door.fetches.clear()


def test_a_callers_server_is_told(opened: Open, site: Site, plain_clip: Path) -> None:
    """The message names the verdict and what came out; both signatures hold over ID, time and body."""
    site.told.clear()
    sent = opened.client.post(
        f"/v1/verify?webhook={site.url}/told", files={"file": ("a.mp4", plain_clip.read_bytes(), "video/mp4")}
    )
    until(lambda: bool(site.told))
    headers, body = site.told[0]
    message = json.loads(body)
    assert message["type"] == "verification.completed"
    assert message["data"]["id"] == sent.json()["id"]
    assert message["data"]["conclusion"] == "no_evidence"
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    shared, own = (one.split(",", 1) for one in headers["webhook-signature"].split())
    assert (shared[0], own[0]) == ("v1", "v1a")
    assert base64.b64decode(shared[1]) == hmac.new(SECRET, content, sha256).digest()
    told = opened.client.get("/v1/webhooks/key").json()["key"]
    assert told == opened.key
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(told.removeprefix("whpk_")))
    public.verify(base64.b64decode(own[1]), content)
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(own[1]), content + b" ")


def test_addresses_of_messages_are_checked_before_anything_is_received(opened: Open, plain_clip: Path) -> None:
    """No https, no message: and nothing is judged for it."""
    for url in ("http://example.org/", "ftp://x/", "https://u:p@example.org/", "nonsense"):
        refused = opened.guarded.post("/v1/verify", params={"webhook": url}, content=plain_clip.read_bytes())
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_url")


@pytest.fixture
def outbox(tmp_path: Path) -> tuple[Webhooks, FixedClock]:
    clock = FixedClock(NOON)
    signing = Signing(Ed25519PrivateKey.generate())
    return Webhooks(tmp_path / "box", signing, clock, allows_private=True), clock


def ended(job_id: str, state: JobState = JobState.COMPLETED) -> Job:
    return Job(job_id, "verify", state, "", 1.0, 0, {}, 5, results={"verify": {"conclusion": "verified"}})


def test_a_message_is_tried_again_and_outlives_a_restart(outbox: tuple[Webhooks, FixedClock], site: Site) -> None:
    """A refused message comes again, the same one, after the pauses of the specification; a redirect counts as
    refused and leads nowhere; a success ends it."""
    box, clock = outbox
    site.told.clear()
    site.answers[:] = [500, 302, 204]
    box.register("verify_1", f"{site.url}/told")
    assert box.tell_due(lambda _: replace(ended("verify_1"), state=JobState.IN_PROGRESS)) == 0
    assert (box.tell_due(ended), len(site.told)) == (0, 1)
    assert (box.tell_due(ended), len(site.told)) == (0, 1)
    clock.instant += timedelta(seconds=RETRY_AFTER_S[0])
    again = Webhooks(box._folder, box._signing, clock, allows_private=True)
    assert (again.tell_due(lambda _: None), len(site.told)) == (0, 2)
    clock.instant += timedelta(seconds=RETRY_AFTER_S[1])
    assert (again.tell_due(lambda _: None), len(site.told)) == (1, 3)
    assert len({(headers["webhook-id"], body) for headers, body in site.told}) == 1
    assert again.tell_due(ended) == 0


def test_messages_end(outbox: tuple[Webhooks, FixedClock], site: Site) -> None:
    """410 ends one at once; one that nobody takes is dropped after the last try; a deleted job tells nothing."""
    box, clock = outbox
    site.told.clear()
    site.answers[:] = [410]
    box.register("verify_2", f"{site.url}/told")
    box.tell_due(ended)
    box.register("verify_3", "http://127.0.0.1:9/closed")
    for pause in (*RETRY_AFTER_S, 0):
        box.tell_due(ended)
        clock.instant += timedelta(seconds=pause)
    box.register("verify_4", f"{site.url}/told")
    box.tell_due(lambda _: None)
    assert len(site.told) == 1
    assert list(box._folder.iterdir()) == []


def test_a_failed_verification_is_told_as_such(outbox: tuple[Webhooks, FixedClock], site: Site) -> None:
    """Its type says so."""
    box, _ = outbox
    site.told.clear()
    box.register("verify_5", f"{site.url}/told")
    box.tell_due(lambda job_id: ended(job_id, JobState.FAILED))
    assert json.loads(site.told[0][1])["type"] == "verification.failed"


def test_a_public_box_never_connects_to_its_own_house(tmp_path: Path, site: Site) -> None:
    """What is registered by a name that leads to loopback is not told, and http is no address at all."""
    box = Webhooks(tmp_path / "box", Signing(Ed25519PrivateKey.generate()), FixedClock(NOON))
    site.told.clear()
    box.register("verify_6", site.url.replace("http://127.0.0.1", "https://localhost"))
    assert (box.tell_due(ended), site.told) == (0, [])
    with pytest.raises(UsageError):
        box.register("verify_7", site.url)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_AAAA", "x" * 40, "whsec_!!!!"])
def test_a_secret_that_is_none_is_refused_at_the_start(text: str) -> None:
    """Too short, or not in the specification's form."""
    with pytest.raises(ConfigurationError) as refused:
        secret_bytes(text)
    assert refused.value.code == "webhook_secret"
