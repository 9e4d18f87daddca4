"""The links to batons: each opens for whoever has its code, and locks after some wrong ones.

Only keyed fingerprints of links and codes are stored.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import baton_rows, intake
from storage.baton_rows import OPEN, TRIES, Baton
from storage.baton_tables import BatonLinkRow, BatonRow
from storage.database import Database
from storage.encryption import Keyring

_TOKEN_BYTES: Final = 18


class LinkUnknownError(Exception):
    """No baton has that link, or not any more."""


class LinkExpiredError(Exception):
    """The link was valid until some time ago."""


class LinkLockedError(Exception):
    """The link has been tried with too many wrong codes. Who made the baton can make another one."""


class WrongCodeError(Exception):
    """Not the link's code; it may be tried `tries_left` times more."""

    def __init__(self, tries_left: int) -> None:
        super().__init__(f"wrong code, {tries_left} tries left")
        self.tries_left = tries_left


@dataclass(frozen=True)
class NewLink:
    """A way to a baton for one guardian. `called`: what the one who makes it calls them."""

    token: str
    code: str
    called: str


@dataclass(frozen=True)
class OpenedLink:
    """A link that was opened with its code: which baton, and which of its links."""

    baton: Baton
    number: int


@dataclass(frozen=True)
class DueReminder:
    """A link nobody has answered nor been reminded of."""

    baton: str
    number: int
    made_at: datetime
    expires_at: datetime


def make_link(called: str) -> NewLink:
    """A new link: 144 random bits, safe in an address, and six digits that are told apart from it."""
    return NewLink(secrets.token_urlsafe(_TOKEN_BYTES), intake.make_code(), called)


def open_link(database: Database, link_token: str, code: str, *, at: datetime) -> OpenedLink:
    """The baton behind a link, for whoever has its code; counted in a transaction of its own. An answered link opens.

    Raises LinkUnknownError, LinkExpiredError, LinkLockedError, WrongCodeError, SealError.
    """
    with database.transaction() as session:
        keyring: Keyring = session.info["keyring"]
        query = select(BatonLinkRow).where(BatonLinkRow.link_key == _link_key(keyring, link_token))
        link = session.scalars(query.with_for_update()).one_or_none()
        if link is None:
            raise LinkUnknownError("no baton has that link")
        row = session.get_one(BatonRow, link.baton_id)
        if row.expires_at <= at:
            raise LinkExpiredError("the link has expired")
        if link.wrong_codes >= TRIES:
            raise LinkLockedError("the link is locked")
        right = hmac.compare_digest(link.code_key, _code_key(keyring, link_token, code))
        link.wrong_codes = 0 if right else link.wrong_codes + 1
        if right and link.state == "waiting":
            link.state = "opened"
        if right:
            link.opened_at = link.opened_at or at
        session.flush()
        tries_left = TRIES - link.wrong_codes
        opened = OpenedLink(baton_rows.read(session, row, at), link.number) if right else None
    if opened is None:
        raise WrongCodeError(tries_left)
    return opened


def due_for_reminder(database: Database, at: datetime, *, after: timedelta) -> tuple[DueReminder, ...]:
    """The links that are open, made so long ago that somebody should be reminded, and have not been; oldest first."""
    query = (
        select(BatonRow.token, BatonLinkRow.number, BatonRow.made_at, BatonRow.expires_at)
        .join(BatonLinkRow, BatonLinkRow.baton_id == BatonRow.id)
        .where(
            BatonLinkRow.state.in_(OPEN),
            BatonLinkRow.reminded_at.is_(None),
            BatonRow.made_at <= at - after,
            BatonRow.expires_at > at,
        )
        .order_by(BatonRow.made_at, BatonRow.id, BatonLinkRow.number)
    )
    with database.reading() as session:
        return tuple(DueReminder(*found) for found in session.execute(query))


def set_link(session: Session, link: BatonLinkRow, new: NewLink) -> None:
    """Give a row that link and its code, untried; what was said in it is forgotten."""
    keyring: Keyring = session.info["keyring"]
    content = {"called": new.called, "name": None, "reason": None, "told": False}
    link.link_key, link.code_key = _link_key(keyring, new.token), _code_key(keyring, new.token, new.code)
    link.content_sealed = baton_rows.seal_link(session, link.link_key, content)
    link.wrong_codes = 0


def _link_key(keyring: Keyring, token: str) -> str:
    return keyring.fingerprint(token, "baton_link")


def _code_key(keyring: Keyring, token: str, code: str) -> str:
    return keyring.fingerprint(f"{token}:{code}", "baton_code")
