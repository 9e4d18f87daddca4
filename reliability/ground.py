"""What the state machine stands on: one database, the dialogue with the model's small form, the receiver's bot."""

import asyncio
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import assembly
from bot.channels.telegram_bot import TelegramBot
from bot.channels.telegram_receiving import CHANNEL
from bot.dialogue import Dialogue
from forms.conditions import Condition
from forms.form import Form, Option, Question
from nlu.client import NluUnavailableError, Understanding
from reliability import model
from settings import load_settings
from storage.database import Database, migrate
from storage.encryption import load_keys, make_keys
from tests.fake_telegram import TOKEN, FakeTelegram

MEMORY = Path("/dev/shm")
"""A directory in memory, where the machine has one: the machine is not about the disk."""


def small_form(form_id: str) -> Form:
    """The model's form, as Kontakt knows forms."""

    def texts(text: str) -> dict[str, str]:
        return {"sv": text, "en": text}

    def option(value: str) -> Option:
        return Option(value, texts(f"Alternativ {value}"), stops=value == model.STOPS)

    when = Condition("is", model.CHOICE, "tva")
    return Form(
        id=form_id, version=1, title=texts("Ett litet formulär"), purpose=texts("Det är ett prov."),
        information=texts("Svaren sparas."), stop_text=texts("Här tar det slut."), receipt=texts("Vi läser det."),
        channels=("web", "telegram"),
        questions=(
            Question(model.CHOICE, "choice", texts("Vem"), texts("Vem är det?"),
                     options=tuple(map(option, model.OPTIONS)), required=True),
            Question(model.SEVERAL, "multi_choice", texts("Vilka"), texts("Vilka är det?"),
                     options=tuple(map(option, model.TICKS)), required=True, when=when),
            Question(model.NAME, "text", texts("Namn"), texts("Vad är namnet?"), required=True),
            Question(model.MORE, "text", texts("Mer"), texts("Något mer?"), why=texts("För att veta.")),
        ),
    )  # fmt: skip


def _away(text: str) -> Understanding:
    raise NluUnavailableError("the NLU process is not running")


@dataclass
class Ground:
    """What all runs share: one database with two connections to it, the receiver, and a Telegram that says nothing."""

    databases: tuple[Database, Database]
    dialogues: tuple[Dialogue, Dialogue]
    bot: TelegramBot
    loop: asyncio.AbstractEventLoop
    threads: ThreadPoolExecutor
    form_id: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    sent_in: int = 0
    runs: int = 0
    steps: int = 0


@contextmanager
def ground() -> Iterator[Ground]:
    """A new database and all that stands on it. Kept in memory where the machine has a directory for that."""
    where = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="kontakt-machine-", dir=where) as name, ThreadPoolExecutor(1) as threads:
        var, fake, loop = Path(name), FakeTelegram(), asyncio.new_event_loop()
        (var / "kontakt.toml").touch()
        make_keys(var / "keys")
        url = f"sqlite:///{var / 'kontakt.db'}"
        migrate(url)
        databases = Database(url, load_keys(var / "keys")), Database(url, load_keys(var / "keys"))
        tools = assembly.make_tools(load_settings(var / "kontakt.toml", var=var))
        place = next(place for place in tools.library.municipalities if place.forms)
        form = small_form(place.forms[0])
        tools = replace(
            tools, forms={form.id: form}, understand=_away, default_municipality=place.id,
            forms_by_channel={CHANNEL: frozenset({form.id})},
        )  # fmt: skip
        dialogues = tuple(Dialogue(assembly.with_memory(tools, database), database) for database in databases)
        bot = TelegramBot(TOKEN, fake.base_url)
        try:
            yield Ground(databases, dialogues, bot, loop, threads, form.id)  # type: ignore[arg-type]
        finally:
            loop.run_until_complete(bot.close_connections())
            loop.close()
            fake.close()
            for database in databases:
                database.close()
