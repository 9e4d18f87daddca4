"""Finding submissions by name, personnummer or samordningsnummer, reference or case number, and by nothing else.

Whole names and whole words of names; nothing that is part of a word, and nothing else that somebody has answered
(förordning 2001:637, 15 §). Every search is on the record, without what was looked for.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, or_, select

from storage import audit, lookups, lookups_owed
from storage.database import Database
from storage.encryption import Keyring
from storage.intake import read_reference
from storage.lookup_tables import SubmissionLookupRow
from storage.submissions import SUMMARIES, SubmissionSummary, summary_of
from storage.tables import SubmissionRow

LONGEST: Final = 200
"""Characters that are looked at."""
REFERENCE: Final = "reference"


@dataclass(frozen=True)
class Found:
    """`number` submissions were found; `summaries` are the newest of them. `owed`: so many from before can be found
    only by reference as yet.
    """

    number: int
    summaries: tuple[SubmissionSummary, ...]
    owed: int


def find(database: Database, text: str, *, number: str | None, actor: str, at: datetime, limit: int = 100) -> Found:
    """The submissions that have what `text` says, newest first. `number`: the twelve digits of the personnummer or
    samordningsnummer that it is, if it is one.

    A text may be several things at once, a name and a reference for instance. Writes submissions.searched with what it
    turned out to be and how many were found, and never the text.
    """
    with database.transaction() as session:
        ways = _ways(session.info["keyring"], text[:LONGEST], number)
        found = or_(*(SubmissionRow.id.in_(ids) for ids in ways.values()))
        newest = SUMMARIES.where(found).order_by(SubmissionRow.received_at.desc(), SubmissionRow.id.desc())
        summaries = tuple(summary_of(row, title) for row, title in session.execute(newest.limit(limit)))
        total = session.scalar(select(func.count()).select_from(SubmissionRow).where(found)) or 0
        kinds = [kind for kind, ids in ways.items() if session.execute(ids.limit(1)).first() is not None]
        details: dict[str, audit.Detail] = {"kind": "+".join(kinds) or "none", "hits": total}
        audit.record(session, actor=actor, event="submissions.searched", subject="submissions", at=at, details=details)
        return Found(total, summaries, lookups_owed.count(session))


def _ways(keyring: Keyring, text: str, number: str | None) -> dict[str, Select[*tuple[Any, ...]]]:
    """Kind -> the ids of the submissions that have it."""
    ways: dict[str, Select[*tuple[Any, ...]]] = {}
    if (reference := read_reference(text)) is not None:
        ways[REFERENCE] = select(SubmissionRow.id).where(SubmissionRow.reference == reference)
    ways[lookups.CASE] = _with_all(frozenset({lookups.case_key(keyring, text)}))
    if number is not None:
        ways[lookups.NUMBER] = _with_all(frozenset({lookups.number_key(keyring, number)}))
    if names := lookups.wanted_name_keys(keyring, text):
        ways[lookups.NAME] = _with_all(names)
    return ways


def _with_all(keys: frozenset[str]) -> Select[int]:
    """A submission has each key at most once."""
    table = SubmissionLookupRow
    among = select(table.submission_id).where(table.value_key.in_(sorted(keys))).group_by(table.submission_id)
    return among.having(func.count() == len(keys))
