"""The log at the desk: filter, follow a clip, read and erase texts on record, export, retention, witnesses."""

import csv
import dataclasses
import io
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn

from core.clock import FixedClock, SystemClock
from core.errors import ConfigurationError, ServiceUnreachable, UsageError
from generator.port import GenerationRequest
from policy.decision import PolicyInput
from reelproof.api.witness_server import open_witness, witness_app
from reelproof.log_desk import EntryFilter, entry_index, exported, find_entries, story_of, sweep
from reelproof.wiring import Services
from reelproof.witnessing import Witnesses, http_post

Command = Callable[..., tuple[int, str, str]]


def asked(services: Services, *prompts: str) -> None:
    for prompt in prompts:
        services.gate.decide(PolicyInput({"prompt": prompt}))


def test_entries_are_found_by_stage_outcome_code_and_name(services: Services) -> None:
    """Each filter finds what fits, newest first, and goes on where it stopped."""
    asked(services, *["a red cube"] * 300, "Taylor Swift sings", "a blue cube")
    reader = services.log.reader
    found, end = find_entries(reader, EntryFilter(outcome="refuse"))
    assert ([index for index, _ in found], end) == ([300], 0)
    assert [index for index, _ in find_entries(reader, EntryFilter(code=101))[0]] == [300]
    request_id = reader.entry(17)["request_id"]
    assert [index for index, _ in find_entries(reader, EntryFilter(named=request_id))[0]] == [17]
    seen, before = [], None
    while before is None or before > 0:
        found, before = find_entries(reader, EntryFilter(outcome="allow"), before=before, limit=70)
        seen += [index for index, _ in found]
    assert seen == [301, *range(299, -1, -1)]
    assert find_entries(reader, EntryFilter(stage="release"))[0] == []


def test_a_clip_is_followed_to_its_decision(services: Services, tmp_path: Path) -> None:
    """From the content ID, the manifest ID or the file's digest to the whole story of its request."""
    asked(services, "a blue cube")
    request = GenerationRequest(prompt="a grey field", width_px=256, height_px=256, seed=5)
    report = services.pipeline.generate(request, tmp_path / "clip.mp4")
    reader = services.log.reader
    for name in (report.content_id, report.manifest_id, report.sha256):
        stages = [entry["stage"] for _, entry in story_of(reader, entry_index(reader, name))]
        assert stages == ["input", "sign-intent", "release"]
    with pytest.raises(UsageError):
        entry_index(reader, "urn:c2pa:none")


def test_the_export_is_whole_in_both_forms(services: Services) -> None:
    """Every entry once, in order; CSV with a head, and no cell that a spreadsheet would run."""
    asked(services, *["a red cube"] * 260)
    services.gate.record("note", "=1+1")
    rows = list(csv.DictReader(io.StringIO("".join(exported(services.log.reader, "csv")))))
    assert [row["index"] for row in rows] == [str(index) for index in range(261)]
    assert (rows[0]["outcome"], rows[260]["request_id"]) == ("allow", "'=1+1")
    lines = [json.loads(line) for line in exported(services.log.reader, "json")]
    assert [line["index"] for line in lines] == list(range(261))
    assert {key: value for key, value in lines[7].items() if key != "index"} == services.log.entry(7)


def test_audit_commands(command: Command, services: Services, tmp_path: Path) -> None:
    """list, show, read, erase, export and verify, with every reading and erasure on record."""
    asked(services, "a red cube", "Taylor Swift sings")
    assert command("audit", "list", "--outcome", "refuse")[1].split()[0] == "1"
    assert json.loads(command("audit", "show", services.log.entry(1)["request_id"])[1])["index"] == 1
    assert "Taylor Swift sings" in command("audit", "read", 1)[1]
    assert services.log.entry(2)["stage"] == "access"
    assert "erased" in command("audit", "erase", 1, "--why", "she asked")[1]
    assert services.log.entry(3)["facts"]["why"] == "she asked"
    assert "nothing is kept" in command("audit", "read", 1)[1]
    assert json.loads(command("audit", "verify", "--json")[1])["ok"]
    target = tmp_path / "log.jsonl"
    assert command("audit", "export", target, "--json")[0] == 0
    assert len(target.read_text().splitlines()) == 5
    assert command("audit", "export", "-", "--csv")[1].startswith("index,id,time")
    assert command("audit", "export", target, "--json", "--csv")[0] == 2
    assert command("audit", "show", "nowhere")[0] == 2


def test_texts_go_after_the_retention_and_the_log_still_verifies(services: Services) -> None:
    """Older than the retention they are erased, younger ones stay; doing it again does nothing more."""
    start = services.clock.now()
    clock = FixedClock(start)
    services.gate._clock = clock
    aged = dataclasses.replace(services, clock=clock)
    asked(aged, *["a red cube"] * 3)
    clock.instant = start + timedelta(days=179)
    asked(aged, "a blue cube")
    assert sweep(aged) == 0
    clock.instant = start + timedelta(days=181)
    assert sweep(aged) == 3
    assert aged.log.entry(aged.log.size - 1)["facts"]["erased"] == 3
    size = aged.log.size
    assert sweep(aged) == 0
    assert aged.log.size == size
    vault = aged.gate.vault
    assert [vault.read(aged.log.entry(index)["id"]) is None for index in range(4)] == [True, True, True, False]
    assert aged.log.verify().ok


@pytest.fixture
def witness(services: Services, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A real witness of ours on loopback: its key and address."""
    opened = open_witness(
        tmp_path / "witness", "witness.example.org/w1", (services.log.verifier_key,), SystemClock()
    )
    config = uvicorn.Config(witness_app(opened), host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield str(opened.key), f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def test_a_rollback_shows_in_audit_verify(
    command: Command, services: Services, witness: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one witness asked over HTTP, an older copy of the whole folder no longer passes."""
    folder = services.settings.home / "log"
    witnesses = Witnesses.configured((" ".join(witness),), services.log.reader, folder)
    told = dataclasses.replace(services, witnesses=witnesses)
    monkeypatch.setattr("reelproof.wiring.build", lambda *_, **__: told)
    asked(services, "a red cube")
    code, said, _ = command("audit", "witness", "--json")
    assert (code, json.loads(said)["witnesses"][0]["size"]) == (0, 1)
    shutil.copytree(folder, tmp_path / "copy")
    asked(services, "a blue cube", "a green cube")
    answer = json.loads(command("audit", "verify", "--json")[1])
    assert (answer["ok"], answer["witnesses"][0]["size"]) == (True, 3)
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "copy", folder)
    assert services.log.verify().ok
    code, said, _ = command("audit", "verify", "--json")
    assert code == 6
    assert "rolled back" in json.loads(said)["witnesses"][0]["problem"]
    assert command("audit", "verify", "--offline")[0] == 0


def test_a_witness_that_cannot_be_reached_is_told_and_is_no_broken_log(services: Services) -> None:
    """Nobody at the address: the report says so, and the log is not accused."""
    asked(services, "a red cube")
    key = "witness.example.org/w1+4ab4b0b9+BAYl1p3ZrCEYn3lXQZbnZ0N0l0m0V0M2M1dwVt0Y3kHf"
    with pytest.raises(ConfigurationError):
        Witnesses.configured((key,), services.log.reader, services.settings.home / "log")
    with pytest.raises(ServiceUnreachable, match="does not answer"):
        http_post("http://127.0.0.1:9")(b"x")


def test_a_witness_folder_keeps_its_name_and_key(command: Command, tmp_path: Path) -> None:
    """The key is made once; another name over the same folder is refused."""
    first = command("witness", "key", "--folder", tmp_path / "w", "--name", "w.example.org")[1]
    assert command("witness", "key", "--folder", tmp_path / "w", "--name", "w.example.org")[1] == first
    assert command("witness", "key", "--folder", tmp_path / "w", "--name", "other.example.org")[0] == 6
