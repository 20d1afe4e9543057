"""`consent`: grant and revoke the use of a person's name and face."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import UsageError
from reelproof.cli.output import note, out, show_json
from reelproof.settings import load_settings

if TYPE_CHECKING:
    from policy.consent import Scope
    from policy.consent_store import ConsentRecord
    from reelproof.wiring import Services

app = typer.Typer(help="Consents: who may be shown, by whose leave.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TokenId = Annotated[str, typer.Argument(metavar="ID", help="The consent's ID, ct_….")]


@app.callback()
def _group() -> None:
    """Consents: who may be shown, by whose leave."""


@app.command("grant")
def grant(
    name: Annotated[str, typer.Argument(help="The person's name, or - to read it from standard input.")],
    alias: Annotated[list[str] | None, typer.Option(help="A further spelling; may be given again.")] = None,
    scope: Annotated[str, typer.Option(help="Who may use it: self, named or anyone.")] = "self",
    caller: Annotated[list[str] | None, typer.Option(help="With --scope named: who; may be given again.")] = None,
    purpose: Annotated[
        list[str] | None, typer.Option(help="What for; may be given again. Default: personal.")
    ] = None,
    days: Annotated[int, typer.Option(help="How long it holds.")] = 30,
    uses: Annotated[int, typer.Option(help="For how many requests.")] = 10,
    begins: Annotated[str | None, typer.Option("--from", help="First day or instant, ISO 8601.")] = None,
    label: Annotated[str, typer.Option(help="Your own note; no names, please.")] = "",
    as_json: Json = False,
) -> None:
    """Grant a consent and print its token, once. Neither name nor token is kept."""
    from policy.consent_desk import Grant
    from reelproof.consents import grant_consent

    asked = Grant(
        sys.stdin.readline().strip() if name == "-" else name,
        tuple(alias or ()),
        _scope(scope),
        tuple(caller or ()),
        tuple(purpose or ("personal",)),
        days,
        uses,
        _instant(begins),
        label,
    )
    services = _services()
    token, record = grant_consent(services, asked, "local")
    if as_json:
        show_json(record.to_json(services.clock.now()) | {"token": token})
        return
    out.print(token, markup=False, soft_wrap=True)
    note(f"consent {record.consent.token_id}: {_line(record, services.clock.now())}")
    note("keep the token: it is shown this once. Never for sexual or political content, nor as a minor.")


@app.command("list")
def list_consents(as_json: Json = False) -> None:
    """Every consent, newest first; no names, no tokens."""
    services = _services()
    now, records = services.clock.now(), services.consents.all()
    if as_json:
        show_json({"schema": "reelproof.consents/1", "consents": [record.to_json(now) for record in records]})
        return
    for record in records:
        out.print(f"{record.consent.token_id}  {_line(record, now)}", markup=False)
    if not records:
        out.print("no consents")


@app.command("show")
def show(token_id: TokenId) -> None:
    """One consent as it stands."""
    services = _services()
    show_json(services.consents.show(token_id).to_json(services.clock.now()))


@app.command("revoke")
def revoke(token_id: TokenId) -> None:
    """Take a consent back: from now on, and for clips that are not released yet."""
    from reelproof.consents import revoke_consent

    services = _services()
    record = revoke_consent(services, token_id, "local")
    out.print(f"{record.consent.token_id}  {_line(record, services.clock.now())}", markup=False)


def token_of(text: str | None) -> str | None:
    """A consent token as given, or what `@FILE` holds. Raises `UsageError` where there is no such file."""
    if text is None or not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(
            f"no readable token file {text[1:]!r}", code="consent_file", hint="Give the token or @FILE."
        ) from fault


def _scope(text: str) -> "Scope":
    from policy.consent import Scope

    try:
        return Scope(text)
    except ValueError as fault:
        raise UsageError(
            f"{text!r} is no scope", code="consent_grant", hint="One of self, named, anyone."
        ) from fault


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError as fault:
        raise UsageError(f"{text!r} is no date", code="consent_grant", hint="For example 2027-01-31.") from fault
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def _line(record: "ConsentRecord", now: datetime) -> str:
    shown = record.to_json(now)
    purposes = ", ".join(shown["purposes"])
    used = f"{shown['uses']} of {shown['max_uses']} uses"
    until = f"until {shown['expires']}  {shown['label']}".rstrip()
    return f"{shown['state']:<9} {shown['scope']:<6} {purposes}; {used}; {until}"


def _services() -> "Services":
    from reelproof.wiring import build

    return build(load_settings())
