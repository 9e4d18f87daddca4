"""The tables of what one person hands to another before it is sent in, beside those of `tables`, of whose page they are
a part.

Import `tables`, never this module alone, where every table must be known.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables import Base


class BatonRow(Base):
    """A form that somebody has begun for a family: one draft, sent in at most once (as the draft of its token)."""

    __tablename__ = "batons"
    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(unique=True)
    form_id: Mapped[str]
    form_version: Mapped[int]
    form_snapshot: Mapped[str] = mapped_column(ForeignKey("form_snapshots.digest"), index=True)
    content_sealed: Mapped[bytes]
    municipality: Mapped[str | None]
    language: Mapped[str]
    channel: Mapped[str]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class BatonLinkRow(Base):
    """One guardian's way to a baton. The link and its code are not kept, only their fingerprints."""

    __tablename__ = "baton_links"
    __table_args__ = (
        UniqueConstraint("baton_id", "number"),
        Index("ix_baton_links_state_baton_id", "state", "baton_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    baton_id: Mapped[int] = mapped_column(ForeignKey("batons.id", ondelete="CASCADE"))
    number: Mapped[int]
    link_key: Mapped[str] = mapped_column(unique=True)
    code_key: Mapped[str]
    wrong_codes: Mapped[int]
    state: Mapped[str]
    content_sealed: Mapped[bytes]
    opened_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]


class TransferRow(Base):
    """A draft on its way from one channel to another: for some minutes, to be taken once."""

    __tablename__ = "transfers"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_key: Mapped[str] = mapped_column(unique=True)
    form_snapshot: Mapped[str | None] = mapped_column(ForeignKey("form_snapshots.digest"), index=True)
    content_sealed: Mapped[bytes]
    expires_at: Mapped[datetime] = mapped_column(index=True)
