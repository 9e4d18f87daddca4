"""Whether the clock can be believed: nothing is purged by one that has jumped.

A computer cannot know what time it is, only whether that fits with what it knew before. Two things are compared:

- with the time since the machine was started, which nobody sets: while it runs, the clock must not have moved by more
  than a day against it, in either direction, in one step or in many;
- with the last time that was noted: the clock must not be before it, and after another start of the machine, or where
  its uptime is not known, not more than a day and the time between two runs after it. A service that has been off for
  longer, or a clock that has jumped in the meantime, look the same: an operator must say which.

A clock that is wrong already at the very first run, or by less than a day, is not found.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import audit
from storage.database import Database, insert_once
from storage.retention_tables import RetentionStateRow
from storage.tables import AuditEventRow

LARGEST_JUMP: Final = timedelta(hours=24)
INTERVAL: Final = timedelta(hours=1)
"""How often retention is run."""
BACKWARDS: Final = timedelta(minutes=5)
"""How far clocks of two machines, or one that is being corrected, may be behind."""
_STATE: Final = 1
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class ClockError(Exception):
    """The clock does not fit with what was noted before; nothing was purged. One line that says what to do."""


@dataclass(frozen=True)
class Uptime:
    """Which start of the machine it is, and for how long it has run, sleep included."""

    boot_id: str
    elapsed: timedelta


def read_uptime() -> Uptime | None:
    """None where it cannot be known (other systems than Linux)."""
    try:
        boot_id = _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return Uptime(boot_id, timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME)))


def check(session: Session, at: datetime, uptime: Uptime | None, interval: timedelta = INTERVAL) -> None:
    """Note the time, in the caller's transaction. Raises ClockError; then nothing is noted, so that it stays refused
    until the clock is right again or `confirm_clock` is called. Raises ValueError for a time without a zone.
    """
    if at.tzinfo is None:
        raise ValueError("the time needs a time zone")
    state = state_of(session)
    seen_at = state.seen_at or session.scalar(select(func.max(AuditEventRow.at)))
    same_boot = uptime is not None and state.boot_at is not None and uptime.boot_id == state.boot_id
    if same_boot:
        assert uptime is not None and state.boot_at is not None
        expected = state.boot_at + uptime.elapsed
        if abs(at - expected) > LARGEST_JUMP:
            raise _refused(f"it says {_said(at)}, and by the time this machine has run it must be {_said(expected)}")
    if seen_at is not None and at < seen_at - BACKWARDS:
        raise _refused(f"it says {_said(at)}, and {_said(seen_at)} has been already")
    if seen_at is not None and not same_boot and at - seen_at > LARGEST_JUMP + interval:
        raise _refused(f"it says {_said(at)}, and the last run was at {_said(seen_at)}: Kontakt was off, or it jumped")
    _note(state, at, uptime, keep_boot=same_boot)
    session.flush()


def confirm_clock(database: Database, at: datetime, uptime: Uptime | None, *, actor: str) -> None:
    """An operator has looked: `at` is the right time. Writes retention.clock_confirmed."""
    with database.transaction() as session:
        state = state_of(session)
        _note(state, at, uptime, keep_boot=False)
        session.flush()
        audit.record(session, actor=actor, event="retention.clock_confirmed", subject="retention", at=at)


def state_of(session: Session) -> RetentionStateRow:
    """In the caller's transaction: the one row of retention's state, locked, made when there is none."""
    query = select(RetentionStateRow).where(RetentionStateRow.id == _STATE).with_for_update()
    found = session.scalars(query).one_or_none()
    if found is None:
        session.execute(insert_once(session, RetentionStateRow, {"id": _STATE}))
        found = session.scalars(query).one()
    return found


def _note(state: RetentionStateRow, at: datetime, uptime: Uptime | None, *, keep_boot: bool) -> None:
    state.seen_at = at
    if not keep_boot:
        state.boot_id = None if uptime is None else uptime.boot_id
        state.boot_at = None if uptime is None else at - uptime.elapsed


def _said(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="minutes")


def _refused(why: str) -> ClockError:
    return ClockError(
        f"nothing is purged, because the clock may be wrong: {why}. Set it, or if it is right,"
        " run `kontakt retention confirm-clock`"
    )
