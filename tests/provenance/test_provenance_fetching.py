"""Fetching from addresses that strangers choose: never into a private network, never endless."""

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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


@pytest.mark.parametrize(
    "address",
    ["64:ff9b::a00:1", "64:ff9b:1::a00:1", "::10.0.0.1", "::7f00:1", "fec0::1", "2002:a00:1::1", "5f00::1",
     "2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.0.8", "::ffff:10.0.0.1", "fe80::1%eth0"],
)  # fmt: skip
def test_addresses_that_carry_another_inside_are_private(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """NAT64, IPv4-compatible, 6to4, Teredo and site-local addresses can lead into the house as well."""
    monkeypatch.setattr(fetching, "_resolved", lambda host, port: [address])
    with pytest.raises(UsageError) as caught:
        fetch("https://inside.example/")
    assert caught.value.code == "private_address"


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "2a00:1450:4001:800::200e"])
def test_public_addresses_stay_public(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """What every site has is not refused."""
    monkeypatch.setattr(fetching, "_resolved", lambda host, port: [address])
    assert fetching.public_addresses("public.example", 443) == [address]


def test_a_redirect_to_what_is_no_address_is_refused(site: str) -> None:
    """A garbled `Location` is an error with a code, never a fault of ours."""
    for target in ("http://[::1/x", "http://h:99999/", "https://[/"):
        with pytest.raises(UsageError) as caught:
            fetch(f"{site}/to/{target}", OPERATORS)
        assert caught.value.code == "bad_url"


@contextmanager
def speaking(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server on loopback that answers one request with whatever `talk` writes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(4096)
            talk(connection)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    listener.close()


def dribbled(content: bytes, endless: bytes) -> Callable[[socket.socket], None]:
    """Send some bytes, then others one by one, five a second."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(content)
        for one in (endless[i % len(endless)] for i in range(60)):
            connection.sendall(bytes([one]))
            time.sleep(0.2)

    return talk


@pytest.mark.parametrize(
    ("content", "endless"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a"),
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b"a"),
    ],
)
def test_a_site_that_dribbles_ends_at_the_deadline(content: bytes, endless: bytes) -> None:
    """A byte now and then, in the status, the headers, a chunk's size or the body, never keeps a fetch alive."""
    began_s = time.monotonic()
    with speaking(dribbled(content, endless)) as url, pytest.raises(ServiceUnreachable) as caught:
        fetch(url, FetchLimits(max_bytes=1000, wall_s=1.0, allows_private=True))
    assert caught.value.code == "fetch_too_slow"
    assert time.monotonic() - began_s < 3.0


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    """Fewer bytes than the site announced are an error: half a clip must not be judged as the clip."""
    with (
        speaking(lambda one: one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf")) as url,
        pytest.raises(ServiceUnreachable, match="broke off"),
    ):
        fetch(url, OPERATORS)
