"""Form definitions as they were when a draft was begun, a baton made or something submitted: each text stored once.

They hold nobody's answers. One that nothing uses any more goes when retention runs.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any, Final

from sqlalchemy import Select, delete, exists, select
from sqlalchemy.orm import Session

from storage.baton_tables import BatonRow, TransferRow
from storage.database import insert_once
from storage.tables import DraftRow, FormSnapshotRow, SubmissionRow

_USERS: Final = (SubmissionRow, DraftRow, BatonRow, TransferRow)


class Snapshot(dict[str, Any]):
    """A form as plain JSON that nobody changes, so that it can be the key of a cache (by its digest)."""

    @cached_property
    def text(self) -> str:
        """The JSON that is stored."""
        return json.dumps(self, sort_keys=True, separators=(",", ":"))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `text`, 64 hex digits."""
        return hashlib.sha256(self.text.encode("ascii")).hexdigest()

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self.digest)


def keep(session: Session, form: Mapping[str, Any], form_id: str) -> str:
    """The digest of a form's text, stored once however many use it, and kept from now to the end of the transaction."""
    snapshot = form if isinstance(form, Snapshot) else Snapshot(form)
    there = (
        select(FormSnapshotRow.digest)
        .where(FormSnapshotRow.digest == snapshot.digest)
        .with_for_update(read=True, key_share=True)
    )
    titles = form.get("title")
    title = titles.get("sv") if isinstance(titles, Mapping) else None
    values = {"digest": snapshot.digest, "title": title or form_id, "content": snapshot.text}
    while session.scalar(there) is None:
        session.execute(insert_once(session, FormSnapshotRow, values))
    return snapshot.digest


@lru_cache(maxsize=64)
def parsed(content: str) -> Snapshot:
    """The form of a stored text: the same object for the same text."""
    return Snapshot(json.loads(content))


def drop_unused(session: Session) -> int:
    """In the caller's transaction: drop the forms that nothing uses. How many. Nobody is waited for."""
    locked = session.scalars(_unused().with_for_update(skip_locked=True)).all()
    unused = session.scalars(_unused().where(FormSnapshotRow.digest.in_(locked))).all()  # nobody takes it up any more
    session.execute(delete(FormSnapshotRow).where(FormSnapshotRow.digest.in_(unused)))
    return len(unused)


def _unused() -> Select[str]:
    query = select(FormSnapshotRow.digest)
    for table in _USERS:
        query = query.where(~exists().where(table.form_snapshot == FormSnapshotRow.digest))
    return query
