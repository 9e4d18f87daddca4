"""Somebody who has the database in his hands and wants to change the audit trail: he puts its guard away first.

The program's own connection cannot change it (test_storage_audit_guard.py); whoever owns the tables, or has the file,
can.
"""

import sqlite3

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

GUARDS = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_events'"


def put_guard_away(tampering: Session | Connection) -> None:
    """In the transaction that then changes the trail; afterwards nothing is refused any more."""
    bind = tampering.get_bind() if isinstance(tampering, Session) else tampering
    if bind.dialect.name == "postgresql":
        tampering.execute(text("ALTER TABLE audit_events DISABLE TRIGGER USER"))
        return
    for name in tampering.scalars(text(GUARDS)).all():
        tampering.execute(text(f"DROP TRIGGER {name}"))


def put_guard_of_file_away(connection: sqlite3.Connection) -> None:
    """The same for a file of SQLite that Kontakt has not opened."""
    for (name,) in connection.execute(GUARDS).fetchall():
        connection.execute(f"DROP TRIGGER {name}")
