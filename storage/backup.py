"""Backups: made while everything goes on, checked by a rehearsal in memory, put into an empty database.

One file holds one moment's state of every table, sealed with a key of its day, and either database restores what the
other gave. The keys are not in it; when that of its day is destroyed (`backup_keys`), it can be read no more. A backup
of an older revision is put into tables of that revision and migrated, all in the one transaction. The file's format is
in `backup_file`, its lines in `backup_rows`.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, delete, event, exc, func, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from storage import audit, backup_file, backup_rows
from storage.backup_check import move_schema, problems
from storage.backup_file import BackupError
from storage.backup_keys import BackupKey, day_of_backup
from storage.backup_rows import SHORT_LIVED, Header, Tally
from storage.database import REVISION, Database, check_schema
from storage.encryption import Keyring, SealError
from storage.engine import display_name, make_engine, parse, reason, translated
from storage.tables import AuditEventRow, Base, KeyCheckRow
from storage.tombstones import tombstone_of

__all__ = ["Backup", "BackupError", "Restored", "check_backup", "make_backup", "restore"]

_PURPOSE: Final = "backup"


@dataclass(frozen=True)
class Backup:
    """What is in a backup. `rows`: table -> how many; `audit_hash` is the last event's, "" when there is none.

    `problems`: what the check found that is not of the file but was so in the database when it was made.
    """

    made_at: datetime
    revision: str
    rows: Mapping[str, int]
    audit_events: int
    audit_hash: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Restored:
    """`purged`: table -> rows left out because of tombstones; `short_lived`: sessions and invitations, always left out.

    `backup.problems` are then those of the restored database.
    """

    backup: Backup
    purged: Mapping[str, int]
    short_lived: int


def make_backup(database: Database, target: Path, at: datetime, key: BackupKey) -> Backup:
    """Write one moment's state of the whole database to a new file. Nobody has to wait for it.

    Raises BackupError, DatabaseUnavailableError, and KeyFileError when the clock is before the key's day; there is no
    file at `target` then.
    """
    keyring, tallies, day = database.keyring, dict[str, Tally](), day_of_backup(key, at)
    header = Header(REVISION, at.astimezone(UTC), keyring.fingerprint("", _PURPOSE))
    with backup_file.new_file(target) as file, database.reading() as session:
        connection = _of_one_moment(session)
        last = _last_event(connection)
        backup_file.write_lines(file, key, day, backup_rows.dump(connection, header, tallies))
    return Backup(header.made_at, REVISION, {name: tally.rows for name, tally in tallies.items()}, *last)


def check_backup(path: Path, keyring: Keyring, key: BackupKey) -> Backup:
    """Restore a backup into memory, and see whether everything there can be read. Takes as much memory as it holds.

    Raises BackupError when it cannot be restored; what is wrong with the content itself is in `problems`.
    """
    with _in_memory(keyring) as session:
        return _take_in(session, path, keyring, key, frozenset()).backup


def restore(
    path: Path, url: str, keyring: Keyring, key: BackupKey, at: datetime, *, actor: str, tombstones: Collection[str]
) -> Restored:
    """Put a backup into an empty, migrated database, all of it or nothing; writes backup.restored.

    `tombstones` are fingerprints (`tombstones.tombstone_of`) of what has been purged since: it stays out, with all that
    belongs to it. Keys, tables, counts, digests and the audit trail are checked before the commit. What was wrong
    already in the database that the backup is of does not stop it, but is in `backup.problems`; the event is not
    written then.
    Raises BackupError and DatabaseError, with the database still empty.
    """
    check_schema(url)
    engine = make_engine(parse(url)).execution_options(kontakt_writes=True)
    try:
        with translated(), Session(engine) as session, session.begin():
            session.info["keyring"] = keyring
            connection = session.connection()
            _refuse_used(connection)
            session.execute(delete(KeyCheckRow))
            restored = _take_in(session, path, keyring, key, frozenset(tombstones))
            _go_on_counting(connection)
            details: dict[str, audit.Detail] = {
                "made_at": restored.backup.made_at.isoformat(timespec="seconds"),
                "rows": sum(restored.backup.rows.values()),
                "purged": sum(restored.purged.values()),
            }
            if not restored.backup.problems:
                audit.record(session, actor=actor, event="backup.restored", subject="backup", at=at, details=details)
    finally:
        engine.dispose()
    return restored


def _take_in(session: Session, path: Path, keyring: Keyring, key: BackupKey, tombstones: frozenset[str]) -> Restored:
    """Everything of a backup into the session's empty database, checked, and brought to this program's revision."""
    connection, lines = session.connection(), backup_file.read_lines(path, keyring, key)
    header = backup_rows.read_header(lines)
    if header.lookup != keyring.fingerprint("", _PURPOSE):
        raise BackupError(f"the backup {path} was made with another lookup.key: restore it from the backup of the keys")
    if not (header.revision.isdecimal() and len(header.revision) == len(REVISION) and header.revision <= REVISION):
        raise BackupError(
            f"the backup {path} is newer (revision {header.revision}) than this program (revision {REVISION}):"
            " install the newer program"
        )
    move_schema(connection, header.revision)
    try:
        loaded = backup_rows.load(
            connection, lines, lambda name: bool(tombstones) and tombstone_of(keyring, name) in tombstones
        )
        move_schema(connection, REVISION)
    except (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError) as error:
        raise BackupError(f"the database does not take the rows of {path}: {reason(error)}") from None
    _refuse_other_keys(session, path, keyring)
    rows = {name: tally.rows for name, tally in loaded.read.items()}
    found = Backup(header.made_at, header.revision, rows, *_last_event(connection))
    return Restored(
        replace(found, problems=tuple(problems(session))),
        {name: rows for name, rows in loaded.purged.items() if rows},
        sum(loaded.read[name].rows for name in SHORT_LIVED if name in loaded.read),
    )


def _refuse_other_keys(session: Session, path: Path, keyring: Keyring) -> None:
    """Every key that values in the backup may be sealed with has left a proof there."""
    for key_id, proof in session.execute(select(KeyCheckRow.key_id, KeyCheckRow.proof_sealed)):
        try:
            keyring.open(proof, KeyCheckRow.__tablename__)
        except SealError:
            raise BackupError(
                f"the key {key_id} is missing or another, and the backup {path} has values sealed with it:"
                " put its line back from the backup of the keys"
            ) from None


def _of_one_moment(session: Session) -> Connection:
    """A connection that sees nothing of what is written from now on. SQLite's do so once a transaction has begun."""
    if session.get_bind().dialect.name == "sqlite":
        return session.connection()
    return session.connection(
        execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
    )


def _last_event(connection: Connection) -> tuple[int, str]:
    query = select(AuditEventRow.number, AuditEventRow.hash).order_by(AuditEventRow.number.desc()).limit(1)
    found = connection.execute(query).one_or_none()
    return (0, "") if found is None else (found.number, found.hash)


def _refuse_used(connection: Connection) -> None:
    """What is there would be mixed with the backup. The proof of keys that an empty database may hold is of no use."""
    tables = [table for table in Base.metadata.sorted_tables if table is not KeyCheckRow.__table__]
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {', '.join(table.name for table in tables)} IN EXCLUSIVE MODE"))
    for table in tables:
        if connection.execute(select(table).limit(1)).first() is not None:
            raise BackupError(
                f"{display_name(connection.engine.url)} is not empty (there are {table.name}):"
                " restore into a new database, made by kontakt migrate"
            )


def _go_on_counting(connection: Connection) -> None:
    """PostgreSQL's sequences know nothing of rows that came with their numbers. SQLite looks at the rows."""
    if connection.dialect.name != "postgresql":
        return
    for table in Base.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
        if sequence is not None:
            following = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
            connection.execute(select(func.setval(sequence, following, False)))


@contextmanager
def _in_memory(keyring: Keyring) -> Iterator[Session]:
    """A database that is nowhere but in memory, without tables yet."""
    engine = create_engine("sqlite://", poolclass=StaticPool, hide_parameters=True)
    event.listen(engine, "connect", lambda connection, _: connection.executescript(_MEMORY_SETTINGS))
    try:
        with translated(), Session(engine) as session:
            session.info["keyring"] = keyring
            yield session
    finally:
        engine.dispose()


_MEMORY_SETTINGS: Final = "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
