"""A verdict as a PDF (A4) to print, file and hand to a second expert: the words and figures of the HTML report.

Everything in a verdict may quote a stranger's file: all of it is escaped, nothing is linked, fetched or run.
Letters that the embedded font (Bitstream Vera) lacks are written as their code point, `[U+5F71]`, rather than left
out. The same verdict gives the same bytes.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import reportlab  # type: ignore[import-untyped]
from reportlab.graphics.shapes import Drawing, Rect  # type: ignore[import-untyped]
from reportlab.lib.colors import HexColor  # type: ignore[import-untyped]
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
from reportlab.lib.styles import ParagraphStyle  # type: ignore[import-untyped]
from reportlab.lib.units import mm  # type: ignore[import-untyped]
from reportlab.lib.utils import ImageReader  # type: ignore[import-untyped]
from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]
from reportlab.pdfbase.ttfonts import TTFont  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]
from reportlab.platypus import (  # type: ignore[import-untyped]
    Image,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from core.canonical import canonical_json, sha256_hex
from detector.report import versions
from detector.reportview import view_of
from detector.verdict import Verdict

_REGULAR, _BOLD, _MONO = "RpVera", "RpVeraBold", "Courier"
_INK, _SOFT, _LINE = HexColor("#16191d"), HexColor("#59626d"), HexColor("#d5d9de")
_TONES = {
    "verified": "#12764a", "recovered": "#0b6a8f", "altered": "#b0401c", "conflict": "#a3195b",
    "signed_untrusted": "#8a5a00", "likely_generated": "#5b3fa8",
}  # fmt: skip
_STATES = {
    "marked": "#2a9d6a",
    "unmarked": "#d99a2b",
    "foreign": "#c8402f",
    "unclear": "#9aa3ad",
    "alike": "#3f8fc0",
}
_SOUND_STATES = {
    "same": "#3f8fc0",
    "replaced": "#c8402f",
    "removed": "#d99a2b",
    "added": "#8a63c9",
    "shifted": "#b8862b",
    "unclear": "#9aa3ad",
}
_MARGIN = 18 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_SHOWN_PICTURES = 6
Flowable = Any


def render_pdf(verdict: Verdict, thumbnails: Sequence[bytes] = (), originals: Sequence[bytes] = ()) -> bytes:
    """The report's pages. `thumbnails` are JPEG or PNG bytes of the clip, `originals` of its release."""
    _fonts()
    view = view_of(verdict)
    digest = sha256_hex(canonical_json(verdict.to_json()))
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN, bottomMargin=_MARGIN,
        title=_shown(f"{view['conclusion_words']}: {verdict.headline}"), author="Reelproof", lang="en", invariant=1,
    )  # fmt: skip
    story = [part for make in _PARTS for part in make(verdict, view, (thumbnails, originals))]
    story += _repeat(verdict, digest)
    foot = _foot(verdict.file.get("sha256") or "unread")
    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


@lru_cache(maxsize=1)
def _fonts() -> frozenset[int]:
    """Registers the fonts; the code points that they hold."""
    folder = Path(reportlab.__file__).with_name("fonts")
    regular = TTFont(_REGULAR, str(folder / "Vera.ttf"))
    pdfmetrics.registerFont(regular)
    pdfmetrics.registerFont(TTFont(_BOLD, str(folder / "VeraBd.ttf")))
    pdfmetrics.registerFontFamily(_REGULAR, normal=_REGULAR, bold=_BOLD, italic=_REGULAR, boldItalic=_BOLD)
    return frozenset(regular.face.charToGlyph)


def _shown(text: object) -> str:
    """Text in letters that the font has."""
    known = _fonts()
    return "".join(one if ord(one) in known and one.isprintable() else f"[U+{ord(one):04X}]" for one in str(text))


def _style(size: float, **more: Any) -> ParagraphStyle:
    base = {"fontName": _REGULAR, "fontSize": size, "leading": size * 1.42, "textColor": _INK, "splitLongWords": 1}
    return ParagraphStyle("text", **(base | more))


def _text(words: object, size: float = 9.2, **more: Any) -> Flowable:
    return Paragraph(escape(_shown(words)), _style(size, **more))


def _heading(words: str) -> Flowable:
    return _text(words, 12.5, fontName=_BOLD, spaceBefore=13, spaceAfter=5, keepWithNext=1)


def _rows(rows: Sequence[Sequence[Flowable]], widths: Sequence[float]) -> Flowable:
    table = Table(rows, colWidths=list(widths), splitInRow=1)
    table.setStyle(
        TableStyle([
            ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEABOVE", (0, 1), (-1, -1), 0.4, _LINE),
            ("LEFTPADDING", (0, 0), (-1, -1), 0), ("TOPPADDING", (0, 0), (-1, -1), 3),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ])
    )  # fmt: skip
    return table


def _listed(lines: Sequence[object]) -> list[Flowable]:
    marked = {"leftIndent": 11, "bulletIndent": 1, "spaceAfter": 2.5}
    return [Paragraph(escape(_shown(one)), _style(9.2, **marked), bulletText="–") for one in lines]


Pictures = tuple[Sequence[bytes], Sequence[bytes]]


def _head(verdict: Verdict, view: dict[str, Any], _: Pictures) -> Iterator[Flowable]:
    tone = HexColor(_TONES.get(str(verdict.conclusion), "#4e5763"))
    yield _text(str(view["conclusion_words"]), 11, fontName=_BOLD, textColor=tone)
    yield _text(verdict.headline, 18, fontName=_BOLD, leading=23, spaceBefore=3, spaceAfter=7)
    chips = " · ".join(f"{name} {value}" for name, value in view["chips"])
    if chips:
        yield _text(chips, textColor=_SOFT)
    bar = Drawing(_WIDTH, 8)
    bar.add(Rect(0, 2, _WIDTH, 2, fillColor=tone, strokeColor=None))
    yield bar


def _film(pictures: Sequence[bytes], words: str) -> Iterator[Flowable]:
    shown = list(pictures)[:_SHOWN_PICTURES]
    if not shown:
        return
    wide = (_WIDTH - 4 * (_SHOWN_PICTURES - 1)) / _SHOWN_PICTURES
    cells = []
    for one in shown:
        width, height = ImageReader(io.BytesIO(one)).getSize()
        cells.append(Image(io.BytesIO(one), wide, min(wide * height / width, 45 * mm)))
    film = Table([cells], colWidths=[wide + 4] * len(cells), hAlign="LEFT")
    film.setStyle(TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 4)]))
    yield KeepTogether([_text(words, 8, textColor=_SOFT), film])


def _why(verdict: Verdict, view: dict[str, Any], pictures: Pictures) -> Iterator[Flowable]:
    yield _heading("Why")
    yield from _listed(verdict.explanation)
    yield from _film(pictures[0], "Pictures from this file, evenly spread")


def _done(verdict: Verdict, view: dict[str, Any], pictures: Pictures) -> Iterator[Flowable]:
    boxes = view["map"]["boxes"] if view["map"] else []
    if view["edits"] or boxes or pictures[1]:
        yield _heading("What was done to it")
        yield from _listed([*view["edits"], *(one["words"] for one in boxes)])
        yield from _film(pictures[1], "As it was released")


def _along(verdict: Verdict, view: dict[str, Any], _: Pictures) -> Iterator[Flowable]:
    line = view["timeline"]
    if line is None:
        return
    scale = _WIDTH / 800
    drawing = Drawing(_WIDTH, 18)
    for one in line["blocks"]:
        fill = HexColor(_STATES[one["state"]])
        drawing.add(Rect(one["x"] * scale, 2, one["width"] * scale, 14, fillColor=fill, strokeColor=None))
    below = [_sound_bar(line, scale)] if line["sound"] else []
    ends = f"from {line['ticks'][0]['label']} to {line['ticks'][-1]['label']}: {line['words']}"
    told = [ends, f"below, the sound: {line['sound_words']}"] if below else [ends]
    yield KeepTogether(
        [_heading("Along the clip"), drawing, *below, *(_text(one, 8.5, textColor=_SOFT) for one in told)]
    )
    yield from _listed([*line["parts"], *(one["words"] for one in line["lane"])])


def _sound_bar(line: dict[str, Any], scale: float) -> Flowable:
    drawing = Drawing(_WIDTH, 12)
    for one in line["sound"]:
        fill = HexColor(_SOUND_STATES[one["state"]])
        drawing.add(Rect(one["x"] * scale, 2, one["width"] * scale, 8, fillColor=fill, strokeColor=None))
    return drawing


def _leads(verdict: Verdict, view: dict[str, Any], _: Pictures) -> Iterator[Flowable]:
    if view["leads"]:
        yield _heading("Leads: places worth an expert's look; no proof, of no weight in the answer")
        yield from _listed([f"{one['says']} ({one['rates']})" for one in view["leads"]])


def _checked(verdict: Verdict, view: dict[str, Any], _: Pictures) -> Iterator[Flowable]:
    yield _heading("What we checked")
    rows = []
    for card in view["cards"]:
        told = [_text(card["says"]), _text(card["technique"], 7.8, textColor=_SOFT)]
        for words in (card["weight"] and card["weight"]["words"], card["codes"], _not_said(card)):
            told += [_text(words, 7.8, textColor=_SOFT)] if words else []
        rows.append([_text(card["title"], fontName=_BOLD), _text(card["words"]), told])
    yield _rows(rows, (34 * mm, 24 * mm, _WIDTH - 58 * mm))


def _not_said(card: dict[str, Any]) -> str:
    return f"Does not say {card['not_said']}" if card["not_said"] else ""


def _facts(verdict: Verdict, view: dict[str, Any], _: Pictures) -> Iterator[Flowable]:
    for group in view["groups"]:
        yield _heading(group["title"])
        rows = [
            [_text(one["name"], textColor=_SOFT), _text(one["value"], **_as_code(one["is_code"]))]
            for one in group["facts"]
        ]
        yield _rows(rows, (44 * mm, _WIDTH - 44 * mm))


def _as_code(is_code: bool) -> dict[str, Any]:
    return {"fontName": _MONO, "wordWrap": "CJK"} if is_code else {}


def _history(verdict: Verdict, view: dict[str, Any], _: Pictures) -> Iterator[Flowable]:
    told = view["history"]
    if told:
        yield _heading(told["heading"])
        if not told["holds"]:
            yield _text("Its signature or its statements don't hold: anybody may have written what follows.")
        node = told["node"]
        yield _text(f"{node['title']}: {', '.join(node['lines'])}")
        for level, line in _branches(node, 1):
            yield _text(line, leftIndent=5 * mm * level)


def _branches(node: dict[str, Any], level: int) -> Iterator[tuple[int, str]]:
    """Everything below a file of the history, in the tree's order, each with its depth."""
    for source in node["sources"]:
        yield level, f"{source['title']}: {'; '.join(source['lines'])}"
        yield from _branches(source, level + 1)
    if node["more"]:
        yield level, f"and {node['more']} more, not shown"


def _duties(verdict: Verdict, view: dict[str, Any], _: Pictures) -> Iterator[Flowable]:
    if view["duties"]:
        yield _heading("Disclosure")
        yield _text("What the file itself carries; engineering notes, not legal advice.", 8.5, textColor=_SOFT)
        rows = [
            [_text(one["law"], fontName=_BOLD), _text(one["words"]), _text(_fields(one))] for one in view["duties"]
        ]
        yield _rows(rows, (60 * mm, 30 * mm, _WIDTH - 90 * mm))


def _fields(duty: dict[str, Any]) -> str:
    return "; ".join(f"{name} {'is there' if holds else 'is missing'}" for name, holds in duty["fields"])


def _limits(verdict: Verdict, view: dict[str, Any], _: Pictures) -> Iterator[Flowable]:
    yield _heading("What this does not say")
    yield from _listed(verdict.limits)


Part = Callable[[Verdict, dict[str, Any], Pictures], Iterator[Flowable]]
_PARTS: tuple[Part, ...] = (_head, _why, _done, _along, _leads, _checked, _facts, _history, _duties, _limits)


def _repeat(verdict: Verdict, digest: str) -> list[Flowable]:
    says = (
        "Take the file with this SHA-256, install these versions with the same keys, trust lists and repository, "
        "and run reelproof verify FILE --json. The same verdict must come out again, word for word."
    )
    listed = [("file", verdict.file.get("sha256") or "could not be read"), ("verdict (canonical JSON)", digest)]
    rows = [
        [_text(f"SHA-256 of the {name}", textColor=_SOFT), _text(value, 8.2, **_as_code(True))]
        for name, value in listed
    ]
    rows += [[_text(name, textColor=_SOFT), _text(number)] for name, number in versions()]
    return [_heading("To repeat it"), _text(says), _rows(rows, (52 * mm, _WIDTH - 52 * mm)), Spacer(1, 6)]


def _foot(sha256: str) -> Callable[[Canvas, Any], None]:
    def draw(canvas: Canvas, document: Any) -> None:
        canvas.saveState()
        canvas.setFont(_REGULAR, 7.5)
        canvas.setFillColor(_SOFT)
        canvas.drawString(_MARGIN, 10 * mm, f"Reelproof · file SHA-256 {sha256}")
        canvas.drawRightString(A4[0] - _MARGIN, 10 * mm, f"page {canvas.getPageNumber()}")
        canvas.restoreState()

    return draw
