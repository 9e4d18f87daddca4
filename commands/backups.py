"""`kontakt backup` and `kontakt restore`: a sealed copy of the whole database, its rehearsal, and putting it back."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

import assembly
from commands.options import fail
from settings import load_settings


def backup(target: Annotated[Path, typer.Argument(help="A new file; one that exists is never replaced.")]) -> None:
    """Write a sealed copy of the whole database to a new file, while everything goes on."""
    from installation import backup_key_of, expire_backups
    from storage.backup import make_backup
    from storage.retention import ClockError

    settings = load_settings()
    with assembly.open_database_of(settings) as database:
        try:
            expire_backups(settings, database)
        except ClockError as error:
            assembly.note(f"the keys of older backups are not destroyed: {error}")
        made = make_backup(database, target, datetime.now(UTC), backup_key_of(settings))
    typer.echo(f"{target}: {sum(made.rows.values())} rows, {made.rows.get('submissions', 0)} submissions")
    assembly.note(f"check it: kontakt restore {target} --check")


def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    check: Annotated[bool, typer.Option("--check", help="Only rehearse it, in memory.")] = False,
    into: Annotated[str | None, typer.Option(help="The address of an empty database made by kontakt migrate.")] = None,
) -> None:
    """Rehearse a backup in memory (--check), or put it into an empty database (--into). All of it, or nothing."""
    from installation import backup_key_of, keyring_of
    from storage import audit_anchors, tombstones
    from storage.backup import check_backup
    from storage.backup import restore as put_back
    from storage.database import Database
    from storage.engine import parse

    if check == (into is not None):
        fail("choose --check or --into")
    settings = load_settings()
    keyring, key = keyring_of(settings), backup_key_of(settings)
    if into is not None and parse(into).password:
        fail(
            "leave the password out of --into, where others on this machine can see it: PGPASSWORD or ~/.pgpass has it"
        )
    if into is None:
        found = check_backup(file, keyring, key)
    else:
        purged = tombstones.read(settings.tombstones, keyring)
        at, left_out = datetime.now(UTC), [stone.fingerprint for stone in purged]
        done = put_back(file, into, keyring, key, at, actor=assembly.staff(), tombstones=left_out)
        found = done.backup
        if parse(into) == parse(settings.database):
            with contextlib.closing(Database(into, keyring)) as database:
                audit_anchors.mark_restored(database, settings.audit_anchors, at)
        typer.echo(f"left out because it has been purged: {sum(done.purged.values())} rows")
    typer.echo(
        f"made {found.made_at:%Y-%m-%d %H:%M} UTC: {sum(found.rows.values())} rows,"
        f" {found.rows.get('submissions', 0)} submissions, {found.audit_events} audit events"
    )
    for problem in found.problems:
        typer.echo(problem)
    if found.problems:
        fail(f"{file}: {len(found.problems)} problems that were in the database when the backup was made")
    typer.echo("everything can be read, and the audit trail is whole" if check else "put back")
