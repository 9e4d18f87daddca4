"""What a resident submits: stored once per draft, with its reference, in the transaction of the turn that submitted it.

Everything of one submission is sealed with a key of its own, made here. What happens to it afterwards is in
`submissions`.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import audit, form_snapshots, lookups, notices
from storage.encryption import DataKey, Keyring, SealError, key_id_of, make_data_key
from storage.tables import SubmissionKeyRow, SubmissionRow

REFERENCE_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No 0 or O, 1, I or L, no U: nothing that is misread or misheard."""
_REFERENCE: Final = re.compile(rf"[{REFERENCE_ALPHABET}]{{8}}")


class AlreadySubmittedError(Exception):
    """The draft has been submitted before, or the reference is taken; nothing was written."""


@dataclass(frozen=True)
class NewSubmission:
    """What a resident submits. `answers`: slot -> plain JSON value; `form_snapshot`: the form as plain JSON.

    `code`: six digits, told to the resident once, that go with the reference; None: its status is told to nobody.
    `given`: slot -> {"by": who answered, "at": ISO time in UTC}. `signed_on_paper`: a signed paper was registered.
    `names`, `numbers`: what staff find it by; numbers are personnummer or samordningsnummer, as twelve digits.
    """

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
    code: str | None = None
    given: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    signed_on_paper: bool = False
    names: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


def make_reference() -> str:
    """A new reference: 8 random characters of REFERENCE_ALPHABET (6.5 × 10^11 possible)."""
    return "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(8))


def make_code() -> str:
    """Six random digits, for a reference or a link; whoever checks them allows few tries."""
    return f"{secrets.randbelow(10**6):06}"


def code_key(keyring: Keyring, reference: str, code: str) -> str:
    """The fingerprint that the code of a submission is known by."""
    return keyring.fingerprint(f"{reference}:{code}", "submission_code")


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
    data_key = make_data_key()
    content = {
        "answers": dict(new.answers),
        "flags": list(new.flags),
        "given": {slot: dict(given) for slot, given in new.given.items()},
        "signed_on_paper": new.signed_on_paper,
    }
    row = SubmissionRow(
        reference=new.reference,
        draft_token=new.draft_token,
        form_id=new.form_id,
        form_version=new.form_version,
        form_snapshot=form_snapshots.keep(session, new.form_snapshot, new.form_id),
        code_key=None if new.code is None else code_key(keyring, new.reference, new.code),
        content_sealed=data_key.seal_json(content, content_context(new.reference)),
        municipality=new.municipality,
        channel=new.channel,
        language=new.language,
        received_at=at,
        status="received",
        version=1,
    )
    session.add(row)
    session.flush()
    _keep_key(session, keyring, row, data_key)
    lookups.write(session, row.id, names=new.names, numbers=new.numbers)
    session.info["submitted"] = new.reference  # for what is written after it in the same transaction
    details: dict[str, audit.Detail] = {"form_id": new.form_id, "channel": new.channel}
    audit.record(session, actor=actor, event="submission.received", subject=new.reference, at=at, details=details)
    notices.write(session, "submission", new.municipality, at)


def content_context(reference: str) -> str:
    """What the answers and flags of a submission are sealed to."""
    return f"submissions:{reference}:content"


def note_context(reference: str) -> str:
    """What the notes on a submission are sealed to."""
    return f"submission_notes:{reference}:text"


def find_key(session: Session, row: SubmissionRow) -> DataKey | None:
    """The submission's own key; None for one from before there were such keys, or whose key is destroyed.

    Raises SealError.
    """
    stored = session.get(SubmissionKeyRow, row.id)
    if stored is None:
        return None
    keyring: Keyring = session.info["keyring"]
    return DataKey(keyring.open(stored.key_sealed, _key_context(row.reference)))


def key_to_seal_with(session: Session, row: SubmissionRow) -> DataKey:
    """The submission's own key, made for one that has none yet; the caller holds the row's lock.

    Raises SealError when the key is destroyed: nothing more is kept with what cannot be read.
    """
    found = find_key(session, row)
    if found is not None:
        return found
    if key_id_of(row.content_sealed) is None:
        raise _destroyed()
    made = make_data_key()
    _keep_key(session, session.info["keyring"], row, made)
    return made


def open_json(keyring: Keyring, data_key: DataKey | None, sealed: bytes, context: str) -> Any:
    """Something of a submission: sealed with its own key or, from before there were such keys, with the keyring.

    Raises SealError.
    """
    if key_id_of(sealed) is not None:
        return keyring.open_json(sealed, context)
    if data_key is None:
        raise _destroyed()
    return data_key.open_json(sealed, context)


def _keep_key(session: Session, keyring: Keyring, row: SubmissionRow, data_key: DataKey) -> None:
    sealed = keyring.seal(data_key.key, _key_context(row.reference))
    session.add(SubmissionKeyRow(submission_id=row.id, key_sealed=sealed))
    session.flush()


def _key_context(reference: str) -> str:
    return f"submission_keys:{reference}:key"


def _destroyed() -> SealError:
    return SealError("the key of a submission is destroyed: nothing of it can be read")
