"""Commands for whoever runs Kontakt: `train`, `evaluate`, `migrate`, `doctor`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

import assembly
from commands.options import AsJson, fail
from settings import SettingsError, load_settings


def train() -> None:
    """Train the NLU model when its data has changed."""
    from installation import model

    assembly.note(f"model: {model(load_settings(), assembly.note).name}")


def evaluate(as_json: AsJson = False) -> None:
    """Run the evaluation sentences and show what is right. Exit code 1 when a figure is not good enough."""
    from bot.understanding import OTHER_LANGUAGES
    from bot.wording import load_wordings
    from nlu import evaluation, language, language_evaluation

    result = assembly.measure(load_settings())
    offered = (*load_wordings(), *OTHER_LANGUAGES)
    naming = language_evaluation.measure(
        language_evaluation.read_messages(), lambda text: language.detect(text, offered, None)
    )
    if as_json:
        typer.echo(json.dumps(asdict(result) | {"language_named": asdict(naming)}, ensure_ascii=False))
    else:
        typer.echo(evaluation.table(result))
        typer.echo(language_evaluation.table(naming))
    short = [*result.shortcomings]
    if naming.total.value < language_evaluation.FLOOR:
        short.append(f"language named rightly under {language_evaluation.FLOOR:.0%}")
    if short:
        fail(f"not good enough: {', '.join(short)}")


def migrate(
    grant_to: Annotated[
        str | None,
        typer.Option(help="PostgreSQL: the service's own role, which is granted what it needs. Run it as the owner."),
    ] = None,
) -> None:
    """Make the database, or bring it to this version. Keys are made on the very first run."""
    from storage import database_roles

    settings = load_settings()
    if grant_to is not None:
        database_roles.refuse(settings.database, grant_to)
    with assembly.open_database_of(settings):
        assembly.note("the database is up to date")
    if grant_to is not None:
        database_roles.grant(settings.database, grant_to)
        assembly.note(f"{grant_to} may do what the service needs, and only read and add to the audit trail")


def doctor() -> None:
    """Check everything Kontakt needs, and change nothing. Exit code 1 when something is wrong."""
    from installation import Finding, examine

    try:
        findings = list(examine(load_settings()))
    except SettingsError as error:
        findings = [Finding("settings", str(error))]
    for finding in findings:
        mark = "FAIL" if finding.serious else "warn"
        typer.echo(f"ok    {finding.name}" if finding.problem is None else f"{mark}  {finding.name}: {finding.problem}")
    raise typer.Exit(1 if any(finding.problem and finding.serious for finding in findings) else 0)
