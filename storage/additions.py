"""What happens to a submission after it was sent in, by those it is from: staff ask, residents add or withdraw.

Nothing is deleted by any of it. Who may do what is the bot's and review's business; how it is stored is in
`addition_rows`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from storage import addition_rows, audit, intake, lookups, submissions
from storage.addition_rows import Added, Request
from storage.addition_tables import SubmissionRequestRow
from storage.database import Database
from storage.effects import EffectRefusedError
from storage.submissions import StatusNotAllowedError, SubmissionNotFoundError
from storage.tables import SubmissionRow

__all__ = [
    "Added",
    "Addition",
    "Request",
    "StatusNotAllowedError",
    "SubmissionNotFoundError",
    "Withdrawal",
    "ask",
    "can_be_withdrawn",
    "open_requests_of",
]

_WAITING: Final = "waiting_for_completion"


def ask(database: Database, reference: str, text: str, *, actor: str, at: datetime) -> None:
    """Ask the resident to add something: sets waiting_for_completion, where it is not set, and writes
    submission.completion_requested.

    Raises SubmissionNotFoundError, StatusNotAllowedError (nothing is asked for in what is handed over, closed or
    withdrawn), SealError when its key is destroyed, and ValueError without a text.
    """
    if not text.strip():
        raise ValueError("say what is missing")
    with database.transaction() as session:
        row = submissions.row_to_change(session, reference)
        if row.status != _WAITING:
            submissions.move(session, row, _WAITING, actor=actor, at=at)
        sealed = intake.key_to_seal_with(session, row).seal_json(
            text.strip(), addition_rows.request_context(row.reference)
        )
        session.add(SubmissionRequestRow(submission_id=row.id, asked_at=at, actor=actor, text_sealed=sealed))
        session.flush()
        event = "submission.completion_requested"
        audit.record(session, actor=actor, event=event, subject=row.reference, at=at)


def open_requests_of(database: Database, reference: str) -> tuple[Request, ...]:
    """What is asked for and not answered, oldest first, while staff wait for it. Raises SealError.

    Not audited: it is for the resident, who has shown that the submission is theirs.
    """
    query = select(SubmissionRow).where(
        SubmissionRow.reference == intake.read_reference(reference), SubmissionRow.status == _WAITING
    )
    with database.reading() as session:
        row = session.scalars(query).one_or_none()
        found = () if row is None else addition_rows.read_requests(session, row)
    return tuple(request for request in found if request.answered_at is None)


def can_be_withdrawn(status: str) -> bool:
    """Whether a submission of that status can be withdrawn by whom it is from."""
    return "withdrawn" in submissions.TRANSITIONS[status]


@dataclass(frozen=True)
class Addition:
    """Effect: a resident adds to a submission, as the answer to a request or unasked. `by`: who, in their own words.
    `names`, `numbers`: what it tells of people, to find the submission by; numbers as twelve digits.

    With the last answer that staff wait for, the status is in_review.
    """

    reference: str
    request_id: int | None
    text: str
    by: str | None
    names: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    def write(self, session: Session, at: datetime) -> None:
        """Writes submission.supplemented, whatever the status is. Raises EffectRefusedError when the submission is
        gone, or the request is none of it or answered.
        """
        row = _row_to_change(session, self.reference)
        if self.request_id is not None:
            request = session.get(SubmissionRequestRow, self.request_id)
            if request is None or request.submission_id != row.id or request.answered_at is not None:
                raise EffectRefusedError("this is asked for no more")
            request.answered_at = at
        lookups.write(session, row.id, names=self.names, numbers=self.numbers)
        kind = addition_rows.ADDITION if self.request_id is None else addition_rows.ANSWER
        added = Added(at, kind, self.text, self.by, self.request_id)
        addition_rows.write_addition(session, row, added, actor="resident")
        if self.request_id is not None and row.status == _WAITING and not _anything_open(session, row):
            submissions.move(session, row, "in_review", actor="resident", at=at)


@dataclass(frozen=True)
class Withdrawal:
    """Effect: a submission is withdrawn by whom it is from; it stays until the municipality's rules let it go."""

    reference: str
    by: str | None

    def write(self, session: Session, at: datetime) -> None:
        """Sets withdrawn and writes submission.withdrawn. Raises EffectRefusedError when the submission is gone, or of
        a status that it does not follow.
        """
        row = _row_to_change(session, self.reference)
        try:
            submissions.move(session, row, "withdrawn", actor="resident", at=at)
        except StatusNotAllowedError:
            raise EffectRefusedError(f"{row.status} cannot be withdrawn") from None
        added = Added(at, addition_rows.WITHDRAWAL, None, self.by)
        addition_rows.write_addition(session, row, added, actor="resident")


def _row_to_change(session: Session, reference: str) -> SubmissionRow:
    try:
        return submissions.row_to_change(session, reference)
    except SubmissionNotFoundError:
        raise EffectRefusedError("this submission is gone") from None


def _anything_open(session: Session, row: SubmissionRow) -> bool:
    open_ones = exists().where(SubmissionRequestRow.submission_id == row.id, SubmissionRequestRow.answered_at.is_(None))
    return bool(session.scalar(select(open_ones)))
