"""A picture of a run: every stage's loss over its minutes of training, `losses.svg` beside the log it is from."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from reportlab.graphics import renderSVG  # type: ignore[import-untyped]
from reportlab.graphics.charts.axes import XValueAxis, YValueAxis  # type: ignore[import-untyped]
from reportlab.graphics.charts.lineplots import LinePlot  # type: ignore[import-untyped]
from reportlab.graphics.shapes import Drawing, String  # type: ignore[import-untyped]
from reportlab.lib.colors import HexColor  # type: ignore[import-untyped]

_PANEL = (300, 210)
_MARGIN = 46
_INK, _FAINT, _LINE = HexColor("#33373d"), HexColor("#d9dce1"), HexColor("#2c6fbb")

Curve = list[tuple[float, float]]
"""(minutes of training, loss), in the order of the steps."""


def draw_losses(folder: Path) -> Path | None:
    """Draw `folder`/log.jsonl's losses, a panel for each stage and clip length; None where none is logged yet.

    Lines of the log that are not whole (a crash while writing) are left out.
    """
    curves = losses(folder / "log.jsonl")
    if not curves:
        return None
    width, height = _PANEL
    drawing = Drawing(width * len(curves), height)
    for index, (title, curve) in enumerate(curves.items()):
        drawing.add(_panel(curve, index * width))
        drawing.add(_text(title, index * width + _MARGIN, height - 18, 11))
        drawing.add(_text("loss over minutes of training", index * width + _MARGIN, 8, 8))
    target = folder / "losses.svg"
    target.write_text(str(renderSVG.drawToString(drawing)))
    return target


def losses(log: Path) -> dict[str, Curve]:
    """The log's curves by stage, the transformer's on stills and on clips apart."""
    curves: dict[str, Curve] = defaultdict(list)
    for line in log.read_text().splitlines() if log.is_file() else []:
        try:
            facts: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            continue
        if facts.get("loss", 0) > 0:
            lasting = {1.0: ", stills", None: ""}.get(facts.get("frames"), ", clips")
            curves[f"{facts['stage']}{lasting}"].append((facts["spent_s"] / 60, facts["loss"]))
    return dict(curves)


def _panel(curve: Curve, left: float) -> LinePlot:
    plot = LinePlot()
    plot.x, plot.y = left + _MARGIN, 36
    plot.width, plot.height = _PANEL[0] - _MARGIN - 16, _PANEL[1] - 36 - 28
    plot.data = [curve if len(curve) > 1 else curve * 2]
    plot.xValueAxis, plot.yValueAxis = XValueAxis(), YValueAxis()
    plot.lines[0].strokeColor, plot.lines[0].strokeWidth = _LINE, 1.2
    for axis in (plot.xValueAxis, plot.yValueAxis):
        axis.strokeColor = axis.gridStrokeColor = _FAINT
        axis.visibleGrid = 1
        axis.labels.fontSize, axis.labels.fillColor = 7, _INK
    return plot


def _text(words: str, x: float, y: float, size: float) -> String:
    return String(x, y, words, fontName="Helvetica", fontSize=size, fillColor=_INK)
