"""What a resident submits: stored once per draft, with its reference, in the transaction of the turn that submitted it.

What happens to it afterwards is in `submissions`.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import audit
from storage.database import insert_once
from storage.encryption import Keyring
from storage.tables import FormSnapshotRow, SubmissionRow

REFERENCE_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No 0 or O, 1, I or L, no U: nothing that is misread or misheard."""
_REFERENCE: Final = re.compile(rf"[{REFERENCE_ALPHABET}]{{8}}")


class AlreadySubmittedError(Exception):
    """The draft has been submitted before, or the reference is taken; nothing was written."""


@dataclass(frozen=True)
class NewSubmission:
    """What a resident submits. `answers`: slot -> plain JSON value; `form_snapshot`: the form as plain JSON."""

    reference: str
    draft_token: str
    form_id: str
    form_version: int
    form_snapshot: Mapping[str, Any]
    answers: Mapping[str, Any]
    flags: tuple[str, ...]
    municipality: str | None
    channel: str
    language: str


def make_reference() -> str:
    """A new reference: 8 random characters of REFERENCE_ALPHABET (6.5 × 10^11 possible)."""
    return "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(8))


def read_reference(text: str) -> str | None:
    """A reference as somebody typed it (small letters, spaces, hyphens), or None when it is none."""
    candidate = re.sub(r"[\s-]", "", text[:40]).upper()
    return candidate if _REFERENCE.fullmatch(candidate) else None


def insert(session: Session, new: NewSubmission, *, actor: str, at: datetime) -> None:
    """Store a submission and its audit event submission.received in the caller's transaction, as its last step.

    Raises AlreadySubmittedError, before anything is written.
    """
    taken = select(SubmissionRow.id).where(
        (SubmissionRow.draft_token == new.draft_token) | (SubmissionRow.reference == new.reference)
    )
    if session.scalar(taken) is not None:
        raise AlreadySubmittedError("this draft has been submitted, or its reference is taken")
    keyring: Keyring = session.info["keyring"]
    content = {"answers": dict(new.answers), "flags": list(new.flags)}
    session.add(
        SubmissionRow(
            reference=new.reference,
            draft_token=new.draft_token,
            form_id=new.form_id,
            form_version=new.form_version,
            form_snapshot=_keep_snapshot(session, new),
            content_sealed=keyring.seal_json(content, content_context(new.reference)),
            municipality=new.municipality,
            channel=new.channel,
            language=new.language,
            received_at=at,
            status="received",
            version=1,
        )
    )
    session.flush()
    details: dict[str, audit.Detail] = {"form_id": new.form_id, "channel": new.channel}
    audit.record(session, actor=actor, event="submission.received", subject=new.reference, at=at, details=details)


def content_context(reference: str) -> str:
    """What the answers of a submission are sealed to."""
    return f"submissions:{reference}:content"


def _keep_snapshot(session: Session, new: NewSubmission) -> str:
    """The digest of the form's text, stored once however many submit it."""
    content = json.dumps(new.form_snapshot, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(content.encode("ascii")).hexdigest()
    if session.get(FormSnapshotRow, digest) is None:
        titles = new.form_snapshot.get("title")
        title = titles.get("sv") if isinstance(titles, Mapping) else None
        values = {"digest": digest, "title": title or new.form_id, "content": content}
        session.execute(insert_once(session, FormSnapshotRow, values))
    return digest
