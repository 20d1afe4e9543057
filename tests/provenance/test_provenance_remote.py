"""A credential kept elsewhere: never fetched unasked; fetched with guards where allowed."""

import http.server
import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provenance.fetching import FetchLimits
from provenance.reading import read_manifest
from provenance.records import CredentialState, ManifestReport, SignedClip
from provenance.remote import read_remote, remote_address
from provenance.trust import TrustStore

LOCAL = FetchLimits(1 << 20, 5.0, allows_private=True)


class _Store(http.server.BaseHTTPRequestHandler):
    asked: list[str]
    content: bytes

    def do_GET(self) -> None:
        self.asked.append(self.path)
        found = self.path == "/store.c2pa"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(self.content if found else b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def kept() -> Iterator[tuple[str, type[_Store]]]:
    """A server on loopback that keeps one store; its address and what it was asked."""
    kind = type("Kept", (_Store,), {"asked": [], "content": b""})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", kind
    server.shutdown()


def naming(address: str) -> io.BytesIO:
    xmp = f'<x:xmpmeta><rdf:Description dcterms:provenance="{address}"/></x:xmpmeta>'.encode()
    return io.BytesIO(b"\0\0\0\x10ftypisom\0\0\0\0" + (8 + len(xmp)).to_bytes(4, "big") + b"free" + xmp)


def test_the_address_is_read_in_either_form() -> None:
    """As an attribute or an element, with its entities; nothing where there is none."""
    assert remote_address(naming("https://a.example/x?y=1&amp;z=2")) == "https://a.example/x?y=1&z=2"
    element = b"<dcterms:provenance> https://a.example/s.c2pa </dcterms:provenance>"
    assert remote_address(io.BytesIO(bytes((1 << 20) - 20) + element)) == "https://a.example/s.c2pa"
    assert remote_address(io.BytesIO(b"dcterms:provenance")) is None


def test_unasked_nothing_is_fetched(kept: tuple[str, type[_Store]], trust: TrustStore) -> None:
    """`read_manifest` names it and asks nobody."""
    address, server = kept
    report = read_manifest(naming(f"{address}/store.c2pa"), trust)
    assert report.state is CredentialState.ABSENT
    assert "elsewhere" in str(report.problem)
    assert server.asked == []


def test_a_private_address_is_not_asked_even_where_fetching_is_allowed(
    kept: tuple[str, type[_Store]], trust: TrustStore
) -> None:
    """Loopback, plain http and other schemes: refused, the reason told, nothing sent."""
    address, server = kept
    for one in (address, address.replace("http:", "https:"), "file:///etc/passwd", "https://169.254.169.254/"):
        report = read_remote(naming(one + "/store.c2pa"), trust)
        assert report.state is CredentialState.ABSENT
        assert report.fetched_from is None
        assert "elsewhere" in str(report.problem)
    assert server.asked == []


def test_what_is_not_there_leaves_the_credential_absent(kept: tuple[str, type[_Store]], trust: TrustStore) -> None:
    """404: said so."""
    report = read_remote(naming(f"{kept[0]}/none"), trust, limits=LOCAL)
    assert report.state is CredentialState.ABSENT
    assert "404" in str(report.problem)


def test_a_store_that_is_not_of_this_file_does_not_bind(
    kept: tuple[str, type[_Store]], signed: SignedClip, trust: TrustStore
) -> None:
    """Somebody else's genuine credential at the address: its signature holds, the binding does not."""
    address, server = kept
    server.content = signed.manifest_store
    report = read_remote(naming(f"{address}/store.c2pa"), trust, limits=LOCAL)
    assert report.signature_valid
    assert not report.binding_intact
    assert report.fetched_from == f"{address}/store.c2pa"


def test_an_own_store_goes_first(kept: tuple[str, type[_Store]], signed: SignedClip, trust: TrustStore) -> None:
    """A file with a credential inside is never looked up elsewhere."""
    with signed.path.open("rb") as opened:
        report = read_remote(opened, trust, limits=LOCAL)
    assert report.is_intact
    assert report.fetched_from is None
    assert kept[1].asked == []


@pytest.mark.clips
def test_a_published_remote_credential_holds_once_it_is_fetched(
    sample: Callable[[str], Path], kept: tuple[str, type[_Store]], trust: TrustStore
) -> None:
    """The reference implementation's file without a store: bound to the bytes by the one kept elsewhere."""
    address, server = kept
    file = sample("c2pa/video1_no_manifest.mp4").read_bytes()
    server.content = sample("c2pa/cloud_manifest.c2pa").read_bytes()
    with io.BytesIO(file) as opened:
        named = remote_address(opened)
    assert named is not None
    swapped = file.replace(named.encode(), f"{address}/store.c2pa".ljust(len(named)).encode()[: len(named)])
    report: ManifestReport = read_remote(io.BytesIO(swapped), trust, limits=LOCAL)
    assert report.fetched_from == f"{address}/store.c2pa"
    assert report.state is CredentialState.PRESENT
    assert report.signature_valid
