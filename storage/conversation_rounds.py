"""All conversations of a channel, one after another: for a channel that may write to residents first.

Only read here; who is to be written to, and what, is the dialogue's business.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import select

from storage import drafts
from storage.database import Database
from storage.drafts import Draft
from storage.encryption import SealError
from storage.tables import ConversationRow, DraftRow, FormSnapshotRow

_AT_ONCE: Final = 200

logger = structlog.get_logger()


@dataclass(frozen=True)
class Remembered:
    """What a conversation remembers; whose it is stands in `state`, if it is kept at all."""

    state: Mapping[str, Any]
    draft: Draft | None


def conversations_of(database: Database, channel: str) -> Iterator[Remembered]:
    """Every conversation of a channel, in a few reads. One that cannot be opened is passed, with the log event
    conversation.unreadable. Raises DatabaseError.
    """
    last = 0
    query = (
        select(ConversationRow, DraftRow, FormSnapshotRow.content)
        .outerjoin(DraftRow, DraftRow.conversation_id == ConversationRow.id)
        .outerjoin(FormSnapshotRow, FormSnapshotRow.digest == DraftRow.form_snapshot)
        .where(ConversationRow.channel == channel)
        .order_by(ConversationRow.id)
    )
    while True:
        with database.reading() as session:
            rows = session.execute(query.where(ConversationRow.id > last).limit(_AT_ONCE)).all()
            found = [_opened(database, *row) for row in rows]
        yield from (one for one in found if one is not None)
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1][0].id


def _opened(database: Database, row: ConversationRow, draft: DraftRow | None, form: str | None) -> Remembered | None:
    keyring = database.keyring
    try:
        state = keyring.open_json(row.state_sealed, f"conversations:{row.sender_key}:state")
        kept = None if draft is None else drafts.read(keyring, row.sender_key, draft, form)
    except SealError:
        logger.error("conversation.unreadable", row=row.id)
        return None
    return Remembered(state, kept)
