"""The bench's plots, PNG and SVG, by matplotlib; without it (extra `bench`) the report says so."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats


def _axes(title: str, across: str, down: str) -> tuple[Any, Any] | None:
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.0, 4.2), layout="constrained")
    axes.set(title=title, xlabel=across, ylabel=down)
    axes.grid(alpha=0.3)
    return figure, axes


def _saved(figure: Any, folder: Path, name: str) -> list[str]:
    from matplotlib import pyplot

    figure.axes[0].legend(frameon=False)
    for suffix in ("png", "svg"):
        figure.savefig(folder / f"{name}.{suffix}", dpi=140)
    pyplot.close(figure)
    return [f"{name}.png"]


def recovery(curves: dict[str, list[dict[str, Any]]], folder: Path) -> list[str]:
    """Share of exact payloads against CRF, a line per kind with its interval; then z with its range."""
    names: list[str] = []
    drawn = _axes("Exact payloads after x264 (95 % interval)", "CRF", "share of clips")
    if drawn is None:
        return names
    figure, axes = drawn
    for kind, points in curves.items():
        crf = [p["crf"] for p in points]
        axes.plot(crf, [p["share"] for p in points], marker="o", label=kind)
        axes.fill_between(crf, [p["low"] for p in points], [p["high"] for p in points], alpha=0.12)
    axes.set_ylim(-0.03, 1.03)
    names += _saved(figure, folder, "recovery")
    again = _axes("Score of the mark after x264: median and range", "CRF", "z")
    if again is not None:
        figure, axes = again
        for kind, points in curves.items():
            whole = [p for p in points if "z" in p]
            spread = [[p["z"] - p["z_low"] for p in whole], [p["z_high"] - p["z"] for p in whole]]
            axes.errorbar(
                [p["crf"] for p in whole], [p["z"] for p in whole], spread, marker="o", capsize=3, label=kind
            )
        axes.set_yscale("symlog", linthresh=10)
        names += _saved(figure, folder, "scores")
    return names


def tail(thresholds: Sequence[float], shares: dict[str, list[float]], folder: Path) -> list[str]:
    """Share of wrong-key statistics above each threshold, per class of content, on the Gaussian tail."""
    drawn = _axes("Scores under wrong keys", "z", "share at or above")
    if drawn is None:
        return []
    figure, axes = drawn
    line = np.linspace(thresholds[0], thresholds[-1], 100)
    axes.plot(line, stats.norm.sf(line), color="black", label="Gaussian tail")
    for kind, values in shares.items():
        there = [(z, share) for z, share in zip(thresholds, values, strict=True) if share > 0]
        axes.plot([z for z, _ in there], [share for _, share in there], "o", label=kind)
    axes.set_yscale("log")
    return _saved(figure, folder, "tail")
