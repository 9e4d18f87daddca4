"""Links to batons: only with their code, five tries, until they expire; neither link nor code can be read anywhere."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from storage import batons
from storage.baton_tables import BatonLinkRow
from storage.batons import (
    TRIES,
    BatonAnswer,
    LinkExpiredError,
    LinkLockedError,
    LinkReplaced,
    LinkUnknownError,
    NewLink,
    WrongCodeError,
    make_link,
)
from storage.conversations import ConversationChangedError
from storage.database import Database, DatabaseError
from tests.storage.families import ANSWERS, EXPIRES, NOON, act, hand_over

TOKEN = "ABCDEFGHJK"
LATER = NOON + timedelta(hours=1)
SECOND = timedelta(seconds=1)


def wrong(link: NewLink, number: int = 1) -> str:
    return f"{(int(link.code) + number) % 10**6:06}"


def states(database: Database) -> list[str]:
    baton = batons.find(database, TOKEN, LATER)
    assert baton is not None
    return [link.state for link in baton.links]


def test_links_and_codes_cannot_be_guessed_from_each_other() -> None:
    made = [make_link("Anna") for _ in range(300)]
    assert len({link.token for link in made}) == 300 and len({link.code for link in made}) > 290
    assert all(len(link.token) == 24 and link.token.replace("-", "").replace("_", "").isalnum() for link in made)
    assert all(len(link.code) == 6 and link.code.isdecimal() for link in made)


def test_a_link_opens_with_its_code_as_often_as_one_likes(database: Database) -> None:
    first, second = hand_over(database, TOKEN)
    for at in (LATER, LATER + SECOND):
        opened = batons.open_link(database, second.token, second.code, at=at)
        assert (opened.number, opened.baton.token, opened.baton.answers) == (2, TOKEN, ANSWERS)
        assert opened.baton.links[1].opened_at == LATER
    assert states(database) == ["waiting", "opened"]
    act(database, BatonAnswer(TOKEN, 1, "declined"))
    assert batons.open_link(database, first.token, first.code, at=LATER).baton.links[0].state == "declined"


UNKNOWN = ["", "x", "\x00", "\ud800", "A" * 24, "' OR 1=1 --", "å" * 10**5]


@pytest.mark.parametrize("token", UNKNOWN, ids=range(len(UNKNOWN)))
def test_an_unknown_link_opens_nothing(token: str, database: Database) -> None:
    hand_over(database, TOKEN)
    with pytest.raises(LinkUnknownError):
        batons.open_link(database, token, "123456", at=LATER)


def test_codes_of_other_links_do_not_open_this_one(database: Database) -> None:
    first, second = hand_over(database, TOKEN)
    for code in (second.code if second.code != first.code else wrong(first), "", "\ud800", first.code + "0", TOKEN):
        with pytest.raises(WrongCodeError):
            batons.open_link(database, first.token, code, at=LATER)


def test_five_wrong_codes_lock_one_link_alone(database: Database) -> None:
    first, second = hand_over(database, TOKEN)
    left = []
    for number in range(TRIES):
        with pytest.raises(WrongCodeError) as error:
            batons.open_link(database, first.token, wrong(first, number + 1), at=LATER)
        left.append(error.value.tries_left)
    assert left == [4, 3, 2, 1, 0]
    for code in (first.code, wrong(first)):
        with pytest.raises(LinkLockedError):
            batons.open_link(database, first.token, code, at=LATER + timedelta(days=3))
    assert batons.open_link(database, second.token, second.code, at=LATER).number == 2
    baton = batons.find(database, TOKEN, LATER)
    assert baton is not None and [link.locked for link in baton.links] == [True, False]
    assert states(database) == ["waiting", "opened"]


def test_the_right_code_forgives_the_wrong_ones(database: Database) -> None:
    (link,) = hand_over(database, TOKEN, ("Anna",))
    for _ in range(3):
        for number in range(TRIES - 1):
            with pytest.raises(WrongCodeError):
                batons.open_link(database, link.token, wrong(link, number + 1), at=LATER)
        assert batons.open_link(database, link.token, link.code, at=LATER).number == 1


def test_a_locked_link_is_replaced(database: Database) -> None:
    first, second = hand_over(database, TOKEN)
    for number in range(TRIES):
        with pytest.raises(WrongCodeError):
            batons.open_link(database, first.token, wrong(first, number + 1), at=LATER)
    new = make_link("Anna, igen")
    act(database, LinkReplaced(TOKEN, 1, new))
    with pytest.raises(LinkUnknownError):
        batons.open_link(database, first.token, first.code, at=LATER)
    opened = batons.open_link(database, new.token, new.code, at=LATER)
    assert (opened.number, opened.baton.links[0].called, opened.baton.links[0].locked) == (1, "Anna, igen", False)
    assert batons.open_link(database, second.token, second.code, at=LATER).number == 2


def test_a_link_expires_whatever_the_code(database: Database) -> None:
    (link,) = hand_over(database, TOKEN, ("Anna",))
    assert batons.open_link(database, link.token, link.code, at=EXPIRES - SECOND).number == 1
    for code in (link.code, wrong(link)):
        with pytest.raises(LinkExpiredError):
            batons.open_link(database, link.token, code, at=EXPIRES)


@pytest.mark.parametrize("right", [True, False])
def test_a_code_guessed_in_parallel_has_five_tries(right: bool, open_database: Callable[[], Database]) -> None:
    """Through two open databases, as two processes would. With the right code among the guesses it may have opened."""
    opened = [open_database(), open_database()]
    (link,) = hand_over(opened[0], TOKEN, ("Anna",))
    start, outcomes = threading.Barrier(16), list[str]()

    def guess(number: int) -> None:
        code = link.code if right and number == 7 else wrong(link, number + 1)
        start.wait()
        try:
            batons.open_link(opened[number % 2], link.token, code, at=LATER)
            outcomes.append("opened")
        except (WrongCodeError, LinkLockedError) as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 16
    before = outcomes.index("opened") if "opened" in outcomes else 16
    tried = outcomes.count("WrongCodeError")
    assert tried == TRIES if before == 16 else TRIES <= tried <= 2 * TRIES - 1
    with pytest.raises(LinkLockedError):
        batons.open_link(opened[0], link.token, link.code, at=LATER)


def test_an_answer_is_not_undone_by_opening_at_the_same_moment(open_database: Callable[[], Database]) -> None:
    opened = [open_database(), open_database()]
    for number in range(10):
        token = f"{TOKEN[:9]}{number + 2}"
        (link,) = hand_over(opened[0], token, ("Anna",))
        start = threading.Barrier(2)

        def answer(token: str = token, start: Any = start) -> None:
            start.wait()
            act(opened[0], BatonAnswer(token, 1, "declined"))

        def look(link: NewLink = link, start: Any = start) -> None:
            start.wait()
            batons.open_link(opened[1], link.token, link.code, at=LATER)

        threads = [threading.Thread(target=answer), threading.Thread(target=look)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        baton = batons.find(opened[0], token, LATER)
        assert baton is not None and [one.state for one in baton.links] == ["declined"]


def test_one_link_cannot_be_had_for_two_guardians(database: Database) -> None:
    first, _ = hand_over(database, TOKEN)
    with database.reading() as session:
        before = session.scalars(select(BatonLinkRow.link_key).order_by(BatonLinkRow.id)).all()
    with pytest.raises(DatabaseError, match="cannot be saved"):
        act(database, LinkReplaced(TOKEN, 2, first))
    with database.reading() as session:
        assert session.scalars(select(BatonLinkRow.link_key).order_by(BatonLinkRow.id)).all() == before


def test_a_link_of_a_baton_that_is_gone_is_unknown(database: Database) -> None:
    (link,) = hand_over(database, TOKEN, ("Anna",))
    with database.transaction() as session:
        session.delete(session.scalars(select(BatonLinkRow)).one())
    with pytest.raises(LinkUnknownError):
        batons.open_link(database, link.token, link.code, at=LATER)
    with pytest.raises(ConversationChangedError):
        act(database, BatonAnswer(TOKEN, 1, "approved"))
