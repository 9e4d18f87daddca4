"""Now and then, while this process leads: what is to be written to residents first goes to the outbox.

What and to whom is decided by the dialogue, which also sees to it that nothing is said twice.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

import structlog

from bot.channels.telegram_lanes import in_thread
from bot.channels.telegram_leading import Lease
from storage.conversations import ConversationChangedError
from storage.database import DatabaseError

REMIND_SECONDS = 600.0

logger = structlog.get_logger()


async def keep_reminding(
    remind: Callable[[], int],
    threads: Executor,
    lease: Lease,
    sent: Callable[[], None],
    seconds: float = REMIND_SECONDS,
) -> None:
    """Call `remind` (how many lines were put in the outbox) over and over; `sent` is called when there were some."""
    while True:
        if lease.held:
            try:
                if await in_thread(threads, remind):
                    sent()
            except (DatabaseError, ConversationChangedError) as error:
                logger.warning("telegram.reminding_failed", error=type(error).__name__)
        await asyncio.sleep(seconds)
