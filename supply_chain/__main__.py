"""`python -m supply_chain check | sbom | audit | secrets`: what a person or the Makefile runs."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from supply_chain import advisories, licences, sbom, secret_scan
from supply_chain.audit import audit as ask
from supply_chain.locks import LOCKS, ROOT, problems_in, read_locks

app = typer.Typer(help=__doc__, add_completion=False, no_args_is_help=True)


@app.command()
def check() -> None:
    """Hold the lock files against the advisories, the licences and the SBOM. Needs no network."""
    locked = read_locks()
    known = _usable(advisories.load_list)
    decided = licences.load_licences()
    problems = [line for entries in locked.values() for line in problems_in(entries)]
    problems += advisories.judge(known, locked)
    problems += licences.judge(decided, locked)
    problems += sbom.differences(ROOT, sbom.documents(ROOT, locked, decided.packages))
    # A late review is a warning: what was right when it was committed must not turn red by itself.
    for line in advisories.overdue(known, _today()):
        typer.echo(f"warning: advisories.yml: {line}", err=True)
    for line in problems:
        typer.echo(f"error: {line}", err=True)
    if problems:
        raise typer.Exit(1)
    packages = sum(len(entries) for entries in locked.values())
    typer.echo(
        f"supply chain: {packages} locked packages, {len(known.advisories)} advisories, {len(LOCKS)} SBOMs agree"
    )


@app.command("sbom")
def write_sbom() -> None:
    """Write docs/sbom/ anew from the lock files."""
    locked = read_locks()
    for name, content in sbom.documents(ROOT, locked, licences.load_licences().packages).items():
        (ROOT / name).write_text(content, encoding="utf-8")
        typer.echo(name)


@app.command()
def audit(pip_audit: Annotated[Path, typer.Option(help="the pip-audit to run")]) -> None:
    """Ask an advisory service. Fails on weaknesses nobody accepted, and when a package could not be checked."""
    known = _usable(advisories.load_list)
    failed = False
    for lock, entries in read_locks().items():
        outcome = ask(pip_audit, entries, known.accepted_ids(lock))
        for line in outcome.weaknesses:
            typer.echo(f"error: {lock}: {line}", err=True)
        if outcome.failure:
            typer.echo(f"error: {lock}: {outcome.failure}", err=True)
        typer.echo(f"{lock}: {outcome.checked} packages checked, {outcome.skipped} not checked")
        if not outcome.checked:
            typer.echo(
                f"error: {lock}: NOTHING WAS CHECKED. The advisory service did not answer for any package", err=True
            )
        failed = failed or bool(outcome.weaknesses or outcome.failure or outcome.skipped)
    if failed:
        typer.echo(f"The offline list is of {known.reviewed}; it is not an answer from today.", err=True)
        raise typer.Exit(1)


@app.command("secrets")
def look_for_secrets(detect_secrets: Annotated[Path, typer.Option(help="the detect-secrets to run")]) -> None:
    """Look for keys, passwords and tokens in what git tracks. Needs no network; fails on one that nobody explained."""
    try:
        files = secret_scan.tracked(ROOT)
        problems = secret_scan.scan(detect_secrets, ROOT, files, secret_scan.load_known())
    except secret_scan.SecretScanError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    for line in problems:
        typer.echo(f"error: {line}", err=True)
    if problems:
        typer.echo("If one is no secret, say in supply_chain/secrets.yml why. If it is one, replace it: git remembers.")
        raise typer.Exit(1)
    typer.echo(f"secrets: none in {len(files)} files")


def _usable(load: Callable[[], advisories.AdvisoryList]) -> advisories.AdvisoryList:
    try:
        return load()
    except advisories.AdvisoryListError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


def _today() -> date:
    return datetime.now(ZoneInfo("Europe/Stockholm")).date()


if __name__ == "__main__":
    app(prog_name="python -m supply_chain")
