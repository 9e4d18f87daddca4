"""The table of what staff are to be told of, beside those of `tables`, of whose page it is a part.

Import `tables`, never this module alone, where every table must be known.
"""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from storage.tables import Base


class NoticeRow(Base):
    """Something new has come in: nothing about what it is or from whom. The row goes when staff have been told."""

    __tablename__ = "notices"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    kind: Mapped[str]
    municipality: Mapped[str | None]
    due_at: Mapped[datetime]
    tries: Mapped[int]
    owed_keys: Mapped[str | None]
