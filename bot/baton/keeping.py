"""What time does to batons: the links that nobody has answered are marked, first to be reminded of, then as expired.

Nobody is written to: the one who handed over sees it under "mina" and staff with the submission.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from storage import batons
from storage.batons import BatonReminded
from storage.database import Database
from storage.effects import EffectRefusedError


@dataclass(frozen=True)
class Marked:
    """How many links were marked."""

    reminded: int
    expired: int


def mark(database: Database, at: datetime, *, days: int) -> Marked:
    """Mark what is due at that time; `days` is how long a link works, and half of it how long before a reminder.

    Doing it again is harmless. Raises DatabaseError.
    """
    expired = batons.expire(database, at)
    reminded = 0
    for due in batons.due_for_reminder(database, at, after=timedelta(days=days) / 2):
        try:
            with database.transaction() as session:
                BatonReminded(due.baton, due.number).write(session, at)
        except EffectRefusedError:  # answered just now
            continue
        reminded += 1
    return Marked(reminded, expired)


def mark_now(database: Database, days: int) -> Marked:
    """The same, at this moment."""
    return mark(database, datetime.now(UTC), days=days)
