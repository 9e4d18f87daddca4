"""The tables of what a submission is found by, beside those of `tables`, of whose page they are a part.

Import `tables`, never this module alone, where every table must be known.
"""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables import Base


class SubmissionLookupRow(Base):
    """One thing that a submission is found by, as a fingerprint. `kind` is one of `lookups.KINDS`."""

    __tablename__ = "submission_lookups"
    submission_id: Mapped[int] = mapped_column(
        ForeignKey("submissions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    value_key: Mapped[str] = mapped_column(primary_key=True, index=True)
    kind: Mapped[str]


class LookupsOwedRow(Base):
    """A submission from before there were look-ups, which has not got its own yet."""

    __tablename__ = "lookups_owed"
    submission_id: Mapped[int] = mapped_column(
        ForeignKey("submissions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
