"""Transfers: a draft on its way from one channel to another, by a link that is used once and soon forgotten."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage import drafts, form_snapshots
from storage.baton_tables import TransferRow
from storage.database import Database
from storage.drafts import Draft
from storage.encryption import Keyring
from storage.tables import ConversationRow, DraftRow, FormSnapshotRow, StoredResponseRow

LIFETIME: Final = timedelta(minutes=15)
_TOKEN_BYTES: Final = 18


def make_transfer_token() -> str:
    """144 random bits, safe in an address."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


@dataclass(frozen=True)
class NewTransfer:
    """Effect: the draft can be taken over with the token. Until then it stays where it is, if it is open there."""

    token: str
    draft: Draft

    def write(self, session: Session, at: datetime) -> None:
        """What has run out goes at the same time."""
        keyring: Keyring = session.info["keyring"]
        drop_expired(session, at)
        draft, key = self.draft, _key(keyring, self.token)
        form = draft.form
        content = {
            **drafts.content_of(draft),
            "token": draft.token,
            "form_id": draft.form_id,
            "form_version": draft.form_version,
            "started_at": draft.started_at.isoformat(),
            "updated_at": draft.updated_at.isoformat(),
        }
        row = TransferRow(
            token_key=key,
            form_snapshot=None if form is None else form_snapshots.keep(session, form, draft.form_id),
            content_sealed=keyring.seal_json(content, _context(key)),
            expires_at=at + LIFETIME,
        )
        session.add(row)
        session.flush()


def take(database: Database, token: str, *, at: datetime) -> Draft | None:
    """The draft, once: it is gone then, also from the conversation that it is open in, which has the newest of it.

    None when there is none of that token, it was taken, or LIFETIME is over. Raises SealError.
    """
    with database.transaction() as session:
        keyring: Keyring = session.info["keyring"]
        query = select(TransferRow).where(TransferRow.token_key == _key(keyring, token))
        row = session.scalars(query.with_for_update()).one_or_none()
        if row is None:
            return None
        draft = _draft(session, keyring, row)
        session.delete(row)
        session.flush()
        return None if row.expires_at <= at else _move(session, keyring, draft)


def drop_expired(session: Session, at: datetime) -> int:
    """In the caller's transaction: drop what nobody has taken in time. How many."""
    gone = delete(TransferRow).where(TransferRow.expires_at <= at).returning(TransferRow.id)
    return len(session.scalars(gone).all())


def _draft(session: Session, keyring: Keyring, row: TransferRow) -> Draft:
    content: dict[str, Any] = keyring.open_json(row.content_sealed, _context(row.token_key))
    times = {name: datetime.fromisoformat(content[name]) for name in ("started_at", "updated_at")}
    draft = Draft(**{**content, **times})
    if row.form_snapshot is None:
        return draft
    return replace(draft, form=form_snapshots.parsed(session.get_one(FormSnapshotRow, row.form_snapshot).content))


def _move(session: Session, keyring: Keyring, copied: Draft) -> Draft:
    """Where the draft is still open it is no more, as it is there by now; and a turn that has just read it is not saved
    as if it were.
    """
    found = (
        select(ConversationRow)
        .join(DraftRow, DraftRow.conversation_id == ConversationRow.id)
        .where(DraftRow.token == copied.token)
        .with_for_update(of=ConversationRow)
    )
    conversation = session.scalars(found).one_or_none()
    row = None if conversation is None else session.get(DraftRow, conversation.id)
    if conversation is None or row is None or row.token != copied.token:
        return copied
    form = None if row.form_snapshot is None else session.get_one(FormSnapshotRow, row.form_snapshot).content
    draft = drafts.read(keyring, conversation.sender_key, row, form)
    conversation.version += 1
    session.execute(delete(StoredResponseRow).where(StoredResponseRow.conversation_id == conversation.id))
    session.delete(row)
    session.flush()
    return draft


def _key(keyring: Keyring, token: str) -> str:
    return keyring.fingerprint(token, "transfer")


def _context(key: str) -> str:
    return f"transfers:{key}:content"
