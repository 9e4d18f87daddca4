"""What staff are to be told of: written with what it is about or not at all, and nothing in it about anybody."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from storage import additions, batons, notices
from storage.additions import Addition, Withdrawal
from storage.batons import BatonAnswer
from storage.conversations import ConversationChangedError
from storage.database import Database
from storage.encryption import Keyring
from storage.notice_tables import NoticeRow
from tests.storage.families import AFTER, NOON, act, application, hand_over, rows

TOKEN, REFERENCE = "ABCDEFGHJK", "AB2CDE3F"
LATER = NOON + timedelta(minutes=1)


@pytest.fixture
def telling(url: str, keyring: Keyring) -> Iterator[Database]:
    """The test's database, opened for notices."""
    opened = Database(url, keyring, notices=True)
    yield opened
    opened.close()


def kinds(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(NoticeRow.kind).order_by(NoticeRow.id)))


def send_in(database: Database) -> None:
    act(database, submission=application("T1", REFERENCE))


def test_a_submission_is_to_be_told_of(telling: Database) -> None:
    send_in(telling)
    with telling.reading() as session:
        (row,) = session.execute(select(NoticeRow.__table__)).all()
    assert tuple(row) == (1, NOON, "submission", "sala", NOON, 0, None)
    (notice,) = notices.waiting(telling)
    assert (notice.municipality, notice.created_at, notice.owed) == ("sala", NOON, None)


def test_where_notices_are_off_nothing_is_kept(database: Database) -> None:
    send_in(database)
    act(database, Addition(REFERENCE, None, "Mer", None), at=LATER)
    assert (kinds(database), notices.waiting(database)) == ([], [])


ADDED: dict[str, Callable[[Database], object]] = {
    "told unasked": lambda database: act(database, Addition(REFERENCE, None, "Mer", None), at=LATER),
    "withdrawn": lambda database: act(database, Withdrawal(REFERENCE, None), at=LATER),
}


@pytest.mark.parametrize("name", ADDED)
def test_what_is_added_is_to_be_told_of(name: str, telling: Database) -> None:
    send_in(telling)
    ADDED[name](telling)
    assert kinds(telling) == ["submission", "addition"]


def test_of_a_request_that_is_answered_staff_are_told_and_not_of_their_own_question(telling: Database) -> None:
    send_in(telling)
    additions.ask(telling, REFERENCE, "Vilken skola?", actor="anna", at=LATER)
    assert kinds(telling) == ["submission"]
    (asked,) = additions.open_requests_of(telling, REFERENCE)
    act(telling, Addition(REFERENCE, asked.id, "Byskolan", None), at=LATER)
    assert kinds(telling) == ["submission", "addition"]


@pytest.mark.parametrize("answer", ["approved", "declined"])
def test_of_the_other_guardians_answer_staff_are_told(answer: str, telling: Database) -> None:
    hand_over(telling, TOKEN)
    assert kinds(telling) == []
    act(telling, BatonAnswer(TOKEN, 1, "approved"), submission=application(TOKEN))
    assert kinds(telling) == ["submission"]
    act(telling, BatonAnswer(TOKEN, 2, answer), at=LATER)
    assert kinds(telling) == ["submission", "addition"]


def test_an_answer_from_before_the_submission_comes_with_it(telling: Database) -> None:
    hand_over(telling, TOKEN)
    act(telling, BatonAnswer(TOKEN, 2, "declined", "Nej"))
    assert kinds(telling) == []
    act(telling, BatonAnswer(TOKEN, 1, "approved"), submission=application(TOKEN), at=LATER)
    assert kinds(telling) == ["submission"]


def test_that_no_answer_came_is_to_be_told_of(telling: Database) -> None:
    hand_over(telling, TOKEN)
    act(telling, BatonAnswer(TOKEN, 1, "approved"), submission=application(TOKEN))
    batons.expire(telling, AFTER)
    assert kinds(telling) == ["submission", "addition"]


def test_a_turn_that_was_not_saved_is_not_told_of(telling: Database) -> None:
    with pytest.raises(ConversationChangedError):
        act(telling, Addition("AB2CDE3G", None, "Mer", None), submission=application("T1", REFERENCE))
    assert (kinds(telling), rows(telling)["submissions"]) == ([], 0)
    send_in(telling)
    with pytest.raises(ConversationChangedError):
        send_in(telling)
    assert kinds(telling) == ["submission"]


def test_what_waits_is_postponed_and_goes(telling: Database) -> None:
    send_in(telling)
    act(telling, Addition(REFERENCE, None, "Mer", None), at=LATER)
    first, second = notices.waiting(telling)
    notices.postpone(telling, [first.id], LATER, None)
    notices.postpone(telling, [first.id], AFTER, ["b", "a"])
    found = notices.waiting(telling)
    assert [(one.id, one.tries, one.due_at, one.owed) for one in found] == [
        (first.id, 2, AFTER, {"a", "b"}),
        (second.id, 0, LATER, None),
    ]
    assert notices.remove_older(telling, LATER) == 1
    assert [one.id for one in notices.waiting(telling)] == [second.id]
    notices.remove(telling, [second.id])
    assert (notices.waiting(telling), notices.remove_older(telling, AFTER)) == ([], 0)


def test_the_number_of_one_that_is_gone_is_not_given_again(telling: Database) -> None:
    """Whoever has just told of it removes it by its number."""
    send_in(telling)
    (first,) = notices.waiting(telling)
    notices.remove(telling, [first.id])
    act(telling, Addition(REFERENCE, None, "Mer", None), at=LATER)
    assert [one.id for one in notices.waiting(telling)] == [first.id + 1]
