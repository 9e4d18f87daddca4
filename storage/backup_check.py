"""Whether what a backup held is whole: the audit trail, and every sealed value; and the move between revisions.

Looks at a session whose rows need not be committed.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage import addition_rows, audit, intake, retention_holds
from storage.addition_tables import SubmissionAdditionRow, SubmissionRequestRow
from storage.backup_file import BackupError
from storage.backup_rows import ROWS_AT_ONCE
from storage.database import Database
from storage.encryption import DataKey, Keyring, SealError
from storage.retention_tables import HandOverRow
from storage.rotation import CONTEXTS
from storage.tables import SubmissionKeyRow, SubmissionNoteRow, SubmissionRow

OWN_KEY: Final[Mapping[InstrumentedAttribute[Any], Callable[[str], str]]] = {
    SubmissionRow.content_sealed: intake.content_context,
    SubmissionNoteRow.text_sealed: intake.note_context,
    HandOverRow.case_number_sealed: retention_holds.number_context,
    SubmissionRequestRow.text_sealed: addition_rows.request_context,
    SubmissionAdditionRow.content_sealed: addition_rows.addition_context,
}
"""Each column that is sealed with the submission's own key, and what it is sealed to, by the reference."""


def problems(session: Session) -> list[str]:
    """Everything wrong with the audit trail and the sealed values, one clear line each."""
    keyring: Keyring = session.info["keyring"]
    found = audit.verify(_Within(session))
    for column, context in CONTEXTS.items():
        found += _unreadable(column, _opened(session, keyring, column, context))
    for column, context_of in OWN_KEY.items():
        found += _unreadable(column, _opened_with_own_key(session, keyring, column, context_of))
    return found


def move_schema(connection: Connection, revision: str) -> None:
    """Bring the tables to a revision, newer or older, in the caller's transaction. Raises BackupError."""
    from alembic import command  # only where it is used: it takes long to import
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.util import CommandError

    stored = MigrationContext.configure(connection).get_current_revision()
    if stored == revision:
        return
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        if stored is None or stored < revision:
            command.upgrade(config, revision)
        else:
            command.downgrade(config, revision)
    except CommandError as error:
        raise BackupError(f"the tables cannot be brought to revision {revision}: {error}") from None


class _Within(Database):
    """A session that is open, as a database: what only reads a database reads what is not yet committed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def keyring(self) -> Keyring:
        keyring: Keyring = self._session.info["keyring"]
        return keyring

    @contextmanager
    def reading(self) -> Iterator[Session]:
        yield self._session


def _unreadable(column: InstrumentedAttribute[Any], opened: Iterator[bool]) -> list[str]:
    count = sum(not whole for whole in opened)
    return [f"{count} values of {column.class_.__tablename__}.{column.key} cannot be opened"] if count else []


def _opened(session: Session, keyring: Keyring, column: InstrumentedAttribute[Any], context: Any) -> Iterator[bool]:
    """For each value of a column that the keyring seals, whether it opens."""
    table = column.class_.__table__
    query = select(column, context).where(column.is_not(None))
    for other in select(context).get_final_froms():
        if other is not table:
            query = query.join_from(table, other)
    for sealed, sealed_to in session.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
        try:
            keyring.open(sealed, sealed_to)
            yield True
        except SealError:
            yield False


def _opened_with_own_key(
    session: Session, keyring: Keyring, column: InstrumentedAttribute[Any], context_of: Callable[[str], str]
) -> Iterator[bool]:
    """For each value of a submission, whether it opens with the submission's key, or the keyring."""
    table, key = column.class_, SubmissionKeyRow.key_sealed
    query = select(SubmissionRow.reference, column, key, CONTEXTS[key]).outerjoin_from(SubmissionRow, SubmissionKeyRow)
    if table is not SubmissionRow:
        query = query.join(table, table.submission_id == SubmissionRow.id)
    query = query.where(column.is_not(None))
    for reference, value, key_sealed, key_context in session.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
        try:
            own = None if key_sealed is None else DataKey(keyring.open(key_sealed, key_context))
            intake.open_json(keyring, own, value, context_of(reference))
            yield True
        except SealError:
            yield False
