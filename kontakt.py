"""The `kontakt` command line. What a command needs is put together in `assembly`."""

import json
import os
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn
from uuid import uuid4

import typer

import assembly
from settings import SettingsError, load_settings

app = typer.Typer(
    help="Kontakt: chat and intake for Swedish municipalities' social services.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
submissions_app = typer.Typer(help="What residents have sent in. Every reading is audited.", no_args_is_help=True)
reviewers_app = typer.Typer(help="Staff accounts.", no_args_is_help=True)
app.add_typer(submissions_app, name="submissions")
app.add_typer(reviewers_app, name="reviewers")

Municipality = Annotated[str | None, typer.Option(help="Municipality id: gotene, kramfors, sala, vingaker or annan.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]


def main() -> None:
    """Run the command line; every expected error is one line on standard error and exit code 1."""
    os.umask(0o077)  # what is written is for this user alone
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None
    except OSError as error:
        _fail(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
    except Exception as error:
        if not isinstance(error, _expected()):
            raise
        _fail(str(error))


def _expected() -> tuple[type[Exception], ...]:
    """What is told in one line. Imported only when something is wrong, which keeps every start quick."""
    from bot.wording import WordingError
    from installation import EXPECTED
    from nlu.client import NluUnavailableError
    from nlu.evaluation import EvaluationError
    from nlu.process import NluProcessError

    return (*EXPECTED, WordingError, NluProcessError, NluUnavailableError, EvaluationError)


def _fail(message: str) -> NoReturn:
    sys.stderr.write(f"kontakt: {' '.join(message.split())}\n")
    raise SystemExit(1)


def _municipality(given: str | None) -> str | None:
    from brochures.lookup import load_library

    known = [place.id for place in load_library().municipalities]
    if given is not None and given not in known:
        _fail(f"no municipality {given!r}: choose one of {', '.join(known)}")
    return given


# -- commands ------------------------------------------------------------------------------------------------------


@app.command()
def serve(
    stop_with_parent: Annotated[
        bool, typer.Option(hidden=True, help="Stop when the starting process is gone.")
    ] = False,
) -> None:
    """Start the web chat, the review pages, the NLU process and Telegram (when KONTAKT_TELEGRAM_TOKEN is set)."""
    import logs
    import serving

    settings = load_settings()
    logs.configure()
    if stop_with_parent:
        serving.stop_with_parent()
    assembly.run_service(settings)


@app.command()
def ask(
    text: Annotated[
        list[str] | None, typer.Argument(help="Messages; without any, each line of standard input.")
    ] = None,
    as_json: AsJson = False,
    municipality: Municipality = None,
    language: Annotated[str | None, typer.Option(help="Answer in this language: sv or en.")] = None,
) -> None:
    """Ask as the first message of a new conversation. Nothing is stored."""
    from bot.channels import terminal

    settings = load_settings()
    place = _municipality(municipality)
    tools = assembly.make_tools(settings)
    if language is not None and language not in tools.wordings:
        _fail(f"no language {language!r}: choose one of {', '.join(tools.wordings)}")
    terminal.open_streams()
    with assembly.nlu_client(settings) as nlu:
        tools = replace(tools, understand=nlu.understand)
        for message in text or terminal.lines_of(sys.stdin):
            found = terminal.ask(tools, message, place, language)
            if as_json:
                typer.echo(json.dumps(found, ensure_ascii=False))
            else:
                typer.echo("\n".join((found["reply"], *(f"  • {label}" for label in found["choices"]), "")))


@app.command()
def chat(
    as_json: AsJson = False,
    channel: Annotated[str, typer.Option(help="Behave as on web, telegram or terminal.")] = "terminal",
    sender: Annotated[str | None, typer.Option(help="Who is talking; the same sender goes on where it was.")] = None,
    municipality: Municipality = None,
) -> None:
    """Talk to the bot here. With --json each line in is {"text": …} or {"choice": label or id}."""
    from bot.channels import terminal
    from bot.dialogue import Dialogue
    from bot.turn import Turn

    if channel not in ("web", "telegram", "terminal"):
        _fail(f"no channel {channel!r}: choose web, telegram or terminal")
    settings = load_settings()
    place = [_municipality(municipality)]
    tools = assembly.make_tools(settings)
    who = sender or assembly.os_user()

    def turn(**message: Any) -> Turn:
        """The municipality goes with the first message; opening the chat alone stores nothing on the web."""
        named = place[0] if place else None
        if not message.get("start"):
            place.clear()
        return Turn(channel, f"cli:{who}", uuid4().hex, municipality=named, **message)

    terminal.open_streams()
    with assembly.open_database_of(settings) as database, assembly.nlu_client(settings) as nlu:
        tools = replace(assembly.with_memory(tools, database), understand=nlu.understand)
        respond = Dialogue(tools, database).respond
        lines = terminal.lines_of(sys.stdin)
        if as_json:
            unreadable = {name: say("out.unreadable_line") for name, say in tools.wordings.items()}
            terminal.chat_json(respond, lines, typer.echo, turn, unreadable)
        else:
            terminal.chat(respond, lines, typer.echo, turn)


@app.command()
def train() -> None:
    """Train the NLU model when its data has changed."""
    from installation import model

    assembly.note(f"model: {model(load_settings(), assembly.note).name}")


@app.command()
def evaluate(as_json: AsJson = False) -> None:
    """Run the evaluation sentences and show what is right. Exit code 1 when a figure is not good enough."""
    from installation import RASA
    from nlu import evaluation

    sentences = evaluation.read_sentences(RASA / "evaluation")
    known_misses = evaluation.read_known_misses(RASA / "evaluation")
    with assembly.nlu_client(load_settings(), timeout=10) as nlu:
        result = evaluation.evaluate(sentences, nlu.understand, known_misses)
    typer.echo(json.dumps(asdict(result), ensure_ascii=False) if as_json else evaluation.table(result), nl=as_json)
    if result.shortcomings:
        _fail(f"not good enough: {', '.join(result.shortcomings)}")


@app.command()
def migrate() -> None:
    """Make the database, or bring it to this version. Keys are made on the very first run."""
    with assembly.open_database_of(load_settings()):
        assembly.note("the database is up to date")


@app.command()
def doctor() -> None:
    """Check everything Kontakt needs, and change nothing. Exit code 1 when something is wrong."""
    from installation import Finding, examine

    try:
        findings = list(examine(load_settings()))
    except SettingsError as error:
        findings = [Finding("settings", str(error))]
    for finding in findings:
        typer.echo(f"ok    {finding.name}" if finding.problem is None else f"FAIL  {finding.name}: {finding.problem}")
    raise typer.Exit(1 if any(finding.problem for finding in findings) else 0)


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
        _fail(f"no status {status!r}: choose one of {', '.join(submissions.TRANSITIONS)}")
    place = _municipality(municipality)
    with assembly.open_database_of(load_settings()) as database:
        rows = submissions.listing(database, status=status, municipality=place, form_id=form_id, limit=limit)
    for row in rows:
        if as_json:
            typer.echo(json.dumps(_summary(row), ensure_ascii=False))
        else:
            received = f"{row.received_at:%Y-%m-%d %H:%M}"
            typer.echo(f"{row.reference}  {received}  {row.status:<22} {row.municipality:<9} {row.form_id}")


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
    """Export one submission as JSON. The reading is audited."""
    text = json.dumps(_opened(reference), ensure_ascii=False, indent=2) + "\n"
    if to is None:
        typer.echo(text, nl=False)
        return
    try:
        with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        _fail(f"{to}: {error.strerror}")


def _opened(reference: str) -> dict[str, Any]:
    from storage import submissions

    with assembly.open_database_of(load_settings()) as database:
        wanted = submissions.read_reference(reference)
        found = wanted and submissions.open_submission(database, wanted, actor=assembly.staff(), at=datetime.now(UTC))
    if not found:
        _fail(f"no submission with the reference {reference!r}")
    return _summary(found.summary) | {"answers": dict(found.answers), "flags": list(found.flags)}


@reviewers_app.command("add")
def reviewers_add() -> None:
    """Make a link with which one person can make an account. It works once, for 30 minutes."""
    from storage import reviewers

    settings = load_settings()
    with assembly.open_database_of(settings) as database:
        token = reviewers.create_invitation(database, datetime.now(UTC), actor=assembly.staff())
    typer.echo(f"http://{settings.host}:{settings.review_port}/valkommen/{token}")


if __name__ == "__main__":
    main()
