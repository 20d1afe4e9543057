"""What the command line says and where: results on stdout, everything else on stderr.

With `--json`, stdout carries JSON and nothing else.
"""

import json
import sys
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

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def show_json(value: Any, *, pretty: bool | None = None) -> None:
    """One JSON object on stdout: indented for a person at a terminal, one line for a pipe."""
    indented = sys.stdout.isatty() if pretty is None else pretty
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2 if indented else None) + "\n")
    sys.stdout.flush()


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
