"""Reviewers, their invitations and sessions, and failed sign-ins.

Passwords are hashed and compared by the caller; only the hash is kept. Invitations and sessions are known by random
tokens of which only SHA-256 is kept, names are sealed, and what was typed at a failed sign-in is kept as a fingerprint.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.orm import Session

from storage import audit
from storage.database import Database, insert_once
from storage.encryption import Keyring
from storage.tables import InvitationRow, ReviewerRow, SignInFailureRow, StaffSessionRow

INVITATION_VALID: Final = timedelta(minutes=30)
SESSION_IDLE: Final = timedelta(minutes=15)
SESSION_LONGEST: Final = timedelta(hours=8)
FAILURES_KEPT: Final = timedelta(hours=24)

_USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
_FIRST: Final = "first:"
"""Before the key of the invitation for the very first account: one at most, and void once there is an account."""
_OTHER_ACTORS: Final = frozenset({"resident", "cli", "invitation", "system"})
"""Who else acts in the audit trail: nobody may call themselves so."""


class UsernameError(Exception):
    """A username is not one: 2 to 64 of a-z, 0-9 and . _ @ -, beginning with a letter or digit."""


class UsernameTakenError(Exception):
    """Another account has that username."""


class InvitationError(Exception):
    """An invitation is unknown, used or too old."""


@dataclass(frozen=True)
class Reviewer:
    """An account on the review pages. `role` is the review side's own word."""

    id: int
    username: str
    name: str
    password_hash: str
    role: str
    active: bool


def read_username(text: str) -> str | None:
    """A username as somebody typed it, in small letters, or None when it is none."""
    candidate = text[:100].strip().lower()
    return candidate if _USERNAME.fullmatch(candidate) and candidate not in _OTHER_ACTORS else None


def add(
    database: Database, username: str, name: str, password_hash: str, role: str, *, actor: str, at: datetime
) -> Reviewer:
    """Make an account and write reviewer.added. Raises UsernameError, UsernameTakenError."""
    with database.transaction() as session:
        return _add(session, username, name, password_hash, role, actor=actor, at=at)


def find(database: Database, username: str) -> Reviewer | None:
    """The account with that username, also when it is not active."""
    query = select(ReviewerRow).where(ReviewerRow.username == read_username(username))
    with database.reading() as session:
        row = session.scalars(query).one_or_none()
    return None if row is None else _reviewer(database.keyring, row)


def listing(database: Database) -> list[Reviewer]:
    """All accounts, by username."""
    with database.reading() as session:
        rows = session.scalars(select(ReviewerRow).order_by(ReviewerRow.username))
        return [_reviewer(database.keyring, row) for row in rows]


def count(database: Database) -> int:
    """How many accounts there are, active or not."""
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(ReviewerRow)) or 0


def change_password(database: Database, reviewer_id: int, password_hash: str, *, actor: str, at: datetime) -> None:
    """Keep a new hash, end the account's sessions and write reviewer.password_changed."""
    _change(database, reviewer_id, "reviewer.password_changed", {"password_hash": password_hash}, actor, at)


def renew_hash(database: Database, reviewer_id: int, password_hash: str) -> None:
    """Keep the same password under stronger settings; sessions go on."""
    with database.transaction() as session:
        session.execute(update(ReviewerRow).where(ReviewerRow.id == reviewer_id).values(password_hash=password_hash))


def deactivate(database: Database, reviewer_id: int, *, actor: str, at: datetime) -> None:
    """Close an account, end its sessions and write reviewer.deactivated."""
    _change(database, reviewer_id, "reviewer.deactivated", {"active": False}, actor, at)


def create_invitation(
    database: Database, at: datetime, *, actor: str = "cli", role: str = "reviewer", first: bool = False
) -> str:
    """A token that makes one account within INVITATION_VALID; it cannot be shown again.

    With `first` it makes the first account or none, and replaces every earlier token of that kind.
    """
    token = secrets.token_urlsafe(32)
    with database.transaction() as session:
        session.execute(delete(InvitationRow).where(InvitationRow.expires_at <= at))
        if first:
            session.execute(delete(InvitationRow).where(InvitationRow.token_key.startswith(_FIRST)))
        key = (_FIRST if first else "") + _token_key(token)
        session.add(InvitationRow(token_key=key, role=role, expires_at=at + INVITATION_VALID))
        session.flush()
        audit.record(
            session,
            actor=actor,
            event="invitation.created",
            subject="invitation",
            at=at,
            details={"role": role},
        )
    return token


def invitation_is_open(database: Database, token: str, at: datetime) -> bool:
    """Whether `accept_invitation` would take the token now; it is not used up."""
    with database.reading() as session:
        return session.scalar(select(InvitationRow.role).where(_is_open(token, at))) is not None


def accept_invitation(
    database: Database, token: str, username: str, name: str, password_hash: str, *, at: datetime
) -> Reviewer:
    """Make the account of an invitation, which is used up.

    Raises InvitationError; UsernameError and UsernameTakenError, and then the invitation stays valid.
    """
    with database.transaction() as session:
        role = session.execute(delete(InvitationRow).where(_is_open(token, at)).returning(InvitationRow.role)).scalar()
        if role is None:
            raise InvitationError("the invitation is unknown, used or too old")
        return _add(session, username, name, password_hash, role, actor="invitation", at=at)


def start_session(database: Database, reviewer_id: int, at: datetime) -> str:
    """A new session's token, for the cookie; sessions that have run out are cleared away."""
    token = secrets.token_urlsafe(32)
    with database.transaction() as session:
        session.execute(
            delete(StaffSessionRow).where(
                (StaffSessionRow.seen_at <= at - SESSION_IDLE) | (StaffSessionRow.started_at <= at - SESSION_LONGEST)
            )
        )
        session.add(StaffSessionRow(token_key=_token_key(token), reviewer_id=reviewer_id, started_at=at, seen_at=at))
    return token


def session_reviewer(database: Database, token: str, at: datetime) -> Reviewer | None:
    """Whose session it is, and the session goes on; None when it is unknown, idle or old, or the account closed.

    A clock that was set back ends no session.
    """
    query = (
        select(StaffSessionRow, ReviewerRow)
        .join(ReviewerRow, ReviewerRow.id == StaffSessionRow.reviewer_id)
        .where(StaffSessionRow.token_key == _token_key(token), ReviewerRow.active)
    )
    with database.reading() as session:
        found = session.execute(query).one_or_none()
    if found is None:
        return None
    row, reviewer = found
    if at - row.seen_at >= SESSION_IDLE or at - row.started_at >= SESSION_LONGEST:
        end_session(database, token)
        return None
    with database.transaction() as session:
        session.execute(update(StaffSessionRow).where(StaffSessionRow.token_key == row.token_key).values(seen_at=at))
    return _reviewer(database.keyring, reviewer)


def end_session(database: Database, token: str) -> None:
    """Sign out: the token is worth nothing from now on."""
    with database.transaction() as session:
        session.execute(delete(StaffSessionRow).where(StaffSessionRow.token_key == _token_key(token)))


def record_failure(database: Database, username: str, address: str, at: datetime) -> None:
    """Count a failed sign-in, by what was typed as username and by the address it came from."""
    with database.transaction() as session:
        session.execute(delete(SignInFailureRow).where(SignInFailureRow.at <= at - FAILURES_KEPT))
        session.add(
            SignInFailureRow(
                username_key=_username_key(database.keyring, username),
                address_key=_address_key(database.keyring, address),
                at=at,
            )
        )


def recent_failures(
    database: Database, since: datetime, *, username: str | None = None, address: str | None = None
) -> int:
    """How many sign-ins have failed since then, with that username and from that address (None: any)."""
    query = select(func.count()).select_from(SignInFailureRow).where(SignInFailureRow.at > since)
    if username is not None:
        query = query.where(SignInFailureRow.username_key == _username_key(database.keyring, username))
    if address is not None:
        query = query.where(SignInFailureRow.address_key == _address_key(database.keyring, address))
    with database.reading() as session:
        return session.scalar(query) or 0


def forget_failures(database: Database, username: str) -> None:
    """After a sign-in that succeeded: the failures with that username no longer count."""
    key = _username_key(database.keyring, username)
    with database.transaction() as session:
        session.execute(delete(SignInFailureRow).where(SignInFailureRow.username_key == key))


def _is_open(token: str, at: datetime) -> ColumnElement[bool]:
    key, nobody = _token_key(token), ~exists().where(ReviewerRow.id.is_not(None))
    known = (InvitationRow.token_key == key) | ((InvitationRow.token_key == _FIRST + key) & nobody)
    return known & (InvitationRow.expires_at > at)


def _add(
    session: Session, username: str, name: str, password_hash: str, role: str, *, actor: str, at: datetime
) -> Reviewer:
    clean = read_username(username)
    if clean is None:
        raise UsernameError("a username is 2 to 64 of a-z, 0-9 and . _ @ -")
    keyring: Keyring = session.info["keyring"]
    values = {
        "username": clean,
        "name_sealed": keyring.seal_json(name, _name_context(clean)),
        "password_hash": password_hash,
        "role": role,
        "active": True,
        "added_at": at,
    }
    id = session.execute(insert_once(session, ReviewerRow, values).returning(ReviewerRow.id)).scalar()
    if id is None:
        raise UsernameTakenError("that username is taken")
    audit.record(session, actor=actor, event="reviewer.added", subject=clean, at=at, details={"role": role})
    return Reviewer(id, clean, name, password_hash, role, True)


def _change(
    database: Database, reviewer_id: int, event: str, values: dict[str, object], actor: str, at: datetime
) -> None:
    with database.transaction() as session:
        username = session.execute(
            update(ReviewerRow).where(ReviewerRow.id == reviewer_id).values(values).returning(ReviewerRow.username)
        ).scalar_one()
        session.execute(delete(StaffSessionRow).where(StaffSessionRow.reviewer_id == reviewer_id))
        audit.record(session, actor=actor, event=event, subject=username, at=at)


def _reviewer(keyring: Keyring, row: ReviewerRow) -> Reviewer:
    name = keyring.open_json(row.name_sealed, _name_context(row.username))
    return Reviewer(row.id, row.username, name, row.password_hash, row.role, row.active)


def _name_context(username: str) -> str:
    return f"reviewers:{username}:name"


def _token_key(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _username_key(keyring: Keyring, username: str) -> str:
    return keyring.fingerprint(username.strip().lower(), "sign-in username")


def _address_key(keyring: Keyring, address: str) -> str:
    return keyring.fingerprint(address, "sign-in address")
