"""What the command line says and where: results on stdout, everything else on stderr.

With `--json`, stdout carries JSON and nothing else. Whatever is printed is inert: names of files and segments are
chosen by strangers, and a terminal obeys control characters.
"""

import json
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from core.errors import ReelproofError
from reelproof.releases import Watch, unwatched

STEP_WORDS = {
    "policy": "asking the policy",
    "sample": "sampling the video model",
    "mark": "embedding the mark, encoding",
    "check": "reading the mark back",
    "sign": "signing, reading back",
    "register": "registering",
    "publish": "publishing",
    "verify": "gathering evidence",
}

_KEPT_MARKS = "\u200c\u200d"  # joiners: words of many languages and pictures are spelt with them


def inert(text: str) -> str:
    """The text with control, direction and other invisible characters, line breaks aside, shown as U+FFFD."""
    return "".join(
        one
        if one in "\n\t" + _KEPT_MARKS or unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else "\ufffd"
        for one in text
    )


class _InertConsole(Console):
    """A console on which no text can move the cursor, change colours or the window's title."""

    def print(self, *objects: Any, **how: Any) -> None:
        """As every console; texts are made inert first."""
        super().print(*(inert(one) if isinstance(one, str) else one for one in objects), **how)


out = _InertConsole(highlight=False, soft_wrap=True)
err = _InertConsole(stderr=True, highlight=False, soft_wrap=True)


def show_json(value: Any, *, pretty: bool | None = None) -> None:
    """One JSON object on stdout: indented for a person at a terminal, one line for a pipe.

    A file's name that is no UTF-8 has its odd bytes as `\\udcXX`, as JSON can write them.
    """
    indented = sys.stdout.isatty() if pretty is None else pretty
    sys.stdout.write(json_line(value, indent=2 if indented else None) + "\n")
    sys.stdout.flush()


def json_line(value: Any, *, indent: int | None = None) -> str:
    """JSON that can be encoded: as it is where it is UTF-8 and inert, else in ASCII."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text if inert(text) == text else json.dumps(value, indent=indent)


def chance(p_value: float) -> str:
    """A p-value as text; what a float can no longer hold is below its smallest number, not zero."""
    return f"p = {p_value:.1e}" if p_value > 0.0 else "p < 1e-300"


def show_error(fault: ReelproofError) -> None:
    """`error: …` and `hint: …` on stderr, as plain text: hostile names carry no markup."""
    err.print(f"error: {fault}", markup=False, style="bold red" if err.is_terminal else None)
    err.print(f"hint: {fault.hint}", markup=False)


def note(text: str) -> None:
    """A remark for the person, on stderr."""
    err.print(text, markup=False, style="dim" if err.is_terminal else None)


class _Bars:
    """One bar a step, made when the step first reports."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: str, fraction: float, /) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(STEP_WORDS.get(step, step), total=1.0)
        self._progress.update(self._tasks[step], completed=fraction)


@contextmanager
def watching(*, quiet: bool = False) -> Iterator[Watch]:
    """Progress bars on stderr while the block runs; silent for `--json` and where stderr is no terminal."""
    if quiet or not err.is_terminal:
        yield unwatched
        return
    columns = (TextColumn("{task.description:<30}"), BarColumn(bar_width=28), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=False) as progress:
        yield _Bars(progress)
