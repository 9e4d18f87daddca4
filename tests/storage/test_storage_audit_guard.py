"""The guard of the audit trail: nobody changes it by the program's own connection, and who puts the guard away first
is found out, however it is done."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, delete, exc, insert, select, text, update
from sqlalchemy.orm import Session

from storage import audit
from storage.backup_check import _Within
from storage.database import Database, migrate
from storage.engine import parse
from storage.tables import AuditEventRow
from tests.storage.test_storage_database import alembic_config
from tests.tampering import GUARDS, put_guard_away

NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
EVENTS = 30
MUTATIONS = 250
COPY = "SELECT number, at, 'bo', event, subject, details, hash FROM audit_events WHERE number = 3"
INTO = "INTO audit_events (number, at, actor, event, subject, details, hash)"
EVERYWHERE = [
    "UPDATE audit_events SET actor = 'bo' WHERE number = 3",
    "UPDATE audit_events SET hash = hash",
    "DELETE FROM audit_events WHERE number = 3",
    "DELETE FROM audit_events",
    f"INSERT {INTO} {COPY} ON CONFLICT (number) DO UPDATE SET actor = 'bo'",
]
REFUSED = [
    *(("sqlite", statement) for statement in EVERYWHERE),
    ("sqlite", f"INSERT OR REPLACE {INTO} {COPY}"),
    ("sqlite", f"REPLACE {INTO} {COPY}"),
    ("sqlite", "UPDATE OR REPLACE audit_events SET number = 4 WHERE number = 3"),
    *(("postgresql", statement) for statement in EVERYWHERE),
    ("postgresql", "TRUNCATE audit_events"),
    ("postgresql", "TRUNCATE submissions, audit_events CASCADE"),
    ("postgresql", "SET LOCAL session_replication_role = replica; DELETE FROM audit_events WHERE number = 3"),
]


def fill(database: Database) -> None:
    with database.transaction() as session:
        for n in range(EVENTS):
            who, what = ("anna", "submission.opened") if n % 2 else ("cli:root", "submission.note_added")
            at, details = NOON + timedelta(minutes=n), {"n": n, "form_id": "kontakta_mig"}
            audit.record(session, actor=who, event=what, subject=f"REFEREN{n % 3}", at=at, details=details)


@pytest.mark.parametrize(("backend", "statement"), REFUSED)
def test_by_the_programs_own_connection_nothing_is_changed(statement: str, database: Database) -> None:
    fill(database)
    with pytest.raises(exc.IntegrityError, match="the audit trail is only added to"), database.transaction() as session:
        session.execute(text(statement))
    assert audit.verify(database) == []
    last = audit.last(database)
    assert last is not None and last[0] == EVENTS


def test_the_guard_goes_down_and_up_again(empty_url: str) -> None:
    migrate(empty_url)
    engine, config = create_engine(parse(empty_url)), alembic_config()

    def move(to: Callable[[Config, str], None], revision: str) -> bool:
        """Whether a row goes then."""
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            to(config, revision)
        values = {"number": 1, "at": NOON, "actor": "a", "event": "b", "subject": "c", "details": "{}", "hash": "d"}
        try:
            with engine.begin() as connection:
                connection.execute(insert(AuditEventRow).values(values))
                connection.execute(delete(AuditEventRow))
        except exc.IntegrityError:
            return False
        return True

    assert move(command.downgrade, "0008")
    assert not move(command.upgrade, "head")
    assert move(command.downgrade, "0008")
    assert not move(command.upgrade, "head")
    with engine.connect() as connection:
        asked = (
            GUARDS if engine.dialect.name == "sqlite" else "SELECT proname FROM pg_proc WHERE proname LIKE '%_audit_%'"
        )
        assert len(connection.execute(text(asked)).all()) == {"sqlite": 3, "postgresql": 1}[engine.dialect.name]
    engine.dispose()


# -- by somebody with the database in his hands, who puts the guard away first --------------------------------------


@contextmanager
def in_his_hands(database: Database) -> Iterator[Session]:
    """What is done is taken back afterwards."""
    with database.transaction() as session:
        put_guard_away(session)
        yield session
        session.rollback()


def flip(session: Session, chance: random.Random) -> str:
    """One character of one value of one event; or its time by some microseconds."""
    number, column = chance.randint(1, EVENTS), chance.choice(["at", "actor", "event", "subject", "details", "hash"])
    row = session.execute(select(AuditEventRow.__table__).where(AuditEventRow.number == number)).one()
    value: Any = row._mapping[column]
    if column == "at":
        changed: Any = value + timedelta(microseconds=chance.choice([-1, 1]) * 10 ** chance.randint(0, 10))
    else:
        place = chance.randrange(len(value))
        changed = value[:place] + chance.choice([c for c in "09afz.:{" if c != value[place]]) + value[place + 1 :]
    session.execute(update(AuditEventRow).where(AuditEventRow.number == number).values({column: changed}))
    return f"{column} of {number}: {changed!r}"


def remove(session: Session, chance: random.Random) -> str:
    """Some events; half of the time those after them get the numbers that are free."""
    gone = sorted(chance.sample(range(1, EVENTS + 1), chance.randint(1, 5)))
    session.execute(delete(AuditEventRow).where(AuditEventRow.number.in_(gone)))
    if chance.random() < 0.5:
        for place, number in enumerate(sorted(set(range(1, EVENTS + 1)) - set(gone)), 1):
            session.execute(update(AuditEventRow).where(AuditEventRow.number == number).values(number=place))
        return f"{gone} and the gaps closed"
    return f"{gone}"


def reorder(session: Session, chance: random.Random) -> str:
    """Some events change places; half of the time without their hashes."""
    places = chance.sample(range(1, EVENTS + 1), chance.randint(2, 6))
    moved = ["at", "actor", "event", "subject", "details", *(["hash"] if chance.random() < 0.5 else [])]
    rows = {row.number: row for row in session.execute(select(AuditEventRow.__table__)).all()}
    for place, other in zip(places, places[1:] + places[:1], strict=True):
        values = {column: rows[other]._mapping[column] for column in moved}
        session.execute(update(AuditEventRow).where(AuditEventRow.number == place).values(values))
    return f"{places}, {moved[-1]}"


def cut(session: Session, chance: random.Random) -> str:
    """The tail; half of the time with something else in its place."""
    kept = chance.randint(0, EVENTS - 1)
    session.execute(delete(AuditEventRow).where(AuditEventRow.number > kept))
    if chance.random() < 0.5:
        return f"after {kept}"
    previous = session.scalar(select(AuditEventRow.hash).where(AuditEventRow.number == kept)) or "0" * 64
    for number in range(kept + 1, EVENTS + 1):
        entry = audit.AuditEvent(number, NOON, "bo", "submission.opened", "REFEREN1", {})
        previous = audit._hash(previous, entry)
        values = {"number": number, "at": NOON, "actor": "bo", "event": entry.event, "subject": entry.subject}
        session.execute(insert(AuditEventRow).values(details="{}", hash=previous, **values))
    return f"after {kept}, another tail in its place"


@pytest.mark.parametrize("mutate", [flip, remove, reorder, cut])
def test_of_a_thousand_mutations_every_one_shows(
    mutate: Callable[[Session, random.Random], str], database: Database
) -> None:
    fill(database)
    chance, hidden, seen = random.Random(mutate.__name__), [], set()
    for _ in range(MUTATIONS):
        with in_his_hands(database) as session:
            what = mutate(session, chance)
            seen.add(what)
            if not audit.verify(_Within(session)):
                hidden.append(what)
    assert hidden == []
    assert len(seen) > 20
    assert audit.verify(database) == []
