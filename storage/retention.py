"""Gallring: what is old enough by the municipality's policy is removed, on the record, and leaves no traces.

How long things stay is said in `retention_policy`, what is old enough in `retention_due`, which clock is believed in
`retention_clock`, what must stay in `retention_holds`. What was purged is in `retention_protocol` and outside the
database in `tombstones`. The audit trail stays, references included.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from storage import audit, baton_rows, batons, form_snapshots, retention_clock, status_codes, tombstones, transfers
from storage.addition_tables import SubmissionAdditionRow, SubmissionRequestRow
from storage.baton_tables import BatonLinkRow, BatonRow
from storage.database import Database, insert_once
from storage.encryption import Keyring
from storage.retention_clock import INTERVAL, ClockError, Uptime, confirm_clock, read_uptime, state_of
from storage.retention_due import (
    Kept,
    PlannedPurge,
    by_kind,
    cutoff,
    finished,
    kept,
    plan,
    too_old,
    undelivered,
    without_entry,
)
from storage.retention_policy import Entry, Policy, RetentionPolicyError, load_policy
from storage.retention_protocol import PurgeRecord, as_csv, as_text, protocol, write
from storage.retention_tables import HandOverRow, RetentionStateRow, TombstoneRow
from storage.retention_traces import sweep
from storage.tables import (
    ConversationRow,
    DraftRow,
    OutboxRow,
    StatusChangeRow,
    StoredResponseRow,
    SubmissionKeyRow,
    SubmissionNoteRow,
    SubmissionRow,
)
from storage.tombstones import Tombstone, tombstone_of

__all__ = [
    "ClockError",
    "Kept",
    "PlannedPurge",
    "Policy",
    "PurgeRecord",
    "PurgeReport",
    "RetentionPolicyError",
    "TooManyError",
    "Uptime",
    "as_csv",
    "as_text",
    "confirm_clock",
    "kept",
    "load_policy",
    "plan",
    "protocol",
    "purge",
    "read_uptime",
    "without_entry",
]

_LIMITED: Mapping[str, Any] = {"submissions": SubmissionRow, "drafts": DraftRow, "conversations": ConversationRow}


class TooManyError(Exception):
    """A run would remove more than the policy allows unasked; nothing was purged. One line that says what to do."""


@dataclass(frozen=True)
class PurgeReport:
    """`purged`: kind -> how many. `left_in_wal`: somebody was reading, and SQLite's journal may still hold what was
    purged; the next run finishes it.
    """

    at: datetime
    purged: Mapping[str, int]
    left_in_wal: bool


@dataclass(frozen=True)
class _Run:
    """What one run does everything with."""

    database: Database
    at: datetime
    actor: str
    batch: int


def purge(
    database: Database,
    policy: Policy,
    at: datetime,
    *,
    actor: str,
    tombstone_file: Path | None,
    uptime: Uptime | None = None,
    interval: timedelta = INTERVAL,
    confirmed: bool = False,
    batch: int = 200,
) -> PurgeReport:
    """Remove what is too old at `at`: each submission, and each `batch` of other rows, in a transaction of its own.

    Killed anywhere, it is run again. `confirmed`: somebody has looked at the plan, and the policy's limits do not hold.
    Raises ClockError and TooManyError, before anything is purged; TombstoneError, likewise, when the file cannot be
    used; and DatabaseError: what was purged until then stays so.
    """
    run, purged = _Run(database, at, actor, batch), Counter[str]()
    with database.transaction() as session:
        retention_clock.check(session, at, uptime, interval)
    _keep_tombstones(database, tombstone_file)
    if not confirmed:
        _refuse_too_many(database, policy, at)
    for (form_id, outcome), entry in policy.submissions.items():
        if entry.decided:
            purged["submissions"] += _purge_submissions(run, form_id, outcome, entry)
    batons.expire(database, at)  # submissions are told that nobody answered, before it cannot be known
    for kind, entry in by_kind(policy):
        if entry.decided:
            purged[kind] += _purge_kind(run, kind, entry)
    _drop_unused(run)
    _keep_tombstones(database, tombstone_file)
    return PurgeReport(at, {kind: number for kind, number in purged.items() if number}, _sweep(database))


def _refuse_too_many(database: Database, policy: Policy, at: datetime) -> None:
    going = Counter[str]()
    for planned in plan(database, policy, at):
        if planned.due and planned.decided:
            going[planned.kind] += planned.number
    with database.reading() as session:
        for kind, limit in policy.limits.items():
            stored = session.scalar(select(func.count()).select_from(_LIMITED[kind])) or 0
            if limit.is_exceeded(going[kind], stored):
                raise TooManyError(
                    f"nothing is purged, because {going[kind]} of {stored} {kind} would go at once: look at"
                    " `kontakt retention plan`, and if it is right, run `kontakt retention run --confirm-many`"
                )


def _purge_submissions(run: _Run, form_id: str, outcome: str, entry: Entry) -> int:
    """One at a time; each is looked at again once it is locked, since somebody may have held or reopened it."""
    query = finished(form_id, outcome, cutoff(entry, run.at))
    with run.database.reading() as session:
        ids = [row.id for row in session.execute(query.order_by(SubmissionRow.id))]
    gone = 0
    for id in ids:
        with run.database.transaction() as session:
            token = session.scalar(select(SubmissionRow.draft_token).where(SubmissionRow.id == id))
            baton = None if token is None else baton_rows.lock(session, token)
            row = session.scalars(select(SubmissionRow).where(SubmissionRow.id == id).with_for_update()).one_or_none()
            if row is not None and session.execute(query.where(SubmissionRow.id == id)).first() is not None:
                _purge_submission(session, run, row, entry)
                _drop_batons(session, run, entry, [] if baton is None else [baton])
                gone += 1
    return gone


def _purge_submission(session: Session, run: _Run, row: SubmissionRow, entry: Entry) -> None:
    keyring: Keyring = session.info["keyring"]
    _bury(session, run, entry, row.reference, row.draft_token)
    fingerprint = tombstone_of(keyring, row.reference)
    record = PurgeRecord(run.at, "submissions", row.form_id, row.status, fingerprint, 1, entry.rule, run.actor)
    details: dict[str, audit.Detail] = {"form_id": row.form_id, "outcome": row.status, "rule": entry.rule}
    reference = row.reference
    parts = (SubmissionKeyRow, SubmissionNoteRow, StatusChangeRow, HandOverRow)
    for table in (*parts, SubmissionRequestRow, SubmissionAdditionRow):
        session.execute(delete(table).where(table.submission_id == row.id))
    session.execute(delete(SubmissionRow).where(SubmissionRow.id == row.id))
    write(session, record)
    audit.record(session, actor=run.actor, event="submission.purged", subject=reference, at=run.at, details=details)


def _purge_kind(run: _Run, kind: str, entry: Entry) -> int:
    """Everything of one kind that is too old, some rows in a transaction. What is being written to waits its turn."""
    gone = 0
    while True:
        with run.database.transaction() as session:
            if kind == "drafts":
                number = _drop_drafts(session, run, entry)
            elif kind == "batons":
                _, old = too_old(kind, entry, run.at)
                query = select(BatonRow).where(old).order_by(BatonRow.id).limit(run.batch)
                rows = session.scalars(query.with_for_update(skip_locked=True)).all()
                number = _drop_batons(session, run, entry, rows)
            elif kind == "outbox":
                number = _drop_undelivered(session, run, entry)
            else:
                number = _drop(session, run, kind, entry)
            if number:
                state_of(session).traces_since = run.at
                write(session, PurgeRecord(run.at, kind, None, None, None, number, entry.rule, run.actor))
        gone += number
        if not number:
            return gone


def _drop(session: Session, run: _Run, kind: str, entry: Entry) -> int:
    table, old = too_old(kind, entry, run.at)
    key = table.__table__.primary_key.columns[0]
    query = select(key).where(old).order_by(key).limit(run.batch)
    ids = session.scalars(query.with_for_update(of=table, skip_locked=True)).all()
    session.execute(delete(table).where(key.in_(ids)))
    return len(ids)


def _drop_undelivered(session: Session, run: _Run, entry: Entry) -> int:
    ids = [id for id, _ in undelivered(session, cutoff(entry, run.at))][: run.batch]
    gone = session.execute(delete(OutboxRow).where(OutboxRow.id.in_(ids)).returning(OutboxRow.id))
    return len(gone.all())


def _drop_drafts(session: Session, run: _Run, entry: Entry) -> int:
    """With a draft go the responses that may quote it. Its conversation gets a new version, so that a turn that has
    read the draft just now is not saved as if it were still there.
    """
    _, old = too_old("drafts", entry, run.at)
    query = (
        select(ConversationRow.id)
        .join(DraftRow, DraftRow.conversation_id == ConversationRow.id)
        .where(old)
        .order_by(ConversationRow.id)
        .limit(run.batch)
    )
    locked = session.scalars(query.with_for_update(of=ConversationRow, skip_locked=True)).all()
    drafts = session.execute(
        select(DraftRow.conversation_id, DraftRow.token).where(DraftRow.conversation_id.in_(locked), old)
    ).all()
    ids = [draft.conversation_id for draft in drafts]
    _bury(session, run, entry, *(draft.token for draft in drafts))
    session.execute(
        update(ConversationRow).where(ConversationRow.id.in_(ids)).values(version=ConversationRow.version + 1)
    )
    session.execute(delete(StoredResponseRow).where(StoredResponseRow.conversation_id.in_(ids)))
    session.execute(delete(DraftRow).where(DraftRow.conversation_id.in_(ids)))
    return len(ids)


def _drop_batons(session: Session, run: _Run, entry: Entry, rows: Sequence[BatonRow]) -> int:
    """With their links. What they became goes by its own rule."""
    ids = [row.id for row in rows]
    _bury(session, run, entry, *(baton_rows.name_of(row.token) for row in rows))
    session.execute(delete(BatonLinkRow).where(BatonLinkRow.baton_id.in_(ids)))
    session.execute(delete(BatonRow).where(BatonRow.id.in_(ids)))
    return len(ids)


def _drop_unused(run: _Run) -> None:
    """What is of no use to anybody any more, by no rule of the policy: transfers and wrong codes that have run out, and
    forms that nothing is filled in by.
    """
    with run.database.transaction() as session:
        dropped = transfers.drop_expired(session, run.at) + status_codes.drop_old(session, run.at)
        if dropped + form_snapshots.drop_unused(session):
            state_of(session).traces_since = run.at


def _bury(session: Session, run: _Run, entry: Entry, *names: str) -> None:
    """Keep the tombstones of references and draft tokens; both, since a backup may be from when it was a draft."""
    keyring: Keyring = session.info["keyring"]
    if names:
        state_of(session).traces_since = run.at
    for name in names:
        values = {"name_key": tombstone_of(keyring, name), "purged_at": run.at, "entry": entry.name}
        session.execute(insert_once(session, TombstoneRow, values))


def _keep_tombstones(database: Database, file: Path | None) -> None:
    """All of them: those of a run that was killed are in the database alone."""
    if file is None:
        return
    with database.reading() as session:
        rows = session.scalars(select(TombstoneRow).order_by(TombstoneRow.purged_at, TombstoneRow.name_key))
        found = [Tombstone(row.name_key, row.purged_at, row.entry) for row in rows]
    tombstones.append(file, database.keyring, found)


def _sweep(database: Database) -> bool:
    """Whether traces are left. That there may be some is noted with the purge, so that a killed run's are found."""
    with database.reading() as session:
        owed = session.scalar(select(RetentionStateRow.traces_since))
    left = sweep(database, thorough=owed is not None)
    if owed is not None and not left:
        with database.transaction() as session:
            state = state_of(session)
            if state.traces_since == owed:  # nobody else has purged in the meantime
                state.traces_since = None
    return left
