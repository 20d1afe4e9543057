"""`serve`: the detector, the generation API and the pages, in one server."""

from typing import Annotated

import typer

from reelproof.settings import load_settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind; default from the settings.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port; 0 picks a free one.")] = None,
) -> None:
    """Serve the detector, the generation API and the pages until interrupted."""
    from reelproof.api.server import run_server
    from reelproof.wiring import build

    settings = load_settings()
    run_server(build(settings), host or settings.host, settings.port if port is None else port)
