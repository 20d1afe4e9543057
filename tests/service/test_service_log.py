"""The log over HTTP: find, follow, export, read on record, erase, and what witnesses cosigned."""

import base64
import csv
import io
import json
from collections.abc import Iterator

import pytest

from policy.log.proof import verify_receipt
from tests.service.running import RunningServer


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("log") / "home")
    running.start()
    for prompt in ("a red cube", "Taylor Swift sings", "a blue cube"):
        running.client.post("/v1/policy/check", json={"prompt": prompt})
    yield running
    running.end()


def test_entries_are_found_by_outcome_code_and_name(log: RunningServer) -> None:
    """Newest first; a request's ID finds its story; nonsense finds nothing and is no error."""
    find = log.client.get
    assert [item["index"] for item in find("/v1/audit/find?outcome=refuse").json()["data"]] == [1]
    assert [item["index"] for item in find("/v1/audit/find?code=101").json()["data"]] == [1]
    request_id = find("/v1/audit/entries/2").json()["entry"]["request_id"]
    assert [item["index"] for item in find(f"/v1/audit/find?named={request_id}").json()["data"]] == [2]
    assert find("/v1/audit/entries/2/story").json()["data"][0]["index"] == 2
    assert find("/v1/audit/find?named=nothing").json() == {"object": "list", "data": [], "next": None}
    page = find("/v1/audit/find?limit=2").json()
    following = find(f"/v1/audit/find?limit=2&before={page['next']}").json()["data"]
    assert following[0]["index"] == page["data"][-1]["index"] - 1


def test_entry_bytes_are_what_the_receipt_proves(log: RunningServer) -> None:
    """Bytes, entry and receipt belong together, under the log's key."""
    shown = log.client.get("/v1/audit/entries/1").json()
    content = base64.b64decode(shown["entry_bytes"])
    assert json.loads(content) == shown["entry"]
    verify_receipt(shown["receipt"], content, log.client.get("/v1/audit/key").text)


def test_export_in_both_forms(log: RunningServer) -> None:
    """CSV with a head and JSON lines, as files."""
    answer = log.client.get("/v1/audit/export?format=csv&outcome=refuse")
    assert "attachment" in answer.headers["content-disposition"]
    assert [row["index"] for row in csv.DictReader(io.StringIO(answer.text))] == ["1"]
    lines = log.client.get("/v1/audit/export?format=json").text.splitlines()
    assert [json.loads(line)["index"] for line in lines][:3] == [0, 1, 2]
    assert log.client.get("/v1/audit/export?format=xml").status_code == 400


def test_text_is_read_on_record_and_erased_for_good(log: RunningServer) -> None:
    """Reading leaves an access entry, erasing an erasure entry; the text is gone and the proofs hold."""
    shown = log.client.get("/v1/audit/entries/0/text").json()
    assert shown["texts"] == {"prompt": "a red cube"}
    assert log.client.get("/v1/audit/find?stage=access").json()["data"][0]["entry"]["facts"]["by"] == "local"
    assert log.client.delete("/v1/audit/entries/0/text").json()["erased"]
    assert log.client.get("/v1/audit/entries/0/text").json()["texts"] is None
    assert not log.client.delete("/v1/audit/entries/0/text").json()["erased"]
    assert log.client.get("/v1/audit/find?stage=erasure").json()["data"]
    entry = log.client.get("/v1/audit/entries/0").json()
    verify_receipt(entry["receipt"], base64.b64decode(entry["entry_bytes"]), log.client.get("/v1/audit/key").text)


def test_no_witness_is_no_error(log: RunningServer) -> None:
    """Without witnesses the list is empty; entries that are not there are 404."""
    assert log.client.get("/v1/audit/witnessed").json() == {"object": "list", "data": [], "checkpoints": []}
    for path in ("/v1/audit/entries/999999/story", "/v1/audit/entries/x/text"):
        assert log.client.get(path).status_code == 404
