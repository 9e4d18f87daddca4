"""What is looked up in a turn, or by a click, is looked up by an index, however many rows there are."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from storage import additions, batons, conversations, status_codes, submissions
from storage.batons import BatonAnswer, BatonReminded, BatonSaved, NewLink
from storage.conversations import Conversation
from storage.database import Database
from storage.transfers import NewTransfer
from tests.storage.families import AFTER, ANSWERS, DRAFT, NOON, act, application, hand_over, take

TOKEN, REFERENCE = "ABCDEFGHJK", "AB2CDE3F"


@pytest.fixture
def backend() -> str:
    """SQLite tells how it looks something up whatever the number of rows; PostgreSQL scans small tables."""
    return "sqlite"


LOOK_UPS: dict[str, Callable[[Database, NewLink], Any]] = {
    "a conversation with its draft": lambda database, link: conversations.find(database, "web", "a"),
    "a turn with a draft": lambda database, link: conversations.save(
        database, Conversation("web", "b"), Conversation("web", "b", draft=DRAFT), message_id="1", response={}, at=NOON
    ),
    "a baton": lambda database, link: batons.find(database, TOKEN, NOON),
    "a link": lambda database, link: batons.open_link(database, link.token, link.code, at=NOON),
    "a correction": lambda database, link: act(database, BatonSaved(TOKEN, ANSWERS, {})),
    "an answer": lambda database, link: act(database, BatonAnswer(TOKEN, 1, "declined")),
    "an approval": lambda database, link: act(
        database, BatonAnswer(TOKEN, 2, "approved"), submission=application(TOKEN)
    ),
    "a reminder": lambda database, link: act(database, BatonReminded(TOKEN, 1)),
    "reminders": lambda database, link: batons.due_for_reminder(
        database, NOON + timedelta(days=9), after=timedelta(days=7)
    ),
    "expiry": lambda database, link: batons.expire(database, AFTER),
    "links for staff": lambda database, link: batons.links_of_submission(database, REFERENCE, NOON),
    "a status": lambda database, link: status_codes.status_of(database, REFERENCE, "123456", at=NOON),
    "a wrong code": lambda database, link: status_codes.status_of(database, REFERENCE, "123457", at=NOON),
    "asking": lambda database, link: additions.ask(database, REFERENCE, "Vad?", actor="anna", at=NOON),
    "what is asked for": lambda database, link: additions.open_requests_of(database, REFERENCE),
    "adding": lambda database, link: act(database, additions.Addition(REFERENCE, None, "Mer", None)),
    "withdrawing": lambda database, link: act(database, additions.Withdrawal(REFERENCE, None)),
    "opening": lambda database, link: submissions.open_submission(database, REFERENCE, actor="anna", at=NOON),
    "a new transfer": lambda database, link: act(database, NewTransfer("other", DRAFT)),
    "taking a transfer": lambda database, link: take(database, "token"),
}


@pytest.mark.parametrize("name", LOOK_UPS)
def test_nothing_is_looked_for_in_a_whole_table(name: str, database: Database) -> None:
    (link, _) = hand_over(database, TOKEN)
    act(database, NewTransfer("token", DRAFT), submission=application("T1", REFERENCE))
    sent: list[tuple[str, Any]] = []
    with database.reading() as session:
        engine = session.get_bind()
    assert isinstance(engine, Engine)
    event.listen(engine, "before_cursor_execute", lambda *said: sent.append((said[2], said[3])))
    LOOK_UPS[name](database, link)
    plans = []
    with engine.connect() as connection:
        for statement, values in [one for one in sent if one[0].startswith(("SELECT", "UPDATE", "DELETE"))]:
            explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plans += [(row[3], statement) for row in explained]
        assert connection.execute(text("SELECT count(*) FROM batons")).scalar() == 1
    assert plans
    assert [plan for plan in plans if plan[0].startswith("SCAN") and not plan[0].startswith("SCAN CONSTANT")] == []
