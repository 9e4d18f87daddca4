"""Telegram: Update -> Turn, Reply -> message, with python-telegram-bot's `Bot` and types.

Three loops side by side. `_poll` writes each update to the inbox before Telegram is told that it was received.
`_answer` takes what waits there to `respond`, which saves the replies in the outbox. `_deliver` sends what is due, and
takes it out when Telegram has it. So neither a crash nor an outage loses a message, and none is handled twice.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from telegram import Bot, BotCommand, LinkPreviewOptions, Update
from telegram.constants import ChatType
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from bot.channels.telegram_messages import COMMANDS, GROUP_REFUSAL, messages
from bot.turn import Reply, Response, Turn
from storage import deliveries
from storage.conversations import ConversationChangedError
from storage.database import Database, DatabaseError

CHANNEL = "telegram"
POLL_SECONDS = 20
IDLE_SECONDS = 0.2
"""How often inbox and outbox are looked at when nothing wakes them."""
LONGEST_WAIT = 60.0
GIVE_UP_AFTER = timedelta(hours=24)
"""How old a reply may become that Telegram does not take."""
UPDATES = (Update.MESSAGE, Update.EDITED_MESSAGE, Update.CALLBACK_QUERY, Update.MY_CHAT_MEMBER)
SORRY = "Något gick fel hos oss, så jag kunde inte svara. Inget du har sparat är borta. Försök igen om en liten stund."

logger = structlog.get_logger()
_BACKGROUND: set[asyncio.Task[None]] = set()
Respond = Callable[[Turn], Response]


class _Bot(Bot):
    """The library's bot, and updates as Telegram sends them: one that cannot be read must not hold up the rest."""

    async def raw_updates(self, offset: int | None) -> list[dict[str, Any]]:
        """The updates from `offset` on, waited for a while; asking acknowledges those before it."""
        asked: dict[str, Any] = {"timeout": POLL_SECONDS, "allowed_updates": list(UPDATES)}
        if offset is not None:
            asked["offset"] = offset
        found: list[dict[str, Any]] = await self._post("getUpdates", asked, read_timeout=POLL_SECONDS + 5)
        return found


def _readable(raw: dict[str, Any], bot: Bot) -> Update | None:
    """The update as the library's type; None for one that it cannot read (its parts are named in the log)."""
    try:
        return Update.de_json(raw, bot)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        logger.warning("telegram.update_unreadable", error=type(error).__name__)
        return None


async def run(
    stop: asyncio.Event,
    *,
    token: str,
    base_url: str,
    respond: Respond,
    database: Database,
    sorry: str = SORRY,
    longest_wait: float = LONGEST_WAIT,
) -> None:
    """Answer in Telegram until `stop` is set; nothing else ends it, not even a token that Telegram refuses.

    `sorry` is said when a message could not be answered; `longest_wait`: seconds between attempts at most.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it writes the token, which is part of the address
    bot = _Bot(
        token, base_url=base_url, request=HTTPXRequest(connection_pool_size=8), get_updates_request=HTTPXRequest()
    )
    wake = asyncio.Event()
    loops = [
        asyncio.create_task(_poll(bot, database, wake, longest_wait)),
        asyncio.create_task(_answer(respond, database, wake, sorry)),
        asyncio.create_task(_deliver(bot, database)),
    ]
    try:
        await stop.wait()
    finally:
        for loop in (*loops, *_BACKGROUND):
            loop.cancel()
        await asyncio.gather(*loops, *_BACKGROUND, return_exceptions=True)
        with contextlib.suppress(TelegramError):
            await bot.shutdown()


async def _poll(bot: _Bot, database: Database, wake: asyncio.Event, longest_wait: float) -> None:
    """Fetch updates; each is in the inbox before the next request acknowledges it."""
    offset, wait, introduced = None, 1.0, False
    while True:
        try:
            if not introduced:
                await bot.initialize()
                with contextlib.suppress(BadRequest):
                    await bot.set_my_commands([BotCommand(name, text) for name, text in COMMANDS.items()])
                introduced = True
            for raw in await bot.raw_updates(offset):
                if update := _readable(raw, bot):
                    await _receive(bot, database, update)
                offset = raw["update_id"] + 1
                wake.set()
            wait = 1.0
        except RetryAfter as error:
            await asyncio.sleep(_seconds(error))
        except InvalidToken:
            logger.error("telegram.token_refused", retry_in=longest_wait)
            await asyncio.sleep(longest_wait)
        except (Conflict, NetworkError, TelegramError, DatabaseError) as error:
            logger.warning("telegram.poll_failed", error=type(error).__name__, retry_in=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, longest_wait)
        except Exception:
            # Broad on purpose: whatever it was, a loop that ended would leave the channel silently dead.
            logger.error("telegram.loop_failed", loop="poll", exc_info=True)
            await asyncio.sleep(wait)
            wait = min(wait * 2, longest_wait)


def _seconds(error: RetryAfter) -> float:
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


async def _receive(bot: Bot, database: Database, update: Update) -> None:
    """Keep what an update says; leave groups; stop the button's spinner."""
    chat, user = update.effective_chat, update.effective_user
    if chat is not None and chat.type != ChatType.PRIVATE:
        await _leave(bot, chat.id)
        return
    if chat is None or user is None or (content := _content(update)) is None:
        return
    payload = {**content, "chat": str(chat.id)}
    await asyncio.to_thread(
        deliveries.receive, database, CHANNEL, str(update.update_id), payload, datetime.now(UTC), sender=str(user.id)
    )
    if update.callback_query:
        _in_background(_stop_spinner(bot, update.callback_query.id))


async def _stop_spinner(bot: Bot, query_id: str) -> None:
    with contextlib.suppress(TelegramError):
        await bot.answer_callback_query(query_id)


def _in_background(work: Coroutine[Any, Any, None]) -> None:
    """Do something that nobody waits for; the set keeps the task from being forgotten before it is done."""
    task = asyncio.get_running_loop().create_task(work)
    _BACKGROUND.add(task)
    task.add_done_callback(_BACKGROUND.discard)


async def _leave(bot: Bot, chat_id: int) -> None:
    with contextlib.suppress(TelegramError):
        await bot.send_message(chat_id, GROUP_REFUSAL)
    with contextlib.suppress(TelegramError):
        await bot.leave_chat(chat_id)


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


async def _answer(respond: Respond, database: Database, wake: asyncio.Event, sorry: str) -> None:
    """Take what waits in the inbox to `respond`: one conversation's messages in order, conversations side by side."""

    async def once() -> None:
        by_sender: dict[str, list[deliveries.Incoming]] = defaultdict(list)
        for incoming in await asyncio.to_thread(deliveries.waiting, database, CHANNEL):
            by_sender[incoming.sender].append(incoming)
        await asyncio.gather(*(_answer_in_order(respond, database, items, sorry) for items in by_sender.values()))

    while True:
        await _surviving("answer", "telegram.inbox_unavailable", once)
        await _woken(wake)


async def _surviving(loop: str, unavailable: str, once: Callable[[], Awaitable[None]]) -> None:
    """One round of a loop, tried again until it succeeds: every second while the database is away (logged as
    `unavailable`), else slower each time.
    """
    wait = 1.0
    while True:
        try:
            return await once()
        except DatabaseError as error:
            logger.warning(unavailable, error=type(error).__name__)
            await asyncio.sleep(1.0)
        except Exception:
            # Broad on purpose: whatever it was, a loop that ended would leave the channel silently dead.
            logger.error("telegram.loop_failed", loop=loop, exc_info=True)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)


async def _answer_in_order(respond: Respond, database: Database, items: list[deliveries.Incoming], sorry: str) -> None:
    for incoming in items:
        payload = dict(incoming.payload)
        chat = payload.pop("chat", None)
        try:
            turn = Turn(CHANNEL, incoming.sender, incoming.message_id, reply_to=chat, **payload)
            await asyncio.to_thread(respond, turn)
        except (DatabaseError, ConversationChangedError) as error:
            logger.warning("telegram.turn_postponed", error=type(error).__name__)
            return
        except Exception:
            # Broad on purpose: one message that cannot be handled, or that a program of another version stored,
            # must not hold up the rest, nor come back for ever.
            logger.error("telegram.turn_failed", exc_info=True)
            await asyncio.to_thread(
                deliveries.dismiss,
                database,
                CHANNEL,
                incoming.message_id,
                datetime.now(UTC),
                sender=incoming.sender,
                outbox=[deliveries.Outgoing(chat, asdict(Reply(sorry)))] if chat else [],
            )


async def _woken(wake: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(wake.wait(), IDLE_SECONDS)
    wake.clear()


async def _deliver(bot: Bot, database: Database) -> None:
    """Send what is due. A chat that must wait holds up only itself."""

    async def once() -> None:
        by_chat: dict[str, list[deliveries.OutgoingRow]] = defaultdict(list)
        for row in await asyncio.to_thread(deliveries.due, database, CHANNEL, datetime.now(UTC)):
            by_chat[row.recipient].append(row)
        await asyncio.gather(*(_send_in_order(bot, database, chat) for chat in by_chat.values()))

    while True:
        await _surviving("deliver", "telegram.outbox_unavailable", once)
        await asyncio.sleep(IDLE_SECONDS)


async def _send_in_order(bot: Bot, database: Database, rows: list[deliveries.OutgoingRow]) -> None:
    for row in rows:
        try:
            for message in messages(row.payload):
                await bot.send_message(
                    row.recipient, link_preview_options=LinkPreviewOptions(is_disabled=True), **message
                )
        except RetryAfter as error:
            await _later(database, row, _seconds(error), failed=False)
            return
        except (Forbidden, BadRequest) as error:
            logger.warning("telegram.reply_refused", error=type(error).__name__)
            await asyncio.to_thread(deliveries.give_up, database, row.id)
            continue
        except TelegramError as error:
            logger.warning("telegram.send_failed", error=type(error).__name__, attempts=row.attempts)
            if datetime.now(UTC) - row.queued_at >= GIVE_UP_AFTER:
                await asyncio.to_thread(deliveries.give_up, database, row.id)
            else:
                await _later(database, row, min(2.0 ** min(row.attempts, 10), LONGEST_WAIT))
            return
        await asyncio.to_thread(deliveries.delivered, database, row.id)


async def _later(database: Database, row: deliveries.OutgoingRow, seconds: float, *, failed: bool = True) -> None:
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    await asyncio.to_thread(deliveries.postpone, database, row.id, until, failed=failed)
