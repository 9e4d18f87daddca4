"""Telegram: Update -> Turn, Reply -> message, with python-telegram-bot's `Bot` and types.

What comes – asked for (`telegram_polling`) or posted by Telegram (`telegram_webhook`) – is in the inbox before
Telegram is told that it was received. `telegram_answering` takes it to `respond`, which saves the replies in the
outbox, and `telegram_delivering` sends them. So neither a crash nor an outage loses a message, and none is handled
twice. Of several processes on one database one does all this at a time (`telegram_leading`); each of them takes what
Telegram posts.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from telegram import BotCommand
from telegram.error import TelegramError

from bot.channels.telegram_answering import ANSWERS_AT_ONCE, Answering, Respond
from bot.channels.telegram_bot import TelegramBot
from bot.channels.telegram_contact import Contact, keep_asking
from bot.channels.telegram_delivering import Delivering
from bot.channels.telegram_leading import Lease, lead
from bot.channels.telegram_messages import COMMANDS
from bot.channels.telegram_pace import Pace
from bot.channels.telegram_polling import Poller
from bot.channels.telegram_receiving import Receiver
from bot.channels.telegram_reminding import keep_reminding
from bot.channels.telegram_webhook import Registration, Webhook
from storage.database import Database

STORAGE_THREADS = 8
MENU_SECONDS = 60.0
"""How long until the menu of commands is set again when Telegram did not take it."""
SORRY = "Något gick fel hos oss, så jag kunde inte svara. Inget du har sparat är borta. Försök igen om en liten stund."


async def run(
    stop: asyncio.Event,
    *,
    token: str,
    base_url: str,
    respond: Respond,
    database: Database,
    sorry: str = SORRY,
    webhook: Webhook | None = None,
    remind: Callable[[], int] | None = None,
    pace: Pace = Pace(),  # noqa: B008  frozen
) -> None:
    """Answer in Telegram until `stop` is set; nothing else ends it, not even a token that Telegram refuses.

    `sorry` is said when a message could not be answered. With a `webhook`, which a site must serve, Telegram posts its
    updates; without one they are asked for. `remind` puts in the outbox what is to be written to residents first.
    """
    answers = ThreadPoolExecutor(ANSWERS_AT_ONCE, "telegram answers")
    storage = ThreadPoolExecutor(STORAGE_THREADS, "telegram storage")
    bot, contact, lease = TelegramBot(token, base_url), Contact(pace), Lease()
    delivering = Delivering(bot, database, lease, storage, pace)
    answering = Answering(respond, sorry, database, lease, answers, storage, delivering.lanes.wake)
    receiver = Receiver(bot, database, storage, answering.lanes.wake)

    async def work() -> None:
        """All that only the leading process does, until it is cancelled."""
        if webhook:
            asking = keep_asking("setWebhook", Registration(bot, webhook, lease, pace).once, contact, pace)
        else:
            asking = keep_asking("getUpdates", Poller(bot, receiver, lease, pace).once, contact, pace)
        try:
            async with asyncio.TaskGroup() as loops:
                loops.create_task(asking)
                loops.create_task(answering.lanes.run(answering.find, pace.idle))
                loops.create_task(delivering.lanes.run(delivering.find, pace.idle))
                loops.create_task(_set_menu(bot))
                if remind:
                    loops.create_task(keep_reminding(remind, storage, lease, delivering.lanes.wake))
        finally:
            await asyncio.gather(answering.lanes.close(pace.grace), delivering.lanes.close(pace.grace))

    watch = asyncio.create_task(contact.watch())
    try:
        if webhook:
            webhook.connect(receiver.receive)
        await lead(stop, database, lease, pace.lease, work, contact.reached)
    finally:
        if webhook:
            webhook.connect(None)
        watch.cancel()
        await asyncio.gather(watch, receiver.close(), return_exceptions=True)
        await bot.close_connections()
        for threads in (answers, storage):
            threads.shutdown(wait=False, cancel_futures=True)


async def _set_menu(bot: TelegramBot) -> None:
    """The menu of commands; best effort, beside everything else."""
    menu = [BotCommand(name, text) for name, text in COMMANDS.items()]
    while True:
        with contextlib.suppress(TelegramError):
            await bot.set_my_commands(menu)
            return
        await asyncio.sleep(MENU_SECONDS)
