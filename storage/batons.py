"""Batons: a form that one person begins and others read, correct, and send in or decline.

A baton becomes at most one submission: the one whose draft token is the baton's. What may be asked, shown or said is
the bot's business; here it is kept what was filled in and answered, and until when. Links and codes are checked in
`baton_links`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage import baton_rows, form_snapshots, intake
from storage.baton_links import (
    DueReminder,
    LinkExpiredError,
    LinkLockedError,
    LinkUnknownError,
    NewLink,
    OpenedLink,
    WrongCodeError,
    due_for_reminder,
    make_link,
    open_link,
    set_link,
)
from storage.baton_rows import ANSWERS, OPEN, TRIES, Baton, Link
from storage.baton_tables import BatonLinkRow, BatonRow
from storage.database import Database
from storage.effects import EffectRefusedError
from storage.encryption import SealError
from storage.tables import SubmissionRow

__all__ = [
    "TRIES",
    "Baton",
    "BatonAnswer",
    "BatonDropped",
    "BatonReminded",
    "BatonSaved",
    "DueReminder",
    "Link",
    "LinkExpiredError",
    "LinkLockedError",
    "LinkReplaced",
    "LinkUnknownError",
    "NewBaton",
    "NewLink",
    "OpenedLink",
    "WrongCodeError",
    "due_for_reminder",
    "expire",
    "find",
    "links_of_submission",
    "make_link",
    "open_link",
]

logger = structlog.get_logger()


@dataclass(frozen=True)
class NewBaton:
    """Effect: a baton is made. `token` is from conversations.make_draft_token, `form` the form as plain JSON."""

    token: str
    form_id: str
    form_version: int
    form: Mapping[str, Any]
    answers: Mapping[str, Any]
    given: Mapping[str, Mapping[str, str]]
    municipality: str | None
    language: str
    channel: str
    links: tuple[NewLink, ...]
    expires_at: datetime

    def write(self, session: Session, at: datetime) -> None:
        """Raises EffectRefusedError when there is a baton of that token."""
        if baton_rows.lock(session, self.token) is not None:
            raise EffectRefusedError("this baton has been made")
        row = BatonRow(
            token=self.token,
            form_id=self.form_id,
            form_version=self.form_version,
            form_snapshot=form_snapshots.keep(session, self.form, self.form_id),
            content_sealed=baton_rows.seal_answers(session, self.token, self.answers, self.given),
            municipality=self.municipality,
            language=self.language,
            channel=self.channel,
            made_at=at,
            expires_at=self.expires_at,
        )
        session.add(row)
        session.flush()
        for number, new in enumerate(self.links, 1):
            link = BatonLinkRow(baton_id=row.id, number=number, state="waiting")
            set_link(session, link, new)
            session.add(link)
        session.flush()


@dataclass(frozen=True)
class LinkReplaced:
    """Effect: a link that was lost, or is locked, is another one from now on."""

    baton: str
    number: int
    link: NewLink

    def write(self, session: Session, at: datetime) -> None:
        """Raises EffectRefusedError when there is no such link, or it has been answered or has expired."""
        set_link(session, _link_to_change(session, _to_change(session, self.baton, at), self.number, OPEN), self.link)
        session.flush()


@dataclass(frozen=True)
class BatonSaved:
    """Effect: what a guardian has filled in or corrected, so that the other sees it. Of two answers to one question the
    one given later stays. Comes before BatonAnswer where a turn has both.
    """

    baton: str
    answers: Mapping[str, Any]
    given: Mapping[str, Mapping[str, str]]

    def write(self, session: Session, at: datetime) -> None:
        """Raises EffectRefusedError once it has been sent in, has expired or is gone."""
        row = _to_change(session, self.baton, at)
        if baton_rows.is_over(session, row):
            raise EffectRefusedError("this baton has been sent in")
        answers, given = baton_rows.open_answers(session, row)
        for slot, value in self.answers.items():
            if slot not in answers or _given_at(self.given, slot) >= _given_at(given, slot):
                answers[slot] = value
                given |= {slot: dict(self.given[slot])} if slot in self.given else {}
        row.content_sealed = baton_rows.seal_answers(session, row.token, answers, given)
        session.flush()


@dataclass(frozen=True)
class BatonAnswer:
    """Effect: a guardian's answer, "approved" or "declined". The turn that approves first also submits, with the
    baton's token as the draft's. What the others answer, before or after, is added to that submission.
    """

    baton: str
    number: int
    answer: str
    reason: str | None = None
    name: str | None = None

    def write(self, session: Session, at: datetime) -> None:
        """Raises EffectRefusedError when the link is answered (who has declined may still approve), has expired or is
        gone, and ValueError for another answer.
        """
        if self.answer not in ANSWERS:
            raise ValueError("a baton is approved or declined")
        row = _to_change(session, self.baton, at)
        answerable = (*OPEN, "declined") if self.answer == "approved" else OPEN
        link = _link_to_change(session, row, self.number, answerable)
        content = baton_rows.open_link_content(session, link)
        answered = {**content, "reason": self.reason, "name": self.name, "told": False}
        link.content_sealed = baton_rows.seal_link(session, link.link_key, answered)
        link.state, link.answered_at = self.answer, at
        session.flush()
        baton_rows.tell(session, row, at)


@dataclass(frozen=True)
class BatonReminded:
    """Effect: somebody was reminded of a link that is not answered."""

    baton: str
    number: int

    def write(self, session: Session, at: datetime) -> None:
        """Raises EffectRefusedError when there is no such link, or it has been answered or has expired."""
        _link_to_change(session, _to_change(session, self.baton, at), self.number, OPEN).reminded_at = at
        session.flush()


@dataclass(frozen=True)
class BatonDropped:
    """Effect: who made the baton takes it back. Nothing of it is left, and its links are unknown."""

    baton: str

    def write(self, session: Session, at: datetime) -> None:
        """Raises EffectRefusedError once it has been sent in or is gone."""
        row = baton_rows.lock(session, self.baton)
        if row is None or baton_rows.is_over(session, row):
            raise EffectRefusedError("this baton has been sent in or is gone")
        session.execute(delete(BatonLinkRow).where(BatonLinkRow.baton_id == row.id))
        session.delete(row)
        session.flush()


def find(database: Database, token: str, at: datetime) -> Baton | None:
    """The baton as it is at that time; None when there is none of that token, or not any more. Raises SealError."""
    with database.reading() as session:
        row = session.scalars(select(BatonRow).where(BatonRow.token == token)).one_or_none()
        return None if row is None else baton_rows.read(session, row, at)


def links_of_submission(database: Database, reference: str, at: datetime) -> tuple[Link, ...]:
    """How far the guardians have come with the baton that a submission is from; empty when it is from none.

    Names are in it: open the submission, on the record, first. Raises SealError.
    """
    query = (
        select(BatonRow)
        .join(SubmissionRow, SubmissionRow.draft_token == BatonRow.token)
        .where(SubmissionRow.reference == intake.read_reference(reference))
    )
    with database.reading() as session:
        row = session.scalars(query).one_or_none()
        return () if row is None else baton_rows.read_links(session, row, at)


def expire(database: Database, at: datetime) -> int:
    """Mark the open links of batons that are over; a submission is told that nobody answered. How many links.

    Each baton in a transaction of its own. Doing it again is harmless. One that cannot be read is passed over, with the
    log event baton.unreadable. Raises DatabaseError.
    """
    over = (
        select(BatonRow.token, BatonRow.id)
        .join(BatonLinkRow, BatonLinkRow.baton_id == BatonRow.id)
        .where(BatonLinkRow.state.in_(OPEN), BatonRow.expires_at <= at)
        .distinct()
    )
    with database.reading() as session:
        found = session.execute(over).all()
    expired = 0
    for token, number in found:
        try:
            with database.transaction() as session:
                links = _expire(session, token, at)
        except SealError:
            logger.error("baton.unreadable", row=number)
        else:
            expired += links
    return expired


def _expire(session: Session, token: str, at: datetime) -> int:
    row = baton_rows.lock(session, token)
    if row is None or row.expires_at > at:
        return 0
    links = [link for link in baton_rows.links_of(session, row, to_change=True) if link.state in OPEN]
    for link in links:
        link.state = "expired"
    session.flush()
    baton_rows.tell(session, row, at)
    return len(links)


def _to_change(session: Session, token: str, at: datetime) -> BatonRow:
    row = baton_rows.lock(session, token)
    if row is None or row.expires_at <= at:
        raise EffectRefusedError("this baton has expired or is gone")
    return row


def _link_to_change(session: Session, row: BatonRow, number: int, states: tuple[str, ...]) -> BatonLinkRow:
    for link in baton_rows.links_of(session, row, to_change=True):
        if link.number == number and link.state in states:
            return link
    raise EffectRefusedError("this link has been answered, or there is none of that number")


def _given_at(given: Mapping[str, Mapping[str, str]], slot: str) -> str:
    return given.get(slot, {}).get("at", "")
