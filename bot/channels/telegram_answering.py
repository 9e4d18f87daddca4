"""Inbox -> `respond`: each resident's messages in order, residents side by side.

`respond` saves its replies in the outbox together with what it changed, so that a message is handled once, however
often it is given to it.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from datetime import UTC, datetime

import structlog

from bot.channels.telegram_lanes import REST_SECONDS, Lanes, grouped, in_thread
from bot.channels.telegram_leading import Lease
from bot.channels.telegram_receiving import CHANNEL
from bot.turn import Reply, Response, Turn
from storage import deliveries
from storage.conversations import ConversationChangedError
from storage.database import Database, DatabaseUnavailableError
from storage.deliveries import Incoming

ANSWERS_AT_ONCE = 16

Respond = Callable[[Turn], Response]
logger = structlog.get_logger()


class Answering:
    """What waits in the inbox, answered while this process leads; `answered` is called after each message.

    `respond` has the threads `answers` to itself, so that slow answers hold up nothing else.
    """

    def __init__(
        self,
        respond: Respond,
        sorry: str,
        database: Database,
        lease: Lease,
        answers: Executor,
        storage: Executor,
        answered: Callable[[], None],
    ) -> None:
        self._respond, self._sorry, self._database, self._lease = respond, sorry, database, lease
        self._answers, self._storage, self._answered = answers, storage, answered
        self.lanes: Lanes[Incoming] = Lanes("answer", ANSWERS_AT_ONCE, self._in_order)

    async def find(self, busy: frozenset[str]) -> Mapping[str, Sequence[Incoming]]:
        """What waits, by sender."""
        if not self._lease.held:
            return {}
        found = await in_thread(self._storage, deliveries.waiting, self._database, CHANNEL, without=busy)
        return grouped(found, lambda incoming: incoming.sender)

    async def _in_order(self, items: Sequence[Incoming]) -> float:
        for incoming in items:
            if not self._lease.held:
                return 0.0
            try:
                await in_thread(self._answers, self._respond, _turn(incoming))
            except (DatabaseUnavailableError, ConversationChangedError) as error:
                logger.warning("telegram.turn_postponed", error=type(error).__name__)
                return REST_SECONDS
            except Exception:
                # Broad on purpose: one message that cannot be handled, or that a program of another version stored,
                # must not hold up the rest, nor come back for ever.
                logger.error("telegram.turn_failed", exc_info=True)
                await self._own_up(incoming)
            self._answered()
        return 0.0

    async def _own_up(self, incoming: Incoming) -> None:
        chat = incoming.payload.get("chat")
        told = [deliveries.Outgoing(chat, asdict(Reply(self._sorry)))] if chat else []
        await in_thread(
            self._storage,
            deliveries.dismiss,
            self._database,
            CHANNEL,
            incoming.message_id,
            datetime.now(UTC),
            sender=incoming.sender,
            outbox=told,
        )


def _turn(incoming: Incoming) -> Turn:
    payload = dict(incoming.payload)
    chat = payload.pop("chat", None)
    return Turn(CHANNEL, incoming.sender, incoming.message_id, reply_to=chat, **payload)
