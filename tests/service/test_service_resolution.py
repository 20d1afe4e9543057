"""The C2PA Soft Binding Resolution API over HTTP, asked by our own client and by hand."""

import dataclasses
import socket
import threading
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from core.clip import Clip
from core.clock import SystemClock
from core.video import write_clip
from policy.gate import PolicyGate
from policy.log import DecisionLog
from policy.log.proof import verify_receipt
from provenance.fingerprint import ALGORITHM, fingerprint_clip
from provenance.manifest import ManifestFacts
from provenance.records import Release, SoftBinding
from provenance.repository import MemoryManifestRepository
from provenance.resolution import ResolutionClient
from provenance.signers import ephemeral_signer
from provenance.signing import sign_clip
from provenance.trust import TrustStore
from reelproof.api import errors, resolution
from reelproof.api.front_door import FrontDoor, ServiceLimits, key_digest
from reelproof.api.meters import Meters
from reelproof.settings import Settings

MARK = SoftBinding("org.reelproof.wm.test", bytes.fromhex("1123456789abcdef"), name="pixel")
DESK_KEY = "key of the desk"


@dataclasses.dataclass
class Running:
    client: httpx.Client
    resolver: ResolutionClient
    release: Release
    stores: dict[str, bytes]
    log: DecisionLog
    gate: PolicyGate


def signed(folder: Path, name: str, signer: Any, binding: SoftBinding) -> tuple[Release, Clip]:
    field = np.random.default_rng(3).integers(20, 235, (8, 8, 3)).astype(np.uint8)
    field = cv2.resize(field, (192, 192), interpolation=cv2.INTER_CUBIC)
    pictures = np.stack([field[2 * i : 2 * i + 96, 3 * i : 3 * i + 96] for i in range(24)])
    clip = Clip.from_array(pictures, Fraction(12))
    write_clip(clip, folder / f"{name}-plain.mp4", preset="veryfast")
    facts = ManifestFacts(name, datetime.now(UTC), 96, 96, Fraction(12), 2.0, (binding,), "test-model")
    made = sign_clip(folder / f"{name}-plain.mp4", folder / f"{name}.mp4", facts, signer)
    fingerprint = fingerprint_clip(clip)
    bound = (binding, SoftBinding(fingerprint.alg, fingerprint.to_bytes(), name="fingerprint"))
    at = "2026-11-21T00:00:00Z"
    return Release(made.manifest_id, made.sha256, made.manifest_store, bound, fingerprint, at), clip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The routes over a real repository with one release, on loopback."""
    folder = tmp_path_factory.mktemp("resolution")
    ours, stranger = ephemeral_signer(datetime.now(UTC)), ephemeral_signer(datetime.now(UTC), "Stranger")
    partner = ephemeral_signer(datetime.now(UTC), "Partner")
    release, _ = signed(folder, "ours", ours, MARK)
    stores = {
        name: signed(folder, name, who, SoftBinding(f"com.{name}.wm", b"their mark"))[0].manifest_store
        for name, who in (("stranger", stranger), ("partner", partner), ("newcomer", partner))
    }
    stores["thief"] = signed(folder, "thief", partner, MARK)[0].manifest_store
    repository = MemoryManifestRepository()
    repository.put(release)
    digest = key_digest(httpx.Headers({"x-api-key": DESK_KEY}))  # type: ignore[arg-type]
    settings = Settings(home=folder / "home", desk_keys=(digest,), public_url="https://clips.example")
    marks = SimpleNamespace(pixel=SimpleNamespace(alg="wm.pixel"), noise=SimpleNamespace(alg="wm.noise"))
    trust = TrustStore.default(own_root_pem=ours.root_pem, custom_pem=partner.root_pem)
    log = DecisionLog(folder / "log", Ed25519PrivateKey.generate(), "test.example/log")
    gate = PolicyGate(SimpleNamespace(), log, folder / "vault", SystemClock())  # type: ignore[arg-type]
    gate.record("release", "req", manifest_id=release.manifest_id, output_sha256=release.sha256)
    services = SimpleNamespace(
        settings=settings,
        repository=repository,
        pipeline=marks,
        trust=trust,
        clock=SystemClock(),
        log=log,
        gate=gate,
    )
    app = FastAPI()
    app.state.front_door = FrontDoor(services, None, ServiceLimits(), Meters())  # type: ignore[arg-type]
    app.include_router(resolution.router)
    errors.install(app)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    url = f"http://127.0.0.1:{port}"
    resolver = ResolutionClient(f"{url}/sbr/v1")
    yield Running(httpx.Client(base_url=url, timeout=60), resolver, release, stores, log, gate)
    server.should_exit = True
    thread.join(10)


def test_a_mark_leads_to_its_manifest(running: Running) -> None:
    """Value in, manifest ID out, manifest store back: byte for byte what was embedded."""
    (match,) = running.resolver.by_binding(MARK)
    assert (match.manifest_id, match.similarity) == (running.release.manifest_id, 1.0)
    assert running.resolver.manifest(match.manifest_id) == running.release.manifest_store
    assert running.resolver.by_binding(dataclasses.replace(MARK, value=b"another!")) == []
    assert running.resolver.manifest("urn:c2pa:none") is None


def test_a_fingerprint_leads_to_what_looks_alike(running: Running) -> None:
    """Not the very bytes, but a copy's: with its similarity."""
    fingerprint = running.release.fingerprint
    moved = np.packbits(np.random.default_rng(1).random(256) < 0.05)  # the same bits all along, as a filter does
    value = dataclasses.replace(fingerprint, hashes=fingerprint.hashes ^ moved).to_bytes()
    (match,) = running.resolver.by_binding(SoftBinding(ALGORITHM, value))
    assert match.manifest_id == running.release.manifest_id
    assert match.similarity is not None
    assert 0.8 < match.similarity < 1.0


def test_asking_by_address_takes_both_alphabets(running: Running) -> None:
    """GET with standard or URL-safe base64, padded or not; open to pages of other sites."""
    for value in (b64encode(MARK.value).decode(), urlsafe_b64encode(MARK.value).decode().rstrip("=")):
        answer = running.client.get("/sbr/v1/matches/byBinding", params={"alg": MARK.alg, "value": value})
        assert [one["manifestId"] for one in answer.json()["matches"]] == [running.release.manifest_id]
        assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "asked",
    [{}, {"alg": "x"}, {"alg": "x", "value": "%%%"}, {"alg": "x", "value": ""}, {"alg": 1, "value": "AA=="},
     {"alg": ALGORITHM, "value": "AAAA"}, {"alg": "x", "value": "AA==", "maxResults": 0},
     {"alg": "x", "value": "AA==", "maxResults": "many"}],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_400(running: Running, asked: dict[str, Any]) -> None:
    """With a code and a hint, never a traceback."""
    answer = running.client.post("/sbr/v1/matches/byBinding", json=asked)
    assert answer.status_code == 400
    assert answer.json()["hint"]


def test_services_say_what_can_be_asked(running: Running) -> None:
    """Algorithms, status, capabilities, entries in the C2PA list's form, and the well-known address."""
    assert running.resolver.algorithms() == {"watermarks": ["wm.pixel", "wm.noise"], "fingerprints": [ALGORITHM]}
    get = running.client.get
    assert get("/sbr/v1/services/status").json()["manifests"] >= 1
    told = get("/.well-known/c2pa-soft-binding-resolution").json()
    assert told["endpoint"] == "https://clips.example/sbr/v1"
    assert told["matches"] == {"byBinding": True, "byContent": True, "byReference": False}
    assert get("/sbr/v1/services/capabilities").json()["specVersion"] == "2.5"
    entries = get("/sbr/v1/services/algorithmEntries").json()
    assert {one["type"] for one in entries} == {"watermark", "fingerprint"}
    assert all(one["softBindingResolutionApis"] == ["https://clips.example/sbr/v1"] for one in entries)


def test_addresses_are_fetched_only_where_that_is_set(running: Running) -> None:
    """Off by default: 501, and nothing is asked for."""
    asked = {"referenceUrl": "https://127.0.0.1/clip.mp4"}
    assert running.client.post("/sbr/v1/matches/byReference", json=asked).status_code == 501


def test_a_trusted_signers_manifest_is_kept_under_its_own_marks(running: Running) -> None:
    """A partner's manifest is found by the partner's mark; a stranger's is refused."""
    send = {"headers": {"Content-Type": "application/c2pa"}}
    kept = running.client.post("/sbr/v1/manifests", content=running.stores["partner"], **send)  # type: ignore[arg-type]
    assert kept.status_code == 201
    (match,) = running.resolver.by_binding(SoftBinding("com.partner.wm", b"their mark"))
    assert match.manifest_id == kept.json()["manifestId"]
    assert running.client.post("/sbr/v1/manifests", content=running.stores["partner"]).status_code == 201
    for bad in (running.stores["stranger"], b"", b"nonsense"):
        refused = running.client.post("/sbr/v1/manifests", content=bad)
        assert (refused.status_code, refused.json()["code"]) == (400, "untrusted_manifest")


def test_nobody_elses_manifest_answers_for_our_marks(running: Running) -> None:
    """A trusted partner that claims our mark's value is kept, but not found by it."""
    assert running.client.post("/sbr/v1/manifests", content=running.stores["thief"]).status_code == 201
    assert [one.manifest_id for one in running.resolver.by_binding(MARK)] == [running.release.manifest_id]


def test_binding_and_erasing_are_the_desks(running: Running) -> None:
    """Without its key 401; with it a further value leads to a manifest, and an erased one is 410 and not found."""
    kept = running.client.post("/sbr/v1/manifests", content=running.stores["partner"]).json()["manifestId"]
    further = SoftBinding("com.partner.other", b"more")
    asked = {"manifestId": kept, "alg": further.alg, "value": b64encode(further.value).decode()}
    key = {"X-API-Key": DESK_KEY}
    assert running.client.post("/sbr/v1/bindings", json=asked).status_code == 401
    assert running.client.put("/sbr/v1/bindings", json=asked, headers=key).status_code == 201
    assert [one.manifest_id for one in running.resolver.by_binding(further)] == [kept]
    unknown = asked | {"manifestId": "urn:c2pa:none"}
    assert running.client.post("/sbr/v1/bindings", json=unknown, headers=key).status_code == 404
    assert running.client.delete(f"/sbr/v1/manifests/{kept}").status_code == 401
    assert running.client.delete(f"/sbr/v1/manifests/{kept}", headers=key).json()["erased"]
    assert running.client.get(f"/sbr/v1/manifests/{kept}").status_code == 410
    assert running.resolver.by_binding(further) == []
    assert running.resolver.manifest(kept) is None


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ({}, []),
        ({"match": {"manifest_id": "a", "content_agrees": True, "similarity": 0.91}}, [("a", 91)]),
        ({"match": {"manifest_id": "a", "content_agrees": False, "similarity": 0.1}}, []),
        (
            {"manifest": {"manifest_id": "b"} | dict.fromkeys(resolution.HOLDS, True)},
            [("b", 100)],
        ),
        ({"manifest": {"manifest_id": "b", "signature_valid": True, "binding_intact": False}}, []),
    ],
)  # fmt: skip
def test_what_a_verdict_leads_to(verdict: dict[str, Any], expected: list[tuple[str, int]]) -> None:
    """A mark that was pasted onto other pictures leads nowhere, nor does a broken credential."""
    found = resolution.matches_of(verdict)
    assert [(one["manifestId"], one["similarityScore"]) for one in found] == expected


def receipt_of(running: Running) -> dict[str, Any]:
    answer = running.client.get(f"/sbr/v1/manifests/{running.release.manifest_id}/receipts")
    assert answer.status_code == 200
    return dict(answer.json())


def test_a_receipt_proves_that_the_log_took_the_manifest_in(running: Running) -> None:
    """In the form of the API, and checkable by anybody with the log's key."""
    receipt = receipt_of(running)
    assert receipt["@type"] == "org.c2pa.manifest-receipt"
    assert receipt["repository"]["manifestId"] == running.release.manifest_id
    assert receipt["verified"] is True
    proof, told = receipt["anchor"]["proof"], receipt["anchor"]["parameters"]
    assert proof["alg"] == "c2sp.org/tlog-proof@v1"
    checkpoint = verify_receipt(proof["value"], running.log.entry_bytes(told["index"]), running.log.verifier_key)
    assert checkpoint.size > told["index"]
    assert len(receipt["receipts"]) == 1


def test_a_receipt_that_somebody_holds_is_checked(running: Running) -> None:
    """As it was given: true. Of another manifest, of another entry, garbled, of another kind: false, and why."""
    receipt = receipt_of(running)
    address = f"/sbr/v1/manifests/{running.release.manifest_id}/receipts"
    proof = receipt["anchor"]["proof"]["value"]

    def asked(**changes: Any) -> dict[str, Any]:
        anchor = {**receipt["anchor"], "proof": {**receipt["anchor"]["proof"], **changes}}
        return dict(running.client.post(address, json={**receipt, "anchor": anchor}).json())

    assert asked()["verified"] is True
    running.gate.record("failure", "req", manifest_id=running.release.manifest_id)
    foreign = running.log.receipt(running.log.size - 1)
    for change in ({"value": foreign}, {"value": proof[:-8] + "AAAAAAA\n"}, {"value": "x"}, {"alg": "HMAC-SHA256"}):
        told = asked(**change)
        assert told["verified"] is False
        assert told["error"]
    other = {**receipt, "repository": {**receipt["repository"], "manifestId": "urn:c2pa:other"}}
    assert running.client.post(address, json=other).json()["verified"] is False


def test_no_receipt_is_400_and_no_manifest_404(running: Running) -> None:
    """A body of another form, and an ID that nobody knows."""
    address = f"/sbr/v1/manifests/{running.release.manifest_id}/receipts"
    for body in ({}, {"@type": "org.c2pa.manifest-receipt"}, {**receipt_of(running), "anchor": []}):
        assert running.client.post(address, json=body).status_code == 400
    assert (
        running.client.post("/sbr/v1/manifests/urn:c2pa:none/receipts", json=receipt_of(running)).status_code == 404
    )
    assert running.client.get("/sbr/v1/manifests/urn:c2pa:none/receipts").status_code == 404


def test_a_manifest_that_was_handed_in_gets_its_receipt(running: Running) -> None:
    """`returnReceipt` with the manifest's keeping, and again from the client."""
    answer = running.client.post(
        "/sbr/v1/manifests?returnReceipt=true",
        content=running.stores["newcomer"],
        headers={"Content-Type": "application/c2pa"},
    )
    assert answer.status_code == 201
    receipt = answer.json()["receipt"]
    manifest_id = answer.json()["manifestId"]
    assert receipt["verified"] is True
    assert receipt["repository"]["manifestId"] == manifest_id
    assert running.resolver.receipt(manifest_id)["verified"] is True  # type: ignore[index]
    assert running.resolver.receipt("urn:c2pa:none") is None


def test_what_was_erased_cannot_be_handed_in_again(running: Running) -> None:
    """400 with a code of its own, not a fault of the server."""
    media = {"Content-Type": "application/c2pa"}
    store = running.stores["newcomer"]
    manifest_id = running.client.post("/sbr/v1/manifests", content=store, headers=media).json()["manifestId"]
    desk = {"x-api-key": DESK_KEY}
    assert running.client.delete(f"/sbr/v1/manifests/{manifest_id}", headers=desk).status_code == 200
    answer = running.client.post("/sbr/v1/manifests", content=store, headers=media)
    assert answer.status_code == 400
    assert "release_erased" in answer.text
