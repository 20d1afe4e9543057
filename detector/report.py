"""A verdict for people: one self-contained HTML page, the part of it that other pages embed, and lines of text.

Everything in a verdict may quote a stranger's file: Jinja2 escapes all of it, the page loads nothing and runs
nothing (its own Content-Security-Policy says so).
"""

import base64
import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import wrap

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from detector.reportmaps import sound_lane, sound_words
from detector.reportview import CONCLUSION_WORDS, EVIDENCE_TITLES, OUTCOME_WORDS, view_of
from detector.verdict import Outcome, Verdict

TEMPLATES = Path(__file__).with_name("templates")
_LINE_CHARACTERS = 100


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def style() -> str:
    """The CSS rules that `render_fragment` needs, all under the class `rp`."""
    return (TEMPLATES / "verdict.css").read_text()


def render_html(verdict: Verdict, thumbnails: Sequence[bytes] = (), originals: Sequence[bytes] = ()) -> str:
    """One page that needs nothing else: styles, drawings, pictures and the JSON are inside. For screen and print.

    `thumbnails` are JPEG or PNG bytes in the clip's order, `originals` those kept of the release it is a copy of.
    """
    page = _environment().get_template("report.html")
    view = _view(verdict, thumbnails, originals) | {"is_open": True}
    return page.render(view=view, style=Markup(style()))


def render_fragment(verdict: Verdict, thumbnails: Sequence[bytes] = (), originals: Sequence[bytes] = ()) -> str:
    """The verdict as one `<article>`, already escaped, for a page that carries `style()`."""
    return _environment().get_template("_verdict.html").render(view=_view(verdict, thumbnails, originals))


def summary_lines(verdict: Verdict) -> list[str]:
    """The verdict in plain lines for a terminal, at most 100 characters each."""
    lines = [f"{CONCLUSION_WORDS[verdict.conclusion].upper()}", *wrap(verdict.headline, _LINE_CHARACTERS), ""]
    for reason in verdict.explanation:
        lines += wrap(reason, _LINE_CHARACTERS, initial_indent="- ", subsequent_indent="  ")
    if sound := sound_words(sound_lane(verdict, verdict.file.get("duration_s") or 0.0, _LINE_CHARACTERS)):
        lines += ["", *wrap(f"Sound along the clip: {sound}", _LINE_CHARACTERS)]
    lines += ["", "Evidence"]
    for one in verdict.evidence:
        if one.outcome != Outcome.NOT_EXAMINED:
            outcome = OUTCOME_WORDS[Outcome(one.outcome)]
            lines.append(f"  {EVIDENCE_TITLES.get(one.source, one.source):<22} {outcome}")
    lines += ["", "What this does not say"]
    for limit in verdict.limits:
        lines += wrap(limit, _LINE_CHARACTERS, initial_indent="- ", subsequent_indent="  ")
    return lines


def _view(verdict: Verdict, thumbnails: Sequence[bytes], originals: Sequence[bytes]) -> dict[str, object]:
    encoded = json.dumps(verdict.to_json(), ensure_ascii=False, indent=2).encode()
    return view_of(verdict) | {
        "thumbnails": [_picture_uri(picture) for picture in thumbnails],
        "originals": [_picture_uri(picture) for picture in originals],
        "versions": versions(),
        "is_open": False,
        "json_uri": "data:application/json;base64," + base64.b64encode(encoded).decode(),
        "json_name": f"verdict-{(verdict.file.get('sha256') or 'unread')[:12]}.json",
    }


@lru_cache(maxsize=1)
def versions() -> list[tuple[str, str]]:
    """What judged, (name, version): this program and what it reads with, so that a second expert can repeat it."""
    found = []
    for name in ("reelproof", "c2pa-python", "av", "numpy", "opencv-python-headless"):
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "of this source tree" if name == "reelproof" else "unknown"))
    return found


def _picture_uri(picture: bytes) -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
