"""Fetching from addresses that strangers choose: never into a private network, never endless."""

import http.server
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from core.errors import ReelproofError, ServiceUnreachable, UsageError
from provenance import fetching
from provenance.fetching import FetchLimits, fetch

OPERATORS = FetchLimits(max_bytes=1000, wall_s=5.0, allows_private=True)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/to/"):
                self.send_response(302)
                self.send_header("Location", self.path[4:])
                self.end_headers()
                return
            body = b"x" * (5000 if self.path == "/large" else 10)
            self.send_response(404 if self.path == "/none" else 200)
            self.send_header("Content-Type", "Video/MP4; codecs=x")
            self.end_headers()
            self.wfile.write(body)
            if self.path == "/slow":
                self.wfile.flush()
                stop.wait(5)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    stop = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    stop.set()
    server.shutdown()
    server.server_close()


def test_an_operators_address_is_fetched(site: str) -> None:
    """Status, media type, body and address; 404 is an answer; a redirect is followed, and told."""
    assert fetch(f"{site}/a", OPERATORS) == fetching.Fetched(200, "video/mp4", b"x" * 10, f"{site}/a")
    assert fetch(f"{site}/none", OPERATORS).status == 404
    moved = fetch(f"{site}/to//a", OPERATORS)
    assert (moved.status, moved.url) == (200, f"{site}/a")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x", "https://localhost/x", "https://[::1]/x", "https://10.0.0.1/", "https://169.254.169.254/",
        "https://192.168.1.1/", "https://0.0.0.0/", "https://[::ffff:127.0.0.1]/", "https://[fd00::1]/",
        "https://2130706433/", "https://224.0.0.1/", "https://100.64.0.1/",
    ],
)  # fmt: skip
def test_private_addresses_are_never_asked(url: str) -> None:
    """Loopback, private, link-local, mapped, decimal: refused before a connection is made."""
    with pytest.raises(ReelproofError) as caught:
        fetch(url)
    assert caught.value.code in ("private_address", "fetch_failed")


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers with a public and a private address leads nowhere."""
    monkeypatch.setattr(fetching, "_resolved", lambda host, port: ["93.184.216.34", "127.0.0.1"])
    with pytest.raises(UsageError) as caught:
        fetch("https://rebinding.example/")
    assert caught.value.code == "private_address"


def test_a_redirect_into_the_house_is_refused(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is checked anew: a public site that points at loopback gets nowhere."""
    port = urlsplit(site).port
    monkeypatch.setattr(
        fetching, "_checked", lambda url, limits: (urlsplit(url), str(urlsplit(url).hostname), port)
    )
    monkeypatch.setattr(
        fetching,
        "_is_public",
        lambda address, seen=[]: not seen and (seen.append(address) or True),
    )
    with pytest.raises(UsageError) as caught:
        fetch(f"{site}/to//a", FetchLimits(wall_s=5.0))
    assert caught.value.code == "private_address"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "file:///etc/passwd",
        "https://",
        "https://u@h/",
        "ftp://h/",
        "https://h\n/",
        "https://h:99999/",
    ],
)
def test_what_is_no_https_address_is_refused(url: str) -> None:
    """Plain http, files, credentials in the address, control characters."""
    with pytest.raises(UsageError) as caught:
        fetch(url)
    assert caught.value.code == "bad_url"


@pytest.mark.parametrize(
    ("path", "limits", "code"),
    [
        ("/large", OPERATORS, "fetch_too_large"),
        ("/slow", FetchLimits(wall_s=0.5, allows_private=True), "fetch_too_slow"),
        ("/to//to//to//to//to//a", OPERATORS, "too_many_redirects"),
    ],
)
def test_a_fetch_is_bounded(site: str, path: str, limits: FetchLimits, code: str) -> None:
    """In bytes, in time, in redirects."""
    with pytest.raises(ServiceUnreachable) as caught:
        fetch(site + path, limits)
    assert caught.value.code in (code, "fetch_failed" if code == "fetch_too_slow" else code)
