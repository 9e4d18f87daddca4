"""`kontakt audit review`: who read and did what, day by day, for whoever checks it. Looking is audited itself."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

import assembly
from commands.options import fail
from settings import load_settings


def audit_review(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day.")],
    reviewer: Annotated[str | None, typer.Option(help="Only this username, or cli:<os user>.")] = None,
    csv: Annotated[Path | None, typer.Option(help="A new file to write it to as CSV, for you alone.")] = None,
    events: Annotated[bool, typer.Option("--events", help="Every single event instead of numbers.")] = False,
) -> None:
    """Show who read and did what, in numbers for each reviewer and day. That you looked is audited."""
    from storage import audit_log, audit_review

    days = (first.date(), last.date())
    if days[0] > days[1]:
        fail("--from is later than --to")
    if reviewer is not None and not re.fullmatch(r"[\w.@:?-]{1,64}", reviewer):
        fail(f"no username: {reviewer!r}")
    doing: dict[str, Any] = {"reviewer": reviewer, "actor": assembly.staff(), "at": datetime.now(UTC)}
    with assembly.open_database_of(load_settings()) as database:
        if events:
            rows = audit_review.event_table(audit_log.single_events(database, *days, **doing))
        else:
            rows = audit_review.table(audit_log.review(database, *days, **doing))
    if csv is None:
        typer.echo(audit_review.as_text(rows), nl=False)
        return
    try:
        with os.fdopen(os.open(csv, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(audit_review.as_csv(rows))
    except OSError as error:
        fail(f"{csv}: {error.strerror}")
