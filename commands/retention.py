"""`kontakt retention`: what is old enough to go, removing it, the record of it, and what must stay (gallring)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

import assembly
from commands.options import asked, fail
from settings import load_settings

retention_app = typer.Typer(help="Gallring: what goes, when and by which rule.", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(help="The submission's reference.")]
REASON = "Why (kept as a note on the submission)"


@retention_app.command()
def plan(days: Annotated[int, typer.Option(min=0, help="Also what will go within so many days.")] = 0) -> None:
    """Show what would go, when and by which rule. Nothing is removed."""
    from storage import retention

    settings = load_settings()
    policy = retention.load_policy(settings.retention_policy)
    with assembly.open_database_of(settings) as database:
        planned = retention.plan(database, policy, datetime.now(UTC), days_ahead=days)
        unspoken = retention.without_entry(database, policy)
    for entry in planned:
        note = "" if entry.decided else "  (undecided: is not purged)"
        typer.echo(f"{entry.purge_after}  {entry.kind:<18} {entry.reference or entry.number}  {entry.rule}{note}")
    for form_id, outcome, number in unspoken:
        typer.echo(f"no entry for {form_id}, {outcome}: {number} submissions are never purged")
    if not planned and not unspoken:
        typer.echo("nothing")


@retention_app.command()
def run(
    confirm_many: Annotated[bool, typer.Option("--confirm-many", help="The plan is right, however much goes.")] = False,
) -> None:
    """Remove what is old enough, as `serve` does every hour."""
    settings = load_settings()
    with assembly.open_database_of(settings) as database:
        report = assembly.purge(settings, database, actor=assembly.staff(), confirmed=confirm_many)
    if report is None:
        fail("another process is removing just now: try again when it is done")
    typer.echo(", ".join(f"{number} {kind}" for kind, number in report.purged.items()) or "nothing")
    if report.left_in_wal:
        assembly.note("somebody was reading: the database's journal may still hold it; the next run finishes")


@retention_app.command()
def protocol(
    first: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The first day.")],
    last: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The last day.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
) -> None:
    """Print the gallringsprotokoll: what has been removed, when, by which rule and by whom."""
    from storage import retention

    with assembly.open_database_of(load_settings()) as database:
        records = retention.protocol(database, first.date(), last.date())
    text = retention.as_csv(records) if as_csv else retention.as_text(records, first.date(), last.date())
    typer.echo(text, nl=False)


@retention_app.command()
def hold(reference: Reference) -> None:
    """Keep a submission, whatever the rules say, until it is released. Asks why, or reads it from standard input."""
    from storage import retention_holds

    _change(retention_holds.set_hold, reference)


@retention_app.command()
def release(reference: Reference) -> None:
    """Let the rules hold again for a submission. Asks why, or reads it from standard input."""
    from storage import retention_holds

    _change(retention_holds.clear_hold, reference)


@retention_app.command("confirm")
def confirm(
    reference: Reference,
    case: Annotated[
        bool, typer.Option("--case", help="Ask for the case's number, or read it from standard input.")
    ] = False,
) -> None:
    """Confirm that a submission that was handed over is in the municipality's own records."""
    from storage import retention_holds

    case_number = asked("The case's number in the municipality") if case else None
    with assembly.open_database_of(load_settings()) as database:
        try:
            retention_holds.confirm_hand_over(
                database, reference.upper(), case_number=case_number, actor=assembly.staff(), at=datetime.now(UTC)
            )
        except retention_holds.SubmissionNotFoundError:
            fail(f"no submission with the reference {reference!r}")
        except retention_holds.StatusNotAllowedError:
            fail(f"{reference} is not handed over: change its status first")
        except ValueError as error:
            fail(str(error))


@retention_app.command("confirm-clock")
def confirm_clock() -> None:
    """Say that this machine's clock is right, so that removing goes on."""
    from storage import retention

    with assembly.open_database_of(load_settings()) as database:
        retention.confirm_clock(database, datetime.now(UTC), retention.read_uptime(), actor=assembly.staff())
    typer.echo("confirmed")


def _change(change: Callable[..., None], reference: str) -> None:
    from storage.retention_holds import HoldError, SubmissionNotFoundError

    reason = asked(REASON)
    with assembly.open_database_of(load_settings()) as database:
        try:
            change(database, reference.upper(), reason, actor=assembly.staff(), at=datetime.now(UTC))
        except SubmissionNotFoundError:
            fail(f"no submission with the reference {reference!r}")
        except HoldError as error:
            fail(f"{reference}: {error}")
