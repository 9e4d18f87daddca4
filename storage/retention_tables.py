"""The tables that retention needs, beside those of `tables`, of whose page they are a part.

Import `tables`, never this module alone, where every table must be known.
"""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables import Base


class HandOverRow(Base):
    """A submission is in the municipality's own records: somebody has seen it there."""

    __tablename__ = "hand_overs"
    submission_id: Mapped[int] = mapped_column(
        ForeignKey("submissions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    case_number_sealed: Mapped[bytes | None]
    confirmed_at: Mapped[datetime]
    actor: Mapped[str]


class SubmissionHoldRow(Base):
    """A submission that must not be purged: while the row is there, the database refuses it. Why stands in a note."""

    __tablename__ = "submission_holds"
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"), primary_key=True, autoincrement=False)
    held_at: Mapped[datetime]
    actor: Mapped[str]


class PurgeRecordRow(Base):
    """A line of the gallringsprotokoll: one submission (its fingerprint), or how many rows of another kind."""

    __tablename__ = "purge_records"
    id: Mapped[int] = mapped_column(primary_key=True)
    purged_at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[str]
    form_id: Mapped[str | None]
    outcome: Mapped[str | None]
    reference_key: Mapped[str | None]
    number: Mapped[int]
    rule: Mapped[str]
    actor: Mapped[str]


class TombstoneRow(Base):
    """What is to be in the file of tombstones: written with the purge, so that none is lost between the two."""

    __tablename__ = "tombstones"
    name_key: Mapped[str] = mapped_column(primary_key=True)
    purged_at: Mapped[datetime]
    entry: Mapped[str]


class RetentionStateRow(Base):
    """One row: when retention last ran, when the machine was started, and since when traces of rows may be left."""

    __tablename__ = "retention_state"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seen_at: Mapped[datetime | None]
    boot_id: Mapped[str | None]
    boot_at: Mapped[datetime | None]
    traces_since: Mapped[datetime | None]
