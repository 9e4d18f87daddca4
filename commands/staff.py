"""`kontakt submissions`: what has come in. Every reading is audited."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

import assembly
from commands.options import AsJson, Municipality, asked, fail, known_municipality
from settings import load_settings

if TYPE_CHECKING:
    from storage.submissions import Submission, SubmissionSummary

submissions_app = typer.Typer(help="What residents have sent in. Every reading is audited.", no_args_is_help=True)


@submissions_app.command("list")
def submissions_list(
    as_json: AsJson = False,
    status: Annotated[str | None, typer.Option(help="Only those with this status.")] = None,
    municipality: Municipality = None,
    form_id: Annotated[str | None, typer.Option("--form", help="Only those of this form.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
) -> None:
    """List submissions, newest first: reference, form, municipality, received, status. No answers."""
    from storage import submissions

    if status is not None and status not in submissions.TRANSITIONS:
        fail(f"no status {status!r}: choose one of {', '.join(submissions.TRANSITIONS)}")
    place = known_municipality(municipality)
    with assembly.open_database_of(load_settings()) as database:
        rows = submissions.listing(database, status=status, municipality=place, form_id=form_id, limit=limit)
    for row in rows:
        _say(row, as_json)


def _say(row: "SubmissionSummary", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_summary(row), ensure_ascii=False))
        return
    received = f"{row.received_at:%Y-%m-%d %H:%M}"
    typer.echo(f"{row.reference}  {received}  {row.status:<22} {row.municipality or '–':<9} {row.form_id}")


def _summary(row: Any) -> dict[str, Any]:
    return {
        "reference": row.reference,
        "form_id": row.form_id,
        "municipality": row.municipality,
        "channel": row.channel,
        "language": row.language,
        "received_at": row.received_at.isoformat(),
        "status": row.status,
    }


@submissions_app.command("find")
def submissions_find(as_json: AsJson = False) -> None:
    """Find submissions by name, personnummer, reference or case number: one line of standard input, or asked for here.

    Never an argument: those are seen by others on this machine. Whole names and whole words of names. No answers.
    """
    from forms.identities import number_in
    from storage import search

    text, at = asked("name, personnummer, reference or case number"), datetime.now(UTC)
    if not text:
        fail("nothing to look for: give a name, personnummer, reference or case number on standard input")
    number = number_in(text, at.astimezone(ZoneInfo("Europe/Stockholm")).date())
    with assembly.open_database_of(load_settings()) as database:
        found = search.find(database, text, number=number, actor=assembly.staff(), at=at)
    for row in found.summaries:
        _say(row, as_json)
    shown = f", the newest {len(found.summaries)} are shown" if found.number > len(found.summaries) else ""
    owed = f"; {found.owed} from before can be found by reference only as yet" if found.owed else ""
    assembly.note(f"{found.number} found{shown}{owed}")


@submissions_app.command("show")
def submissions_show(reference: str, as_json: AsJson = False) -> None:
    """Show one submission with its answers. The reading is audited."""
    found = _opened(reference)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for name, value in found.items():
        if name != "answers":
            typer.echo(f"{name}: {', '.join(value) if isinstance(value, list) else value}")
    for slot, value in found["answers"].items():
        typer.echo(f"  {slot}: {'–' if value is None else ', '.join(value) if isinstance(value, list) else value}")


@submissions_app.command("export")
def submissions_export(
    reference: str,
    to: Annotated[Path | None, typer.Option(help="File to write (mode 0600); default standard output.")] = None,
) -> None:
    """Export all that is kept of one submission as JSON, for case records or for the person. The reading is audited."""
    text = json.dumps(_everything(_open(reference, "submission.exported")), ensure_ascii=False, indent=2) + "\n"
    if to is None:
        typer.echo(text, nl=False)
        return
    try:
        with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        fail(f"{to}: {error.strerror}")


def _opened(reference: str) -> dict[str, Any]:
    found = _open(reference)
    return _summary(found.summary) | {"answers": dict(found.answers), "flags": list(found.flags)}


def _everything(found: "Submission") -> dict[str, Any]:
    """With the questions as they were asked, who answered when, notes, changes of status, requests and additions."""
    asked = {one["slot"]: {"label": one["label"], "text": one["text"]} for one in found.form_snapshot["questions"]}
    return {
        **_summary(found.summary),
        "answers": dict(found.answers),
        "questions": {slot: asked[slot] for slot in found.answers if slot in asked},
        "given": {slot: dict(given) for slot, given in found.given.items()},
        "flags": list(found.flags),
        "signed_on_paper": found.signed_on_paper,
        "notes": _rows(found.notes),
        "status_changes": _rows(found.status_changes),
        "requests": _rows(found.requests),
        "additions": _rows(found.additions),
    }


def _rows(entries: Iterable[Any]) -> list[dict[str, Any]]:
    """Plain JSON; times in ISO form."""
    rows = (asdict(entry) for entry in entries)
    return [{k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()} for row in rows]


def _open(reference: str, also: str | None = None) -> "Submission":
    """The submission, opened; `also`: one more event that is written of it."""
    from storage import audit, submissions

    with assembly.open_database_of(load_settings()) as database:
        wanted, at = submissions.read_reference(reference), datetime.now(UTC)
        found = wanted and submissions.open_submission(database, wanted, actor=assembly.staff(), at=at)
        if found and also:
            subject = found.summary.reference
            audit.append(database, actor=assembly.staff(), event=also, subject=subject, at=at)
    if not found:
        fail(f"no submission with the reference {reference!r}")
    return found
