"""`review`: look at what waits for a person, and decide it."""

from typing import TYPE_CHECKING, Annotated

import typer

from reelproof.cli.output import out, show_json
from reelproof.settings import load_settings

if TYPE_CHECKING:
    from policy.reviews import Review
    from reelproof.wiring import Services

app = typer.Typer(help="What waits for a person.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ReviewId = Annotated[str, typer.Argument(metavar="ID", help="The review's ID, rev_….")]


@app.callback()
def _group() -> None:
    """What waits for a person."""


@app.command("list")
def list_reviews(
    everything: Annotated[bool, typer.Option("--all", help="Those decided, too.")] = False, as_json: Json = False
) -> None:
    """What waits, oldest first; no texts."""
    from policy.reviews import ReviewState

    reviews = _services().reviews.all(None if everything else ReviewState.WAITING)
    if as_json:
        show_json({"schema": "reelproof.reviews/1", "reviews": [review.to_json() for review in reviews]})
        return
    for review in reviews:
        out.print(_line(review), markup=False)
    if not reviews:
        out.print("nothing waits for review")


@app.command("show")
def show(review_id: ReviewId) -> None:
    """One review with what was asked. Reading it is logged."""
    from reelproof.reviews import show_review

    show_json(show_review(_services(), review_id, "local"))


@app.command("approve")
def approve(review_id: ReviewId) -> None:
    """Let this very request go on when it is asked again."""
    _decide(review_id, is_approved=True)


@app.command("reject")
def reject(review_id: ReviewId) -> None:
    """Turn the request down for good; held frames are deleted."""
    _decide(review_id, is_approved=False)


@app.command("decide")
def decide(
    review_id: ReviewId,
    is_approved: Annotated[
        bool, typer.Option("--approve/--reject", help="What you decide; one of them has to be said.")
    ],
) -> None:
    """Approve or reject what waits, as the commands of those names do."""
    _decide(review_id, is_approved=is_approved)


@app.command("appeal")
def make_appeal(
    log_index: Annotated[int, typer.Argument(help="The refusal's place in the log.")],
    statement: Annotated[str, typer.Argument(help="Why a person should look at it.")],
) -> None:
    """Ask a person to look at a refusal."""
    from reelproof.reviews import appeal

    out.print(_line(appeal(_services(), log_index, statement)), markup=False)


def _decide(review_id: str, *, is_approved: bool) -> None:
    from reelproof.reviews import decide_review

    review = decide_review(_services(), review_id, approve=is_approved, by="local")
    out.print(_line(review), markup=False)
    if is_approved and not review.request_id.startswith(("video_", "seal_")):
        out.print(f"the asker may go on with --request {review.request_id}", markup=False)


def _line(review: "Review") -> str:
    codes = " ".join(str(code) for code in review.codes)
    head = f"{review.review_id}  {review.created_at}  {review.state:<8}"
    return f"{head}  {review.kind:<6}  {codes}  {review.request_id}"


def _services() -> "Services":
    from reelproof.wiring import build

    return build(load_settings())
