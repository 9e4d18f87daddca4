"""The durable inbox and outbox: each message handled once, each reply delivered at least once.

A channel that must acknowledge what it gets calls `receive` first; a channel whose caller waits for the
replies need not. Payloads and recipients are sealed, a payload goes when its message is handled, a reply's
row when it is delivered. When to try again, and how, is the channel's business.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session, aliased

from storage.database import Database, insert_once
from storage.encryption import Keyring
from storage.tables import InboxRow, OutboxRow, StoredResponseRow

_PAYLOAD: Final = "inbox:payload"
_REPLY: Final = "outbox:content"


@dataclass(frozen=True)
class Incoming:
    """A message that was received and is not handled yet. `payload` is what the channel gave to `receive`."""

    channel: str
    sender: str
    message_id: str
    payload: Mapping[str, Any]
    received_at: datetime


@dataclass(frozen=True)
class Outgoing:
    """A reply to send. `recipient`: where to, in the channel's own terms."""

    recipient: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class OutgoingRow:
    """A stored reply. `attempts` counts the times it was postponed."""

    id: int
    recipient: str
    payload: Mapping[str, Any]
    attempts: int


def receive(
    database: Database,
    channel: str,
    message_id: str,
    payload: Mapping[str, Any],
    at: datetime,
    *,
    sender: str,
) -> bool:
    """Store a message; once this returns it is safe to acknowledge it. False when it was received before."""
    keyring = database.keyring
    content = {"sender": sender, "message_id": message_id, "payload": dict(payload)}
    values = {
        "channel": channel,
        "message_key": message_key(keyring, channel, sender, message_id),
        "received_at": at,
        "handled_at": None,
        "payload_sealed": keyring.seal_json(content, _PAYLOAD),
    }
    with database.transaction() as session:
        stored = session.execute(insert_once(session, InboxRow, values).returning(InboxRow.id)).scalar()
    return stored is not None


def waiting(database: Database, channel: str, limit: int = 100) -> list[Incoming]:
    """The messages of a channel that are not handled, in the order in which they were received."""
    query = (
        select(InboxRow)
        .where(InboxRow.channel == channel, InboxRow.handled_at.is_(None))
        .order_by(InboxRow.id)
        .limit(limit)
    )
    with database.reading() as session:
        return [_incoming(database.keyring, row) for row in session.scalars(query)]


def dismiss(database: Database, channel: str, message_id: str, at: datetime, *, sender: str) -> None:
    """Mark a received message as handled without a conversation: one that is not answered, or cannot be."""
    key = message_key(database.keyring, channel, sender, message_id)
    with database.transaction() as session:
        session.execute(
            update(InboxRow)
            .where(InboxRow.channel == channel, InboxRow.message_key == key)
            .values(handled_at=at, payload_sealed=None)
        )


def due(database: Database, channel: str, now: datetime, limit: int = 100) -> list[OutgoingRow]:
    """The replies to send now, oldest first. Behind a postponed one, its recipient's later replies wait too."""
    held = aliased(OutboxRow)
    query = (
        select(OutboxRow)
        .where(
            OutboxRow.channel == channel,
            OutboxRow.not_before <= now,
            ~exists().where(
                held.channel == OutboxRow.channel,
                held.recipient_key == OutboxRow.recipient_key,
                held.id < OutboxRow.id,
                held.not_before > now,
            ),
        )
        .order_by(OutboxRow.id)
        .limit(limit)
    )
    with database.reading() as session:
        return [_outgoing(database.keyring, row) for row in session.scalars(query)]


def send_later(database: Database, channel: str, outbox: Iterable[Outgoing], at: datetime) -> None:
    """Put replies that belong to no message in the outbox, in a transaction of their own."""
    with database.transaction() as session:
        enqueue(session, channel, outbox, at)


def delivered(database: Database, id: int) -> None:
    """The reply has been sent: its row goes. Doing it twice is harmless."""
    _remove(database, id)


def give_up(database: Database, id: int) -> None:
    """The reply cannot be delivered (the resident has blocked the bot, say): its row goes."""
    _remove(database, id)


def postpone(database: Database, id: int, until: datetime) -> None:
    """Try the reply again at `until`, not before; its recipient's later replies wait behind it."""
    with database.transaction() as session:
        session.execute(
            update(OutboxRow).where(OutboxRow.id == id).values(not_before=until, attempts=OutboxRow.attempts + 1)
        )


def forget_handled(database: Database, before: datetime) -> int:
    """Forget the messages handled before a time; one of them that came again would be handled again. How many."""
    with database.transaction() as session:
        gone = session.execute(delete(InboxRow).where(InboxRow.handled_at < before).returning(InboxRow.id)).all()
    return len(gone)


def message_key(keyring: Keyring, channel: str, sender: str, message_id: str) -> str:
    """The fingerprint that a message is known by: ids of different senders never meet."""
    return keyring.fingerprint(f"{len(sender)}:{sender}{message_id}", f"message:{channel}")


def mark_handled(session: Session, channel: str, key: str, at: datetime) -> int | None:
    """In the caller's transaction: the inbox row's id, now handled; None when it was handled before."""
    values = {
        "channel": channel,
        "message_key": key,
        "received_at": at,
        "handled_at": at,
        "payload_sealed": None,
    }
    inserted = session.execute(insert_once(session, InboxRow, values).returning(InboxRow.id)).scalar()
    if inserted is not None:
        return inserted
    return session.execute(
        update(InboxRow)
        .where(InboxRow.channel == channel, InboxRow.message_key == key, InboxRow.handled_at.is_(None))
        .values(handled_at=at, payload_sealed=None)
        .returning(InboxRow.id)
    ).scalar()


def keep_response(session: Session, row: StoredResponseRow, *, keep_from_version: int) -> None:
    """In the caller's transaction: keep a response and drop its conversation's older than that version."""
    session.execute(
        delete(StoredResponseRow).where(
            StoredResponseRow.conversation_id == row.conversation_id,
            StoredResponseRow.version < keep_from_version,
        )
    )
    session.add(row)
    session.flush()


def enqueue(session: Session, channel: str, outbox: Iterable[Outgoing], at: datetime) -> None:
    """In the caller's transaction: put replies in the outbox, in order."""
    keyring: Keyring = session.info["keyring"]
    for reply in outbox:
        content = {"recipient": reply.recipient, "payload": dict(reply.payload)}
        session.add(
            OutboxRow(
                channel=channel,
                recipient_key=keyring.fingerprint(reply.recipient, f"recipient:{channel}"),
                content_sealed=keyring.seal_json(content, _REPLY),
                attempts=0,
                not_before=at,
            )
        )
        session.flush()


def _remove(database: Database, id: int) -> None:
    with database.transaction() as session:
        session.execute(delete(OutboxRow).where(OutboxRow.id == id))


def _incoming(keyring: Keyring, row: InboxRow) -> Incoming:
    content = keyring.open_json(row.payload_sealed or b"", _PAYLOAD)
    return Incoming(row.channel, content["sender"], content["message_id"], content["payload"], row.received_at)


def _outgoing(keyring: Keyring, row: OutboxRow) -> OutgoingRow:
    content = keyring.open_json(row.content_sealed, _REPLY)
    return OutgoingRow(row.id, content["recipient"], content["payload"], row.attempts)
