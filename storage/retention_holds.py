"""What decides whether a submission may be purged at all: that its hand-over is confirmed, and that nobody holds it.

Both are set by staff and audited. Reasons are kept as notes on the submission, sealed as those are, and the case number
with the submission's own key; all of it goes with the submission.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import audit, intake, lookups
from storage.database import Database
from storage.retention_tables import HandOverRow, SubmissionHoldRow
from storage.submissions import StatusNotAllowedError, SubmissionNotFoundError, row_to_change
from storage.tables import SubmissionNoteRow, SubmissionRow

__all__ = [
    "HandOver",
    "Hold",
    "HoldError",
    "StatusNotAllowedError",
    "SubmissionNotFoundError",
    "clear_hold",
    "confirm_hand_over",
    "hand_over_of",
    "hold_of",
    "set_hold",
]

_LONGEST: Final = 64


class HoldError(Exception):
    """A submission is held already, is not held, or the reason is missing; nothing was written."""


@dataclass(frozen=True)
class HandOver:
    """Who has confirmed that a submission is in the municipality's own records, when, and under which number."""

    confirmed_at: datetime
    actor: str
    case_number: str | None


@dataclass(frozen=True)
class Hold:
    """Who has said that a submission must stay, and when. Why is in its notes."""

    held_at: datetime
    actor: str


def confirm_hand_over(
    database: Database, reference: str, *, case_number: str | None, actor: str, at: datetime
) -> HandOver:
    """Say that a submission whose status is handed_over has arrived; its days count from now on. Writes
    submission.handed_over, without the number. Done again, it replaces number and day.

    Raises SubmissionNotFoundError, StatusNotAllowedError, SealError when its key is destroyed, and ValueError for a
    number that is empty or longer than 64 signs.
    """
    number = None if case_number is None else case_number.strip()
    if number is not None and not (0 < len(number) <= _LONGEST and number.isprintable()):
        raise ValueError(f"a case number has 1 to {_LONGEST} signs")
    with database.transaction() as session:
        row = row_to_change(session, reference)
        if row.status != "handed_over":
            raise StatusNotAllowedError(f"{row.reference} is {row.status}: set it to handed_over first")
        sealed = None
        if number is not None:
            sealed = intake.key_to_seal_with(session, row).seal_json(number, number_context(row.reference))
        found = session.get(HandOverRow, row.id)
        if found is None:
            found = HandOverRow(submission_id=row.id)
            session.add(found)
        found.case_number_sealed, found.confirmed_at, found.actor = sealed, at, actor
        lookups.set_case_number(session, row.id, number)
        session.flush()
        details: dict[str, audit.Detail] = {"case_number": number is not None}
        audit.record(
            session, actor=actor, event="submission.handed_over", subject=row.reference, at=at, details=details
        )
    return HandOver(at, actor, number)


def hand_over_of(database: Database, reference: str) -> HandOver | None:
    """The confirmation, if there is one. Shows the case number, so open the submission, on the record, first.

    Raises SealError when the submission's key is destroyed.
    """
    query = (
        select(SubmissionRow, HandOverRow)
        .join(HandOverRow, HandOverRow.submission_id == SubmissionRow.id)
        .where(SubmissionRow.reference == intake.read_reference(reference))
    )
    with database.reading() as session:
        found = session.execute(query).one_or_none()
        if found is None:
            return None
        row, hand_over = found
        number = case_number_of(session, row)
    return HandOver(hand_over.confirmed_at, hand_over.actor, number)


def case_number_of(session: Session, row: SubmissionRow) -> str | None:
    """The case number of a submission that has one. Raises SealError when the submission's key is destroyed."""
    found = session.get(HandOverRow, row.id)
    if found is None or found.case_number_sealed is None:
        return None
    key, context = intake.find_key(session, row), number_context(row.reference)
    number: str = intake.open_json(session.info["keyring"], key, found.case_number_sealed, context)
    return number


def set_hold(database: Database, reference: str, reason: str, *, actor: str, at: datetime) -> None:
    """From now on the submission is not purged. Keeps the reason as a note and writes submission.held.

    Raises HoldError when it is held already or there is no reason, SubmissionNotFoundError and SealError.
    """
    with database.transaction() as session:
        row = row_to_change(session, reference)
        if session.get(SubmissionHoldRow, row.id) is not None:
            raise HoldError(f"{row.reference} is held already")
        _keep_reason(session, row, reason, actor, at)
        session.add(SubmissionHoldRow(submission_id=row.id, held_at=at, actor=actor))
        session.flush()
        audit.record(session, actor=actor, event="submission.held", subject=row.reference, at=at)


def clear_hold(database: Database, reference: str, reason: str, *, actor: str, at: datetime) -> None:
    """The submission may be purged when its time has come, which may be at the next run. Keeps the reason as a note and
    writes submission.released.

    Raises HoldError when it is not held or there is no reason, SubmissionNotFoundError and SealError.
    """
    with database.transaction() as session:
        row = row_to_change(session, reference)
        hold = session.get(SubmissionHoldRow, row.id)
        if hold is None:
            raise HoldError(f"{row.reference} is not held")
        _keep_reason(session, row, reason, actor, at)
        session.delete(hold)
        session.flush()
        audit.record(session, actor=actor, event="submission.released", subject=row.reference, at=at)


def hold_of(database: Database, reference: str) -> Hold | None:
    """Who holds a submission, or None."""
    query = (
        select(SubmissionHoldRow)
        .join(SubmissionRow, SubmissionRow.id == SubmissionHoldRow.submission_id)
        .where(SubmissionRow.reference == intake.read_reference(reference))
    )
    with database.reading() as session:
        row = session.scalars(query).one_or_none()
    return None if row is None else Hold(row.held_at, row.actor)


def _keep_reason(session: Session, row: SubmissionRow, reason: str, actor: str, at: datetime) -> None:
    if not reason.strip():
        raise HoldError("say why")
    sealed = intake.key_to_seal_with(session, row).seal_json(reason.strip(), intake.note_context(row.reference))
    session.add(SubmissionNoteRow(submission_id=row.id, written_at=at, actor=actor, text_sealed=sealed))
    session.flush()


def number_context(reference: str) -> str:
    """What the case number of a submission is sealed to."""
    return f"hand_overs:{reference}:case_number"
