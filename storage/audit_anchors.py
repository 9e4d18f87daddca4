"""Where the audit trail ended each day, kept in a file outside the database: so that a trail that was cut, or a whole
database put back from an earlier day, shows as well.

A chained file with one line a day: day, what it is, the last event's number and its hash. `kontakt restore` adds a
line of its own, since a trail that is put back from a backup rightly ends earlier than it once did. A copy of the file
that is kept elsewhere also guards its last lines.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import exists, select

from storage import audit, chained_file
from storage.chained_file import ChainedFileError
from storage.database import Database
from storage.tables import AuditEventRow

BEGUN: Final = "audit.anchoring_begun"
"""The event that is written when there was no file: without it, a file that is removed would not be missed."""
_CALLED: Final = "audit anchors"
_LINE: Final = re.compile(r"(\d{4}-\d\d-\d\d) (day|restored) (\d{1,18}) ([0-9a-f]{64})")


@dataclass(frozen=True)
class DayAnchor:
    """The trail ended with this event on that day (UTC). restored: it is a trail that was put back from a backup."""

    day: date
    kind: Literal["day", "restored"]
    number: int
    hash: str


def keep(database: Database, path: Path, at: datetime) -> DayAnchor | None:
    """Add the day's line; None when it is there already. The first time it writes audit.anchoring_begun.

    Raises ChainedFileError when the file cannot be used, and DatabaseError.
    """
    if not path.exists():
        audit.append(database, actor="system", event=BEGUN, subject="audit", at=at)
    return _add(database, path, at, "day")


def mark_restored(database: Database, path: Path, at: datetime) -> None:
    """Note that the trail as it is now was put back from a backup: later events of the one before are gone.

    Raises as `keep`.
    """
    _add(database, path, at, "restored")


def problems(database: Database, path: Path) -> list[str]:
    """What in the trail is not as the file says, one clear line each; what is wrong with the file, likewise."""
    with database.reading() as session:
        begun = session.scalar(select(exists().where(AuditEventRow.event == BEGUN)))
    if not path.exists():
        return [f"the audit anchors in {path} are missing: take the newest copy"] if begun else []
    try:
        anchors = _read(path, chained_file.read(path, database.keyring, _CALLED))
    except ChainedFileError as error:
        return [str(error)]
    return [problem for anchor in _in_force(anchors) if (problem := _problem(database, anchor))]


def _add(database: Database, path: Path, at: datetime, kind: Literal["day", "restored"]) -> DayAnchor | None:
    today = at.astimezone(UTC).date()
    added: list[DayAnchor] = []

    def new(lines: Sequence[str]) -> Iterator[str]:
        known = _read(path, lines)
        last = audit.last(database)
        if last is not None and not (kind == "day" and known and known[-1].day >= today):
            added.append(DayAnchor(today, kind, *last))
            yield f"{today.isoformat()} {kind} {last[0]} {last[1]}"

    chained_file.append(path, database.keyring, _CALLED, new)
    return added[0] if added else None


def _read(path: Path, lines: Sequence[str]) -> list[DayAnchor]:
    """Raises ChainedFileError for a line of another shape."""
    found: list[DayAnchor] = []
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise chained_file.damaged(path, number)
        kind: Literal["day", "restored"] = "day" if match[2] == "day" else "restored"
        found.append(DayAnchor(date.fromisoformat(match[1]), kind, int(match[3]), match[4]))
    return found


def _in_force(anchors: Sequence[DayAnchor]) -> list[DayAnchor]:
    """Those that the trail must fit: of those from before a restore, only what the backup reached to."""
    kept: list[DayAnchor] = []
    for anchor in anchors:
        if anchor.kind == "restored":
            kept = [earlier for earlier in kept if earlier.number < anchor.number]
        kept.append(anchor)
    return kept


def _problem(database: Database, anchor: DayAnchor) -> str | None:
    with database.reading() as session:
        found = session.scalar(select(AuditEventRow.hash).where(AuditEventRow.number == anchor.number))
    if found is None:
        return f"audit event {anchor.number} is gone: the trail ended with it on {anchor.day}"
    if found != anchor.hash:
        return f"audit event {anchor.number} is another than the one that the trail ended with on {anchor.day}"
    return None
