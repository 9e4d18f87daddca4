"""One of several processes holds the lease; another takes over from one that was killed, hangs or stops."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import event_loops
import pytest
from fake_telegram import FakeTelegram, channel_running, echo, until
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.channels.telegram_leading import Lease, lead
from bot.channels.telegram_pace import Pace
from settings import ROOT
from storage import deliveries, leadership
from storage.database import Database
from storage.tables import ConversationRow

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LEASE_SECONDS = 3.0
TAKE_OVER = 30.0
CHATS, MESSAGES = 6, 12
PROGRAM = """
import asyncio, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import logs
from fake_telegram import TOKEN, echo
from bot.channels import telegram
from bot.channels.telegram_pace import Pace
from storage.database import Database
from storage.encryption import load_keys

async def serve(url, keys, base_url, lease):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    database = Database(url, load_keys(Path(keys)))
    await telegram.run(stop, token=TOKEN, base_url=base_url, respond=echo(database), database=database,
                       pace=Pace(lease=float(lease), grace=1))

logs.configure()
asyncio.run(serve(*sys.argv[2:]))
"""


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_one_holds_it_until_its_time_is_out(database: Database) -> None:
    def hold(holder: str, at: float) -> bool:
        return leadership.hold(database, "telegram", holder, after(at), 15)

    assert [hold("a", 0), hold("b", 1), hold("a", 10), hold("b", 15), hold("b", 24.9)] == [
        True, False, True, False, False,
    ]  # fmt: skip
    assert [hold("b", 25), hold("a", 26), hold("b", 39), hold("a", 54)] == [True, False, True, True]
    assert leadership.hold(database, "something else", "b", after(54), 15)


def test_a_renewal_that_was_held_up_does_not_shorten_the_lease(database: Database) -> None:
    """It was asked for earlier than the one that came before it."""
    assert leadership.hold(database, "telegram", "a", after(10), 15)
    assert leadership.hold(database, "telegram", "a", after(5), 15)
    assert not leadership.hold(database, "telegram", "b", after(24), 15)
    assert leadership.hold(database, "telegram", "b", after(25), 15)


def test_a_lease_given_back_is_free_at_once_and_only_its_holder_can_give_it_back(database: Database) -> None:
    assert leadership.hold(database, "telegram", "a", NOON, 15)
    leadership.release(database, "telegram", "b")
    assert not leadership.hold(database, "telegram", "b", NOON, 15)
    leadership.release(database, "telegram", "a")
    assert leadership.hold(database, "telegram", "b", NOON, 15)
    leadership.release(database, "telegram", "a")
    assert not leadership.hold(database, "telegram", "a", NOON, 15)


def test_of_many_at_the_same_time_one_gets_it(open_database: Callable[[], Database]) -> None:
    databases = [open_database() for _ in range(4)]
    with ThreadPoolExecutor(16) as threads:
        for start in (0.0, 100.0):
            held = threads.map(
                lambda number, at=start: leadership.hold(databases[number % 4], "telegram", f"{number}", after(at), 15),
                range(16),
            )
            assert sum(held) == 1


def test_the_clock_is_the_databases(database: Database) -> None:
    before = datetime.now(UTC)
    assert abs(leadership.clock(database) - before) < timedelta(seconds=5)
    assert leadership.clock(database).tzinfo is not None


def test_a_leader_that_cannot_renew_has_stopped_before_the_next_begins(open_database: Callable[[], Database]) -> None:
    """The one database is closed to writers for longer than a lease lasts."""
    database = open_database()
    spans: list[tuple[float, float]] = []

    async def work() -> None:
        began = time.monotonic()
        try:
            await asyncio.Event().wait()
        finally:
            spans.append((began, time.monotonic()))

    async def both() -> None:
        stop = asyncio.Event()
        leases = [Lease(), Lease()]
        leading = [asyncio.create_task(lead(stop, database, lease, 0.9, work, lambda: None)) for lease in leases]
        async with asyncio.timeout(20):
            while not any(lease.held for lease in leases):
                await asyncio.sleep(0.01)
            first = next(lease for lease in leases if lease.held)
            held_up = asyncio.create_task(asyncio.to_thread(_closed_to_writers, database, 2.0))
            while first.held:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)
            assert len(spans) == 1, "it works on without a lease"
            await held_up
            while not (spans and any(lease.held for lease in leases)):
                await asyncio.sleep(0.01)
        stop.set()
        await asyncio.gather(*leading)

    event_loops.run(both())
    spans.sort()
    assert len(spans) >= 2
    assert all(ended <= began for (_, ended), (began, _) in pairwise(spans))


def _closed_to_writers(database: Database, seconds: float) -> None:
    with database.transaction() as session:
        session.connection().exec_driver_sql("DELETE FROM leases WHERE name = 'nobody'")
        if session.get_bind().dialect.name == "postgresql":
            session.connection().exec_driver_sql("LOCK TABLE leases IN EXCLUSIVE MODE")
        time.sleep(seconds)


def test_work_that_ends_by_itself_is_begun_again(database: Database) -> None:
    begun: list[int] = []

    async def work() -> None:
        begun.append(1)
        raise ZeroDivisionError

    async def twice() -> None:
        stop = asyncio.Event()
        leading = asyncio.create_task(lead(stop, database, Lease(), 0.3, work, lambda: None))
        async with asyncio.timeout(10):
            while len(begun) < 2:
                await asyncio.sleep(0.01)
        stop.set()
        await leading

    with capture_logs() as logged:
        event_loops.run(twice())
    assert "telegram.loop_failed" in {one["event"] for one in logged}


class Process:
    """The Telegram channel as a process of its own, with a log."""

    def __init__(self, url: str, keys: Path, base_url: str, log: Path) -> None:
        self.log = log
        command = [sys.executable, "-c", PROGRAM, str(ROOT / "tests"), url, str(keys), base_url, str(LEASE_SECONDS)]
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file, env={**os.environ})

    def count(self, event: str) -> int:
        return sum(f'"{event}"' in line for line in self.log.read_text().splitlines())

    @property
    def leads(self) -> bool:
        return self.process.poll() is None and self.count("telegram.leading") > self.count("telegram.leading_no_more")


@pytest.fixture
def fake() -> Iterator[FakeTelegram]:
    server = FakeTelegram()
    yield server
    server.close()


@pytest.fixture
def two(url: str, key_directory: Path, fake: FakeTelegram, tmp_path: Path) -> Iterator[list[Process]]:
    """Two processes on one database, and one token; the leader comes first."""
    started = [Process(url, key_directory, fake.base_url, tmp_path / f"log{number}") for number in range(2)]
    until(lambda: any(one.leads for one in started), 30)
    yield sorted(started, key=lambda one: not one.leads)
    for one in started:
        one.process.kill()
        one.process.wait(10)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM], ids=["killed", "hangs", "stopped"])
def test_another_process_takes_over(
    how: signal.Signals, two: list[Process], fake: FakeTelegram, database: Database
) -> None:
    leader, other = two
    numbers = iter(range(CHATS * MESSAGES))

    def say(count: int) -> None:
        for _, number in zip(range(count), numbers, strict=False):
            fake.say(1 + number % CHATS, f"{number}")

    say(CHATS * 2)
    until(lambda: all(len(fake.texts(1 + chat)) >= 2 for chat in range(CHATS)), 20)
    if how == signal.SIGSTOP:
        time.sleep(0.5)  # a process that hangs inside a transaction would hold up an SQLite file for ever
    say(CHATS * 4)
    if how != signal.SIGSTOP:
        until(lambda: len(fake.texts(1)) >= 3)
    else:
        until(lambda: all(len(fake.texts(1 + chat)) >= 6 for chat in range(CHATS)))
        time.sleep(0.5)
    leader.process.send_signal(how)
    ended = time.monotonic()
    say(CHATS * MESSAGES)
    until(lambda: all(len(set(fake.texts(1 + chat))) == MESSAGES for chat in range(CHATS)), TAKE_OVER)
    assert time.monotonic() - ended <= TAKE_OVER
    until(lambda: other.leads, 5)
    if how == signal.SIGSTOP:
        leader.process.send_signal(signal.SIGCONT)
        until(lambda: leader.count("telegram.leading_no_more") == 1)
        conflicts = fake.conflicts
        time.sleep(1.5)
        assert (fake.conflicts - conflicts, leader.leads, other.leads) == (0, False, True)
    for chat in range(CHATS):
        texts = list(dict.fromkeys(fake.texts(1 + chat)))
        assert texts == [f"svar {number}" for number in range(chat, CHATS * MESSAGES, CHATS)]
        assert len(fake.texts(1 + chat)) <= MESSAGES + 1, "at most the reply under way is said twice"
    assert fake.conflicts <= 1
    with database.reading() as session:
        assert set(session.scalars(select(ConversationRow.version))) == {MESSAGES}
    assert deliveries.waiting(database, "telegram") == []


def test_while_one_process_polls_the_other_does_not(two: list[Process], fake: FakeTelegram) -> None:
    time.sleep(2 * LEASE_SECONDS)
    assert (fake.conflicts, [one.leads for one in two]) == (0, [True, False])
    events = [json.loads(line)["event"] for one in two for line in one.log.read_text().splitlines() if line[:1] == "{"]
    assert events == ["telegram.leading"]


def test_a_leader_that_stops_leaves_nobody_waiting(fake: FakeTelegram, open_database: Callable[[], Database]) -> None:
    first, second = open_database(), open_database()
    with channel_running(fake, echo(first), first, pace=Pace(lease=60)):
        fake.say(1, "hej")
        fake.wait_for(1, "svar hej")
    with channel_running(fake, echo(second), second, pace=Pace(lease=60)):
        fake.say(1, "du")
        fake.wait_for(1, "svar du", 8)
    assert fake.texts(1) == ["svar hej", "svar du"]
