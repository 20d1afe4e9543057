"""`audit`: read and check the decision log."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from core.errors import ConfigurationError, UsageError
from core.files import publish, staging_folder
from reelproof.cli.output import out, show_json
from reelproof.log_desk import EntryFilter, entry_index, erase, exported, find_entries, read_text, sweep
from reelproof.settings import load_settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
EntryName = Annotated[
    str, typer.Argument(metavar="ID", help="Index, or the ID of an entry, request, clip or manifest.")
]

app = typer.Typer(help="Read and check the decision log.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Read and check the decision log."""


def _services() -> Any:
    from reelproof.wiring import build

    return build(load_settings())


def _log() -> Any:
    return _services().log


@app.command("list")
def list_entries(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, counted from the newest.")] = 20,
    stage: Annotated[str, typer.Option(help="Only this stage: input, release, access …")] = "",
    outcome: Annotated[str, typer.Option(help="Only allow, review or refuse.")] = "",
    code: Annotated[int | None, typer.Option(help="Only with this reason code.")] = None,
    named: Annotated[str, typer.Option(help="Only of this request, clip, manifest or consent.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """The newest entries, oldest of them first."""
    log = _log()
    for index, entry in _wanted(log, EntryFilter(stage, outcome, code, named), limit):
        if as_json:
            show_json({"index": index, **entry}, pretty=False)
            continue
        codes = " ".join(str(code) for code in entry.get("codes", ()))
        outcome = entry.get("outcome", "")
        out.print(f"{index:>6}  {entry['time']}  {entry['stage']:<12} {outcome:<7} {codes}".rstrip(), markup=False)
    if not as_json:
        out.print(f"{log.size} entries, root {log.root_hex}", markup=False)


@app.command("show")
def show(entry: EntryName) -> None:
    """One entry, with the proof that it stands in the log."""
    log = _log()
    index = entry_index(log.reader, entry)
    show_json({"index": index, "entry": log.entry(index), "proof": log.receipt(index)})


def _wanted(log: Any, wanted: EntryFilter, limit: int) -> list[tuple[int, dict[str, Any]]]:
    """The newest wanted entries, oldest of them first, however far back they lie."""
    found: list[tuple[int, dict[str, Any]]] = []
    before = log.size
    while before > 0 and len(found) < limit:
        more, before = find_entries(log.reader, wanted, before=before, limit=limit - len(found))
        found += more
    return found[::-1]


@app.command("read")
def read(entry: EntryName, as_json: Json = False) -> None:
    """What was asked at an entry, from the vault. That you read it is logged."""
    index, kept = read_text(_services(), entry, by="local")
    texts = None if kept is None else json.loads(kept)
    if as_json:
        show_json({"schema": "reelproof.audit-text/1", "index": index, "texts": texts})
        return
    for field, text in (texts or {}).items():
        out.print(f"{field}: {text}", markup=False)
    if texts is None:
        out.print(f"nothing is kept for entry {index}: it was erased, or carried no text")


@app.command("erase")
def erase_text(
    entry: EntryName, why: Annotated[str, typer.Option(help="Why; stands in the log.")] = "asked for"
) -> None:
    """Destroy the text of an entry and its key. The entry stays, and the log still verifies."""
    index, was_there = erase(_services(), entry, by="local", why=why)
    out.print(f"entry {index}: {'erased' if was_there else 'nothing was kept'}")


@app.command("export")
def export(
    target: Annotated[Path, typer.Argument(help="The file to write, or - for standard output.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a head (the default).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    stage: Annotated[str, typer.Option(help="Only this stage.")] = "",
    outcome: Annotated[str, typer.Option(help="Only allow, review or refuse.")] = "",
) -> None:
    """Every entry, oldest first: commitments, no texts."""
    if as_csv and as_json:
        raise UsageError("one form at a time", code="export_form", hint="Give --csv or --json.")
    lines = exported(_log().reader, "json" if as_json else "csv", EntryFilter(stage, outcome))
    if str(target) == "-":
        sys.stdout.writelines(lines)
        return
    with staging_folder(target) as folder:
        staged = folder / target.name
        with staged.open("w", encoding="utf-8", newline="") as opened:
            opened.writelines(lines)
        publish(staged, target)


@app.command("sweep")
def sweep_texts() -> None:
    """Erase texts older than the retention now; the server does it every hour."""
    out.print(f"{sweep(_services())} texts erased")


@app.command("witness")
def witness(as_json: Json = False) -> None:
    """Have the latest checkpoint cosigned by the configured witnesses. Exit 6 where one saw another log."""
    reports = _services().witnesses.ask()
    _tell_witnesses(reports, as_json)


@app.command("verify")
def verify(
    since: Annotated[
        Path | None, typer.Option(help="A checkpoint kept earlier: prove that the log only grew.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no witness; use what they cosigned.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Recompute every hash and signature of the log, and ask its witnesses. Exit 6 when anything doesn't hold."""
    services = _services()
    log = services.log
    audit = log.verify(since.read_text() if since is not None else None)
    witnesses = services.witnesses
    # What was cosigned before is looked at first: asking may replace it.
    reports = (
        witnesses.check_kept() if offline or not audit.ok else _merged(witnesses.check_kept(), witnesses.ask())
    )
    is_sound = audit.ok and not any(report.is_contradiction for report in reports)
    answer = {
        "schema": "reelproof.log-audit/1",
        "ok": is_sound,
        "size": audit.size,
        "root": audit.root,
        "problems": list(audit.problems),
        "verifier_key": log.verifier_key,
        "witnesses": [report.to_json() for report in reports],
    }
    if as_json:
        show_json(answer)
    else:
        out.print(
            f"{audit.size} entries, root {audit.root}: {'every hash and signature holds' if audit.ok else 'BROKEN'}"
        )
        for problem in audit.problems:
            out.print(f"  {problem}", markup=False)
        for report in reports:
            out.print(f"  {_witness_line(report)}", markup=False)
    if not is_sound:
        raise ConfigurationError(
            "the decision log does not verify",
            code="log_broken",
            hint="Keep the folder as it is; compare it with exported checkpoints and a backup.",
        )


def _merged(kept: list[Any], asked: list[Any]) -> list[Any]:
    """Of each witness what was found to contradict the log, else what it answered now."""
    return [old if old.is_contradiction else new for old, new in zip(kept, asked, strict=True)]


def _witness_line(report: Any) -> str:
    return f"witness {report.name}: {report.problem or f'cosigned {report.size} entries'}"


def _tell_witnesses(reports: list[Any], as_json: bool) -> None:
    if as_json:
        show_json({"schema": "reelproof.witnesses/1", "witnesses": [report.to_json() for report in reports]})
    for report in reports if not as_json else ():
        out.print(_witness_line(report), markup=False)
    if not reports and not as_json:
        out.print("no witnesses are configured: set REELPROOF_WITNESSES")
    if any(report.is_contradiction for report in reports):
        raise ConfigurationError(
            "a witness saw another log than this one",
            code="log_contradicted",
            hint="Keep the folder as it is, and compare it with a copy and with what the witness cosigned.",
        )
