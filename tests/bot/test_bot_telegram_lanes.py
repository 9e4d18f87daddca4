"""One slow resident holds up nobody else, and nobody's messages overtake each other."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import event_loops
import pytest
from fake_telegram import FakeTelegram, Fault, channel_running, echo, until

from bot.channels.telegram_lanes import Lanes, grouped
from bot.turn import Response, Turn
from storage import deliveries
from storage.database import Database, DatabaseUnavailableError

REFUSED, HANGING, SLOW = 9001, 9002, 9003
OTHERS = range(7000, 7050)


@pytest.fixture
def fake() -> Iterator[FakeTelegram]:
    server = FakeTelegram()
    yield server
    server.close()


def test_three_slow_chats_and_fifty_others(fake: FakeTelegram, database: Database) -> None:
    """One must wait 344 s by Telegram's word, sending to one hangs for 30 s, one's answer takes 5 s."""
    wait = {"parameters": {"retry_after": 344}}
    fake.fault(Fault("status", "sendMessage", chat=REFUSED, status=429, body=wait))
    fake.fault(Fault("hang", "sendMessage", chat=HANGING, seconds=30))
    respond = echo(database, lambda turn: 5.0 if turn.sender == str(SLOW) else 0.0)
    said: dict[tuple[int, int], float] = {}
    with channel_running(fake, respond, database):
        for number in range(3):
            for chat in (REFUSED, HANGING, SLOW)[: 3 if number < 2 else 0]:
                fake.say(chat, f"{number}")
            for chat in OTHERS:
                said[chat, number] = time.monotonic()
                fake.say(chat, f"{number}")
                time.sleep(0.04)
        until(lambda: all(len(fake.arrivals[chat]) == 3 for chat in OTHERS), 30)
        until(lambda: len(fake.arrivals[SLOW]) == 2, 30)
        refused = [
            values for method, values in fake.asked if method == "sendMessage" and int(values["chat_id"]) == REFUSED
        ]
    waits = [fake.arrivals[chat][number] - began for (chat, number), began in said.items()]
    assert statistics.quantiles(waits, n=20)[-1] <= 2.0
    assert {tuple(fake.texts(chat)) for chat in OTHERS} == {("svar 0", "svar 1", "svar 2")}
    assert fake.texts(SLOW) == ["svar 0", "svar 1"]
    assert (len(refused), fake.texts(REFUSED), fake.texts(HANGING)) == (1, [], [])


def test_more_slow_answers_than_there_are_lanes_delay_the_others_by_one_of_them(
    fake: FakeTelegram, database: Database
) -> None:
    respond = echo(database, lambda turn: 1.0 if int(turn.sender) < 7000 else 0.0)
    for chat in range(100, 120):
        for number in range(6):
            fake.say(chat, f"{number}")
    with channel_running(fake, respond, database):
        until(lambda: "getUpdates" in fake.calls)
        time.sleep(0.5)
        fake.say(7000, "hej")
        fake.wait_for(7000, "svar hej", 9)
        assert sum(len(fake.texts(chat)) for chat in range(100, 120)) < 120


def test_what_comes_while_a_chat_is_busy_is_answered_in_order_and_once(fake: FakeTelegram, database: Database) -> None:
    asked: Counter[str] = Counter()

    def seconds(turn: Turn) -> float:
        asked[turn.message_id] += 1
        return 0.15

    with channel_running(fake, echo(database, seconds), database):
        for number in range(12):
            for chat in (1, 2):
                fake.say(chat, f"{number}")
            time.sleep(0.1)
        until(lambda: all(len(fake.texts(chat)) == 12 for chat in (1, 2)), 30)
    expected = [f"svar {number}" for number in range(12)]
    assert [fake.texts(1), fake.texts(2)] == [expected, expected]
    assert set(asked.values()) == {1}


def test_a_turn_that_cannot_be_saved_just_now_comes_again_and_keeps_its_place(
    fake: FakeTelegram, database: Database
) -> None:
    answer, failures = echo(database), iter(range(2))

    def respond(turn: Turn) -> Response:
        if turn.text == "0" and next(failures, None) is not None:
            raise DatabaseUnavailableError("away")
        return answer(turn)

    for number in range(3):
        fake.say(1, f"{number}")
    with channel_running(fake, respond, database):
        until(lambda: len(fake.texts(1)) == 3, 20)
    assert fake.texts(1) == ["svar 0", "svar 1", "svar 2"]


def test_a_reply_of_another_shape_holds_up_nothing(fake: FakeTelegram, database: Database) -> None:
    deliveries.send_later(database, "telegram", [deliveries.Outgoing("1", {"texten": "hej"})], datetime.now(UTC))
    fake.say(1, "hej")
    with channel_running(fake, echo(database), database):
        fake.wait_for(1, "svar hej")


class _Work:
    """What lanes are given to do, and what they did."""

    def __init__(self, waiting: Mapping[str, Sequence[int]]) -> None:
        self.waiting = {name: list(items) for name, items in waiting.items()}
        self.done: list[tuple[str, int]] = []
        self.at_work: Counter[str] = Counter()
        self.most_at_once = 0

    async def find(self, busy: frozenset[str]) -> Mapping[str, Sequence[tuple[str, int]]]:
        await asyncio.sleep(0)
        found = {name: [(name, item) for item in items[:2]] for name, items in self.waiting.items() if items}
        return {name: items for name, items in found.items() if name not in busy}

    async def do(self, items: Sequence[tuple[str, int]]) -> float:
        for name, item in items:
            self.at_work[name] += 1
            assert self.at_work[name] == 1, "two at work in one lane"
            self.most_at_once = max(self.most_at_once, self.at_work.total())
            await asyncio.sleep(0.01)
            if item < 0:
                self.waiting[name].remove(item)
                self.at_work[name] -= 1
                raise ZeroDivisionError
            self.done.append((name, item))
            self.waiting[name].remove(item)
            self.at_work[name] -= 1
        return 0.0


async def _run_lanes(work: _Work, most: int) -> None:
    lanes: Lanes[tuple[str, int]] = Lanes("test", most, work.do)
    running = asyncio.create_task(lanes.run(work.find, 0.01))
    async with asyncio.timeout(10):
        while any(work.waiting.values()):
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await lanes.close(1)


def test_lanes_do_everything_once_in_order_and_not_too_much_at_once() -> None:
    work = _Work({f"{name}": range(7) for name in range(20)})
    event_loops.run(_run_lanes(work, most=4))
    assert grouped(work.done, lambda one: one[0]) == {
        name: [(name, item) for item in range(7)] for name in work.waiting
    }
    assert work.most_at_once == 4


def test_one_who_sends_much_does_not_come_before_the_others() -> None:
    work = _Work({"much": range(50), **{f"{name}": [0] for name in range(8)}})
    event_loops.run(_run_lanes(work, most=2))
    last_of_the_others = max(place for place, (name, _) in enumerate(work.done) if name != "much")
    assert last_of_the_others < 25


def test_a_lane_that_fails_rests_and_goes_on() -> None:
    work = _Work({"a": [1, -1, 2], "b": [3]})
    event_loops.run(_run_lanes(work, most=2))
    assert sorted(work.done) == [("a", 1), ("a", 2), ("b", 3)]
