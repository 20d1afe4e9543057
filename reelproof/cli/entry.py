"""Builds the command tree and maps every outcome to the contract's exit codes.

Commands are imported when the tree is built, the rooms behind them only when one runs: `--help` loads no torch.
"""

import os
import traceback

import typer
from typer.exceptions import TyperException

from core.errors import ReelproofError, UsageError
from reelproof import __version__
from reelproof.cli import (
    audit,
    bench,
    clips,
    consent,
    demo,
    doctor,
    keys,
    policy,
    review,
    serve,
    verifying,
    witness,
)
from reelproof.cli.output import err, out, show_error

EXIT_DONE, EXIT_FAULT, EXIT_USAGE = 0, 1, 2

app = typer.Typer(
    name="reelproof",
    help="AI video that can always prove where it came from, and a verifier that tells where a clip came from.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("generate")(clips.generate)
app.command("seal")(clips.seal)
app.command("verify")(verifying.verify)
app.add_typer(policy.app, name="policy")
app.add_typer(consent.app, name="consent")
app.add_typer(review.app, name="review")
app.add_typer(audit.app, name="audit")
app.add_typer(witness.app, name="witness")
app.add_typer(keys.app, name="keys")
app.command("serve")(serve.serve)
app.command("backends")(clips.backends)
app.command("train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(clips.train)
app.add_typer(bench.app, name="bench")
app.command("doctor")(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"reelproof {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Make, seal and verify clips; read the decision log."""


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; nothing escapes as a traceback.

    Set REELPROOF_DEBUG=1 to see the traceback of an unexpected fault.
    """
    command = typer.main.get_command(app)
    try:
        returned = command(args=arguments, prog_name="reelproof", standalone_mode=False)
    except TyperException as fault:
        return _usage(fault)
    except ReelproofError as fault:
        show_error(fault)
        return fault.exit_code
    except (KeyboardInterrupt, typer.Abort):
        err.print("error: interrupted\nhint: nothing half-written was left behind.")
        return EXIT_FAULT
    except BrokenPipeError:
        return EXIT_DONE  # the reader of our output went away: nobody is left to tell
    except Exception as fault:
        return _unexpected(fault)
    return returned if isinstance(returned, int) else EXIT_DONE


def _usage(fault: TyperException) -> int:
    message = getattr(fault, "format_message", lambda: str(fault))()
    if not message:
        return EXIT_USAGE
    context = getattr(fault, "ctx", None)
    command = context.command_path if context is not None else "reelproof"
    show_error(UsageError(message.rstrip("."), code="usage", hint=f"Try `{command} --help`."))
    return EXIT_USAGE


def _unexpected(fault: Exception) -> int:
    if isinstance(fault, OSError) and fault.errno is not None:
        where = f" ({fault.filename})" if fault.filename else ""
        err.print(f"error: {(fault.strerror or str(fault)).lower()}{where}", markup=False)
        err.print("hint: check free disk space and permissions; nothing half-written was left behind.")
        return EXIT_FAULT
    if os.environ.get("REELPROOF_DEBUG"):
        err.print(traceback.format_exc(), markup=False)
    err.print(f"error: unexpected fault: {type(fault).__name__}: {fault}", markup=False)
    err.print("hint: run again with REELPROOF_DEBUG=1 to see where, and please report it.")
    return EXIT_FAULT
