"""`policy`: decide without generating; the lists of names, their updates, and taking a name out."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core.errors import UnreadableInput, UsageError
from reelproof.cli.consent import token_of
from reelproof.cli.output import out, show_json
from reelproof.settings import load_settings

app = typer.Typer(help="Ask the policy without generating; its lists of names.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Ask the policy without generating; its lists of names."""


@app.command("check")
def check(
    prompt: Annotated[str | None, typer.Argument(help="The prompt to decide on.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="One prompt a line; one JSON line out for each, in order.")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="A picture to work from, looked at for faces.")] = None,
    video: Annotated[Path | None, typer.Option(help="A video to work from, looked at for faces.")] = None,
    consent: Annotated[str | None, typer.Option(help="A consent token, or @FILE that holds one.")] = None,
    purpose: Annotated[str, typer.Option(help="What it is for; a consent token must cover it.")] = "personal",
    as_json: Annotated[bool, typer.Option("--json", help="Print the decision as JSON.")] = False,
) -> None:
    """Decide on a prompt, or on a file of prompts. Every decision is logged. Exit 3 when one prompt is refused."""
    if (prompt is None) == (file is None):
        raise UsageError(
            "give a prompt or --file, one of them", code="prompt", hint='reelproof policy check "a red ball"'
        )
    from policy.codes import meaning
    from policy.decision import PolicyInput
    from reelproof.references import Reference
    from reelproof.wiring import build

    services = build(load_settings())
    gate = services.gate
    if file is not None:
        for line in _prompts(file):
            show_json(decision_json(gate.decide(PolicyInput({"prompt": line}), is_queued=False)), pretty=False)
        return
    given = [(kind, path) for kind, path in (("image", image), ("video", video)) if path is not None]
    facts = tuple(services.pipeline.looker.look(Reference(kind, path)) for kind, path in given)
    asked = PolicyInput(
        {"prompt": prompt or ""},
        reference_kinds=tuple(kind for kind, _ in given),
        references=facts,
        consent_token=token_of(consent),
        purpose=purpose,
    )
    logged = gate.decide(asked, is_queued=False)
    answer = decision_json(logged)
    if as_json:
        show_json(answer)
    else:
        out.print(f"{answer['outcome']}  (log entry {answer['log_index']})")
        for code in answer["codes"]:
            says = meaning(code)
            out.print(f"  {code}  {says.reason}", markup=False)
            if answer["outcome"] != "allow":
                out.print(f"       hint: {says.hint}", markup=False)
    if answer["outcome"] == "refuse":
        raise typer.Exit(3)


@app.command("lists")
def lists(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """The lists of names in use: version, who signed them, how long they are."""
    from policy.removal import read_removed
    from reelproof.filtering import lists_in_use, removed_file

    settings = load_settings()
    release, file = lists_in_use(settings), removed_file(settings)
    removed = len(read_removed(file)) if file.exists() else 0
    if as_json:
        show_json({"schema": "reelproof.lists/1", **release.to_json(), "removed_here": removed})
        return
    out.print(f"version {release.version}, signed by {release.signed_by}", markup=False)
    for name, count in release.lines.items():
        out.print(f"  {name.replace('_', ' '):<16} {count:>7} lines", markup=False)
    out.print(f"  {'taken out here':<16} {removed:>7} spellings", markup=False)


@app.command("update")
def update(file: Annotated[Path, typer.Argument(help="A release of the lists, a zip file.")]) -> None:
    """Install newer lists of names; the signature is checked first. Restart a running server afterwards."""
    from reelproof.filtering import update_lists
    from reelproof.wiring import build

    settings = load_settings()
    release = update_lists(settings, file)
    index = build(settings).gate.record("lists", "", action="update", version=release.version)
    out.print(f"version {release.version} is in use from the next start  (log entry {index})")


@app.command("remove")
def remove(name: Annotated[str, typer.Argument(help="One spelling of the name; repeat for others.")]) -> None:
    """Take a name out of the lists here. Only a digest of it is kept. Restart a running server afterwards."""
    from reelproof.filtering import remove_name
    from reelproof.wiring import build

    settings = load_settings()
    removal = remove_name(settings, name)
    index = build(settings).gate.record("lists", "", action="remove", count=removal.count)
    found = "taken out" if removal.was_listed else "no list holds this spelling; should one come to, it is left out"
    out.print(f"{found}, from the next start  (log entry {index})", markup=False)
    out.print("The name may still be held for review as a name-shaped one.", markup=False)


def decision_json(logged: Any) -> dict[str, Any]:
    """A logged decision as `reelproof.decision/1`."""
    return {**logged.decision.to_json(), "log_index": logged.log_index}


def _prompts(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise UnreadableInput(
            f"can't read prompts from {file.name}: {fault}",
            code="prompts_unreadable",
            hint="Give a UTF-8 text file.",
        ) from fault
