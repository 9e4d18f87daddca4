"""Telegram over real HTTP: python-telegram-bot against a pretended Bot API on loopback."""

import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_telegram import TOKEN, FakeTelegram, channel_running, message, until
from hypothesis import given
from hypothesis import strategies as st
from telegram.constants import MessageLimit

from bot.channels import telegram
from bot.channels.telegram_messages import cut, keyboard, messages
from bot.channels.telegram_pace import Pace
from bot.dialogue import Dialogue
from bot.turn import Choice, Reply, Response, Turn
from storage import deliveries, submissions
from storage.database import Database

CHAT = 7001


def _running(fake: FakeTelegram, dialogue: Dialogue, **given: Any) -> AbstractContextManager[None]:
    """The channel with this dialogue, until the block ends."""
    values = {"respond": dialogue.respond, "database": dialogue.database, **given}
    return channel_running(fake, **values)


@pytest.fixture
def fake() -> Iterator[FakeTelegram]:
    server = FakeTelegram()
    yield server
    server.close()


@pytest.fixture
def running(fake: FakeTelegram, dialogue_alone: Dialogue) -> Iterator[FakeTelegram]:
    with _running(fake, dialogue_alone):
        yield fake


def test_the_first_message_says_that_it_is_a_machine_and_what_telegram_is(running: FakeTelegram) -> None:
    running.say(CHAT, "/start vingaker")
    text = running.wait_for(CHAT, "Jag är en dator")
    assert "utländsk tjänst" in text
    assert "Vingåkers kommun" in text
    buttons = [b["text"] for row in running.messages[CHAT][0]["reply_markup"]["inline_keyboard"] for b in row]
    assert "Prata med en människa" in buttons
    assert "setMyCommands" in running.calls


def test_a_tapped_question_is_answered_with_its_source(running: FakeTelegram) -> None:
    running.say(CHAT, "/start vingaker")
    running.wait_for(CHAT, "Jag är en dator")
    running.tap_id(CHAT, "t:cost:kontaktgrupp")
    assert "Källa: Vingåkers kommun" in running.wait_for(CHAT, "Källa")
    assert "answerCallbackQuery" in running.calls


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"edited_message": message(CHAT, text="ändrat")}, "ändrade meddelanden"),
        ({"message": message(CHAT, photo=[{
            "file_id": "a", "file_unique_id": "b", "width": 1, "height": 1}])}, "bara läsa text"),
        ({"message": message(CHAT, voice={"file_id": "a", "file_unique_id": "b", "duration": 1})}, "bara läsa text"),
        ({"message": message(CHAT, location={"latitude": 59.0, "longitude": 16.0})}, "bara läsa text"),
        ({"message": message(CHAT, contact={"phone_number": "0701740605", "first_name": "Kim"})}, "bara läsa text"),
        ({"message": message(CHAT, sticker={
            "file_id": "a", "file_unique_id": "b", "width": 1, "height": 1, "type": "regular",
            "is_animated": False, "is_video": False})}, "bara läsa text"),
    ],
    ids=["edited", "photo", "voice", "location", "contact", "sticker"],
)  # fmt: skip
def test_other_than_text_is_answered_politely(running: FakeTelegram, content: dict[str, object], words: str) -> None:
    running.update(content)
    running.wait_for(CHAT, words)


def test_a_group_is_refused_and_left(running: FakeTelegram) -> None:
    running.update({"message": message(-500, kind="group", text="hej")})
    running.wait_for(-500, "bara i privata chattar")
    until(lambda: "leaveChat" in running.calls)
    assert running.texts(500) == []


def test_an_application_is_handed_over_to_the_web_chat(running: FakeTelegram) -> None:
    running.say(CHAT, "/start vingaker")
    running.wait_for(CHAT, "Jag är en dator")
    running.tap_id(CHAT, "f:ansokan_kontaktgrupp")
    running.wait_for(CHAT, "https://chatt.example.com")


def test_an_update_sent_twice_is_answered_once(running: FakeTelegram) -> None:
    content = {"message": message(CHAT, text="/hjalp")}
    update_id = running.update(content)
    running.wait_for(CHAT, "Så här kan du göra")
    running.again(update_id, content)
    running.say(CHAT, "/status")
    running.wait_for(CHAT, "Skriv din referens")
    assert sum("Så här kan du göra" in text for text in running.texts(CHAT)) == 1


def test_an_update_that_cannot_be_read_holds_up_nothing(running: FakeTelegram) -> None:
    running.update({"message": {"message_id": 1, "chat": {"id": CHAT, "type": "private"}, "text": "utan datum"}})
    running.update({"message": "inte ens ett meddelande"})
    running.say(CHAT, "/hjalp")
    running.wait_for(CHAT, "Så här kan du göra")


def test_what_waits_is_answered_after_a_restart(fake: FakeTelegram, dialogue_alone: Dialogue) -> None:
    for number in range(5):
        fake.say(CHAT + number, "/hjalp")
    with _running(fake, dialogue_alone):
        for number in range(5):
            fake.wait_for(CHAT + number, "Så här kan du göra")


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, {}), (502, {}), (409, {}), (429, {"parameters": {"retry_after": 1}})],
    ids=["500", "502", "second poller", "too many requests"],
)
def test_polling_goes_on_after_an_error(
    fake: FakeTelegram, dialogue_alone: Dialogue, status: int, body: dict[str, object]
) -> None:
    fake.fail("getUpdates", status, **body)
    fake.say(CHAT, "/hjalp")
    with _running(fake, dialogue_alone):
        fake.wait_for(CHAT, "Så här kan du göra")


def test_too_many_messages_holds_up_only_its_own_chat(fake: FakeTelegram, dialogue_alone: Dialogue) -> None:
    fake.fail("sendMessage", 429, parameters={"retry_after": 300})
    fake.say(CHAT, "/hjalp")
    with _running(fake, dialogue_alone):
        until(lambda: fake.calls.count("sendMessage") == 1)
        fake.say(CHAT + 1, "/hjalp")
        fake.wait_for(CHAT + 1, "Så här kan du göra")
        assert fake.texts(CHAT) == []


def test_a_blocked_bot_gives_up_quietly(fake: FakeTelegram, dialogue_alone: Dialogue, database: Database) -> None:
    fake.fail("sendMessage", 403)
    fake.say(CHAT, "/hjalp")
    with _running(fake, dialogue_alone):
        until(lambda: "sendMessage" in fake.calls)
        fake.say(CHAT + 1, "/hjalp")
        fake.wait_for(CHAT + 1, "Så här kan du göra")
    assert deliveries.waiting(database, "telegram") == []


@pytest.mark.parametrize("status", [401, 404])
def test_a_refused_token_is_tried_again(fake: FakeTelegram, dialogue_alone: Dialogue, status: int) -> None:
    for method in ("getMe", "getUpdates"):
        fake.fail(method, status)
    fake.say(CHAT, "/hjalp")
    with _running(fake, dialogue_alone, pace=Pace(refused_wait=0.1)):
        fake.wait_for(CHAT, "Så här kan du göra")


def test_a_turn_that_fails_is_owned_up_to_and_the_next_is_answered(
    fake: FakeTelegram, dialogue_alone: Dialogue, database: Database
) -> None:
    def respond(turn: Turn) -> Response:
        if turn.text == "fel":
            raise ZeroDivisionError
        return dialogue_alone.respond(turn)

    fake.say(CHAT, "fel")
    fake.say(CHAT, "/hjalp")
    with _running(fake, dialogue_alone, respond=respond, sorry="Det gick inte."):
        fake.wait_for(CHAT, "Så här kan du göra")
    assert fake.texts(CHAT).count("Det gick inte.") == 1
    assert deliveries.waiting(database, "telegram") == []


def test_a_stored_message_of_another_version_is_dismissed(
    fake: FakeTelegram, dialogue_alone: Dialogue, database: Database
) -> None:
    for number, payload in enumerate(({"chat": str(CHAT), "unknown": 1}, {"text": 1, "mood": 2})):
        deliveries.receive(database, "telegram", f"{number}", payload, datetime.now(UTC), sender=str(CHAT))
    with _running(fake, dialogue_alone):
        fake.wait_for(CHAT, telegram.SORRY)
        until(lambda: deliveries.waiting(database, "telegram") == [])


@pytest.mark.parametrize(("hours", "left"), [(1, 1), (25, 0)])
def test_a_reply_is_given_up_by_its_age(
    fake: FakeTelegram, dialogue_alone: Dialogue, database: Database, hours: int, left: int
) -> None:
    now = datetime.now(UTC)
    reply = Response((Reply("hej"),), "sv").to_json()["replies"][0]
    old = now - timedelta(hours=hours)
    deliveries.send_later(database, "telegram", [deliveries.Outgoing(str(CHAT), reply)], old)
    (row,) = deliveries.due(database, "telegram", now)
    for _ in range(60):
        deliveries.postpone(database, row.id, now)
    fake.fail("sendMessage", 500)
    with _running(fake, dialogue_alone):
        until(lambda: "sendMessage" in fake.calls)
        time.sleep(0.5)
    assert len(deliveries.due(database, "telegram", now + timedelta(hours=1))) == left


def test_the_token_is_in_no_log(
    fake: FakeTelegram, dialogue_alone: Dialogue, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    fake.fail("sendMessage", 500)
    fake.say(CHAT, "Vi heter Amir och Sofia")
    with _running(fake, dialogue_alone):
        fake.wait_for(CHAT, "fri text")
    printed = "".join(capsys.readouterr()) + caplog.text
    assert TOKEN not in printed
    assert "TEST-TOKEN" not in printed
    assert "Amir" not in printed
    assert any(TOKEN in path for path in fake.paths)


def test_an_interest_is_registered_in_telegram(running: FakeTelegram, database: Database) -> None:
    """From /start to a reference, buttons where there are any."""
    running.say(CHAT, "/start sala")
    running.wait_for(CHAT, "Jag är en dator")
    running.tap(CHAT, "Bli kontaktad")
    typed = {"tel": "070-1740633", "phone": "070-1740633"}
    running.wait_for(CHAT, "Fråga 1 av")
    for number in range(2, 20):
        seen = len(running.texts(CHAT))
        newest = running.messages[CHAT][-1]
        data = [b["callback_data"] for row in newest["reply_markup"]["inline_keyboard"] for b in row]
        answers = [item for item in data if item.startswith("a:") and not item.endswith(":ja")]
        if "Skicka in" in str(newest["reply_markup"]):
            break
        if answers:
            running.tap_id(CHAT, answers[0])
        else:
            running.say(CHAT, typed["tel"] if "telefon" in newest["text"].lower() else "Kim Testsson")
        until(lambda seen=seen: len(running.texts(CHAT)) > seen)  # type: ignore[misc]
        assert number < 19
    running.tap(CHAT, "Skicka in")
    running.wait_for(CHAT, "Din referens är")
    assert submissions.count(database) == 1


@given(st.text(min_size=1, max_size=9000))
def test_no_piece_is_longer_than_telegram_allows(text: str) -> None:
    pieces = list(cut(text))
    assert all(len(piece.encode("utf-16-le", "surrogatepass")) // 2 <= MessageLimit.MAX_TEXT_LENGTH for piece in pieces)


def test_the_buttons_are_under_the_last_piece() -> None:
    response = Response((Reply("x " * 3000, (Choice("c:help", "Hjälp"),)),), "sv")
    sent = list(messages(response.to_json()["replies"][0]))
    assert [bool(one["reply_markup"]) for one in sent] == [False, True]


def test_short_buttons_share_a_row() -> None:
    markup = keyboard([("1", "Ja"), ("2", "Nej"), ("3", "Det här är en längre knapp"), ("4", "Ja")])
    assert markup is not None
    assert [len(row) for row in markup.inline_keyboard] == [2, 1, 1]
