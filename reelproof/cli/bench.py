"""`bench`: make the published figures again. The benches lie in the repository, not in an installed package."""

import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import typer

from core.errors import ConfigurationError

ROOMS = (
    "watermark", "noise", "policy", "references", "log", "generator", "provenance", "provenance_fingerprint",
    "provenance_recovery", "detector", "detector_changes", "detector_splices", "detector_sound", "detector_vendors",
    "detector_leads", "detector_long", "detector_verdicts", "service", "classifier",
)  # fmt: skip
_PLAIN = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

app = typer.Typer(help="Measure again what the documentation claims.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Measure again what the documentation claims."""


def run_bench(room: str, arguments: list[str]) -> int:
    """Run `bench.<room>` with these arguments, as `python -m` would; returns its exit status.

    Raises:
        ConfigurationError: the repository's `bench` folder is not reachable from here.
    """
    repository = Path(__file__).resolve().parents[2]
    if not (repository / "bench").is_dir():
        raise ConfigurationError(
            "the benches are not part of the installed package",
            code="bench_not_here",
            hint="Clone the repository, install it with `pip install --editable .` and run the command again.",
        )
    if str(repository) not in sys.path:
        sys.path.insert(0, str(repository))
    if find_spec(f"bench.{room}") is None:
        raise ConfigurationError(
            f"this repository has no bench of the {room}",
            code="bench_not_here",
            hint="Update the clone: the bench belongs to a later version.",
        )
    before = sys.argv
    sys.argv = [f"bench.{room}", *arguments]
    try:
        runpy.run_module(f"bench.{room}", run_name="__main__", alter_sys=False)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    finally:
        sys.argv = before
    return 0


def _add(room: str) -> None:
    @app.command(
        room, context_settings=_PLAIN, help=f"The {room} bench; takes --quick, --json and its own options."
    )
    def bench(context: typer.Context) -> None:
        if status := run_bench(room, context.args):
            raise typer.Exit(status)


for _room in ROOMS:
    _add(_room)
