"""The `kontakt` command line: the one place where the parts are put together."""

import getpass
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from uuid import uuid4

import typer

from settings import ROOT, Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from bot.scene import Tools
    from nlu.process import NluProcess
    from storage.database import Database

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

NLU_START_SECONDS = 60
Municipality = Annotated[str | None, typer.Option(help="Municipality id: gotene, kramfors, sala, vingaker or annan.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]


def main() -> None:
    """Run the command line; every expected error is one line on standard error and exit code 1."""
    from bot.wording import WordingError
    from brochures.brochure import BrochureError
    from forms.loader import FormDefinitionError
    from installation import InstallationError
    from nlu.process import NluProcessError
    from nlu.training import TrainingError
    from storage.database import DatabaseError
    from storage.encryption import KeyFileError

    try:
        app()
    except (
        SettingsError,
        InstallationError,
        DatabaseError,
        KeyFileError,
        TrainingError,
        BrochureError,
        FormDefinitionError,
        WordingError,
        NluProcessError,
    ) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None


def _fail(message: str) -> NoReturn:
    sys.stderr.write(f"kontakt: {' '.join(message.split())}\n")
    raise SystemExit(1)


def _note(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


# -- putting the parts together ------------------------------------------------------------------------------------


def _tools(settings: Settings, database: "Database | None", run_file: Path) -> "Tools":
    """The parts of the dialogue. Without a database nothing is looked up (`kontakt ask`)."""
    from bot.scene import Tools
    from bot.wording import load_wordings
    from brochures.lookup import load_library
    from forms.loader import load_forms
    from nlu.client import NluClient
    from storage import submissions

    forms = load_forms(ROOT / "forms" / "definitions")
    library = load_library()
    known = {place.id for place in library.municipalities}
    if settings.municipality is not None and settings.municipality not in known:
        raise SettingsError(f"setting municipality: {settings.municipality!r} is not one of {', '.join(sorted(known))}")
    chosen = settings.telegram.forms
    in_telegram = (
        {
            "default": frozenset(form.id for form in forms.values() if "telegram" in form.channels),
            "none": frozenset[str](),
            "all": frozenset(forms),
        }.get(chosen, frozenset(chosen))
        if isinstance(chosen, str)
        else frozenset(chosen)
    )
    if unknown := in_telegram - forms.keys():
        raise SettingsError(f"setting telegram.forms: no form named {', '.join(sorted(unknown))}")
    return Tools(
        library=library,
        forms=forms,
        wordings=load_wordings(),
        understand=NluClient(run_file, settings.nlu_timeout).understand,
        status_of=partial(submissions.status_of, database) if database else lambda reference: None,
        receipt_for=partial(submissions.reference_for_draft, database) if database else lambda token: None,
        default_municipality=settings.municipality,
        web_address=settings.web_address or f"http://{settings.host}:{settings.web_port}",
        forms_by_channel={"telegram": in_telegram},
    )


@contextmanager
def _database(settings: Settings) -> "Iterator[Database]":
    from installation import open_database

    database = open_database(settings)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _nlu(settings: Settings) -> Iterator[Path]:
    """The run file of the NLU process that is running already, or of one for as long as this command lasts."""
    from installation import RASA, model
    from nlu.process import NluProcess, running

    if running(settings.nlu_run_file):
        yield settings.nlu_run_file
        return
    run_file = settings.nlu_run_file.with_name(f"nlu-{os.getpid()}.json")
    process = NluProcess(RASA, model(settings, _note), run_file)
    process.start()
    try:
        process.wait_until_ready(NLU_START_SECONDS)
        yield run_file
    finally:
        process.stop()


def _municipality(given: str | None) -> str | None:
    from brochures.lookup import load_library

    known = [place.id for place in load_library().municipalities]
    if given is not None and given not in known:
        _fail(f"no municipality {given!r}: choose one of {', '.join(known)}")
    return given


def _staff() -> str:
    """Who is at the command line, for the audit trail."""
    return f"cli:{getpass.getuser()}"


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
    from bot.channels import web
    from bot.dialogue import Dialogue
    from installation import RASA, bind, check_nlu_environment, model
    from nlu.client import NluClient
    from nlu.process import NluProcess
    from review.app import create_app

    settings = load_settings()
    logs.configure()
    if stop_with_parent:
        serving.stop_with_parent()
    check_nlu_environment()
    listeners = [bind(settings.host, port, name) for name, port in settings.ports.items()]
    with _database(settings) as database:
        tools = _tools(settings, database, settings.nlu_run_file)
        dialogue = Dialogue(tools, database)
        nlu = NluProcess(RASA, model(settings, _note), settings.nlu_run_file)
        nlu.start()
        try:
            names = {place.id: place.name for place in tools.library.municipalities}
            chat_site = web.create_app(
                dialogue.respond,
                session_secret=database.keyring.session_secret,
                secure_cookies=settings.secure_cookies,
                municipalities=names,
                nlu_ready=NluClient(settings.nlu_run_file).ready,
            )
            review_site = create_app(
                database,
                tools.forms,
                names,
                session_secret=database.keyring.session_secret,
                secure_cookies=settings.secure_cookies,
            )
            sites = [
                serving.Site(site, listener) for site, listener in zip((chat_site, review_site), listeners, strict=True)
            ]
            serving.run(sites, _tasks(settings, dialogue, database, nlu), partial(_announce, settings, database))
        finally:
            nlu.stop()


def _tasks(settings: Settings, dialogue: Any, database: "Database", nlu: "NluProcess") -> list[Any]:
    """What runs beside the two sites: the watch over the NLU process, and Telegram when there is a token."""
    import serving

    tasks = [partial(serving.keep_running, nlu)]
    if settings.telegram_token:
        from bot.channels import telegram

        tasks.append(
            partial(
                telegram.run,
                token=settings.telegram_token,
                base_url=settings.telegram.base_url,
                respond=dialogue.respond,
                database=database,
            )
        )
    return tasks


def _announce(settings: Settings, database: "Database") -> None:
    """Say where everything is; while there is no staff account, also the link to make the first one."""
    from storage import reviewers

    _note(f"web chat:     http://{settings.host}:{settings.web_port}")
    _note(f"review pages: http://{settings.host}:{settings.review_port}")
    _note("the NLU process is warming up: buttons and forms work, free text in a few seconds")
    if reviewers.count(database) == 0:
        token = reviewers.create_invitation(database, datetime.now(UTC), actor=_staff())
        _note(
            f"first staff account (works once, for 30 minutes): http://{settings.host}:{settings.review_port}/valkommen/{token}"
        )


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
    terminal.open_streams()
    with _nlu(settings) as run_file:
        tools = _tools(settings, None, run_file)
        if language is not None and language not in tools.wordings:
            _fail(f"no language {language!r}: choose one of {', '.join(tools.wordings)}")
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
    who = sender or getpass.getuser()

    def turn(**message: Any) -> Turn:
        named = place.pop() if place else None
        return Turn(channel, who, uuid4().hex, municipality=named, **message)

    terminal.open_streams()
    with _database(settings) as database, _nlu(settings) as run_file:
        tools = _tools(settings, database, run_file)
        respond = Dialogue(tools, database).respond
        lines = terminal.lines_of(sys.stdin)
        if as_json:
            terminal.chat_json(respond, lines, typer.echo, turn, tools.wordings["sv"]("out.unreadable_line"))
        else:
            terminal.chat(respond, lines, typer.echo, turn)


@app.command()
def train() -> None:
    """Train the NLU model when its data has changed."""
    from installation import model

    _note(f"model: {model(load_settings(), _note).name}")


@app.command()
def evaluate(as_json: AsJson = False) -> None:
    """Run the evaluation sentences and show what is right. Exit code 1 when a figure is under its floor."""
    from installation import RASA
    from nlu import evaluation
    from nlu.client import NluClient

    settings = load_settings()
    with _nlu(settings) as run_file:
        result = evaluation.evaluate(RASA / "evaluation", NluClient(run_file, timeout=10).understand)
    typer.echo(json.dumps(result.to_json(), ensure_ascii=False) if as_json else evaluation.render(result))
    raise typer.Exit(0 if result.passes else 1)


@app.command()
def migrate() -> None:
    """Make the database, or bring it to this version. Keys are made on the very first run."""
    with _database(load_settings()):
        _note("the database is up to date")


@app.command()
def doctor() -> None:
    """Check everything Kontakt needs, and change nothing. Exit code 1 when something is wrong."""
    from installation import examine

    findings = list(examine(load_settings()))
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

    with _database(load_settings()) as database:
        rows = submissions.listing(
            database, status=status, municipality=_municipality(municipality), form_id=form_id, limit=limit
        )
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

    with _database(load_settings()) as database:
        wanted = submissions.read_reference(reference)
        found = wanted and submissions.open_submission(database, wanted, actor=_staff(), at=datetime.now(UTC))
    if not found:
        _fail(f"no submission with the reference {reference!r}")
    return _summary(found.summary) | {"answers": dict(found.answers), "flags": list(found.flags)}


@reviewers_app.command("add")
def reviewers_add() -> None:
    """Make a link with which one person can make an account. It works once, for 30 minutes."""
    from storage import reviewers

    settings = load_settings()
    with _database(settings) as database:
        token = reviewers.create_invitation(database, datetime.now(UTC), actor=_staff())
    typer.echo(f"http://{settings.host}:{settings.review_port}/valkommen/{token}")


if __name__ == "__main__":
    main()
