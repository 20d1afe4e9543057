"""`doctor`: does everything here work, and what does not, why not."""

from typing import Annotated

import typer

from reelproof.cli.output import out, show_json

_SIGN = {"ok": "ok  ", "warning": "warn", "fault": "FAIL"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Self-test of installation, keys, trust, log, sandbox and limits. Exit 6 when something is at fault."""
    from reelproof.checkup import examine
    from reelproof.settings import load_settings

    findings = examine(load_settings())
    at_fault = any(finding.state == "fault" for finding in findings)
    if as_json:
        show_json({"schema": "reelproof.doctor/1", "ok": not at_fault, "findings": [vars(one) for one in findings]})
    else:
        for finding in findings:
            out.print(f"{_SIGN[finding.state]}  {finding.part:<14} {finding.text}", markup=False)
            if finding.hint:
                out.print(f"      hint: {finding.hint}", markup=False)
    if at_fault:
        raise typer.Exit(6)
