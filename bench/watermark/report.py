"""The bench's report: every table and plot from what lies in its folder, as Markdown and as one JSON object."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bench.watermark import figures, plots
from bench.watermark.cells import CODEC, Cell, read_cells

VIDEO_SEAL = (
    ("crop .55 side", ".718"),
    ("crop .71 side", ".952"),
    ("rotate 90", ".511"),
    ("resize .55", ".989"),
)
"""Video Seal 0.0 on video, 96 bits, 53 dB: published bit accuracies (arXiv 2412.09492), not exact payloads."""

_FIDELITY = ("psnr_db", "least_frame_psnr_db", "ssim", "csf_psnr_db", "flicker_levels", "vmaf")
_CURVE_KINDS = ("720p+", "smaller", "256 px 32", "embedded")


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    columns = list(head)
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(_text(v) for v in row) + " |" for row in rows), ""])


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")


def write_report(folder: Path) -> tuple[dict[str, Any], str]:
    """Write report.md, report.json and the plots; returns the figures and the Markdown."""
    cells = read_cells(folder / "cells.jsonl")
    parts = {name: _part(folder, name) for name in ("costs", "tail", "security", "peers")}
    found: dict[str, Any] = {"alg": CODEC.alg, "cells": len(cells), **{k: v for k, v in parts.items() if v}}
    text = [
        f"# Watermark bench\n\nCodec `{CODEC.alg}`; {len(cells)} cells. CPU times hold on a busy machine, too.\n"
    ]
    if cells:
        found |= _cell_figures(cells)
        text += _cell_text(found, cells, folder)
    for name, write in (("costs", _costs), ("tail", _tail), ("security", _security), ("peers", _peers)):
        part = parts[name]
        text.append(write(part, folder) if part else f"## {name.capitalize()}\n\nNot run.\n")
    whole = "\n".join(text)
    (folder / "report.md").write_text(whole, "utf-8")
    (folder / "report.json").write_text(json.dumps(found, indent=1), "utf-8")
    return found, whole


def _part(folder: Path, name: str) -> dict[str, Any] | None:
    path = folder / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found if found.get("alg") == CODEC.alg else None  # another codec's figures are not this one's


def _cell_figures(cells: list[Cell]) -> dict[str, Any]:
    null = figures.false_positives(cells)
    curves = {kind: figures.recovery_curve(cells, kind) for kind in _CURVE_KINDS}
    return {
        "targets": figures.target_rows(cells),
        "attacks": figures.attack_rows(cells),
        "false_positives": {"hits": null.hits, "clips": null.tries, "text": null.text()},
        "wrong_ids": sum(bool(c.get("wrong_id")) for c in cells),
        "fidelity": [{"clip": c["clip"], "kind": c["kind"], **c["fidelity"]} for c in cells if "fidelity" in c],
        "curves": {kind: points for kind, points in curves.items() if points},
        "faults": [[c["clip"], c["attack"], c["fault"]] for c in cells if "fault" in c],
    }


def _cell_text(found: dict[str, Any], cells: list[Cell], folder: Path) -> list[str]:
    kinds = figures.kinds(cells)
    text = ["## The issue's figures\n", _targets(found["targets"])]
    text.append(
        f"Unmarked clips found: {found['false_positives']['text']}. Wrong IDs in all cells: {found['wrong_ids']}. "
        f"Cells that failed: {len(found['faults'])}.\n"
    )
    text.append("## Exact payloads at p <= 1e-6, k/n (95 % Clopper-Pearson)\n")
    head = ("attack", *kinds, "wrong", "faults", "z: median (range)", "read, CPU s")
    for group in dict.fromkeys(row["group"] for row in found["attacks"]):
        rows = [r for r in found["attacks"] if r["group"] == group]
        lines = [(r["attack"], *(r[k] for k in kinds), r["wrong"], r["faults"], r["z"], r["read_s"]) for r in rows]
        all_of = figures.rate(c for c in cells if c["group"] == group)
        text.append(f"### {group.capitalize()}: {all_of.text()}\n\n" + table(head, lines))
    text.append(
        "## Fidelity\n\nCSF-weighted PSNR after Mannos and Sakrison at 60 pixels per degree; flicker is the mark's "
    )
    text.append(
        "temporal standard deviation in levels where the picture stands still; VMAF by vmaf-torch ('-': absent).\n"
    )
    text.append(table(("clip", *_FIDELITY), ([f["clip"], *(f[k] for k in _FIDELITY)] for f in found["fidelity"])))
    text += [f"![{p}]({p})\n" for p in plots.recovery(found["curves"], folder)] or ["Plots need matplotlib.\n"]
    text.append("Worst frames (original, marked, difference x 20):\n")
    worst = sorted(found["fidelity"], key=lambda f: f["csf_psnr_db"])[:6]
    text += [f"{f['clip']}\n\n![{f['clip']}](crops/{Path(f['crop']).name})\n" for f in worst]
    return text


def _targets(rows: list[dict[str, Any]]) -> str:
    verdict = {True: "yes", False: "NO", None: "not run"}
    lines = [
        (r["what"], f"{r['least']:.0%}", r["rate"], r["weakest"], verdict[r["reached"]],
         verdict[r["reached_by_every_attack"]])
        for r in rows
    ]  # fmt: skip
    return table(("figure", "least", "measured", "weakest attack", "reached", "by every attack"), lines)


def _costs(found: dict[str, Any], _: Path) -> str:
    rows = [(name, value) for name, value in found.items() if not isinstance(value, dict | list)]
    return "## Costs\n\n" + table(("what", "figure"), rows)


def _tail(found: dict[str, Any], folder: Path) -> str:
    shares = {kind: [n / max(1, row["statistics"]) for n in row["above"]] for kind, row in found["classes"].items()}
    head = ("content", "statistics", "largest z", *(f"> {z:g}" for z in found["thresholds"]))
    lines = [(k, f"{r['statistics']:.3g}", r["largest"], *r["above"]) for k, r in found["classes"].items()]
    total = sum(r["statistics"] for r in found["classes"].values())
    expected = ("Gaussian, same number", f"{total:.3g}", "", *(total * q for q in found["gaussian"]))
    pictures = "".join(f"\n![{p}]({p})\n" for p in plots.tail(found["thresholds"], shares, folder))
    return "## False positives: wrong keys\n\n" + table(head, [*lines, expected]) + pictures


def _security(found: dict[str, Any], _: Path) -> str:
    head = ("attack without the key", "z before", "z after", "read before", "read after", "damage dB", "note")
    keys = ("attack", "z_before", "z_after", "exact_before", "exact_after", "psnr_db", "note")
    return "## Security\n\n" + table(head, ([row.get(k) for k in keys] for row in found["rows"]))


def _peers(found: dict[str, Any], _: Path) -> str:
    text = ["## Peers\n", *(f"- {line}\n" for line in found["notes"])]
    names = list(dict.fromkeys(row["attack"] for row in found["rows"]))
    systems = list(dict.fromkeys(row["system"] for row in found["rows"]))
    lines = [[name, *(_peer_cell(found["rows"], name, system) for system in systems)] for name in names]
    if lines:
        text.append(table(("attack", *(f"{s}: exact 32 bits; bit accuracy" for s in systems)), lines))
    text.append("Video Seal 0.0, published bit accuracy (96 bits, 53 dB, arXiv 2412.09492):\n")
    return "\n".join([*text, table(("attack", "bit accuracy"), VIDEO_SEAL)])


def _peer_cell(rows: list[dict[str, Any]], attack: str, system: str) -> str:
    here = [r for r in rows if (r["attack"], r["system"]) == (attack, system)]
    exact = figures.Rate(sum(r["exact"] for r in here), len(here))
    return f"{exact.text()}; {np.mean([r['bit_accuracy'] for r in here]):.3f}" if here else "-"
