"""Changing the encryption key while everything runs: a new key, every old value sealed anew, the old key put away.

Each step may be killed and done again. Values are sealed anew a few at a time, between the writes of residents and
staff. A submission's content is not touched, only its own key is; one from before there were such keys gets one here.
The lookup key cannot be changed: what it made cannot be made again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Column, ColumnElement, bindparam, delete, func, literal, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage import baton_tables, intake, tables
from storage.database import Database
from storage.encryption import (
    BY_KEYRING,
    ENCRYPTION_FILE,
    PREFIX_BYTES,
    Keyring,
    SealError,
    key_id_of,
    load_keys,
    new_key_line,
    prefix_of,
)
from storage.key_files import one_at_a_time, write_anew

SETTLED_SECONDS: Final = 60
"""No write takes that long: after it, nothing more is stored that was sealed with the key before."""
_PASSES: Final = 100
_PAUSE_SECONDS: Final = 0.05
_SENDER: Final = "conversations:" + tables.ConversationRow.sender_key
CONTEXTS: Final[Mapping[InstrumentedAttribute[Any], ColumnElement[str]]] = {
    tables.AuditAnchorRow.content_sealed: literal("audit_anchor"),
    baton_tables.BatonRow.content_sealed: "batons:" + baton_tables.BatonRow.token + ":content",
    baton_tables.BatonLinkRow.content_sealed: "baton_links:" + baton_tables.BatonLinkRow.link_key + ":content",
    tables.ConversationRow.state_sealed: _SENDER + ":state",
    tables.DraftRow.content_sealed: _SENDER + ":draft:" + tables.DraftRow.token,
    tables.InboxRow.payload_sealed: literal("inbox:payload"),
    tables.MissedQuestionRow.content_sealed: literal("missed_questions:content"),
    tables.OutboxRow.content_sealed: literal("outbox:content"),
    tables.ReviewerRow.name_sealed: "reviewers:" + tables.ReviewerRow.username + ":name",
    tables.StoredResponseRow.content_sealed: "stored_responses:" + tables.InboxRow.message_key + ":content",
    tables.SubmissionKeyRow.key_sealed: "submission_keys:" + tables.SubmissionRow.reference + ":key",
    baton_tables.TransferRow.content_sealed: "transfers:" + baton_tables.TransferRow.token_key + ":content",
}
"""Each column that the keyring seals, and what it is sealed to."""
_OWN_KEY: Final = (tables.SubmissionRow.content_sealed, tables.SubmissionNoteRow.text_sealed)
"""What the keyring has sealed only from before submissions had keys of their own."""
_BESIDE: Final[Mapping[type[tables.Base], type[tables.Base]]] = {
    tables.DraftRow: tables.ConversationRow,
    tables.StoredResponseRow: tables.InboxRow,
    tables.SubmissionKeyRow: tables.SubmissionRow,
}
"""Where else a context is taken from."""


class RetireError(Exception):
    """A key cannot be put away; the message is one line that tells why. Nothing was changed."""


@dataclass(frozen=True)
class Rotation:
    """`resealed`: how many values were sealed anew; `remaining`: older key's id -> how many values still have it."""

    resealed: int
    remaining: Mapping[str, int]


def add_key(directory: Path) -> str:
    """Put a new key first in the key file: it seals from now on, also in programs that run. Its id.

    Raises KeyFileError. A copy of the new file belongs in the backup of the keys before `rotate` is run.
    """
    load_keys(directory)
    with one_at_a_time(directory):
        path = directory / ENCRYPTION_FILE
        line, before = new_key_line(), path.read_text(encoding="ascii")
        write_anew(path, f"{before.rstrip()}\n{line}")  # safe on the disk before anything is sealed with it
        write_anew(path, line + before)
    return line.partition(" ")[0]


def rotate(database: Database, progress: Callable[[int, int], None] | None = None, batch: int = 200) -> Rotation:
    """Seal everything anew that an older key has sealed, `batch` rows in a transaction.

    `progress` gets (values done, values found at the start) after each of them. A value that is damaged stays as it
    is, and counts as remaining. Raises DatabaseError; what was done until then stays done.
    """
    database.keep_proof()
    with database.reading() as session:
        total = _found(session)
    resealed = 0

    def done(values: int) -> None:
        nonlocal resealed
        resealed += values
        if progress is not None:
            progress(resealed, max(total, resealed))

    for _ in range(_PASSES):
        before = resealed
        passed_over = sum(_walk(database, *work, batch, done) for work in _work())
        if not passed_over and resealed == before:
            break
        time.sleep(_PAUSE_SECONDS)
    newest = database.keyring.sealing
    return Rotation(resealed, {key: count for key, count in in_use(database).items() if key != newest})


def in_use(database: Database) -> Mapping[str, int]:
    """Key id -> how many values are sealed with it, for every key that seals any. Raises DatabaseError."""
    with database.reading() as session:
        return _in_use(session)


def release(database: Database, key_id: str) -> None:
    """Note that the database needs a key no more: it opens without it. For keys that are no files of ours.

    Raises RetireError while anything is sealed with it, or when it is the key that seals, and DatabaseError.
    """
    with database.transaction() as session:
        keyring: Keyring = session.info["keyring"]
        if key_id == keyring.sealing:
            raise RetireError(f"the key {key_id} is the one that seals: add a new one first")
        if count := _in_use(session).get(key_id, 0):
            raise RetireError(f"{count} values are sealed with the key {key_id}: run `kontakt keys rotate` first")
        session.execute(delete(tables.KeyCheckRow).where(tables.KeyCheckRow.key_id == key_id))


def retire(database: Database, directory: Path, key_id: str) -> None:
    """Take a key that seals nothing any more out of the key file.

    Raises RetireError (see `release`; also for an id that is not there, and while the file is younger than
    SETTLED_SECONDS), KeyFileError and DatabaseError.
    """
    with one_at_a_time(directory):
        path = directory / ENCRYPTION_FILE
        if key_id not in load_keys(directory).keys:
            raise RetireError(f"there is no key {key_id} in {path}")
        if time.time() - path.stat().st_mtime < SETTLED_SECONDS:
            raise RetireError(f"{path} has just been changed, and older writes may be under way: try again in a minute")
        release(database, key_id)
        lines = path.read_text(encoding="ascii").splitlines(keepends=True)
        write_anew(path, "".join(line for line in lines if line.strip().partition(" ")[0] != key_id))


_Which = Callable[[Keyring], ColumnElement[bool]]
_Reseal = Callable[[Session, Sequence[int]], tuple[int, int]]


def _work() -> Iterator[tuple[Any, _Which, _Reseal]]:
    """What there is to do: a table, which of its rows to visit, and what is done with a few of them."""
    for column, context in CONTEXTS.items():
        yield column.class_, partial(_older, column), partial(_reseal, column, context)
    notes = select(tables.SubmissionNoteRow.submission_id).where(_by_keyring(tables.SubmissionNoteRow.text_sealed))
    without_key = or_(_by_keyring(tables.SubmissionRow.content_sealed), tables.SubmissionRow.id.in_(notes))
    yield tables.SubmissionRow, lambda _: without_key, _give_keys


def _found(session: Session) -> int:
    conditions = [(column, _older(column, session.info["keyring"])) for column in CONTEXTS]
    conditions += [(column, _by_keyring(column)) for column in _OWN_KEY]
    return sum(session.scalar(select(func.count(column)).where(condition)) or 0 for column, condition in conditions)


def _walk(
    database: Database, table: Any, which: _Which, reseal: _Reseal, batch: int, done: Callable[[int], None]
) -> int:
    """Once through a table, in order; how many rows were passed over because somebody was writing to them."""
    id, last, passed_over = _id(table), -1, 0
    while True:
        with database.reading() as session:
            some = select(id).where(which(session.info["keyring"]), id > last).order_by(id).limit(batch)
            ids = session.scalars(some).all()
        if not ids:
            return passed_over
        started = time.perf_counter()
        with database.transaction() as session:
            resealed, found = reseal(session, ids)
        done(resealed)
        time.sleep((time.perf_counter() - started) / 2)  # the others' turn
        passed_over += len(ids) - found
        last = ids[-1]


def _reseal(
    column: InstrumentedAttribute[Any], context: ColumnElement[str], session: Session, ids: Sequence[int]
) -> tuple[int, int]:
    """How many values were sealed anew, and how many rows could be had: nobody is waited for, so none waits for us."""
    keyring: Keyring = session.info["keyring"]
    table: Any = column.class_
    id, newest = _id(table), prefix_of(keyring.sealing)
    query = select(id, column, context).where(id.in_(ids))
    if table in _BESIDE:
        query = query.join_from(table, _BESIDE[table])
    rows = session.execute(query.with_for_update(of=table, skip_locked=True, key_share=True)).all()
    changed = []
    for row, sealed, sealed_to in rows:
        if sealed is None or sealed.startswith(newest):
            continue
        try:
            changed.append({"row": row, "sealed": keyring.seal(keyring.open(sealed, sealed_to), sealed_to)})
        except SealError:
            continue
    if changed:
        statement = update(table.__table__).where(id == bindparam("row")).values({column.key: bindparam("sealed")})
        session.connection().execute(statement, changed)
    return len(changed), len(rows)


def _give_keys(session: Session, ids: Sequence[int]) -> tuple[int, int]:
    """Submissions from before they had keys of their own: what the keyring has sealed is sealed with a new key."""
    query = select(tables.SubmissionRow).where(tables.SubmissionRow.id.in_(ids))
    rows = session.scalars(query.with_for_update(skip_locked=True, key_share=True)).all()
    changed = 0
    for row in rows:
        changed += _give_key(session, row, row, "content_sealed", intake.content_context(row.reference))
        notes = select(tables.SubmissionNoteRow).where(tables.SubmissionNoteRow.submission_id == row.id)
        for note in session.scalars(notes):
            changed += _give_key(session, row, note, "text_sealed", intake.note_context(row.reference))
    return changed, len(rows)


def _give_key(session: Session, row: tables.SubmissionRow, holder: tables.Base, name: str, context: str) -> bool:
    sealed: bytes = getattr(holder, name)
    if key_id_of(sealed) is None:
        return False
    try:
        value = session.info["keyring"].open_json(sealed, context)
        setattr(holder, name, intake.key_to_seal_with(session, row).seal_json(value, context))
    except SealError:
        return False
    return True


def _in_use(session: Session) -> Mapping[str, int]:
    """By name and not by CONTEXTS, so that a column that is forgotten there keeps its key from being put away."""
    sealing = [table for table in tables.Base.metadata.sorted_tables if table is not tables.KeyCheckRow.__table__]
    found: Counter[str] = Counter()
    for column in (column for table in sealing for column in table.columns if column.name.endswith("_sealed")):
        beginnings = select(func.substr(column, 1, PREFIX_BYTES)).where(_by_keyring(column))
        read = session.scalars(beginnings.execution_options(yield_per=5000))
        found.update(key_id_of(bytes(beginning)) or "" for beginning in read)
    return dict(found)


def _by_keyring(column: Any) -> ColumnElement[bool]:
    return func.substr(column, 1, len(BY_KEYRING)) == BY_KEYRING


def _older(column: Any, keyring: Keyring) -> ColumnElement[bool]:
    newest = prefix_of(keyring.sealing)
    return _by_keyring(column) & (func.substr(column, 1, len(newest)) != newest)


def _id(table: Any) -> "Column[Any]":
    return cast("Column[Any]", table.__table__.primary_key.columns[0])
