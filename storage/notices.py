"""That something new has come in, kept until staff have been told of it: when, and for which municipality.

A notice is written in the transaction of what it is about, so that neither is there without the other, and only where
the database was opened for it. Nothing in it leads to a person or a submission. Who is told, and how, is decided in
`review.notices`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from storage.database import Database
from storage.notice_tables import NoticeRow

Kind = Literal["submission", "addition"]
MOST_READ: Final = 5000
"""So many are told of in one mail at the most."""


@dataclass(frozen=True)
class Notice:
    """`tries`: how often telling failed; `owed`: fingerprints of those to tell, None for all of its list."""

    id: int
    created_at: datetime
    municipality: str | None
    due_at: datetime
    tries: int
    owed: frozenset[str] | None


def write(session: Session, kind: Kind, municipality: str | None, at: datetime) -> None:
    """In the caller's transaction: staff are to be told. Does nothing where notices are off."""
    if session.info.get("notices"):
        session.add(NoticeRow(created_at=at, kind=kind, municipality=municipality, due_at=at, tries=0, owed_keys=None))
        session.flush()


def waiting(database: Database) -> Sequence[Notice]:
    """What staff have not been told of, oldest first. Raises DatabaseError."""
    with database.reading() as session:
        return [_notice(row) for row in session.scalars(select(NoticeRow).order_by(NoticeRow.id).limit(MOST_READ))]


def postpone(database: Database, ids: Collection[int], until: datetime, owed: Collection[str] | None) -> None:
    """Try again then, for those with the fingerprints `owed` (None: for all of the list). Raises DatabaseError."""
    owed_keys = None if owed is None else " ".join(sorted(owed))
    later = {"due_at": until, "tries": NoticeRow.tries + 1, "owed_keys": owed_keys}
    with database.transaction() as session:
        session.execute(update(NoticeRow).where(NoticeRow.id.in_(ids)).values(later))


def remove(database: Database, ids: Collection[int]) -> None:
    """Staff have been told of these, or never will be. Raises DatabaseError."""
    with database.transaction() as session:
        session.execute(delete(NoticeRow).where(NoticeRow.id.in_(ids)))


def remove_older(database: Database, than: datetime) -> int:
    """What nobody is told of any more, since notices were turned off. How many. Raises DatabaseError."""
    old = [notice.id for notice in waiting(database) if notice.created_at < than]
    if old:
        remove(database, old)
    return len(old)


def _notice(row: NoticeRow) -> Notice:
    owed = None if row.owed_keys is None else frozenset(row.owed_keys.split())
    return Notice(row.id, row.created_at, row.municipality, row.due_at, row.tries, owed)
