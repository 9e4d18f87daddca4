"""`kontakt keys` and `kontakt audit`: the keys that everything is sealed with, and the trail of who did what."""

from datetime import UTC, datetime
from typing import Annotated

import typer

import assembly
from commands.options import fail
from settings import Settings, load_settings

keys_app = typer.Typer(help="The encryption keys: see, add, change over, put away.", no_args_is_help=True)
audit_app = typer.Typer(help="The audit trail.", no_args_is_help=True)


@keys_app.command("list")
def keys_list() -> None:
    """Show the encryption keys, the one that seals first, and how many values each has sealed; and the backup key."""
    from installation import backup_key_of
    from storage import rotation
    from storage.key_files import KeyFileError

    settings = load_settings()
    with assembly.open_database_of(settings) as database:
        keyring, used = database.keyring, rotation.in_use(database)
    for key_id in keyring.keys:
        mark = "seals" if key_id == keyring.sealing else "opens"
        typer.echo(f"{key_id:<34} {mark}  {used.get(key_id, 0)} values")
    try:
        typer.echo(f"{'backup key':<34} opens  backups of {backup_key_of(settings).day} and later")
    except KeyFileError as error:
        assembly.note(str(error))


@keys_app.command("add")
def keys_add() -> None:
    """Make a new key. It seals from now on, also in programs that run. Then back up the key files."""
    from storage import audit, rotation

    settings = _with_files()
    with assembly.open_database_of(settings) as database:
        key_id = rotation.add_key(settings.keys)
        audit.append(database, actor=assembly.staff(), event="key.added", subject=key_id, at=datetime.now(UTC))
    typer.echo(key_id)
    assembly.note(f"copy {settings.keys} to the backup of the keys now, then run `kontakt keys rotate`")


@keys_app.command("rotate")
def keys_rotate() -> None:
    """Seal everything anew with the first key, while everything runs. May be stopped and run again."""
    from storage import audit, rotation

    def progress(done: int, total: int) -> None:
        assembly.note(f"{done} of {total}")

    with assembly.open_database_of(load_settings()) as database:
        done = rotation.rotate(database, progress)
        newest = database.keyring.sealing
        audit.append(
            database,
            actor=assembly.staff(),
            event="key.rotated",
            subject=newest,
            at=datetime.now(UTC),
            details={"resealed": done.resealed},
        )
    typer.echo(f"{done.resealed} values are sealed with {newest}")
    if done.remaining:
        left = ", ".join(f"{count} with {key_id}" for key_id, count in done.remaining.items())
        fail(f"some values could not be sealed anew: {left}; run it again, then `kontakt audit verify`")


@keys_app.command("retire")
def keys_retire(key_id: Annotated[str, typer.Argument(help="The key's id, from `kontakt keys list`.")]) -> None:
    """Put away a key that seals nothing any more. Keep a copy as long as older backups must be readable."""
    from storage import audit, rotation

    settings = load_settings()
    with assembly.open_database_of(settings) as database:
        if settings.key_texts:
            rotation.release(database, key_id)
        else:
            rotation.retire(database, settings.keys, key_id)
        audit.append(database, actor=assembly.staff(), event="key.retired", subject=key_id, at=datetime.now(UTC))
    assembly.note(f"{key_id} is not needed by the database any more")


def _with_files() -> Settings:
    settings = load_settings()
    if settings.key_texts:
        fail("the keys are given as settings: add the new key in front of KONTAKT_ENCRYPTION_KEYS, and start again")
    return settings


@audit_app.command("verify")
def audit_verify() -> None:
    """Check that no entry of the audit trail is changed, missing, moved or cut off. Exit code 1 when one is.

    It is compared with itself, and with where it ended each day, which is kept outside the database.
    """
    from storage import audit, audit_anchors

    settings = load_settings()
    with assembly.open_database_of(settings) as database:
        problems = audit.verify(database) + audit_anchors.problems(database, settings.audit_anchors)
    for problem in problems:
        typer.echo(problem)
    if problems:
        fail(f"the audit trail is not whole: {len(problems)} problems")
    typer.echo("the audit trail is whole")
