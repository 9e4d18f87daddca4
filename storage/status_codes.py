"""How far a submission has come, told to whoever has its reference and its code; after some wrong ones to nobody.

Whether a reference exists cannot be told from the answers: an unknown one has wrong codes like any other.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from storage import intake
from storage.addition_tables import CodeFailureRow, SubmissionRequestRow
from storage.database import Database
from storage.encryption import Keyring
from storage.tables import SubmissionRow

TRIES: Final = 5
"""So many wrong codes for a reference within WINDOW lock it, for as long."""
WINDOW: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Status:
    """What a resident is told. `open_requests`: how many things staff wait for."""

    reference: str
    form_id: str
    status: str
    received_at: datetime
    open_requests: int


@dataclass(frozen=True)
class WrongCode:
    """No submission has that reference and code; `tries_left` more for this reference."""

    tries_left: int


@dataclass(frozen=True)
class Locked:
    """Too many wrong codes: nothing is told of this reference before that time, not even with the right one."""

    until: datetime


def status_of(database: Database, reference: str, code: str, *, at: datetime) -> Status | WrongCode | Locked | None:
    """The status, for whoever has reference and code, as people type them; None for what cannot be a reference.

    Counts in a transaction of its own; of those who try at once, one waits for the other. Raises DatabaseError.
    """
    clean = intake.read_reference(reference)
    if clean is None:
        return None
    digits = "".join(sign for sign in code[:40] if sign.isalnum())
    with database.transaction() as session:
        keyring: Keyring = session.info["keyring"]
        key = keyring.fingerprint(clean, "code_failures")
        _one_at_a_time(session, key)
        row = session.scalars(select(SubmissionRow).where(SubmissionRow.reference == clean)).one_or_none()
        failed = _failed(session, key)
        until = _locked_until(failed)
        if until is not None and at < until:
            return Locked(until)
        expected = None if row is None else row.code_key
        if hmac.compare_digest(expected or "", intake.code_key(keyring, clean, digits)):
            assert row is not None
            if failed:
                session.execute(delete(CodeFailureRow).where(CodeFailureRow.reference_key == key))
            return Status(clean, row.form_id, row.status, row.received_at, _open_requests(session, row))
        drop_old(session, at)
        session.add(CodeFailureRow(reference_key=key, at=at))
        session.flush()
        recent = sum(at - earlier < WINDOW for earlier in failed[: TRIES - 1])
    return Locked(at + WINDOW) if recent == TRIES - 1 else WrongCode(TRIES - 1 - recent)


def drop_old(session: Session, at: datetime) -> int:
    """In the caller's transaction: drop the wrong codes that lock nothing any more. How many."""
    old = delete(CodeFailureRow).where(CodeFailureRow.at < at - 2 * WINDOW)
    return len(session.scalars(old.returning(CodeFailureRow.id)).all())


def _one_at_a_time(session: Session, key: str) -> None:
    """Whoever else tries this reference waits until the transaction ends, whether there is such a reference or not."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(int(key[:15], 16))))


def _failed(session: Session, key: str) -> list[datetime]:
    """When the latest wrong codes for a reference were tried, newest first."""
    query = select(CodeFailureRow.at).where(CodeFailureRow.reference_key == key).order_by(CodeFailureRow.at.desc())
    return list(session.scalars(query.limit(TRIES)))


def _locked_until(failed: list[datetime]) -> datetime | None:
    """Until when the newest of so many within the window locks. Nothing is counted while it does."""
    if len(failed) < TRIES or failed[0] - failed[-1] >= WINDOW:
        return None
    return failed[0] + WINDOW


def _open_requests(session: Session, row: SubmissionRow) -> int:
    if row.status != "waiting_for_completion":
        return 0
    query = select(func.count()).where(
        SubmissionRequestRow.submission_id == row.id, SubmissionRequestRow.answered_at.is_(None)
    )
    return session.scalar(query) or 0
