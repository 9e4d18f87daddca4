"""The engine: SQLite with the settings that durability and secrecy need, or PostgreSQL; and its errors in one line.

Sessions, transactions and the schema are in `database`.
"""

import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, create_engine, event, exc
from sqlalchemy.engine import URL, Connection, make_url

WAIT_SECONDS: Final = 5
"""How long a write, a connection or a lock is waited for before the resident is told that it did not work."""

SQLITE_SETTINGS: Final = (
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("foreign_keys", "ON", 1),
    ("busy_timeout", str(WAIT_SECONDS * 1000), WAIT_SECONDS * 1000),
    ("secure_delete", "ON", 1),
    ("journal_size_limit", str(32 * 2**20), 32 * 2**20),
    ("temp_store", "MEMORY", 2),
)
"""Name, value set, value read back."""

_NOT_ALLOWED: Final = "42501"
"""PostgreSQL's code for what a role has not been granted."""

_POSTGRESQL_OPTIONS: Final = (
    f"-c timezone=UTC -c lock_timeout={WAIT_SECONDS}s -c statement_timeout=15s"
    " -c idle_in_transaction_session_timeout=60s"
)


class DatabaseError(Exception):
    """The database cannot be used; the message is one line for operators, without anything of the content."""


class DatabaseUnavailableError(DatabaseError):
    """Locked, full, gone or unreachable just now: nothing was written, and it may work again later."""


def parse(url: str) -> URL:
    """A database address, checked and with its driver. Raises DatabaseError."""
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise DatabaseError("the database address is not one: use sqlite:////path or postgresql://…") from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise DatabaseError(f"the database address begins with {backend}: use sqlite:////path or postgresql://…")
    if not parsed.database or parsed.database == ":memory:" or parsed.query:
        raise DatabaseError("an SQLite database must be an ordinary file: use sqlite:////path")
    return parsed


def display_name(url: URL) -> str:
    """How a database is called in messages: never with its password."""
    return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)


def make_engine(url: URL) -> Engine:
    """An engine for a parsed address; it connects when first used. Raises DatabaseError for the file's sake."""
    if url.get_backend_name() == "postgresql":
        return create_engine(
            url,
            hide_parameters=True,
            pool_size=8,
            max_overflow=24,
            pool_timeout=WAIT_SECONDS,
            pool_pre_ping=True,
            connect_args={"connect_timeout": WAIT_SECONDS, "options": _POSTGRESQL_OPTIONS},
        )
    path = Path(str(url.database))
    _refuse_missing_or_open(path)
    same_file = partial(_refuse_another_file, path, _identity(path))
    engine = create_engine(
        url,
        creator=partial(_open_sqlite, path, same_file),
        hide_parameters=True,
        pool_size=8,
        max_overflow=24,
        pool_timeout=WAIT_SECONDS,
    )
    event.listen(engine, "connect", _on_sqlite_connect)
    event.listen(engine, "begin", lambda connection: same_file())
    event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _open_sqlite(path: Path, same_file: Callable[[], None]) -> sqlite3.Connection:
    """A connection to the file that is there: an empty one is never made in its place."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, check_same_thread=False)
    try:
        same_file()
    except DatabaseUnavailableError:
        connection.close()
        raise
    return connection


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _refuse_another_file(path: Path, opened: tuple[int, int] | None) -> None:
    """SQLite goes on in a file that has been moved or removed, and what it writes there is lost. Raises
    DatabaseUnavailableError, at each new connection and each transaction.

    A file that is put in its place is not opened either: the last connection to the old one removes the journal that
    has this name when it closes.
    """
    found = _identity(path)
    if found is None:
        raise DatabaseUnavailableError(f"{path} is gone")
    if found != opened:
        raise DatabaseUnavailableError(f"{path} is another file than the one that was opened: start Kontakt again")


def _on_sqlite_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for setting, value, _ in SQLITE_SETTINGS:
        connection.execute(f"PRAGMA {setting} = {value}")
    check_settings(connection)


def _on_sqlite_begin(connection: Connection) -> None:
    """A transaction that will write takes the write lock first: upgrading a read lock later fails at once."""
    writes = connection.get_execution_options().get("kontakt_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def check_settings(connection: sqlite3.Connection) -> None:
    """Raises DatabaseError unless every setting of SQLITE_SETTINGS is in force on this connection."""
    for setting, _, wanted in SQLITE_SETTINGS:
        found = connection.execute(f"PRAGMA {setting}").fetchone()[0]
        if found != wanted:
            raise DatabaseError(
                f"SQLite did not accept {setting} = {wanted} (it is {found}):"
                " put the database in a file on a local disk"
            )


def _refuse_missing_or_open(path: Path) -> None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        raise DatabaseError(f"there is no database at {path}: run kontakt migrate") from None
    except OSError as error:
        raise DatabaseError(f"{path} cannot be opened ({error.strerror})") from None
    if mode & 0o077:
        raise DatabaseError(f"{path} is open to other users of this machine: run chmod 600 {path}")


@contextmanager
def translated() -> Iterator[None]:
    """What the library raises for a database that does not answer becomes DatabaseUnavailableError; for a role that
    may not do something, DatabaseError."""
    try:
        yield
    except exc.TimeoutError as error:
        raise DatabaseUnavailableError(f"no database connection was free for {WAIT_SECONDS} seconds") from error
    except (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError) as error:
        if getattr(error.orig, "sqlstate", None) == _NOT_ALLOWED:
            raise DatabaseError(
                f"the database's role may not do that ({reason(error)}): it is for the tables' owner,"
                " or the owner has not run kontakt migrate --grant-to for this role"
            ) from error
        raise
    except exc.DBAPIError as error:
        raise DatabaseUnavailableError(f"the database did not answer: {reason(error)}") from error


def reason(error: exc.DBAPIError) -> str:
    """The driver's first line; for PostgreSQL without DETAIL, which may quote values."""
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__
