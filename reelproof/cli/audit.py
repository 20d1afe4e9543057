"""`audit`: read and check the decision log."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core.errors import ConfigurationError, UsageError
from reelproof.cli.output import out, show_json
from reelproof.settings import load_settings

app = typer.Typer(help="Read and check the decision log.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Read and check the decision log."""


def _log() -> Any:
    from reelproof.wiring import build

    return build(load_settings()).log


@app.command("list")
def list_entries(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, counted from the newest.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """The newest entries, oldest of them first."""
    log = _log()
    start = max(0, log.size - limit)
    for index, entry in enumerate(log.entries(start, limit), start):
        if as_json:
            show_json({"index": index, **entry}, pretty=False)
            continue
        codes = " ".join(str(code) for code in entry.get("codes", ()))
        outcome = entry.get("outcome", "")
        out.print(f"{index:>6}  {entry['time']}  {entry['stage']:<12} {outcome:<7} {codes}".rstrip(), markup=False)
    if not as_json:
        out.print(f"{log.size} entries, root {log.root_hex}", markup=False)


@app.command("show")
def show(entry: Annotated[str, typer.Argument(metavar="ID", help="Index or entry ID.")]) -> None:
    """One entry, with the proof that it stands in the log."""
    log = _log()
    index = _index_of(log, entry)
    show_json({"index": index, "entry": log.entry(index), "proof": log.receipt(index)})


def _index_of(log: Any, wanted: str) -> int:
    if wanted.isdigit() and int(wanted) < log.size:
        return int(wanted)
    for index in range(log.size - 1, -1, -1):
        entry = log.entry(index)
        if wanted in (entry.get("id"), entry.get("request_id")):
            return index
    raise UsageError(
        f"no entry {wanted!r} in the log", code="no_entry", hint="`reelproof audit list` shows the entries."
    )


@app.command("verify")
def verify(
    since: Annotated[
        Path | None, typer.Option(help="A checkpoint kept earlier: prove that the log only grew.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Recompute every hash and signature of the log. Exit 6 when anything doesn't hold."""
    log = _log()
    audit = log.verify(since.read_text() if since is not None else None)
    answer = {
        "schema": "reelproof.log-audit/1",
        "ok": audit.ok,
        "size": audit.size,
        "root": audit.root,
        "problems": list(audit.problems),
        "verifier_key": log.verifier_key,
    }
    if as_json:
        show_json(answer)
    else:
        out.print(
            f"{audit.size} entries, root {audit.root}: {'every hash and signature holds' if audit.ok else 'BROKEN'}"
        )
        for problem in audit.problems:
            out.print(f"  {problem}", markup=False)
    if not audit.ok:
        raise ConfigurationError(
            "the decision log does not verify",
            code="log_broken",
            hint="Keep the folder as it is; compare it with exported checkpoints and a backup.",
        )
