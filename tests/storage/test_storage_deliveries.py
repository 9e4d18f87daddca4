"""Inbox and outbox: what came in is there until handled, what is owed is there until delivered, in order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from storage import conversations, deliveries
from storage.conversations import Conversation
from storage.database import Database
from storage.deliveries import Outgoing
from storage.tables import InboxRow

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def receive(database: Database, message: str, sender: str = "77") -> bool:
    return deliveries.receive(database, "telegram", message, {"text": f"hej {message}"}, NOON, sender=sender)


def waiting(database: Database) -> list[str]:
    return [message.message_id for message in deliveries.waiting(database, "telegram")]


def test_a_message_is_received_once_and_waits_over_a_restart(open_database: Callable[[], Database]) -> None:
    database = open_database()
    assert [receive(database, message) for message in ("3", "1", "3", "2")] == [True, True, False, True]
    database.close()
    restarted = open_database()
    assert waiting(restarted) == ["3", "1", "2"]
    first = deliveries.waiting(restarted, "telegram", limit=1)
    assert [(m.channel, m.sender, m.payload, m.received_at) for m in first] == [
        ("telegram", "77", {"text": "hej 3"}, NOON)
    ]
    assert deliveries.waiting(restarted, "web") == []


@pytest.mark.parametrize("how", ["saved", "dismissed"])
def test_a_handled_message_waits_no_more_and_its_payload_goes(how: str, database: Database) -> None:
    receive(database, "1")
    receive(database, "2")
    if how == "saved":
        before = Conversation("telegram", "77")
        conversations.save(database, before, before, message_id="1", response={"n": 1}, at=NOON)
    else:
        deliveries.dismiss(database, "telegram", "1", NOON, sender="77")
    assert waiting(database) == ["2"]
    assert receive(database, "1") is False
    expected = {"n": 1} if how == "saved" else {}
    assert conversations.handled(database, "telegram", "77", "1") == expected
    assert conversations.handled(database, "telegram", "77", "2") is None
    with database.reading() as session:
        payloads = session.scalars(select(InboxRow.payload_sealed).order_by(InboxRow.id)).all()
    assert payloads[0] is None and payloads[1] is not None


def test_handled_messages_are_forgotten_after_a_while(database: Database) -> None:
    for number, message in enumerate(("1", "2", "3")):
        receive(database, message)
        if message != "3":
            deliveries.dismiss(database, "telegram", message, NOON + number * MINUTE, sender="77")
    assert deliveries.forget_handled(database, NOON + MINUTE) == 1
    assert [conversations.handled(database, "telegram", "77", message) for message in "123"] == [
        None,
        {},
        None,
    ]
    assert waiting(database) == ["3"]


def due(database: Database, now: datetime = NOON) -> list[tuple[str, object, int]]:
    return [(row.recipient, row.payload["n"], row.attempts) for row in deliveries.due(database, "telegram", now)]


def test_replies_are_due_in_order_until_delivered(open_database: Callable[[], Database]) -> None:
    database = open_database()
    deliveries.send_later(database, "telegram", [Outgoing("77", {"n": n}) for n in range(3)], NOON)
    deliveries.send_later(database, "web", [Outgoing("77", {"n": 9})], NOON)
    assert due(database, NOON - MINUTE) == []
    first, _, third = deliveries.due(database, "telegram", NOON)
    deliveries.delivered(database, first.id)
    deliveries.delivered(database, first.id)
    deliveries.give_up(database, third.id)
    database.close()
    assert due(open_database()) == [("77", 1, 0)]


def test_a_postponed_reply_holds_its_recipient_and_nobody_else(database: Database) -> None:
    deliveries.send_later(
        database,
        "telegram",
        [Outgoing("77", {"n": 1}), Outgoing("88", {"n": 2}), Outgoing("77", {"n": 3})],
        NOON,
    )
    held = deliveries.due(database, "telegram", NOON)[0]
    deliveries.postpone(database, held.id, NOON + 6 * MINUTE)
    assert due(database) == [("88", 2, 0)]
    assert due(database, NOON + 6 * MINUTE) == [("77", 1, 1), ("88", 2, 0), ("77", 3, 0)]


def test_a_row_number_is_never_used_again(database: Database) -> None:
    """Else a late `delivered` could take away the next reply."""
    deliveries.send_later(database, "telegram", [Outgoing("77", {"n": 1})], NOON)
    (first,) = deliveries.due(database, "telegram", NOON)
    deliveries.delivered(database, first.id)
    deliveries.send_later(database, "telegram", [Outgoing("77", {"n": 2})], NOON)
    deliveries.delivered(database, first.id)
    assert due(database) == [("77", 2, 0)]
