"""An update from Telegram, as polling or the webhook brings it -> a message in the inbox.

Groups and channels are refused and left; what is no message is let go. Nothing is answered here.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Any

import structlog
from telegram import ChatMember, Update
from telegram.constants import ChatType
from telegram.error import TelegramError

from bot.channels.telegram_bot import TelegramBot
from bot.channels.telegram_lanes import in_thread
from bot.channels.telegram_messages import GROUP_REFUSAL
from storage import deliveries
from storage.database import Database

CHANNEL = "telegram"

logger = structlog.get_logger()


class Receiver:
    """Writes updates to the inbox; `received` is called when there is a new one."""

    def __init__(self, bot: TelegramBot, database: Database, threads: Executor, received: Callable[[], None]) -> None:
        self._bot, self._database, self._threads, self._received = bot, database, threads, received
        self._aside: set[asyncio.Task[None]] = set()
        self._leaving: set[int] = set()

    async def receive(self, raw: dict[str, Any]) -> None:
        """Once this returns, the update can be acknowledged. Raises DatabaseError; it must come again then.

        An update that cannot be read is put aside, so that it holds up nothing behind it.
        """
        try:
            update = Update.de_json(raw, self._bot)
            kept = self._kept(update)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            logger.warning("telegram.update_unreadable", error=type(error).__name__)
            return
        if kept is not None:
            sender, payload = kept
            now, number = datetime.now(UTC), str(update.update_id)
            await in_thread(
                self._threads, deliveries.receive, self._database, CHANNEL, number, payload, now, sender=sender
            )
            self._received()
        if update.callback_query:
            self._beside(self._stop_spinner(update.callback_query.id))

    async def close(self) -> None:
        """End what is still done beside receiving."""
        for task in self._aside:
            task.cancel()
        await asyncio.gather(*self._aside, return_exceptions=True)

    def _kept(self, update: Update) -> tuple[str, dict[str, Any]] | None:
        """The sender and what goes to the inbox; None when nothing does."""
        chat, user, change = update.effective_chat, update.effective_user, update.my_chat_member
        if chat is not None and chat.type != ChatType.PRIVATE:
            out = change is not None and change.new_chat_member.status in (ChatMember.LEFT, ChatMember.BANNED)
            if not out and chat.id not in self._leaving:
                self._leaving.add(chat.id)
                self._beside(self._leave(chat.id))
            return None
        if chat is None or user is None or (content := _content(update)) is None:
            return None
        return str(user.id), {**content, "chat": str(chat.id)}

    async def _leave(self, chat_id: int) -> None:
        try:
            with contextlib.suppress(TelegramError):
                await self._bot.send_message(chat_id, GROUP_REFUSAL)
            with contextlib.suppress(TelegramError):
                await self._bot.leave_chat(chat_id)
        finally:
            self._leaving.discard(chat_id)

    async def _stop_spinner(self, query_id: str) -> None:
        with contextlib.suppress(TelegramError):
            await self._bot.answer_callback_query(query_id)

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that nobody waits for; the set keeps the task from being forgotten before it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)


def _content(update: Update) -> dict[str, Any] | None:
    """What of an update goes on to the dialogue: text, a tap, an opened chat, or that it was something else."""
    if update.callback_query:
        return {"choice": update.callback_query.data or ""}
    if update.edited_message:
        return {"other": "edited"}
    message = update.message
    if message is None:
        return None
    if not message.text:
        return {"other": "media"}
    words = message.text.split()
    if words and words[0].split("@")[0] == "/start":
        return {"start": True, "municipality": words[1] if len(words) > 1 else None}
    return {"text": message.text}
