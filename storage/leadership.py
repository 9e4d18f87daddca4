"""Who does what only one process may do: a lease, held under a name for a while and renewed.

A holder that was killed or hangs loses it when its time is out, without anybody's help; a lock of the database's own
would stay with one that hangs. Times are compared by one clock, `clock`, so that machines whose clocks differ agree.
What a holder does with the lease, and how it notices that it lost it, is not decided here.
"""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, delete, func, or_, select, update

from storage.database import Database, insert_once
from storage.tables import LeaseRow


def clock(database: Database) -> datetime:
    """The time by the clock that all processes on this database share: its server's, or for SQLite the machine's.

    Raises DatabaseError.
    """
    with database.reading() as session:
        if session.get_bind().dialect.name == "sqlite":
            return datetime.now(UTC)
        now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return now.astimezone(UTC)


def hold(database: Database, name: str, holder: str, at: datetime, seconds: float) -> bool:
    """Take or renew the lease until `seconds` after `at`. False while another holder's time is not out.

    A renewal that comes late never shortens it. Raises DatabaseError; it is unknown then whether the lease was taken.
    """
    until = at + timedelta(seconds=seconds)
    later = case((LeaseRow.until > until, LeaseRow.until), else_=until)
    free_or_mine = or_(LeaseRow.holder == holder, LeaseRow.until <= at)
    with database.transaction() as session:
        changed = update(LeaseRow).where(LeaseRow.name == name, free_or_mine).values(holder=holder, until=later)
        if session.execute(changed.returning(LeaseRow.name)).scalar() is not None:
            return True
        first = insert_once(session, LeaseRow, {"name": name, "holder": holder, "until": until})
        return session.execute(first.returning(LeaseRow.name)).scalar() is not None


@contextmanager
def held(database: Database, name: str, seconds: float) -> Iterator[bool]:
    """Hold the lease for the block, which must be over within `seconds`; False when another has it just now.

    For a piece of work that one process at a time may do. Raises DatabaseError.
    """
    holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    mine = hold(database, name, holder, clock(database), seconds)
    try:
        yield mine
    finally:
        if mine:
            release(database, name, holder)


def release(database: Database, name: str, holder: str) -> None:
    """Give the lease back, so that nobody has to wait for its end. Does nothing when it is another's by now."""
    with database.transaction() as session:
        session.execute(delete(LeaseRow).where(LeaseRow.name == name, LeaseRow.holder == holder))
