"""A round through the conversations of a channel: each once, with its draft; what cannot be read stops nothing."""

from dataclasses import replace

from sqlalchemy import update
from structlog.testing import capture_logs

from storage import conversations
from storage.conversation_rounds import Remembered, conversations_of
from storage.conversations import Conversation
from storage.database import Database
from storage.tables import ConversationRow
from tests.storage.families import DRAFT, NOON


def begin(database: Database, channel: str, sender: str, *, drafting: bool = False) -> Remembered:
    before = Conversation(channel, sender)
    draft = replace(DRAFT, token=conversations.make_draft_token()) if drafting else None
    after = replace(before, state={"sender": sender}, draft=draft)
    conversations.save(database, before, after, message_id="1", response={}, at=NOON)
    return Remembered({"sender": sender}, draft)


def test_each_conversation_of_a_channel_is_seen_once_in_order(database: Database) -> None:
    expected = [begin(database, "telegram", f"{number}", drafting=number % 3 == 0) for number in range(230)]
    begin(database, "web", "somebody", drafting=True)
    assert list(conversations_of(database, "telegram")) == expected
    assert list(conversations_of(database, "terminal")) == []


def test_one_that_cannot_be_opened_is_passed_and_told(database: Database) -> None:
    first, _, last = (begin(database, "telegram", sender) for sender in "abc")
    with database.transaction() as session:
        session.execute(update(ConversationRow).where(ConversationRow.id == 2).values(state_sealed=b"\x01damaged"))
    with capture_logs() as logged:
        assert list(conversations_of(database, "telegram")) == [first, last]
    assert [(one["event"], one["row"]) for one in logged] == [("conversation.unreadable", 2)]
