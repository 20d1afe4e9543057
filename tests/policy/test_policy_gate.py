"""Rules of the gate: nothing is decided off the record, and every fault is a no."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.clock import FixedClock
from core.errors import ConfigurationError, RequestRefused, UsageError
from policy.codes import Code
from policy.decision import Decision, Outcome, PolicyInput
from policy.filter import PolicyFilter
from policy.gate import PolicyGate
from policy.log import DecisionLog
from policy.log.proof import verify_receipt
from policy.vault import EntryKey, Vault

OpenLog = Callable[[], DecisionLog]
CLOCK = FixedClock(datetime(2026, 11, 20, 12, 0, tzinfo=UTC))


class Raising:
    """A filter that fails in a way nobody foresaw."""

    ruleset = "0" * 64

    def __init__(self, error: Exception) -> None:
        self._error = error

    def decide(self, request: PolicyInput) -> Decision:
        raise self._error


@pytest.fixture
def log(open_log: OpenLog) -> DecisionLog:
    return open_log()


@pytest.fixture
def gate(policy_filter: PolicyFilter, log: DecisionLog, tmp_path: Path) -> PolicyGate:
    return PolicyGate(policy_filter, log, tmp_path / "vault", CLOCK)


def test_a_decision_stands_in_the_log_before_anybody_sees_it(gate: PolicyGate, log: DecisionLog) -> None:
    """The entry at the decision's index says what was decided, and its receipt verifies."""
    logged = gate.decide(PolicyInput({"prompt": "Taylor Swift on a beach"}), generator="embedded/1")
    entry = log.entry(logged.log_index)
    assert (entry["outcome"], entry["codes"]) == ("refuse", [int(Code.PUBLIC_FIGURE)])
    assert (entry["id"], entry["request_id"]) == (logged.entry_id, logged.request_id)
    assert (entry["generator"], entry["stage"], entry["time"]) == ("embedded/1", "input", "2026-11-20T12:00:00Z")
    assert entry["ruleset"] == gate.ruleset
    verify_receipt(log.receipt(logged.log_index), log.entry_bytes(logged.log_index), log.verifier_key)


def test_the_log_holds_neither_prompt_nor_name(gate: PolicyGate, log_folder: Path) -> None:
    """No file of the log contains a word of the prompt."""
    gate.decide(PolicyInput({"prompt": "Taylor Swift under seventeen purple umbrellas"}))
    for path in (each for each in log_folder.rglob("*") if each.is_file()):
        content = path.read_bytes().lower()
        assert not any(word in content for word in (b"taylor", b"swift", b"umbrella"))


def test_the_vault_gives_the_prompt_back_until_it_is_erased(gate: PolicyGate, log: DecisionLog) -> None:
    """With its key the prompt is read and fits the commitment; without it it is gone; the log still verifies."""
    logged = gate.decide(PolicyInput({"prompt": "a red cube", "negative_prompt": "blur"}))
    kept = gate.vault.read(logged.entry_id)
    assert kept is not None
    assert json.loads(kept) == {"prompt": "a red cube", "negative_prompt": "blur"}
    key = gate.vault.key(logged.entry_id)
    assert key is not None
    commitments = log.entry(logged.log_index)["commitments"]
    assert commitments["prompt"] == key.commitment("prompt", b"a red cube")
    assert commitments["prompt"] != key.commitment("prompt", b"a red cone")
    assert gate.vault.erase(logged.entry_id)
    assert gate.vault.read(logged.entry_id) is None
    assert not gate.vault.erase(logged.entry_id)
    assert log.verify().ok


def test_the_same_prompt_gives_different_commitments(gate: PolicyGate, log: DecisionLog) -> None:
    """Each entry has its own key, so that equal prompts can't be told apart from others by their commitments."""
    first, second = (gate.decide(PolicyInput({"prompt": "a red cube"})).log_index for _ in range(2))
    assert log.entry(first)["commitments"] != log.entry(second)["commitments"]


def test_a_fault_in_the_filter_is_a_refusal_on_record(log: DecisionLog, tmp_path: Path) -> None:
    """Whatever a filter raises, the answer is no, with its own code, in the log."""
    gate = PolicyGate(Raising(KeyError("surprise")), log, tmp_path / "vault", CLOCK)
    logged = gate.decide(PolicyInput({"prompt": "a cat"}))
    assert logged.decision.outcome is Outcome.REFUSE
    assert log.entry(logged.log_index)["codes"] == [int(Code.FILTER_FAILED)]


def test_a_prompt_too_long_is_refused_on_record_and_raised(gate: PolicyGate, log: DecisionLog) -> None:
    """The caller gets the usage error; the log has the refusal."""
    with pytest.raises(UsageError):
        gate.decide(PolicyInput({"prompt": "a" * 1_000_000}))
    assert log.entry(0)["codes"] == [int(Code.INPUT_NOT_READABLE)]


@pytest.mark.parametrize("allowed", ["a red cube turning", "Taylor Swift"])
def test_without_the_log_there_is_no_decision(
    gate: PolicyGate, monkeypatch: pytest.MonkeyPatch, allowed: str
) -> None:
    """If the entry can't be made durable, the request is refused with code 910 and no index."""

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("policy.log.journal.os.fdatasync", full)
    with pytest.raises(RequestRefused) as caught:
        gate.decide(PolicyInput({"prompt": allowed}))
    assert caught.value.reason_codes == (int(Code.LOG_UNAVAILABLE),)
    assert caught.value.log_index is None
    with pytest.raises(RequestRefused):
        gate.record("release", "req_1", sha256="00")


def test_without_the_vault_there_is_no_decision(gate: PolicyGate, tmp_path: Path, log: DecisionLog) -> None:
    """If the texts can't be kept, nothing is logged and nothing may be made."""
    (tmp_path / "vault").write_text("a file where the folder should be")
    with pytest.raises(RequestRefused):
        gate.decide(PolicyInput({"prompt": "a cat"}))
    assert log.size == 0


def test_what_became_of_a_request_is_recorded_with_it(gate: PolicyGate, log: DecisionLog) -> None:
    """Sign-intent, release and failure entries carry the request's id and their facts."""
    logged = gate.decide(PolicyInput({"prompt": "a cat"}), request_id="req_7")
    index = gate.record("release", logged.request_id, sha256="ab" * 32, manifest_id="urn:c2pa:1")
    entry = log.entry(index)
    assert (entry["stage"], entry["request_id"]) == ("release", "req_7")
    assert entry["facts"] == {"sha256": "ab" * 32, "manifest_id": "urn:c2pa:1"}


def test_the_decision_json_is_the_promised_one(gate: PolicyGate) -> None:
    """`reelproof.decision/1` has its promised keys, with the log index of this decision."""
    shown = gate.decide(PolicyInput({"prompt": "a cat"})).to_json()
    assert {"schema", "outcome", "codes", "categories", "reasons", "ruleset", "views", "log_index"} <= set(shown)
    assert (shown["schema"], shown["outcome"], shown["log_index"]) == ("reelproof.decision/1", "allow", 0)
    json.dumps(shown)


@pytest.mark.parametrize("prompt", ["\ud800", "\x00\x01", "", "\U000e0061", "ﷺ" * 50])
def test_odd_characters_are_decided_and_kept(gate: PolicyGate, prompt: str) -> None:
    """Lone surrogates, control characters and nothing at all get a decision on record."""
    logged = gate.decide(PolicyInput({"prompt": prompt}))
    assert gate.vault.read(logged.entry_id) is not None


def test_a_consent_token_is_committed_to_and_not_accepted_yet(gate: PolicyGate, log: DecisionLog) -> None:
    """A token never turns a refusal around unchecked, and stands in the log as a commitment only."""
    logged = gate.decide(PolicyInput({"prompt": "Taylor Swift sings"}, consent_token="token-123"))
    assert logged.decision.outcome is Outcome.REFUSE
    assert int(Code.CONSENT_NOT_ACCEPTED) in logged.decision.codes
    assert "token-123" not in json.dumps(log.entry(logged.log_index))


def test_the_vault_notices_a_changed_text(tmp_path: Path) -> None:
    """A text that does not fit its key is an error, not a wrong prompt."""
    vault = Vault(tmp_path)
    vault.keep("ab", EntryKey.fresh(), b"a prompt")
    path = tmp_path / "texts/ab"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    with pytest.raises(ConfigurationError):
        vault.read("ab")


@pytest.mark.parametrize("entry_id", ["", "../x", "A", "g", "a" * 65])
def test_an_entry_id_never_leaves_the_vault(tmp_path: Path, entry_id: str) -> None:
    """Only hex ids are looked up, so that no id can name another file."""
    with pytest.raises(UsageError):
        Vault(tmp_path).read(entry_id)


def test_vault_files_are_private(gate: PolicyGate, tmp_path: Path) -> None:
    """Keys and texts can be read by their owner only."""
    gate.decide(PolicyInput({"prompt": "a cat"}))
    for path in (each for each in (tmp_path / "vault").rglob("*") if each.is_file()):
        assert path.stat().st_mode & 0o077 == 0
