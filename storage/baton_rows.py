"""Batons as rows: how they are sealed, locked and read, and how a guardian's answer gets to the submission.

What is done with a baton is in `batons`. Its row is locked before anything of it or of its submission is changed, so
that of two guardians one waits for the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import addition_rows, form_snapshots, lookups
from storage.addition_rows import Added
from storage.baton_tables import BatonLinkRow, BatonRow
from storage.encryption import Keyring
from storage.tables import FormSnapshotRow, SubmissionRow

OPEN: Final = ("waiting", "opened")
ANSWERS: Final = ("approved", "declined")
TRIES: Final = 5
"""So many wrong codes lock a link."""
_KINDS: Final = {
    "approved": addition_rows.APPROVED,
    "declined": addition_rows.DECLINED,
    "expired": addition_rows.SILENT,
}


@dataclass(frozen=True)
class Link:
    """How far one guardian has come. `called`: what the one who made the baton calls them; `name`: who answered.

    `state`: "waiting", "opened", "approved", "declined" or "expired"; `reason`: why not, if they said. `locked`: tried
    with too many wrong codes.
    """

    number: int
    called: str
    state: str
    opened_at: datetime | None = None
    answered_at: datetime | None = None
    reason: str | None = None
    reminded_at: datetime | None = None
    name: str | None = None
    locked: bool = False


@dataclass(frozen=True)
class Baton:
    """A baton as it is now. `reference` and `received_at`: of the submission that it became, if it did."""

    token: str
    form_id: str
    form_version: int
    form: Mapping[str, Any]
    answers: Mapping[str, Any]
    given: Mapping[str, Mapping[str, str]]
    municipality: str | None
    language: str
    channel: str
    made_at: datetime
    expires_at: datetime
    reference: str | None
    received_at: datetime | None
    links: tuple[Link, ...]


def seal_answers(session: Session, token: str, answers: Mapping[str, Any], given: Mapping[str, Any]) -> bytes:
    """What has been filled in, sealed to the baton."""
    keyring: Keyring = session.info["keyring"]
    content = {"answers": dict(answers), "given": {slot: dict(who) for slot, who in given.items()}}
    return keyring.seal_json(content, f"batons:{token}:content")


def open_answers(session: Session, row: BatonRow) -> tuple[dict[str, Any], dict[str, Any]]:
    """Answers, and who gave them. Raises SealError."""
    keyring: Keyring = session.info["keyring"]
    content = keyring.open_json(row.content_sealed, f"batons:{row.token}:content")
    return content["answers"], content["given"]


def seal_link(session: Session, link_key: str, content: Mapping[str, Any]) -> bytes:
    """What is said in a link: `called`, `name`, `reason`, and whether the answer is `told` to the submission."""
    keyring: Keyring = session.info["keyring"]
    return keyring.seal_json(dict(content), f"baton_links:{link_key}:content")


def open_link_content(session: Session, link: BatonLinkRow) -> dict[str, Any]:
    """What `seal_link` was given. Raises SealError."""
    keyring: Keyring = session.info["keyring"]
    content: dict[str, Any] = keyring.open_json(link.content_sealed, f"baton_links:{link.link_key}:content")
    return content


def name_of(token: str) -> str:
    """The name of a baton among what has been purged; that of the submission which it became is the token itself."""
    return f"baton:{token}"


def lock(session: Session, token: str) -> BatonRow | None:
    """In the caller's transaction: the baton's row, locked until it ends; None when there is none of that token."""
    return session.scalars(select(BatonRow).where(BatonRow.token == token).with_for_update()).one_or_none()


def links_of(session: Session, row: BatonRow, *, to_change: bool = False) -> list[BatonLinkRow]:
    """The rows of a baton's links in their order; locked when they are to be changed."""
    query = select(BatonLinkRow).where(BatonLinkRow.baton_id == row.id).order_by(BatonLinkRow.number)
    return list(session.scalars(query.with_for_update() if to_change else query))


def tell(session: Session, row: BatonRow, at: datetime) -> None:
    """Add to the submission of a locked baton, if there is one, what its guardians have answered and it does not know.

    The one whose approval submits it, in this transaction, is not told of: they are who it is from.
    """
    submission = _submission(session, row)
    if submission is None:
        return
    for link in links_of(session, row, to_change=True):
        content = open_link_content(session, link)
        if link.state in OPEN or content["told"]:
            continue
        if not (_is_of_this_turn(session, submission) and link.state == "approved"):
            by, when = content["name"] or content["called"], link.answered_at or at
            added = Added(when, _KINDS[link.state], content["reason"], by)
            if content["name"]:
                lookups.write(session, submission.id, names=(content["name"],))
            addition_rows.write_addition(session, submission, added, actor="resident")
        link.content_sealed = seal_link(session, link.link_key, {**content, "told": True})
    session.flush()


def is_over(session: Session, row: BatonRow) -> bool:
    """Whether the submission has been sent in by a turn before this one."""
    submission = _submission(session, row)
    return submission is not None and not _is_of_this_turn(session, submission)


def read(session: Session, row: BatonRow, at: datetime) -> Baton:
    """Everything of a baton. Raises SealError."""
    answers, given = open_answers(session, row)
    form = session.get_one(FormSnapshotRow, row.form_snapshot).content
    query = select(SubmissionRow.reference, SubmissionRow.received_at).where(SubmissionRow.draft_token == row.token)
    submitted = session.execute(query).one_or_none()
    return Baton(
        token=row.token,
        form_id=row.form_id,
        form_version=row.form_version,
        form=form_snapshots.parsed(form),
        answers=answers,
        given=given,
        municipality=row.municipality,
        language=row.language,
        channel=row.channel,
        made_at=row.made_at,
        expires_at=row.expires_at,
        reference=None if submitted is None else submitted.reference,
        received_at=None if submitted is None else submitted.received_at,
        links=read_links(session, row, at),
    )


def read_links(session: Session, row: BatonRow, at: datetime) -> tuple[Link, ...]:
    """How far each guardian has come. Raises SealError."""
    return tuple(_link(session, link, expired=row.expires_at <= at) for link in links_of(session, row))


def _submission(session: Session, row: BatonRow) -> SubmissionRow | None:
    query = select(SubmissionRow).where(SubmissionRow.draft_token == row.token)
    return session.scalars(query.with_for_update()).one_or_none()


def _is_of_this_turn(session: Session, submission: SubmissionRow) -> bool:
    return bool(session.info.get("submitted") == submission.reference)


def _link(session: Session, row: BatonLinkRow, *, expired: bool) -> Link:
    content = open_link_content(session, row)
    return Link(
        number=row.number,
        called=content["called"],
        state="expired" if expired and row.state in OPEN else row.state,
        opened_at=row.opened_at,
        answered_at=row.answered_at,
        reason=content["reason"],
        reminded_at=row.reminded_at,
        name=content["name"],
        locked=row.wrong_codes >= TRIES,
    )
