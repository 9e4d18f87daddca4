"""The audit trail: whole when left alone; every way to tamper with it shows.

Who tampers here has the database in his hands: he puts the guard of the trail away first.
"""

import json
import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from storage import audit
from storage.database import Database
from storage.tables import AuditAnchorRow, AuditEventRow
from tests.tampering import put_guard_away

NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
EVENTS = 8


def fill(database: Database, number: int = EVENTS) -> None:
    for n in range(number):
        audit.append(
            database,
            actor="anna" if n % 2 else "cli:root",
            event="submission.opened",
            subject=f"REFEREN{n % 3}",
            at=NOON + timedelta(seconds=n),
            details={"n": n, "form_id": "ansokan_kontaktgrupp", "again": n > 3, "why": None},
        )


def change(session: Session, event_number: int, **values: Any) -> None:
    session.execute(update(AuditEventRow).where(AuditEventRow.number == event_number).values(**values))


def remove(session: Session, *numbers: int) -> None:
    session.execute(delete(AuditEventRow).where(AuditEventRow.number.in_(numbers)))


def copy(session: Session, number: int) -> dict[str, Any]:
    row = session.execute(select(AuditEventRow.__table__).where(AuditEventRow.number == number)).one()
    return dict(row._mapping)


def swap(session: Session, one: int, two: int) -> None:
    first, second = copy(session, one), copy(session, two)
    change(session, one, **{**second, "number": 99})
    change(session, two, **{**first, "number": two})
    change(session, 99, number=one)


def close_gap(session: Session, number: int) -> None:
    """Delete an event and give those after it the numbers they would have had."""
    remove(session, number)
    for later in range(number + 1, EVENTS + 1):
        change(session, later, number=later - 1)


def rewrite(session: Session) -> None:
    """What somebody does who knows how hashes are made, but has no key: change an event and mend the chain."""
    change(session, 4, actor="bo")
    previous = copy(session, 3)["hash"]
    for number in range(4, EVENTS + 1):
        row = session.scalars(select(AuditEventRow).where(AuditEventRow.number == number)).one()
        session.refresh(row)
        previous = audit._row_hash(previous, row)
        change(session, number, hash=previous)


def add_unsealed(session: Session) -> None:
    last = session.scalars(select(AuditEventRow).where(AuditEventRow.number == EVENTS)).one()
    entry = audit.AuditEvent(EVENTS + 1, NOON, "bo", "submission.opened", "REFEREN1", {})
    values = {"number": entry.number, "at": NOON, "actor": "bo", "event": entry.event, "subject": entry.subject}
    session.execute(insert(AuditEventRow).values(details="{}", hash=audit._hash(last.hash, entry), **values))


def damage_anchor(session: Session) -> None:
    sealed = bytearray(session.scalars(select(AuditAnchorRow.content_sealed)).one())
    sealed[-1] ^= 1
    session.execute(update(AuditAnchorRow).values(content_sealed=bytes(sealed)))


TAMPERINGS = {
    "time": lambda s: change(s, 3, at=NOON),
    "actor": lambda s: change(s, 3, actor="bo"),
    "event": lambda s: change(s, 3, event="submission.closed"),
    "subject": lambda s: change(s, 3, subject="REFEREN9"),
    "details": lambda s: change(s, 3, details=json.dumps({"n": 9})),
    "details written otherwise": lambda s: s.execute(text("UPDATE audit_events SET details = details || ' '")),
    "hash": lambda s: change(s, 3, hash="0" * 64),
    "first event": lambda s: change(s, 1, actor="bo"),
    "last event": lambda s: change(s, EVENTS, actor="bo"),
    "first deleted": lambda s: remove(s, 1),
    "one deleted": lambda s: remove(s, 4),
    "one deleted and the gap closed": lambda s: close_gap(s, 4),
    "tail cut by one": lambda s: remove(s, EVENTS),
    "tail cut by three": lambda s: remove(s, 6, 7, 8),
    "all deleted": lambda s: remove(s, *range(1, EVENTS + 1)),
    "two neighbours swapped": lambda s: swap(s, 4, 5),
    "first and last swapped": lambda s: swap(s, 1, EVENTS),
    "an event added": add_unsealed,
    "changed and the chain mended": rewrite,
    "anchor deleted": lambda s: s.execute(delete(AuditAnchorRow)),
    "anchor damaged": damage_anchor,
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_tampering_shows(tampering: str, database: Database) -> None:
    fill(database)
    assert audit.verify(database) == []
    with database.transaction() as session:
        put_guard_away(session)
        TAMPERINGS[tampering](session)
    problems = audit.verify(database)
    assert problems
    assert all("\n" not in problem for problem in problems)


def test_every_single_event_is_guarded(database: Database) -> None:
    fill(database)
    for number in range(1, EVENTS + 1):
        for how in ("changed", "removed"):
            with database.transaction() as session:
                put_guard_away(session)
                if how == "changed":
                    change(session, number, actor="bo")
                else:
                    remove(session, number)
            assert audit.verify(database), (number, how)
            restore(database)
    assert audit.verify(database) == []


def restore(database: Database) -> None:
    with database.transaction() as session:
        session.execute(delete(AuditEventRow))
        session.execute(delete(AuditAnchorRow))
    fill(database)


def test_problems_name_the_event(database: Database) -> None:
    fill(database)
    with database.transaction() as session:
        put_guard_away(session)
        change(session, 3, actor="bo")
        remove(session, 6)
    assert audit.verify(database) == [
        "audit event 3 is not what was written",
        "audit event 6 is missing: the next one is 7",
    ]


def test_with_everything_deleted_what_was_done_still_speaks(database: Database) -> None:
    from storage import reviewers

    assert audit.verify(database) == []
    reviewers.add(database, "anna", "Anna", "hash", "reviewer", actor="cli:root", at=NOON)
    with database.transaction() as session:
        put_guard_away(session)
        session.execute(delete(AuditEventRow))
        session.execute(delete(AuditAnchorRow))
    assert audit.verify(database) == ["the anchor of the audit trail is missing"]


def test_a_trail_is_one_subject_in_order(database: Database) -> None:
    fill(database)
    trail = audit.trail(database, "REFEREN1")
    assert [event.number for event in trail] == [2, 5, 8]
    assert trail[0] == audit.AuditEvent(
        2,
        NOON + timedelta(seconds=1),
        "anna",
        "submission.opened",
        "REFEREN1",
        {"n": 1, "form_id": "ansokan_kontaktgrupp", "again": False, "why": None},
    )
    assert audit.trail(database, "REFEREN9") == []


def test_times_of_other_zones_are_the_same_moment(database: Database) -> None:
    swedish = NOON.astimezone(timezone(timedelta(hours=2)))
    audit.append(database, actor="anna", event="submission.opened", subject="A", at=swedish)
    (event,) = audit.trail(database, "A")
    assert (event.at, event.at.tzinfo) == (NOON, UTC)
    assert audit.verify(database) == []


def test_many_threads_make_one_chain(database: Database) -> None:
    threads = [threading.Thread(target=fill, args=(database, 5)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert audit.verify(database) == []
    assert len([event for n in range(3) for event in audit.trail(database, f"REFEREN{n}")]) == 40


def test_a_failed_transaction_leaves_no_event(database: Database) -> None:
    fill(database, 2)

    def fail() -> None:
        with database.transaction() as session:
            audit.record(session, actor="anna", event="submission.opened", subject="A", at=NOON)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert audit.trail(database, "A") == []
    assert audit.verify(database) == []


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("opened", {}),
    ("Submission.opened", {}),
    ("submission.opened", {"text": "x" * 65}),
]


@pytest.mark.parametrize(("event", "details"), REFUSED)
def test_events_with_texts_or_other_names_are_refused(event: str, details: dict[str, Any], database: Database) -> None:
    with pytest.raises(ValueError, match=r"^(an audit event is named|audit details hold ids)"):
        audit.append(database, actor="anna", event=event, subject="A", at=NOON, details=details)
