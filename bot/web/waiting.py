"""Who waits for what in the web chat: the turns of one sender for each other, and everyone for a free thread.

A sender's turns wait in the event loop, so that nobody's waiting takes a thread from anybody else.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from litestar import Litestar
from litestar.exceptions import TooManyRequestsException

from bot.turn import Response, Turn

THREADS = 32
MOST_WAITING = 2
"""Turns of one sender that may wait while another of theirs is answered."""
COME_BACK_SECONDS = 2
READINESS_SECONDS = 1.0


@dataclass
class _Line:
    """One sender's turns: the one that is answered and those that wait."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    turns: int = 0


class Turns:
    """Gives turns to `respond` in threads of its own, one at a time for each sender."""

    def __init__(self, respond: Callable[[Turn], Response]) -> None:
        self._respond = respond
        self._lines: dict[str, _Line] = {}
        self._threads: ThreadPoolExecutor | None = None

    @asynccontextmanager
    async def running(self, _: Litestar) -> AsyncGenerator[None, None]:
        """Litestar lifespan: the threads, and their end when the last turn is answered."""
        self._threads = threads = ThreadPoolExecutor(THREADS, thread_name_prefix="web chat")
        try:
            yield
        finally:
            await asyncio.to_thread(threads.shutdown, cancel_futures=True)

    async def respond(self, turn: Turn) -> Response:
        """What `respond` says. Raises TooManyRequestsException when too many of the sender's turns wait already."""
        line = self._lines.setdefault(turn.sender, _Line())
        if line.turns > MOST_WAITING:
            raise TooManyRequestsException(headers={"Retry-After": str(COME_BACK_SECONDS)})
        line.turns += 1
        try:
            async with line.lock:
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._respond, turn)
        finally:
            line.turns -= 1
            if not line.turns:
                del self._lines[turn.sender]

    @property
    def senders(self) -> int:
        """How many senders have a turn under way."""
        return len(self._lines)


class Readiness:
    """Whether free text is understood yet, looked at no more than once a second and in one thread at a time."""

    def __init__(self, nlu_ready: Callable[[], bool]) -> None:
        self._look = nlu_ready
        self._lock = asyncio.Lock()
        self._seen = False
        self._seen_at = -READINESS_SECONDS

    async def now(self) -> bool:
        """The answer, at most a second old."""
        async with self._lock:
            if time.monotonic() - self._seen_at >= READINESS_SECONDS:
                self._seen = await asyncio.to_thread(self._look)
                self._seen_at = time.monotonic()
            return self._seen
