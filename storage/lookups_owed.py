"""What submissions from before revision 0007 are found by, made afterwards of what is sealed in them.

A migration has no keys, so it only notes which submissions are owed; whoever serves makes up for them at its start.
Each goes in a transaction of its own with its note, so a run may be killed and another begun at any time, and when
nothing is owed there is nothing to do. A backup of an older revision is owed in the same way once it is put back. What
a form means is not known here: the caller tells which answers are names and numbers.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import addition_rows, form_snapshots, intake, lookups
from storage.addition_rows import Added
from storage.database import Database
from storage.encryption import SealError
from storage.lookup_tables import LookupsOwedRow
from storage.retention_holds import case_number_of
from storage.tables import FormSnapshotRow, SubmissionRow


@dataclass(frozen=True)
class Earlier:
    """A submission as far as names and numbers may be in it. `form` is the form as plain JSON."""

    form: form_snapshots.Snapshot
    answers: Mapping[str, Any]
    additions: tuple[Added, ...]
    language: str
    received_at: datetime


NamesAndNumbers: TypeAlias = tuple[Sequence[str], Sequence[str]]


@dataclass(frozen=True)
class Made:
    """How many submissions can be found now; how many cannot, since they are damaged or their key is destroyed."""

    made: int
    unreadable: int


def count(session: Session) -> int:
    """How many submissions are owed."""
    return session.scalar(select(func.count()).select_from(LookupsOwedRow)) or 0


def make(database: Database, told: Callable[[Earlier], NamesAndNumbers]) -> Made:
    """Make up for all of them, one at a time. `told` gives the names and the numbers (twelve digits) in a submission.

    Raises DatabaseError; what was made until then stays.
    """
    made = unreadable = 0
    while True:
        with database.reading() as session:
            id = session.scalar(select(LookupsOwedRow.submission_id).order_by(LookupsOwedRow.submission_id).limit(1))
        if id is None:
            return Made(made, unreadable)
        started = time.perf_counter()
        with database.transaction() as session:
            row = session.scalars(select(SubmissionRow).where(SubmissionRow.id == id).with_for_update()).one_or_none()
            owed = session.get(LookupsOwedRow, id)
            if row is not None and owed is not None:  # neither purged nor made by somebody else just now
                readable = _make_one(session, row, told)
                session.delete(owed)
                made, unreadable = made + readable, unreadable + (not readable)
        time.sleep((time.perf_counter() - started) / 2)  # the others' turn


def _make_one(session: Session, row: SubmissionRow, told: Callable[[Earlier], NamesAndNumbers]) -> bool:
    try:
        key = intake.find_key(session, row)
        content = intake.open_json(
            session.info["keyring"], key, row.content_sealed, intake.content_context(row.reference)
        )
        additions = addition_rows.read_additions(session, row)
        case_number = case_number_of(session, row)
    except SealError:
        return False
    form = form_snapshots.parsed(session.get_one(FormSnapshotRow, row.form_snapshot).content)
    names, numbers = told(Earlier(form, content["answers"], additions, row.language, row.received_at))
    lookups.write(session, row.id, names=names, numbers=numbers)
    lookups.set_case_number(session, row.id, case_number)
    return True
