"""What a turn does beside its own conversation: written in the turn's transaction, or not at all.

Each effect is a frozen dataclass of plain values, defined where its tables are (`batons`, `transfers`, `additions`).
"""

from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session


class EffectRefusedError(Exception):
    """What the turn wanted cannot be done as things are now; nothing was written. Read again and answer from there."""


class Effect(Protocol):
    """Something to be written together with a turn."""

    def write(self, session: Session, at: datetime) -> None:
        """Write it in the caller's transaction. Raises EffectRefusedError."""
