"""What tests of storage hand on, send in and add to: a kurator's baton for two guardians, and turns that do things."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import func, select

from storage import conversations, intake, transfers
from storage.backup_keys import BackupKey
from storage.batons import NewBaton, NewLink, make_link
from storage.conversations import Conversation, ConversationChangedError, Draft
from storage.database import Database
from storage.effects import Effect
from storage.intake import NewSubmission
from storage.tables import Base

BACKUP_KEY = BackupKey(date(2026, 2, 1), b"k" * 32)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EXPIRES = NOON + timedelta(days=14)
AFTER = EXPIRES + timedelta(hours=1)
FORM = {"id": "ansokan_kontaktfamilj", "title": {"sv": "Ansökan", "en": "Application"}, "questions": []}
ANSWERS = {"barnets_namn": "Alva Öberg", "behov": "Helger \x00\ud800", "skola": None}
BY_KURATOR = {slot: {"by": "yrkesperson", "at": "2026-03-02T11:50:00+00:00"} for slot in ANSWERS}
DRAFT = Draft(
    token="ABCDEFGHJK",
    form_id="ansokan_kontaktfamilj",
    form_version=4,
    answers={"namn": "Åsa \ud800\x00", "skola": None},
    asking="behov",
    started_at=NOON,
    updated_at=NOON + timedelta(minutes=1),
    form=FORM,
    given={"namn": {"by": "vardnadshavare", "at": "2026-03-02T12:00:00+00:00"}, "skola": {"by": "Bo Ek", "at": "x"}},
    baton="BBBBBBBBBB",
    tries={"behov": 2},
)
_MESSAGES = count(1)


def new_baton(token: str, *links: NewLink, **changes: Any) -> NewBaton:
    values: dict[str, Any] = {
        "token": token,
        "form_id": "ansokan_kontaktfamilj",
        "form_version": 4,
        "form": FORM,
        "answers": ANSWERS,
        "given": BY_KURATOR,
        "municipality": "sala",
        "language": "sv",
        "channel": "web",
        "links": links,
        "expires_at": EXPIRES,
    }
    return NewBaton(**{**values, **changes})


def application(token: str, reference: str | None = None, **changes: Any) -> NewSubmission:
    """What a baton becomes."""
    values: dict[str, Any] = {
        "reference": reference or intake.make_reference(),
        "draft_token": token,
        "form_id": "ansokan_kontaktfamilj",
        "form_version": 4,
        "form_snapshot": FORM,
        "answers": ANSWERS,
        "flags": ("skola saknas",),
        "municipality": "sala",
        "channel": "web",
        "language": "sv",
        "code": "123456",
        "given": BY_KURATOR,
        "names": ("Alva Öberg",),
    }
    return NewSubmission(**{**values, **changes})


def act(
    database: Database, *effects: Effect, submission: NewSubmission | None = None, at: datetime = NOON
) -> Conversation:
    """A turn of somebody new that does all this."""
    message = f"message {next(_MESSAGES)}"
    before = Conversation("web", message)
    return conversations.save(
        database, before, before, message_id=message, response={}, at=at, submission=submission, effects=effects
    )


def take(database: Database, token: str, at: datetime = NOON) -> Draft | None:
    """The draft behind a link, taken by a turn of somebody new; None when nothing is there or another was quicker."""
    carried = transfers.carried(database, token, at=at)
    try:
        return carried and act(database, carried, at=at) and carried.draft
    except ConversationChangedError:
        return None


def hand_over(
    database: Database, token: str, called: tuple[str, ...] = ("Anna", "Bo"), **changes: Any
) -> list[NewLink]:
    """A baton is made; its links."""
    links = [make_link(name) for name in called]
    act(database, new_baton(token, *links, **changes))
    return links


def rows(database: Database) -> Mapping[str, int]:
    with database.reading() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }
