"""The noise bench's tables as Markdown, and its one plot."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import stats

Row = dict[str, Any]
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 420, 60, 60, 40
_Z_TOP = 45.0
_NOISE_COLOUR, _PIXEL_COLOUR, _LINE_COLOUR = (180, 90, 20), (40, 60, 200), (120, 120, 120)


def tables(found: dict[str, Any]) -> str:
    """Every table of the bench."""
    parts = [_clips(found["clips"]), _null(found["wrong_keys"], found["unmarked"])]
    return "\n".join(
        [*parts, _normality(found["normality"]), _quality(found["quality"]), _averaging(found["averaging"])]
    )


def interval(hits: int, tries: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of a rate."""
    low = float(stats.beta.ppf(0.025, hits, tries - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(0.975, hits + 1, tries - hits)) if hits < tries else 1.0
    return low, high


def _clips(rows: list[Row]) -> str:
    lines = [
        "| attack | read as | clips | seen at 1e-6 (95 %) | exact ID | wrong ID | confirmed | signs right, range "
        "| z of all signs: mean, least | pixel mark exact |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for attack, fit in dict.fromkeys((row["attack"], row["fit"]) for row in rows):
        lines.append(_clip_line(attack, fit, [r for r in rows if (r["attack"], r["fit"]) == (attack, fit)]))
    return "\n".join([*lines, ""])


def _clip_line(attack: str, fit: str, rows: list[Row]) -> str:
    count, seen = len(rows), sum(row["detected"] for row in rows)
    low, high = interval(seen, count)
    signs = [row["agreement"] for row in rows]
    z = [row["confirm_z"] for row in rows]
    pixel = [row["pixel_exact"] for row in rows if "pixel_exact" in row]
    cells = [
        attack,
        fit,
        str(count),
        f"{seen} ({low:.2f}-{high:.2f})",
        str(sum(row["exact"] for row in rows)),
        str(sum(row["wrong_id"] for row in rows)),
        str(sum(row["confirmed"] for row in rows)),
        f"{np.mean(signs):.3f}, {min(signs):.3f}-{max(signs):.3f}",
        f"{np.mean(z):.1f}, {min(z):.1f}",
        f"{sum(pixel)}" if pixel else "not read",
    ]
    return f"| {' | '.join(cells)} |"


def _null(wrong: dict[str, Any], unmarked: dict[str, Any]) -> str:
    lines = [
        f"{wrong['statistics']:,} statistics of {wrong['keys']} wrong keys; largest z {wrong['largest']:.2f}. "
        f"{wrong['full_readings']} whole readings under wrong keys: {wrong['full_hits']} hits, "
        f"least p {wrong['least_p']:.2g}.",
        "",
        "| z beyond | " + " | ".join(map(str, wrong["thresholds"])) + " |",
        "|---|" + "---|" * len(wrong["thresholds"]),
        "| counted | " + " | ".join(map(str, wrong["above"])) + " |",
        "| Gaussian tail | " + " | ".join(f"{e:.4g}" for e in wrong["expected"]) + " |",
        "",
    ]
    lines += [
        f"Unmarked, {kind}: {u['hits']} hits in {u['clips']} clips × {u['keys']} keys, least p "
        f"{min(u['p_values'], default=1.0):.2g}."
        for kind, u in unmarked.items()
    ]
    return "\n".join([*lines, ""])


def _normality(found: dict[str, Any]) -> str:
    names = ("ks_per_channel", "ks_two_sample_per_channel", "ks_two_sample_per_clip", "runs_per_clip")
    lines = [f"{found['clips']} clips of one key:", "", "| test | tests | least p × tests |", "|---|---|---|"]
    for name in names:
        lines.append(f"| {name} | {len(found[name])} | {min(1.0, min(found[name]) * len(found[name])):.2g} |")
    neighbours = found["neighbours"]
    lines.append(f"| neighbours along C, F, H, W | 4 | {min(1.0, 4 * min(neighbours.values())):.2g} |")
    worst = max(found["anderson_darling_per_channel"])
    lines += [
        "",
        f"Largest Anderson-Darling statistic of {len(found['anderson_darling_per_channel'])}: {worst:.2f}.",
    ]
    for kind, pairs in found["between_clips_z"].items():
        lines.append(
            f"Sign correlation of {pairs['pairs']} pairs, {kind}: deviation {pairs['deviation']:.3f}, largest "
            f"{pairs['largest']:.1f}, beyond 5: {pairs['beyond_5']}."
        )
    return "\n".join([*lines, ""])


def _quality(found: dict[str, Any]) -> str:
    lines = [
        f"Prompt-following over {found['prompts']} held-out prompts, same seeds:",
        "",
        "| latents | colour right | shape right |",
        "|---|---|---|",
    ]
    lines += [f"| {kind} | {found[f'{kind}_colour']} | {found[f'{kind}_shape']} |" for kind in ("marked", "plain")]
    lines.append(
        f"\nRight for marked alone {found['only_marked']}, for plain alone {found['only_plain']}: McNemar's p "
        f"{found['p_value']:.2g}."
    )
    return "\n".join([*lines, ""])


def _averaging(found: dict[str, Any]) -> str:
    rows = found["rows"]
    counts = sorted({row["clips"] for row in rows})
    lines = [
        f"Share of tries in which clips of one key show a pair that shares pilots ({found['streams']} streams):",
        "",
        "| signs right | " + " | ".join(f"{count} clips" for count in counts) + " |",
        "|---|" + "---|" * len(counts),
    ]
    for agreement in dict.fromkeys(row["agreement"] for row in rows):
        seen = {row["clips"]: row["seen"] for row in rows if row["agreement"] == agreement}
        lines.append(f"| {agreement} | " + " | ".join(f"{seen[count]:.1f}" for count in counts) + " |")
    return "\n".join([*lines, ""])


def curve(found: dict[str, Any], folder: Path) -> None:
    """z of both marks against regeneration strength, a dot a clip, as noise-regeneration.png."""
    steps = ("CRF 28", "VAE, CRF 28", *(f"regenerated .{n}, CRF 28" for n in (1, 2, 3, 4)))
    labels = ("CRF 28", "VAE", "regen .1", "regen .2", "regen .3", "regen .4")
    picture = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    for z in range(0, int(_Z_TOP), 10):
        cv2.line(picture, (_LEFT, _y(z)), (_WIDTH - 10, _y(z)), (225, 225, 225), 1)
        _text(picture, str(z), (20, _y(z) + 5), _LINE_COLOUR)
    for index, (step, label) in enumerate(zip(steps, labels, strict=True)):
        x = _LEFT + 50 + index * (_WIDTH - _LEFT - 60) // len(steps)
        rows = [row for row in found["clips"] if row["attack"] == step and row["fit"] == "scaled"]
        for row in rows:
            cv2.circle(picture, (x - 9, _y(row["confirm_z"])), 4, _NOISE_COLOUR, -1, cv2.LINE_AA)
            if "pixel_z" in row:
                cv2.circle(picture, (x + 9, _y(row["pixel_z"])), 4, _PIXEL_COLOUR, -1, cv2.LINE_AA)
        _text(picture, label, (x - 35, _HEIGHT - 25), _LINE_COLOUR)
    _text(picture, "z of the noise mark (blue), of the pixel mark (red), a dot a clip", (_LEFT, 20), (40, 40, 40))
    cv2.imwrite(str(folder / "noise-regeneration.png"), picture)


def _y(z: float) -> int:
    return int(_HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * min(max(z, 0.0), _Z_TOP) / _Z_TOP)


def _text(picture: NDArray[np.uint8], text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
