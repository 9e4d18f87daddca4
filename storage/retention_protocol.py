"""The gallringsprotokoll: what was purged, when, by which rule and by whom, to read, to print and to file.

A submission stands there by its fingerprint. Whoever knows a reference can see with `fingerprint_of` which line is its;
nothing can be read from the line itself.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.database import Database
from storage.encryption import Keyring
from storage.retention_policy import STOCKHOLM, beginning_of
from storage.retention_tables import PurgeRecordRow
from storage.tombstones import tombstone_of

_HEADINGS: Final = ("Tid", "Slag", "Formulär", "Utfall", "Antal", "Fingeravtryck", "Regel", "Utfört av")
_KINDS: Final = {
    "submissions": "inkommen handling",
    "drafts": "utkast",
    "batons": "utkast till vårdnadshavare",
    "conversations": "samtal",
    "inbox": "avtryck av meddelanden",
    "responses": "lagrade svar",
    "outbox": "svar som inte gick att leverera",
    "missed_questions": "frågor utan svar",
    "staff_sessions": "inloggningar",
    "sign_in_failures": "misslyckade inloggningar",
    "invitations": "inbjudningar",
}
_OUTCOMES: Final = {"handed_over": "överlämnad", "withdrawn": "återkallad", "closed": "avslutad"}


@dataclass(frozen=True)
class PurgeRecord:
    """A line: one submission, with the fingerprint of its reference, or a number of things of another kind."""

    purged_at: datetime
    kind: str
    form_id: str | None
    outcome: str | None
    fingerprint: str | None
    number: int
    rule: str
    actor: str


def write(session: Session, record: PurgeRecord) -> None:
    """In the transaction of the purge. Numbers of one run and kind become one line."""
    if record.fingerprint is None:
        query = select(PurgeRecordRow).where(
            PurgeRecordRow.purged_at == record.purged_at,
            PurgeRecordRow.kind == record.kind,
            PurgeRecordRow.rule == record.rule,
            PurgeRecordRow.actor == record.actor,
        )
        found = session.scalars(query.with_for_update()).first()
        if found is not None:
            found.number += record.number
            session.flush()
            return
    session.add(
        PurgeRecordRow(
            purged_at=record.purged_at,
            kind=record.kind,
            form_id=record.form_id,
            outcome=record.outcome,
            reference_key=record.fingerprint,
            number=record.number,
            rule=record.rule,
            actor=record.actor,
        )
    )
    session.flush()


def protocol(database: Database, first: date, last: date) -> tuple[PurgeRecord, ...]:
    """The lines of those days, both included, by the Swedish calendar; oldest first. Raises DatabaseError."""
    query = (
        select(PurgeRecordRow)
        .where(
            PurgeRecordRow.purged_at >= beginning_of(first),
            PurgeRecordRow.purged_at < beginning_of(last + timedelta(days=1)),
        )
        .order_by(PurgeRecordRow.purged_at, PurgeRecordRow.id)
    )
    with database.reading() as session:
        return tuple(
            PurgeRecord(
                row.purged_at, row.kind, row.form_id, row.outcome, row.reference_key, row.number, row.rule, row.actor
            )
            for row in session.scalars(query)
        )


def fingerprint_of(keyring: Keyring, reference: str) -> str:
    """How a submission stands in the protocol; the same as in the tombstones."""
    return tombstone_of(keyring, reference)


def as_csv(records: Sequence[PurgeRecord]) -> str:
    """Comma-separated, with a line of headings. No value begins with a sign that a spreadsheet would calculate."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(_HEADINGS)
    writer.writerows(_cells(record) for record in records)
    return lines.getvalue()


def as_text(records: Sequence[PurgeRecord], first: date, last: date) -> str:
    """A page to print and sign."""
    blocks = [f"Gallringsprotokoll {first} – {last}"]
    for record in records:
        cells = zip(_HEADINGS, _cells(record), strict=True)
        blocks.append("\n".join(f"{heading + ':':<15}{cell}" for heading, cell in cells if cell))
    if not records:
        blocks.append("Inget har gallrats under den här tiden.")
    blocks.append(f"Rader: {len(records)}")
    return "\n\n".join(blocks) + "\n"


def _cells(record: PurgeRecord) -> tuple[str, ...]:
    at = record.purged_at.astimezone(STOCKHOLM).strftime("%Y-%m-%d %H:%M")
    return (
        at,
        _KINDS.get(record.kind, record.kind),
        record.form_id or "",
        _OUTCOMES.get(record.outcome or "", record.outcome or ""),
        str(record.number),
        record.fingerprint or "",
        record.rule,
        record.actor,
    )
