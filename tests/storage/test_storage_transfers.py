"""Transfers: a draft goes on elsewhere at the same question, once, within a quarter of an hour; nothing is lost."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import conversations, transfers
from storage.baton_tables import TransferRow
from storage.conversations import Conversation, ConversationChangedError, Draft
from storage.database import Database
from storage.effects import EffectRefusedError
from storage.transfers import LIFETIME, NewTransfer, make_transfer_token
from tests.storage.families import FORM, NOON, act, take

DRAFT = Draft(
    token="ABCDEFGHJK",
    form_id="kontakta_mig",
    form_version=2,
    answers={"namn": "Åsa \ud800\x00", "telefon": None},
    asking="epost",
    started_at=NOON,
    updated_at=NOON + timedelta(minutes=1, microseconds=1),
    form=FORM,
    given={"namn": {"by": "vuxen_sjalv", "at": "2026-03-02T12:00:00+00:00"}},
    tries={"epost": 1},
)
SECOND = timedelta(seconds=1)


class Refused:
    """An effect that is always refused."""

    def write(self, session: Session, at: datetime) -> None:
        raise EffectRefusedError


def begin(database: Database, draft: Draft | None = DRAFT) -> Conversation:
    """A conversation in Telegram whose latest turn made the transfer `token`."""
    before = Conversation("telegram", "77")
    now = conversations.save(database, before, replace(before, draft=draft), message_id="1", response={}, at=NOON)
    effects = [NewTransfer("token", DRAFT)]
    return conversations.save(database, now, now, message_id="2", response={"n": 2}, at=NOON, effects=effects)


def left(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(TransferRow)) or 0


@pytest.mark.parametrize("draft", [DRAFT, replace(DRAFT, form=None, given={}, tries={}, baton="BBBBBBBBBB")])
def test_a_draft_is_taken_whole_and_once_also_after_a_restart(
    draft: Draft, open_database: Callable[[], Database]
) -> None:
    database = open_database()
    act(database, NewTransfer("token", draft))
    database.close()
    restarted = open_database()
    assert take(restarted, "token", NOON + LIFETIME - SECOND) == draft
    assert take(restarted, "token") is None
    assert left(restarted) == 0


def test_it_goes_on_where_it_is_taken_and_nowhere_else(database: Database) -> None:
    begin(database)
    carried, web = transfers.carried(database, "token", at=NOON + SECOND), Conversation("web", "a")
    assert carried is not None and carried.draft == DRAFT
    assert conversations.find(database, "telegram", "77").draft == DRAFT
    arrived = replace(web, draft=carried.draft)
    conversations.save(database, web, arrived, message_id="1", response={}, at=NOON + SECOND, effects=[carried])
    old = conversations.find(database, "telegram", "77")
    assert (old.draft, old.version) == (None, 3)
    assert conversations.handled(database, "telegram", "77", "2") == {}
    assert conversations.find(database, "web", "a").draft == DRAFT
    assert transfers.carried(database, "token", at=NOON + SECOND) is None


def test_a_turn_that_fails_leaves_the_draft_where_it_was(database: Database) -> None:
    """The taking is in the turn's transaction: what is refused last undoes it."""
    begin(database)
    carried, web = transfers.carried(database, "token", at=NOON), Conversation("web", "a")
    assert carried is not None
    with pytest.raises(ConversationChangedError):
        conversations.save(
            database,
            web,
            replace(web, draft=carried.draft),
            message_id="1",
            response={},
            at=NOON,
            effects=[carried, Refused()],
        )
    assert conversations.find(database, "telegram", "77").draft == DRAFT
    assert conversations.find(database, "web", "a").version == 0
    assert transfers.carried(database, "token", at=NOON) == carried


def test_what_was_answered_meanwhile_is_read_again_first(database: Database) -> None:
    now = begin(database)
    carried = transfers.carried(database, "token", at=NOON)
    newer = replace(DRAFT, answers={**DRAFT.answers, "epost": "asa@example.com"}, asking="tider")
    conversations.save(database, now, replace(now, draft=newer), message_id="3", response={}, at=NOON)
    assert carried is not None
    with pytest.raises(ConversationChangedError):
        act(database, carried)
    assert conversations.find(database, "telegram", "77").draft == newer
    assert take(database, "token") == newer


def test_what_was_answered_after_the_link_was_made_comes_along(database: Database) -> None:
    now = begin(database)
    newer = replace(DRAFT, answers={**DRAFT.answers, "epost": "asa@example.com"}, asking="tider")
    conversations.save(database, now, replace(now, draft=newer), message_id="3", response={}, at=NOON)
    assert take(database, "token") == newer


def test_a_turn_that_has_just_read_the_draft_does_not_bring_it_back(database: Database) -> None:
    now = begin(database)
    assert take(database, "token") is not None
    with pytest.raises(ConversationChangedError):
        conversations.save(database, now, replace(now, draft=DRAFT), message_id="3", response={}, at=NOON)
    assert conversations.find(database, "telegram", "77").draft is None


@pytest.mark.parametrize("elsewhere", [None, replace(DRAFT, token="BBBBBBBBBB")])
def test_another_draft_that_is_open_there_stays(elsewhere: Draft | None, database: Database) -> None:
    begin(database, elsewhere)
    assert take(database, "token") == DRAFT
    assert conversations.find(database, "telegram", "77").draft == elsewhere


def test_after_a_quarter_of_an_hour_nothing_is_taken_and_the_draft_stays(database: Database) -> None:
    begin(database)
    carried = transfers.carried(database, "token", at=NOON)
    assert transfers.carried(database, "token", at=NOON + LIFETIME) is None
    assert carried is not None
    with pytest.raises(ConversationChangedError):
        act(database, carried, at=NOON + LIFETIME)
    assert conversations.find(database, "telegram", "77").draft == DRAFT


def test_what_was_not_taken_goes_with_the_next(database: Database) -> None:
    act(database, NewTransfer("token", DRAFT))
    act(database, NewTransfer("other", DRAFT), at=NOON + LIFETIME)
    assert left(database) == 1
    assert take(database, "other", NOON + LIFETIME) == DRAFT


@pytest.mark.parametrize("token", ["", "Token", "token ", "\x00", "\ud800", "' OR 1=1 --", "å" * 10**5])
def test_an_unknown_token_takes_nothing(token: str, database: Database) -> None:
    begin(database)
    assert take(database, token) is None
    assert left(database) == 1


def test_of_many_who_take_it_at_once_one_gets_it(open_database: Callable[[], Database]) -> None:
    opened = [open_database(), open_database()]
    for _ in range(5):
        token = make_transfer_token()
        act(opened[0], NewTransfer(token, DRAFT))
        start, got = threading.Barrier(8), list[Draft | None]()

        def grab(
            number: int, token: str = token, start: threading.Barrier = start, got: list[Draft | None] = got
        ) -> None:
            start.wait()
            got.append(take(opened[number % 2], token))

        threads = [threading.Thread(target=grab, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got, key=lambda one: one is None) == [DRAFT, *[None] * 7]


def test_tokens_are_long_and_differ() -> None:
    made = {make_transfer_token() for _ in range(300)}
    assert len(made) == 300 and {len(token) for token in made} == {24}


def test_the_token_is_not_stored(database: Database) -> None:
    act(database, NewTransfer("a-token-to-look-for", DRAFT))
    with database.reading() as session:
        row = session.scalars(select(TransferRow)).one()
        assert "look-for" not in repr((row.token_key, row.content_sealed))
    with database.transaction() as session:
        assert transfers.drop_expired(session, NOON + LIFETIME) == 1
