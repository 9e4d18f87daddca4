"""Questions the bot could not answer, or whose answer did not help, kept thirty days for those who write the answers.

Only the question is kept, with names and numbers taken out by the caller, and the day; not who asked, nor on which
channel. They are no part of any submission and of no conversation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.database import Database
from storage.encryption import Keyring
from storage.tables import MissedQuestionRow

DAYS_KEPT: Final = 30
REASONS: Final = ("no_answer", "unsure", "not_helped")
"""Not in the brochures or not understood; understood too vaguely; answered, and the answer did not help."""
_CONTEXT: Final = "missed_questions:content"


@dataclass(frozen=True)
class MissedQuestion:
    """`text`: without names and numbers; `reason`: one of REASONS; `topics`: (topic, service) of what was answered."""

    text: str
    language: str
    municipality: str | None
    reason: str
    topics: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ListedQuestion:
    """A missed question and the day (UTC) it was asked."""

    question: MissedQuestion
    asked_on: date


def write(session: Session, question: MissedQuestion, at: datetime) -> None:
    """Keep a question, in the caller's transaction; what is too old goes at the same time."""
    keyring: Keyring = session.info["keyring"]
    _drop_old(session, at)
    content = {"text": question.text, "topics": [list(pair) for pair in question.topics]}
    session.add(
        MissedQuestionRow(
            asked_on=_day(at),
            language=question.language,
            municipality=question.municipality,
            reason=question.reason,
            content_sealed=keyring.seal_json(content, _CONTEXT),
        )
    )


def listing(database: Database, at: datetime, limit: int = 500) -> Sequence[ListedQuestion]:
    """The questions not too old at `at`, newest first. Raises DatabaseError."""
    kept = (
        select(MissedQuestionRow)
        .where(MissedQuestionRow.asked_on >= _oldest(at))
        .order_by(MissedQuestionRow.asked_on.desc(), MissedQuestionRow.id.desc())
        .limit(limit)
    )
    with database.reading() as session:
        return [_listed(database.keyring, row) for row in session.scalars(kept)]


def _listed(keyring: Keyring, row: MissedQuestionRow) -> ListedQuestion:
    content = keyring.open_json(row.content_sealed, _CONTEXT)
    topics = tuple((topic, service) for topic, service in content["topics"])
    question = MissedQuestion(content["text"], row.language, row.municipality, row.reason, topics)
    return ListedQuestion(question, row.asked_on)


def _drop_old(session: Session, at: datetime) -> int:
    gone = delete(MissedQuestionRow).where(MissedQuestionRow.asked_on < _oldest(at)).returning(MissedQuestionRow.id)
    return len(session.scalars(gone).all())


def _oldest(at: datetime) -> date:
    return _day(at) - timedelta(days=DAYS_KEPT)


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
