"""Missed questions: kept with the turn that missed them, thirty days, without who asked."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from storage import conversations, missed_questions
from storage.conversations import Conversation, ConversationChangedError
from storage.database import Database
from storage.missed_questions import DAYS_KEPT, ListedQuestion, MissedQuestion
from storage.tables import MissedQuestionRow

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PARKING = MissedQuestion("var kan man parkera", "sv", "sala", "no_answer")
COST = MissedQuestion("what is it per # hours", "en", None, "not_helped", (("cost", "kontaktgrupp"),))


def ask(database: Database, question: MissedQuestion, at: datetime, sender: str) -> None:
    before = Conversation("web", sender)
    conversations.save(database, before, before, message_id="1", response={}, at=at, missed=question)


def test_missed_questions_are_listed_newest_first(database: Database) -> None:
    assert missed_questions.listing(database, NOON) == []
    ask(database, PARKING, NOON, "somebody")
    ask(database, COST, NOON + DAY, "somebody else")
    assert missed_questions.listing(database, NOON + DAY) == [
        ListedQuestion(COST, date(2026, 3, 3)),
        ListedQuestion(PARKING, date(2026, 3, 2)),
    ]


@pytest.mark.parametrize(("days", "kept"), [(0, True), (DAYS_KEPT, True), (DAYS_KEPT + 1, False)])
def test_they_are_shown_for_thirty_days(database: Database, days: int, kept: bool) -> None:
    ask(database, PARKING, NOON, "somebody")
    assert bool(missed_questions.listing(database, NOON + days * DAY)) is kept


def test_a_new_one_takes_the_old_ones_with_it(database: Database) -> None:
    ask(database, PARKING, NOON, "somebody")
    ask(database, COST, NOON + (DAYS_KEPT + 1) * DAY, "somebody else")
    with database.reading() as session:
        assert len(session.scalars(select(MissedQuestionRow)).all()) == 1


def test_a_turn_that_is_not_saved_keeps_no_question(database: Database) -> None:
    ask(database, PARKING, NOON, "somebody")
    with pytest.raises(ConversationChangedError):
        ask(database, COST, NOON, "somebody")
    assert [listed.question for listed in missed_questions.listing(database, NOON)] == [PARKING]
