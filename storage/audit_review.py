"""The review of the log: who read what, day by day, for whoever checks that access keeps to the work.

Computed from events alone, in one pass. A day is a Swedish one. What counts as too much is not decided here, and a
public holiday is a weekday. Only ids, references, usernames and counts come out.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time
from typing import Final

from storage.audit import AuditEvent
from storage.retention_policy import STOCKHOLM, day_of

OFFICE_OPENS: Final = time(7)
OFFICE_CLOSES: Final = time(18)
_FIRST_WEEKEND_DAY: Final = 5
OFTEN: Final = 5
"""More openings of the same submission by one reviewer on one day are told."""
NO_ACCOUNT: Final = "?"
"""The subject of a failed sign-in whose username no account has; what was typed may be a password."""
SIGN_IN_FAILED: Final = "reviewer.sign_in_failed"

_NOT_STAFF: Final = frozenset({"resident", "system", "invitation"})
_COLUMNS: Final = {
    "submission.opened": "opened",
    "submission.exported": "exported",
    "submissions.searched": "searched",
    "reviewer.signed_in": "sign_ins",
    SIGN_IN_FAILED: "failed_sign_ins",
}
_NO_CHANGE: Final = frozenset({"submission.received", "submission.purged"})
"""Events about one submission that nobody's own work on it has made."""


@dataclass(frozen=True)
class ReviewedDay:
    """What one reviewer did on one day, in numbers.

    outside_hours: opened on a Saturday or Sunday, before 7 or from 18; without_action: different submissions that were
    opened and that this reviewer changed neither that day nor later; repeated: different ones opened more than OFTEN
    times.
    """

    day: date
    reviewer: str
    opened: int = 0
    changed: int = 0
    exported: int = 0
    searched: int = 0
    sign_ins: int = 0
    failed_sign_ins: int = 0
    outside_hours: int = 0
    without_action: int = 0
    repeated: int = 0


FIELDS: Final = tuple(field.name for field in fields(ReviewedDay))


def review(
    events: Iterable[AuditEvent], first: date, last: date, reviewer: str | None = None
) -> tuple[ReviewedDay, ...]:
    """A line for each reviewer and day from `first` to `last`, both included, on which something counted happened.

    `events`, in order, begin with the first day and go on to the trail's end: a change that comes after the last day
    shows that an opening before it had its reason.
    """
    counts: Counter[tuple[date, str, str]] = Counter()
    openings: Counter[tuple[date, str, str]] = Counter()
    unchanged: dict[tuple[str, str], set[date]] = {}
    changed_on: dict[tuple[str, str], date] = {}
    for event in events:
        who = _reviewer_of(event)
        if who is None or reviewer not in {None, who}:
            continue
        day, column = day_of(event.at), _column_of(event)
        if column == "changed":
            unchanged.pop((who, event.subject), None)
            changed_on[who, event.subject] = day
        if column is None or not first <= day <= last:
            continue
        counts[day, who, column] += 1
        if column == "opened":
            counts[day, who, "outside_hours"] += _is_outside_hours(event.at)
            openings[day, who, event.subject] += 1
            if changed_on.get((who, event.subject)) != day:
                unchanged.setdefault((who, event.subject), set()).add(day)
    for (who, _), days in unchanged.items():
        counts.update((day, who, "without_action") for day in days)
    counts.update((day, who, "repeated") for (day, who, _), times in openings.items() if times > OFTEN)
    found = sorted({(day, who) for day, who, _ in counts})
    return tuple(
        ReviewedDay(day, who, **{column: counts[day, who, column] for column in FIELDS[2:]}) for day, who in found
    )


def single_events(
    events: Iterable[AuditEvent], first: date, last: date, reviewer: str | None = None
) -> Iterator[AuditEvent]:
    """Every event of those days that a reviewer made, or somebody at the command line, in order."""
    for event in events:
        who = _reviewer_of(event)
        if who is not None and reviewer in {None, who} and first <= day_of(event.at) <= last:
            yield event


def table(days: Iterable[ReviewedDay]) -> list[tuple[str, ...]]:
    """As words, headings first."""
    return [FIELDS, *(tuple(str(getattr(day, field)) for field in FIELDS) for day in days)]


def event_table(events: Iterable[AuditEvent]) -> list[tuple[str, ...]]:
    """Single events as words, headings first: Swedish time, who, what, and the reference or username it was about."""
    rows = [(event.at.astimezone(STOCKHOLM).isoformat(timespec="seconds"), event) for event in events]
    heading = ("number", "time", "reviewer", "event", "subject")
    return [heading, *((str(event.number), at, event.actor, event.event, event.subject) for at, event in rows)]


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """Lined up in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows
    )


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """Comma-separated; no cell begins with a sign that a spreadsheet would calculate."""
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\r\n").writerows([_harmless(cell) for cell in row] for row in rows)
    return lines.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else cell


def _reviewer_of(event: AuditEvent) -> str | None:
    """Whose doing an event is; None: nobody's of the staff."""
    if event.event == SIGN_IN_FAILED:
        return event.subject
    return None if event.actor in _NOT_STAFF else event.actor


def _column_of(event: AuditEvent) -> str | None:
    if event.event in _COLUMNS:
        return _COLUMNS[event.event]
    return "changed" if event.event.startswith("submission.") and event.event not in _NO_CHANGE else None


def _is_outside_hours(at: datetime) -> bool:
    local = at.astimezone(STOCKHOLM)
    return local.weekday() >= _FIRST_WEEKEND_DAY or not OFFICE_OPENS <= local.time() < OFFICE_CLOSES
