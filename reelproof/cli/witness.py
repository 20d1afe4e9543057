"""`witness`: run a witness for other people's logs."""

from pathlib import Path
from typing import Annotated

import typer

from reelproof.cli.output import out

app = typer.Typer(help="Be a witness for somebody's log.", no_args_is_help=True)
Folder = Annotated[Path, typer.Option(help="Where the witness keeps its key and what it cosigned.")]
Name = Annotated[str, typer.Option(help="The witness's name, a word like witness.example.org/w1.")]


@app.callback()
def _group() -> None:
    """Be a witness for somebody's log."""


@app.command("key")
def key(folder: Folder, name: Name) -> None:
    """The witness's public key, made on first use; whoever runs the log puts it into REELPROOF_WITNESSES."""
    from core.clock import SystemClock
    from reelproof.api.witness_server import open_witness

    out.print(str(open_witness(folder, name, (), SystemClock()).key), markup=False)


@app.command("serve")
def serve(
    folder: Folder,
    name: Name,
    log: Annotated[list[str], typer.Option(help="A log's verifier key; may be given again.")],
    host: Annotated[str, typer.Option(help="Address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port.")] = 8_700,
) -> None:
    """Cosign checkpoints that continue the last one seen, until interrupted (C2SP tlog-witness)."""
    from core.clock import SystemClock
    from reelproof.api.witness_server import open_witness, serve_witness

    serve_witness(open_witness(folder, name, tuple(log), SystemClock()), host, port)
