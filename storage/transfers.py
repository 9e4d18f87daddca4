"""Transfers: a draft on its way from one channel to another, by a link that is used once and soon forgotten."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from storage import drafts, form_snapshots
from storage.baton_tables import TransferRow
from storage.database import Database
from storage.drafts import Draft
from storage.effects import EffectRefusedError
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


@dataclass(frozen=True)
class Carried:
    """What a link brings along: the draft as it is now. As an effect: it goes on in this turn's conversation, and is
    gone behind the link and from the conversation that it is open in.
    """

    token: str
    draft: Draft

    def write(self, session: Session, at: datetime) -> None:
        """A turn that has just read the draft where it was open is not saved as if it still were.

        Raises EffectRefusedError when somebody has taken it, it is too old, or it is not as it was read.
        """
        keyring: Keyring = session.info["keyring"]
        found = session.scalars(_behind(keyring, self.token, at).with_for_update()).one_or_none()
        if found is None:
            raise EffectRefusedError("the link is used or too old")
        copied = _copy(session, keyring, found)
        session.delete(found)
        session.flush()
        opened = session.execute(_open_in(copied.token).with_for_update(of=ConversationRow)).one_or_none()
        if self.draft != (copied if opened is None else _as_open(session, keyring, *opened)):
            raise EffectRefusedError("the draft has changed")
        if opened is not None:
            conversation, row = opened
            conversation.version += 1
            session.execute(delete(StoredResponseRow).where(StoredResponseRow.conversation_id == conversation.id))
            session.delete(row)
            session.flush()


def carried(database: Database, token: str, *, at: datetime) -> Carried | None:
    """What is behind a link, to be taken by a turn: the newest of the draft, where it is still open.

    None when there is none of that token, it was taken, or LIFETIME is over. Raises SealError.
    """
    with database.reading() as session:
        found = session.scalars(_behind(database.keyring, token, at)).one_or_none()
        if found is None:
            return None
        copied = _copy(session, database.keyring, found)
        opened = session.execute(_open_in(copied.token)).one_or_none()
        return Carried(token, copied if opened is None else _as_open(session, database.keyring, *opened))


def drop_expired(session: Session, at: datetime) -> int:
    """In the caller's transaction: drop what nobody has taken in time. How many."""
    gone = delete(TransferRow).where(TransferRow.expires_at <= at).returning(TransferRow.id)
    return len(session.scalars(gone).all())


def _behind(keyring: Keyring, token: str, at: datetime) -> Select[TransferRow]:
    return select(TransferRow).where(TransferRow.token_key == _key(keyring, token), TransferRow.expires_at > at)


def _copy(session: Session, keyring: Keyring, row: TransferRow) -> Draft:
    """The draft as it was when the link was made."""
    content: dict[str, Any] = keyring.open_json(row.content_sealed, _context(row.token_key))
    times = {name: datetime.fromisoformat(content[name]) for name in ("started_at", "updated_at")}
    draft = Draft(**{**content, **times})
    if row.form_snapshot is None:
        return draft
    return replace(draft, form=form_snapshots.parsed(session.get_one(FormSnapshotRow, row.form_snapshot).content))


def _open_in(draft_token: str) -> Select[ConversationRow, DraftRow]:
    """The conversation that the draft is open in, with it."""
    joined = select(ConversationRow, DraftRow).join(DraftRow, DraftRow.conversation_id == ConversationRow.id)
    return joined.where(DraftRow.token == draft_token)


def _as_open(session: Session, keyring: Keyring, conversation: ConversationRow, row: DraftRow) -> Draft:
    form = None if row.form_snapshot is None else session.get_one(FormSnapshotRow, row.form_snapshot).content
    return drafts.read(keyring, conversation.sender_key, row, form)


def _key(keyring: Keyring, token: str) -> str:
    return keyring.fingerprint(token, "transfer")


def _context(key: str) -> str:
    return f"transfers:{key}:content"
