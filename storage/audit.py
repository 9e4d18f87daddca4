"""The audit trail: an append-only chain of who did, or read, what.

Every event's hash covers the event and the hash before it; a sealed anchor holds how many there are and the last hash.
So an entry that was changed, removed, moved or cut from the end shows. That the whole database was put back from an
earlier day shows in `audit_anchors`. Details hold ids and statuses, never personal data. Triggers in the database
refuse to change or remove an entry (revision 0009), and so do the service's rights on PostgreSQL (`database_roles`).
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.database import Database, insert_once
from storage.encryption import Keyring, SealError
from storage.tables import AuditAnchorRow, AuditEventRow, ReviewerRow, SubmissionRow

EVENT_NAME: Final = re.compile(r"[a-z_]+\.[a-z_]+")
_BEGINNING: Final = "0" * 64
_ANCHOR: Final = 1
_ANCHOR_CONTEXT: Final = "audit_anchor"

Detail: TypeAlias = str | int | bool | None


@dataclass(frozen=True)
class AuditEvent:
    """One entry. `subject` is a submission's reference or a reviewer's username."""

    number: int
    at: datetime
    actor: str
    event: str
    subject: str
    details: Mapping[str, Detail]


def record(
    session: Session,
    *,
    actor: str,
    event: str,
    subject: str,
    at: datetime,
    details: Mapping[str, Detail] | None = None,
) -> AuditEvent:
    """Append an event within the caller's transaction, as its last step (it holds the chain until the commit).

    `actor` is a reviewer's username, "resident" or "cli:<os user>"; `event` is a noun, a dot and a past participle.
    `details` must hold no personal data; values are short (at most 64 characters). Raises ValueError.
    """
    if not EVENT_NAME.fullmatch(event):
        raise ValueError("an audit event is named noun.past_participle")
    plain = dict(details or {})
    if any(isinstance(value, str) and len(value) > 64 for value in plain.values()):
        raise ValueError("audit details hold ids and statuses, not texts")
    keyring = _keyring(session)
    anchor = _locked_anchor(session, keyring)
    count, previous = _open_anchor(keyring, anchor)
    entry = AuditEvent(count + 1, at.astimezone(UTC), actor, event, subject, plain)
    digest = _hash(previous, entry)
    session.add(
        AuditEventRow(
            number=entry.number,
            at=entry.at,
            actor=actor,
            event=event,
            subject=subject,
            details=_canonical(plain),
            hash=digest,
        )
    )
    anchor.content_sealed = keyring.seal_json([entry.number, digest], _ANCHOR_CONTEXT)
    session.flush()
    return entry


def append(
    database: Database,
    *,
    actor: str,
    event: str,
    subject: str,
    at: datetime,
    details: Mapping[str, Detail] | None = None,
) -> AuditEvent:
    """Append an event in a transaction of its own: for what is done outside this package, such as a sign-in."""
    with database.transaction() as session:
        return record(session, actor=actor, event=event, subject=subject, at=at, details=details)


def trail(database: Database, subject: str) -> list[AuditEvent]:
    """All events about one subject, oldest first."""
    query = select(AuditEventRow).where(AuditEventRow.subject == subject).order_by(AuditEventRow.number)
    with database.reading() as session:
        return [_entry(row) for row in session.scalars(query)]


def since(database: Database, at: datetime) -> Iterator[AuditEvent]:
    """All events from that time on, in order, some hundreds at a time. A read of the database is open meanwhile."""
    query = select(AuditEventRow).where(AuditEventRow.at >= at).order_by(AuditEventRow.number)
    with database.reading() as session:
        for row in session.scalars(query.execution_options(yield_per=500)):
            yield _entry(row)


def last(database: Database) -> tuple[int, str] | None:
    """The number and the hash of the last event; None when there is none."""
    query = select(AuditEventRow.number, AuditEventRow.hash).order_by(AuditEventRow.number.desc()).limit(1)
    with database.reading() as session:
        found = session.execute(query).one_or_none()
    return None if found is None else (found[0], found[1])


def verify(database: Database) -> list[str]:
    """Every problem found in the chain, one clear line each; an empty list means that it is whole."""
    problems: list[str] = []
    with database.reading() as session:
        count, previous = 0, _BEGINNING
        rows = select(AuditEventRow).order_by(AuditEventRow.number).execution_options(yield_per=500)
        for row in session.scalars(rows):
            if row.number != count + 1:
                problems.append(f"audit event {count + 1} is missing: the next one is {row.number}")
            elif row.hash != _row_hash(previous, row):
                problems.append(f"audit event {row.number} is not what was written")
            count, previous = row.number, row.hash
        anchor = session.get(AuditAnchorRow, _ANCHOR)
        if anchor is not None:
            problems += _anchor_problems(database.keyring, anchor, count, previous)
        elif count or _anything_done(session):
            problems.append("the anchor of the audit trail is missing")
    return problems


def _anchor_problems(keyring: Keyring, anchor: AuditAnchorRow, count: int, last_hash: str) -> list[str]:
    try:
        expected, digest = _open_anchor(keyring, anchor)
    except SealError:
        return ["the anchor of the audit trail is not what was written"]
    if count != expected:
        return [f"the audit trail ends at event {count}, its anchor says {expected}"]
    if last_hash != digest:
        return [f"the last audit event, {count}, is not the one that its anchor names"]
    return []


def _anything_done(session: Session) -> bool:
    """Submissions and reviewers are made together with an audit event, so an empty chain beside them is a cut one."""
    return any(session.scalar(select(func.count()).select_from(table)) for table in (SubmissionRow, ReviewerRow))


def _keyring(session: Session) -> Keyring:
    keyring: Keyring = session.info["keyring"]
    return keyring


def _locked_anchor(session: Session, keyring: Keyring) -> AuditAnchorRow:
    """The anchor, made when it is the first event's; nobody else appends until this transaction ends."""
    query = select(AuditAnchorRow).where(AuditAnchorRow.id == _ANCHOR).with_for_update()
    anchor = session.scalars(query).one_or_none()
    if anchor is None:
        values = {"id": _ANCHOR, "content_sealed": keyring.seal_json([0, _BEGINNING], _ANCHOR_CONTEXT)}
        session.execute(insert_once(session, AuditAnchorRow, values))
        anchor = session.scalars(query).one()
    return anchor


def _open_anchor(keyring: Keyring, anchor: AuditAnchorRow) -> tuple[int, str]:
    count, digest = keyring.open_json(anchor.content_sealed, _ANCHOR_CONTEXT)
    return count, digest


def _entry(row: AuditEventRow) -> AuditEvent:
    return AuditEvent(row.number, row.at, row.actor, row.event, row.subject, json.loads(row.details))


def _row_hash(previous: str, row: AuditEventRow) -> str:
    return _hash_fields(previous, row.number, row.at, row.actor, row.event, row.subject, row.details)


def _hash(previous: str, entry: AuditEvent) -> str:
    return _hash_fields(
        previous, entry.number, entry.at, entry.actor, entry.event, entry.subject, _canonical(entry.details)
    )


def _hash_fields(previous: str, number: int, at: datetime, *fields: str) -> str:
    """SHA-256 over the hash before and the fields as one JSON list, so that no two entries read the same."""
    return hashlib.sha256(_canonical([previous, number, at.isoformat(), *fields]).encode("ascii")).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
