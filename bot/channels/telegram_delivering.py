"""Outbox -> Telegram: each chat's replies in order, chats side by side; one that must wait holds up only itself.

A reply is taken out when Telegram has it. One that may have arrived, but was not confirmed, is sent again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from telegram.error import BadRequest, Forbidden, RetryAfter, TelegramError

from bot.channels.telegram_bot import TelegramBot, seconds_asked
from bot.channels.telegram_lanes import REST_SECONDS, Lanes, grouped, in_thread
from bot.channels.telegram_leading import Lease
from bot.channels.telegram_messages import messages
from bot.channels.telegram_pace import Pace
from bot.channels.telegram_receiving import CHANNEL
from storage import deliveries
from storage.database import Database, DatabaseError
from storage.deliveries import OutgoingRow

SENDS_AT_ONCE = 32
SEND_SECONDS = 5.0
"""How long a first attempt may take; each further one so much longer, so that a slow network is not sent everything
again and again."""
LONGEST_SEND = 30.0
QUICK_ATTEMPTS: Final = 30
SLOW_WAIT = 60.0
"""Between attempts when so many have failed."""
GIVE_UP_AFTER = timedelta(hours=24)
"""How old a reply may become that Telegram does not take."""

logger = structlog.get_logger()


class Delivering:
    """What is due in the outbox, sent while this process leads."""

    def __init__(self, bot: TelegramBot, database: Database, lease: Lease, storage: Executor, pace: Pace) -> None:
        self._bot, self._database, self._lease = bot, database, lease
        self._storage, self._pace = storage, pace
        self.lanes: Lanes[OutgoingRow] = Lanes("deliver", SENDS_AT_ONCE, self._in_order)

    async def find(self, busy: frozenset[str]) -> Mapping[str, Sequence[OutgoingRow]]:
        """What is due, by chat."""
        if not self._lease.held:
            return {}
        now = datetime.now(UTC)
        found = await in_thread(self._storage, deliveries.due, self._database, CHANNEL, now, without=busy)
        return grouped(found, lambda row: row.recipient)

    async def _in_order(self, rows: Sequence[OutgoingRow]) -> float:
        for row in rows:
            if not self._lease.held:
                return 0.0
            try:
                for message in messages(row.payload):
                    await self._bot.send(row.recipient, message, min(SEND_SECONDS * (1 + row.attempts), LONGEST_SEND))
            except RetryAfter as error:
                await self._later(row, seconds_asked(error), failed=False)
                return 0.0
            except (Forbidden, BadRequest) as error:
                logger.warning("telegram.reply_refused", error=type(error).__name__)
            except TelegramError as error:
                logger.warning("telegram.send_failed", error=type(error).__name__, attempts=row.attempts)
                if datetime.now(UTC) - row.queued_at < GIVE_UP_AFTER:
                    await self._later(row, self._wait(row.attempts))
                    return 0.0
            except (KeyError, TypeError, ValueError):
                # A reply that a program of another version stored.
                logger.error("telegram.reply_unreadable", exc_info=True)
            await self._done(row)
        return 0.0

    def _wait(self, attempts: int) -> float:
        return SLOW_WAIT if attempts >= QUICK_ATTEMPTS else min(2.0**attempts, self._pace.longest_wait)

    async def _later(self, row: OutgoingRow, seconds: float, *, failed: bool = True) -> None:
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        await in_thread(self._storage, deliveries.postpone, self._database, row.id, until, failed=failed)

    async def _done(self, row: OutgoingRow) -> None:
        """Take the reply out, however long the database is away: else it would be sent again."""
        while True:
            try:
                return await in_thread(self._storage, deliveries.delivered, self._database, row.id)
            except DatabaseError as error:
                logger.warning("telegram.database_unavailable", loop="deliver", error=type(error).__name__)
                await asyncio.sleep(REST_SECONDS)
