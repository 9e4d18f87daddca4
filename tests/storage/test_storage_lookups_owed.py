"""Revision 0007 both ways beside data, and what came in before it: found again afterwards, also after a killed run."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, delete, select, update

import storage
from storage import additions, batons, lookups_owed, retention_holds, search, submissions
from storage.database import Database, DatabaseError, check_schema, migrate
from storage.encryption import Keyring
from storage.engine import parse
from storage.lookup_tables import LookupsOwedRow, SubmissionLookupRow
from storage.lookups_owed import Earlier, Made, NamesAndNumbers
from storage.retention import confirm_clock, purge
from storage.retention_policy import Entry, Policy
from storage.tables import SubmissionKeyRow, SubmissionRow
from tests.storage.families import NOON, act, application, hand_over, rows

FIRST, SECOND, THIRD, NAMELESS = "AB2CDE3F", "AB2CDE3G", "AB2CDE3H", "AB2CDE3J"
NUMBER, LATER_NUMBER = "201203019805", "198001019802"
TOKEN = "ABCDEFGHJK"
MIGRATIONS = Path(storage.__file__).parent / "migrations"
FORK = multiprocessing.get_context("fork")


def told(earlier: Earlier) -> NamesAndNumbers:
    """As the forms of these tests have it: what is a name or a number in them."""
    names = [value for slot, value in earlier.answers.items() if slot.endswith("namn")]
    numbers = [value for slot, value in earlier.answers.items() if slot.endswith("nummer")]
    names += [added.by for added in earlier.additions if added.by]
    return names, numbers + [added.text for added in earlier.additions if added.text and added.text.isdigit()]


@pytest.fixture
def opened(empty_url: str, keyring: Keyring) -> Callable[[], Database]:
    def open_one() -> Database:
        return Database(empty_url, keyring)

    return open_one


def fill(database: Database) -> None:
    """Four that came in: by a baton, with what was added to it; handed over; as ever; and one that names nobody."""
    hand_over(database, TOKEN)
    alva = {"barnets_namn": "Alva Öberg", "barnets_personnummer": NUMBER}
    act(
        database,
        batons.BatonAnswer(TOKEN, 1, "approved", name="Åsa Ek"),
        submission=application(TOKEN, FIRST, answers=alva, names=("Alva Öberg",), numbers=(NUMBER,)),
    )
    act(database, batons.BatonAnswer(TOKEN, 2, "declined", "Skäl", "Kim Lund"))
    act(database, additions.Addition(FIRST, None, LATER_NUMBER, "Bo Ek", ("Bo Ek",), (LATER_NUMBER,)))
    act(database, submission=application("T2", SECOND, answers={"namn": "Bo Ek"}, names=("Bo Ek",)))
    submissions.change_status(database, SECOND, "handed_over", actor="anna", version=1, at=NOON)
    retention_holds.confirm_hand_over(database, SECOND, case_number="SN 2026-118", actor="anna", at=NOON)
    act(database, submission=application("T3", THIRD, answers={"namn": "Alva Ek"}, names=("Alva Ek",)))
    act(database, submission=application("T4", NAMELESS, answers={"behov": "Helger"}, names=()))


def stored(database: Database) -> list[Any]:
    table = SubmissionLookupRow
    with database.reading() as session:
        query = select(table.submission_id, table.kind, table.value_key).order_by(table.submission_id, table.value_key)
        return [tuple(row) for row in session.execute(query)]


def move(url: str, revision: str) -> None:
    config, engine = Config(), create_engine(parse(url))
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()


def left_by_0006(url: str, opened: Callable[[], Database]) -> list[Any]:
    """A database as revision 0006 leaves it, brought up; what there was to be found by."""
    migrate(url)
    with closing(opened()) as database:
        fill(database)
        before = stored(database)
    move(url, "0006")
    with pytest.raises(DatabaseError, match="is of revision 0006"):
        check_schema(url)
    migrate(url)
    return before


def found(database: Database, text: str, number: str | None = None) -> tuple[set[str], int]:
    result = search.find(database, text, number=number, actor="anna", at=NOON)
    return {summary.reference for summary in result.summaries}, result.owed


def test_what_came_in_before_is_found_afterwards_as_if_it_had_come_now(
    empty_url: str, opened: Callable[[], Database]
) -> None:
    before = left_by_0006(empty_url, opened)
    with closing(opened()) as database:
        assert stored(database) == []
        assert found(database, "Alva") == (set(), 4) and found(database, FIRST) == ({FIRST}, 4)
        act(database, submission=application("T5", "AB2CDE3K", names=("Kim Lund",)))
        assert found(database, "Kim Lund") == ({"AB2CDE3K"}, 4)
        assert lookups_owed.make(database, told) == Made(4, 0)
        assert [row for row in stored(database) if row[0] != 5] == before
        assert found(database, "Alva") == ({FIRST, THIRD}, 0)
        assert found(database, "Kim Lund") == ({FIRST, "AB2CDE3K"}, 0)
        assert found(database, "Helger") == (set(), 0) and found(database, "Skäl") == (set(), 0)
        for number in (NUMBER, LATER_NUMBER):
            assert found(database, number, number) == ({FIRST}, 0)
        assert found(database, "sn 2026-118") == ({SECOND}, 0)
        assert lookups_owed.make(database, told) == Made(0, 0)


def test_down_and_up_nothing_else_is_changed(empty_url: str, opened: Callable[[], Database]) -> None:
    migrate(empty_url)
    with closing(opened()) as database:
        fill(database)
        before = rows(database)
    move(empty_url, "0006")
    migrate(empty_url)
    with closing(opened()) as database:
        assert rows(database) == {**before, "submission_lookups": 0, "lookups_owed": 4}
        opened_one = submissions.open_submission(database, FIRST, actor="anna", at=NOON)
        assert opened_one is not None and opened_one.answers["barnets_namn"] == "Alva Öberg"


def make_and_be_killed(url: str, keyring: Keyring, at: int) -> None:
    seen = iter(range(at))

    def kill(earlier: Earlier) -> NamesAndNumbers:
        if next(seen, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return told(earlier)

    lookups_owed.make(Database(url, keyring), kill)


@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_killed_run_is_run_again(at: int, empty_url: str, keyring: Keyring, opened: Callable[[], Database]) -> None:
    before = left_by_0006(empty_url, opened)
    killed = FORK.Process(target=make_and_be_killed, args=(empty_url, keyring, at))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    with closing(opened()) as database:
        assert rows(database)["lookups_owed"] == 4 - at
        assert lookups_owed.make(database, told) == Made(4 - at, 0)
        assert stored(database) == before


def test_what_cannot_be_read_is_passed_over_and_found_by_its_reference(
    empty_url: str, opened: Callable[[], Database]
) -> None:
    left_by_0006(empty_url, opened)
    with closing(opened()) as database:
        with database.transaction() as session:
            session.execute(delete(SubmissionKeyRow).where(SubmissionKeyRow.submission_id == 1))
            damaged = update(SubmissionRow).where(SubmissionRow.id == 3).values(content_sealed=b"\x02damaged")
            session.execute(damaged)
        assert lookups_owed.make(database, told) == Made(2, 2)
        assert found(database, "Alva") == (set(), 0) and found(database, "Bo Ek") == ({SECOND}, 0)
        assert found(database, FIRST) == ({FIRST}, 0) and found(database, THIRD) == ({THIRD}, 0)


def test_what_is_purged_meanwhile_is_owed_no_more(empty_url: str, opened: Callable[[], Database]) -> None:
    left_by_0006(empty_url, opened)
    entry = Entry("submissions.a.handed_over", 0, "SN 2026-03-12 § 45")
    policy = Policy({}, {("ansokan_kontaktfamilj", "handed_over"): entry}, {})
    with closing(opened()) as database:
        later = NOON + timedelta(days=2)
        confirm_clock(database, later, None, actor="cli:root")
        report = purge(database, policy, later, actor="cli:root", tombstone_file=None)
        assert report.purged == {"submissions": 1}
        with database.reading() as session:
            assert session.scalars(select(LookupsOwedRow.submission_id)).all() == [1, 3, 4]
        assert lookups_owed.make(database, told) == Made(3, 0)
        assert found(database, "SN 2026-118") == (set(), 0)
