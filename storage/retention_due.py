"""What is old enough to be purged, and what comes soon: only looked at here, removed in `retention`.

From what day each kind of thing is counted is decided here; how many days, in the policy.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from storage.baton_tables import BatonRow
from storage.conversations import Conversation
from storage.database import Database
from storage.encryption import Keyring, SealError
from storage.retention_policy import OUTCOMES, Entry, Policy, beginning_of, day_of
from storage.retention_tables import HandOverRow, SubmissionHoldRow
from storage.tables import (
    ConversationRow,
    DraftRow,
    InboxRow,
    InvitationRow,
    MissedQuestionRow,
    OutboxRow,
    SignInFailureRow,
    StaffSessionRow,
    StatusChangeRow,
    StoredResponseRow,
    SubmissionRow,
)

_REPLY: Final = "outbox:content"


@dataclass(frozen=True)
class PlannedPurge:
    """What goes: one submission (its `reference`), or `number` things of another kind that go on the same day.

    `purge_after`: the last day on which it is kept. `due`: that day is over. Not `decided`: it stays until the
    municipality has decided on the rule.
    """

    kind: str
    form_id: str | None
    outcome: str | None
    reference: str | None
    number: int
    purge_after: date
    rule: str
    due: bool
    decided: bool


@dataclass(frozen=True)
class Kept:
    """Something of a conversation, and the last day on which it is kept when nothing more happens; None: no rule."""

    kind: str
    until: date | None


def plan(database: Database, policy: Policy, at: datetime, *, days_ahead: int = 0) -> tuple[PlannedPurge, ...]:
    """What a run at that time would remove, and what comes within so many days after it; the oldest first.

    What is held, and what has no entry, is not in it. Raises DatabaseError.
    """
    ahead = at + timedelta(days=days_ahead)
    found: list[PlannedPurge] = []
    with database.reading() as session:
        for (form_id, outcome), entry in policy.submissions.items():
            for row in session.execute(finished(form_id, outcome, cutoff(entry, ahead))):
                last = day_of(max(row.confirmed_at or row.ended_at, row.ended_at))
                found.append(_planned(entry, "submissions", form_id, outcome, row.reference, 1, last, day_of(at)))
        for kind, entry in by_kind(policy):
            today = at.astimezone(UTC).date() if kind == "missed_questions" else day_of(at)
            if kind == "conversations":
                days = _conversation_days(session, policy, ahead)
            else:
                days = _days(session, kind, entry, ahead)
            for day, number in sorted(Counter(days).items()):
                found.append(_planned(entry, kind, None, None, None, number, day, today))
    return tuple(sorted(found, key=lambda one: (one.purge_after, one.kind, one.reference or "")))


def without_entry(database: Database, policy: Policy) -> tuple[tuple[str, str, int], ...]:
    """(form id, outcome, how many): finished submissions that no entry speaks of, so that they stay for good."""
    query = (
        select(SubmissionRow.form_id, SubmissionRow.status, func.count())
        .where(SubmissionRow.status.in_(OUTCOMES))
        .group_by(SubmissionRow.form_id, SubmissionRow.status)
        .order_by(SubmissionRow.form_id, SubmissionRow.status)
    )
    with database.reading() as session:
        rows = session.execute(query).all()
    return tuple(
        (form_id, status, number) for form_id, status, number in rows if (form_id, status) not in policy.submissions
    )


def kept(policy: Policy, conversation: Conversation, at: datetime) -> tuple[Kept, ...]:
    """What is kept of a conversation whose resident asks at that time, for "mina uppgifter": draft (if there is one),
    conversation, responses, inbox (the fingerprints of its messages). Asking counts as something that happens.
    """
    until = {
        kind: None if kind not in policy.kinds else policy.kinds[kind].purge_after(day_of(at))
        for kind in ("conversations", "responses", "inbox")
    }
    draft = conversation.draft
    if draft is None:
        return tuple(Kept(kind, day) for kind, day in until.items())
    entry = policy.kinds.get("drafts")
    draft_until = None if entry is None else entry.purge_after(day_of(draft.updated_at))
    if until["conversations"] is not None:  # it stays at least as long as its draft
        until["conversations"] = None if draft_until is None else max(until["conversations"], draft_until)
    return (Kept("drafts", draft_until), *(Kept(kind, day) for kind, day in until.items()))


def by_kind(policy: Policy) -> Iterator[tuple[str, Entry]]:
    """Every kind but submissions with its entry. Batons are drafts, counted from when they are open no more."""
    for kind, entry in policy.kinds.items():
        yield kind, entry
        if kind == "drafts":
            yield "batons", entry


def cutoff(entry: Entry, at: datetime) -> datetime:
    """What happened last before that moment is too old at `at`: its day, and the entry's days after it, are over."""
    return beginning_of(day_of(at) - timedelta(days=entry.days))


def finished(form_id: str, outcome: str, before: datetime) -> Select[int, str, datetime, datetime | None]:
    """Submissions of one form that ended so before then and may go: id, reference, ended_at, confirmed_at.

    Not those that are held, nor those handed over whose hand-over is not confirmed, or only since then.
    """
    change = aliased(StatusChangeRow)
    latest = select(func.max(change.id)).where(change.submission_id == SubmissionRow.id).correlate(SubmissionRow)
    query = (
        select(
            SubmissionRow.id,
            SubmissionRow.reference,
            StatusChangeRow.changed_at.label("ended_at"),
            HandOverRow.confirmed_at.label("confirmed_at"),
        )
        .select_from(SubmissionRow)
        .join(StatusChangeRow, StatusChangeRow.id == latest.scalar_subquery())
        .outerjoin(HandOverRow, HandOverRow.submission_id == SubmissionRow.id)
        .where(
            SubmissionRow.form_id == form_id,
            SubmissionRow.status == outcome,
            StatusChangeRow.to_status == outcome,
            StatusChangeRow.changed_at < before,
            ~exists().where(SubmissionHoldRow.submission_id == SubmissionRow.id),
        )
    )
    return query.where(HandOverRow.confirmed_at < before) if outcome == "handed_over" else query


def too_old(kind: str, entry: Entry, at: datetime) -> tuple[Any, ColumnElement[bool]]:
    """A kind's table (not for outbox, whose times are sealed), and which of its rows are too old."""
    before = cutoff(entry, at)
    if kind == "missed_questions":  # of which only the UTC day is known
        return MissedQuestionRow, MissedQuestionRow.asked_on < at.astimezone(UTC).date() - timedelta(days=entry.days)
    if kind == "responses":
        handled = select(InboxRow.id).where(InboxRow.handled_at < before)
        return StoredResponseRow, StoredResponseRow.inbox_id.in_(handled)
    if kind == "conversations":
        with_draft = exists().where(DraftRow.conversation_id == ConversationRow.id)
        return ConversationRow, (ConversationRow.updated_at < before) & ~with_draft
    table, column = _COUNTED_FROM[kind]
    return table, column < before


def undelivered(session: Session, before: datetime) -> Iterator[tuple[int, datetime]]:
    """Replies that were put in the outbox before then and are still there: id, when."""
    keyring: Keyring = session.info["keyring"]
    for row in session.scalars(select(OutboxRow).order_by(OutboxRow.id)):
        queued_at = row.not_before
        try:
            queued_at = datetime.fromisoformat(keyring.open_json(row.content_sealed, _REPLY)["queued_at"])
        except (SealError, KeyError, TypeError, ValueError):
            queued_at = row.not_before  # damaged, or of a program from before it was kept: later than it was
        if queued_at < before:
            yield row.id, queued_at


_COUNTED_FROM: Final[dict[str, tuple[Any, Any]]] = {
    "drafts": (DraftRow, DraftRow.updated_at),
    "batons": (BatonRow, BatonRow.expires_at),
    "inbox": (InboxRow, InboxRow.handled_at),
    "staff_sessions": (StaffSessionRow, StaffSessionRow.seen_at),
    "sign_in_failures": (SignInFailureRow, SignInFailureRow.at),
    "invitations": (InvitationRow, InvitationRow.expires_at),
}
"""From when a kind is counted, where it is a column of its own table."""


def _days(session: Session, kind: str, entry: Entry, ahead: datetime) -> Iterator[date]:
    """The day from which each row is counted that is too old at `ahead`."""
    if kind == "outbox":
        yield from (day_of(queued_at) for _, queued_at in undelivered(session, cutoff(entry, ahead)))
        return
    _, old = too_old(kind, entry, ahead)
    if kind == "missed_questions":
        yield from session.scalars(select(MissedQuestionRow.asked_on).where(old))
    elif kind == "responses":
        query = select(InboxRow.handled_at).join(StoredResponseRow, StoredResponseRow.inbox_id == InboxRow.id)
        yield from (day_of(at) for at in session.scalars(query.where(old)) if at is not None)
    else:
        yield from (day_of(at) for at in session.scalars(select(_COUNTED_FROM[kind][1]).where(old)))


def _conversation_days(session: Session, policy: Policy, ahead: datetime) -> Iterator[date]:
    """Those without a draft, and those whose draft goes first: they stay as long as it does."""
    entry, drafts = policy.kinds["conversations"], policy.kinds.get("drafts")
    query = (
        select(ConversationRow.updated_at, DraftRow.updated_at)
        .select_from(ConversationRow)
        .outerjoin(DraftRow, DraftRow.conversation_id == ConversationRow.id)
        .where(ConversationRow.updated_at < cutoff(entry, ahead))
    )
    for talked_at, drafted_at in session.execute(query):
        if drafted_at is None:
            yield day_of(talked_at)
        elif drafts is not None and drafts.decided and drafted_at < cutoff(drafts, ahead):
            yield max(day_of(talked_at), day_of(drafted_at) + timedelta(days=drafts.days - entry.days))


def _planned(
    entry: Entry, kind: str, form_id: str | None, outcome: str | None, reference: str | None, number: int,
    day: date, today: date,
) -> PlannedPurge:  # fmt: skip
    after = entry.purge_after(day)
    return PlannedPurge(kind, form_id, outcome, reference, number, after, entry.rule, after < today, entry.decided)
