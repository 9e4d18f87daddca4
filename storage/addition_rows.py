"""What staff ask for and what is added to a submission after it was sent in: how it is sealed, written and read.

All of it is sealed with the submission's own key. Who may ask, add or withdraw, and when, is decided in `additions` and
`batons`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import audit, intake, notices
from storage.addition_tables import SubmissionAdditionRow, SubmissionRequestRow
from storage.encryption import DataKey, Keyring
from storage.tables import SubmissionRow

ANSWER = "answer"
ADDITION = "addition"
WITHDRAWAL = "withdrawal"
APPROVED = "guardian_approved"
DECLINED = "guardian_declined"
SILENT = "guardian_silent"
"""What kind of addition: the answer to a request; something told unasked; who withdrew; how another guardian answered
the baton that the submission is from, or that none came while it was open."""
_EVENTS = {ANSWER: "supplemented", ADDITION: "supplemented", WITHDRAWAL: "withdrawn"}


@dataclass(frozen=True)
class Request:
    """What a reviewer (`actor`, a username) asks the resident to add."""

    id: int
    asked_at: datetime
    actor: str
    text: str
    answered_at: datetime | None


@dataclass(frozen=True)
class Added:
    """Something added. `kind`: one of the words above; `by`: who, as they called themselves; `request_id`: what it
    answers.
    """

    added_at: datetime
    kind: str
    text: str | None
    by: str | None
    request_id: int | None = None


def write_addition(session: Session, row: SubmissionRow, added: Added, *, actor: str) -> None:
    """Keep an addition on the record, in the caller's transaction, which has locked the row. Raises SealError."""
    content = {"kind": added.kind, "text": added.text, "by": added.by, "request": added.request_id}
    sealed = intake.key_to_seal_with(session, row).seal_json(content, addition_context(row.reference))
    session.add(SubmissionAdditionRow(submission_id=row.id, added_at=added.added_at, content_sealed=sealed))
    row.version += 1
    session.flush()
    event = f"submission.{_EVENTS.get(added.kind, 'answered')}"
    audit.record(session, actor=actor, event=event, subject=row.reference, at=added.added_at)
    if session.info.get("submitted") != row.reference:  # of which staff are told anyway
        notices.write(session, "addition", row.municipality, added.added_at)


def read_requests(session: Session, row: SubmissionRow) -> tuple[Request, ...]:
    """Everything that was asked for, oldest first. Raises SealError."""
    query = (
        select(SubmissionRequestRow)
        .where(SubmissionRequestRow.submission_id == row.id)
        .order_by(SubmissionRequestRow.id)
    )
    found = session.scalars(query).all()
    key, context = _key(session, row) if found else None, request_context(row.reference)
    keyring: Keyring = session.info["keyring"]
    return tuple(
        Request(
            request.id,
            request.asked_at,
            request.actor,
            intake.open_json(keyring, key, request.text_sealed, context),
            request.answered_at,
        )
        for request in found
    )


def read_additions(session: Session, row: SubmissionRow) -> tuple[Added, ...]:
    """Everything that was added, oldest first. Raises SealError."""
    query = (
        select(SubmissionAdditionRow)
        .where(SubmissionAdditionRow.submission_id == row.id)
        .order_by(SubmissionAdditionRow.id)
    )
    found = session.scalars(query).all()
    key, context = _key(session, row) if found else None, addition_context(row.reference)
    keyring: Keyring = session.info["keyring"]
    contents = [intake.open_json(keyring, key, addition.content_sealed, context) for addition in found]
    return tuple(
        Added(addition.added_at, content["kind"], content["text"], content["by"], content["request"])
        for addition, content in zip(found, contents, strict=True)
    )


def request_context(reference: str) -> str:
    """What the requests of a submission are sealed to."""
    return f"submission_requests:{reference}:text"


def addition_context(reference: str) -> str:
    """What the additions to a submission are sealed to."""
    return f"submission_additions:{reference}:content"


def _key(session: Session, row: SubmissionRow) -> DataKey | None:
    return intake.find_key(session, row)
