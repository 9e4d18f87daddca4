"""The tables of what comes to a submission after it was sent in, beside those of `tables`, of whose page they are a
part.

Import `tables`, never this module alone, where every table must be known.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables import Base


class SubmissionRequestRow(Base):
    """What staff ask the resident to add."""

    __tablename__ = "submission_requests"
    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id", ondelete="CASCADE"), index=True)
    asked_at: Mapped[datetime]
    actor: Mapped[str]
    text_sealed: Mapped[bytes]
    answered_at: Mapped[datetime | None]


class SubmissionAdditionRow(Base):
    """What was added to a submission by those it is from; what and by whom is sealed."""

    __tablename__ = "submission_additions"
    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id", ondelete="CASCADE"), index=True)
    added_at: Mapped[datetime]
    content_sealed: Mapped[bytes]


class CodeFailureRow(Base):
    """A wrong code for a reference, which need not be anybody's."""

    __tablename__ = "code_failures"
    __table_args__ = (Index("ix_code_failures_reference_key_at", "reference_key", "at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    reference_key: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)
