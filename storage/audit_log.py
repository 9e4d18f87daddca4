"""Looking through the audit trail, itself on the record: who looked, at which days, and how much there was.

What is counted, and how, is in `audit_review`.
"""

from collections.abc import Sequence
from datetime import date, datetime

from storage import audit, audit_review
from storage.audit import AuditEvent
from storage.audit_review import ReviewedDay
from storage.database import Database
from storage.retention_policy import beginning_of

REVIEWED = "audit.reviewed"


def review(
    database: Database, first: date, last: date, reviewer: str | None = None, *, actor: str, at: datetime
) -> tuple[ReviewedDay, ...]:
    """What each reviewer did on each of those Swedish days, both included; writes audit.reviewed before it returns.

    `reviewer`: only this username, at most 64 characters. Raises DatabaseError.
    """
    found = audit_review.review(audit.since(database, beginning_of(first)), first, last, reviewer)
    _write_down(database, found, first, last, reviewer, actor, at)
    return found


def single_events(
    database: Database, first: date, last: date, reviewer: str | None = None, *, actor: str, at: datetime
) -> tuple[AuditEvent, ...]:
    """Every single event of staff on those days; writes audit.reviewed before it returns. Raises as `review`."""
    events = audit.since(database, beginning_of(first))
    found = tuple(audit_review.single_events(events, first, last, reviewer))
    _write_down(database, found, first, last, reviewer, actor, at)
    return found


def _write_down(
    database: Database,
    found: Sequence[object],
    first: date,
    last: date,
    reviewer: str | None,
    actor: str,
    at: datetime,
) -> None:
    details: dict[str, audit.Detail] = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "reviewer": reviewer,
        "lines": len(found),
    }
    audit.append(database, actor=actor, event=REVIEWED, subject="audit", at=at, details=details)
