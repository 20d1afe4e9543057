"""Our reader against an independent one (encypher-c2pa, its own Rust code) over the whole corpus.

Each file is read by each reader in a process of its own with 1 GiB of address space on top and ten seconds: a
crash, a hang or a spent limit is counted, not met. What is compared is whether there is a credential and whether
it holds, without trust.
"""

import json
import os
import resource
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.provenance_corpus import Sample, corpus
from provenance.reading import read_manifest
from provenance.records import CredentialState
from provenance.settings import context_with
from provenance.signers import LocalSigner, ephemeral_signer
from provenance.trust import TrustStore

_MEMORY_BYTES, _WALL_S = 1 << 30, 10
#: Why the readers differ, by what ours and theirs say; the first that fits. Anything else is "not explained".
_REASONS: tuple[tuple[str, Callable[[Any, Any], bool]], ...] = (
    ("remains of a credential, or a file that can't be parsed: ours says broken, theirs an error or none",
     lambda ours, theirs: ours["says"] == "broken" and theirs["says"] in ("absent", "error")),
    ("theirs gives an error where the file is no readable container; ours finds no credential in it",
     lambda ours, theirs: ours["says"] == "absent" and theirs["says"] in ("error", "broken")),
    ("ours refuses bytes that no hash covers: a second store, hidden padding, unused bits, a box's version",
     lambda ours, theirs: (ours["says"], theirs["says"]) == ("broken", "intact")
     and "C2paError" not in ours["problem"]),
    ("the changed byte stands where the hash leaves it out by specification; theirs parses it more strictly",
     lambda ours, theirs: ours["says"] == "intact" and theirs["says"] in ("error", "absent")),
    ("theirs does not find the credential of this container",
     lambda ours, theirs: ours["says"] == "intact" and theirs["says"] == "absent"),
    ("the fault stands in an ingredient's manifest: ours names it there, theirs counts it against the whole",
     lambda ours, theirs: ours["says"] == "intact" and bool(ours["ingredients"])),
    ("theirs does not know the hash of claims of version 1",
     lambda ours, theirs: ours["says"] == "intact" and "claim.hardBindings.missing" in theirs["codes"]),
)  # fmt: skip


def agreement(*, quick: bool = False) -> dict[str, Any]:
    """The agreement table, the mutation table and every disagreement with its reason."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        signer = ephemeral_signer(datetime.now(UTC))
        rows = [_compared(sample, folder, signer) for sample in corpus(folder, signer, quick=quick)]
    unread = [row["name"] for row in rows if row["kind"] == "signed" and row["ours"]["says"] != "intact"]
    if unread:
        raise RuntimeError(f"the bench itself is at fault: our reader does not read {', '.join(unread)}")
    differing = [row for row in rows if row["ours"]["says"] != row["theirs"]["says"]]
    told = [row for row in rows if {row["ours"]["says"], row["theirs"]["says"]} == {"intact", "broken"}]
    return {
        "files": len(rows),
        "agree": len(rows) - len(differing),
        "agree_on_whether_it_holds": sum(
            (row["ours"]["says"] == "intact") == (row["theirs"]["says"] == "intact") for row in rows
        ),
        "by_origin": _by(rows, "origin"),
        "mutations": _mutation_table(rows),
        "ours": _limits(rows, "ours"),
        "theirs": _limits(rows, "theirs"),
        "reasons": dict(Counter(_reason(row) for row in differing)),
        "one_holds_the_other_breaks": [_short(row) for row in told],
        "not_explained": [_short(row) for row in differing if _reason(row) == "not explained"],
        "disagreements": [_short(row) | {"reason": _reason(row)} for row in differing],
    }


def _compared(sample: Sample, folder: Path, signer: LocalSigner) -> dict[str, Any]:
    path = folder / "sample"
    path.write_bytes(sample.content)
    trust = TrustStore.default(own_root_pem=signer.root_pem)
    return {
        "name": sample.name,
        "origin": sample.origin,
        "kind": sample.kind,
        "ours": _confined(lambda: _ours(path, trust)),
        "theirs": _confined(lambda: _theirs(path, sample.mime, signer)),
    }


def _ours(path: Path, trust: TrustStore) -> dict[str, Any]:
    context_with.cache_clear()  # a context of the library does not outlive a fork
    report = read_manifest(path, trust)
    says = {CredentialState.ABSENT: "absent", CredentialState.BROKEN: "broken"}.get(report.state)
    says = says or ("intact" if report.is_intact else "broken")
    codes, ingredients = list(report.failure_codes)[:3], list(report.ingredient_failures)[:3]
    return {"says": says, "codes": codes, "problem": (report.problem or "")[:120], "ingredients": ingredients}


def _theirs(path: Path, mime: str, signer: LocalSigner) -> dict[str, Any]:
    import encypher_c2pa

    try:
        read = encypher_c2pa.verify(
            path, mime, trust_pem=signer.root_pem, no_default_trust=True, telemetry=False, online=False
        )
    except ValueError as error:
        return {"says": "error", "codes": [], "problem": str(error)[:120]}
    failures = [one["code"] for one in read["validation_results"]["failure"]]
    holds = (read["integrity"], read["signature"], read["hard_binding"]) == ("valid", "valid", "match")
    says = "absent" if not read["present"] else "intact" if holds else "broken"
    return {"says": says, "codes": failures[:3], "problem": ""}


def _confined(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a reading gave in a forked process under the limits, with its seconds and its memory on top."""
    started = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        base = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        resource.setrlimit(resource.RLIMIT_AS, (base + _MEMORY_BYTES, base + _MEMORY_BYTES))
        signal.alarm(10 * _WALL_S)
        answer = read()
        answer["mib"] = round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024, 1)
        answer["cpu_s"] = round(time.process_time(), 3)
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as opened:
        content = opened.read()
    _, status = os.waitpid(child, 0)
    taken = round(time.monotonic() - started, 2)
    if not content:
        return {
            "says": f"died: status {status}",
            "codes": [],
            "problem": "",
            "wall_s": taken,
            "mib": 0.0,
            "cpu_s": 0.0,
        }
    return json.loads(content) | {"wall_s": taken}


def _limits(rows: list[dict[str, Any]], who: str) -> dict[str, Any]:
    found = [row[who] for row in rows]
    return {
        "died": sum(one["says"].startswith("died") for one in found),
        "over_10_s_of_processor": sum(one["cpu_s"] > _WALL_S for one in found),
        "cpu_s_max": max(one["cpu_s"] for one in found),
        "mib_max": max(one["mib"] for one in found),
        "says": dict(Counter(one["says"] for one in found)),
    }


def _by(rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for row in rows:
        entry = table.setdefault(row[key], {"files": 0, "agree": 0})
        entry["files"] += 1
        entry["agree"] += row["ours"]["says"] == row["theirs"]["says"]
    return table


def _mutation_table(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Own signed files changed, by kind of change: how often each reader still says that they hold."""
    table: dict[str, Any] = {}
    for row in rows:
        if row["origin"] == "own" and row["kind"] not in ("signed", "unsigned"):
            kind = row["kind"].split(":")[0].split("/")[0].removeprefix("bit in ").split("[")[0]
            kind = kind if row["kind"].startswith(("random", "cut")) or " " in kind else f"bit in {kind}"
            entry = table.setdefault(kind, {"files": 0, "ours_holds": 0, "theirs_holds": 0})
            entry["files"] += 1
            entry["ours_holds"] += row["ours"]["says"] == "intact"
            entry["theirs_holds"] += row["theirs"]["says"] == "intact"
    return table


def _reason(row: dict[str, Any]) -> str:
    return next((text for text, fits in _REASONS if fits(row["ours"], row["theirs"])), "not explained")


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "file": row["name"],
        "kind": row["kind"],
        "ours": [row["ours"]["says"], *row["ours"]["codes"], row["ours"]["problem"]],
        "theirs": [row["theirs"]["says"], *row["theirs"]["codes"], row["theirs"]["problem"]],
    }


if __name__ == "__main__":
    import sys

    print(json.dumps(agreement(quick="--quick" in sys.argv), indent=1))
