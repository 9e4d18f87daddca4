"""The parts put together: the dialogue's tools, the database, the NLU process, and all that `kontakt serve` runs.

Only kontakt.py uses this, with its own modules beside it (settings, installation, serving, logs).
"""

import os
import pwd
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from settings import Settings, SettingsError

if TYPE_CHECKING:
    from bot.channels.telegram_webhook import Webhook
    from bot.scene import Tools
    from nlu.client import NluClient
    from nlu.evaluation import Evaluation
    from storage.audit_anchors import DayAnchor
    from storage.database import Database
    from storage.retention import PurgeReport

NLU_START_SECONDS = 60
PURGE_HOURS = 1.0
"""How often what is too old is removed."""
PURGE_SECONDS = 30 * 60
"""For how long the others wait for a process that is removing, when it has been killed or hangs."""


def note(message: str) -> None:
    """Tell the operator something on standard error."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def make_tools(settings: Settings) -> "Tools":
    """The parts of the dialogue, every file of theirs read and checked. No database: nothing is looked up."""
    from bot.keeping import kept_until
    from bot.scene import Tools
    from bot.wording import load_wordings
    from brochures.lookup import load_library
    from forms.loader import load_forms
    from installation import FORMS, RASA, check_names
    from nlu.client import NluClient
    from nlu.vocabulary import known_words
    from storage import retention

    forms = load_forms(FORMS)
    library = load_library()
    check_names(settings, {place.id for place in library.municipalities}, forms)
    named = {
        "default": frozenset(form.id for form in forms.values() if "telegram" in form.channels),
        "none": frozenset[str](),
        "all": frozenset(forms),
    }
    chosen = settings.telegram.forms
    return Tools(
        library=library,
        forms=forms,
        wordings=load_wordings(),
        understand=NluClient(settings.nlu_run_file, settings.nlu_timeout).understand,
        status_of=lambda reference, code, *, at: None,
        receipt_for=lambda token: None,
        default_municipality=settings.municipality,
        web_address=settings.web_address,
        known_words=known_words(RASA / "data"),
        kept=partial(kept_until, retention.load_policy(settings.retention_policy)),
        forms_by_channel={"telegram": named[chosen] if isinstance(chosen, str) else frozenset(chosen)},
    )


def with_memory(tools: "Tools", database: "Database") -> "Tools":
    """The same parts, able to look up what has been sent in."""
    from storage import additions, status_codes, submissions

    return replace(
        tools,
        status_of=partial(status_codes.status_of, database),
        own_status=partial(submissions.status_of, database),
        requests_of=partial(additions.open_requests_of, database),
        receipt_for=partial(submissions.reference_for_draft, database),
    )


@contextmanager
def open_database_of(settings: Settings) -> "Iterator[Database]":
    from installation import open_database

    database = open_database(settings)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def nlu_client(settings: Settings, timeout: float | None = None) -> "Iterator[NluClient]":
    """A client of the NLU process that is running already, or of one for as long as this command lasts.

    `timeout` is in seconds, when it shall be another than the setting's.
    """
    from installation import RASA, model
    from nlu.client import NluClient
    from nlu.process import NluProcess

    timeout = timeout or settings.nlu_timeout
    running = NluClient(settings.nlu_run_file, timeout)
    if running.ready():
        yield running
        return
    run_file = settings.nlu_run_file.with_name(f"nlu-{os.getpid()}.json")
    process = NluProcess(RASA, model(settings, note), run_file)
    process.start()
    try:
        process.wait_until_ready(NLU_START_SECONDS)
        yield NluClient(run_file, timeout)
    finally:
        process.stop()


def measure(settings: Settings) -> "Evaluation":
    """How well the evaluation sentences are understood, danger found by all the means that residents have."""
    from bot import answering, understanding
    from bot.safety import load_phrases
    from installation import RASA
    from nlu import evaluation, sentences

    with nlu_client(settings, timeout=10) as nlu:
        means: dict[str, evaluation.Means] = {
            "the phrases": lambda text, whole: load_phrases().kind_of(text) is not None,
            "the NLU": lambda text, whole: understanding.danger_in(whole, text) is not None,
            "the NLU, sentence by sentence": lambda text, whole: (
                understanding.danger_in_story(nlu.understand, text) is not None
            ),
        }
        return evaluation.evaluate(sentences.read_sentences(RASA / "evaluation"), nlu.understand, means, answering.SURE)


def purge(settings: Settings, database: "Database", *, actor: str, confirmed: bool = False) -> "PurgeReport | None":
    """Remove what is too old by the municipality's policy; None: another process is at it, and nothing was done.

    Raises what `storage.retention.purge` raises.
    """
    from storage import leadership, retention

    policy = retention.load_policy(settings.retention_policy)
    with leadership.held(database, "retention", PURGE_SECONDS) as mine:
        if not mine:
            return None
        return retention.purge(
            database,
            policy,
            datetime.now(UTC),
            actor=actor,
            tombstone_file=settings.tombstones,
            uptime=retention.read_uptime(),
            confirmed=confirmed,
        )


def anchor(settings: Settings, database: "Database") -> "DayAnchor | None":
    """Note outside the database where the audit trail ends, once a day. Raises as `storage.audit_anchors.keep`."""
    from storage import audit_anchors

    return audit_anchors.keep(database, settings.audit_anchors, datetime.now(UTC))


def os_user() -> str:
    """Who is at the command line, as the operating system knows it: variables like LOGNAME can say anything."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def staff() -> str:
    """Who is at the command line, for the audit trail."""
    return f"cli:{os_user()}"


def run_service(settings: Settings) -> None:
    """Check and prepare in order, then run the two sites, the NLU process and Telegram until a signal comes."""
    import serving
    from bot.baton.desk import BatonDesk
    from bot.baton.tools import baton_tools
    from bot.channels import web
    from bot.dialogue import Dialogue
    from bot.safety import load_phrases
    from installation import RASA, bind, check_nlu_environment, model
    from mailing import mail_server
    from nlu.client import NluClient
    from nlu.process import NluProcess
    from review.app import create_app

    check_nlu_environment()
    mail_server(settings)  # what is wrong with its settings is told before anything is opened
    listeners = [bind(settings.host, port, name) for name, port in settings.ports.items()]
    tools = make_tools(settings)
    with open_database_of(settings) as database:
        client = NluClient(settings.nlu_run_file, settings.nlu_timeout)
        batons = baton_tools(database, settings.chat_address, settings.baton_days)
        tools = replace(with_memory(tools, database), understand=client.understand, batons=batons)
        dialogue = Dialogue(tools, database)
        nlu = NluProcess(RASA, model(settings, note), settings.nlu_run_file)

        def started() -> None:
            """The sites first: they are up at once when they need not share the processor with the NLU's start."""
            nlu.start()
            # The phrase list takes half a second to read: before the first message, but not before the sites are up.
            threading.Thread(target=load_phrases, daemon=True, name="danger phrases").start()
            _announce(settings, database)

        try:
            names = {place.id: place.name for place in tools.library.municipalities}
            chat_site = web.create_app(
                dialogue.respond,
                session_secret=database.keyring.session_secret,
                secure_cookies=settings.secure_cookies,
                municipalities=names,
                nlu_ready=client.ready,
                missed=dialogue.missed,
                desk=BatonDesk(tools, database),
            )
            review_site = create_app(
                database,
                tools.forms,
                names,
                session_secret=database.keyring.session_secret,
                secure_cookies=settings.secure_cookies,
                library=tools.library,
            )
            webhook = _webhook(settings, database)
            apps: tuple[Any, Any] = (webhook.in_front_of(cast(Any, chat_site)) if webhook else chat_site, review_site)
            sites = [serving.Site(app, listener) for app, listener in zip(apps, listeners, strict=True)]
            proxies = [str(network) for network in settings.trusted_proxies]
            serving.run(sites, _tasks(settings, dialogue, database, nlu, webhook), started, proxies)
        finally:
            nlu.stop()


def _webhook(settings: Settings, database: "Database") -> "Webhook | None":
    """Where Telegram posts its updates, when the settings say so. Its secret is made of the installation's keys."""
    from bot.channels.telegram_webhook import Webhook

    if not settings.telegram_token or not settings.telegram.webhook_url:
        return None
    secret = database.keyring.fingerprint("", "telegram webhook")
    try:
        return Webhook(settings.telegram.webhook_url, secret)
    except ValueError as error:
        raise SettingsError(f"setting telegram.webhook_url: {error}") from None


def _tasks(settings: Settings, dialogue: Any, database: "Database", nlu: Any, webhook: "Webhook | None") -> list[Any]:
    """What runs beside the two sites: the watch over the NLU process, and Telegram when there is a token."""
    import serving
    from installation import expire_backups
    from mailing import telling

    tasks: list[Any] = [
        partial(serving.keep_running, nlu),
        partial(serving.repeat_purge, partial(purge, settings, database, actor="system"), PURGE_HOURS),
        partial(serving.repeat_batons, database, settings.baton_days, PURGE_HOURS),
        partial(serving.repeat_lookups, database, PURGE_HOURS),
        partial(serving.repeat_expiry, partial(expire_backups, settings, database), PURGE_HOURS),
        partial(serving.repeat_anchor, partial(anchor, settings, database), PURGE_HOURS),
        partial(serving.send_notices, telling(settings, database)),
    ]
    if settings.telegram_token:
        from bot.channels import telegram

        if settings.web_address is None:
            note("Telegram: set KONTAKT_WEB_ADDRESS, so that residents get a link to the forms in the web chat")
        token, remind = settings.telegram_token, partial(dialogue.remind, "telegram")
        run = partial(telegram.run, token=token, base_url=settings.telegram.base_url, webhook=webhook, remind=remind)
        tasks.append(partial(run, respond=dialogue.respond, database=database))
    return tasks


def _announce(settings: Settings, database: "Database") -> None:
    """Say where everything is; while there is no staff account, also the link to make the first one."""
    from installation import lacking_paperwork
    from storage import reviewers

    note(f"web chat:     http://{settings.host}:{settings.web_port}")
    note(f"review pages: http://{settings.host}:{settings.review_port}")
    note("the NLU process is warming up: buttons and forms work, free text in a few seconds")
    if settings.is_public and (lacking := lacking_paperwork(settings)):
        note(f"paperwork: {lacking}")
    if reviewers.count(database) == 0:
        token = reviewers.create_invitation(database, datetime.now(UTC), actor=staff(), first=True)
        address = f"http://{settings.host}:{settings.review_port}/valkommen/{token}"
        note(f"first staff account (works once, for 30 minutes): {address}")
