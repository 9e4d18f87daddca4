"""Work side by side: a lane for each resident, in which things are done one after the other.

A slow lane holds up no other: each has a task of its own, and new ones are opened while the slow ones still go. What
is done in a lane, and how long it rests after a failure, is decided where the work is.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar

import structlog

from storage.database import DatabaseError

Item = TypeVar("Item")
Given = ParamSpec("Given")
Result = TypeVar("Result")
REST_SECONDS = 1.0
"""How long a lane, or the search for work, rests after a failure."""
HEAVY_SECONDS = 0.2
"""A search that takes longer is followed by a pause, so that a large backlog leaves the processor to the work."""

logger = structlog.get_logger()


async def in_thread(
    threads: Executor, function: Callable[Given, Result], *args: Given.args, **given: Given.kwargs
) -> Result:
    """What the function returns, worked out in one of `threads`: slow ones elsewhere take no thread from these."""
    return await asyncio.get_running_loop().run_in_executor(threads, partial(function, *args, **given))


class Lanes(Generic[Item]):
    """At most `most` lanes at work at once, in the order in which they were opened; never two of one name.

    `work` is given a lane's items and returns for how many seconds the lane shall rest.
    """

    def __init__(self, name: str, most: int, work: Callable[[Sequence[Item]], Awaitable[float]]) -> None:
        self.name, self._work, self._most = name, work, most
        self._slots = asyncio.Semaphore(most)
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is something new to do."""
        self._wake.set()

    async def run(self, find: Callable[[frozenset[str]], Awaitable[Mapping[str, Sequence[Item]]]], idle: float) -> None:
        """Open lanes for what `find` finds, for ever; it is told the lanes that are open. Looks every `idle` seconds.

        Nothing but being cancelled ends it.
        """
        while True:
            began = time.monotonic()
            self._wake.clear()
            try:
                if len(self._lanes) < 2 * self._most:
                    for name, items in (await find(frozenset(self._lanes))).items():
                        self._open(name, items)
            except DatabaseError as error:
                logger.warning("telegram.database_unavailable", loop=self.name, error=type(error).__name__)
                await asyncio.sleep(REST_SECONDS)
            except Exception:
                # Broad on purpose: whatever it was, a loop that ended would leave the channel silently dead.
                logger.error("telegram.loop_failed", loop=self.name, exc_info=True)
                await asyncio.sleep(REST_SECONDS)
            took = time.monotonic() - began
            if took > HEAVY_SECONDS:
                await asyncio.sleep(took)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(idle):
                    await self._wake.wait()

    async def close(self, grace: float) -> None:
        """Let the lanes finish what they are at, for `grace` seconds; then end them."""
        open_lanes = list(self._lanes.values())
        if open_lanes:
            await asyncio.wait(open_lanes, timeout=grace)
        for lane in open_lanes:
            lane.cancel()
        await asyncio.gather(*open_lanes, return_exceptions=True)

    def _open(self, name: str, items: Sequence[Item]) -> None:
        lane = asyncio.get_running_loop().create_task(self._go(items))
        self._lanes[name] = lane
        lane.add_done_callback(lambda _: self._closed(name))

    def _closed(self, name: str) -> None:
        del self._lanes[name]
        self._wake.set()

    async def _go(self, items: Sequence[Item]) -> None:
        try:
            async with self._slots:
                rest = await self._work(items)
        except DatabaseError as error:
            logger.warning("telegram.database_unavailable", loop=self.name, error=type(error).__name__)
            rest = REST_SECONDS
        except Exception:
            # Broad on purpose, as above: what waits behind it must have its turn.
            logger.error("telegram.loop_failed", loop=self.name, exc_info=True)
            rest = REST_SECONDS
        if rest:
            await asyncio.sleep(rest)


def grouped(items: Sequence[Item], name_of: Callable[[Item], str]) -> dict[str, list[Item]]:
    """The items of each lane, in their order; lanes in the order of their first item."""
    lanes: dict[str, list[Any]] = {}
    for item in items:
        lanes.setdefault(name_of(item), []).append(item)
    return lanes
