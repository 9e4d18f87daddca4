"""Submissions: what has come in. Listed without answers, opened on the record, moved on by reviewers.

How they come in is in `intake`. Drafts are not here and are never listed. Labels of statuses and forms are
data elsewhere; answers are plain JSON whose meaning the form snapshot gives.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from storage import addition_rows, audit, intake, lookups
from storage.addition_rows import Added, Request
from storage.database import Database
from storage.encryption import Keyring
from storage.intake import NewSubmission, make_reference, read_reference
from storage.retention_tables import HandOverRow
from storage.tables import FormSnapshotRow, StatusChangeRow, SubmissionNoteRow, SubmissionRow

__all__ = [
    "SUMMARIES",
    "TRANSITIONS",
    "Added",
    "NewSubmission",
    "Note",
    "Request",
    "StaleVersionError",
    "StatusChange",
    "StatusNotAllowedError",
    "Submission",
    "SubmissionNotFoundError",
    "SubmissionSummary",
    "add_note",
    "change_status",
    "count",
    "listing",
    "make_reference",
    "move",
    "open_submission",
    "read_reference",
    "reference_for_draft",
    "row_to_change",
    "status_of",
    "summary_of",
]

TRANSITIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "received": ("in_review", "waiting_for_completion", "queued", "handed_over", "closed", "withdrawn"),
    "in_review": ("waiting_for_completion", "queued", "handed_over", "closed", "withdrawn"),
    "waiting_for_completion": ("in_review", "queued", "handed_over", "closed", "withdrawn"),
    "queued": ("in_review", "waiting_for_completion", "handed_over", "closed", "withdrawn"),
    "handed_over": ("in_review", "closed"),
    "closed": ("in_review",),
    "withdrawn": ("in_review",),
}
"""Every status, and the statuses that may follow it. Back to in_review is for what was set by mistake."""


class SubmissionNotFoundError(Exception):
    """No submission has that reference."""


class StaleVersionError(Exception):
    """Somebody else has changed the submission since it was read; nothing was written."""


class StatusNotAllowedError(Exception):
    """The submission's status cannot be followed by the one asked for; nothing was written."""


@dataclass(frozen=True)
class SubmissionSummary:
    """A line of the list: nothing that the resident has answered."""

    reference: str
    form_id: str
    form_title: str
    municipality: str | None
    channel: str
    language: str
    received_at: datetime
    status: str


@dataclass(frozen=True)
class Note:
    """What a reviewer has written about a submission. `actor` is a username."""

    written_at: datetime
    actor: str
    text: str


@dataclass(frozen=True)
class StatusChange:
    """One step in a submission's life. `actor` is a username, "resident" or "cli:<os user>"."""

    changed_at: datetime
    actor: str
    from_status: str
    to_status: str


@dataclass(frozen=True)
class Submission:
    """One submission, opened. Notes and what follows them oldest first; `version` guards against lost changes.

    `given`: slot -> {"by": who answered, "at": ISO time in UTC}, empty for one from before it was kept.
    """

    summary: SubmissionSummary
    form_version: int
    form_snapshot: Mapping[str, Any]
    answers: Mapping[str, Any]
    flags: tuple[str, ...]
    notes: tuple[Note, ...]
    status_changes: tuple[StatusChange, ...]
    version: int
    given: Mapping[str, Mapping[str, str]]
    requests: tuple[Request, ...]
    additions: tuple[Added, ...]
    signed_on_paper: bool


def listing(
    database: Database,
    *,
    status: str | None = None,
    municipality: str | None = None,
    form_id: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[SubmissionSummary]:
    """Submissions without their answers, newest first."""
    query = _filtered(SUMMARIES, status, municipality, form_id)
    query = query.order_by(SubmissionRow.received_at.desc(), SubmissionRow.id.desc()).limit(limit).offset(offset)
    with database.reading() as session:
        return [summary_of(row, title) for row, title in session.execute(query)]


def count(
    database: Database, *, status: str | None = None, municipality: str | None = None, form_id: str | None = None
) -> int:
    """How many submissions `listing` would give without a limit."""
    query = _filtered(select(func.count()).select_from(SubmissionRow), status, municipality, form_id)
    with database.reading() as session:
        return session.scalar(query) or 0


def open_submission(database: Database, reference: str, *, actor: str, at: datetime) -> Submission | None:
    """One submission with its answers. Writes submission.opened; without that it is not shown.

    Raises SealError when its key is destroyed, or something of it damaged.
    """
    clean = read_reference(reference)
    if clean is None:
        return None
    with database.transaction() as session:
        found = session.execute(SUMMARIES.where(SubmissionRow.reference == clean)).one_or_none()
        if found is None:
            return None
        opened = _open(session, *found)
        audit.record(session, actor=actor, event="submission.opened", subject=clean, at=at)
    return opened


def status_of(database: Database, reference: str) -> tuple[str, str, datetime] | None:
    """(form id, status, received at), for the conversation that it was sent in from; others need a code as well
    (`status_codes`).
    """
    clean = read_reference(reference)
    if clean is None:
        return None
    query = select(SubmissionRow).where(SubmissionRow.reference == clean)
    with database.reading() as session:
        row = session.scalars(query).one_or_none()
    return None if row is None else (row.form_id, row.status, row.received_at)


def reference_for_draft(database: Database, draft_token: str) -> tuple[str, str] | None:
    """(reference, form id) of the submission that a draft became, if it did."""
    if not draft_token.isascii() or not draft_token.isalnum():
        return None
    query = select(SubmissionRow).where(SubmissionRow.draft_token == draft_token)
    with database.reading() as session:
        row = session.scalars(query).one_or_none()
    return None if row is None else (row.reference, row.form_id)


def change_status(database: Database, reference: str, status: str, *, actor: str, version: int, at: datetime) -> int:
    """Set a status and write submission.status_changed; returns the submission's new version.

    `version` is that of the Submission the reviewer was looking at. Raises SubmissionNotFoundError,
    StaleVersionError, StatusNotAllowedError.
    """
    with database.transaction() as session:
        row = row_to_change(session, reference)
        if row.version != version:
            raise StaleVersionError(f"submission {row.reference} is of version {row.version}, not {version}")
        move(session, row, status, actor=actor, at=at)
    return version + 1


def move(session: Session, row: SubmissionRow, status: str, *, actor: str, at: datetime) -> None:
    """In the caller's transaction, which has locked the row: set a status and write submission.status_changed.

    Raises StatusNotAllowedError.
    """
    if status not in TRANSITIONS[row.status]:
        raise StatusNotAllowedError(f"{row.status} cannot be followed by that status")
    before, row.status, row.version = row.status, status, row.version + 1
    if status == "in_review":  # taken up again: that it was in the municipality's records holds no longer
        session.execute(delete(HandOverRow).where(HandOverRow.submission_id == row.id))
        lookups.set_case_number(session, row.id, None)
    session.add(StatusChangeRow(submission_id=row.id, changed_at=at, actor=actor, from_status=before, to_status=status))
    session.flush()
    details: dict[str, audit.Detail] = {"from": before, "to": status}
    audit.record(session, actor=actor, event="submission.status_changed", subject=row.reference, at=at, details=details)


def add_note(database: Database, reference: str, text: str, *, actor: str, at: datetime) -> None:
    """Keep a note, sealed, and write submission.note_added. Raises SubmissionNotFoundError, SealError."""
    with database.transaction() as session:
        row = row_to_change(session, reference)
        sealed = intake.key_to_seal_with(session, row).seal_json(text, intake.note_context(row.reference))
        session.add(SubmissionNoteRow(submission_id=row.id, written_at=at, actor=actor, text_sealed=sealed))
        session.flush()
        audit.record(session, actor=actor, event="submission.note_added", subject=row.reference, at=at)


SUMMARIES: Final[Select[SubmissionRow, str]] = select(SubmissionRow, FormSnapshotRow.title).join(
    FormSnapshotRow, FormSnapshotRow.digest == SubmissionRow.form_snapshot
)


def _filtered(
    query: Select[*tuple[Any, ...]], status: str | None, municipality: str | None, form_id: str | None
) -> Select[*tuple[Any, ...]]:
    if status is not None:
        query = query.where(SubmissionRow.status == status)
    if municipality is not None:
        query = query.where(SubmissionRow.municipality == municipality)
    if form_id is not None:
        query = query.where(SubmissionRow.form_id == form_id)
    return query


def summary_of(row: SubmissionRow, title: str) -> SubmissionSummary:
    where, when = (row.municipality, row.channel, row.language), row.received_at
    return SubmissionSummary(row.reference, row.form_id, title, *where, when, row.status)


def _open(session: Session, row: SubmissionRow, title: str) -> Submission:
    keyring: Keyring = session.info["keyring"]
    snapshot = session.get_one(FormSnapshotRow, row.form_snapshot)
    notes = session.scalars(
        select(SubmissionNoteRow).where(SubmissionNoteRow.submission_id == row.id).order_by(SubmissionNoteRow.id)
    ).all()
    changes = session.scalars(
        select(StatusChangeRow).where(StatusChangeRow.submission_id == row.id).order_by(StatusChangeRow.id)
    )
    data_key = intake.find_key(session, row)  # after what it opens: rotation may give it one just now
    content = intake.open_json(keyring, data_key, row.content_sealed, intake.content_context(row.reference))
    context = intake.note_context(row.reference)
    return Submission(
        summary=summary_of(row, title),
        form_version=row.form_version,
        form_snapshot=json.loads(snapshot.content),
        answers=content["answers"],
        flags=tuple(content["flags"]),
        notes=tuple(
            Note(note.written_at, note.actor, intake.open_json(keyring, data_key, note.text_sealed, context))
            for note in notes
        ),
        status_changes=tuple(
            StatusChange(change.changed_at, change.actor, change.from_status, change.to_status) for change in changes
        ),
        version=row.version,
        given=content.get("given", {}),
        requests=addition_rows.read_requests(session, row),
        additions=addition_rows.read_additions(session, row),
        signed_on_paper=content.get("signed_on_paper", False),
    )


def row_to_change(session: Session, reference: str) -> SubmissionRow:
    """In the caller's transaction: the submission's row, locked until it ends. Raises SubmissionNotFoundError."""
    clean = read_reference(reference)
    query = select(SubmissionRow).where(SubmissionRow.reference == clean).with_for_update()
    row = None if clean is None else session.scalars(query).one_or_none()
    if row is None:
        raise SubmissionNotFoundError("no submission has that reference")
    return row
