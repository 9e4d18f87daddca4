"""Status by reference and code, as people type them; five wrong codes within an hour lock the reference for one."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from storage import additions, intake, submissions
from storage.addition_tables import CodeFailureRow
from storage.database import Database
from storage.status_codes import TRIES, WINDOW, Locked, Status, WrongCode, drop_old, status_of
from storage.tables import SubmissionRow
from tests.storage.families import NOON, act, application

REFERENCE, UNKNOWN, CODE = "AB2CDE3F", "AB2CDE3G", "012345"
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def submit(database: Database, reference: str = REFERENCE, code: str | None = CODE) -> None:
    act(database, submission=application(f"T{reference}", reference, code=code))


def test_reference_and_code_are_found_as_people_type_them(database: Database) -> None:
    submit(database)
    expected = Status(REFERENCE, "ansokan_kontaktfamilj", "received", NOON, 0)
    for reference, code in ((REFERENCE, CODE), (" ab2c de3f", "012 345"), ("ab2c-de3f\n", "012-345 ")):
        assert status_of(database, reference, code, at=NOON) == expected


def test_it_says_what_staff_wait_for(database: Database) -> None:
    submit(database)
    for text in ("Vad?", "När?"):
        additions.ask(database, REFERENCE, text, actor="anna", at=NOON)
    (first, _) = additions.open_requests_of(database, REFERENCE)
    expected = Status(REFERENCE, "ansokan_kontaktfamilj", "waiting_for_completion", NOON, 2)
    assert status_of(database, REFERENCE, CODE, at=NOON) == expected
    act(database, additions.Addition(REFERENCE, first.id, "Det", None))
    opened = submissions.open_submission(database, REFERENCE, actor="anna", at=NOON)
    assert opened is not None
    found = status_of(database, REFERENCE, CODE, at=NOON)
    assert isinstance(found, Status) and found.open_requests == 1
    submissions.change_status(database, REFERENCE, "queued", actor="anna", version=opened.version, at=NOON)
    found = status_of(database, REFERENCE, CODE, at=NOON)
    assert isinstance(found, Status) and (found.status, found.open_requests) == ("queued", 0)


def test_a_code_is_six_digits_and_its_fingerprint_is_the_references(database: Database) -> None:
    codes = {intake.make_code() for _ in range(300)}
    assert len(codes) > 290 and all(len(code) == 6 and code.isdecimal() for code in codes)
    submit(database)
    submit(database, UNKNOWN)
    with database.reading() as session:
        keys = session.scalars(select(SubmissionRow.code_key)).all()
    assert len(set(keys)) == 2 and CODE not in repr(keys)


@pytest.mark.parametrize("reference", ["", "AAAAAAA", "' OR 1=1", "\ud800" * 8, "Å" * 8, "A" * 10**6])
def test_what_is_no_reference_is_not_counted(reference: str, database: Database) -> None:
    assert status_of(database, reference, CODE, at=NOON) is None
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(CodeFailureRow)) == 0


WRONG = ["", "012346", "12345", "0123456", "abc", "\x00", "\ud800", "\u0660\u0661\u0662\u0663\u0664\u0665", "0" * 10**6]


@pytest.mark.parametrize("code", WRONG, ids=range(len(WRONG)))
def test_a_wrong_code_tells_nothing_and_counts(code: str, database: Database) -> None:
    submit(database)
    for reference in (REFERENCE, UNKNOWN):
        assert status_of(database, reference, code, at=NOON) == WrongCode(TRIES - 1)


@pytest.mark.parametrize("stored", [CODE, None, "nothing"])
def test_five_wrong_codes_lock_known_and_unknown_references_alike(stored: str | None, database: Database) -> None:
    """One without a code, from before there were codes, has only wrong ones; "nothing" stands for no submission."""
    if stored != "nothing":
        submit(database, code=stored)
    submit(database, "AB2CDE3H")
    found = [status_of(database, REFERENCE, "999999", at=NOON + number * MINUTE) for number in range(TRIES)]
    until = NOON + 4 * MINUTE + WINDOW
    assert found == [WrongCode(4), WrongCode(3), WrongCode(2), WrongCode(1), Locked(until)]
    for code in (CODE, "999999"):
        for at in (NOON + 5 * MINUTE, until - SECOND):
            assert status_of(database, REFERENCE, code, at=at) == Locked(until)
    assert isinstance(status_of(database, "AB2CDE3H", CODE, at=NOON + 5 * MINUTE), Status)
    after = status_of(database, REFERENCE, CODE, at=until)
    assert isinstance(after, Status) if stored == CODE else after == WrongCode(4)


def tried(database: Database, minutes: list[int]) -> list[int | None]:
    """Tries left after a wrong code at each of these minutes; None: locked."""
    answers = [status_of(database, REFERENCE, "999999", at=NOON + minute * MINUTE) for minute in minutes]
    return [answer.tries_left if isinstance(answer, WrongCode) else None for answer in answers]


TIMES: list[tuple[list[int], list[int | None]]] = [
    ([0, 0, 0, 0, 0, 59, 60], [4, 3, 2, 1, None, None, 4]),
    ([0, 1, 2, 3, 60, 61], [4, 3, 2, 1, 1, 1]),
    ([0, 1, 2, 3, 60, 60, 119, 120], [4, 3, 2, 1, 1, None, None, 4]),
    ([0, 59, 118, 177, 236, 295], [4, 3, 3, 3, 3, 3]),
    ([0, 0, 30, 30, 30, 89, 90, 90, 90, 90, 90], [4, 3, 2, 1, None, None, 4, 3, 2, 1, None]),
]


@pytest.mark.parametrize(("minutes", "expected"), TIMES, ids=range(len(TIMES)))
def test_never_more_than_five_within_any_hour(
    minutes: list[int], expected: list[int | None], database: Database
) -> None:
    submit(database)
    assert tried(database, minutes) == expected


def test_the_right_code_forgives_the_wrong_ones(database: Database) -> None:
    submit(database)
    for _ in range(3):
        assert tried(database, [0, 0, 0, 0]) == [4, 3, 2, 1]
        assert isinstance(status_of(database, REFERENCE, CODE, at=NOON), Status)


@pytest.mark.parametrize("reference", [REFERENCE, UNKNOWN])
def test_a_code_guessed_in_parallel_has_five_tries(reference: str, open_database: Callable[[], Database]) -> None:
    """Through two open databases, as two processes would."""
    opened = [open_database(), open_database()]
    submit(opened[0])
    start, outcomes = threading.Barrier(16), list[object]()

    def guess(number: int) -> None:
        start.wait()
        outcomes.append(status_of(opened[number % 2], reference, f"9{number:05}", at=NOON))

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = Counter(outcome.tries_left for outcome in outcomes if isinstance(outcome, WrongCode))
    assert left == {4: 1, 3: 1, 2: 1, 1: 1}
    assert outcomes.count(Locked(NOON + WINDOW)) == 12
    with opened[0].reading() as session:
        assert session.scalar(select(func.count()).select_from(CodeFailureRow)) == TRIES


@pytest.mark.parametrize(("at", "dropped"), [(NOON + 2 * WINDOW, 0), (NOON + 2 * WINDOW + SECOND, 1)])
def test_wrong_codes_are_dropped_when_they_lock_nothing_more(at: datetime, dropped: int, database: Database) -> None:
    status_of(database, UNKNOWN, CODE, at=NOON)
    with database.transaction() as session:
        assert drop_old(session, at) == dropped
