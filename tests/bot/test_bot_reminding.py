"""What Telegram may say first: one neutral line, once, by day, to whom a reply is owed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from talking import APPLICATION, CONTACT, Talking

from bot.scene import State
from storage import additions, deliveries
from storage.database import Database

NEUTRAL = "Du har ett nytt meddelande i Kontakt."


@pytest.fixture
def there(talking: Talking) -> Talking:
    """The resident in Telegram, where replies are pushed."""
    return replace(talking, channel="telegram", sender="42", reply_to="4242")


def _pushed(database: Database, at: datetime) -> list[str]:
    """What is to be sent, taken out of the outbox."""
    rows = deliveries.due(database, "telegram", at, limit=1000, per_recipient=1000)
    for row in rows:
        deliveries.delivered(database, row.id)
    assert {row.recipient for row in rows} <= {"4242"}
    return [row.payload["text"] for row in rows]


def test_a_draft_near_its_end_is_reminded_of_once(there: Talking, database: Database) -> None:
    there.begin("kontakta_mig")
    _pushed(database, there.now)
    assert there.dialogue.remind("telegram", there.now + timedelta(days=20)) == 0
    later = there.now + timedelta(days=28)
    assert there.dialogue.remind("telegram", later) == 1
    (line,) = _pushed(database, later)
    assert (
        line == "Du har något påbörjat i Kontakt. Det glöms efter 2026-12-20. Skriv ”fortsätt” om du vill göra klart."
    )
    assert there.dialogue.remind("telegram", later) == 0
    assert there.dialogue.remind("telegram", later + timedelta(days=1)) == 0
    assert there.draft.answers == {"skyddade_uppgifter": "nej"}


def test_a_reminder_changes_nothing_of_what_was_open(there: Talking) -> None:
    there.begin("kontakta_mig")
    there.say("avbryt")
    before = State.from_json(there.kept.state)
    there.dialogue.remind("telegram", there.now + timedelta(days=28))
    after = State.from_json(there.kept.state)
    assert replace(after, told=()) == before
    assert after.pending == "cancel"


def test_nobody_is_written_to_at_night(there: Talking) -> None:
    there.begin("kontakta_mig")
    night = datetime(2026, 12, 18, 23, tzinfo=UTC)
    assert there.dialogue.remind("telegram", night) == 0


def test_nothing_is_pushed_in_the_web_chat(talking: Talking) -> None:
    talking.begin("kontakta_mig")
    assert talking.dialogue.remind("web", talking.now + timedelta(days=28)) == 0
    assert State.from_json(talking.kept.state).reach is None


def test_a_question_from_staff_is_announced_without_a_word_of_it(there: Talking, database: Database) -> None:
    reference, _ = there.send("kontakta_mig", CONTACT)
    _pushed(database, there.now)
    additions.ask(database, reference, "När passar det att ringa?", actor="handläggare", at=there.now)
    assert there.dialogue.remind("telegram", there.now) == 1
    assert _pushed(database, there.now) == [NEUTRAL]
    assert there.dialogue.remind("telegram", there.now + timedelta(days=9)) == 0
    there.labels["Visa"] = "c:my_data"
    assert "har en fråga till dig" in there.tap("Visa")


def test_where_to_write_is_forgotten_with_what_is_owed(there: Talking) -> None:
    there.begin("kontakta_mig")
    assert State.from_json(there.kept.state).reach == ("42", "4242")
    there.say("avbryt")
    there.tap("Ja, radera svaren")
    assert State.from_json(there.kept.state).reach is None


def test_the_reminder_takes_the_language_of_the_conversation(there: Talking, database: Database) -> None:
    there.say(choice="c:language:en")
    there.say(choice="f:kontakta_mig", municipality="sala")
    _pushed(database, there.now)
    there.dialogue.remind("telegram", there.now + timedelta(days=29))
    assert _pushed(database, there.now + timedelta(days=29))[0].startswith("You have begun something in Kontakt.")


def test_what_others_have_begun_is_not_mixed_up(there: Talking, database: Database) -> None:
    there.begin("kontakta_mig")
    other = replace(there, channel="web", sender="b", reply_to=None, labels={}, last=None)
    other.send("ansokan_kontaktgrupp", APPLICATION)
    _pushed(database, there.now)
    assert there.dialogue.remind("telegram", there.now + timedelta(days=28)) == 1
