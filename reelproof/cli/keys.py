"""`keys`: the signing, log and watermark keys of this home."""

from typing import Annotated

import typer

from reelproof.cli.output import note, out, show_json
from reelproof.settings import load_settings

app = typer.Typer(help="Signing, log and watermark keys.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Signing, log and watermark keys."""


@app.command("init")
def init(
    organisation: Annotated[str | None, typer.Option(help="Organisation named in the certificates.")] = None,
) -> None:
    """Make root, issuing CA, claim-signing leaf, log key and watermark key. Refuses where keys already are."""
    from reelproof.wiring import create_keys

    changed = {} if organisation is None else {"organisation": organisation}
    settings = load_settings(**changed)
    create_keys(settings)
    note(f"made new keys in {settings.home / 'keys'}")


@app.command("list")
def list_keys(as_json: Annotated[bool, typer.Option("--json", help="Print the keys as JSON.")] = False) -> None:
    """Every key with its purpose, fingerprint and end of validity. Never a secret."""
    from reelproof.wiring import open_keys

    rows = open_keys(load_settings()).describe()
    if as_json:
        show_json({"schema": "reelproof.keys/1", "keys": rows})
        return
    for row in rows:
        until = row["valid_until"] or "no end"
        out.print(
            f"{row['purpose']:<16} {row['status']:<8} {until:<22} {row['fingerprint'][:24]}  {row['subject']}"
        )
