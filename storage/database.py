"""An open database: sessions and transactions, the check of its keys, and its schema's revision.

How connections are made and set up is in `engine`; what is read and written, in the modules that are named after it.
"""

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Insert, exc, inspect, select, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.orm import Session, sessionmaker

from storage.database_roles import may_migrate
from storage.encryption import Keyring, SealError
from storage.engine import (
    WAIT_SECONDS,
    DatabaseError,
    DatabaseUnavailableError,
    display_name,
    make_engine,
    parse,
    reason,
    translated,
)
from storage.tables import Base, KeyCheckRow

__all__ = [
    "REVISION",
    "Database",
    "DatabaseError",
    "DatabaseUnavailableError",
    "check_schema",
    "insert_once",
    "migrate",
]

REVISION: Final = "0009"
"""The newest revision in migrations/versions; a test compares. Revisions are numbered, so that newer can be told."""

_PROOF: Final = b"kontakt"
_PROOF_CONTEXT: Final = "key_check"


class Database:
    """An open database with its keys. Safe to share between threads; every call takes its own connection."""

    def __init__(self, url: str, keyring: Keyring, *, notices: bool = False) -> None:
        """`notices`: keep notices of what is new for staff, see `notices`.

        Raises DatabaseError when it is not set up, of another revision, open to others, or of other keys.
        """
        self._keyring, self._notices = keyring, notices
        self._engine = make_engine(parse(url))
        self._one_writer = threading.Lock() if self._engine.dialect.name == "sqlite" else None
        self._reading = sessionmaker(self._engine, expire_on_commit=False)
        self._writing = sessionmaker(self._engine.execution_options(kontakt_writes=True), expire_on_commit=False)
        try:
            with translated(), self._engine.connect() as connection:
                _check_revision(connection)
            self._check_keys()
        except DatabaseError:
            self.close()
            raise

    @property
    def keyring(self) -> Keyring:
        """The keys as they are now: one that was added to the key file seals from then on."""
        self._keyring = self._keyring.current()
        return self._keyring

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that writes: all of it is committed, durably, at the end of the block, or none of it.

        On SQLite one writer at a time gets in; do nothing slow inside. Raises DatabaseUnavailableError.
        """
        with translated(), self._turn_to_write(), self._writing() as session, session.begin():
            session.connection()  # takes the write lock now, not at the first statement
            session.info["keyring"] = self.keyring
            session.info["notices"] = self._notices
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads, of one moment's state on SQLite. Raises DatabaseUnavailableError."""
        with translated(), self._reading() as session:
            session.info["keyring"] = self.keyring
            yield session

    def keep_proof(self) -> None:
        """Note that the key that seals has been used: from now on this database opens only with it."""
        with self.transaction() as session:
            keyring: Keyring = session.info["keyring"]
            values = {
                "key_id": keyring.sealing,
                "proof_sealed": keyring.seal(_PROOF, _PROOF_CONTEXT),
                "lookup_key": keyring.fingerprint("", _PROOF_CONTEXT),
            }
            session.execute(insert_once(session, KeyCheckRow, values))

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    @contextmanager
    def _turn_to_write(self) -> Iterator[None]:
        if self._one_writer is None:
            yield
            return
        if not self._one_writer.acquire(timeout=WAIT_SECONDS):
            raise DatabaseUnavailableError(f"the database was busy for {WAIT_SECONDS} seconds")
        try:
            yield
        finally:
            self._one_writer.release()

    def _check_keys(self) -> None:
        """Other keys than those the database was written with would make it unreadable bit by bit: refuse."""
        keyring, name = self.keyring, display_name(self._engine.url)
        with self.reading() as session:
            rows = session.scalars(select(KeyCheckRow).order_by(KeyCheckRow.key_id)).all()
        lookup_key = keyring.fingerprint("", _PROOF_CONTEXT)
        known = [row for row in rows if row.key_id in keyring.keys]
        if any(row.lookup_key != lookup_key or not _is_proof(keyring, row.proof_sealed) for row in known) or (
            rows and not known
        ):
            raise DatabaseError(
                f"the key files are not those that {name} was written with: restore them from the backup of the keys"
            )
        lost = [row.key_id for row in rows if row.key_id not in keyring.keys]
        if lost:
            raise DatabaseError(
                f"the encryption key {', '.join(lost)} is missing, and {name} has values sealed with it:"
                " put its line back, and retire it when `kontakt keys rotate` has sealed them anew"
            )
        if keyring.sealing not in {row.key_id for row in rows}:
            self.keep_proof()


def _is_proof(keyring: Keyring, sealed: bytes) -> bool:
    try:
        return keyring.open(sealed, _PROOF_CONTEXT) == _PROOF
    except SealError:
        return False


def migrate(url: str) -> None:
    """Make the database, or bring it to this program's revision. Quick when there is nothing to do.

    Raises DatabaseError, also when the database is newer than the program; nothing is changed then.
    """
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        _make_file(Path(str(parsed.database)))
    engine = make_engine(parsed)
    try:
        with translated():
            with engine.connect() as connection:
                stored = _stored_revision(connection)
                if stored == REVISION:
                    return
                if stored is not None:
                    _refuse_newer(stored, engine.url)
                if not may_migrate(connection):
                    _check_revision(connection, "let its owner run kontakt migrate")
            with engine.execution_options(kontakt_writes=True).begin() as connection:
                _upgrade(connection)
    except exc.DBAPIError as error:
        raise DatabaseError(f"{display_name(parsed)} cannot be migrated: {reason(error)}") from error
    finally:
        engine.dispose()


def check_schema(url: str) -> None:
    """Raises DatabaseError unless the database is there and of this program's revision. Changes nothing."""
    engine = make_engine(parse(url))
    try:
        with translated(), engine.connect() as connection:
            _check_revision(connection)
    finally:
        engine.dispose()


def insert_once(session: Session, table: type[Base], values: Mapping[str, Any]) -> Insert:
    """An INSERT that does nothing where a row with the same unique values is there, without an error."""
    if session.get_bind().dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table).values(values).on_conflict_do_nothing()
    from sqlalchemy.dialects import postgresql  # only where it is used: it is a large part of a start's time

    return postgresql.insert(table).values(values).on_conflict_do_nothing()


def _make_file(path: Path) -> None:
    """An empty file only its owner can read; SQLite gives -wal and -shm the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise DatabaseError(f"{path} cannot be made ({error.strerror})") from None


def _stored_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _check_revision(connection: Connection, otherwise: str = "run kontakt migrate") -> None:
    stored = _stored_revision(connection)
    if stored == REVISION:
        return
    if stored is None:
        raise DatabaseError(f"the database {display_name(connection.engine.url)} is not set up: {otherwise}")
    _refuse_newer(stored, connection.engine.url)
    raise DatabaseError(
        f"the database {display_name(connection.engine.url)} is of revision {stored}, this program needs {REVISION}:"
        f" {otherwise}"
    )


def _refuse_newer(stored: str, url: URL) -> None:
    if not (stored.isdecimal() and len(stored) == len(REVISION) and stored < REVISION):
        raise DatabaseError(
            f"the database {display_name(url)} is newer (revision {stored}) than this program (revision {REVISION}):"
            " install the newer program"
        )


def _upgrade(connection: Connection) -> None:
    """In the one transaction of `connection`: killed half-way, nothing has happened."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":
        lock = int.from_bytes(hashlib.sha256(b"kontakt migrate").digest()[:7])
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, REVISION)
    except CommandError as error:
        raise DatabaseError(f"{display_name(connection.engine.url)} cannot be migrated: {error}") from error
