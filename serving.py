"""What runs under `kontakt serve`, started and stopped together: two web sites, the NLU process, Telegram."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

import structlog
import uvicorn

from bot.baton.keeping import mark_now
from bot.sent.found_by import catch_up
from nlu.process import NluProcessError
from review.notices import Telling
from storage.audit_anchors import DayAnchor
from storage.chained_file import ChainedFileError
from storage.database import Database, DatabaseError
from storage.key_files import KeyFileError
from storage.retention import ClockError, PurgeReport, RetentionPolicyError, TooManyError
from storage.tombstones import TombstoneError

GRACE_SECONDS = 5
"""How long requests under way may take when the service stops."""
STEADY_SECONDS = 60.0
"""A process that has stayed up so long is not one that cannot start."""

logger = structlog.get_logger()


class Restartable(Protocol):
    """A child process that can be looked at and started again."""

    def alive(self) -> bool:
        """Whether it runs."""

    def start(self) -> None:
        """Start it. Returns at once. Raises NluProcessError."""

    def stop(self) -> None:
        """End it, or tidy up after it when it has ended."""


@dataclass(frozen=True)
class Site:
    """One web application and the socket it answers on."""

    app: Any
    listener: socket.socket


class _Server(uvicorn.Server):
    """A server that leaves signals to the service, which stops all its parts together."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(
    sites: Sequence[Site],
    tasks: Sequence[Callable[[asyncio.Event], Awaitable[None]]],
    started: Callable[[], None],
    proxies: Sequence[str] = (),
) -> None:
    """Serve until SIGINT or SIGTERM.

    `started` is called when all sites answer, before `tasks` begin. Each of these gets an event that is set when it is
    time to stop. `proxies`: the addresses and networks that are believed about whom they speak for.
    """
    asyncio.run(_run(sites, tasks, started, proxies))


async def _run(
    sites: Sequence[Site],
    tasks: Sequence[Callable[[asyncio.Event], Awaitable[None]]],
    started: Callable[[], None],
    proxies: Sequence[str],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    servers = [
        _Server(
            uvicorn.Config(
                site.app,
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
                lifespan="on",
                proxy_headers=bool(proxies),
                forwarded_allow_ips=list(proxies),
            )
        )
        for site in sites
    ]
    serving = [
        asyncio.create_task(server.serve(sockets=[site.listener])) for server, site in zip(servers, sites, strict=True)
    ]
    while not all(server.started for server in servers) and not any(task.done() for task in serving):
        await asyncio.sleep(0.01)
    if all(server.started for server in servers):
        started()
    others = [asyncio.ensure_future(task(stop)) for task in tasks]
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([stopping, *serving, *others], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    for server in servers:
        server.should_exit = True
    await asyncio.wait([*serving, *others], timeout=GRACE_SECONDS + 2)
    for task in (*serving, *others):
        task.cancel()
    for finished in done - {stopping}:
        finished.result()


def stop_with_parent() -> None:
    """Stop this process when the one that started it is gone, however it went."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="parent watch").start()


async def keep_running(process: Restartable, stop: asyncio.Event) -> None:
    """Start `process` again whenever it has ended by itself; slower each time it does not stay up."""
    wait, started = 1.0, time.monotonic()
    while not await _set_within(stop, 1.0):
        if process.alive():
            continue
        if time.monotonic() - started > STEADY_SECONDS:
            wait = 1.0
        logger.warning("nlu.stopped", restart_in=wait)
        if await _set_within(stop, wait):
            return
        wait, started = min(wait * 2, 60.0), time.monotonic()
        await asyncio.to_thread(process.stop)
        try:
            await asyncio.to_thread(process.start)
        except NluProcessError as error:
            logger.error("nlu.not_started", reason=str(error))


async def repeat_purge(purge: Callable[[], PurgeReport | None], hours: float, stop: asyncio.Event) -> None:
    """Remove what is too old now and every so many hours; what was refused is tried again the next time."""
    while True:
        try:
            report = await asyncio.to_thread(purge)
        except (DatabaseError, ClockError, TooManyError, TombstoneError, RetentionPolicyError) as error:
            logger.error("retention.refused", reason=str(error))
        else:
            if report is not None and (report.purged or report.left_in_wal):
                logger.info("retention.purged", left_in_wal=report.left_in_wal, **report.purged)
        if await _set_within(stop, hours * 3600):
            return


async def repeat_expiry(expire: Callable[[], date | None], hours: float, stop: asyncio.Event) -> None:
    """Destroy the keys of backups that are too old now and every so many hours; what was refused is tried again."""
    while True:
        try:
            first = await asyncio.to_thread(expire)
        except (DatabaseError, ClockError, KeyFileError, RetentionPolicyError) as error:
            logger.error("backups.not_expired", reason=str(error))
        else:
            if first is not None:
                logger.info("backups.expired", day=first.isoformat())
        if await _set_within(stop, hours * 3600):
            return


async def repeat_anchor(anchor: Callable[[], DayAnchor | None], hours: float, stop: asyncio.Event) -> None:
    """Note where the audit trail ends now and every so many hours; what failed is tried again the next time.

    The log has it too: it is one more place outside the database.
    """
    while True:
        try:
            kept = await asyncio.to_thread(anchor)
        except (DatabaseError, ChainedFileError) as error:
            logger.error("audit.not_anchored", reason=str(error))
        else:
            if kept is not None:
                logger.info("audit.anchored", day=kept.day.isoformat(), number=kept.number, hash=kept.hash)
        if await _set_within(stop, hours * 3600):
            return


async def repeat_batons(database: Database, days: int, hours: float, stop: asyncio.Event) -> None:
    """Mark the guardians' links that are due now and every so many hours; what failed is tried again the next time.

    `days` is how long a link works.
    """
    while True:
        try:
            marked = await asyncio.to_thread(mark_now, database, days)
        except DatabaseError as error:
            logger.error("batons.not_marked", reason=str(error))
        else:
            if marked.reminded or marked.expired:
                logger.info("batons.marked", reminded=marked.reminded, expired=marked.expired)
        if await _set_within(stop, hours * 3600):
            return


async def repeat_lookups(database: Database, hours: float, stop: asyncio.Event) -> None:
    """Let staff find what came in before there were look-ups, now and every so many hours; what failed is tried again.

    When nothing is left to do, which is so after the first time, each time is one question to the database.
    """
    while True:
        try:
            made = await asyncio.to_thread(catch_up, database)
        except DatabaseError as error:
            logger.error("lookups.not_made", reason=str(error))
        else:
            if made is not None and (made.made or made.unreadable):
                logger.info("lookups.made", number=made.made, failures=made.unreadable)
        if await _set_within(stop, hours * 3600):
            return


async def send_notices(telling: Telling | None, stop: asyncio.Event) -> None:
    """Tell staff of what is new, where they want to be told.

    In a thread of its own, which a mail server that does not answer holds up, and not the end of the service.
    """
    if telling is None:
        await stop.wait()
        return
    halt = threading.Event()
    thread = threading.Thread(target=telling.run, args=(halt,), daemon=True, name="notices")
    thread.start()
    await stop.wait()
    halt.set()
    await asyncio.to_thread(thread.join, GRACE_SECONDS / 2)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # wait_for of Python 3.11 can swallow a cancel that comes with the event
            await event.wait()
    return event.is_set()
