"""Drafts: a form being filled in, as it is stored beside its conversation. No part of the review side reads them.

Answers, and who gave them, are sealed together; the form as it was when the draft was begun is kept once for all.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from storage import form_snapshots, intake
from storage.encryption import Keyring
from storage.tables import DraftRow


@dataclass(frozen=True)
class Draft:
    """A form being filled in. `answers`: slot -> plain JSON value (None is skipped); `asking`: the open slot.

    `form`: the form's snapshot as plain JSON; None for a draft from before it was kept. `given`: slot -> {"by": who
    answered, "at": ISO time in UTC}. `baton`: the token of the baton that it was opened from. `tries`: slot -> wrong
    answers in a row.
    """

    token: str
    form_id: str
    form_version: int
    answers: Mapping[str, Any]
    asking: str | None
    started_at: datetime
    updated_at: datetime
    form: Mapping[str, Any] | None = None
    given: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    baton: str | None = None
    tries: Mapping[str, int] = field(default_factory=dict)


def make_draft_token() -> str:
    """A new draft's token: 10 random characters (5.9 × 10^14 possible)."""
    return "".join(secrets.choice(intake.REFERENCE_ALPHABET) for _ in range(10))


def content_of(draft: Draft) -> dict[str, Any]:
    """What of a draft is sealed, as plain JSON."""
    return {
        "answers": dict(draft.answers),
        "asking": draft.asking,
        "given": {slot: dict(given) for slot, given in draft.given.items()},
        "baton": draft.baton,
        "tries": dict(draft.tries),
    }


def save(session: Session, conversation_id: int, sender_key: str, before: Draft | None, after: Draft | None) -> None:
    """In the caller's transaction, which has made sure that `before` is what is stored. The form is written only with
    a draft's first save, and when it is another one.
    """
    if after == before:
        return
    same = before is not None and after is not None and before.token == after.token
    if before is not None and not same:
        session.execute(delete(DraftRow).where(DraftRow.conversation_id == conversation_id))
    if after is None:
        return
    keyring: Keyring = session.info["keyring"]
    values = {
        "form_id": after.form_id,
        "form_version": after.form_version,
        "content_sealed": keyring.seal_json(content_of(after), draft_context(sender_key, after.token)),
        "started_at": after.started_at,
        "updated_at": after.updated_at,
    }
    if before is None or not same or before.form != after.form:
        form = after.form
        values["form_snapshot"] = None if form is None else form_snapshots.keep(session, form, after.form_id)
    if same:
        session.execute(update(DraftRow).where(DraftRow.conversation_id == conversation_id).values(values))
    else:
        session.execute(insert(DraftRow).values(conversation_id=conversation_id, token=after.token, **values))


def read(keyring: Keyring, sender_key: str, row: DraftRow, form: str | None) -> Draft:
    """The draft of a row; `form` is the text of its snapshot, if it has one. Raises SealError."""
    content = keyring.open_json(row.content_sealed, draft_context(sender_key, row.token))
    return Draft(
        token=row.token,
        form_id=row.form_id,
        form_version=row.form_version,
        answers=content["answers"],
        asking=content["asking"],
        started_at=row.started_at,
        updated_at=row.updated_at,
        form=None if form is None else form_snapshots.parsed(form),
        given=content.get("given", {}),
        baton=content.get("baton"),
        tries=content.get("tries", {}),
    )


def draft_context(sender_key: str, token: str) -> str:
    """What a draft is sealed to."""
    return f"conversations:{sender_key}:draft:{token}"
