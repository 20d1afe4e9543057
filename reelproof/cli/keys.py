"""`keys`: the signing, log and watermark keys of this home."""

from pathlib import Path
from typing import Annotated, Literal

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
        purpose = " ".join(str(part) for part in (row["purpose"], row.get("number")) if part)
        out.print(f"{purpose:<16} {row['status']:<8} {until:<22} {row['fingerprint'][:24]}  {row['subject']}")


@app.command("rotate")
def rotate(
    which: Annotated[Literal["signing", "watermark"], typer.Argument(help="Which key to replace.")] = "signing",
) -> None:
    """A new signing or watermark key in use from now on; older clips stay valid and readable."""
    from provenance.rotation import rotate_signer, rotate_watermark
    from reelproof.wiring import keys_folder, passphrase_of

    settings = load_settings()
    made = rotate_signer if which == "signing" else rotate_watermark
    store = made(keys_folder(settings), passphrase_of(settings))
    number = store.index["signer"] if which == "signing" else store.watermark_key_id
    note(f"{which} key {number} is in use now; restart a running server")


@app.command("revoke")
def revoke(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Which signer, as `keys list` numbers it.")],
    reason: Annotated[str, typer.Option(help="key-compromise, superseded, cessation or affiliation-changed.")] = (
        "key-compromise"
    ),
) -> None:
    """Take a signing certificate back: nobody trusts what it signs, and its private key is destroyed.

    What carries a trusted time-stamp from before stays trusted; what carries none does not.
    """
    from provenance.rotation import revoke_signer
    from reelproof.wiring import keys_folder, passphrase_of

    settings = load_settings()
    store = revoke_signer(keys_folder(settings), passphrase_of(settings), number, reason=reason)
    note(f"signer {number} is revoked; signer {store.index['signer']} is in use; restart a running server")
    note("hand the new revocation list to those who trust you: `reelproof keys export-trust DIR`")


@app.command("export-trust")
def export(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where root and lists go.")]) -> None:
    """What others need to trust clips signed here: root, revocation list, and a description. No secret."""
    from provenance.rotation import export_trust
    from reelproof.wiring import open_keys

    for path in export_trust(open_keys(load_settings()), folder):
        out.print(str(path), markup=False)
