"""What becomes of each kind of update: messages reach the inbox, everything else leaves nothing behind."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import event_loops
import pytest
from fake_telegram import TOKEN, FakeTelegram, message, person
from sqlalchemy import func, select
from structlog.testing import capture_logs

from bot.channels.telegram_bot import TelegramBot
from bot.channels.telegram_receiving import Receiver
from storage import deliveries
from storage.database import Database
from storage.tables import InboxRow

CHAT = 7400
CANARY = "Kanariefågel"
FILE = {"file_id": CANARY, "file_unique_id": "b"}
POLL = {
    "id": "1", "question": CANARY, "options": [{"text": CANARY, "voter_count": 0, "persistent_id": "1"}],
    "total_voter_count": 0, "is_closed": False, "is_anonymous": True, "type": "regular",
    "allows_multiple_answers": False, "allows_revoting": False, "members_only": False,
}  # fmt: skip
PLACE = {"latitude": 59.1234, "longitude": 16.1234}
MEDIA: dict[str, dict[str, Any]] = {
    "photo": {"photo": [{**FILE, "width": 1, "height": 1}], "caption": CANARY},
    "document": {"document": {**FILE, "file_name": CANARY}},
    "voice": {"voice": {**FILE, "duration": 1}},
    "audio": {"audio": {**FILE, "duration": 1, "title": CANARY}},
    "video": {"video": {**FILE, "duration": 1, "width": 1, "height": 1}, "caption": CANARY},
    "video note": {"video_note": {**FILE, "duration": 1, "length": 1}},
    "animation": {"animation": {**FILE, "duration": 1, "width": 1, "height": 1}},
    "contact": {"contact": {"phone_number": "0701740605", "first_name": CANARY}},
    "location": {"location": PLACE},
    "venue": {"venue": {"location": PLACE, "title": CANARY, "address": CANARY}, "location": PLACE},
    "poll": {"poll": POLL},
    "dice": {"dice": {"emoji": "🎲", "value": 3}},
}
CHANNEL = {"message_id": 1, "date": 1, "chat": {"id": -600, "type": "channel", "title": CANARY}, "text": CANARY}
LET_GO: dict[str, dict[str, Any]] = {
    "poll": {"poll": POLL},
    "poll answer": {"poll_answer": {"poll_id": "1", "user": person(CHAT), "option_ids": [0],
                                    "option_persistent_ids": ["1"]}},
    "inline query": {"inline_query": {"id": "1", "from": person(CHAT), "query": CANARY, "offset": ""}},
    "reaction": {"message_reaction": {"chat": {"id": CHAT, "type": "private"}, "message_id": 1, "date": 1,
                                      "user": person(CHAT), "old_reaction": [], "new_reaction": []}},
    "blocked": {"my_chat_member": {"chat": {"id": CHAT, "type": "private"}, "from": person(CHAT), "date": 1,
                                   "old_chat_member": {"status": "member", "user": person(1)},
                                   "new_chat_member": {"status": "kicked", "user": person(1), "until_date": 0}}},
    "removed from a group": {"my_chat_member": {"chat": {"id": -7, "type": "group", "title": CANARY},
                             "from": person(CHAT), "date": 1,
                             "old_chat_member": {"status": "member", "user": person(1)},
                             "new_chat_member": {"status": "left", "user": person(1)}}},
    "nothing known": {"something_new": {"text": CANARY}},
    "unreadable": {"message": {"text": CANARY}},
    "of another shape": {"message": CANARY},
}  # fmt: skip
LEFT: dict[str, tuple[int, dict[str, Any]]] = {
    "group": (-500, {"message": message(-500, kind="group", text=CANARY)}),
    "supergroup": (-500, {"message": message(-500, kind="supergroup", text=CANARY)}),
    "picture in a group": (-500, {"message": message(-500, kind="group", **MEDIA["photo"])}),
    "edited in a group": (-500, {"edited_message": message(-500, kind="group", text=CANARY)}),
    "channel post": (-600, {"channel_post": CHANNEL}),
    "edited channel post": (-600, {"edited_channel_post": CHANNEL}),
    "tap in a group": (-500, {"callback_query": {"id": "1", "from": person(CHAT), "chat_instance": "1",
                              "data": "c:help", "message": message(-500, kind="group", text="…")}}),
    "added to a group": (-7, {"my_chat_member": {"chat": {"id": -7, "type": "group", "title": CANARY},
                              "from": person(CHAT), "date": 1,
                              "old_chat_member": {"status": "left", "user": person(1)},
                              "new_chat_member": {"status": "member", "user": person(1)}}}),
}  # fmt: skip


@pytest.fixture
def fake() -> Iterator[FakeTelegram]:
    server = FakeTelegram()
    yield server
    server.close()


def receive(fake: FakeTelegram, database: Database, updates: Sequence[dict[str, Any]]) -> None:
    """Receive updates one after the other, and let what is done beside it be done."""

    async def one_after_the_other() -> None:
        bot = TelegramBot(TOKEN, fake.base_url)
        with ThreadPoolExecutor(2) as threads:
            receiver = Receiver(bot, database, threads, lambda: None)
            for number, update in enumerate(updates):
                await receiver.receive({"update_id": number, **update})
            async with asyncio.timeout(5):
                while len(asyncio.all_tasks()) > 1:
                    await asyncio.sleep(0.01)
            await receiver.close()
        await bot.close_connections()

    event_loops.run(one_after_the_other())


def inbox(database: Database) -> list[dict[str, Any]]:
    return [dict(one.payload) for one in deliveries.waiting(database, "telegram")]


@pytest.mark.parametrize("name", MEDIA)
def test_of_media_only_that_they_came_is_kept(fake: FakeTelegram, database: Database, name: str) -> None:
    receive(fake, database, [{"message": message(CHAT, **MEDIA[name])}])
    assert inbox(database) == [{"other": "media", "chat": str(CHAT)}]


def test_of_an_edit_only_that_it_came_is_kept(fake: FakeTelegram, database: Database) -> None:
    receive(fake, database, [{"edited_message": message(CHAT, text=CANARY, edit_date=2)}])
    assert inbox(database) == [{"other": "edited", "chat": str(CHAT)}]


@pytest.mark.parametrize("name", LET_GO)
def test_what_is_no_message_is_let_go(fake: FakeTelegram, database: Database, name: str) -> None:
    with capture_logs() as logged:
        receive(fake, database, [LET_GO[name]])
    assert _rows(database) == 0
    assert fake.calls == []
    assert CANARY not in json.dumps(logged, ensure_ascii=False)


@pytest.mark.parametrize("name", LEFT)
def test_where_others_read_it_says_so_once_and_leaves(fake: FakeTelegram, database: Database, name: str) -> None:
    chat, update = LEFT[name]
    receive(fake, database, [update] * 5)
    assert _rows(database) == 0
    assert [text for text in fake.texts(chat) if "privata chattar" not in text] == []
    assert (len(fake.texts(chat)), fake.calls.count("leaveChat")) == (1, 1)
    assert fake.texts(CHAT) == []


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("hej", {"text": "hej"}),
        ("/start", {"start": True, "municipality": None}),
        ("/start sala", {"start": True, "municipality": "sala"}),
        ("/start@kontakt_test_bot sala", {"start": True, "municipality": "sala"}),
        ("/hjalp", {"text": "/hjalp"}),
        ("   ", {"text": "   "}),
        ("\ud800", {"text": "\ud800"}),
        ("\x00", {"text": "\x00"}),
    ],
)
def test_a_text_is_kept_as_it_is(fake: FakeTelegram, database: Database, text: str, payload: dict[str, Any]) -> None:
    receive(fake, database, [{"message": message(CHAT, text=text)}])
    assert inbox(database) == [{**payload, "chat": str(CHAT)}]


def _rows(database: Database) -> int:
    with database.reading() as session:
        return session.execute(select(func.count()).select_from(InboxRow)).scalar_one()
