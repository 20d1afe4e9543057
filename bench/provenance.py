"""The provenance room's published figures, made again: `python bench/provenance.py [--quick] [--json]`.

- fingerprint: real clips (and drawn scenes, coloured shapes on plain backgrounds) against changed copies of
  themselves and against each other (`bench/provenance_fingerprint.py`).
- search: time of one look-up against the number of stored clips, and whether the right one comes first.
- rubric: our thirty-one rules on a generated and a sealed clip (`bench/provenance_rubric.py`).
- agreement: our reader against an independent one over mutated and third parties' files
  (`bench/provenance_agreement.py`), with `--agreement` only this part.
- signing: cost of signing and of reading back as a ratio to copying the file, in processor time.
- recovery, forgery: stripped copies that find their credential, and marks moved to other pictures
  (`bench/provenance_recovery.py`).

`--only signing,rubric` runs some parts alone.

Real clips are those beside the repository (REELPROOF_SHARED or ../shared); without them only drawn scenes run.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.provenance_agreement import agreement  # noqa: E402
from bench.provenance_corpus import facts as corpus_facts  # noqa: E402
from bench.provenance_fingerprint import drawn_clips, measured, real_clips  # noqa: E402
from bench.provenance_recovery import PARTS as RECOVERY_PARTS  # noqa: E402
from bench.provenance_recovery import Rows  # noqa: E402
from bench.provenance_recovery import run as recovery_figures  # noqa: E402
from bench.provenance_rubric import score, subject_of  # noqa: E402
from bench.timestamp_server import Authority, trusting  # noqa: E402
from core.clip import Clip  # noqa: E402
from core.video import write_clip  # noqa: E402
from provenance import fingerprint as fp  # noqa: E402
from provenance.landmarks import Landmarks  # noqa: E402
from provenance.manifest import ManifestFacts  # noqa: E402
from provenance.reading import read_manifest  # noqa: E402
from provenance.records import Fingerprint, SoftBinding  # noqa: E402
from provenance.search import FingerprintIndex, LandmarkIndex  # noqa: E402
from provenance.signers import ephemeral_signer  # noqa: E402
from provenance.signing import SigningOptions, sign_clip  # noqa: E402
from provenance.trust import TrustStore  # noqa: E402


def main() -> None:
    """Run every part and print its table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few clips, copies of every sixth")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--only", default="", help="comma-separated, of signing, rubric, search, landmark_search")
    parser.add_argument("--agreement", action="store_true", help="only the agreement with the independent reader")
    given = parser.parse_args()
    if given.only:
        figures = some(given.only.split(","))
    else:
        figures = {"agreement": agreement(quick=given.quick)} if given.agreement else run(quick=given.quick)
    if given.json:
        print(json.dumps(figures, indent=2))
        return
    for part, content in figures.items():
        print(f"\n## {part}")
        print(json.dumps(content, indent=2))


def some(parts: list[str]) -> dict[str, Any]:
    """The figures of some parts."""
    with tempfile.TemporaryDirectory() as name:
        made: dict[str, Callable[[], Any]] = {
            "signing": lambda: signing_cost(Path(name)),
            "rubric": lambda: rubric(Path(name)),
            "search": lambda: search_times((1_000, 10_000, 125_000, 1_000_000)),
            "landmark_search": lambda: landmark_search_times((1_000, 10_000, 125_000)),
        }
        return {part: made[part]() for part in parts}


def run(*, quick: bool = False) -> dict[str, Any]:
    """All figures as JSON values."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures: dict[str, Any] = {}
        real = list(real_clips()) if has_real_clips() else []
        if real:
            figures["fingerprint_real"] = measured(real[: 12 if quick else None], 6 if quick else 3, Rows([]))
        figures["fingerprint_drawn"] = measured(list(drawn_clips(12 if quick else 60)), 6, Rows([]))
        figures["search"] = search_times((1_000, 10_000) if quick else (1_000, 10_000, 125_000, 1_000_000))
        figures["landmark_search"] = landmark_search_times((1_000, 10_000) if quick else (1_000, 10_000, 125_000))
        figures["signing"] = signing_cost(folder)
        figures["rubric"] = rubric(folder)
        figures["agreement"] = agreement(quick=quick)
        if real:
            figures["recovery"] = recovery_figures(3 if quick else 8, list(RECOVERY_PARTS), quick=quick)
    return figures


def has_real_clips() -> bool:
    """Whether the real clips are beside the repository."""
    shared = Path(os.environ.get("REELPROOF_SHARED", ROOT.parent / "shared"))
    return (shared / "clips" / "clips.csv").exists()


def search_times(sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Milliseconds of processor and wall time for one look-up of a 4 s copy, every hash of it about 52 bits off,
    among `clips` stored clips of 4 s (random hashes): straight and mirrored, before the full comparison."""
    rng = np.random.default_rng(1)
    rows = []
    for size in sizes:
        stored = rng.integers(0, 256, (size, 8, 32), dtype=np.uint8)
        index, started = FingerprintIndex(), time.process_time()
        for i, hashes in enumerate(stored):
            index.add(str(i), _fingerprint_of(np.repeat(hashes, 4, axis=0)))
        index.candidates(_fingerprint_of(stored[0]), 1)
        row = {"clips": size, "hashes": index.hash_count, "made_cpu_s": round(time.process_time() - started, 1)}
        row["megabytes"] = round(index.bytes_held / 1e6)

        def asked(wanted: int, stored: Any = stored, index: FingerprintIndex = index) -> bool:
            flips = np.packbits(rng.random((32, 256)) < fp.AGREE_BITS / 256, axis=1)
            query = _fingerprint_of(np.repeat(stored[wanted], 4, axis=0) ^ flips)
            return index.candidates(query, 10)[:1] == [str(wanted)]

        rows.append(row | _timed_questions(asked, rng.integers(size, size=20)))
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def landmark_search_times(sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """The same for the index of local features: a copy that shows a third of a clip's 64 indexed features, each
    about 30 bits off, with 276 others. Features come in 1,000 kinds, so that as many lie near by chance as of real
    clips (1 pair in 1,000 within about 43 bits)."""
    rng = np.random.default_rng(2)
    kinds = rng.integers(0, 256, (1_000, 32), dtype=np.uint8)

    def features(count: int) -> Any:
        return kinds[rng.integers(len(kinds), size=count)] ^ _flips(rng, count, 0.1)

    rows = []
    for size in sizes:
        stored = np.concatenate([features(min(6_400, 64 * size)) for _ in range(max(1, size // 100))])
        index, started = LandmarkIndex(), time.process_time()
        for i in range(size):
            index.add(str(i), stored[64 * i : 64 * i + 64])
        index.candidates(_landmarks_of(stored[:1]), 1)
        row = {
            "clips": size,
            "features": index.feature_count,
            "made_cpu_s": round(time.process_time() - started, 1),
        }
        row["megabytes"] = round(index.bytes_held / 1e6)

        def asked(wanted: int, stored: Any = stored, index: LandmarkIndex = index) -> bool:
            shown = stored[64 * wanted : 64 * wanted + 64 : 3]
            query = np.concatenate([shown ^ _flips(rng, len(shown), 30 / 256), features(300 - len(shown))])
            return str(wanted) in index.candidates(_landmarks_of(rng.permutation(query)), 5)

        rows.append(row | _timed_questions(asked, rng.integers(size, size=20)))
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def _timed_questions(asked: Callable[[int], bool], wanted: Any) -> dict[str, Any]:
    times, walls, found = [], [], 0
    for one in wanted.tolist():
        began, wall = time.process_time(), time.perf_counter()
        found += asked(one)
        times.append(1000 * (time.process_time() - began))
        walls.append(1000 * (time.perf_counter() - wall))
    quantiles = {"cpu_ms_p50": np.median(times), "cpu_ms_max": max(times), "wall_ms_p50": np.median(walls)}
    return {"found": f"{found}/{len(times)}"} | {name: round(float(value), 1) for name, value in quantiles.items()}


def _flips(rng: np.random.Generator, count: int, share: float) -> Any:
    return np.packbits(rng.random((count, 256)) < share, axis=1)


def _landmarks_of(bits: Any) -> Landmarks:
    """Features of four key frames, without places or pictures."""
    key_of = np.repeat(np.arange(4), -(-len(bits) // 4))[: len(bits)].astype(np.int32)
    nowhere, none = np.zeros((len(bits), 2), np.float32), np.empty(0, np.int32)
    keys, small = np.arange(4, dtype=np.int32), np.empty((0, 32, 32), np.uint8)
    return Landmarks((480, 270), (0.0, 0.0, 1.0, 1.0), keys, key_of, nowhere, bits, none, small)


def rubric(folder: Path) -> dict[str, Any]:
    """How many of the rules a generated and a sealed clip keep, and which they don't; stamped by a local time-stamp
    server (the openssl command). Without one a rule can't be kept, and `stamped` is False."""
    signer = ephemeral_signer(datetime.now(UTC))
    frames = np.random.default_rng(4).integers(0, 255, (12, 96, 96, 3), dtype=np.uint8)
    write_clip(Clip.from_array(frames, 12), folder / "rubric.mp4", crf=30, preset="ultrafast")
    authority = Authority(made_folder(folder / "tsa")) if shutil.which("openssl") else None
    try:
        options = SigningOptions(tsa_url=authority.url if authority else None)
        trust = trusting(authority, signer) if authority else TrustStore.default(own_root_pem=signer.root_pem)
        first, second = folder / "rubric-generated.mp4", folder / "rubric-sealed.mp4"
        sign_clip(folder / "rubric.mp4", first, corpus_facts("generated"), signer, options=options)
        sign_clip(folder / "rubric.mp4", second, corpus_facts("sealed", first), signer, options=options)
        held = {"generated": score(subject_of(first, trust)), "sealed": score(subject_of(second, trust))}
    finally:
        if authority:
            authority.close()
    table: dict[str, Any] = {"stamped": authority is not None}
    for name, rules in held.items():
        missed = [rule for rule, holds in rules.items() if not holds]
        table[name] = {"score": f"{sum(rules.values())}/{len(rules)}", "not_kept": missed}
    return table


def made_folder(path: Path) -> Path:
    """The folder, made."""
    path.mkdir()
    return path


def signing_cost(folder: Path) -> list[dict[str, Any]]:
    """Processor and wall seconds to sign (with reading back and publishing) and to read, beside a plain copy with
    fsync, and both as a ratio of processor time to copying."""
    signer = ephemeral_signer(datetime.now(UTC))
    trust = TrustStore.default(own_root_pem=signer.root_pem)
    rows = []
    for seconds, side in ((2, 256), (10, 720)):
        noise = np.random.default_rng(2).integers(0, 255, (8, side, side, 3), dtype=np.uint8)
        source = folder / f"{side}.mp4"
        frames = np.concatenate([noise] * (seconds * 3))
        write_clip(Clip.from_array(frames, 24), source, crf=20, preset="ultrafast")
        facts = _facts(side, seconds)
        work: dict[str, Callable[[], Any]] = {
            "copy": lambda source=source: _copied(source, folder / "copy.mp4"),
            "sign": lambda source=source, facts=facts: sign_clip(source, folder / "signed.mp4", facts, signer),
            "read": lambda: read_manifest(folder / "signed.mp4", trust),
        }
        row: dict[str, Any] = {"megabytes": round(source.stat().st_size / 1e6, 2)}
        for name, one in work.items():
            row[f"{name}_cpu_s"], row[f"{name}_wall_s"] = _timed(one)
        for name in ("sign", "read"):
            row[f"{name}_to_copy"] = round(row[f"{name}_cpu_s"] / max(row["copy_cpu_s"], 1e-4), 1)
        rows.append(row)
    return rows


def _facts(side: int, seconds: int) -> ManifestFacts:
    binding = SoftBinding("org.reelproof.bench", b"12345678")
    return ManifestFacts(
        title="bench.mp4",
        created_at=datetime.now(UTC),
        width_px=side,
        height_px=side,
        fps=Fraction(24),
        duration_s=float(seconds),
        bindings=(binding,),
        model_name="bench",
    )


def _timed(work: Callable[[], Any], repeats: int = 5) -> tuple[float, float]:
    """Median processor and wall seconds."""
    times = []
    for _ in range(repeats):
        began, started = time.process_time(), time.perf_counter()
        work()
        times.append((time.process_time() - began, time.perf_counter() - started))
    cpu, wall = np.median(times, axis=0)
    return round(float(cpu), 4), round(float(wall), 4)


def _copied(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb") as opened:
        os.fsync(opened.fileno())


def _fingerprint_of(hashes: Any) -> Fingerprint:
    return Fingerprint(fp.ALGORITHM, hashes, np.full(len(hashes), 90, np.uint8), len(hashes) / fp.SAMPLES_PER_S)


if __name__ == "__main__":
    main()
