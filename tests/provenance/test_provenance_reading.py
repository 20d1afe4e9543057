"""Reading: every finding by itself, nothing believed, no byte changed unseen."""

import io
import json
import random
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import codes, reading
from provenance.codes import Family
from provenance.manifest import ManifestFacts
from provenance.reading import read_manifest, read_store
from provenance.records import CredentialState, ManifestReport, SignedClip
from provenance.store import StoreFault, active_signature, find_store
from provenance.trust import LEGACY_LIST, OFFICIAL_LIST, OWN_LIST, TrustStore

Facts = Callable[..., ManifestFacts]


def read_bytes(content: bytes, trust: TrustStore) -> ManifestReport:
    return read_manifest(io.BytesIO(content), trust)


def boxes(content: bytes) -> dict[str, tuple[int, int]]:
    """Top-level boxes of an MP4: where each one's content starts and ends."""
    found, position = {}, 0
    while position < len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        found[kind.decode("latin1")] = (position + 8, position + length)
        position += length
    return found


def flipped(content: bytes, position: int, bit: int = 0) -> bytes:
    changed = bytearray(content)
    changed[position] ^= 1 << bit
    return bytes(changed)


def convinces(report: ManifestReport) -> bool:
    return report.state is CredentialState.PRESENT and report.is_intact and report.trust_list == OWN_LIST


def test_a_report_says_who_when_and_what(signed: SignedClip, trust: TrustStore, some_facts: Facts) -> None:
    """Signer, time, generator, origin, marks and decision, as they were signed."""
    report = read_manifest(signed.path, trust)
    assert report.signer == "Reelproof Test Claim Signer"
    assert report.issuer == "Reelproof Test"
    assert report.signed_at == "2026-11-20T23:00:00Z"
    assert not report.time_stamped
    assert not report.certificate_expired
    assert report.origin == "generated"
    assert report.claim_generator == "Reelproof 0.1.0"
    assert report.assertions["org.reelproof.policy-decision"]["log"]["index"] == 17
    bindings = some_facts().bindings
    assert report.bindings == tuple(replace(one, end_ms=2000) for one in bindings)


def test_a_report_survives_json(signed: SignedClip, trust: TrustStore) -> None:
    """The sandboxed reader sends its report as JSON; nothing is lost."""
    for report in (
        read_manifest(signed.path, trust),
        read_store(signed.manifest_store, trust),
        ManifestReport(CredentialState.BROKEN, problem="x"),
    ):
        assert ManifestReport.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_a_detached_store_is_read_without_its_file(signed: SignedClip, trust: TrustStore) -> None:
    """A recovered credential: signature and assertions hold, and nothing is bound to any bytes."""
    report = read_store(signed.manifest_store, trust)
    assert report.is_detached
    assert report.manifest_id == signed.manifest_id
    assert report.signature_valid
    assert report.assertions_intact
    assert report.trust_list == OWN_LIST
    assert not report.binding_intact
    assert report.failure_codes == ()


def test_no_credential_is_absent_and_not_broken(plain_mp4: Path, trust: TrustStore) -> None:
    """An unsigned clip, an empty file and noise have no credential."""
    for content in (plain_mp4.read_bytes(), b"", bytes(range(256)) * 40, b"RIFF\x04\0\0\0AVI "):
        report = read_bytes(content, trust)
        assert report.state is CredentialState.ABSENT
        assert report.problem is None


def test_an_unlisted_signer_is_untrusted_and_nothing_worse(signed: SignedClip) -> None:
    """Valid signature, intact bytes, on no list: said so, without a failure."""
    report = read_manifest(signed.path, TrustStore.default())
    assert report.is_intact
    assert report.trust_list is None
    assert report.lapsed_trust_list is None
    assert report.failure_codes == ()


def test_a_lapsed_certificate_without_a_time_stamp_is_not_trusted(signed: SignedClip, trust: TrustStore) -> None:
    """A year later nobody can tell when it was signed: intact, lapsed, and which list it had been on."""
    report = read_manifest(signed.path, trust, now=datetime.now(UTC) + timedelta(days=400))
    assert report.is_intact
    assert report.certificate_expired
    assert report.trust_list is None
    assert report.lapsed_trust_list == OWN_LIST


REGIONS = {
    "mdat": lambda content, at: at["mdat"][0] + 40,
    "mdat, last byte": lambda content, at: at["mdat"][1] - 1,
    "moov": lambda content, at: at["moov"][0] + 30,
    "an assertion": lambda content, at: content.index(b"trainedAlgorithmicMedia") + 3,
    "a soft binding": lambda content, at: content.index(b"org.reelproof.wm.test-pixel.1") + 20,
    "the policy decision": lambda content, at: content.index(b"ruleset") + 12,
    "the claim": lambda content, at: content.rindex(b"claim_generator_info") + 25,
    "the hash itself": lambda content, at: content.index(b"jumbf manifest") - 40,
    "the certificate": lambda content, at: content.index(b"Claim Signer"),
    "the box type": lambda content, at: at["uuid"][0] - 4,
    "the box's UUID": lambda content, at: at["uuid"][0] + 3,
    "the box's version": lambda content, at: at["uuid"][0] + 17,
    "the box's purpose": lambda content, at: at["uuid"][0] + 21,
    "the store's label": lambda content, at: content.index(b"jumdc2pa") + 26,
    "the manifest's label": lambda content, at: content.index(b"urn:c2pa:") + 12,
    "the space reserved for the signature": lambda content, at: content.index(bytes(500)) + 250,
}


@pytest.mark.parametrize("region", REGIONS)
def test_a_flipped_byte_never_convinces(signed: SignedClip, trust: TrustStore, region: str) -> None:
    """One changed bit in any region: absent, broken, or something that doesn't hold."""
    content = signed.path.read_bytes()
    position = REGIONS[region](content, boxes(content))
    for bit in (0, 5):
        assert not convinces(read_bytes(flipped(content, position, bit), trust)), (region, position, bit)


def uncovered(content: bytes) -> list[range]:
    """The bytes that nothing covers, as docs/provenance.md lists them."""
    at = boxes(content)
    start = at["uuid"][0]
    return [range(*at["ftyp"]), range(start + 29, start + 37)]


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_a_bit_flipped_anywhere_never_convinces(signed: SignedClip, trust: TrustStore, data: st.DataObject) -> None:
    """Wherever the bit is, but for the bytes listed as uncovered."""
    content = signed.path.read_bytes()
    position = data.draw(st.integers(0, len(content) - 1))
    if any(position in one for one in uncovered(content)):
        return
    assert not convinces(read_bytes(flipped(content, position, data.draw(st.integers(0, 7))), trust)), position


@pytest.mark.slow
def test_every_byte_of_the_credential_is_covered(signed: SignedClip, trust: TrustStore) -> None:
    """Every eleventh byte of the whole file, one random bit each: nothing convinces, nothing hangs."""
    content = signed.path.read_bytes()
    rng = random.Random(7)
    holes = []
    for position in range(0, len(content), 11):
        if any(position in one for one in uncovered(content)):
            continue
        started = time.perf_counter()
        if convinces(read_bytes(flipped(content, position, rng.randrange(8)), trust)):
            holes.append(position)
        assert time.perf_counter() - started < 15
    assert holes == []


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


@pytest.mark.parametrize("kind", [b"mdat", b"free", b"skip", b"uuid", b"abcd"])
def test_nothing_can_be_appended_unseen(signed: SignedClip, trust: TrustStore, kind: bytes) -> None:
    """A box at the end of the file, even one that players skip, breaks the binding."""
    content = signed.path.read_bytes() + box(kind, b"A" * 64)
    assert not convinces(read_bytes(content, trust))


def test_two_stores_in_one_file_are_refused(signed: SignedClip, trust: TrustStore) -> None:
    """A second credential box: two readers could pick different ones, so none counts."""
    content = signed.path.read_bytes()
    start, end = boxes(content)["uuid"]
    report = read_bytes(content + content[start - 8 : end], trust)
    assert report.state is CredentialState.BROKEN
    assert report.problem is not None
    assert "2 manifest stores" in report.problem


def test_a_stolen_credential_is_bound_to_its_own_bytes(
    signed: SignedClip, moving_shapes: Callable[..., object], trust: TrustStore, tmp_path: Path
) -> None:
    """A genuine credential put into another clip: the signature holds, the binding does not."""
    from core.video import write_clip

    write_clip(moving_shapes(9), tmp_path / "other.mp4", preset="ultrafast")  # type: ignore[arg-type]
    content = signed.path.read_bytes()
    start, end = boxes(content)["uuid"]
    other = (tmp_path / "other.mp4").read_bytes()
    cut = boxes(other)["ftyp"][1]
    report = read_bytes(other[:cut] + content[start - 8 : end] + other[cut:], trust)
    assert report.signature_valid
    assert not report.binding_intact


@pytest.mark.parametrize("keep", [0, 1, 8, 60, 500, 5000])
def test_a_truncated_file_is_no_traceback(signed: SignedClip, trust: TrustStore, keep: int) -> None:
    """However little is left."""
    assert not convinces(read_bytes(signed.path.read_bytes()[:keep], trust))


@given(st.binary(max_size=400))
@settings(max_examples=30, deadline=None)
def test_no_bytes_raise(content: bytes) -> None:
    """Any bytes at all give a report; as a store they are never a credential."""
    assert read_bytes(content, TrustStore(())).state in CredentialState
    assert read_store(content, TrustStore(())).state is CredentialState.BROKEN


def test_a_deep_store_is_no_stack_overflow(trust: TrustStore) -> None:
    """Boxes in boxes a thousand deep."""
    content = b""
    for _ in range(1000):
        content = box(b"jumb", content)
    assert read_store(content, trust).state is CredentialState.BROKEN
    assert read_bytes(box(b"ftyp", b"isom" + bytes(4)) + content, trust).state is not CredentialState.PRESENT


def test_a_disagreement_of_the_two_parsers_is_broken(
    signed: SignedClip, trust: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the library's active manifest isn't the one whose chain we checked, nothing counts."""
    real = reading.active_signature
    monkeypatch.setattr(reading, "active_signature", lambda store: replace(real(store), manifest_id="urn:c2pa:x"))
    assert read_manifest(signed.path, trust).state is CredentialState.BROKEN


def test_our_own_check_of_the_signature_counts(
    signed: SignedClip, trust: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the library says valid and `cryptography` does not, it is not valid."""
    real = reading.active_signature
    monkeypatch.setattr(reading, "active_signature", lambda store: replace(real(store), claim=b"\xa0"))
    assert not read_manifest(signed.path, trust).signature_valid


def test_the_store_parser_names_its_faults(signed: SignedClip) -> None:
    """Cut off, wrong kind, no manifest."""
    for broken in (b"", signed.manifest_store[:100], b"\0\0\0\x08jumb", signed.manifest_store[8:]):
        with pytest.raises(StoreFault):
            active_signature(broken)
    assert find_store(io.BytesIO(signed.manifest_store)) == signed.manifest_store


# -- codes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "family"),
    [
        ("assertion.bmffHash.mismatch", Family.BINDING),
        ("assertion.dataHash.mismatch", Family.BINDING),
        ("claim.hardBindings.missing", Family.BINDING),
        ("claimSignature.mismatch", Family.SIGNATURE),
        ("signingCredential.untrusted", Family.TRUST),
        ("timeStamp.mismatch", Family.TIME),
        ("ingredient.claimSignature.mismatch", Family.INGREDIENT),
        ("assertion.hashedURI.mismatch", Family.ASSERTION),
        ("assertion.action.malformed", Family.ASSERTION),
        ("something.nobody.knows", Family.ASSERTION),
    ],
)
def test_each_failure_has_its_family(code: str, family: Family) -> None:
    """A code of no known family counts against the assertions: a new failure fails closed."""
    assert codes.family_of(code) is family
    assert codes.split_by_family([code])[family] == (code,)


BASE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.mark.parametrize(
    ("actions", "parent", "origin"),
    [
        ([("c2pa.created", "trainedAlgorithmicMedia")], None, "generated"),
        ([("c2pa.created", "digitalCapture"), ("c2pa.edited", "compositeSynthetic")], None, "generated"),
        ([("c2pa.created", "digitalCapture")], None, "captured"),
        ([("c2pa.created", "computationalCapture"), ("c2pa.published", None)], None, "captured"),
        ([("c2pa.created", "digitalCapture"), ("c2pa.color_adjustments", None)], None, "edited"),
        ([("c2pa.created", "humanEdits")], None, "edited"),
        ([("c2pa.created", "digitalCreation")], None, "unknown"),
        ([("c2pa.opened", None), ("c2pa.cropped", None)], "captured", "edited"),
        ([("c2pa.opened", None), ("c2pa.cropped", None)], "generated", "generated"),
        ([("c2pa.opened", None), ("c2pa.repackaged", None)], "captured", "captured"),
        ([("c2pa.opened", None)], None, "edited"),
        ([("c2pa.opened", "trainedAlgorithmicMedia")], None, "generated"),
        ([], None, "unknown"),
    ],
)  # fmt: skip
def test_what_actions_attest(actions: list[tuple[str, str | None]], parent: str | None, origin: str) -> None:
    """Anything generated makes the clip generated; an edit of a capture is an edit; silence is unknown."""
    listed = [{"action": name} | ({"digitalSourceType": BASE + kind} if kind else {}) for name, kind in actions]
    assert codes.origin_of(listed, parent) == origin


def test_a_hash_that_leaves_out_the_pictures_binds_nothing() -> None:
    """/mdat among the exclusions is named; the usual exclusions are not."""
    usual = {"exclusions": [{"xpath": "/uuid"}, {"xpath": "/ftyp"}, {"xpath": "/mfra"}, {"xpath": "/free"}]}
    assert codes.uncovered_boxes({"c2pa.hash.bmff.v3": usual}) == frozenset()
    bad = {"exclusions": [{"xpath": "/mdat"}]}
    assert codes.uncovered_boxes({"c2pa.hash.bmff.v3": usual, "c2pa.hash.bmff.v3__1": bad}) == {"/mdat"}


# -- files by others ----------------------------------------------------------------------------------------


@pytest.mark.clips
@pytest.mark.parametrize(
    ("name", "trust_list", "issuer"),
    [
        ("B2_LightFloat_Veo3.mp4", OFFICIAL_LIST, "Google LLC"),
        ("C3_TowerTopple_Veo3.mp4", OFFICIAL_LIST, "Google LLC"),
        ("G1_EarthFall_Veo3.mp4", OFFICIAL_LIST, "Google LLC"),
        ("T1_Veo3.1Fast.mp4", OFFICIAL_LIST, "Google LLC"),
        ("G1_EarthFall_Sora2.mp4", LEGACY_LIST, "OpenAI"),
    ],
)
def test_vendors_credentials_are_trusted_by_their_own_list(
    sample: Callable[[str], Path], trust: TrustStore, name: str, trust_list: str, issuer: str
) -> None:
    """Google's by the official list, OpenAI's by the frozen interim list; both time-stamped, both generated."""
    report = read_manifest(sample(f"c2pa/vendor/{name}"), trust)
    assert report.is_intact
    assert report.trust_list == trust_list
    assert report.issuer == issuer
    assert report.time_stamped
    assert report.origin == "generated"
    assert report.failure_codes == report.ingredient_failures == ()


@pytest.mark.clips
def test_vendors_credentials_lapse_without_time_stamp_roots(
    sample: Callable[[str], Path], trust: TrustStore
) -> None:
    """Their certificates have run out: only the trusted time-stamp keeps them valid."""
    unstamped = TrustStore(tuple(replace(one, time_stamp_anchors_pem="") for one in trust.lists))
    report = read_manifest(sample("c2pa/vendor/G1_EarthFall_Sora2.mp4"), unstamped)
    assert report.is_intact
    assert not report.time_stamped
    assert report.certificate_expired
    assert report.trust_list is None
    assert report.lapsed_trust_list == LEGACY_LIST


@pytest.mark.clips
@pytest.mark.parametrize(
    ("name", "state", "is_intact"),
    [
        ("video1.mp4", CredentialState.PRESENT, True),
        ("legacy.mp4", CredentialState.PRESENT, True),
        ("dashinit.mp4", CredentialState.PRESENT, False),
        ("dash1.m4s", CredentialState.BROKEN, False),
        ("c.mov", CredentialState.ABSENT, False),
        ("test.avi", CredentialState.ABSENT, False),
        ("nested_moov_1000.mp4", CredentialState.ABSENT, False),
        ("video1_no_manifest.mp4", CredentialState.ABSENT, False),
    ],
)
def test_samples_of_the_reference_implementation(
    sample: Callable[[str], Path], trust: TrustStore, name: str, state: CredentialState, is_intact: bool
) -> None:
    """Test signers are on no list; older claims read; nothing raises."""
    report = read_manifest(sample(f"c2pa/{name}"), trust)
    assert report.state is state
    assert report.is_intact is is_intact
    assert report.trust_list is None


@pytest.mark.clips
def test_a_remote_credential_is_named_and_not_fetched(sample: Callable[[str], Path], trust: TrustStore) -> None:
    """The file names one elsewhere; the report says so."""
    report = read_manifest(sample("c2pa/video1_no_manifest.mp4"), trust)
    assert report.problem is not None
    assert "not fetched" in report.problem


@pytest.mark.clips
def test_old_hashes_that_leave_offsets_out_say_so(sample: Callable[[str], Path], trust: TrustStore) -> None:
    """A version 2 hash covers the samples but not where they lie."""
    report = read_manifest(sample("c2pa/video1.mp4"), trust)
    assert codes.UNCOVERED_OFFSETS in report.informational_codes


def test_reading_starts_without_torch() -> None:
    """The room loads no tensors."""
    assert "torch" not in sys.modules or "torch" not in reading.__dict__
