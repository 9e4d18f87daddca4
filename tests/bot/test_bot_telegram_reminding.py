"""The loop that lets the dialogue write first: only while this process leads, and whatever the database does."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import event_loops

from bot.channels.telegram_leading import Lease
from bot.channels.telegram_reminding import keep_reminding
from storage.database import DatabaseUnavailableError


class Remind:
    """Counts how often it is called; the first call finds the database away, the others write one line."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.calls == 1:
            raise DatabaseUnavailableError("away")
        return 1


async def _some(remind: Remind, lease: Lease) -> int:
    woken = 0

    def wake() -> None:
        nonlocal woken
        woken += 1

    with ThreadPoolExecutor(1) as threads:
        loop = asyncio.create_task(keep_reminding(remind, threads, lease, wake, seconds=0.01))
        await asyncio.sleep(0.5)
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
    return woken


def test_a_database_that_is_away_ends_nothing() -> None:
    remind, lease = Remind(), Lease()
    lease.renewed(time.monotonic() + 60.0)
    woken = event_loops.run(_some(remind, lease))
    assert remind.calls >= 3
    assert woken == remind.calls - 1


def test_only_the_leading_process_reminds() -> None:
    remind = Remind()
    assert event_loops.run(_some(remind, Lease())) == 0
    assert remind.calls == 0
