"""Keeping in contact with Telegram: asking again after every kind of failure, and an alarm when nothing comes through.

What is asked – for updates, or whether the webhook is still known – is given in.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from telegram.error import InvalidToken, RetryAfter, TelegramError

from bot.channels.telegram_bot import seconds_asked
from bot.channels.telegram_pace import Pace
from storage.database import DatabaseError

FIRST_WAIT = 0.5
WATCH_SECONDS = 30.0

logger = structlog.get_logger()


class Contact:
    """When Telegram was last reached, and whether the alarm has been given. `now`: seconds on a steady clock."""

    def __init__(self, pace: Pace, now: Callable[[], float] = time.monotonic) -> None:
        self._pace, self._now = pace, now
        self._reached = now()
        self._alarmed: float | None = None

    def reached(self) -> None:
        """It has answered as it should, or it is another process's to reach it."""
        self._reached = self._now()
        if self._alarmed is not None:
            logger.warning("telegram.back")
            self._alarmed = None

    def check(self) -> None:
        """Give the alarm when it is time: Telegram drops what it could not hand over for 24 hours."""
        now = self._now()
        since = self._reached if self._alarmed is None else self._alarmed
        if now - since >= (self._pace.silent if self._alarmed is None else self._pace.silent_again):
            logger.error("telegram.silent", minutes=round((now - self._reached) / 60))
            self._alarmed = now

    async def watch(self) -> None:
        """Check for ever."""
        while True:
            await asyncio.sleep(min(WATCH_SECONDS, self._pace.silent / 4))
            self.check()


async def keep_asking(what: str, once: Callable[[], Awaitable[float]], contact: Contact, pace: Pace) -> None:
    """Do `once` for ever; it returns how many seconds to wait until the next time.

    After a failure it is tried again: soon, slower each time up to `pace.longest_wait`. Only the first, second, fourth,
    eighth … failure in a row is logged.
    """
    failures = 0
    while True:
        try:
            wait = await once()
            failures = 0
            contact.reached()
        except RetryAfter as error:
            wait = seconds_asked(error)
        except InvalidToken:
            logger.error("telegram.token_refused", retry_in=pace.refused_wait)
            wait = pace.refused_wait
        except (TelegramError, DatabaseError) as error:
            failures += 1
            wait = min(FIRST_WAIT * 2.0 ** min(failures, 10), pace.longest_wait)
            if failures & (failures - 1) == 0:
                logger.warning(
                    "telegram.poll_failed", asked=what, error=type(error).__name__, failures=failures, retry_in=wait
                )
        except Exception:
            # Broad on purpose: whatever it was, a loop that ended would leave the channel silently dead.
            logger.error("telegram.loop_failed", loop=what, exc_info=True)
            wait = pace.longest_wait
        await asyncio.sleep(wait)
