"""Long polling: updates are asked for, and each is in the inbox before the next request acknowledges it."""

import asyncio

from telegram.error import Conflict, NetworkError

from bot.channels.telegram_bot import TelegramBot
from bot.channels.telegram_leading import Lease
from bot.channels.telegram_pace import Pace
from bot.channels.telegram_receiving import Receiver

MOST_UPDATES = 100


class Poller:
    """Asks for updates; `once` is one request."""

    def __init__(self, bot: TelegramBot, receiver: Receiver, lease: Lease, pace: Pace) -> None:
        self._bot, self._receiver, self._lease, self._pace = bot, receiver, lease, pace
        self._offset: int | None = None
        self._most = MOST_UPDATES
        self._webhook_gone = False

    async def once(self) -> float:
        """Receive what there is. Raises TelegramError and DatabaseError; what was not received comes again.

        Telegram gives no updates while it knows a webhook, so that is taken away first. An answer that does not get
        through is asked for in smaller parts.
        """
        while not self._lease.held:
            await asyncio.sleep(self._pace.idle)
        if not self._webhook_gone:
            await self._bot.delete_webhook(drop_pending_updates=False)
            self._webhook_gone = True
        try:
            updates = await self._bot.raw_updates(self._offset, self._most, self._pace.poll, self._pace.answer)
        except Conflict:
            self._webhook_gone = False
            raise
        except NetworkError:
            self._most = max(1, self._most // 2)
            raise
        self._most = min(MOST_UPDATES, self._most * 2)
        for raw in updates:
            await self._receiver.receive(raw)
            self._offset = raw["update_id"] + 1
        return 0.0
