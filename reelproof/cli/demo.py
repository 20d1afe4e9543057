"""`demo`: the main job, end to end."""

import time
from pathlib import Path
from typing import Annotated

import typer

from reelproof.cli.output import out


def demo(
    folder: Annotated[Path, typer.Option("--out", help="Where the clips, the pictures and the report go.")] = Path(
        "out/demo"
    ),
) -> None:
    """Make a clip, verify it, strip it, break it, refuse a prompt, and prove every decision. Offline."""
    from reelproof.demo.story import tell

    began = time.perf_counter()
    story = tell(folder, out)
    out.print(
        f"\n[bold]Done[/bold] in {time.perf_counter() - began:.0f} s. Open [bold]{story.folder}/report.html[/bold]"
    )
