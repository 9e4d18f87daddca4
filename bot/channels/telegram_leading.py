"""One process leads: of several on one database, only one talks with Telegram at a time; the others take over from it.

`storage.leadership` keeps the lease. A leader renews it well before its end, and stops by its own clock when it could
not: so it has stopped before another begins, also when it hung meanwhile.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from storage import leadership
from storage.database import Database, DatabaseError

LEASE = "telegram"
RENEWALS = 3
"""How often a lease is renewed within its time."""
FOLLOWER_LOOKS = 15
"""How often those who wait look within that time."""

logger = structlog.get_logger()


class Lease:
    """Whether this process leads, as far as it can know."""

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def held(self) -> bool:
        """Ask before each thing that only the leader may do."""
        return self.seconds_left > 0

    @property
    def seconds_left(self) -> float:
        """How long it is held without being renewed; not above 0 when it is not."""
        return self._until - time.monotonic()

    def renewed(self, until: float) -> None:
        """It is held until then, by time.monotonic()."""
        self._until = until

    def end(self) -> None:
        """It is held no longer."""
        self._until = 0.0


async def lead(
    stop: asyncio.Event,
    database: Database,
    lease: Lease,
    seconds: float,
    work: Callable[[], Coroutine[Any, Any, None]],
    another_leads: Callable[[], None],
) -> None:
    """Until `stop` is set: run `work` whenever this process leads, and cancel it when it does not.

    `seconds`: after how long without renewal another may take over. `another_leads` is called each time that it is so.
    """
    holder = secrets.token_hex(16)
    working: asyncio.Task[None] | None = None
    try:
        while not stop.is_set():
            if working is not None and working.done():
                logger.error("telegram.loop_failed", loop="lead", exc_info=working.exception())
                working = None
            if working is not None and not lease.held:
                await _end(working, lease)
                working = None
            began = time.monotonic()
            led = await _hold(database, holder, seconds)
            if led:
                lease.renewed(began + seconds)
                if working is None:
                    logger.info("telegram.leading")
                    working = asyncio.create_task(work())
            elif led is False:
                another_leads()
                if working is not None:
                    await _end(working, lease)
                    working = None
            pause = min(seconds / RENEWALS, lease.seconds_left) if lease.held else seconds / FOLLOWER_LOOKS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stop.wait()
    finally:
        lease.end()
        if working is not None:
            await _cancelled(working)
        with contextlib.suppress(DatabaseError):
            await asyncio.to_thread(leadership.release, database, LEASE, holder)


async def _end(working: asyncio.Task[None], lease: Lease) -> None:
    logger.warning("telegram.leading_no_more")
    lease.end()
    await _cancelled(working)


async def _cancelled(working: asyncio.Task[None]) -> None:
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def _hold(database: Database, holder: str, seconds: float) -> bool | None:
    """Whether this process has the lease; None when the database does not say, or not in time."""

    def hold() -> bool:
        return leadership.hold(database, LEASE, holder, leadership.clock(database), seconds)

    try:
        async with asyncio.timeout(seconds / 2):
            return await asyncio.to_thread(hold)
    except (DatabaseError, TimeoutError) as error:
        logger.warning("telegram.database_unavailable", loop="lead", error=type(error).__name__)
    except Exception:
        # Broad on purpose: whatever it was, a loop that ended would leave the channel silently dead.
        logger.error("telegram.loop_failed", loop="lead", exc_info=True)
    return None
