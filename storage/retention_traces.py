"""What a database keeps of rows that are gone, in its journal and in freed space, and how that is removed.

SQLite overwrites what is deleted in its file (`secure_delete`), but the journal beside it (-wal) holds older pages
until it is emptied, which waits for whoever reads. PostgreSQL makes old versions free space and overwrites them when
it needs it; its own journal (WAL) and copies of it are out of reach from here.
"""

import sqlite3
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from storage.database import Database, DatabaseUnavailableError
from storage.engine import WAIT_SECONDS, translated
from storage.tables import Base

_PATIENCE: Final = 1000
"""Milliseconds to wait for readers: whoever writes waits as long."""
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def sweep(database: Database, *, thorough: bool) -> bool:
    """Empty SQLite's journal; `thorough`: rewrite the file as well, or VACUUM PostgreSQL. Whether something is left
    because somebody reads or writes just now: then do it again later.

    Raises DatabaseUnavailableError, when the disk is full for instance.
    """
    with database.reading() as session:
        engine = _engine_of(session)
    if engine.dialect.name == "postgresql":
        if thorough:
            _vacuum_postgresql(engine)
        return False
    return _sweep_sqlite(engine, thorough)


def _engine_of(session: Session) -> Engine:
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    return engine


def _sweep_sqlite(engine: Engine, thorough: bool) -> bool:
    pooled = engine.raw_connection()
    connection: Any = pooled.driver_connection
    try:
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        if _journal_is_left(connection):  # the file would only be rewritten into a journal that grows
            return True
        if thorough:
            connection.execute("VACUUM")
            return _journal_is_left(connection)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in _BUSY:
            return True
        raise DatabaseUnavailableError(f"the database cannot be swept: {error}") from None
    finally:
        connection.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")
        pooled.close()
    return False


def _journal_is_left(connection: Any) -> bool:
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return bool(busy)


def _vacuum_postgresql(engine: Engine) -> None:
    with translated(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        try:
            connection.exec_driver_sql(f"VACUUM {', '.join(Base.metadata.tables)}")
        finally:
            connection.exec_driver_sql("RESET statement_timeout")
