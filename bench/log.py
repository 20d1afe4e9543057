"""The decision log's figures: `python -m bench.log [--quick] [--json] [--folder DIR] [--entries N]`.

    durable appends a second, from 1, 16 and 64 threads and in bulk
    seconds to verify a log of a million entries of about 500 bytes
    flipped bytes found: one in every tile, bundle and checkpoint, and at random places
    rollback and rewriting found with one witness
Writes out/bench/log.md. A durable append is three fsyncs: the figures say as much of the disk as of the code.
"""

import argparse
import json
import os
import random
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.clock import SystemClock
from policy.log import DecisionLog, LogReader, VerifierKey
from policy.log.witness import Witness, WitnessRefusal
from policy.log.witnessing import WitnessClient

ROOT = Path(__file__).resolve().parents[1]
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
ORIGIN = "bench.example.org/decisions"


def _entry(number: int) -> dict[str, Any]:
    """An entry of the size a decision has, about 500 bytes."""
    return {
        "v": 1, "id": f"{number:032x}", "time": "2026-11-21T12:00:00Z", "request_id": f"req_{number:024x}",
        "stage": "input", "outcome": "allow", "codes": [], "rules": [], "spans": [], "score": 0.0, "threshold": 0.5,
        "ruleset": "ab" * 32, "views": [], "commitments": {"prompt": "cd" * 32}, "references": [],
        "consent": None, "generator": "embedded",
    }  # fmt: skip


def appends_per_s(folder: Path, threads: int, total: int) -> float:
    """Durable single appends a second, shared by so many threads."""
    log = DecisionLog(folder, KEY, ORIGIN)

    def work(first: int) -> None:
        for number in range(first, total, threads):
            log.append(_entry(number))

    workers = [threading.Thread(target=work, args=(first,)) for first in range(threads)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return total / (time.perf_counter() - began)


def filled(folder: Path, count: int) -> float:
    """Fill a log in bulk; gives entries a second."""
    log, began = DecisionLog(folder, KEY, ORIGIN), time.perf_counter()
    for start in range(0, count, 10_000):
        log.append_all([_entry(number) for number in range(start, min(start + 10_000, count))])
    return count / (time.perf_counter() - began)


def verified_s(folder: Path) -> tuple[bool, float]:
    """Whether a log verifies, and in how many seconds, as an auditor without keys reads it."""
    began = time.perf_counter()
    audit = LogReader.of_folder(folder, _key()).verify()
    return audit.ok, time.perf_counter() - began


def _key() -> VerifierKey:
    return VerifierKey(ORIGIN, KEY.public_key())


def flips_found(folder: Path, tries: int) -> tuple[int, int]:
    """(found, made): a bit flipped in each published file once, then at random places, put back each time."""
    DecisionLog(folder, KEY, ORIGIN).append_all([_entry(number) for number in range(1_300)])
    files = [
        path for path in folder.rglob("*") if path.is_file() and "journal" not in path.parts and path.name != "lock"
    ]
    chance, found = random.Random(7), 0
    chosen = files + [chance.choice(files) for _ in range(max(0, tries - len(files)))]
    for path in chosen:
        content = path.read_bytes()
        changed = bytearray(content)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        found += not LogReader.of_folder(folder, _key()).verify().ok
        path.write_bytes(content)
    return found, len(chosen)


def rollbacks_found(folder: Path, tries: int) -> tuple[int, int]:
    """(found, made): the folder put back to an older copy, or written anew, in front of one witness."""
    found = 0
    for number in range(tries):
        here, copy, state = folder / f"log{number}", folder / f"copy{number}", folder / f"witness{number}"
        log = DecisionLog(here, KEY, ORIGIN)
        witness = Witness(state, Ed25519PrivateKey.generate(), "witness.example.org", [_key()], SystemClock())
        log.append_all([_entry(place) for place in range(10 + 37 * number)])
        shutil.copytree(here, copy)
        log.append_all([_entry(place) for place in range(5 + 11 * number)])
        _client(log, here, witness).ask()
        shutil.rmtree(here)
        if number % 2:
            DecisionLog(here, KEY, ORIGIN).append_all([_entry(7_000 + place) for place in range(20 + 60 * number)])
        else:
            shutil.copytree(copy, here)
        again = DecisionLog(here, KEY, ORIGIN)
        found += again.verify().ok and _client(again, here, witness).ask().is_contradiction
    return found, tries


def _client(log: DecisionLog, folder: Path, witness: Witness) -> WitnessClient:
    def post(body: bytes) -> tuple[int, bytes]:
        try:
            return 200, witness.add_checkpoint(body).encode()
        except WitnessRefusal as refusal:
            return refusal.status, f"{refusal.size}\n".encode() if refusal.size is not None else b""

    return WitnessClient(log.reader, folder, witness.key, post)


def measure(folder: Path, entries: int, quick: bool) -> dict[str, Any]:
    """Every figure, by name."""
    figures: dict[str, Any] = {"cpus": os.cpu_count()}
    for threads in (1, 16, 64, 256):
        total = (200 if threads == 1 else 2_000) // (4 if quick else 1)
        rate = appends_per_s(folder / f"t{threads}", threads, total)
        figures[f"durable appends/s, {threads} threads"] = round(rate)
    figures["flipped bits found / made"] = "{} / {}".format(*flips_found(folder / "flips", 40 if quick else 300))
    figures["rollbacks found / made, one witness"] = "{} / {}".format(*rollbacks_found(folder, 4 if quick else 20))
    figures["entries"] = entries
    figures["bulk appends/s"] = round(filled(folder / "large", entries))
    ok, seconds = verified_s(folder / "large")
    figures["verified"], figures["seconds to verify"] = ok, round(seconds, 2)
    return figures


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smaller log and fewer tries")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--folder", type=Path, help="where to write the logs (default: a temporary folder)")
    parser.add_argument("--entries", type=int, default=0, help="size of the large log (default: a million)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        figures = measure(Path(folder), given.entries or (50_000 if given.quick else 1_000_000), given.quick)
    lines = ["| figure | value |", "|---|---:|", *(f"| {name} | {value} |" for name, value in figures.items())]
    target = ROOT / "out" / "bench" / "log.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines) + "\n")
    print(json.dumps(figures) if given.json else "\n".join(lines))


if __name__ == "__main__":
    main()
