"""Conversations: one resident's thread on one channel, with its draft; everything of one turn saved together.

What the state means is the dialogue's business; here it is sealed JSON. A sender is kept only as a keyed fingerprint.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storage import deliveries, drafts, intake, missed_questions
from storage.database import Database, DatabaseError
from storage.drafts import Draft, make_draft_token
from storage.effects import Effect, EffectRefusedError
from storage.encryption import Keyring
from storage.engine import reason
from storage.tables import ConversationRow, DraftRow, FormSnapshotRow, InboxRow, OutboxRow, StoredResponseRow

__all__ = [
    "Conversation",
    "ConversationChangedError",
    "Draft",
    "find",
    "forget",
    "handled",
    "make_draft_token",
    "save",
]

RESPONSES_KEPT: Final = 20
"""How many responses of one conversation are kept for messages that come again."""
_RACES: Final = {
    "uq_inbox_channel_message_key": "inbox.channel, inbox.message_key",
    "uq_conversations_channel_sender_key": "conversations.channel, conversations.sender_key",
    "uq_submissions_draft_token": "submissions.draft_token",
    "uq_submissions_reference": "submissions.reference",
    "pk_audit_events": "audit_events.number",
}
"""What two turns at the same time can both want: the name PostgreSQL has for it, and SQLite's."""


class ConversationChangedError(Exception):
    """Another turn was saved since the conversation was read, this message is handled, or an effect was refused:
    nothing was written.

    Read `handled` and `find` again, and answer from there.
    """


@dataclass(frozen=True)
class Conversation:
    """`state` is plain JSON; version 0 means that nothing is stored yet."""

    channel: str
    sender: str
    state: Mapping[str, Any] = field(default_factory=dict)
    draft: Draft | None = None
    version: int = 0


def find(database: Database, channel: str, sender: str) -> Conversation:
    """The stored conversation, or a new one of version 0."""
    keyring = database.keyring
    query = (
        select(ConversationRow, DraftRow, FormSnapshotRow.content)
        .outerjoin(DraftRow, DraftRow.conversation_id == ConversationRow.id)
        .outerjoin(FormSnapshotRow, FormSnapshotRow.digest == DraftRow.form_snapshot)
        .where(
            ConversationRow.channel == channel,
            ConversationRow.sender_key == _sender_key(keyring, channel, sender),
        )
    )
    with database.reading() as session:
        found = session.execute(query).one_or_none()
    if found is None:
        return Conversation(channel, sender)
    row, stored, form = found
    state = keyring.open_json(row.state_sealed, _state_context(row.sender_key))
    draft = None if stored is None else drafts.read(keyring, row.sender_key, stored, form)
    return Conversation(channel, sender, state, draft, row.version)


def handled(database: Database, channel: str, sender: str, message_id: str) -> dict[str, Any] | None:
    """The response to a message handled before, or None for a new message.

    An empty dictionary: it was handled, but its response is not kept: it was long ago, or a draft ended.
    """
    keyring = database.keyring
    key = deliveries.message_key(keyring, channel, sender, message_id)
    query = (
        select(StoredResponseRow.content_sealed)
        .select_from(InboxRow)
        .outerjoin(StoredResponseRow, StoredResponseRow.inbox_id == InboxRow.id)
        .where(InboxRow.channel == channel, InboxRow.message_key == key, InboxRow.handled_at.is_not(None))
    )
    with database.reading() as session:
        found = session.execute(query).one_or_none()
    if found is None:
        return None
    response: dict[str, Any] = {} if found[0] is None else keyring.open_json(found[0], _response_context(key))
    return response


def save(
    database: Database,
    before: Conversation,
    after: Conversation,
    *,
    message_id: str,
    response: Mapping[str, Any],
    at: datetime,
    submission: intake.NewSubmission | None = None,
    outbox: Sequence[deliveries.Outgoing] = (),
    missed: missed_questions.MissedQuestion | None = None,
    effects: Sequence[Effect] = (),
) -> Conversation:
    """Save one turn in one transaction: the message handled, the conversation, replies to send, the question where it
    was missed, the submission, then its effects in their order, and last the draft, which an effect may have let go of
    elsewhere.

    With a draft go the stored responses that may quote it; only a receipt is kept, when the turn has a submission.
    Returns `after` with its new version. Raises ConversationChangedError, also when an effect is refused, and
    DatabaseError; nothing is written then.
    """
    if (before.channel, before.sender) != (after.channel, after.sender):
        raise ValueError("a turn cannot move a conversation to another sender")
    keyring = database.keyring
    key = deliveries.message_key(keyring, before.channel, before.sender, message_id)
    saved = replace(after, version=before.version + 1)
    try:
        with database.transaction() as session:
            inbox_id = deliveries.mark_handled(session, before.channel, key, at)
            if inbox_id is None:
                raise ConversationChangedError("this message is handled")
            sender_key = _sender_key(keyring, saved.channel, saved.sender)
            conversation_id = _save_conversation(session, keyring, sender_key, saved, at)
            ended = before.draft is not None and (saved.draft is None or saved.draft.token != before.draft.token)
            kept = RESPONSES_KEPT if not ended else 1 if submission is not None else 0
            deliveries.drop_responses(session, conversation_id, before_version=saved.version - kept + 1)
            if kept:
                session.add(
                    StoredResponseRow(
                        inbox_id=inbox_id,
                        conversation_id=conversation_id,
                        version=saved.version,
                        content_sealed=keyring.seal_json(dict(response), _response_context(key)),
                    )
                )
                session.flush()
            deliveries.enqueue(session, before.channel, outbox, at)
            if missed is not None:
                missed_questions.write(session, missed, at)
            if submission is not None:
                intake.insert(session, submission, actor="resident", at=at)
            for effect in effects:
                effect.write(session, at)
            drafts.save(session, conversation_id, sender_key, before.draft, saved.draft)
    except (intake.AlreadySubmittedError, EffectRefusedError):
        raise ConversationChangedError("another turn was saved at the same time") from None
    except IntegrityError as error:
        if _is_race(error):
            raise ConversationChangedError("another turn was saved at the same time") from None
        raise DatabaseError(f"the turn cannot be saved: {reason(error)}") from None  # its DETAIL may quote values
    return saved


def _is_race(error: IntegrityError) -> bool:
    name = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    if name is not None:
        return name in _RACES
    return str(error.orig) in {f"UNIQUE constraint failed: {columns}" for columns in _RACES.values()}


def forget(database: Database, channel: str, sender: str) -> bool:
    """Remove a conversation with its draft, stored responses and unsent replies to `sender`. False: there was none.

    What has been submitted stays. The fingerprints of handled messages stay too, so that none is handled twice.
    """
    keyring = database.keyring
    with database.transaction() as session:
        session.execute(
            delete(OutboxRow).where(
                OutboxRow.channel == channel,
                OutboxRow.recipient_key == keyring.fingerprint(sender, f"recipient:{channel}"),
            )
        )
        gone = session.execute(
            delete(ConversationRow)
            .where(
                ConversationRow.channel == channel,
                ConversationRow.sender_key == _sender_key(keyring, channel, sender),
            )
            .returning(ConversationRow.id)
        ).scalar()
    return gone is not None


def _save_conversation(session: Session, keyring: Keyring, sender_key: str, saved: Conversation, at: datetime) -> int:
    sealed = keyring.seal_json(dict(saved.state), _state_context(sender_key))
    if saved.version == 1:
        return session.execute(
            insert(ConversationRow)
            .values(
                channel=saved.channel,
                sender_key=sender_key,
                state_sealed=sealed,
                version=1,
                started_at=at,
                updated_at=at,
            )
            .returning(ConversationRow.id)
        ).scalar_one()
    changed = session.execute(
        update(ConversationRow)
        .where(
            ConversationRow.channel == saved.channel,
            ConversationRow.sender_key == sender_key,
            ConversationRow.version == saved.version - 1,
        )
        .values(state_sealed=sealed, version=saved.version, updated_at=at)
        .returning(ConversationRow.id)
    ).scalar()
    if changed is None:
        raise ConversationChangedError("another turn was saved since the conversation was read")
    return changed


def _sender_key(keyring: Keyring, channel: str, sender: str) -> str:
    return keyring.fingerprint(sender, f"sender:{channel}")


def _state_context(sender_key: str) -> str:
    return f"conversations:{sender_key}:state"


def _response_context(key: str) -> str:
    return f"stored_responses:{key}:content"
