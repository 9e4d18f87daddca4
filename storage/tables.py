"""Every table on one page.

Columns named `*_sealed` hold AES-GCM values (`rotation` lists to what each is sealed), columns named `*_key` hold keyed
fingerprints or hashes; nothing a resident has typed is stored in any other way. Which rows are written together is
decided in the modules beside this one.
"""

from datetime import UTC, date, datetime
from typing import Any, ClassVar, Final

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC, on databases with and without time zones. A naive time is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time needs a time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigId: Final = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        bytes: LargeBinary,
        datetime: UtcDateTime,
        int: BigId,
    }


class KeyCheckRow(Base):
    """A row for each key that values may be sealed with: proves at start that the keys are those, and all there."""

    __tablename__ = "key_check"
    key_id: Mapped[str] = mapped_column(primary_key=True)
    proof_sealed: Mapped[bytes]
    lookup_key: Mapped[str]


class ConversationRow(Base):
    __tablename__ = "conversations"
    __table_args__ = (UniqueConstraint("channel", "sender_key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str]
    sender_key: Mapped[str]
    state_sealed: Mapped[bytes]
    version: Mapped[int]
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class DraftRow(Base):
    """At most one for a conversation. No part of the review side reads this table."""

    __tablename__ = "drafts"
    conversation_id: Mapped[int] = mapped_column(
        ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    token: Mapped[str] = mapped_column(unique=True)
    form_id: Mapped[str]
    form_version: Mapped[int]
    form_snapshot: Mapped[str | None] = mapped_column(ForeignKey("form_snapshots.digest"), index=True)
    content_sealed: Mapped[bytes]
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class InboxRow(Base):
    """Each message once. The payload goes when the message is handled; the row stays, to know it again."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("channel", "message_key"),
        Index("ix_inbox_channel_handled_at", "channel", "handled_at"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str]
    message_key: Mapped[str]
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]
    payload_sealed: Mapped[bytes | None]


class StoredResponseRow(Base):
    """What was answered to the latest messages of a conversation, for a message that comes again."""

    __tablename__ = "stored_responses"
    __table_args__ = (Index("ix_stored_responses_conversation_id_version", "conversation_id", "version"),)
    inbox_id: Mapped[int] = mapped_column(
        ForeignKey("inbox.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    version: Mapped[int]
    content_sealed: Mapped[bytes]


class OutboxRow(Base):
    """A reply that is owed. The row goes when it has been delivered."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_channel_not_before", "channel", "not_before"),
        Index("ix_outbox_recipient_key", "recipient_key"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str]
    recipient_key: Mapped[str]
    content_sealed: Mapped[bytes]
    attempts: Mapped[int]
    not_before: Mapped[datetime]


class FormSnapshotRow(Base):
    """A form definition as it was when a draft was begun or something submitted; one row for all of that text."""

    __tablename__ = "form_snapshots"
    digest: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    content: Mapped[str]


class SubmissionRow(Base):
    __tablename__ = "submissions"
    __table_args__ = (
        Index("ix_submissions_received_at", "received_at"),
        Index("ix_submissions_status_received_at", "status", "received_at"),
        Index("ix_submissions_municipality_received_at", "municipality", "received_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)
    draft_token: Mapped[str] = mapped_column(unique=True)
    form_id: Mapped[str]
    form_version: Mapped[int]
    form_snapshot: Mapped[str] = mapped_column(ForeignKey("form_snapshots.digest"), index=True)
    code_key: Mapped[str | None]
    content_sealed: Mapped[bytes]
    municipality: Mapped[str | None]
    channel: Mapped[str]
    language: Mapped[str]
    received_at: Mapped[datetime]
    status: Mapped[str]
    version: Mapped[int]


class SubmissionKeyRow(Base):
    """The key of one submission, sealed. A table of its own, so that copies of the rest can be kept without it."""

    __tablename__ = "submission_keys"
    submission_id: Mapped[int] = mapped_column(
        ForeignKey("submissions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    key_sealed: Mapped[bytes]


class SubmissionNoteRow(Base):
    __tablename__ = "submission_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id", ondelete="CASCADE"), index=True)
    written_at: Mapped[datetime]
    actor: Mapped[str]
    text_sealed: Mapped[bytes]


class StatusChangeRow(Base):
    __tablename__ = "status_changes"
    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id", ondelete="CASCADE"), index=True)
    changed_at: Mapped[datetime]
    actor: Mapped[str]
    from_status: Mapped[str]
    to_status: Mapped[str]


class MissedQuestionRow(Base):
    """A question without its answer: no names and numbers in it, and nothing that says who asked or at what time."""

    __tablename__ = "missed_questions"
    id: Mapped[int] = mapped_column(primary_key=True)
    asked_on: Mapped[date] = mapped_column(index=True)
    language: Mapped[str]
    municipality: Mapped[str | None]
    reason: Mapped[str]
    content_sealed: Mapped[bytes]


class AuditEventRow(Base):
    """Append-only; each row's hash covers the row before it. No personal data in any column."""

    __tablename__ = "audit_events"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    event: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    details: Mapped[str]
    hash: Mapped[str]


class AuditAnchorRow(Base):
    """One row: how long the chain is and its last hash, sealed, so that a cut tail shows."""

    __tablename__ = "audit_anchor"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content_sealed: Mapped[bytes]


class ReviewerRow(Base):
    __tablename__ = "reviewers"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    name_sealed: Mapped[bytes]
    password_hash: Mapped[str]
    role: Mapped[str]
    active: Mapped[bool]
    added_at: Mapped[datetime]


class InvitationRow(Base):
    """A link that makes one account; the link itself is not kept, only its hash."""

    __tablename__ = "invitations"
    token_key: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    expires_at: Mapped[datetime]


class StaffSessionRow(Base):
    __tablename__ = "staff_sessions"
    token_key: Mapped[str] = mapped_column(primary_key=True)
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("reviewers.id", ondelete="CASCADE"), index=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class SignInFailureRow(Base):
    __tablename__ = "sign_in_failures"
    __table_args__ = (
        Index("ix_sign_in_failures_username_key_at", "username_key", "at"),
        Index("ix_sign_in_failures_address_key_at", "address_key", "at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    username_key: Mapped[str]
    address_key: Mapped[str]
    at: Mapped[datetime]


class LeaseRow(Base):
    """Which process does what only one may do, and until when unless it renews."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    until: Mapped[datetime]


from storage import addition_tables as _addition_tables  # noqa: E402, F401 (more tables, which need Base)
from storage import baton_tables as _baton_tables  # noqa: E402, F401
from storage import lookup_tables as _lookup_tables  # noqa: E402, F401
from storage import notice_tables as _notice_tables  # noqa: E402, F401
from storage import retention_tables as _retention_tables  # noqa: E402, F401
