"""The durable inbox and outbox: each message handled once, each reply delivered at least once.

A channel that must acknowledge what it gets calls `receive` first; a channel whose caller waits for the
replies need not. Payloads and recipients are sealed, a payload goes when its message is handled, a reply's
row when it is delivered. When to try again, and how, is the channel's business. A row that cannot be opened
is taken out and logged by its number, so that it stops nothing behind it; one that is sealed with a key that
only other processes have yet is left for them, or for the next start.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from storage.database import Database, insert_once
from storage.encryption import Keyring, SealError, UnknownKeyError
from storage.tables import InboxRow, OutboxRow, StoredResponseRow

_PAYLOAD: Final = "inbox:payload"
_REPLY: Final = "outbox:content"
_UNREADABLE: Final = (SealError, KeyError, TypeError, ValueError)
"""What a row raises that was damaged, or written by a program of another shape."""
_ROWS_AT_ONCE: Final = 500
Names = Collection[str]

logger = structlog.get_logger()


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
    """A stored reply. `attempts` counts the times that sending it failed; `queued_at`: when it was put here."""

    id: int
    recipient: str
    payload: Mapping[str, Any]
    attempts: int
    queued_at: datetime


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


def waiting(
    database: Database, channel: str, limit: int = 100, per_sender: int = 5, without: Names = ()
) -> list[Incoming]:
    """The messages of a channel that are not handled, in the order in which they were received.

    At most the first `per_sender` of one sender, so that nobody fills the list alone, and none of the senders in
    `without`. A message that cannot be opened is marked as handled, with the log event inbox.unreadable.
    Raises UnknownKeyError for one that only a key can open that this program does not have; nothing is changed then.
    """
    found: list[Incoming] = []
    damaged: list[int] = []
    taken: Counter[str] = Counter()
    last = 0
    query = select(InboxRow).where(InboxRow.channel == channel, InboxRow.handled_at.is_(None)).order_by(InboxRow.id)
    with database.reading() as session:
        while len(found) < limit:
            rows = session.scalars(query.where(InboxRow.id > last).limit(_ROWS_AT_ONCE)).all()
            for row in rows:
                try:
                    incoming = _incoming(database.keyring, row)
                except UnknownKeyError:
                    raise
                except _UNREADABLE:
                    damaged.append(row.id)
                    continue
                taken[incoming.sender] += 1
                if taken[incoming.sender] <= per_sender and incoming.sender not in without:
                    found.append(incoming)
            if len(rows) < _ROWS_AT_ONCE:
                break
            last = rows[-1].id
    if damaged:
        with database.transaction() as session:
            session.execute(
                update(InboxRow)
                .where(InboxRow.id.in_(damaged))
                .values(handled_at=datetime.now(UTC), payload_sealed=None)
            )
        for number in damaged:
            logger.error("inbox.unreadable", channel=channel, row=number)
    return found[:limit]


def dismiss(
    database: Database,
    channel: str,
    message_id: str,
    at: datetime,
    *,
    sender: str,
    outbox: Iterable[Outgoing] = (),
) -> None:
    """Mark a received message as handled without a conversation: one that is not answered, or cannot be.

    What the sender is told instead goes to `outbox` in the same transaction; nothing does when it was handled before.
    """
    key = message_key(database.keyring, channel, sender, message_id)
    with database.transaction() as session:
        dismissed = session.execute(
            update(InboxRow)
            .where(InboxRow.channel == channel, InboxRow.message_key == key, InboxRow.handled_at.is_(None))
            .values(handled_at=at, payload_sealed=None)
            .returning(InboxRow.id)
        ).scalar()
        if dismissed is not None:
            enqueue(session, channel, outbox, at)


def due(
    database: Database, channel: str, now: datetime, limit: int = 100, per_recipient: int = 5, without: Names = ()
) -> list[OutgoingRow]:
    """The replies to send now, oldest first. Behind a postponed one, its recipient's later replies wait too.

    At most the first `per_recipient` of one recipient, and none to those in `without`. A reply that cannot be opened
    is removed, with the log event outbox.unreadable. Raises UnknownKeyError for one that only a key can open that this
    program does not have; nothing is removed then.
    """
    keyring = database.keyring
    left_out = [keyring.fingerprint(name, f"recipient:{channel}") for name in without]
    held = aliased(OutboxRow)
    place = func.row_number().over(partition_by=OutboxRow.recipient_key, order_by=OutboxRow.id).label("place")
    ready = (
        select(OutboxRow.id, place)
        .where(
            OutboxRow.channel == channel,
            OutboxRow.not_before <= now,
            OutboxRow.recipient_key.not_in(left_out),
            ~exists().where(
                held.channel == OutboxRow.channel,
                held.recipient_key == OutboxRow.recipient_key,
                held.id < OutboxRow.id,
                held.not_before > now,
            ),
        )
        .subquery()
    )
    first = select(OutboxRow).join(ready, ready.c.id == OutboxRow.id).where(ready.c.place <= per_recipient)
    found: list[OutgoingRow] = []
    damaged: list[int] = []
    with database.reading() as session:
        for row in session.scalars(first.order_by(OutboxRow.id).limit(limit)):
            try:
                found.append(_outgoing(keyring, row))
            except UnknownKeyError:
                raise
            except _UNREADABLE:
                damaged.append(row.id)
    for number in damaged:
        _remove(database, number)
        logger.error("outbox.unreadable", channel=channel, row=number)
    return found


def send_later(database: Database, channel: str, outbox: Iterable[Outgoing], at: datetime) -> None:
    """Put replies that belong to no message in the outbox, in a transaction of their own."""
    with database.transaction() as session:
        enqueue(session, channel, outbox, at)


def delivered(database: Database, id: int) -> None:
    """The reply has been sent: its row goes. Doing it twice is harmless."""
    _remove(database, id)


def postpone(database: Database, id: int, until: datetime, *, failed: bool = True) -> None:
    """Try the reply again at `until`, not before; its recipient's later replies wait behind it.

    Not `failed`: the receiving side asked for the wait, and it is not counted as an attempt.
    """
    with database.transaction() as session:
        session.execute(
            update(OutboxRow)
            .where(OutboxRow.id == id)
            .values(not_before=until, attempts=OutboxRow.attempts + (1 if failed else 0))
        )


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


def drop_responses(session: Session, conversation_id: int, *, before_version: int) -> None:
    """In the caller's transaction: drop a conversation's stored responses of versions before that one."""
    session.execute(
        delete(StoredResponseRow).where(
            StoredResponseRow.conversation_id == conversation_id,
            StoredResponseRow.version < before_version,
        )
    )


def enqueue(session: Session, channel: str, outbox: Iterable[Outgoing], at: datetime) -> None:
    """In the caller's transaction: put replies in the outbox, in order."""
    keyring: Keyring = session.info["keyring"]
    for reply in outbox:
        content = {"recipient": reply.recipient, "payload": dict(reply.payload), "queued_at": at.isoformat()}
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
    queued_at = datetime.fromisoformat(content["queued_at"]) if "queued_at" in content else row.not_before
    return OutgoingRow(row.id, content["recipient"], content["payload"], row.attempts, queued_at)
