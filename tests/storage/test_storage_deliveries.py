"""Inbox and outbox: what came in is there until handled, what is owed is there until delivered, in order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from storage import conversations, deliveries
from storage.conversations import Conversation
from storage.database import Database
from storage.deliveries import Outgoing
from storage.encryption import UnknownKeyError, keyring_from_texts, new_key_line
from storage.tables import InboxRow, OutboxRow

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
    deliveries.delivered(database, third.id)
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


@pytest.mark.parametrize("sealed", [None, b"", b"damaged", "moved"])
def test_a_message_that_does_not_open_stops_no_other(sealed: bytes | str | None, database: Database) -> None:
    for message in ("1", "2"):
        receive(database, message)
    value = database.keyring.seal_json({}, "inbox:payload") if sealed == "moved" else sealed
    with database.transaction() as session:
        session.execute(update(InboxRow).where(InboxRow.id == 1).values(payload_sealed=value))
    with capture_logs() as logged:
        assert waiting(database) == ["2"]
        assert waiting(database) == ["2"]
    assert [(one["event"], one["row"]) for one in logged] == [("inbox.unreadable", 1)]


def test_a_reply_that_does_not_open_stops_no_other(database: Database) -> None:
    deliveries.send_later(database, "telegram", [Outgoing("77", {"n": 1}), Outgoing("77", {"n": 2})], NOON)
    with database.transaction() as session:
        session.execute(update(OutboxRow).where(OutboxRow.id == 1).values(content_sealed=b"damaged"))
    with capture_logs() as logged:
        assert due(database) == [("77", 2, 0)]
        assert due(database) == [("77", 2, 0)]
    assert [(one["event"], one["row"]) for one in logged] == [("outbox.unreadable", 1)]


def test_what_only_another_process_has_the_key_of_is_left_for_it(
    url: str, key_directory: Path, open_database: Callable[[], Database]
) -> None:
    """Keys that come as settings are those that a program was started with: others may have a newer one by now."""
    lines = [(key_directory / name).read_text() for name in ("encryption.keys", "lookup.key", "session.key")]
    database = open_database()
    behind = Database(url, keyring_from_texts(*lines))
    ahead = Database(url, keyring_from_texts(new_key_line() + lines[0], *lines[1:]))
    for number, known in enumerate((behind, ahead, behind)):
        deliveries.receive(known, "telegram", f"{number}", {"n": number}, NOON, sender="77")
        deliveries.send_later(known, "telegram", [Outgoing("77", {"n": number})], NOON)
    with capture_logs() as logged:
        for _ in range(2):
            with pytest.raises(UnknownKeyError):
                deliveries.waiting(behind, "telegram")
            with pytest.raises(UnknownKeyError):
                deliveries.due(behind, "telegram", NOON)
    assert logged == []
    assert waiting(ahead) == ["0", "1", "2"]
    assert [row.payload["n"] for row in deliveries.due(ahead, "telegram", NOON)] == [0, 1, 2]
    for opened in (behind, ahead, database):
        opened.close()


def test_nobody_fills_the_lists_alone(database: Database) -> None:
    for number in range(20):
        receive(database, f"a{number}")
    receive(database, "b", sender="88")
    deliveries.send_later(database, "telegram", [Outgoing("77", {"n": n}) for n in range(20)], NOON)
    deliveries.send_later(database, "telegram", [Outgoing("88", {"n": 0})], NOON)
    incoming = deliveries.waiting(database, "telegram", limit=10, per_sender=3)
    assert [one.message_id for one in incoming] == ["a0", "a1", "a2", "b"]
    replies = deliveries.due(database, "telegram", NOON, limit=10, per_recipient=3)
    assert [(one.recipient, one.payload["n"]) for one in replies] == [("77", 0), ("77", 1), ("77", 2), ("88", 0)]


def test_a_reply_knows_its_age_and_a_wait_asked_for_is_no_attempt(database: Database) -> None:
    deliveries.send_later(database, "telegram", [Outgoing("77", {"n": 1})], NOON)
    for number, failed in enumerate((False, True, False)):
        (row,) = deliveries.due(database, "telegram", NOON + number * MINUTE)
        deliveries.postpone(database, row.id, NOON + (number + 1) * MINUTE, failed=failed)
    (row,) = deliveries.due(database, "telegram", NOON + 3 * MINUTE)
    assert (row.attempts, row.queued_at) == (1, NOON)


def test_a_dismissed_message_may_be_answered_once(database: Database) -> None:
    receive(database, "1")
    for _ in range(2):
        deliveries.dismiss(database, "telegram", "1", NOON, sender="77", outbox=[Outgoing("77", {"n": 1})])
    assert due(database) == [("77", 1, 0)]


def test_those_who_are_being_served_are_left_out(database: Database) -> None:
    for number, sender in enumerate(("77", "88", "77", "99")):
        receive(database, f"{number}", sender)
        deliveries.send_later(database, "telegram", [Outgoing(sender, {"n": number})], NOON)
    incoming = deliveries.waiting(database, "telegram", without={"77", "99"})
    assert [one.message_id for one in incoming] == ["1"]
    assert [one.payload["n"] for one in deliveries.due(database, "telegram", NOON, without={"88"})] == [0, 2, 3]
    assert deliveries.due(database, "telegram", NOON, without={"77", "88", "99"}) == []
    assert deliveries.waiting(database, "telegram", limit=1, without={"77"})[0].message_id == "1"
