"""Rules of witnesses: they cosign what continues, remember it before they answer, and so a rollback is found."""

import base64
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from core.clock import FixedClock
from core.errors import ConfigurationError, ServiceUnreachable
from policy.log import DecisionLog, ProofInvalid, VerifierKey
from policy.log.cosignature import WitnessKey, cosign, verify_cosignature, witness_key
from policy.log.witness import AddCheckpoint, Witness, WitnessRefusal
from policy.log.witnessing import WitnessClient

KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(b"\x08" * 32)
ORIGIN, NAME = "example.org/test-log", "witness.example.org/w1"
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GO_PACKAGES = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/note")


def log_in(folder: Path, count: int, mark: str = "a") -> DecisionLog:
    log = DecisionLog(folder, KEY, ORIGIN)
    log.append_all([{"n": number, "mark": mark} for number in range(log.size, count)])
    return log


def witness_in(folder: Path, log: DecisionLog) -> Witness:
    return Witness(folder, WITNESS_KEY, NAME, [VerifierKey.parse(log.verifier_key)], FixedClock(NOON))


def posting(witness: Witness) -> Callable[[bytes], tuple[int, bytes]]:
    """The witness as a server would answer, without a network."""

    def post(body: bytes) -> tuple[int, bytes]:
        try:
            return 200, witness.add_checkpoint(body).encode()
        except WitnessRefusal as refusal:
            return refusal.status, f"{refusal.size}\n".encode() if refusal.size is not None else b""

    return post


def client_of(log: DecisionLog, folder: Path, witness: Witness) -> WitnessClient:
    return WitnessClient(log.reader, folder, witness.key, posting(witness))


def asked(log: DecisionLog, old_size: int) -> bytes:
    head = log.reader.head()
    proof = log.reader.consistency_between(old_size, head.size)
    return AddCheckpoint(old_size, tuple(proof), log.checkpoint()).text().encode()


def refused(witness: Witness, body: bytes) -> WitnessRefusal:
    with pytest.raises(WitnessRefusal) as caught:
        witness.add_checkpoint(body)
    return caught.value


@pytest.mark.parametrize("sizes", [(0, 1), (1, 2, 3), (5, 300, 300, 301), (256, 512), (255, 257)])
def test_a_growing_log_is_cosigned_step_by_step(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    """Every honest step is cosigned with the time, and the cosigned checkpoint is still the log's own."""
    log = log_in(tmp_path / "log", 0)
    witness = witness_in(tmp_path / "witness", log)
    client = client_of(log, tmp_path / "log", witness)
    for size in sizes:
        log = log_in(tmp_path / "log", size)
        report = client.ask()
        assert (report.problem, report.size, report.time_s) == ("", size, int(NOON.timestamp()))
        assert client.check_kept().problem == ""
    note = client.kept()
    assert note is not None
    assert log.reader.verified(note).size == sizes[-1]


def test_a_rollback_is_found_by_one_witness(tmp_path: Path) -> None:
    """The whole folder put back to an older copy, witnessed checkpoints too: the witness remembers more."""
    folder = tmp_path / "log"
    log = log_in(folder, 40)
    witness = witness_in(tmp_path / "witness", log)
    assert client_of(log, folder, witness).ask().problem == ""
    shutil.copytree(folder, tmp_path / "copy")
    log = log_in(folder, 90)
    assert client_of(log, folder, witness).ask().problem == ""
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "copy", folder)
    back = DecisionLog(folder, KEY, ORIGIN)
    assert back.verify().ok
    report = client_of(back, folder, witness).ask()
    assert report.is_contradiction
    assert "rolled back" in report.problem


@pytest.mark.parametrize("size", [40, 90, 300])
def test_a_rewritten_log_is_found_at_any_length(tmp_path: Path, size: int) -> None:
    """The key holder writes another log, shorter, as long, or longer: by the witness and by what it cosigned."""
    folder = tmp_path / "log"
    log = log_in(folder, 90)
    witness = witness_in(tmp_path / "witness", log)
    assert client_of(log, folder, witness).ask().problem == ""
    shutil.copytree(folder / "witnessed", tmp_path / "kept")
    shutil.rmtree(folder)
    other = log_in(folder, size, mark="b")
    assert other.verify().ok
    assert client_of(other, folder, witness).ask().is_contradiction
    shutil.copytree(tmp_path / "kept", folder / "witnessed")
    assert client_of(other, folder, witness).check_kept().is_contradiction


def test_a_stale_size_is_told_with_409_and_the_right_one(tmp_path: Path) -> None:
    """Whoever asks from another size learns the last cosigned one; asking again from there is fine."""
    log = log_in(tmp_path / "log", 10)
    witness = witness_in(tmp_path / "witness", log)
    witness.add_checkpoint(asked(log, 0))
    log = log_in(tmp_path / "log", 20)
    for old in (0, 5):
        refusal = refused(witness, asked(log, old))
        assert (refusal.status, refusal.size) == (409, 10)
    assert verify_cosignature(log.checkpoint() + witness.add_checkpoint(asked(log, 10)), witness.key)


def test_each_wrong_request_has_its_own_status(tmp_path: Path) -> None:
    """Unknown log 404, bad signature 403, wrong proof 422, another root 409, malformed and impossible 400."""
    log = log_in(tmp_path / "log", 10)
    witness = witness_in(tmp_path / "witness", log)
    witness.add_checkpoint(asked(log, 0))
    stranger = DecisionLog(tmp_path / "stranger", KEY, "example.org/other")
    assert refused(witness, asked(stranger, 0)).status == 404
    forged = DecisionLog(tmp_path / "forged", WITNESS_KEY, ORIGIN)
    assert refused(witness, asked(forged, 0)).status == 403
    other = log_in(tmp_path / "other", 10, mark="b")
    same = refused(witness, asked(other, 10))
    assert (same.status, same.size) == (409, 10)
    longer = log_in(tmp_path / "longer", 30, mark="b")
    assert refused(witness, asked(longer, 10)).status == 422
    log = log_in(tmp_path / "log", 30)
    assert refused(witness, AddCheckpoint(10, (), log.checkpoint()).text().encode()).status == 422
    assert refused(witness, AddCheckpoint(31, (), log.checkpoint()).text().encode()).status == 400
    for body in (
        b"",
        b"old 1",
        b"old x\n\n",
        b"old 01\n\nx",
        b"\xff\xfe",
        b"old 0\n" + b"AAAA\n" * 70 + b"\nx",
        b"old 0\nAAA=\n\nx",
    ):
        assert refused(witness, body).status == 400


def test_the_record_is_durable_before_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the record can't be written there is no cosignature, and a new witness over the folder knows the same."""
    log = log_in(tmp_path / "log", 10)
    witness = witness_in(tmp_path / "witness", log)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("policy.log.witness.write_atomically", full)
        with pytest.raises(OSError, match="No space"):
            witness.add_checkpoint(asked(log, 0))
    witness.add_checkpoint(asked(log, 0))
    reborn = witness_in(tmp_path / "witness", log)
    assert refused(reborn, asked(log, 0)).size == 10


def test_racing_requests_never_roll_the_record_back(tmp_path: Path) -> None:
    """Of many at once each size is cosigned at most once from its predecessor, and the last stands."""
    log = log_in(tmp_path / "log", 10)
    witness = witness_in(tmp_path / "witness", log)
    witness.add_checkpoint(asked(log, 0))
    bodies = []
    for size in (11, 12, 13):
        log = log_in(tmp_path / "log", size)
        bodies.append(asked(log, 10))
    passed: list[bytes] = []
    statuses: list[int] = []

    def post(body: bytes) -> None:
        try:
            witness.add_checkpoint(body)
            passed.append(body)
        except WitnessRefusal as refusal:
            statuses.append(refusal.status)

    threads = [threading.Thread(target=post, args=(body,)) for body in bodies * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 1
    assert statuses == [409] * 8


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_changed_byte_of_a_cosigned_checkpoint_passes(place: int, bit: int) -> None:
    """Any flipped bit in text or cosignature is noticed."""
    raw = bytearray(COSIGNED.encode())
    raw[place % len(raw)] ^= 1 << bit
    changed = raw.decode("utf-8", "replace")
    with pytest.raises(ProofInvalid):
        verify_cosignature(changed, witness_key(NAME, WITNESS_KEY))


def test_witness_keys_are_read_strictly(tmp_path: Path) -> None:
    """A key round-trips; a log's key, another hash and rubbish are not witness keys; a name is one word."""
    key = witness_key(NAME, WITNESS_KEY)
    assert WitnessKey.parse(str(key)) == WitnessKey.parse(f" {key}\n")
    log_key = DecisionLog(tmp_path / "log", KEY, ORIGIN).verifier_key
    wrong_hash = str(key).replace(key.key_id.hex(), "00000000")
    for text in (log_key, wrong_hash, "", "a+b", f"{NAME}+00+" + base64.b64encode(b"\x04").decode()):
        with pytest.raises(ProofInvalid):
            WitnessKey.parse(text)
    with pytest.raises(ConfigurationError):
        witness_key("two words", WITNESS_KEY)


def test_a_silent_or_odd_witness_is_a_problem_and_no_contradiction(tmp_path: Path) -> None:
    """No answer, refusal for another reason, and an endless 409 don't accuse the log."""
    log = log_in(tmp_path / "log", 10)
    key = witness_key(NAME, WITNESS_KEY)

    def silent(_: bytes) -> tuple[int, bytes]:
        raise ServiceUnreachable("no answer", code="x", hint="y")

    answers = iter([b"1\n", b"2\n", b"3\n", b"4\n", b"5\n"])
    for post in (silent, lambda _: (404, b""), lambda _: (500, b"oops"), lambda _: (409, next(answers))):
        report = WitnessClient(log.reader, tmp_path / "log", key, post).ask()
        assert report.problem
        assert not report.is_contradiction
    garbled = WitnessClient(log.reader, tmp_path / "log", key, lambda _: (200, b"nothing")).ask()
    assert garbled.problem
    assert not garbled.is_contradiction
    assert WitnessClient(log.reader, tmp_path / "log", key, silent).check_kept().problem == "never cosigned"


@pytest.mark.skipif(
    shutil.which("go") is None or not GO_PACKAGES.exists(),
    reason="no Go with golang.org/x/mod here (Debian: golang-go golang-golang-x-mod-dev): not run",
)
def test_go_reads_our_log_and_our_cosignature(tmp_path: Path) -> None:
    """Go's own sumdb packages accept log, tiles, every entry's proof, cosignature and consistency; a flip fails."""
    log = log_in(tmp_path / "log", 300)
    old = tmp_path / "old"
    old.write_text(log.checkpoint())
    witness = witness_in(tmp_path / "witness", log)
    log = log_in(tmp_path / "log", 700)
    client = client_of(log, tmp_path / "log", witness)
    assert client.ask().problem == ""
    cosigned = tmp_path / "cosigned"
    cosigned.write_text(client.kept() or "")
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(tmp_path / "go"),
    }
    program = tmp_path / "verify"
    source = Path(__file__).parent / "independent" / "verify.go"
    subprocess.run(["go", "build", "-o", program, source], check=True, env=environment, capture_output=True)

    def verified() -> subprocess.CompletedProcess[str]:
        command = [program, tmp_path / "log", log.verifier_key, str(witness.key), cosigned, old]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    said = verified()
    assert said.stdout == "OK 700\n", said.stdout
    bundle = tmp_path / "log" / "tile" / "entries" / "001"
    content = bytearray(bundle.read_bytes())
    content[100] ^= 1
    bundle.write_bytes(content)
    assert verified().returncode == 1


def _cosigned() -> str:
    from policy.log.note import Checkpoint, sign_checkpoint

    note = sign_checkpoint(Checkpoint(ORIGIN, 3, b"\x05" * 32), KEY)
    return note.partition("\n\n")[0] + "\n\n" + cosign(note, NAME, WITNESS_KEY, 1_700_000_000)


COSIGNED = _cosigned()
